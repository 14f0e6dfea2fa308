// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.memo;

import java.io.Serializable;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.LocalDate;
import java.time.Period;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.catalyst.CatalystTypeConverters;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.expressions.SpecializedGetters;
import org.apache.spark.sql.catalyst.util.ArrayData;
import org.apache.spark.sql.catalyst.util.DateTimeUtils;
import org.apache.spark.sql.catalyst.util.MapData;
import org.apache.spark.sql.types.ArrayType;
import org.apache.spark.sql.types.BinaryType;
import org.apache.spark.sql.types.BooleanType;
import org.apache.spark.sql.types.ByteType;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DateType;
import org.apache.spark.sql.types.DayTimeIntervalType;
import org.apache.spark.sql.types.Decimal;
import org.apache.spark.sql.types.DecimalType;
import org.apache.spark.sql.types.DoubleType;
import org.apache.spark.sql.types.FloatType;
import org.apache.spark.sql.types.IntegerType;
import org.apache.spark.sql.types.LongType;
import org.apache.spark.sql.types.MapType;
import org.apache.spark.sql.types.ShortType;
import org.apache.spark.sql.types.StringType;
import org.apache.spark.sql.types.StructType;
import org.apache.spark.sql.types.TimestampNTZType;
import org.apache.spark.sql.types.TimestampType;
import org.apache.spark.sql.types.YearMonthIntervalType;
import org.apache.spark.unsafe.types.UTF8String;
import org.jspecify.annotations.Nullable;
import scala.Function1;

/**
 * Results as bytes: the value Spark makes of what the function returned, by the declared type, in
 * the same tagged form as arguments; the table is in docs/design/format-memo.md. A result that is
 * read back is an object that Spark converts to that very value: dates and timestamps as {@code
 * java.time}, arrays and maps as Java's.
 */
final class Values implements Serializable {
  private static final long MICROS = 1_000_000L;
  private static final char UNKNOWN = '?';
  private static final char NULL = '0';

  private static final Map<Class<? extends DataType>, Character> TAGS =
      Map.ofEntries(
          Map.entry(StringType.class, 's'),
          Map.entry(BooleanType.class, 'b'),
          Map.entry(ByteType.class, 'B'),
          Map.entry(ShortType.class, 'S'),
          Map.entry(IntegerType.class, 'I'),
          Map.entry(LongType.class, 'L'),
          Map.entry(FloatType.class, 'F'),
          Map.entry(DoubleType.class, 'D'),
          Map.entry(BinaryType.class, 'x'),
          Map.entry(DecimalType.class, 'd'),
          Map.entry(DateType.class, 't'),
          Map.entry(TimestampType.class, 'T'),
          Map.entry(TimestampNTZType.class, 'N'),
          Map.entry(DayTimeIntervalType.class, 'u'),
          Map.entry(YearMonthIntervalType.class, 'p'),
          Map.entry(ArrayType.class, 'a'),
          Map.entry(MapType.class, 'm'),
          Map.entry(StructType.class, 'r'));

  private final DataType type;
  private transient volatile @Nullable Function1<Object, Object> toCatalyst;

  /**
   * @throws IllegalArgumentException if values of the type cannot be kept
   */
  Values(DataType type) {
    requireKnown(type, type);
    this.type = type;
  }

  DataType type() {
    return type;
  }

  private static void requireKnown(DataType type, DataType whole) {
    if (type instanceof ArrayType array) {
      requireKnown(array.elementType(), whole);
    } else if (type instanceof MapType map) {
      requireKnown(map.keyType(), whole);
      requireKnown(map.valueType(), whole);
    } else if (type instanceof StructType struct) {
      Arrays.stream(struct.fields()).forEach(field -> requireKnown(field.dataType(), whole));
    } else if (tag(type) == UNKNOWN) {
      throw new IllegalArgumentException(
          "Cannot memoize a function that returns %s: values of type %s have no encoding. Return a string, number, date, timestamp, binary, or an array, map or struct of these."
              .formatted(whole.sql(), type.sql()));
    }
  }

  /**
   * The bytes of a result.
   *
   * @throws RuntimeException if it is no value of the declared type: Spark will say so better
   */
  byte[] encode(@Nullable Object result) {
    Function1<Object, Object> convert = toCatalyst;
    if (convert == null) {
      convert = CatalystTypeConverters.createToCatalystConverter(type);
      toCatalyst = convert;
    }
    Bytes out = new Bytes();
    put(result == null ? null : convert.apply(result), type, out);
    return out.toArray();
  }

  private static void put(@Nullable Object value, DataType type, Bytes out) {
    if (value == null) {
      out.tag(NULL);
      return;
    }
    char tag = tag(type);
    out.tag(tag);
    switch (tag) {
      case 's' -> out.putBytes(wellFormed((UTF8String) value).getBytes());
      case 'b' -> out.put((Boolean) value ? (byte) 1 : 0);
      case 'B' -> out.put((Byte) value);
      case 'S' -> out.putShort((Short) value);
      case 'I', 'p' -> out.putInt((Integer) value);
      case 'L', 'T', 'N', 'u' -> out.putLong((Long) value);
      case 'F' -> out.putInt(Float.floatToRawIntBits((Float) value));
      case 'D' -> out.putLong(Double.doubleToRawLongBits((Double) value));
      case 'x' -> out.putBytes((byte[]) value);
      case 'd' -> {
        BigDecimal number = ((Decimal) value).toJavaBigDecimal();
        out.putInt(number.scale()).putBytes(number.unscaledValue().toByteArray());
      }
      case 't' -> out.putLong((Integer) value);
      default -> putNested(value, type, out);
    }
  }

