// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.arrow;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.expressions.GenericInternalRow;
import org.apache.spark.sql.catalyst.expressions.UnsafeArrayData;
import org.apache.spark.sql.types.ArrayType;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.Decimal;
import org.apache.spark.sql.types.StructType;
import org.apache.spark.sql.util.ArrowUtils;
import org.apache.spark.sql.vectorized.ColumnVector;
import org.apache.spark.sql.vectorized.ColumnarArray;
import org.apache.spark.unsafe.types.UTF8String;
import org.jspecify.annotations.Nullable;

/** One column of a type, what its values take in plain bytes, and how they are written and read. */
final class CodecState {
  /** The types that are measured; some are the same type with values that are stored otherwise. */
  static final List<String> TYPES =
      List.of(
          "boolean",
          "int",
          "long",
          "narrow",
          "double",
          "decimal12",
          "decimal30",
          "string",
          "words",
          "array",
          "float16",
          "constant",
          "null",
          "zstd",
          "lz4");

  private static final int DISTINCT_WORDS = 1000;
  private static final int ARRAY = 64;

  private final String name;
  private final StructType schema;
  private final List<InternalRow> rows;

  CodecState(String name, int count) {
    this.name = name;
    this.schema = new StructType().add("x", type(name), name.equals("null"));
    Random random = new Random(7);
    int length = name.equals("array") || name.equals("float16") ? count / ARRAY : count;
    this.rows = new ArrayList<>(length);
    for (int i = 0; i < length; i++) {
      rows.add(new GenericInternalRow(new @Nullable Object[] {value(name, i, random)}));
    }
  }

  private static DataType type(String name) {
    return switch (name) {
      case "boolean" -> DataTypes.BooleanType;
      case "int" -> DataTypes.IntegerType;
      case "long", "narrow", "zstd", "lz4" -> DataTypes.LongType;
      case "double", "null" -> DataTypes.DoubleType;
      case "constant" -> DataTypes.TimestampType;
      case "decimal12" -> DataTypes.createDecimalType(12, 2);
      case "decimal30" -> DataTypes.createDecimalType(30, 2);
      case "string", "words" -> DataTypes.StringType;
      case "array", "float16" -> new ArrayType(DataTypes.FloatType, false);
      default -> throw new IllegalArgumentException(name + " is none of " + TYPES);
    };
  }

  private static @Nullable Object value(String name, int i, Random random) {
    return switch (name) {
      case "boolean" -> random.nextBoolean();
      case "int" -> random.nextInt();
      case "long" -> random.nextLong();
      case "narrow" -> (long) random.nextInt(1000);
      case "zstd", "lz4" -> i * 1_000_003L;
      case "constant" -> 1_785_000_000_000_000L;
      case "null" -> null;
      case "double" -> random.nextDouble();
      case "decimal12" -> Decimal.createUnsafe(random.nextInt(), 12, 2);
      case "decimal30" -> Decimal.apply((random.nextLong() >> 1) / 10, 30, 2);
      case "string" -> UTF8String.fromString("a text of its own " + random.nextLong());
      case "words" -> UTF8String.fromString("word " + random.nextInt(DISTINCT_WORDS));
      default -> UnsafeArrayData.fromPrimitiveArray(floats(random));
    };
  }

  private static float[] floats(Random random) {
    float[] floats = new float[ARRAY];
    for (int i = 0; i < floats.length; i++) {
      floats[i] = (float) random.nextGaussian();
    }
    return floats;
  }

  private EncodeOptions options() {
    EncodeOptions options = EncodeOptions.defaults();
    return switch (name) {
      case "float16" ->
          options.withPrecision(
              new PrecisionPolicy(
                  Map.of("x", Precision.FLOAT16),
                  Double.POSITIVE_INFINITY,
                  Double.POSITIVE_INFINITY));
      case "zstd" -> options.withCompression(Compression.ZSTD);
      case "lz4" -> options.withCompression(Compression.LZ4);
      default -> options;
    };
  }

  /** Bytes of all values as Arrow lays them out, without bitmaps. */
  long plainBytes() {
    long bytes = 0;
    for (InternalRow row : rows) {
      bytes +=
          switch (name) {
            case "int" -> Integer.BYTES;
            case "decimal12", "decimal30" -> 2 * Long.BYTES;
            case "string", "words" -> Integer.BYTES + row.getUTF8String(0).numBytes();
            case "array", "float16" -> Integer.BYTES + ARRAY * Float.BYTES;
            default -> Long.BYTES;
          };
    }
    return name.equals("boolean") ? rows.size() / Byte.SIZE : bytes;
  }

  /** Writes a new file. */
  EntrySummary write(Path file) throws IOException {
    try (EntryWriter writer =
        EntryWriter.create(file, schema, Map.of(), ArrowUtils.rootAllocator(), options())) {
      for (InternalRow row : rows) {
        writer.write(row);
      }
      return writer.finish();
    }
  }

  /** Reads every value as a query would. */
  long read(MappedEntry entry) {
    long sum = 0;
    for (int i = 0; i < entry.batchCount(); i++) {
      try {
        sum += sum(entry.column(i, 0), entry.rows(i));
      } catch (CorruptEntryException e) {
        throw new UncheckedIOException(e);
      }
    }
    return sum;
  }

  private long sum(ColumnVector x, int count) {
    long sum = 0;
    switch (name) {
      case "boolean" -> {
        for (int i = 0; i < count; i++) {
          sum += x.getBoolean(i) ? 1 : 0;
        }
      }
      case "int" -> {
        for (int i = 0; i < count; i++) {
          sum += x.getInt(i);
        }
      }
      case "double" -> {
        double total = 0;
        for (int i = 0; i < count; i++) {
          total += x.getDouble(i);
        }
        sum = Double.doubleToLongBits(total);
      }
      case "null" -> {
        for (int i = 0; i < count; i++) {
          sum += x.isNullAt(i) ? 1 : Double.doubleToLongBits(x.getDouble(i));
        }
      }
      case "decimal12" -> {
        for (int i = 0; i < count; i++) {
          sum += x.getDecimal(i, 12, 2).toUnscaledLong();
        }
      }
      case "decimal30" -> {
        for (int i = 0; i < count; i++) {
          sum += x.getDecimal(i, 30, 2).toJavaBigDecimal().signum();
        }
      }
      case "string", "words" -> {
        for (int i = 0; i < count; i++) {
          UTF8String text = x.getUTF8String(i);
          sum += text.numBytes() + text.getByte(text.numBytes() - 1);
        }
      }
      case "array", "float16" -> {
        for (int i = 0; i < count; i++) {
          ColumnarArray array = x.getArray(i);
          for (int at = 0; at < array.numElements(); at++) {
            sum += Float.floatToRawIntBits(array.getFloat(at));
          }
        }
      }
      default -> {
        for (int i = 0; i < count; i++) {
          sum += x.getLong(i);
        }
      }
    }
    return sum;
  }

  static void delete(Path file) {
    try {
      Files.deleteIfExists(file);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
