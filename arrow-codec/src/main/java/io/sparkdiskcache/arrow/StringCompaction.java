// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.arrow;

import io.sparkdiskcache.arrow.ColumnLayout.Kind;
import java.util.List;
import java.util.Optional;
import org.apache.arrow.memory.ArrowBuf;
import org.apache.arrow.memory.BufferAllocator;
import org.jspecify.annotations.Nullable;

/** Strings that repeat, as numbers of a dictionary for all of the entry. */
final class StringCompaction extends Compaction {
  /** Room that a first batch leaves: later ones may have four times as many distinct values. */
  private static final int ROOM = 4;

  /** After so many strings of which hardly one was there before the rest is not looked at. */
  private static final int SAMPLE = 2048;

  /**
   * Of the sample, there before: as if each string were one of 250,000, about a full dictionary.
   */
  private static final int REPEATED = 8;

  /** Of the last quarter of a first batch, new: more, and the dictionary would soon be full. */
  private static final double MAX_NEW = 0.7;

  private static final int WORDS = Character.MAX_VALUE + 1;

  /**
   * The bytes that a dictionary takes in a file besides its values: its message, its place in the
   * footer.
   */
  private static final int OVERHEAD = 384;

  private final VariableWidthWriters.StringWriter values;
  private final StringDictionary.Room room;
  private final BufferAllocator allocator;
  private final GrowableBuffer indexes;
  private @Nullable StringDictionary dictionary;
  private long bytes;

  StringCompaction(
      int column,
      VariableWidthWriters.StringWriter values,
      StringDictionary.Room room,
      BufferAllocator allocator) {
    super(column, values);
    this.values = values;
    this.room = room;
    this.allocator = allocator;
    this.indexes = new GrowableBuffer(allocator);
  }

  /** Of the batches so far that have one. */
  Optional<StringDictionary> dictionary() {
    return Optional.ofNullable(dictionary);
  }

  @Override
  boolean convert(Kind kind, boolean isFirst, boolean withRoom) {
    if (dictionary == null) {
      dictionary = new StringDictionary(room, allocator);
    }
    int slots = values.count();
    bytes = (long) slots * kind.width;
    indexes.ensure(bytes);
    boolean fits = number(dictionary, kind, isFirst, limit(kind, slots, withRoom));
    if (fits && isFirst && bytes + dictionary.bytes() + OVERHEAD > values.plainBytes()) {
      fits = false;
    }
    if (!fits && isFirst) {
      dictionary.close(); // what it has may be of no use for the next kind
      dictionary = null;
    }
    return fits;
  }

  private boolean number(StringDictionary into, Kind kind, boolean isFirst, int limit) {
    int slots = values.count();
    int lastQuarter = slots - slots / 4;
    int before = 0; // of the last quarter
    for (int slot = 0; slot < slots; slot++) {
      int index = 0;
      if (!values.isNull(slot)) {
        int start = values.offset(slot);
        index = into.indexOf(values.dataAddress() + start, values.offset(slot + 1) - start);
        if (index == StringDictionary.FULL || index >= limit) {
          return false;
        }
      }
      if (isFirst && slot == SAMPLE && into.size() > SAMPLE - REPEATED) {
        return false;
      }
      if (slot == lastQuarter) {
        before = into.size();
      }
      NumberCompaction.put(indexes.address() + (long) slot * kind.width, kind.width, index);
    }
    return !isFirst || slots <= SAMPLE || into.size() - before <= MAX_NEW * (slots - lastQuarter);
  }

  /**
   * How many values the kind can number, or what a first batch of so many slots may have of them.
   */
  private static int limit(Kind kind, int slots, boolean withRoom) {
    return switch (kind) {
      case DICTIONARY8 -> (Byte.MAX_VALUE + 1) / (withRoom ? ROOM : 1);
      // With room, what a batch has if all values there are are equally frequent.
      case DICTIONARY16 ->
          withRoom ? (int) (WORDS * (1 - Math.exp(-slots / (double) WORDS))) : WORDS;
      default -> Integer.MAX_VALUE;
    };
  }

  /** Indexes in the place of offsets and bytes. */
  @Override
  void replace(List<ArrowBuf> buffers) {
    int at = values.layout.buffer + 1;
    buffers.set(at, indexes.view(bytes));
    buffers.remove(at + 1);
  }

  @Override
  void shed() {
    indexes.close();
  }

  @Override
  public void close() {
    shed();
    if (dictionary != null) {
      dictionary.close();
    }
  }
}
