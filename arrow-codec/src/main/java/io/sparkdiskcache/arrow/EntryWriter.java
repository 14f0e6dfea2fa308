// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.arrow;

import io.sparkdiskcache.annotation.Internal;
import java.io.Closeable;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;
import org.apache.arrow.memory.AllocationListener;
import org.apache.arrow.memory.ArrowBuf;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.vector.ipc.message.ArrowFieldNode;
import org.apache.arrow.vector.ipc.message.ArrowRecordBatch;
import org.apache.arrow.vector.types.pojo.Schema;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.expressions.UnsafeRow;
import org.apache.spark.sql.types.StructType;
import org.apache.spark.sql.vectorized.ColumnVector;
import org.apache.spark.sql.vectorized.ColumnarArray;
import org.apache.spark.sql.vectorized.ColumnarBatch;
import org.jspecify.annotations.Nullable;

/**
 * Writes one entry: rows are collected off-heap, column by column, until a batch is full; then the
 * batch goes to the file and the same memory takes the next. So memory holds one batch, plus the
 * larger copy of a buffer while that grows, plus what of the batch {@link Lowering} and {@link
 * Compaction} convert, plus what the batch is compressed to, plus dictionaries of strings (64 MiB
 * at most). The file is complete after {@link #finish}; without it, {@link #close} leaves a file
 * that no reader opens. For one thread.
 */
@Internal
public final class EntryWriter implements Closeable {
  /** The whole batch must lie in one mapping, which has less than 2 GiB. */
  static final long MAX_BODY_BYTES = Integer.MAX_VALUE - (64L << 20);

  /** Memory that is worth a batch of its own. */
  private static final long MIN_SHED_BYTES = 1 << 20;

  /**
   * Rows of which one column is written before the next, while they are in the processor's cache.
   */
  private static final int MAX_SLICE = 4096;

  private final Path file;
  private final StructType schema;
  private final Map<String, String> metadata;
  private final BufferAllocator allocator;
  private final EncodeOptions options;
  private final EntryMessages messages;
  private final List<ColumnWriter> columns = new ArrayList<>();
  private final List<Lowering> lowerings;
  private final List<Compaction> compactions;
  private final List<Precision> precisions;
  private SortedMap<Integer, ColumnLayout.Kind> encodings = new TreeMap<>();
  private final ColumnWriter.Budget budget = new ColumnWriter.Budget();
  private final StatsCollector stats = new StatsCollector();
  private final long rowBytes;
  private final boolean fixedWidth;
  private final boolean columnWise;
  private ColumnLayout.Batch layout;
  private Schema arrowSchema;
  private int batchRows;
  private long rows;
  private State state = State.OPEN;

  private enum State {
    OPEN,
    /** A row was written in part, or a batch: what is in the file cannot be completed. */
    FAILED,
    FINISHED,
    CLOSED
  }

  private EntryWriter(
      Path file,
      EntryTarget target,
      BufferAllocator allocator,
      AllocationListener memory,
      StructType declared,
      Map<String, String> metadata,
      EncodeOptions options) {
    this.file = file;
    this.allocator = allocator;
    this.options = options;
    this.messages = new EntryMessages(file, target, allocator, memory, options);
    this.schema = ColumnLayout.storageSchema(declared);
    this.metadata = metadata;
    long fixed = 0;
    boolean allFixed = true;
    boolean noneNested = true;
    for (ColumnLayout column : ColumnLayout.Batch.of(schema).columns()) {
      columns.add(VariableWidthWriters.create(column, allocator, budget));
      fixed += column.slotBytes();
      boolean isFixed = column.kind.width > 0 || column.kind == ColumnLayout.Kind.BOOLEAN;
      allFixed &= isFixed;
      noneNested &= isFixed || column.kind == ColumnLayout.Kind.STRING;
    }
    this.rowBytes = fixed;
    this.fixedWidth = allFixed;
    this.columnWise = noneNested;
    this.precisions = options.precision().of(declared);
    this.lowerings = Lowering.of(schema, columns, precisions, options.precision(), allocator);
    this.compactions =
        options.compact() ? Compaction.of(columns, precisions, allocator) : List.of();
    this.layout = ColumnLayout.Batch.of(schema, precisions, encodings);
    this.arrowSchema = ArrowSchemas.toArrow(schema, layout, metadata);
  }

  /**
   * Creates the file, which must not exist, readable by its owner only.
   *
   * @param metadata kept in the file, see {@link MappedEntry#metadata}
   * @param parent lends memory through a child allocator that {@link #close} returns
   * @throws IllegalArgumentException for a schema with an {@link ArrowSchemas#unsupportedReason}
   */
  public static EntryWriter create(
      Path file,
      StructType schema,
      Map<String, String> metadata,
      BufferAllocator parent,
      EncodeOptions options)
      throws IOException {
    return create(file, schema, metadata, parent, AllocationListener.NOOP, options, null);
  }

