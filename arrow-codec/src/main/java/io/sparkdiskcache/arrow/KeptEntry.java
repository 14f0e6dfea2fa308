// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.arrow;

import io.sparkdiskcache.annotation.Internal;
import java.io.IOException;

/**
 * The part of an entry that is kept between its readers, whatever becomes of the file's name: the
 * mapped file. It is unmapped once nothing refers to it. Of an encrypted entry the rows are in
 * memory only while somebody refers to them.
 */
@Internal
public interface KeptEntry {
  /**
   * The entry's rows.
   *
   * @throws CorruptEntryException if an encrypted entry is not what was written
   */
  MappedEntry reader() throws IOException;
}
