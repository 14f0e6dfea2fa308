// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.arrow;

import java.nio.file.Path;
import org.apache.spark.unsafe.Platform;
import org.jspecify.annotations.Nullable;

/**
 * Makes vectors over the buffers of a column. The statements of buffers about other buffers are
 * checked here, in one pass: offsets ascend from zero to the end of what they point to, and bitmaps
 * have as many nulls as announced. From then on no access by a valid slot number can leave the
 * mapping, whatever the file holds.
 */
final class ColumnLoader {
  private final MappedEntry entry;
  private final ColumnBuffers buffers;

  private ColumnLoader(MappedEntry entry, ColumnBuffers buffers) {
    this.entry = entry;
    this.buffers = buffers;
  }

  static MappedColumn load(MappedEntry entry, BatchBuffers buffers, ColumnLayout column)
      throws CorruptEntryException {
    return new ColumnLoader(entry, buffers.plain(entry.file(), column, entry)).load(column);
  }

  private MappedColumn load(ColumnLayout column) throws CorruptEntryException {
    checkBitmap(column);
    Slots slots =
        new Slots(
            buffers instanceof BatchBuffers ? entry : buffers,
            column.type,
            buffers.slots(column),
            buffers.nullCount(column),
            column.kind == ColumnLayout.Kind.NULL ? 0 : buffers.address(column, 0));
    long second = column.kind.buffers > 1 ? buffers.address(column, 1) : 0;
    ColumnLayout.Kind declared = ColumnLayout.kindOf(column.type);
    return switch (declared == null ? column.kind : declared) {
      case BOOLEAN -> new BooleanColumn(slots, second);
      case INT8 -> new ByteColumn(slots, second);
      case INT16 -> new ShortColumn(slots, second, column.kind.width);
      case INT32 -> new IntColumn(slots, second, column.kind.width);
      case INT64 -> new LongColumn(slots, second, column.kind.width);
      case FLOAT32 ->
          entry.precision().isEmpty()
              ? new FloatColumn(slots, second)
              : new LoweredColumn(slots, column.kind, second);
      case FLOAT64 ->
          entry.precision().isEmpty()
              ? new DoubleColumn(slots, second, column.kind == ColumnLayout.Kind.FLOAT32)
              : new LoweredColumn(slots, column.kind, second);
      case DECIMAL -> new DecimalColumn(slots, second, column.kind.width);
      case NULL -> new NullColumn(slots);
      case STRING -> {
        if (column.kind.isDictionary()) {
          yield encodedStrings(slots, column, second);
        }
        checkOffsets(column, buffers.length(column, 2));
        byte[] heap = buffers.heap(column, 2);
        yield new StringColumn(slots, second, heap, data(column, heap));
      }
      case BINARY -> {
        checkOffsets(column, buffers.length(column, 2));
        byte[] heap = buffers.heap(column, 2);
        yield new BinaryColumn(slots, second, heap, data(column, heap));
      }
      case LIST -> {
        ColumnLayout element = column.children.get(0);
        checkOffsets(column, buffers.slots(element));
        yield new ListColumn(slots, second, load(element));
      }
      case MAP -> map(slots, column, second);
      case STRUCT -> struct(slots, column);
      default -> throw new IllegalStateException("No type is declared as " + column.kind);
    };
  }

  private MapColumn map(Slots slots, ColumnLayout column, long offsets)
      throws CorruptEntryException {
    ColumnLayout entries = column.children.get(0);
    checkOffsets(column, buffers.slots(entries));
    if (buffers.nullCount(entries) != 0) {
      throw corrupt(entries, 0, "entries that are null");
    }
    return new MapColumn(
        slots, offsets, load(entries.children.get(0)), load(entries.children.get(1)));
  }

  private StructColumn struct(Slots slots, ColumnLayout column) throws CorruptEntryException {
    MappedColumn[] fields = new MappedColumn[column.children.size()];
    for (int i = 0; i < fields.length; i++) {
      fields[i] = load(column.children.get(i));
    }
    return new StructColumn(slots, fields);
  }

  /** Where the bytes of values begin: in the array if there is one. */
  private long data(ColumnLayout column, byte @Nullable [] heap) throws CorruptEntryException {
    return heap == null ? buffers.address(column, 2) : Platform.BYTE_ARRAY_OFFSET;
  }

  private StringColumn encodedStrings(Slots slots, ColumnLayout column, long indexes)
      throws CorruptEntryException {
    EntryDictionary dictionary = entry.dictionary(column);
    int size = dictionary.size();
    int width = column.kind.width;
    long outside = size == 0 && slots.nulls() < slots.count() ? -1 : 0;
    for (int slot = 0; slot < slots.count() && size > 0; slot++) {
      long index = column.kind.get(indexes + (long) slot * width);
      outside |= index | (size - 1 - index);
    }
    if (outside < 0) {
      throw corrupt(column, 1, "numbers outside its dictionary of " + size + " strings");
    }
    return new StringColumn(slots, dictionary.offsets(), null, dictionary.data(), indexes, width);
  }

  private void checkBitmap(ColumnLayout column) throws CorruptEntryException {
    int nulls = buffers.nullCount(column);
    if (nulls == 0 || column.kind == ColumnLayout.Kind.NULL) {
      return;
    }
    long address = buffers.address(column, 0);
    int slots = buffers.slots(column);
    int valid = 0;
    int slot = 0;
    for (; slot + Long.SIZE <= slots; slot += Long.SIZE) {
      valid += Long.bitCount(Platform.getLong(null, address + (slot >> 3)));
    }
    for (; slot < slots; slot++) {
      valid += (Platform.getByte(null, address + (slot >> 3)) >> (slot & 7)) & 1;
    }
    if (slots - valid != nulls) {
      throw corrupt(column, 0, (slots - valid) + " nulls where " + nulls + " are announced");
    }
  }

  private void checkOffsets(ColumnLayout column, long end) throws CorruptEntryException {
    checkOffsets(entry.file(), buffers, column, end);
  }

  /** Offsets have to ascend from zero to the end of what they point to. */
  static void checkOffsets(Path file, ColumnBuffers buffers, ColumnLayout column, long end)
      throws CorruptEntryException {
    int slots = buffers.slots(column);
    if (slots == 0) {
      if (end != 0) {
        throw corrupt(file, buffers, column, 1, "values, but no rows");
      }
      return;
    }
    long address = buffers.address(column, 1);
    int previous = Platform.getInt(null, address);
    int sign = previous;
    for (int slot = 1; slot <= slots; slot++) {
      int offset = Platform.getInt(null, address + (long) slot * Integer.BYTES);
      // Neither can be negative unnoticed, so the difference of two that are not cannot overflow.
      sign |= offset | (offset - previous);
      previous = offset;
    }
    if (sign < 0 || Platform.getInt(null, address) != 0 || previous != end) {
      throw corrupt(file, buffers, column, 1, "offsets that do not ascend to " + end);
    }
  }

  private CorruptEntryException corrupt(ColumnLayout column, int buffer, String what) {
    return corrupt(entry.file(), buffers, column, buffer, what);
  }

  private static CorruptEntryException corrupt(
      Path file, ColumnBuffers buffers, ColumnLayout column, int buffer, String what) {
    return new CorruptEntryException(
        file,
        buffers.position(column, buffer),
        "a column of type " + column.type.simpleString() + " has " + what);
  }
}