  /**
   * The same, encrypted unless {@code encryption} is null.
   *
   * @param memory told of all memory that is taken and returned
   */
  public static EntryWriter create(
      Path file,
      StructType schema,
      Map<String, String> metadata,
      BufferAllocator parent,
      AllocationListener memory,
      EncodeOptions options,
      @Nullable EntryEncryption encryption)
      throws IOException {
    Optional<String> reason = ArrowSchemas.unsupportedReason(schema);
    if (reason.isPresent()) {
      throw new IllegalArgumentException("Cannot write " + file + ": " + reason.get());
    }
    BufferAllocator allocator = allocator(parent, file, memory);
    EntryTarget target = null;
    boolean created = false;
    try {
      target = EntryTarget.create(file, encryption);
      EntryWriter writer =
          new EntryWriter(file, target, allocator, memory, schema, metadata, options);
      created = true;
      return writer;
    } finally {
      if (!created) {
        allocator.close();
        if (target != null) {
          target.close();
          Files.delete(file);
        }
      }
    }
  }

  /**
   * Writes into memory instead of a file, which {@link #entry} has in the end.
   *
   * @param name for messages
   * @param grant asked before memory is taken for what is written
   */
  public static EntryWriter inMemory(
      Path name,
      StructType schema,
      BufferAllocator parent,
      AllocationListener memory,
      MemoryGrant grant,
      EncodeOptions options)
      throws IOException {
    EntryTarget target = EntryTarget.inMemory(name, grant);
    return new EntryWriter(
        name, target, allocator(parent, name, memory), memory, schema, Map.of(), options);
  }

  private static BufferAllocator allocator(
      BufferAllocator parent, Path file, AllocationListener memory) {
    return parent.newChildAllocator(
        "entry writer of " + file.getFileName(), memory, 0, Long.MAX_VALUE);
  }

  /** Appends a row. The row may be reused by the caller. */
  public void write(InternalRow row) throws IOException {
    begin(row.numFields());
    if (batchRows > 0
        && row instanceof UnsafeRow unsafe
        && unsafe.getSizeInBytes() > options.maxBytesPerBatch()) {
      // A giant row gets a batch, and its 32-bit offsets, for itself.
      writeBatch(false);
    }
    for (int i = 0; i < columns.size(); i++) {
      columns.get(i).write(row, i);
    }
    end(1);
  }

  /**
   * Appends all rows of a batch, column by column where a batch is known not to be overshot: values
   * of fixed width, and strings, whose lengths are added up first. Others row by row.
   */
  public void write(ColumnarBatch batch) throws IOException {
    if (!columnWise) {
      for (int i = 0; i < batch.numRows(); i++) {
        write(batch.getRow(i));
      }
      return;
    }
    for (int start = 0; start < batch.numRows(); ) {
      begin(batch.numCols());
      int length = fitting(batch, start);
      if (length == 0) {
        // A giant row gets a batch, and its 32-bit offsets, for itself.
        writeBatch(false);
        length = 1;
      }
      for (int i = 0; i < columns.size(); i++) {
        ColumnVector vector = batch.column(i);
        ColumnarArray slots = new ColumnarArray(vector, start, length);
        ColumnWriter column = columns.get(i);
        for (int slot = 0; slot < length; slot++) {
          column.write(slots, slot);
        }
      }
      end(length);
      start += length;
    }
  }

  /** Rows from the start that the current batch still takes; 0 only if it has some. */
  private int fitting(ColumnarBatch batch, int start) {
    int most = Math.min(roomInRows(), Math.min(batch.numRows() - start, MAX_SLICE));
    return fixedWidth
        ? most
        : StringLengths.of(batch, columns, start, most)
            .fitting(
                batchRows == 0,
                batchRows * rowBytes + budget.bytes,
                rowBytes,
                options.maxBytesPerBatch());
  }

  /**
   * Ends the batch early and gives its memory back, to take it again as rows come; where others
   * need memory. Leaves what all batches need, and what is too little to help.
   */
  public void shed() throws IOException {
    requireOpen();
    if (allocator.getAllocatedMemory() < MIN_SHED_BYTES) {
      return;
    }
    state = State.FAILED;
    if (batchRows > 0) {
      writeBatch(false);
    }
    columns.forEach(ColumnWriter::close);
    lowerings.forEach(Lowering::close);
    compactions.forEach(Compaction::shed);
    state = State.OPEN;
  }

  /** Rows that were appended. */
  public long rows() {
    return rows;
  }

  /** Rows of fixed width that the current batch still takes, at least one. */
  private int roomInRows() {
    long byBytes = rowBytes == 0 ? Integer.MAX_VALUE : options.maxBytesPerBatch() / rowBytes;
    return (int) Math.max(1, Math.min(byBytes, options.maxRowsPerBatch()) - batchRows);
  }

  /** Until {@link #end} is reached, a failure leaves a batch that is not whole. */
  private void begin(int fields) {
    requireOpen();
    if (fields != columns.size()) {
      throw new IllegalArgumentException(
          "Cannot write a row of "
              + fields
              + " fields to "
              + file
              + ", whose schema has "
              + columns.size());
    }
    state = State.FAILED;
  }

