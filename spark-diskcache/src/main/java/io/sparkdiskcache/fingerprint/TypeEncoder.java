// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.fingerprint;

import java.util.Set;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.util.ArrayData;
import org.apache.spark.sql.catalyst.util.MapData;
import org.apache.spark.sql.types.ArrayType;
import org.apache.spark.sql.types.BinaryType;
import org.apache.spark.sql.types.BooleanType;
import org.apache.spark.sql.types.ByteType;
import org.apache.spark.sql.types.CalendarIntervalType;
import org.apache.spark.sql.types.CharType;
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
import org.apache.spark.sql.types.NullType;
import org.apache.spark.sql.types.ObjectType;
import org.apache.spark.sql.types.ShortType;
import org.apache.spark.sql.types.StringType;
import org.apache.spark.sql.types.StructField;
import org.apache.spark.sql.types.StructType;
import org.apache.spark.sql.types.TimestampNTZType;
import org.apache.spark.sql.types.TimestampType;
import org.apache.spark.sql.types.UserDefinedType;
import org.apache.spark.sql.types.VarcharType;
import org.apache.spark.sql.types.VariantType;
import org.apache.spark.sql.types.YearMonthIntervalType;
import org.apache.spark.unsafe.types.CalendarInterval;
import org.apache.spark.unsafe.types.UTF8String;
import org.apache.spark.unsafe.types.VariantVal;
import org.jspecify.annotations.Nullable;

/** Data types by structure, and Spark's internal values by content under their type. */
final class TypeEncoder {
  /** Types whose JSON form says all of them, but for the collation of strings. */
  private static final Set<Class<?>> ATOMIC =
      SparkClasses.ofThisLine(
          Set.of(
              BooleanType.class,
              ByteType.class,
              ShortType.class,
              IntegerType.class,
              LongType.class,
              FloatType.class,
              DoubleType.class,
              DecimalType.class,
              StringType.class,
              CharType.class,
              VarcharType.class,
              BinaryType.class,
              DateType.class,
              TimestampType.class,
              TimestampNTZType.class,
              DayTimeIntervalType.class,
              YearMonthIntervalType.class,
              CalendarIntervalType.class,
              VariantType.class,
              NullType.class),
          "org.apache.spark.sql.types.TimeType"); // since 4.1

  private final Encoding encoding;
  private final FunctionIdentity functions;

  TypeEncoder(Encoding encoding, FunctionIdentity functions) {
    this.encoding = encoding;
    this.functions = functions;
  }

  void type(DataType type) {
    if (type instanceof StructType struct) {
      out().tag('s').putInt(struct.length());
      for (StructField field : struct.fields()) {
        field(field);
      }
    } else if (type instanceof ArrayType array) {
      out().tag('y').putBoolean(array.containsNull());
      type(array.elementType());
    } else if (type instanceof MapType map) {
      out().tag('m').putBoolean(map.valueContainsNull());
      type(map.keyType());
      type(map.valueType());
    } else if (type instanceof UserDefinedType<?> udt) {
      out().tag('u');
      code(udt.getClass());
      type(udt.sqlType());
    } else if (type instanceof ObjectType object) {
      out().tag('o');
      code(object.cls());
    } else if (type instanceof StringType string && isAtomic(type)) {
      out().tag('c').putString(string.json()).putString(string.typeName());
      out().putInt(string.collationId()); // absent from the JSON form
    } else if (isAtomic(type)) {
      out().tag('d').putString(type.json());
    } else {
      throw encoding.refused(
          Refusal.Code.DATA_TYPE, "data type " + type.catalogString() + " has no encoding");
    }
  }

  /** With its metadata: default values of columns that old files lack are in there. */
  void field(StructField field) {
    out().putString(field.name()).putBoolean(field.nullable());
    out().putString(field.metadata().json());
    type(field.dataType());
  }

  /** A class by name, and by its code unless that comes with the JDK, Scala or Spark. */
  void code(Class<?> type) {
    out().tag('k').putString(StableNames.withoutCell(type.getName()));
    Class<?> element = type;
    while (element.isArray()) {
      element = element.getComponentType();
    }
    boolean foreign = !SparkClasses.isPlatform(element) && !SparkClasses.isSparkSql(element);
    out().putBoolean(foreign);
    if (foreign) {
      CodeIdentity identity = functions.hashClass(element, encoding.place());
      out().putBytes(identity.digest());
      encoding.prove(FunctionProof.of(element, identity));
      identity.parts().forEach((name, value) -> encoding.component("function." + name, value));
    }
  }

