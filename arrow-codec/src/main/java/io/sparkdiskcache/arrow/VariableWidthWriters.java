// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.arrow;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.apache.arrow.memory.ArrowBuf;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.expressions.SpecializedGetters;
import org.apache.spark.sql.catalyst.util.ArrayData;
import org.apache.spark.sql.catalyst.util.MapData;
import org.apache.spark.sql.types.BinaryType;
import org.apache.spark.sql.types.CalendarIntervalType;
import org.apache.spark.sql.types.VariantType;
import org.apache.spark.unsafe.Platform;
import org.apache.spark.unsafe.types.CalendarInterval;
import org.apache.spark.unsafe.types.UTF8String;
import org.apache.spark.unsafe.types.VariantVal;
import org.jspecify.annotations.Nullable;

/** Writers of bytes and of nested columns, and the choice of a writer for a layout. */
final class VariableWidthWriters {
  private VariableWidthWriters() {}

  /** A writer of the column and of its children; their memory comes from the allocator. */
  static ColumnWriter create(
      ColumnLayout layout, BufferAllocator allocator, ColumnWriter.Budget budget) {
    return switch (layout.kind) {
      case BOOLEAN -> new FixedWidthWriters.BooleanWriter(layout, allocator, budget);
      case INT8 -> new FixedWidthWriters.ByteWriter(layout, allocator, budget);
      case INT16 -> new FixedWidthWriters.ShortWriter(layout, allocator, budget);
      case INT32 -> new FixedWidthWriters.IntWriter(layout, allocator, budget);
      case INT64 -> new FixedWidthWriters.LongWriter(layout, allocator, budget);
      case FLOAT16, BFLOAT16, DECIMAL64, DECIMAL32, DICTIONARY8, DICTIONARY16, DICTIONARY32 ->
          throw new IllegalArgumentException(
              "Values are collected as declared, not " + layout.kind);
      case FLOAT32 -> new FixedWidthWriters.FloatWriter(layout, allocator, budget);
      case FLOAT64 -> new FixedWidthWriters.DoubleWriter(layout, allocator, budget);
      case DECIMAL -> new FixedWidthWriters.DecimalWriter(layout, allocator, budget);
      case NULL -> new FixedWidthWriters.NullWriter(layout, allocator, budget);
      case STRING -> new StringWriter(layout, allocator, budget);
      case BINARY ->
          layout.type instanceof BinaryType
              ? new BinaryWriter(layout, allocator, budget)
              : new OpaqueWriter(layout, allocator, budget);
      case LIST -> new ListWriter(layout, allocator, budget);
      case MAP -> new MapWriter(layout, allocator, budget);
      case STRUCT ->
          layout.type instanceof CalendarIntervalType
              ? new IntervalWriter(layout, allocator, budget)
              : layout.type instanceof VariantType
                  ? new VariantWriter(layout, allocator, budget)
                  : new StructWriter(layout, allocator, budget);
    };
  }

  /** A buffer of 32-bit offsets: where each slot begins, and where the last one ends. */
  abstract static class OffsetsWriter extends ColumnWriter {
    private final GrowableBuffer offsets;
    private int end;

    OffsetsWriter(ColumnLayout layout, BufferAllocator allocator, Budget budget) {
      super(layout, allocator, budget);
      this.offsets = new GrowableBuffer(allocator);
    }

    final int end() {
      return end;
    }

    final int offset(int slot) {
      return slot == 0 ? 0 : Platform.getInt(null, offsets.address() + (long) slot * Integer.BYTES);
    }

    /** The end once so much is added; fails when 32 bits cannot hold it. */
    final int endAfter(int length) throws IOException {
      long after = (long) end + length;
      if (after > Integer.MAX_VALUE) {
        throw new IOException(
            "Cannot write a batch whose column of type "
                + layout.type.simpleString()
                + " has "
                + after
                + " bytes or elements: one batch can hold "
                + Integer.MAX_VALUE
                + "; the rows are too large to be cached");
      }
      return (int) after;
    }

    /** Sets the end of the current slot. */
    final void endAt(int newEnd) {
      end = newEnd;
      long at = (count() + 1L) * Integer.BYTES;
      offsets.ensure(at + Integer.BYTES);
      if (count() == 0) {
        Platform.putInt(null, offsets.address(), 0);
      }
      Platform.putInt(null, offsets.address() + at, newEnd);
    }

    @Override
    final void writeZero() {
      endAt(end);
    }

    @Override
    void collectOwn(List<ArrowBuf> buffers) {
      buffers.add(offsets.view(count() == 0 ? 0 : (count() + 1L) * Integer.BYTES));
    }

    @Override
    void reset() {
      super.reset();
      end = 0;
    }

    @Override
    public void close() {
      super.close();
      offsets.close();
    }
  }

  /** Bytes of any length. */
  abstract static class BytesWriter extends OffsetsWriter {
    private final GrowableBuffer data;

    BytesWriter(ColumnLayout layout, BufferAllocator allocator, Budget budget) {
      super(layout, allocator, budget);
      this.data = new GrowableBuffer(allocator);
    }

    final long dataAddress() {
      return data.address();
    }

    final void append(@Nullable Object base, long offset, int length) throws IOException {
      int start = end();
      int newEnd = endAfter(length);
      data.ensure(newEnd);
      Platform.copyMemory(base, offset, null, data.address() + start, length);
      budget.bytes += length;
      endAt(newEnd);
    }

    final void append(byte[] bytes) throws IOException {
      append(bytes, Platform.BYTE_ARRAY_OFFSET, bytes.length);
    }

