// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.arrow;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.fail;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.types.ArrayType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.DecimalType;
import org.apache.spark.sql.types.MapType;
import org.apache.spark.sql.types.StructType;
import org.apache.spark.sql.vectorized.ColumnVector;
import org.apache.spark.sql.vectorized.ColumnarBatch;
import org.apache.spark.unsafe.Platform;
import org.apache.spark.unsafe.types.UTF8String;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Files changed at random, structure and all: each is refused by an error that names the file and
 * the place, or is read without leaving what is mapped of it.
 */
final class FuzzTest {
  private static final StructType SCHEMA =
      new StructType()
          .add("b", DataTypes.BooleanType)
          .add("i", DataTypes.IntegerType)
          .add("s", DataTypes.StringType)
          .add("w", DataTypes.StringType)
          .add("x", DataTypes.BinaryType)
          .add("a", new ArrayType(DataTypes.StringType, true))
          .add(
              "m", new MapType(DataTypes.StringType, new ArrayType(DataTypes.LongType, true), true))
          .add("t", new StructType().add("v", DataTypes.VariantType).add("n", DataTypes.NullType))
          .add("d", new DecimalType(38, 4))
          .add("f", DataTypes.DoubleType)
          .add("h", new ArrayType(DataTypes.FloatType, true));

  private static final int WORDS = SCHEMA.fieldIndex("w");

  /** The numbers that change most in a damaged length, offset or count. */
  private static final long[] NUMBERS = {
    0,
    1,
    -1,
    7,
    64,
    Byte.MIN_VALUE,
    Short.MAX_VALUE,
    Integer.MAX_VALUE,
    Integer.MIN_VALUE,
    Integer.MAX_VALUE - 7,
    1L << 32,
    Long.MAX_VALUE,
    Long.MIN_VALUE,
    Long.MAX_VALUE - 7
  };

  @TempDir private Path dir;
  private int refused;
  private int unreadable;
  private int read;

  @Test
  void damagedFilesAreRefusedOrReadInBounds() throws IOException {
    int files = Integer.getInteger("diskcache.fuzz", 1_000); // in full: 10000
    long seed = Long.getLong("diskcache.seed", System.nanoTime());
    System.out.println("FuzzTest: -Ddiskcache.seed=" + seed);
    Random random = new Random(seed);
    List<byte[]> good = good();
    for (int i = 0; i < files; i++) {
      byte[] from = good.get(i % good.size());
      byte[] bytes = from;
      for (int changes = 1 + random.nextInt(3); changes > 0 || Arrays.equals(bytes, from); ) {
        bytes = changed(bytes, good.get(random.nextInt(good.size())), random);
        changes--;
      }
      Path file = dir.resolve("damaged.arrow");
      Files.deleteIfExists(file); // an earlier one is mapped until the garbage is collected
      Files.write(file, bytes);
      try {
        open(file);
      } catch (RuntimeException | Error e) {
        Path kept = Files.write(Path.of("target", "fuzz-" + seed + "-" + i + ".arrow"), bytes);
        fail("File %d of seed %d, kept as %s: %s".formatted(i, seed, kept, e), e);
      }
    }
    System.out.printf(
        "FuzzTest: %d files refused when opened, %d when read, %d read%n",
        refused, unreadable, read);
    assertThat(List.of(refused, unreadable, read)).doesNotContain(0);
  }

  /** One of each way to store values. */
  private List<byte[]> good() throws IOException {
    List<InternalRow> rows = new RandomData(7).rows(SCHEMA, 40, 0.2);
    for (int i = 0; i < rows.size(); i++) {
      rows.get(i).update(WORDS, UTF8String.fromString("word ".repeat(9) + i % 3));
    }
    EncodeOptions plain = new EncodeOptions(17, 1 << 20);
    PrecisionPolicy lowered =
        new PrecisionPolicy(
            Map.of("f", Precision.FLOAT32, "h", Precision.FLOAT16),
            Double.POSITIVE_INFINITY,
            Double.POSITIVE_INFINITY);
    List<byte[]> good = new ArrayList<>();
    for (EncodeOptions options :
        List.of(
            plain,
            plain.withCompact(false),
            plain.withPrecision(lowered),
            plain.withCompression(Compression.LZ4),
            plain.withCompression(Compression.ZSTD))) {
      Path file = dir.resolve(good.size() + ".arrow");
      Entries.write(file, SCHEMA, rows, options);
      good.add(Files.readAllBytes(file));
    }
    Path repeated = dir.resolve("repeated.arrow");
    EncodeOptions large = new EncodeOptions(1024, 1 << 30);
    Entries.write(repeated, SCHEMA, Collections.nCopies(1024, rows.get(0)), large);
    good.add(Files.readAllBytes(repeated));
    return good;
  }

