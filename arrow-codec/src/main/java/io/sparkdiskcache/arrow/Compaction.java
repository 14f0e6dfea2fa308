// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.arrow;

import io.sparkdiskcache.arrow.ColumnLayout.Kind;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.SortedMap;
import org.apache.arrow.memory.ArrowBuf;
import org.apache.arrow.memory.BufferAllocator;

/**
 * One column of an entry that is stored in less than its type needs, without loss, if its values
 * allow. The column's writer collects a batch as it is; {@link #encode} then looks at every value
 * and converts the batch. The first batch decides, with room for values that are somewhat larger; a
 * later one that does not fit makes this batch and all after it wider, and the entry is written
 * once more when it is finished ({@link WrittenBatches}), for an Arrow file has one schema.
 */
abstract class Compaction implements AutoCloseable {
  final int column;
  private final List<Kind> kinds;
  private int stored;

  Compaction(int column, ColumnWriter values) {
    this.column = column;
    this.kinds = Encodings.of(values.layout.type);
    this.stored = -1;
  }

  /**
   * Of all columns whose types have narrower forms and that have to be exact.
   *
   * @param allocator lends memory until {@link #close}
   */
  static List<Compaction> of(
      List<ColumnWriter> columns, List<Precision> precisions, BufferAllocator allocator) {
    List<Compaction> compactions = new ArrayList<>();
    StringDictionary.Room room = new StringDictionary.Room();
    for (int i = 0; i < columns.size(); i++) {
      ColumnWriter writer = columns.get(i);
      if (precisions.get(i) != Precision.EXACT || Encodings.of(writer.layout.type).size() < 2) {
        continue;
      }
      compactions.add(
          writer instanceof VariableWidthWriters.StringWriter strings
              ? new StringCompaction(i, strings, room, allocator)
              : new NumberCompaction(i, (FixedWidthWriters.FixedWidthWriter) writer, allocator));
    }
    // A dictionary's indexes take the place of two buffers: so what lies behind comes first.
    compactions.sort(Comparator.comparingInt((Compaction c) -> c.column).reversed());
    return compactions;
  }

  /** Puts in how the last batch was stored, where that is not as declared. */
  final void addTo(SortedMap<Integer, Kind> encodings) {
    if (stored < kinds.size() - 1) {
      encodings.put(column, stored());
    } else {
      encodings.remove(column);
    }
  }

  /** How the last batch was stored; never narrower than one before it. */
  final Kind stored() {
    return kinds.get(stored);
  }

  /**
   * Converts the batch that the writer holds.
   *
   * @param isLast whether no batch follows, so that no room has to be left
   */
  final void encode(boolean isLast) {
    boolean isFirst = stored < 0;
    int kind = Math.max(stored, 0);
    while (kind < kinds.size() - 1 && !convert(kinds.get(kind), isFirst, isFirst && !isLast)) {
      kind++;
    }
    stored = kind;
  }

  /**
   * Whether the batch fits into the kind; then it is converted.
   *
   * @param isFirst whether none has been converted yet
   * @param withRoom whether it has to fit easily
   */
  abstract boolean convert(Kind kind, boolean isFirst, boolean withRoom);

  /** Puts the converted buffers in the place of those that the writer has collected. */
  final void collect(List<ArrowBuf> buffers) {
    if (stored < kinds.size() - 1) {
      replace(buffers);
    }
  }

  abstract void replace(List<ArrowBuf> buffers);

  /** Gives back the memory of the last batch; what all batches need stays. */
  abstract void shed();

  @Override
  public abstract void close();
}
