// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.store;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.time.Instant;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Found once by one process, known to the next; and never believed where it could be wrong. */
class MachineTableTest {
  @TempDir Path root;
  private Path file;
  private final AtomicInteger reads = new AtomicInteger();

  @BeforeEach
  void place() {
    file = root.resolve("private/jars");
  }

  private String read(MachineTable table, Path of) {
    return new String(
        table.ofFile(
            "k",
            of,
            () -> {
              reads.incrementAndGet();
              try {
                return Files.readAllBytes(of);
              } catch (IOException e) {
                throw new java.io.UncheckedIOException(e);
              }
            }),
        UTF_8);
  }

  /** A file that was not changed for long. */
  private static Path settled() {
    Path old = Path.of(System.getProperty("java.home"), "release");
    assertThat(FileState.of(old.toString()).orElseThrow().isSettled(Instant.now())).isTrue();
    return old;
  }

  @Test
  void theNextProcessKnows() throws Exception {
    Path old = settled();
    MachineTable table = new MachineTable(file);
    String content = read(table, old);
    assertThat(read(table, old)).isEqualTo(content);
    assertThat(reads).hasValue(1);
    table.put("question", new byte[] {1, 2});
    table.save();
    MachineTable next = new MachineTable(file);
    assertThat(read(next, old)).isEqualTo(content);
    assertThat(reads).hasValue(1);
    assertThat(next.get("question")).hasValue(new byte[] {1, 2});
    assertThat(next.get("another")).isEmpty();
    assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(file)))
        .isEqualTo("rw-------");
    assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(file.getParent())))
        .isEqualTo("rwx------");
  }

  @Test
  void aFileThatWasJustWrittenIsReadAgain() throws Exception {
    Path young = Files.writeString(root.resolve("young"), "a");
    MachineTable table = new MachineTable(file);
    assertThat(read(table, young)).isEqualTo("a");
    Files.writeString(young, "b");
    assertThat(read(table, young)).isEqualTo("b");
    Files.setLastModifiedTime(young, FileTime.from(Instant.now().minus(Duration.ofDays(1))));
    assertThat(read(table, young)).isEqualTo("b");
    assertThat(read(table, young)).as("its inode changed just now").isEqualTo("b");
    assertThat(reads).hasValue(4);
  }

  @Test
  void anotherStateOrKindIsReadAnew() {
    Path old = settled();
    MachineTable table = new MachineTable(file);
    String content = read(table, old);
    byte[] stored = table.get("k " + old).orElseThrow().clone();
    for (int at = 0; at < 5 * Long.BYTES; at += Long.BYTES) {
      byte[] other = stored.clone();
      other[at + Long.BYTES - 1]++;
      other[other.length - 1]++;
      table.put("k " + old, other);
      int before = reads.get();
      assertThat(read(table, old)).isEqualTo(content);
      assertThat(reads.get()).as("state at %d", at).isEqualTo(before + 1);
    }
    assertThat(table.ofFile("other", old, () -> new byte[] {7})).containsExactly(7);
  }

  @Test
  void whatIsDamagedOrOfOthersCountsAsNotThere() throws Exception {
    MachineTable table = new MachineTable(file);
    table.put("question", "answer".getBytes(UTF_8));
    table.save();
    byte[] good = Files.readAllBytes(file);
    assertThat(new MachineTable(file).get("question")).isPresent();
    for (int i = 0; i < good.length; i++) {
      byte[] bad = good.clone();
      bad[i] ^= 1;
      Files.write(file, bad);
      assertThat(new MachineTable(file).get("question")).as("byte %d", i).isEmpty();
      Files.write(file, java.util.Arrays.copyOf(good, i));
      assertThat(new MachineTable(file).get("question")).as("cut at %d", i).isEmpty();
    }
    Files.write(file, good);
    for (Path path : new Path[] {file, file.getParent()}) {
      var before = Files.getPosixFilePermissions(path);
      Files.setPosixFilePermissions(path, PosixFilePermissions.fromString("rwxrwx---"));
      assertThat(new MachineTable(file).get("question")).as("%s for a group", path).isEmpty();
      Files.setPosixFilePermissions(path, before);
    }
    assertThat(new MachineTable(file).get("question")).isPresent();
    Path link = Files.createSymbolicLink(file.resolveSibling("link"), file);
    assertThat(new MachineTable(link).get("question")).isEmpty();
    Files.delete(file);
    assertThat(new MachineTable(file).get("question")).isEmpty();
  }

  @Test
  void aPlaceThatCannotBeWrittenIsNoError() throws IOException {
    Path blocked = Files.writeString(root.resolve("a file"), "x").resolve("jars");
    MachineTable table = new MachineTable(blocked);
    table.put("question", new byte[] {1});
    table.save();
    assertThat(table.get("question")).isPresent();
    assertThat(new MachineTable(null).get("question")).isEmpty();
  }

  @Test
  void itStaysSmall() {
    MachineTable table = new MachineTable(file);
    for (int i = 0; i < 10_000; i++) {
      table.put("k" + i, new byte[10]);
    }
    table.put("large", new byte[2 << 20]);
    table.save();
    MachineTable next = new MachineTable(file);
    assertThat(next.get("k0")).isEmpty();
    assertThat(next.get("k9999")).isPresent();
    assertThat(next.get("large")).isEmpty();
    assertThat(file.toFile().length()).isLessThan(200_000);
  }
}