  private static byte[] changed(byte[] bytes, byte[] other, Random random) {
    byte[] changed = bytes.clone();
    int at = random.nextInt(bytes.length);
    int length = 1 + random.nextInt(Math.min(200, bytes.length - at));
    switch (random.nextInt(8)) {
      case 0 -> changed[at] ^= (byte) (1 << random.nextInt(Byte.SIZE));
      case 1 -> {
        byte[] noise = new byte[length];
        random.nextBytes(noise);
        System.arraycopy(noise, 0, changed, at, length);
      }
      case 2 -> Arrays.fill(changed, at, at + length, (byte) random.nextInt());
      case 3 -> System.arraycopy(other, 0, changed, at, Math.min(length, other.length));
      case 4 -> {
        int from = random.nextInt(bytes.length - length + 1);
        System.arraycopy(bytes, from, changed, at, Math.min(length, bytes.length - at));
      }
      case 5 -> {
        return cut(bytes, at, random.nextBoolean() ? length : Math.min(length, 8));
      }
      default -> { // a number where numbers are: at a multiple of their width
        long number = NUMBERS[random.nextInt(NUMBERS.length)];
        ByteBuffer numbers = ByteBuffer.wrap(changed).order(ByteOrder.LITTLE_ENDIAN);
        if (random.nextBoolean() && at / 8 * 8 + 8 <= changed.length) {
          numbers.putLong(at / 8 * 8, number);
        } else if (at / 4 * 4 + 4 <= changed.length) {
          numbers.putInt(at / 4 * 4, (int) number);
        }
      }
    }
    return changed;
  }

  /** Without some bytes in the middle; the end stays where readers look for it. */
  private static byte[] cut(byte[] bytes, int at, int length) {
    byte[] shorter = new byte[bytes.length - length];
    System.arraycopy(bytes, 0, shorter, 0, at);
    System.arraycopy(bytes, at + length, shorter, at, shorter.length - at);
    return shorter;
  }

  private void open(Path file) throws IOException {
    MappedEntry entry;
    try {
      entry = MappedEntry.open(file);
    } catch (CorruptEntryException e) {
      assertNamesThePlace(e, file);
      refused++;
      return;
    }
    try {
      for (int i = 0; i < entry.batchCount(); i++) {
        entry.batch(i).stats();
      }
      if (ColumnLayout.sameValues(entry.schema(), SCHEMA)) {
        Bounds bounds = Bounds.of(file);
        Entries.selectAll(SCHEMA)
            .columnar(Entries.batches(entry).iterator())
            .forEachRemaining(batch -> readAll(batch, bounds));
        read++;
      }
    } catch (ArithmeticException e) {
      read++; // a decimal with more digits than its type has: a value, to Spark
    } catch (UncheckedIOException e) {
      assertThat(e).hasCauseInstanceOf(CorruptEntryException.class);
      assertNamesThePlace(e.getCause(), file);
      unreadable++;
    }
  }

  private static void assertNamesThePlace(Throwable e, Path file) {
    assertThat(e)
        .hasMessageContaining(file.toString())
        .hasMessageMatching("(?s).*at byte \\d+, .*");
  }

  /** Touches every value; strings have to lie in the mapping, or in an array that holds them. */
  private static void readAll(ColumnarBatch batch, Bounds bounds) {
    batch.rowIterator().forEachRemaining(InternalRow::copy);
    for (int column : new int[] {SCHEMA.fieldIndex("s"), WORDS}) {
      ColumnVector strings = batch.column(column);
      for (int i = 0; i < batch.numRows(); i++) {
        if (!strings.isNullAt(i)) {
          bounds.check(strings.getUTF8String(i));
        }
      }
    }
    ColumnVector lists = batch.column(SCHEMA.fieldIndex("a"));
    for (int i = 0; i < batch.numRows(); i++) {
      for (int at = 0; !lists.isNullAt(i) && at < lists.getArray(i).numElements(); at++) {
        if (!lists.getArray(i).isNullAt(at)) {
          bounds.check(lists.getArray(i).getUTF8String(at));
        }
      }
    }
  }

  /** Where the file is mapped, as the kernel says; where it says nothing, anywhere. */
  private record Bounds(List<long[]> ranges) {
    static Bounds of(Path file) throws IOException {
      Path maps = Path.of("/proc/self/maps");
      List<long[]> ranges = new ArrayList<>();
      if (Files.exists(maps)) {
        for (String line : Files.readAllLines(maps)) {
          if (line.endsWith(file.toString())) {
            String[] ends = line.substring(0, line.indexOf(' ')).split("-", 2);
            ranges.add(
                new long[] {
                  Long.parseUnsignedLong(ends[0], 16), Long.parseUnsignedLong(ends[1], 16)
                });
          }
        }
        assertThat(ranges).as("mappings of %s", file).isNotEmpty();
      }
      return new Bounds(ranges);
    }

    void check(UTF8String string) {
      long from = string.getBaseOffset();
      long to = from + string.numBytes();
      if (string.getBaseObject() instanceof byte[] array) {
        assertThat(from).isGreaterThanOrEqualTo(Platform.BYTE_ARRAY_OFFSET);
        assertThat(to).isLessThanOrEqualTo(Platform.BYTE_ARRAY_OFFSET + (long) array.length);
      } else if (string.numBytes() > 0 && !ranges.isEmpty()) {
        assertThat(ranges).anyMatch(range -> range[0] <= from && to <= range[1]);
      }
    }
  }
}
