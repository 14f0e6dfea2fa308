// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.arrow;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.fail;

import io.sparkdiskcache.arrow.ColumnLayout.Kind;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.LongStream;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.types.ArrayType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.MapType;
import org.apache.spark.sql.types.StructType;
import org.apache.spark.sql.vectorized.ColumnarBatch;
import org.apache.spark.unsafe.types.UTF8String;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

final class CorruptionTest {
  private static final StructType SCHEMA =
      new StructType()
          .add("b", DataTypes.BooleanType)
          .add("i", DataTypes.IntegerType)
          .add("s", DataTypes.StringType)
          .add("a", new ArrayType(DataTypes.StringType, true))
          .add("m", new MapType(DataTypes.StringType, DataTypes.LongType, true))
          .add("t", new StructType().add("x", DataTypes.BinaryType).add("y", DataTypes.NullType))
          .add("v", DataTypes.VariantType)
          .add("d", DataTypes.DoubleType)
          .add("h", new ArrayType(DataTypes.FloatType, true))
          .add("n", DataTypes.LongType)
          .add("e", DataTypes.StringType);

  private static final EncodeOptions OPTIONS =
      new EncodeOptions(7, 1 << 20)
          .withPrecision(
              new PrecisionPolicy(
                  Map.of("d", Precision.FLOAT32, "h", Precision.FLOAT16),
                  Double.POSITIVE_INFINITY,
                  Double.POSITIVE_INFINITY));

  @TempDir private Path dir;
  private Path damaged;
  private List<InternalRow> rows;
  private byte[] good;
  private long goodCrc;

  static LongStream seeds() {
    return LongStream.range(0, 20);
  }

  @BeforeEach
  void writeEntry() throws IOException {
    Path file = dir.resolve("good.arrow");
    damaged = dir.resolve("damaged.arrow");
    rows = new RandomData(5).rows(SCHEMA, 12, 0.2);
    for (int i = 0; i < rows.size(); i++) {
      rows.get(i).setLong(SCHEMA.fieldIndex("n"), i);
      rows.get(i).update(SCHEMA.fieldIndex("e"), UTF8String.fromString("repeated ".repeat(12)));
    }
    goodCrc = Entries.write(file, SCHEMA, rows, OPTIONS).crc32c();
    good = Files.readAllBytes(file);
    MappedEntry entry = MappedEntry.open(file);
    assertThat(entry.encodings()).containsValues(Kind.INT8, Kind.DICTIONARY8);
  }

  @Test
  void noPrefixOpens() throws IOException {
    for (int length = 0; length < good.length; length++) {
      Files.write(damaged, Arrays.copyOf(good, length));
      assertThatThrownBy(() -> MappedEntry.open(damaged))
          .as("first %s bytes of %s", length, good.length)
          .isInstanceOf(CorruptEntryException.class)
          .hasMessageContaining(damaged.toString());
    }
  }

  @Test
  void anythingAppendedIsNoticed() throws IOException {
    Files.write(damaged, Arrays.copyOf(good, good.length + 8));
    assertThatThrownBy(() -> MappedEntry.open(damaged)).isInstanceOf(CorruptEntryException.class);
  }

  /**
   * Every byte in turn: refused, or read without leaving the mapping; the checksum always tells.
   */
  @Test
  void everyFlippedByteIsRefusedOrReadInBounds() throws IOException {
    int[] masks = {0x01, 0x80, 0xff, 0x04, 0x10};
    for (int at = 0; at < good.length; at++) {
      int mask = masks[at % masks.length];
      byte[] bytes = good.clone();
      bytes[at] ^= (byte) mask;
      Files.write(damaged, bytes);
      assertRefusedOrInBounds("byte " + at + " xor " + mask);
    }
  }

