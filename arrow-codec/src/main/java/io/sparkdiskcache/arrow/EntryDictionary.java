// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.arrow;

import java.nio.file.Path;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;

/** The strings that the numbers in a column of an entry mean, in the mapping. */
final class EntryDictionary {
  /** A batch of one column of strings, none of them null. */
  static final ColumnLayout.Batch LAYOUT =
      ColumnLayout.Batch.of(new StructType().add("value", DataTypes.StringType, false));

  private static final ColumnLayout STRINGS = LAYOUT.columns().get(0);

  private final Path file;
  private final BatchBuffers buffers;

  /** Set by whichever thread checks first; checking twice does no harm. */
  private volatile boolean checked;

  EntryDictionary(Path file, BatchBuffers buffers) {
    this.file = file;
    this.buffers = buffers;
  }

  /** Number of strings; their offsets have been checked from now on. */
  int size() throws CorruptEntryException {
    if (!checked) {
      if (buffers.nullCount(STRINGS) != 0) {
        throw new CorruptEntryException(
            file, buffers.position(STRINGS, 0), "a dictionary has nulls");
      }
      ColumnLoader.checkOffsets(file, buffers, STRINGS, buffers.length(STRINGS, 2));
      checked = true;
    }
    return buffers.slots(STRINGS);
  }

  long offsets() {
    return buffers.address(STRINGS, 1);
  }

  long data() {
    return buffers.address(STRINGS, 2);
  }
}
