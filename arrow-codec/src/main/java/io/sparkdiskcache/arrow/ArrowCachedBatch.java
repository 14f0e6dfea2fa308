// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.arrow;

import com.esotericsoftware.kryo.Kryo;
import com.esotericsoftware.kryo.KryoSerializable;
import com.esotericsoftware.kryo.io.Input;
import com.esotericsoftware.kryo.io.Output;
import io.sparkdiskcache.annotation.Internal;
import java.io.IOException;
import java.io.NotSerializableException;
import java.io.ObjectOutputStream;
import java.io.Serializable;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.columnar.SimpleMetricsCachedBatch;

/**
 * A record batch of a mapped entry, to which it refers. It means something in this process only, so
 * serializing it is an error that says so; it is declared serializable to be able to.
 */
@Internal
public final class ArrowCachedBatch
    implements SimpleMetricsCachedBatch, Serializable, KryoSerializable {
  private static final long serialVersionUID = 1L;

  private static final String NOT_SERIALIZABLE =
      "Cannot serialize a cached batch: it is a place in memory that this process has mapped; pass"
          + " on rows instead, or read the entry where it lies";

  private final transient MappedEntry entry;
  private final transient int index;

  ArrowCachedBatch(MappedEntry entry, int index) {
    if (index < 0 || index >= entry.batchCount()) {
      throw new IndexOutOfBoundsException(
          "Cannot take batch " + index + " of " + entry.file() + ": it has " + entry.batchCount());
    }
    this.entry = entry;
    this.index = index;
  }

  public MappedEntry entry() {
    return entry;
  }

  /** Number of the batch in its entry, from 0. */
  public int index() {
    return index;
  }

  @Override
  public int numRows() {
    return entry.rows(index);
  }

  /** Bytes of all buffers, as they are mapped. */
  @Override
  public long sizeInBytes() {
    return entry.bytes(index);
  }

  /**
   * Lower bound, upper bound, null count, row count and bytes of every column; decoded anew each
   * time. A bound is null if none is kept, which says nothing about the rows.
   */
  @Override
  public InternalRow stats() {
    return entry.stats(index);
  }

  /** A vector over one column; offsets and bitmaps are checked now. */
  MappedColumn column(int column) throws CorruptEntryException {
    return entry.column(index, column);
  }

  private void writeObject(ObjectOutputStream out) throws IOException {
    throw new NotSerializableException(NOT_SERIALIZABLE);
  }

  @Override
  public void write(Kryo kryo, Output output) {
    throw new UnsupportedOperationException(NOT_SERIALIZABLE);
  }

  @Override
  public void read(Kryo kryo, Input input) {
    throw new UnsupportedOperationException(NOT_SERIALIZABLE);
  }
}
