// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.arrow;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.expressions.GenericInternalRow;
import org.apache.spark.sql.catalyst.util.ArrayBasedMapData;
import org.apache.spark.sql.catalyst.util.GenericArrayData;
import org.apache.spark.sql.types.ArrayType;
import org.apache.spark.sql.types.BinaryType;
import org.apache.spark.sql.types.CalendarIntervalType;
import org.apache.spark.sql.types.CharType;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.DayTimeIntervalType;
import org.apache.spark.sql.types.Decimal;
import org.apache.spark.sql.types.DecimalType;
import org.apache.spark.sql.types.GeographyType;
import org.apache.spark.sql.types.GeometryType;
import org.apache.spark.sql.types.MapType;
import org.apache.spark.sql.types.StringType;
import org.apache.spark.sql.types.StructType;
import org.apache.spark.sql.types.TimeType;
import org.apache.spark.sql.types.VarcharType;
import org.apache.spark.sql.types.VariantType;
import org.apache.spark.sql.types.YearMonthIntervalType;
import org.apache.spark.unsafe.types.BinaryView;
import org.apache.spark.unsafe.types.CalendarInterval;
import org.apache.spark.unsafe.types.UTF8String;
import org.apache.spark.unsafe.types.VariantVal;

/** Schemas and rows drawn from a seed, with a taste for extreme values. */
final class RandomData {
  /** Every type without children, all parameters that matter. */
  static final List<DataType> LEAVES = leaves();

  private static final String[] NAMES = {
    "a", "b", "", " ", "a.b", "`", "\"", "ü", "日本", "element", "key", "\n", "a", "A"
  };

  private final Random random;

  RandomData(long seed) {
    this.random = new Random(seed);
  }

  private static List<DataType> leaves() {
    List<DataType> types =
        new ArrayList<>(
            List.of(
                DataTypes.BooleanType,
                DataTypes.ByteType,
                DataTypes.ShortType,
                DataTypes.IntegerType,
                DataTypes.LongType,
                DataTypes.FloatType,
                DataTypes.DoubleType,
                DataTypes.StringType,
                DataTypes.BinaryType,
                DataTypes.DateType,
                DataTypes.TimestampType,
                DataTypes.TimestampNTZType,
                DataTypes.CalendarIntervalType,
                DataTypes.NullType,
                DataTypes.VariantType,
                StringType.apply("UTF8_LCASE"),
                StringType.apply("UNICODE_CI"),
                CharType.apply(5),
                VarcharType.apply(7),
                GeometryType.apply(4326),
                GeographyType.apply(4326)));
    for (int precision : new int[] {1, 9, 10, 18, 19, 37, 38}) {
      types.add(new DecimalType(precision, 0));
      types.add(new DecimalType(precision, precision));
      types.add(new DecimalType(precision, precision / 2));
    }
    for (int precision = 0; precision <= 6; precision++) {
      types.add(new TimeType(precision));
    }
    for (byte start = 0; start <= 1; start++) {
      for (byte end = start; end <= 1; end++) {
        types.add(new YearMonthIntervalType(start, end));
      }
    }
    for (byte start = 0; start <= 3; start++) {
      for (byte end = start; end <= 3; end++) {
        types.add(new DayTimeIntervalType(start, end));
      }
    }
    return List.copyOf(types);
  }

  StructType schema(int maxFields, int depth) {
    StructType schema = new StructType();
    int fields = random.nextInt(maxFields + 1);
    for (int i = 0; i < fields; i++) {
      DataType type = type(depth);
      schema = schema.add(name(), type, isNull(type) || random.nextInt(4) > 0);
    }
    return schema;
  }

  private String name() {
    return NAMES[random.nextInt(NAMES.length)];
  }

  private DataType type(int depth) {
    int choice = depth == 0 ? 9 : random.nextInt(10);
    return switch (choice) {
      case 0, 1 -> {
        DataType element = type(depth - 1);
        yield new ArrayType(element, isNull(element) || random.nextBoolean());
      }
      case 2, 3 -> {
        DataType value = type(depth - 1);
        yield new MapType(keyType(depth), value, isNull(value) || random.nextBoolean());
      }
      case 4, 5 -> schema(4, depth - 1);
      default -> LEAVES.get(random.nextInt(LEAVES.size()));
    };
  }

  /** A key is never null, so its type is not void. */
  private DataType keyType(int depth) {
    DataType type = type(depth - 1);
    return isNull(type) ? DataTypes.LongType : type;
  }

  private static boolean isNull(DataType type) {
    return type.equals(DataTypes.NullType);
  }

