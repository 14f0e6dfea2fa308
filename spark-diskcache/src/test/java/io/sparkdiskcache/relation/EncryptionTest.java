// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.relation;

import static org.assertj.core.api.Assertions.assertThat;

import io.sparkdiskcache.conf.KeySource;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;

class EncryptionTest {
  private static final KeySource SOURCE = new KeySource("", "DISKCACHE_TEST_KEY");

  @Test
  void anExecutorWithoutTheDriversKeyHasNone() {
    Encryption drivers = Objects.requireNonNull(Encryption.of(SOURCE));
    assertThat(drivers.cipher()).isPresent();
    assertThat(new Encryption(SOURCE, "0123456789abcdef").cipher()).isEmpty();
    KeySource nowhere = new KeySource("", "NO_SUCH_VARIABLE");
    assertThat(new Encryption(nowhere, drivers.keyId()).cipher()).isEmpty();
  }

  @Test
  void componentsAreSealedAndUnsealed() {
    Encryption encryption = Objects.requireNonNull(Encryption.of(SOURCE));
    Map<String, String> components = Map.of("plan.node.0", "Filter (name = 'hidden')", "b", "");
    Map<String, String> sealed = encryption.seal(new TreeMap<>(components));
    assertThat(sealed.toString()).doesNotContain("hidden").doesNotContain("plan");
    assertThat(Encryption.unseal(encryption, sealed)).isEqualTo(components);
    assertThat(Encryption.unseal(null, sealed)).isEmpty();
    assertThat(Encryption.unseal(encryption, components)).isEqualTo(components);
  }
}
