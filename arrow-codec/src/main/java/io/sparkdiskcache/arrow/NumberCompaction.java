// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.arrow;

import io.sparkdiskcache.arrow.ColumnLayout.Kind;
import io.sparkdiskcache.arrow.FixedWidthWriters.FixedWidthWriter;
import java.util.List;
import org.apache.arrow.memory.ArrowBuf;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.spark.unsafe.Platform;

/** Whole numbers and decimals in fewer bytes, doubles as floats. */
final class NumberCompaction extends Compaction {
  /** Room that a first batch leaves: later values may be four times as large. */
  private static final int ROOM_BITS = 2;

  private static final long NINE_DIGITS = 1_000_000_000L;
  private static final long EIGHTEEN_DIGITS = NINE_DIGITS * NINE_DIGITS;

  private final FixedWidthWriter values;
  private final GrowableBuffer narrow;
  private long bytes;

  NumberCompaction(int column, FixedWidthWriter values, BufferAllocator allocator) {
    super(column, values);
    this.values = values;
    this.narrow = new GrowableBuffer(allocator);
  }

  @Override
  boolean convert(Kind kind, boolean isFirst, boolean withRoom) {
    Kind declared = values.layout.kind;
    int slots = values.count();
    bytes = (long) slots * kind.width;
    narrow.ensure(bytes);
    return switch (declared) {
      case FLOAT64 -> convertDoubles(slots);
      case DECIMAL -> convertDecimals(kind, slots, withRoom ? 1 << ROOM_BITS : 1);
      default -> convertIntegers(kind, slots, withRoom ? ROOM_BITS : 0);
    };
  }

  /** Bits count: a value that a float cannot give back, some NaN included, does not fit. */
  private boolean convertDoubles(int slots) {
    long to = narrow.address();
    for (int slot = 0; slot < slots; slot++, to += Float.BYTES) {
      long bits = Platform.getLong(null, values.address(slot));
      float value = (float) Double.longBitsToDouble(bits);
      if (Double.doubleToRawLongBits(value) != bits) {
        return false;
      }
      Platform.putFloat(null, to, value);
    }
    return true;
  }

  private boolean convertDecimals(Kind kind, int slots, int room) {
    long limit = (kind == Kind.DECIMAL32 ? NINE_DIGITS : EIGHTEEN_DIGITS) / room;
    long to = narrow.address();
    for (int slot = 0; slot < slots; slot++, to += kind.width) {
      long from = values.address(slot);
      long low = Platform.getLong(null, from);
      if (Platform.getLong(null, from + Long.BYTES) != low >> (Long.SIZE - 1)
          || low <= -limit
          || low >= limit) {
        return false;
      }
      put(to, kind.width, low);
    }
    return true;
  }

  private boolean convertIntegers(Kind kind, int slots, int roomBits) {
    int width = values.width;
    long magnitudes = 0;
    for (int slot = 0; slot < slots; slot++) {
      long value = get(values.address(slot), width);
      magnitudes |= value ^ (value >> (Long.SIZE - 1));
    }
    int bits = Long.SIZE - Long.numberOfLeadingZeros(magnitudes) + 1;
    if (bits + roomBits > kind.width * Byte.SIZE) {
      return false;
    }
    long to = narrow.address();
    for (int slot = 0; slot < slots; slot++, to += kind.width) {
      put(to, kind.width, get(values.address(slot), width));
    }
    return true;
  }

  @Override
  void replace(List<ArrowBuf> buffers) {
    buffers.set(values.layout.buffer + 1, narrow.view(bytes));
  }

  /** A whole number of so many bytes. */
  static long get(long address, int width) {
    return switch (width) {
      case Byte.BYTES -> Platform.getByte(null, address);
      case Short.BYTES -> Platform.getShort(null, address);
      case Integer.BYTES -> Platform.getInt(null, address);
      default -> Platform.getLong(null, address);
    };
  }

  /** The lowest bytes of a whole number. */
  static void put(long address, int width, long value) {
    switch (width) {
      case Byte.BYTES -> Platform.putByte(null, address, (byte) value);
      case Short.BYTES -> Platform.putShort(null, address, (short) value);
      case Integer.BYTES -> Platform.putInt(null, address, (int) value);
      default -> Platform.putLong(null, address, value);
    }
  }

  @Override
  void shed() {
    narrow.close();
  }

  @Override
  public void close() {
    shed();
  }
}