    @Override
    final void collectOwn(List<ArrowBuf> buffers) {
      super.collectOwn(buffers);
      buffers.add(data.view(end()));
    }

    @Override
    public final void close() {
      super.close();
      data.close();
    }
  }

  static final class StringWriter extends BytesWriter {
    StringWriter(ColumnLayout layout, BufferAllocator allocator, Budget budget) {
      super(layout, allocator, budget);
    }

    /** Bytes of offsets and strings. */
    long plainBytes() {
      return end() + (count() + 1L) * Integer.BYTES;
    }

    @Override
    void writeValue(SpecializedGetters in, int ordinal) throws IOException {
      UTF8String value = in.getUTF8String(ordinal);
      append(value.getBaseObject(), value.getBaseOffset(), value.numBytes());
    }
  }

  static final class BinaryWriter extends BytesWriter {
    BinaryWriter(ColumnLayout layout, BufferAllocator allocator, Budget budget) {
      super(layout, allocator, budget);
    }

    @Override
    void writeValue(SpecializedGetters in, int ordinal) throws IOException {
      append(in.getBinary(ordinal));
    }
  }

  /** Geometry and geography: bytes that only Spark understands. */
  static final class OpaqueWriter extends BytesWriter {
    OpaqueWriter(ColumnLayout layout, BufferAllocator allocator, Budget budget) {
      super(layout, allocator, budget);
    }

    @Override
    void writeValue(SpecializedGetters in, int ordinal) throws IOException {
      SpatialValues.writeOpaque(this, in, ordinal);
    }
  }

  static final class ListWriter extends OffsetsWriter {
    private final ColumnWriter element;
    private final long elementBytes;

    ListWriter(ColumnLayout layout, BufferAllocator allocator, Budget budget) {
      super(layout, allocator, budget);
      this.element = create(layout.children.get(0), allocator, budget);
      this.elementBytes = element.layout.slotBytes();
    }

    @Override
    void writeValue(SpecializedGetters in, int ordinal) throws IOException {
      ArrayData array = in.getArray(ordinal);
      int length = array.numElements();
      int newEnd = endAfter(length);
      for (int i = 0; i < length; i++) {
        element.write(array, i);
      }
      budget.bytes += length * elementBytes;
      endAt(newEnd);
    }

    @Override
    List<ColumnWriter> children() {
      return List.of(element);
    }
  }

  static final class MapWriter extends OffsetsWriter {
    private final StructWriter entries;
    private final ColumnWriter key;
    private final ColumnWriter value;
    private final long entryBytes;

    MapWriter(ColumnLayout layout, BufferAllocator allocator, Budget budget) {
      super(layout, allocator, budget);
      this.entries = new StructWriter(layout.children.get(0), allocator, budget);
      this.key = entries.children().get(0);
      this.value = entries.children().get(1);
      this.entryBytes = entries.layout.slotBytes();
    }

    @Override
    void writeValue(SpecializedGetters in, int ordinal) throws IOException {
      MapData map = in.getMap(ordinal);
      int length = map.numElements();
      int newEnd = endAfter(length);
      ArrayData keys = map.keyArray();
      ArrayData values = map.valueArray();
      for (int i = 0; i < length; i++) {
        key.write(keys, i);
        value.write(values, i);
        entries.endSlot(true);
      }
      budget.bytes += length * entryBytes;
      endAt(newEnd);
    }

    @Override
    List<ColumnWriter> children() {
      return List.of(entries);
    }
  }

  /** No buffer but the bitmap; a child has a slot wherever the struct has one. */
  static class StructWriter extends ColumnWriter {
    private final List<ColumnWriter> fields;

    StructWriter(ColumnLayout layout, BufferAllocator allocator, Budget budget) {
      super(layout, allocator, budget);
      List<ColumnWriter> writers = new ArrayList<>(layout.children.size());
      for (ColumnLayout child : layout.children) {
        writers.add(create(child, allocator, budget));
      }
      this.fields = List.copyOf(writers);
    }

    @Override
    void writeValue(SpecializedGetters in, int ordinal) throws IOException {
      InternalRow struct = in.getStruct(ordinal, fields.size());
      for (int i = 0; i < fields.size(); i++) {
        fields.get(i).write(struct, i);
      }
    }

    @Override
    final void writeZero() throws IOException {
      for (ColumnWriter field : fields) {
        field.writeMissing();
      }
    }

    @Override
    final List<ColumnWriter> children() {
      return fields;
    }
  }

  static final class IntervalWriter extends StructWriter {
    IntervalWriter(ColumnLayout layout, BufferAllocator allocator, Budget budget) {
      super(layout, allocator, budget);
    }

    @Override
    void writeValue(SpecializedGetters in, int ordinal) {
      CalendarInterval value = in.getInterval(ordinal);
      ((FixedWidthWriters.IntWriter) children().get(0)).append(value.months);
      ((FixedWidthWriters.IntWriter) children().get(1)).append(value.days);
      ((FixedWidthWriters.LongWriter) children().get(2)).append(value.microseconds);
      for (ColumnWriter field : children()) {
        field.endSlot(true);
      }
    }
  }

  static final class VariantWriter extends StructWriter {
    VariantWriter(ColumnLayout layout, BufferAllocator allocator, Budget budget) {
      super(layout, allocator, budget);
    }

    @Override
    void writeValue(SpecializedGetters in, int ordinal) throws IOException {
      VariantVal value = in.getVariant(ordinal);
      ((BytesWriter) children().get(0)).append(value.getValue());
      ((BytesWriter) children().get(1)).append(value.getMetadata());
      for (ColumnWriter field : children()) {
        field.endSlot(true);
      }
    }
  }
}