  /** Bytes that are not UTF-8 would come back as other bytes. */
  private static UTF8String wellFormed(UTF8String text) {
    if (!text.isValid()) {
      throw new IllegalStateException("a string is not UTF-8");
    }
    return text;
  }

  private static void putNested(Object value, DataType type, Bytes out) {
    if (type instanceof ArrayType array) {
      ArrayData items = (ArrayData) value;
      out.putInt(items.numElements());
      putItems(items, array.elementType(), out);
    } else if (type instanceof MapType map) {
      MapData entries = (MapData) value;
      out.putInt(entries.numElements());
      putItems(entries.keyArray(), map.keyType(), out);
      putItems(entries.valueArray(), map.valueType(), out);
    } else {
      InternalRow row = (InternalRow) value;
      DataType[] fields = fields((StructType) type);
      out.putInt(fields.length);
      for (int i = 0; i < fields.length; i++) {
        put(at(row, i, fields[i]), fields[i], out);
      }
    }
  }

  private static void putItems(ArrayData items, DataType type, Bytes out) {
    for (int i = 0; i < items.numElements(); i++) {
      put(at(items, i, type), type, out);
    }
  }

  private static @Nullable Object at(SpecializedGetters values, int i, DataType type) {
    return values.isNullAt(i) ? null : values.get(i, type);
  }

  private static DataType[] fields(StructType struct) {
    return Arrays.stream(struct.fields()).map(field -> field.dataType()).toArray(DataType[]::new);
  }

  /**
   * The result of bytes that {@link #encode} made.
   *
   * @throws RuntimeException if they are no value of the declared type
   */
  @Nullable Object decode(byte[] bytes) {
    ByteBuffer in = ByteBuffer.wrap(bytes);
    Object value = get(in, type);
    if (in.hasRemaining()) {
      throw new IllegalStateException(in.remaining() + " bytes follow a value of " + type.sql());
    }
    return value;
  }

  private static @Nullable Object get(ByteBuffer in, DataType type) {
    char tag = (char) in.get();
    if (tag == NULL) {
      return null;
    }
    if (tag != tag(type)) {
      throw new IllegalStateException("tag '" + tag + "' is not that of " + type.sql());
    }
    return switch (tag) {
      case 's' -> new String(bytes(in), StandardCharsets.UTF_8);
      case 'b' -> in.get() != 0;
      case 'B' -> in.get();
      case 'S' -> in.getShort();
      case 'I' -> in.getInt();
      case 'L' -> in.getLong();
      case 'F' -> Float.intBitsToFloat(in.getInt());
      case 'D' -> Double.longBitsToDouble(in.getLong());
      case 'x' -> bytes(in);
      case 'd' -> {
        int scale = in.getInt();
        yield new BigDecimal(new BigInteger(bytes(in)), scale);
      }
      case 't' -> LocalDate.ofEpochDay(in.getLong());
      case 'T' -> DateTimeUtils.microsToInstant(in.getLong());
      case 'N' -> DateTimeUtils.microsToLocalDateTime(in.getLong());
      case 'u' -> {
        long micros = in.getLong();
        yield Duration.ofSeconds(
            Math.floorDiv(micros, MICROS), Math.floorMod(micros, MICROS) * 1_000);
      }
      case 'p' -> Period.ofMonths(in.getInt()).normalized();
      case 'a' -> items(in, in.getInt(), ((ArrayType) type).elementType());
      case 'm' -> map(in, (MapType) type);
      default -> row(in, (StructType) type);
    };
  }

  private static char tag(DataType type) {
    for (Map.Entry<Class<? extends DataType>, Character> known : TAGS.entrySet()) {
      if (known.getKey().isInstance(type)) {
        return known.getValue();
      }
    }
    return UNKNOWN;
  }

  private static byte[] bytes(ByteBuffer in) {
    int length = in.getInt();
    if (length < 0 || length > in.remaining()) {
      throw new IllegalStateException("a value ends in the middle");
    }
    byte[] bytes = new byte[length];
    in.get(bytes);
    return bytes;
  }

  private static List<@Nullable Object> items(ByteBuffer in, int count, DataType type) {
    List<@Nullable Object> items = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      items.add(get(in, type));
    }
    return items;
  }

  private static Object map(ByteBuffer in, MapType type) {
    int count = in.getInt();
    List<@Nullable Object> keys = items(in, count, type.keyType());
    List<@Nullable Object> values = items(in, count, type.valueType());
    Map<@Nullable Object, @Nullable Object> map = new LinkedHashMap<>();
    for (int i = 0; i < count; i++) {
      map.put(keys.get(i), values.get(i));
    }
    return map;
  }

  private static Object row(ByteBuffer in, StructType type) {
    DataType[] fields = fields(type);
    if (in.getInt() != fields.length) {
      throw new IllegalStateException("a row does not have the fields of " + type.sql());
    }
    @Nullable Object[] values = new @Nullable Object[fields.length];
    for (int i = 0; i < fields.length; i++) {
      values[i] = get(in, fields[i]);
    }
    return RowFactory.create(values);
  }
}
