// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.arrow;

import java.math.BigInteger;
import java.util.List;
import org.apache.arrow.memory.ArrowBuf;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.spark.sql.catalyst.expressions.SpecializedGetters;
import org.apache.spark.sql.types.Decimal;
import org.apache.spark.sql.types.DecimalType;
import org.apache.spark.unsafe.Platform;
import org.jspecify.annotations.Nullable;

/** Writers of the columns whose slots all have one width. */
final class FixedWidthWriters {
  private FixedWidthWriters() {}

  /** One data buffer, {@link ColumnLayout.Kind#width} bytes a slot. */
  abstract static class FixedWidthWriter extends ColumnWriter {
    private final GrowableBuffer data;
    final int width;

    FixedWidthWriter(ColumnLayout layout, BufferAllocator allocator, Budget budget) {
      super(layout, allocator, budget);
      this.data = new GrowableBuffer(allocator);
      this.width = layout.kind.width;
    }

    /** Address of the current slot, with room for it. */
    final long slot() {
      long at = (long) count() * width;
      data.ensure(at + width);
      return data.address() + at;
    }

    /** Address of a slot that has been written. */
    final long address(int slot) {
      return data.address() + (long) slot * width;
    }

    @Override
    final void writeZero() {
      Platform.setMemory(slot(), (byte) 0, width);
    }

    @Override
    final void collectOwn(List<ArrowBuf> buffers) {
      buffers.add(data.view((long) count() * width));
    }

    @Override
    public final void close() {
      super.close();
      data.close();
    }
  }

  static final class ByteWriter extends FixedWidthWriter {
    ByteWriter(ColumnLayout layout, BufferAllocator allocator, Budget budget) {
      super(layout, allocator, budget);
    }

    @Override
    void writeValue(SpecializedGetters in, int ordinal) {
      Platform.putByte(null, slot(), in.getByte(ordinal));
    }
  }

  static final class ShortWriter extends FixedWidthWriter {
    ShortWriter(ColumnLayout layout, BufferAllocator allocator, Budget budget) {
      super(layout, allocator, budget);
    }

    @Override
    void writeValue(SpecializedGetters in, int ordinal) {
      Platform.putShort(null, slot(), in.getShort(ordinal));
    }
  }

  static final class IntWriter extends FixedWidthWriter {
    IntWriter(ColumnLayout layout, BufferAllocator allocator, Budget budget) {
      super(layout, allocator, budget);
    }

    @Override
    void writeValue(SpecializedGetters in, int ordinal) {
      append(in.getInt(ordinal));
    }

    void append(int value) {
      Platform.putInt(null, slot(), value);
    }
  }

  static final class LongWriter extends FixedWidthWriter {
    LongWriter(ColumnLayout layout, BufferAllocator allocator, Budget budget) {
      super(layout, allocator, budget);
    }

    @Override
    void writeValue(SpecializedGetters in, int ordinal) {
      append(in.getLong(ordinal));
    }

    void append(long value) {
      Platform.putLong(null, slot(), value);
    }
  }

  static final class FloatWriter extends FixedWidthWriter {
    FloatWriter(ColumnLayout layout, BufferAllocator allocator, Budget budget) {
      super(layout, allocator, budget);
    }

    @Override
    void writeValue(SpecializedGetters in, int ordinal) {
      Platform.putFloat(null, slot(), in.getFloat(ordinal));
    }
  }

  static final class DoubleWriter extends FixedWidthWriter {
    DoubleWriter(ColumnLayout layout, BufferAllocator allocator, Budget budget) {
      super(layout, allocator, budget);
    }

    @Override
    void writeValue(SpecializedGetters in, int ordinal) {
      Platform.putDouble(null, slot(), in.getDouble(ordinal));
    }
  }

  static final class DecimalWriter extends FixedWidthWriter {
    private final int precision;
    private final int scale;

    DecimalWriter(ColumnLayout layout, BufferAllocator allocator, Budget budget) {
      super(layout, allocator, budget);
      DecimalType type = (DecimalType) layout.type;
      this.precision = type.precision();
      this.scale = type.scale();
    }

    @Override
    void write(SpecializedGetters in, int ordinal) {
      Decimal value =
          in.isNullAt(ordinal) ? null : fitted(in.getDecimal(ordinal, precision, scale));
      if (value == null) {
        writeZero();
      } else {
        append(value);
      }
      endSlot(value != null);
    }

    @Override
    void writeValue(SpecializedGetters in, int ordinal) {
      throw new UnsupportedOperationException("Cannot write a decimal without checking its range");
    }

    /** As Spark's own rows do: a value that does not fit the column's type becomes null. */
    private @Nullable Decimal fitted(Decimal value) {
      if (value.precision() == precision && value.scale() == scale) {
        return value;
      }
      Decimal copy = value.clone();
      return copy.changePrecision(precision, scale) ? copy : null;
    }

    private void append(Decimal value) {
      long at = slot();
      if (precision <= Decimal.MAX_LONG_DIGITS()) {
        long unscaled = value.toUnscaledLong();
        Platform.putLong(null, at, unscaled);
        Platform.putLong(null, at + Long.BYTES, unscaled >> (Long.SIZE - 1));
      } else {
        BigInteger unscaled = value.toJavaBigDecimal().unscaledValue();
        Platform.putLong(null, at, unscaled.longValue());
        Platform.putLong(null, at + Long.BYTES, unscaled.shiftRight(Long.SIZE).longValue());
      }
    }
  }

  /** One bit a slot. */
  static final class BooleanWriter extends ColumnWriter {
    private final GrowableBuffer bits;

    BooleanWriter(ColumnLayout layout, BufferAllocator allocator, Budget budget) {
      super(layout, allocator, budget);
      this.bits = new GrowableBuffer(allocator);
    }

    boolean value(int slot) {
      return (Platform.getByte(null, bits.address() + (slot >> 3)) & (1 << (slot & 7))) != 0;
    }

    @Override
    void writeValue(SpecializedGetters in, int ordinal) {
      append(in.getBoolean(ordinal));
    }

    @Override
    void writeZero() {
      append(false);
    }

    private void append(boolean value) {
      int at = count() >> 3;
      int bit = count() & 7;
      int old = 0;
      if (bit == 0) {
        bits.ensure(at + 1);
      } else {
        old = Platform.getByte(null, bits.address() + at);
      }
      Platform.putByte(null, bits.address() + at, (byte) (value ? old | (1 << bit) : old));
    }

    @Override
    void collectOwn(List<ArrowBuf> buffers) {
      buffers.add(bits.view(bitmapBytes(count())));
    }

    @Override
    public void close() {
      super.close();
      bits.close();
    }
  }

  /** Counts only. */
  static final class NullWriter extends ColumnWriter {
    NullWriter(ColumnLayout layout, BufferAllocator allocator, Budget budget) {
      super(layout, allocator, budget);
    }

    /** Every slot is null by its type, so none needs a bit. */
    @Override
    void write(SpecializedGetters in, int ordinal) {
      endSlot(true);
    }

    @Override
    void writeValue(SpecializedGetters in, int ordinal) {}

    @Override
    void writeZero() {}
  }
}
