// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.arrow;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.tuple;

import java.io.IOException;
import java.math.BigDecimal;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import org.apache.arrow.memory.AllocationListener;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.memory.RootAllocator;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.expressions.GenericInternalRow;
import org.apache.spark.sql.catalyst.util.ArrayBasedMapData;
import org.apache.spark.sql.catalyst.util.GenericArrayData;
import org.apache.spark.sql.types.ArrayType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.Decimal;
import org.apache.spark.sql.types.DecimalType;
import org.apache.spark.sql.types.MapType;
import org.apache.spark.sql.types.StructType;
import org.apache.spark.unsafe.types.UTF8String;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Entries that were written once and are read today; {@code test_golden.py} reads the plain one by
 * pyarrow, and {@code GoldenDescriptionTest} what it says of itself. Where the format changes,
 * {@code -Ddiskcache.golden.write=true} writes them anew.
 */
final class GoldenEntryTest {
  private static final Path GOLDEN = Path.of("src/test/resources/golden");
  private static final String PLAIN = "entry.arrow";
  private static final String ENCRYPTED = "entry-encrypted.arrow";
  private static final String KEY = "4".repeat(64);
  private static final EntryEncryption ENCRYPTION =
      new EntryEncryption(EntryCipher.of(new byte[EntryCipher.KEY_BYTES]), KEY);

  /** Both in one order, as the store writes it. */
  private static final String DESCRIPTION =
      String.join(
          "\n",
          "application=golden/app-1",
          "component.engine=test",
          "computeNanos=5",
          "created=2026-11-30T02\\:00\\:00Z",
          "description=golden",
          "key=" + KEY,
          "partition=0",
          "relation=golden",
          "rows=150",
          "schema={}",
          "tag=nightly",
          "writeNanos=7",
          "");

  private static final Map<String, String> METADATA =
      Map.of(
          "diskcache.key", KEY,
          "diskcache.relation", "golden",
          "diskcache.application", "golden/app-1");

  private static final StructType SCHEMA =
      new StructType()
          .add("flag", DataTypes.BooleanType)
          .add("id", DataTypes.LongType)
          .add("amount", new DecimalType(12, 2))
          .add("share", DataTypes.DoubleType)
          .add("about", DataTypes.DoubleType)
          .add("word", DataTypes.StringType)
          .add("bytes", DataTypes.BinaryType)
          .add("day", DataTypes.DateType)
          .add("at", DataTypes.TimestampType)
          .add("local", DataTypes.TimestampNTZType)
          .add("list", new ArrayType(DataTypes.StringType, true))
          .add("map", new MapType(DataTypes.StringType, DataTypes.LongType, true))
          .add(
              "row",
              new StructType().add("q", DataTypes.DoubleType).add("r", DataTypes.StringType));

  @TempDir private Path dir;

  private static List<InternalRow> rows() {
    InternalRow row =
        new GenericInternalRow(
            new Object[] {
              true,
              -7L,
              Decimal.apply(new BigDecimal("12.34"), 12, 2),
              0.5,
              1.5,
              UTF8String.fromString("K\u00f6ln am Rhein"),
              new byte[] {0, -1},
              19_000,
              1_000_000L,
              2_000_000L,
              new GenericArrayData(new Object[] {UTF8String.fromString("a"), null}),
              new ArrayBasedMapData(
                  new GenericArrayData(new Object[] {UTF8String.fromString("k")}),
                  new GenericArrayData(new Object[] {7L})),
              new GenericInternalRow(new Object[] {0.1, UTF8String.fromString("x")})
            });
    return Collections.nCopies(50, List.of(row, new GenericInternalRow(SCHEMA.length()), row))
        .stream()
        .flatMap(List::stream)
        .toList();
  }

  private static void write(Path file, @Nullable EntryEncryption encryption) throws IOException {
    EncodeOptions options =
        new EncodeOptions(100, 1 << 20)
            .withPrecision(new PrecisionPolicy(Map.of("about", Precision.FLOAT16), 0.01, 0.01));
    try (BufferAllocator root = new RootAllocator();
        EntryWriter writer =
            EntryWriter.create(
                file, SCHEMA, METADATA, root, AllocationListener.NOOP, options, encryption)) {
      for (InternalRow row : rows()) {
        writer.write(row);
      }
      writer.finish(DESCRIPTION);
    }
  }

  @BeforeEach
  void writeAnewIfAsked() throws IOException {
    if (Boolean.getBoolean("diskcache.golden.write")) {
      write(dir.resolve(PLAIN), null);
      write(dir.resolve(ENCRYPTED), ENCRYPTION);
      for (String name : List.of(PLAIN, ENCRYPTED)) {
        Files.copy(dir.resolve(name), GOLDEN.resolve(name), StandardCopyOption.REPLACE_EXISTING);
      }
    }
  }

  @Test
  void plainEntriesAreRead() throws IOException {
    MappedEntry entry = MappedEntry.open(GOLDEN.resolve(PLAIN));
    assertThat(entry.metadata()).isEqualTo(METADATA);
    assertThat(entry.batchCount()).isEqualTo(2);
    assertThat(entry.precision())
        .extracting(ColumnPrecision::name, ColumnPrecision::stored)
        .containsExactly(tuple("about", Precision.FLOAT16));
    Entries.assertHolds(entry, SCHEMA, rows());
  }

  @Test
  void encryptedEntriesAreReadWithTheirKey() throws IOException {
    MappedEntry entry = MappedEntry.open(GOLDEN.resolve(ENCRYPTED), ENCRYPTION);
    assertThat(entry.metadata()).isEqualTo(METADATA);
    Entries.assertHolds(entry, SCHEMA, rows());
  }

  @Test
  void whatIsWrittenTodayIsTheSameButForTheEncryption() throws IOException {
    Path today = dir.resolve("today.arrow");
    write(today, null);
    assertThat(today).hasSameBinaryContentAs(GOLDEN.resolve(PLAIN));
  }
}