  /** A value as Spark holds it inside rows and literals. */
  void value(@Nullable Object value, DataType type) {
    if (value == null) {
      out().tag('0');
    } else if (value instanceof InternalRow row && type instanceof StructType struct) {
      row(row, struct);
    } else if (value instanceof ArrayData array && type instanceof ArrayType arrayType) {
      array(array, arrayType.elementType());
    } else if (value instanceof MapData map && type instanceof MapType mapType) {
      out().tag('M');
      array(map.keyArray(), mapType.keyType());
      array(map.valueArray(), mapType.valueType());
    } else if (type instanceof UserDefinedType<?> udt) {
      value(value, udt.sqlType());
    } else {
      scalar(value);
    }
  }

  void row(InternalRow row, StructType type) {
    out().tag('R').putInt(type.length());
    StructField[] fields = type.fields();
    for (int i = 0; i < fields.length; i++) {
      DataType fieldType = fields[i].dataType();
      value(row.isNullAt(i) ? null : row.get(i, fieldType), fieldType);
    }
  }

  private void array(ArrayData array, DataType elementType) {
    int length = array.numElements();
    out().tag('Y').putInt(length);
    for (int i = 0; i < length; i++) {
      value(array.isNullAt(i) ? null : array.get(i, elementType), elementType);
    }
  }

  private void scalar(Object value) {
    if (!encodeScalar(value)) {
      throw encoding.refused(
          Refusal.Code.ARGUMENT, "a value of " + value.getClass() + " has no encoding");
    }
  }

  /** Encodes a value that needs no type beside it; false where it is none. */
  boolean encodeScalar(Object value) {
    if (value instanceof Boolean b) {
      out().tag('B').putBoolean(b);
    } else if (value instanceof Byte b) {
      out().tag('b').putInt(b);
    } else if (value instanceof Short s) {
      out().tag('h').putInt(s);
    } else if (value instanceof Integer i) {
      out().tag('I').putInt(i);
    } else if (value instanceof Long l) {
      out().tag('J').putLong(l);
    } else if (value instanceof Float f) {
      out().tag('F').putInt(Float.floatToRawIntBits(f)); // 0.0 and -0.0 give different rows
    } else if (value instanceof Double d) {
      out().tag('D').putLong(Double.doubleToRawLongBits(d));
    } else if (value instanceof Character c) {
      out().tag('C').putInt(c);
    } else if (value instanceof String s) {
      out().tag('T').putString(s);
    } else if (value instanceof UTF8String s) {
      out().tag('U').putBytes(s.getBytes());
    } else if (value instanceof byte[] bytes) {
      out().tag('z').putBytes(bytes);
    } else if (value instanceof Decimal d) {
      out().tag('E').putString(d.toJavaBigDecimal().unscaledValue().toString());
      out().putInt(d.toJavaBigDecimal().scale()).putInt(d.precision()).putInt(d.scale());
    } else if (value instanceof CalendarInterval i) {
      out().tag('V').putInt(i.months).putInt(i.days).putLong(i.microseconds);
    } else if (value instanceof VariantVal v) {
      out().tag('W').putBytes(v.getValue()).putBytes(v.getMetadata());
    } else {
      return false;
    }
    return true;
  }

  /** Whether values of this type hold a timestamp with local time zone. */
  static boolean holdsTimestamp(DataType type) {
    return type.existsRecursively(ScalaInterop.predicate(TimestampType.class));
  }

  /** Whether values of this type hold text that can be parsed. */
  static boolean holdsText(DataType type) {
    return type.existsRecursively(ScalaInterop.predicate(StringType.class))
        || type.existsRecursively(ScalaInterop.predicate(VariantType.class))
        || type.existsRecursively(ScalaInterop.predicate(BinaryType.class));
  }

  private static boolean isAtomic(DataType type) {
    for (Class<?> c = type.getClass(); c != null; c = c.getSuperclass()) {
      if (ATOMIC.contains(c)) {
        return SparkClasses.isSparkSql(type.getClass());
      }
    }
    return false;
  }

  private CanonicalHasher out() {
    return encoding.out();
  }
}
