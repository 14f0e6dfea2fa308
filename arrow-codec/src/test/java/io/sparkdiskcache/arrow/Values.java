// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.arrow;

import static org.assertj.core.api.Assertions.assertThat;

import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.expressions.SpecializedGetters;
import org.apache.spark.sql.catalyst.util.ArrayData;
import org.apache.spark.sql.catalyst.util.MapData;
import org.apache.spark.sql.types.ArrayType;
import org.apache.spark.sql.types.CalendarIntervalType;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.Decimal;
import org.apache.spark.sql.types.DecimalType;
import org.apache.spark.sql.types.GeographyType;
import org.apache.spark.sql.types.GeometryType;
import org.apache.spark.sql.types.MapType;
import org.apache.spark.sql.types.StructType;
import org.apache.spark.sql.types.VariantType;

/** Compares values bit for bit, where SQL would take more of them for equal. */
final class Values {
  private Values() {}

  static void assertSameRow(
      StructType schema, InternalRow actual, InternalRow expected, String at) {
    assertThat(actual.numFields()).as("fields of %s", at).isEqualTo(schema.length());
    for (int i = 0; i < schema.length(); i++) {
      assertSame(schema.fields()[i].dataType(), actual, expected, i, at + "[" + i + "]");
    }
  }

  private static void assertSame(
      DataType type, SpecializedGetters actual, SpecializedGetters expected, int i, String at) {
    boolean isNull = expected.isNullAt(i);
    assertThat(actual.isNullAt(i)).as("null at %s of type %s", at, type).isEqualTo(isNull);
    if (isNull) {
      return;
    }
    String what = at + " of type " + type.catalogString();
    if (type instanceof ArrayType array) {
      assertSameArray(array.elementType(), actual.getArray(i), expected.getArray(i), at);
    } else if (type instanceof MapType map) {
      MapData a = actual.getMap(i);
      MapData e = expected.getMap(i);
      assertThat(a.numElements()).as(what).isEqualTo(e.numElements());
      assertSameArray(map.keyType(), a.keyArray(), e.keyArray(), at + ".key");
      assertSameArray(map.valueType(), a.valueArray(), e.valueArray(), at + ".value");
    } else if (type instanceof StructType struct) {
      int fields = struct.length();
      assertSameRow(struct, actual.getStruct(i, fields), expected.getStruct(i, fields), at);
    } else if (type instanceof CalendarIntervalType) {
      assertThat(actual.getInterval(i)).as(what).isEqualTo(expected.getInterval(i));
    } else if (type instanceof VariantType) {
      assertThat(actual.getVariant(i).getValue())
          .as(what)
          .isEqualTo(expected.getVariant(i).getValue());
      assertThat(actual.getVariant(i).getMetadata())
          .as(what)
          .isEqualTo(expected.getVariant(i).getMetadata());
    } else if (type instanceof GeometryType || type instanceof GeographyType) {
      assertThat(actual.getBinaryView(i).getBytes())
          .as(what)
          .isEqualTo(expected.getBinaryView(i).getBytes());
    } else if (type instanceof DecimalType d) {
      Decimal a = actual.getDecimal(i, d.precision(), d.scale());
      assertThat(a.toJavaBigDecimal())
          .as(what)
          .isEqualTo(expected.getDecimal(i, d.precision(), d.scale()).toJavaBigDecimal());
      assertThat(a.precision()).as("precision of %s", what).isEqualTo(d.precision());
      assertThat(a.scale()).as("scale of %s", what).isEqualTo(d.scale());
    } else {
      assertSameLeaf(type, actual, expected, i, what);
    }
  }

  private static void assertSameLeaf(
      DataType type, SpecializedGetters actual, SpecializedGetters expected, int i, String what) {
    switch (ColumnLayout.kindOf(type)) {
      case BOOLEAN -> assertThat(actual.getBoolean(i)).as(what).isEqualTo(expected.getBoolean(i));
      case INT8 -> assertThat(actual.getByte(i)).as(what).isEqualTo(expected.getByte(i));
      case INT16 -> assertThat(actual.getShort(i)).as(what).isEqualTo(expected.getShort(i));
      case INT32 -> assertThat(actual.getInt(i)).as(what).isEqualTo(expected.getInt(i));
      case INT64 -> assertThat(actual.getLong(i)).as(what).isEqualTo(expected.getLong(i));
      case FLOAT32 ->
          assertThat(Float.floatToRawIntBits(actual.getFloat(i)))
              .as(what)
              .isEqualTo(Float.floatToRawIntBits(expected.getFloat(i)));
      case FLOAT64 ->
          assertThat(Double.doubleToRawLongBits(actual.getDouble(i)))
              .as(what)
              .isEqualTo(Double.doubleToRawLongBits(expected.getDouble(i)));
      case STRING ->
          assertThat(actual.getUTF8String(i).getBytes())
              .as(what)
              .isEqualTo(expected.getUTF8String(i).getBytes());
      case BINARY -> assertThat(actual.getBinary(i)).as(what).isEqualTo(expected.getBinary(i));
      default -> throw new AssertionError("No comparison of " + type);
    }
  }

  private static void assertSameArray(
      DataType type, ArrayData actual, ArrayData expected, String at) {
    assertThat(actual.numElements()).as("length of %s", at).isEqualTo(expected.numElements());
    for (int i = 0; i < expected.numElements(); i++) {
      assertSame(type, actual, expected, i, at + "[" + i + "]");
    }
  }
}