  private void end(int length) throws IOException {
    batchRows += length;
    rows += length;
    if (batchRows >= options.maxRowsPerBatch()
        || batchRows * rowBytes + budget.bytes >= options.maxBytesPerBatch()) {
      writeBatch(false);
    }
    state = State.OPEN;
  }

  private void writeBatch(boolean isLast) throws IOException {
    List<ArrowFieldNode> nodes = new ArrayList<>();
    List<ArrowBuf> buffers = new ArrayList<>();
    lowerings.forEach(Lowering::lower);
    compactions.forEach(compaction -> compaction.encode(isLast));
    for (ColumnWriter column : columns) {
      column.collect(nodes, buffers);
    }
    lowerings.forEach(lowering -> lowering.collect(buffers));
    compactions.forEach(compaction -> compaction.collect(buffers));
    chooseLayout();
    try (ArrowRecordBatch batch = new ArrowRecordBatch(batchRows, nodes, buffers)) {
      long body = batch.computeBodyLength();
      if (body > MAX_BODY_BYTES) {
        throw new IOException(
            "Cannot write a batch of "
                + body
                + " bytes to "
                + file
                + ": one batch can have "
                + MAX_BODY_BYTES
                + "; its "
                + batchRows
                + " row(s) are too large to be cached");
      }
      messages.append(batch, arrowSchema, layout);
    }
    stats.add(columns);
    for (ColumnWriter column : columns) {
      column.reset();
    }
    budget.bytes = 0;
    batchRows = 0;
  }

  /** The first batch says how columns are stored; one that did not fit is wider from then on. */
  private void chooseLayout() {
    boolean other = false;
    for (Lowering lowering : lowerings) {
      Precision before = precisions.set(lowering.column(), lowering.stored());
      other |= before != lowering.stored();
    }
    SortedMap<Integer, ColumnLayout.Kind> now = new TreeMap<>();
    compactions.forEach(compaction -> compaction.addTo(now));
    if (other || !now.equals(encodings)) {
      encodings = now;
      layout = ColumnLayout.Batch.of(schema, precisions, encodings);
      arrowSchema = ArrowSchemas.toArrow(schema, layout, metadata);
    }
  }

  /** {@link #finish(String)} of an entry that says nothing of itself. */
  public EntrySummary finish() throws IOException {
    return finish("");
  }

  /** Writes the rows that are left: nothing is appended any more. */
  public void endRows() throws IOException {
    requireOpen();
    state = State.FAILED;
    if (batchRows > 0) {
      writeBatch(true);
    }
    state = State.OPEN;
  }

  /** The bytes that all values written so far take in Spark's own cache, see {@link SparkSizes}. */
  public long dataBytes() {
    return stats.dataBytes();
  }

  /**
   * Writes what is left and the footer, and forces the file to the disk. To be called once.
   *
   * @param description kept at the end, behind a checksum of all of the file, see {@link
   *     SealedFooter}; not encrypted
   */
  public EntrySummary finish(String description) throws IOException {
    endRows();
    state = State.FAILED;
    SortedMap<Integer, StringDictionary> dictionaries = dictionaries();
    messages.endBatches(arrowSchema, layout, dictionaries);
    SortedMap<Integer, StringDictionary> used = new TreeMap<>();
    for (int column : Encodings.dictionaries(encodings)) {
      used.put(column, Objects.requireNonNull(dictionaries.get(column)));
    }
    messages.end(
        arrowSchema,
        layout,
        used,
        stats.encoded(),
        ColumnPrecision.encode(lowerings.stream().map(Lowering::report).toList()),
        Encodings.encode(encodings),
        description);
    state = State.FINISHED;
    EntryTarget target = messages.target();
    return new EntrySummary(
        rows, target.bytes(), stats.dataBytes(), messages.batches(), target.crc32c());
  }

  /** By column: those that are complete, whether batches use them or not. */
  private SortedMap<Integer, StringDictionary> dictionaries() {
    SortedMap<Integer, StringDictionary> dictionaries = new TreeMap<>();
    for (Compaction compaction : compactions) {
      if (compaction instanceof StringCompaction strings) {
        strings.dictionary().ifPresent(d -> dictionaries.put(compaction.column, d));
      }
    }
    return dictionaries;
  }

  /** The entry of a writer into memory, once that has finished; it outlives the writer. */
  public MappedEntry entry() throws IOException {
    return messages.target().entry();
  }

  /** Releases memory and file. Deleting a file that was not finished is the caller's. */
  @Override
  public void close() throws IOException {
    if (state == State.CLOSED) {
      return;
    }
    state = State.CLOSED;
    try {
      for (ColumnWriter column : columns) {
        column.close();
      }
      lowerings.forEach(Lowering::close);
      compactions.forEach(Compaction::close);
      allocator.close();
    } finally {
      messages.close();
    }
  }

  private void requireOpen() {
    if (state != State.OPEN) {
      throw new IllegalStateException(
          "Cannot write to " + file + ": its writer is " + state + ", it must be OPEN");
    }
  }
}
