// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.fingerprint;

import io.sparkdiskcache.annotation.Internal;
import java.io.Serializable;
import org.apache.spark.sql.execution.datasources.PartitionedFile;

/**
 * A piece of an input file and the constants Spark adds to its rows.
 *
 * @param file the whole file
 * @param split what to hand to Spark's reader
 * @param identity digest over file, range, typed partition values and other constant columns; owned
 *     by the record and not to be changed
 * @param settled false where the file is so young that its identity may hold for its next content
 *     too: then nothing may be stored or looked up under it
 */
@Internal
@SuppressWarnings("ArrayRecordComponent") // never compared as records
public record FileChunk(InputFile file, PartitionedFile split, byte[] identity, boolean settled)
    implements Serializable {

  /** Offset of the first byte in the file. */
  public long start() {
    return split.start();
  }

  /** Bytes of this piece. */
  public long length() {
    return split.length();
  }
}