  @ParameterizedTest(name = "seed {0}")
  @MethodSource("seeds")
  void randomDamageIsRefusedOrReadInBounds(long seed) throws IOException {
    Random random = new Random(seed);
    for (int i = 0; i < 50; i++) {
      byte[] bytes = good.clone();
      int from = random.nextInt(bytes.length);
      int length = 1 + random.nextInt(Math.min(64, bytes.length - from));
      byte[] noise = new byte[length];
      random.nextBytes(noise);
      System.arraycopy(noise, 0, bytes, from, length);
      if (!Arrays.equals(bytes, good)) {
        Files.write(damaged, bytes);
        assertRefusedOrInBounds("seed " + seed + ", bytes " + from + " + " + length);
      }
    }
  }

  private void assertRefusedOrInBounds(String what) throws IOException {
    MappedEntry entry;
    try {
      entry = MappedEntry.open(damaged);
    } catch (CorruptEntryException e) {
      assertThat(e).as(what).hasMessageContaining(damaged.toString());
      return;
    } catch (RuntimeException | Error e) {
      fail("Opening threw " + e + " for " + what, e);
      return;
    }
    assertThat(entry.crc32c()).as("checksum, %s", what).isNotEqualTo(goodCrc);
    for (int i = 0; i < entry.batchCount(); i++) {
      assertThat(entry.batch(i).stats().numFields())
          .as("statistics, %s", what)
          .isEqualTo(5 * entry.schema().length());
    }
    if (ColumnLayout.sameValues(entry.schema(), SCHEMA)) {
      readAll(entry);
    }
  }

  /** Touches every value; one that is outside of the mapping would end the process. */
  private static void readAll(MappedEntry entry) {
    Iterator<ColumnarBatch> batches =
        Entries.selectAll(SCHEMA).columnar(Entries.batches(entry).iterator());
    try {
      while (batches.hasNext()) {
        batches.next().rowIterator().forEachRemaining(row -> row.copy());
      }
    } catch (UncheckedIOException e) {
      assertThat(e).hasCauseInstanceOf(CorruptEntryException.class);
    }
  }

  @Test
  void aSchemaThatNamesAClassIsRefused() throws IOException {
    String name = "{\"type\":\"udt\",\"class\":\"" + Trap.class.getName() + "\",";
    String udt = name + "\"pyClass\":null,\"sqlType\":\"integer\"}";
    String head = "{\"type\":\"struct\",\"fields\":[{\"name\":\"a\",\"type\":";
    String tail = ",\"nullable\":true,\"metadata\":{}}]}";
    for (String type :
        List.of(
            udt,
            "{\"type\":\"array\",\"elementType\":" + udt + ",\"containsNull\":true}",
            "{\"type\":\"array\",\"type\":\"udt\",\"elementType\":\"integer\",\"containsNull\":true}",
            "{\"type\":\"map\",\"keyType\":\"integer\",\"valueType\":"
                + udt
                + ",\"valueContainsNull\":true}")) {
      assertThatThrownBy(() -> ArrowSchemas.fromJson(head + type + tail))
          .as(type)
          .isInstanceOf(ArrowSchemas.InvalidSchemaException.class);
    }
    assertThat(TRAPPED.get()).as("class of the file was initialized").isFalse();
  }

  private static final AtomicBoolean TRAPPED = new AtomicBoolean();

  /** Says so when it is initialized. */
  public static final class Trap {
    static {
      TRAPPED.set(true);
    }
  }

  @Test
  void anArrowFileOfAnotherWriterIsRefused() throws IOException {
    byte[] bytes = good.clone();
    byte[] key = ArrowSchemas.FORMAT_KEY.getBytes(StandardCharsets.UTF_8);
    for (int i = 0; i + key.length <= bytes.length; i++) {
      if (Arrays.equals(bytes, i, i + key.length, key, 0, key.length)) {
        bytes[i] = 'X';
      }
    }
    Files.write(damaged, bytes);
    assertThatThrownBy(() -> MappedEntry.open(damaged))
        .isInstanceOf(CorruptEntryException.class)
        .hasMessageContaining("not an entry");
  }
}
