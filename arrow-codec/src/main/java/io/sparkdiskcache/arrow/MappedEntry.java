// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.arrow;

import io.sparkdiskcache.arrow.BatchBuffers.InvalidBatchException;
import io.sparkdiskcache.arrow.EntryStats.InvalidStatsException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.arrow.flatbuf.Message;
import org.apache.arrow.flatbuf.MetadataVersion;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.columnar.CachedBatch;
import org.apache.spark.sql.types.StructType;

/**
 * An entry that is open: its file mapped, its metadata parsed and checked once. Immutable, for any
 * number of threads.
 *
 * <p><b>Lifetime.</b> Vectors, and strings and arrays taken from them, read mapped memory by
 * address. The mapping lives as long as the count of references is above zero: whoever opened the
 * entry holds one, every task takes its own with {@link #retain} and gives it back when the task
 * ends, not when its iterator does. Reading after the last {@link #release} may end the process. An
 * entry that is never released is unmapped once nothing refers to it. The file may be unlinked
 * while it is mapped, but never changed or truncated.
 *
 * <p><b>Trust.</b> A damaged file never makes a reader leave the mapping: sizes and positions are
 * checked when an entry is opened, offsets and bitmaps when a column is loaded (one pass over
 * memory that is about to be read anyway). Damaged <i>values</i> are found by comparing {@link
 * #crc32c} with what the writer reported, before the first row and before {@link
 * ArrowCachedBatch#stats} decide that a batch is skipped.
 */
public final class MappedEntry {
  private static final int CONTINUATION = -1;

  private final Path file;
  private final long bytes;
  private final FileMapping mapping;
  private final EntryFooter footer;
  private final List<BatchBuffers> batches;
  private final EntryStats stats;
  private final long rows;
  private final AtomicInteger references = new AtomicInteger(1);

  private MappedEntry(
      Path file,
      long bytes,
      FileMapping mapping,
      EntryFooter footer,
      List<BatchBuffers> batches,
      EntryStats stats) {
    this.file = file;
    this.bytes = bytes;
    this.mapping = mapping;
    this.footer = footer;
    this.batches = batches;
    this.stats = stats;
    this.rows = batches.stream().mapToLong(BatchBuffers::rows).sum();
  }

  /**
   * Maps the file and checks its structure; the caller holds the only reference.
   *
   * @throws CorruptEntryException if the file is anything but an entry as it was written
   */
  public static MappedEntry open(Path file) throws IOException {
    return open(file, Integer.MAX_VALUE);
  }

