// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.conf;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Base64;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class KeySourceTest {
  private static final String FILE = DiskCacheConf.KEY_FILE.key();
  private static final String ENV = DiskCacheConf.KEY_ENV.key();

  /** Set by the build, for this test. */
  private static final String VARIABLE = "DISKCACHE_TEST_KEY";

  @TempDir private Path dir;

  private Path file(String content, String rights) throws IOException {
    Path file = Files.writeString(dir.resolve("key"), content);
    return Files.setPosixFilePermissions(file, PosixFilePermissions.fromString(rights));
  }

  @Test
  void aFile() throws IOException {
    byte[] key = new byte[32];
    key[5] = 5;
    Path file = file(Base64.getEncoder().encodeToString(key) + "\n", "rw-r-----");
    KeySource source = Settings.of(Map.of(FILE, file.toString())).encryptionKey();
    assertThat(source.isSet()).isTrue();
    assertThat(source.read()).isEqualTo(key);
  }

  @Test
  void aVariable() {
    KeySource source = Settings.of(Map.of(ENV, VARIABLE)).encryptionKey();
    assertThat(source.read())
        .isEqualTo(Base64.getDecoder().decode(System.getenv(VARIABLE)))
        .hasSize(32);
  }

  @Test
  void noneIsTheDefault() {
    assertThat(Settings.of(Map.of()).encryptionKey().isSet()).isFalse();
  }

  @ParameterizedTest
  @CsvSource({
    "no key, rw-------, what it holds is not Base64",
    "AAAA, rw-------, it holds 3 bytes and not 32",
    "'', rw-------, it holds 0 bytes and not 32",
    "AAAA, rw-r--r--, everybody may read it"
  })
  void aFileThatHoldsNone(String content, String rights, String why) throws IOException {
    Path file = file(content, rights);
    KeySource source = Settings.of(Map.of(FILE, file.toString())).encryptionKey();
    assertThatThrownBy(source::read)
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContainingAll(FILE, file.toString(), why, "openssl rand -base64 32");
  }

  @Test
  void whatIsNotThere() {
    KeySource file = Settings.of(Map.of(FILE, dir + "/none")).encryptionKey();
    assertThatThrownBy(file::read).hasMessageContainingAll(FILE, dir + "/none", "cannot be read");
    KeySource variable = Settings.of(Map.of(ENV, "NO_SUCH_VARIABLE")).encryptionKey();
    assertThatThrownBy(variable::read)
        .hasMessageContainingAll(ENV, "NO_SUCH_VARIABLE", "no such environment variable");
    assertThatThrownBy(() -> Settings.of(Map.of(FILE, dir + "/none", ENV, VARIABLE)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContainingAll(FILE, ENV, "there is one key");
  }
}
