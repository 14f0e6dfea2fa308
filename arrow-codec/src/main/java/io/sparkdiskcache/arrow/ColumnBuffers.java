// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.arrow;

import org.jspecify.annotations.Nullable;

/**
 * The plain buffers of a column and its children, in memory. Lengths of buffers and nodes agree
 * with each other; what buffers contain (offsets, bitmaps) is not checked.
 */
interface ColumnBuffers {
  int slots(ColumnLayout column);

  int nullCount(ColumnLayout column);

  /** Bytes of one of the column's own buffers. */
  long length(ColumnLayout column, int buffer) throws CorruptEntryException;

  /** Where one of the column's own buffers is in the file, as it is stored. */
  long position(ColumnLayout column, int buffer);

  /**
   * Address of one of the column's own buffers, 0 if that is empty. It holds as long as this
   * object, or the entry that it belongs to if there is one, is reachable.
   */
  long address(ColumnLayout column, int buffer) throws CorruptEntryException;

  /**
   * The same buffer on the heap, if it has to be moved in any case: what is handed out of it then
   * keeps it. Null if it lies at its {@link #address}.
   */
  byte @Nullable [] heap(ColumnLayout column, int buffer) throws CorruptEntryException;
}