  static MappedEntry open(Path file, long maxWindow) throws IOException {
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
      long size = channel.size();
      EntryFooter footer = readFooter(file, channel, size);
      FileMapping mapping = map(file, channel, size, footer, maxWindow);
      boolean opened = false;
      try {
        MappedEntry entry = parse(file, size, mapping, footer);
        opened = true;
        return entry;
      } finally {
        if (!opened) {
          mapping.unmap();
        }
      }
    }
  }

  private static EntryFooter readFooter(Path file, FileChannel channel, long size)
      throws IOException {
    try {
      return EntryFooter.read(file, channel, size);
    } catch (RuntimeException e) {
      throw new CorruptEntryException(file, "its footer is damaged", e);
    }
  }

  private static FileMapping map(
      Path file, FileChannel channel, long size, EntryFooter footer, long maxWindow)
      throws IOException {
    List<EntryFooter.BlockAt> blocks = footer.blocks();
    long[] cuts = new long[blocks.size() + 1];
    for (int i = 0; i < blocks.size(); i++) {
      cuts[i] = blocks.get(i).position();
    }
    cuts[blocks.size()] = footer.position();
    return FileMapping.map(file, channel, size, cuts, maxWindow);
  }

  private static MappedEntry parse(Path file, long size, FileMapping mapping, EntryFooter footer)
      throws IOException {
    List<BatchBuffers> batches = new ArrayList<>(footer.blocks().size());
    for (int i = 0; i < footer.blocks().size(); i++) {
      batches.add(parseBatch(file, mapping, footer.blocks().get(i), footer.layout(), i));
    }
    EntryStats stats;
    try {
      stats = EntryStats.parse(footer.stats(), footer.layout(), batches);
    } catch (InvalidStatsException e) {
      throw new CorruptEntryException(file, "its statistics are damaged: " + e.getMessage(), e);
    }
    return new MappedEntry(file, size, mapping, footer, List.copyOf(batches), stats);
  }

  static BatchBuffers parseBatch(
      Path file,
      FileMapping mapping,
      EntryFooter.BlockAt block,
      ColumnLayout.Batch layout,
      int batch)
      throws IOException {
    int length = block.messageLength();
    long bodyAddress = mapping.address(block.position() + length, block.bodyLength());
    ByteBuffer bytes = mapping.slice(block.position(), length).order(ByteOrder.LITTLE_ENDIAN);
    try {
      if (bytes.getInt() != CONTINUATION || bytes.getInt() != length - EntryFooter.MESSAGE_PREFIX) {
        throw new InvalidBatchException("its prefix");
      }
      Message message = Message.getRootAsMessage(bytes.slice());
      if (message.version() != MetadataVersion.V5) {
        throw new InvalidBatchException("version " + message.version());
      }
      return BatchBuffers.parse(message, layout, bodyAddress, block.bodyLength());
    } catch (InvalidBatchException | RuntimeException e) {
      throw new CorruptEntryException(file, "batch " + batch + " is damaged: " + e.getMessage(), e);
    }
  }

  /** Adds a reference; false if the last one is gone and the entry is unmapped. */
  public boolean retain() {
    return references.getAndUpdate(n -> n == 0 ? 0 : n + 1) > 0;
  }

  /** Gives back a reference; the last one unmaps the file. */
  public void release() {
    int before = references.getAndUpdate(n -> n == 0 ? 0 : n - 1);
    if (before == 0) {
      throw new IllegalStateException(
          "Cannot release " + file + ": it has been released by all who held it");
    }
    if (before == 1) {
      mapping.unmap();
    }
  }

  public Path file() {
    return file;
  }

  /** What the writer was given to keep, without the codec's own keys. */
  public Map<String, String> metadata() {
    return footer.metadata();
  }

  /** {@link #precision()} of the entry in a file, without mapping it. */
  public static List<ColumnPrecision> precision(Path file) throws IOException {
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
      return readFooter(file, channel, channel.size()).precision();
    }
  }

  /** The schema as written, with the storage type in place of every user-defined type. */
  public StructType schema() {
    return footer.schema();
  }

  /** Columns that were not to be kept exactly, and what became of them; empty if there are none. */
  public List<ColumnPrecision> precision() {
    return footer.precision();
  }

  public long rows() {
    return rows;
  }

  /** Length of the file. */
  public long bytes() {
    return bytes;
  }

  public int batchCount() {
    return batches.size();
  }

  /** CRC-32C of the whole file, computed now; the caller holds a reference meanwhile. */
  public long crc32c() {
    requireMapped();
    return mapping.crc32c();
  }

  /** A batch, from 0; nothing of it is read until its columns are loaded. */
  public ArrowCachedBatch batch(int index) {
    return new ArrowCachedBatch(this, index);
  }

  /**
   * All rows in order, the same object again and again, their values as the plan computed them; the
   * caller holds a reference meanwhile.
   */
  public Iterator<InternalRow> rowIterator() {
    List<CachedBatch> all = new ArrayList<>(batchCount());
    for (int i = 0; i < batchCount(); i++) {
      all.add(batch(i));
    }
    return ArrowCachedBatchSerializer.Selection.all(schema()).rows(all.iterator());
  }

  int rows(int batch) {
    return batches.get(batch).rows();
  }

  long bytes(int batch) {
    return batches.get(batch).bytes();
  }

  InternalRow stats(int batch) {
    return stats.row(batch);
  }

  /** A vector over a column of a batch, its offsets and bitmaps checked. */
  MappedColumn column(int batch, int column) throws CorruptEntryException {
    requireMapped();
    return ColumnLoader.load(this, batches.get(batch), footer.layout().columns().get(column));
  }

  int mappedWindows() {
    return mapping.windows();
  }

  private void requireMapped() {
    if (references.get() == 0) {
      throw new IllegalStateException("Cannot read " + file + ": it has been released");
    }
  }
}
