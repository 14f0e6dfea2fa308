// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.arrow;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.FileInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * A process that runs out of something says nothing about an entry. Each in a process of its own.
 */
final class ExhaustionTest {
  private static final StructType SCHEMA = new StructType().add("a", DataTypes.LongType);
  private static final int ROWS = 100;

  @TempDir private Path dir;

  private String run(String limit, String task, int count) throws Exception {
    Path file = dir.resolve("entry.arrow");
    Entries.write(
        file, SCHEMA, new RandomData(3).rows(SCHEMA, ROWS, 0.2), EncodeOptions.defaults());
    List<String> command =
        new ArrayList<>(
            List.of(
                "sh",
                "-c",
                limit + "; exec \"$@\"",
                "sh",
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xmx1g",
                "-XX:TieredStopAtLevel=1",
                "--add-opens=java.base/java.nio=ALL-UNNAMED",
                "--add-opens=java.base/java.lang=ALL-UNNAMED",
                "-cp",
                System.getProperty("java.class.path"),
                ExhaustionTest.class.getName(),
                file.toString(),
                task,
                Integer.toString(count)));
    Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(process.waitFor()).as(output).isZero();
    return output;
  }

  /** More than the kernel allows: {@code vm.max_map_count} is 65,530. */
  @Test
  void moreEntriesAreOpenThanCanBeMapped() throws Exception {
    String output = run("true", "map", 70_000);
    assertThat(output).contains("70000 entries hold their rows");
    System.out.println(output.strip());
  }

  @Test
  void anEntryThatCannotBeOpenedForWantOfDescriptorsIsNotDamaged() throws Exception {
    assertThat(run("ulimit -n 1024", "descriptors", 0)).contains("is sound");
  }

  public static void main(String[] arguments) throws Exception {
    Path file = Path.of(arguments[0]);
    if (arguments[1].equals("map")) {
      map(file, Integer.parseInt(arguments[2]));
    } else {
      descriptors(file);
    }
  }

  private static void map(Path file, int count) throws Exception {
    long start = System.nanoTime();
    List<MappedEntry> open = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      open.add(MappedEntry.open(file));
    }
    Thread other = new Thread(() -> System.out.println("a thread can be started"));
    other.start();
    other.join();
    long millis = (System.nanoTime() - start) / 1_000_000;
    MappedColumn first = open.get(0).batch(0).column(0);
    for (MappedEntry entry : open) {
      MappedColumn column = entry.batch(0).column(0);
      for (int row = 0; row < ROWS; row++) {
        if (column.isNullAt(row) != first.isNullAt(row)
            || (!column.isNullAt(row) && column.getLong(row) != first.getLong(row))) {
          throw new AssertionError("another value");
        }
      }
    }
    System.out.println(count + " entries hold their rows, opened in " + millis + " ms");
  }

  private static void descriptors(Path file) throws Exception {
    MappedEntry.open(file); // loads classes, for which descriptors are wanted too
    List<InputStream> all = new ArrayList<>();
    boolean exhausted = false;
    while (!exhausted) {
      try {
        all.add(new FileInputStream(file.toFile()));
      } catch (IOException e) {
        exhausted = true;
      }
    }
    try {
      MappedEntry.open(file);
      throw new AssertionError("there were descriptors left");
    } catch (CorruptEntryException e) {
      throw new AssertionError("it is taken for damaged", e);
    } catch (IOException e) {
      all.get(0).close();
      System.out.println(e + ", and the entry is sound: " + MappedEntry.open(file).rows());
    }
  }
}