  List<InternalRow> rows(StructType schema, int count, double nulls) {
    List<InternalRow> rows = new ArrayList<>(count);
    for (int i = 0; i < count; i++) {
      rows.add(row(schema, nulls));
    }
    return rows;
  }

  private InternalRow row(StructType schema, double nulls) {
    Object[] values = new Object[schema.length()];
    for (int i = 0; i < values.length; i++) {
      values[i] = value(schema.fields()[i].dataType(), schema.fields()[i].nullable(), nulls);
    }
    return new GenericInternalRow(values);
  }

  Object value(DataType type, boolean nullable, double nulls) {
    if (isNull(type) || (nullable && random.nextDouble() < nulls)) {
      return null;
    }
    if (type instanceof ArrayType array) {
      return array(array.elementType(), array.containsNull(), length(), nulls);
    } else if (type instanceof MapType map) {
      int length = length();
      return new ArrayBasedMapData(
          array(map.keyType(), false, length, nulls),
          array(map.valueType(), map.valueContainsNull(), length, nulls));
    } else if (type instanceof StructType struct) {
      return row(struct, nulls);
    } else if (type instanceof StringType) {
      return UTF8String.fromBytes(text());
    } else if (type instanceof BinaryType) {
      return bytes();
    } else if (type instanceof GeometryType || type instanceof GeographyType) {
      return BinaryView.fromBytes(bytes());
    } else if (type instanceof VariantType) {
      return new VariantVal(bytes(), bytes());
    } else if (type instanceof CalendarIntervalType) {
      return new CalendarInterval((int) integer(), (int) integer(), integer());
    } else if (type instanceof DecimalType decimal) {
      return decimal(decimal);
    }
    return switch (ColumnLayout.kindOf(type)) {
      case BOOLEAN -> random.nextBoolean();
      case INT8 -> (byte) integer();
      case INT16 -> (short) integer();
      case INT32 -> (int) integer();
      case INT64 -> integer();
      case FLOAT32 -> Float.intBitsToFloat(floatBits());
      case FLOAT64 -> Double.longBitsToDouble(doubleBits());
      default -> throw new AssertionError("No values of " + type);
    };
  }

  private GenericArrayData array(DataType type, boolean containsNull, int length, double nulls) {
    Object[] values = new Object[length];
    for (int i = 0; i < length; i++) {
      values[i] = value(type, containsNull, nulls);
    }
    return new GenericArrayData(values);
  }

  private int length() {
    return random.nextInt(3) == 0 ? 0 : random.nextInt(5);
  }

  private byte[] bytes() {
    byte[] bytes = new byte[random.nextInt(10) == 0 ? 1000 : random.nextInt(12)];
    random.nextBytes(bytes);
    return bytes;
  }

  /** Sometimes no valid UTF-8, which Spark's strings may be. */
  private byte[] text() {
    return switch (random.nextInt(8)) {
      case 0 -> bytes();
      case 1 -> "日本語ü".getBytes(StandardCharsets.UTF_8);
      default -> ("s" + random.nextInt(50)).getBytes(StandardCharsets.UTF_8);
    };
  }

  private long integer() {
    return switch (random.nextInt(8)) {
      case 0 -> Long.MIN_VALUE;
      case 1 -> Long.MAX_VALUE;
      case 2 -> Integer.MIN_VALUE;
      case 3 -> Integer.MAX_VALUE;
      case 4 -> random.nextLong();
      default -> random.nextInt(200) - 100;
    };
  }

  private int floatBits() {
    int[] special = {0, 0x80000000, 0x7fc00000, 0x7fc12345, 0xffc00001, 0x7f800000, 0xff800000, 1};
    return random.nextBoolean()
        ? special[random.nextInt(special.length)]
        : Float.floatToRawIntBits(random.nextInt(100) - 50);
  }

  private long doubleBits() {
    long[] special = {
      0L,
      1L << 63,
      0x7ff8000000000000L,
      0x7ff8000012345678L,
      0xfff8000000000001L,
      0x7ff0000000000000L,
      0xfff0000000000000L,
      1L
    };
    return random.nextBoolean()
        ? special[random.nextInt(special.length)]
        : Double.doubleToRawLongBits(random.nextInt(100) - 50);
  }

  private Decimal decimal(DecimalType type) {
    BigInteger limit = BigInteger.TEN.pow(type.precision());
    BigInteger unscaled =
        switch (random.nextInt(4)) {
          case 0 -> limit.subtract(BigInteger.ONE);
          case 1 -> limit.subtract(BigInteger.ONE).negate();
          case 2 -> BigInteger.valueOf(random.nextInt(10) - 5);
          default -> new BigInteger(130, random).mod(limit);
        };
    return Decimal.apply(new BigDecimal(unscaled, type.scale()), type.precision(), type.scale());
  }
}
