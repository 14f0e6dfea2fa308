// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.relation;

import io.sparkdiskcache.arrow.EntrySummary;
import io.sparkdiskcache.arrow.EntryWriter;
import io.sparkdiskcache.arrow.MappedEntry;
import io.sparkdiskcache.shim.TaskMemory;
import io.sparkdiskcache.store.StoreException;
import java.io.IOException;
import java.util.Optional;
import org.apache.spark.TaskContext;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.vectorized.ColumnarBatch;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import scala.collection.Iterator;

/**
 * Drains what computes a unit into its file. Wraps only the writer's own errors: rows that fail
 * raise what they would in plain Spark.
 */
final class UnitWriter {
  private static final Logger log = LoggerFactory.getLogger(UnitWriter.class);
  private static final int ROWS_BETWEEN_KILL_CHECKS = 1024;

  private final EntryWriter writer;
  private final TaskMemory memory;
  private final RoomCheck room;
  private final TaskContext context;
  private final WriteTimer timer;

  /** Asked while writing: whether the file may grow on. */
  interface RoomCheck {
    void requireRoom() throws StoreException;
  }

  /** The file could not be written or read back; the rows themselves were fine. */
  static final class EntryWriteException extends Exception {
    EntryWriteException(IOException cause) {
      super(cause);
    }
  }

  /**
   * The entry that was written.
   *
   * @param batches that were copied column by column; 0 if it was written from rows
   */
  record Written(EntrySummary summary, long batches) {}

  /**
   * @param writer closed by {@link #write}
   * @param memory what the writer counts its memory with, closed after it
   */
  UnitWriter(
      EntryWriter writer,
      TaskMemory memory,
      RoomCheck room,
      TaskContext context,
      WriteTimer timer) {
    this.writer = writer;
    this.memory = memory;
    this.room = room;
    this.context = context;
    this.timer = timer;
  }

  /** The description that a file has of itself, once all rows are written. */
  interface Description {
    /**
     * The text of the description.
     *
     * @param dataBytes what the values take by the count of Spark's own cache
     */
    String of(long rows, long dataBytes);
  }

  /**
   * To be called once.
   *
   * @param describe what the file says of itself
   */
  Written write(UnitSource source, Description describe)
      throws EntryWriteException, StoreException {
    try {
      long batches = drain(source);
      return new Written(finish(describe), batches);
    } finally {
      timer.end();
      closeQuietly();
    }
  }

  /** {@link #write} with a writer into memory: the entry. */
  MappedEntry writeIntoMemory(UnitSource source, Description describe)
      throws EntryWriteException, StoreException {
    try {
      drain(source);
      finish(describe);
      return writer.entry();
    } catch (IOException e) {
      throw new EntryWriteException(e);
    } finally {
      closeQuietly();
    }
  }

  private long drain(UnitSource source) throws EntryWriteException, StoreException {
    Optional<Iterator<ColumnarBatch>> columns = source.batches();
    long batches = 0;
    if (columns.isPresent()) {
      batches = copy(columns.get());
    } else {
      append(source.rows());
    }
    context.killTaskIfInterrupted();
    timer.endOfRows();
    return batches;
  }

  private void append(Iterator<InternalRow> rows) throws EntryWriteException, StoreException {
    long written = 0;
    while (rows.hasNext()) {
      InternalRow row = rows.next();
      if (written % ROWS_BETWEEN_KILL_CHECKS == 0) {
        context.killTaskIfInterrupted();
        room.requireRoom();
      }
      long before = timer.beforeRow(written++);
      try {
        writer.write(row);
        shedIfWanted();
      } catch (IOException e) {
        throw new EntryWriteException(e);
      }
      timer.afterRow(before);
    }
  }

  /** Batches may be reused by the plan: each is copied before the next is asked for. */
  private long copy(Iterator<ColumnarBatch> batches) throws EntryWriteException, StoreException {
    long written = 0;
    while (batches.hasNext()) {
      ColumnarBatch batch = batches.next();
      context.killTaskIfInterrupted();
      room.requireRoom();
      long before = timer.beforeBatch();
      try {
        writer.write(batch);
        shedIfWanted();
      } catch (IOException e) {
        throw new EntryWriteException(e);
      }
      timer.afterRow(before);
      written++;
    }
    return written;
  }

  private void shedIfWanted() throws IOException {
    if (memory.isWanted()) {
      writer.shed();
    }
  }

  private EntrySummary finish(Description describe) throws EntryWriteException {
    try {
      writer.endRows();
      return writer.finish(describe.of(writer.rows(), writer.dataBytes()));
    } catch (IOException e) {
      throw new EntryWriteException(e);
    }
  }

  private void closeQuietly() {
    try {
      writer.close();
    } catch (IOException e) {
      log.warn("Cannot close an entry that was written: {}", e.toString());
    } finally {
      memory.close();
    }
  }
}
