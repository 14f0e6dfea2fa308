// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.arrow;

import java.io.IOException;
import java.util.Optional;

/**
 * What is kept of an entry between its readers, whatever becomes of the file's name: the mapped
 * file. Who keeps it holds a reference. Of an encrypted entry the rows are in memory only while
 * there are readers.
 */
public interface KeptEntry {
  /** The same with a reference for the caller, who holds one meanwhile. */
  KeptEntry keep();

  /** Gives back a reference. */
  void release();

  /**
   * The entry's rows, with a reference for the caller; empty if the last reference is gone.
   *
   * @throws CorruptEntryException if an encrypted entry is not what was written
   */
  Optional<MappedEntry> reader() throws IOException;
}
