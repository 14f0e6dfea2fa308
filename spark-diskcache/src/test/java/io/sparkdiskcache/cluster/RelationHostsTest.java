// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.cluster;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RelationHostsTest {
  @TempDir private Path directory;

  private RelationHosts loaded() {
    return new RelationHosts(Optional.of(directory.resolve("driver")), true);
  }

  @Test
  void whatIsSavedIsThereForTheNextApplication() {
    RelationHosts first = loaded();
    first.note("r1", Map.of("a", 3, "b", 1), Set.of("a", "b"));
    first.note("r2", Map.of("b", 7), Set.of("a", "b"));
    first.save();

    assertThat(loaded().of("r1")).isEqualTo(Map.of("a", 3, "b", 1));
    assertThat(loaded().of("r2")).isEqualTo(Map.of("b", 7));
    assertThat(loaded().of("r3")).isEmpty();
  }

  @Test
  void whatAHostThatWasNotAskedHoldsStays() {
    RelationHosts hosts = loaded();
    hosts.note("r", Map.of("gone", 4, "evicted", 2, "there", 1), Set.of());
    hosts.note("r", Map.of("there", 5), Set.of("evicted", "there"));
    assertThat(hosts.of("r")).isEqualTo(Map.of("gone", 4, "there", 5));
  }

  @Test
  void theAddressOfAPodIsNeitherNotedNorWaitedFor() {
    RelationHosts before = loaded();
    before.note("r", Map.of("10.0.0.7", 3), Set.of());
    before.save();
    assertThat(RelationHosts.mayReturn("spark://host:7077")).isTrue();
    assertThat(RelationHosts.mayReturn("yarn")).isTrue();
    RelationHosts pods =
        new RelationHosts(
            Optional.of(directory.resolve("driver")),
            RelationHosts.mayReturn("k8s://https://10.96.0.1:443"));
    assertThat(pods.of("r")).as("what an earlier version has noted").isEmpty();
    pods.note("r", Map.of("10.0.0.8", 3), Set.of());
    assertThat(pods.of("r")).isEmpty();
  }

  @Test
  void aHostThatDoesNotComeIsForgotten() {
    RelationHosts hosts = loaded();
    hosts.note("r1", Map.of("a", 1, "b", 1), Set.of());
    hosts.note("r2", Map.of("a", 1), Set.of());
    hosts.forget(Set.of("a"));
    hosts.save();
    assertThat(loaded().of("r1")).isEqualTo(Map.of("b", 1));
    assertThat(loaded().of("r2")).isEmpty();
  }

  @Test
  void theFileStaysSmall() throws IOException {
    RelationHosts hosts = loaded();
    for (int i = 0; i < 1_500; i++) {
      hosts.note("r" + i, Map.of("a", 1), Set.of());
      hosts.note("r0", Map.of("a", 1), Set.of()); // in use all the time
    }
    hosts.save();
    RelationHosts next = loaded();
    assertThat(Files.readAllLines(directory.resolve("driver/hosts.tsv"))).hasSize(1_000);
    assertThat(next.of("r0")).isNotEmpty();
    assertThat(next.of("r1")).isEmpty();
    assertThat(next.of("r1499")).isNotEmpty();
  }

  @Test
  void linesThatAreNoneAreLeftOut() throws IOException {
    Path file = Files.createDirectories(directory.resolve("driver")).resolve("hosts.tsv");
    Files.write(
        file, List.of("", "r\ta", "r\tb\t-1", "r\tc\t99999999999", "r\td\t2\tx", "r\te\t2"));
    assertThat(loaded().of("r")).isEqualTo(Map.of("e", 2));
  }

  @Test
  void aFileThatCannotBeWrittenIsNoError() throws IOException {
    Files.writeString(directory.resolve("driver"), "a file where a directory should be");
    RelationHosts hosts = loaded();
    hosts.note("r", Map.of("a", 1), Set.of());
    hosts.save();
    assertThat(hosts.of("r")).isNotEmpty();
    assertThat(loaded().of("r")).isEmpty();
  }
}
