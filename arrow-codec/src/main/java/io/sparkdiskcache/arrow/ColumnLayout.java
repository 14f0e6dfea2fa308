// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.arrow;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import org.apache.spark.sql.types.ArrayType;
import org.apache.spark.sql.types.BinaryType;
import org.apache.spark.sql.types.BooleanType;
import org.apache.spark.sql.types.ByteType;
import org.apache.spark.sql.types.CalendarIntervalType;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.DateType;
import org.apache.spark.sql.types.DayTimeIntervalType;
import org.apache.spark.sql.types.DecimalType;
import org.apache.spark.sql.types.DoubleType;
import org.apache.spark.sql.types.FloatType;
import org.apache.spark.sql.types.IntegerType;
import org.apache.spark.sql.types.LongType;
import org.apache.spark.sql.types.MapType;
import org.apache.spark.sql.types.NullType;
import org.apache.spark.sql.types.ShortType;
import org.apache.spark.sql.types.StringType;
import org.apache.spark.sql.types.StructField;
import org.apache.spark.sql.types.StructType;
import org.apache.spark.sql.types.TimestampNTZType;
import org.apache.spark.sql.types.TimestampType;
import org.apache.spark.sql.types.UserDefinedType;
import org.apache.spark.sql.types.VariantType;
import org.apache.spark.sql.types.YearMonthIntervalType;
import org.jspecify.annotations.Nullable;

/**
 * How one Spark column lies in the buffers of a record batch. A batch lists its field nodes and
 * buffers in pre-order of the column trees; {@link #node} and {@link #buffer} are where this
 * column's own begin, its children's follow. Writer, reader and statistics all walk this tree, so
 * that they cannot disagree.
 */
final class ColumnLayout {

  /** The buffers of a column. The first is a validity bitmap, empty if nothing is null. */
  enum Kind {
    BOOLEAN(2, 0),
    INT8(2, 1),
    INT16(2, 2),
    INT32(2, 4),
    INT64(2, 8),
    FLOAT16(2, 2),
    BFLOAT16(2, 2),
    FLOAT32(2, 4),
    FLOAT64(2, 8),
    /** The unscaled value in two's complement, little endian, of 128 bits or fewer. */
    DECIMAL(2, 16),
    DECIMAL64(2, 8),
    DECIMAL32(2, 4),
    /** 32-bit offsets, then bytes. */
    STRING(3, 0),
    BINARY(3, 0),
    /**
     * Strings as numbers of values in a dictionary that is stored once an entry. Those of 16 bits
     * have no sign, as twice as many values fit.
     */
    DICTIONARY8(2, 1),
    DICTIONARY16(2, 2),
    DICTIONARY32(2, 4),
    /** 32-bit offsets into the only child. */
    LIST(2, 0),
    /** 32-bit offsets into the only child, a struct of key and value. */
    MAP(2, 0),
    STRUCT(1, 0),
    NULL(0, 0);

    final int buffers;

    /** Bytes of a slot of the last buffer, 0 if it has no fixed width in bytes. */
    final int width;

    Kind(int buffers, int width) {
      this.buffers = buffers;
      this.width = width;
    }

    /** A whole number as the kind has it. */
    long get(long address) {
      long number = NumberCompaction.get(address, width);
      return this == DICTIONARY16 ? number & 0xffff : number;
    }

    boolean isDictionary() {
      return this == DICTIONARY8 || this == DICTIONARY16 || this == DICTIONARY32;
    }
  }

  /** How it is stored: of its type, or a narrower one of {@link Encodings}. */
  final Kind kind;

  /** Spark's type, with the storage type in place of every user-defined type. */
  final DataType type;

  final boolean nullable;
  final List<ColumnLayout> children;

  /** Index of the column's own field node. */
  final int node;

  /** Index of the column's first own buffer. */
  final int buffer;

  private ColumnLayout(DataType type, boolean nullable, Counter counter) {
    this(type, nullable, Precision.EXACT, null, counter);
  }

  private ColumnLayout(
      DataType type,
      boolean nullable,
      Precision precision,
      @Nullable Kind encoded,
      Counter counter) {
    Kind known = kindOf(type);
    if (known == null) {
      throw new IllegalArgumentException("Cannot lay out a column of type " + type);
    }
    boolean isNumber = known == Kind.FLOAT32 || known == Kind.FLOAT64;
    this.kind = encoded != null ? encoded : isNumber ? precision.kind(known) : known;
    this.type = type;
    this.nullable = nullable;
    this.node = counter.nodes;
    this.buffer = counter.buffers;
    counter.nodes++;
    counter.buffers += kind.buffers;
    this.children = childrenOf(type, precision, counter);
  }

  /** A whole record batch: its columns and how many nodes and buffers they make. */
  record Batch(List<ColumnLayout> columns, int nodes, int buffers) {

    /** The layout of a schema whose types are all supported and not user-defined. */
    static Batch of(StructType schema) {
      return of(schema, Collections.nCopies(schema.length(), Precision.EXACT), Map.of());
    }

    /**
     * The same with the floating-point numbers of each column at a precision.
     *
     * @param encodings how columns are stored otherwise, by number
     */
    static Batch of(StructType schema, List<Precision> precisions, Map<Integer, Kind> encodings) {
      Counter counter = new Counter();
      List<ColumnLayout> columns = new ArrayList<>(schema.length());
      for (int i = 0; i < schema.length(); i++) {
        StructField field = schema.fields()[i];
        columns.add(
            new ColumnLayout(
                field.dataType(), field.nullable(), precisions.get(i), encodings.get(i), counter));
      }
      return new Batch(List.copyOf(columns), counter.nodes, counter.buffers);
    }
  }

  /** The kind of a type that is not user-defined; null if it cannot be carried. */
  static @Nullable Kind kindOf(DataType type) {
    if (type instanceof BooleanType) {
      return Kind.BOOLEAN;
    } else if (type instanceof ByteType) {
      return Kind.INT8;
    } else if (type instanceof ShortType) {
      return Kind.INT16;
    } else if (type instanceof IntegerType
        || type instanceof DateType
        || type instanceof YearMonthIntervalType) {
      return Kind.INT32;
    } else if (type instanceof LongType
        || type instanceof TimestampType
        || type instanceof TimestampNTZType
        || LaterTypes.isTime(type)
        || type instanceof DayTimeIntervalType) {
      return Kind.INT64;
    } else if (type instanceof FloatType) {
      return Kind.FLOAT32;
    } else if (type instanceof DoubleType) {
      return Kind.FLOAT64;
    } else if (type instanceof DecimalType) {
      return Kind.DECIMAL;
    } else if (type instanceof StringType) {
      return Kind.STRING;
    } else if (type instanceof BinaryType
        || (SpatialValues.WRITES_SPATIAL && LaterTypes.isSpatial(type))) {
      return Kind.BINARY;
    } else if (type instanceof ArrayType) {
      return Kind.LIST;
    } else if (type instanceof MapType) {
      return Kind.MAP;
    } else if (type instanceof StructType
        || type instanceof CalendarIntervalType
        || type instanceof VariantType) {
      return Kind.STRUCT;
    } else if (type instanceof NullType) {
      return Kind.NULL;
    }
    return null;
  }

  /** The type with the storage type in place of every user-defined type, at any depth. */
  static DataType storageType(DataType type) {
    if (type instanceof UserDefinedType<?> udt) {
      return storageType(udt.sqlType());
    } else if (type instanceof ArrayType array) {
      return new ArrayType(storageType(array.elementType()), array.containsNull());
    } else if (type instanceof MapType map) {
      return new MapType(
          storageType(map.keyType()), storageType(map.valueType()), map.valueContainsNull());
    } else if (type instanceof StructType struct) {
      return storageSchema(struct);
    }
    return type;
  }

  /** {@link #storageType} of every field. */
  static StructType storageSchema(StructType schema) {
    StructField[] fields = schema.fields().clone();
    for (int i = 0; i < fields.length; i++) {
      StructField field = fields[i];
      fields[i] =
          new StructField(
              field.name(), storageType(field.dataType()), field.nullable(), field.metadata());
    }
    return new StructType(fields);
  }

  /**
   * Whether values of both storage types lie the same way and mean the same; names do not count.
   */
  static boolean sameValues(DataType a, DataType b) {
    if (a instanceof ArrayType x && b instanceof ArrayType y) {
      return sameValues(x.elementType(), y.elementType());
    } else if (a instanceof MapType x && b instanceof MapType y) {
      return sameValues(x.keyType(), y.keyType()) && sameValues(x.valueType(), y.valueType());
    } else if (a instanceof StructType x && b instanceof StructType y) {
      if (x.length() != y.length()) {
        return false;
      }
      for (int i = 0; i < x.length(); i++) {
        if (!sameValues(x.fields()[i].dataType(), y.fields()[i].dataType())) {
          return false;
        }
      }
      return true;
    }
    return a.equals(b);
  }

  /** Bytes that one more slot takes, without bitmaps and without what offsets point to. */
  long slotBytes() {
    return switch (kind) {
      case BOOLEAN -> 1;
      case STRING, BINARY, LIST, MAP -> Integer.BYTES;
      case STRUCT -> {
        long sum = 1;
        for (ColumnLayout child : children) {
          sum += child.slotBytes();
        }
        yield sum;
      }
      default -> kind.width;
    };
  }

  /** Buffers of the column and all below it. */
  int buffersOfAll() {
    int count = kind.buffers;
    for (ColumnLayout child : children) {
      count += child.buffersOfAll();
    }
    return count;
  }

  private static List<ColumnLayout> childrenOf(
      DataType type, Precision precision, Counter counter) {
    if (type instanceof ArrayType array) {
      return List.of(
          new ColumnLayout(array.elementType(), array.containsNull(), precision, null, counter));
    } else if (type instanceof MapType map) {
      StructType entries =
          new StructType()
              .add("key", map.keyType(), false)
              .add("value", map.valueType(), map.valueContainsNull());
      return List.of(new ColumnLayout(entries, false, counter));
    } else if (type instanceof StructType struct) {
      List<ColumnLayout> children = new ArrayList<>(struct.length());
      for (StructField field : struct.fields()) {
        children.add(new ColumnLayout(field.dataType(), field.nullable(), counter));
      }
      return List.copyOf(children);
    } else if (type instanceof CalendarIntervalType) {
      // Not Arrow's month-day-nano: Spark's microseconds do not all fit into 64-bit nanoseconds.
      return List.of(
          new ColumnLayout(DataTypes.IntegerType, false, counter),
          new ColumnLayout(DataTypes.IntegerType, false, counter),
          new ColumnLayout(DataTypes.LongType, false, counter));
    } else if (type instanceof VariantType) {
      return List.of(
          new ColumnLayout(DataTypes.BinaryType, false, counter),
          new ColumnLayout(DataTypes.BinaryType, false, counter));
    }
    return List.of();
  }

  private static final class Counter {
    private int nodes;
    private int buffers;
  }
}
