// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.arrow;

import io.sparkdiskcache.annotation.Internal;
import io.sparkdiskcache.arrow.BatchBuffers.InvalidBatchException;
import io.sparkdiskcache.arrow.EntryStats.InvalidStatsException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.channels.SeekableByteChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import org.apache.arrow.flatbuf.Message;
import org.apache.arrow.flatbuf.MetadataVersion;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.columnar.CachedBatch;
import org.apache.spark.sql.types.StructType;
import org.jspecify.annotations.Nullable;

/**
 * An entry that is open: its file mapped, or decrypted, its metadata parsed and checked once.
 * Immutable, for any number of threads.
 *
 * <p><b>Lifetime.</b> Vectors, and strings and arrays taken from them, read mapped memory by
 * address. The entry refers to the mapping, and every vector and every buffer of Arrow refers to
 * the entry: the memory lives as long as any of them can be reached, by whatever thread, and nobody
 * can free it earlier. A string is an address and refers to nothing, so that who passes it on keeps
 * the vector or copies it; a task keeps its entries until it ends. The file may be unlinked while
 * it is mapped, but never changed or truncated.
 *
 * <p><b>Trust.</b> A damaged file never makes a reader leave the mapping: sizes and positions are
 * checked when an entry is opened, offsets and bitmaps when a column is loaded (one pass over
 * memory that is about to be read anyway). Damaged <i>values</i> are found by comparing {@link
 * #crc32c} with what the writer reported, before the first row and before {@link
 * ArrowCachedBatch#stats} decide that a batch is skipped.
 */
@Internal
public final class MappedEntry implements KeptEntry {
  private static final int CONTINUATION = -1;

  private final Path file;
  private final long bytes;
  private final FileMapping mapping;
  private final EntryFooter footer;
  private final List<BatchBuffers> batches;
  private final Map<Integer, EntryDictionary> dictionaries;
  private final EntryStats stats;
  private final long rows;
  private final @Nullable EncryptedFile encrypted;

  private MappedEntry(
      Path file,
      long bytes,
      FileMapping mapping,
      EntryFooter footer,
      List<BatchBuffers> batches,
      Map<Integer, EntryDictionary> dictionaries,
      EntryStats stats,
      @Nullable EncryptedFile encrypted) {
    this.file = file;
    this.bytes = bytes;
    this.mapping = mapping;
    this.footer = footer;
    this.batches = batches;
    this.dictionaries = dictionaries;
    this.stats = stats;
    this.rows = batches.stream().mapToLong(BatchBuffers::rows).sum();
    this.encrypted = encrypted;
  }

  /**
   * Maps the file and checks its structure.
   *
   * @throws CorruptEntryException if the file is anything but an entry as it was written
   */
  public static MappedEntry open(Path file) throws IOException {
    return open(file, Integer.MAX_VALUE);
  }

  /** {@link #open(Path)} of a file that was written encrypted, or plain if that is null. */
  public static MappedEntry open(Path file, @Nullable EntryEncryption encryption)
      throws IOException {
    if (encryption == null) {
      return open(file);
    }
    EncryptedFile encrypted = EncryptedFile.open(file, encryption);
    boolean opened = false;
    try {
      MappedEntry entry = encrypted.reader();
      opened = true;
      return entry;
    } finally {
      if (!opened) {
        encrypted.unmap();
      }
    }
  }

  static MappedEntry open(Path file, long maxWindow) throws IOException {
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
      long size = channel.size();
      EntryFooter footer = EntryFooter.read(file, channel, size);
      FileMapping mapping = FileMapping.map(file, channel, size, cuts(footer), maxWindow);
      return parsed(file, size, mapping, footer, null);
    }
  }

  /**
   * @param encrypted what the plain bytes come from
   */
  static MappedEntry decrypted(Path file, SeekableByteChannel plain, EncryptedFile encrypted)
      throws IOException {
    EntryFooter footer = EntryFooter.read(file, plain, plain.size());
    FileMapping memory = FileMapping.read(file, plain, plain.size(), cuts(footer));
    return parsed(file, encrypted.bytes(), memory, footer, encrypted);
  }

  /** Of an entry that is in no file, read into memory of its own. */
  static MappedEntry inMemory(Path name, MemoryFile written) throws IOException {
    EntryFooter footer = EntryFooter.read(name, written, written.size());
    FileMapping memory = FileMapping.read(name, written, written.size(), cuts(footer));
    return parsed(name, written.size(), memory, footer, null);
  }

  private static long[] cuts(EntryFooter footer) {
    List<EntryFooter.BlockAt> blocks = new ArrayList<>(footer.blocks());
    blocks.addAll(footer.dictionaries());
    long[] cuts = new long[blocks.size() + 1];
    for (int i = 0; i < blocks.size(); i++) {
      cuts[i] = blocks.get(i).position();
    }
    cuts[blocks.size()] = footer.position();
    return cuts;
  }

  /** Unmaps if what is mapped is no entry. */
  private static MappedEntry parsed(
      Path file,
      long size,
      FileMapping mapping,
      EntryFooter footer,
      @Nullable EncryptedFile encrypted)
      throws IOException {
    boolean opened = false;
    try {
      List<BatchBuffers> batches = new ArrayList<>(footer.blocks().size());
      for (int i = 0; i < footer.blocks().size(); i++) {
        batches.add(parseBatch(file, mapping, footer.blocks().get(i), footer.layout(), i));
      }
      Map<Integer, EntryDictionary> dictionaries = new HashMap<>();
      List<Integer> columns = Encodings.dictionaries(footer.encodings());
      for (int i = 0; i < columns.size(); i++) {
        ColumnLayout column = footer.layout().columns().get(columns.get(i));
        dictionaries.put(
            column.node,
            new EntryDictionary(
                file, parseDictionary(file, mapping, footer.dictionaries().get(i), column.node)));
      }
      EntryStats stats = EntryStats.parse(footer.stats(), footer.layout(), batches);
      MappedEntry entry =
          new MappedEntry(
              file,
              size,
              mapping,
              footer,
              List.copyOf(batches),
              Map.copyOf(dictionaries),
              stats,
              encrypted);
      opened = true;
      return entry;
    } catch (InvalidStatsException e) {
      throw new CorruptEntryException(
          file, footer.position(), "its statistics are damaged: " + e.getMessage(), e);
    } finally {
      if (!opened) {
        mapping.unmap();
      }
    }
  }

  static BatchBuffers parseBatch(
      Path file,
      FileMapping mapping,
      EntryFooter.BlockAt block,
      ColumnLayout.Batch layout,
      int batch)
      throws IOException {
    BatchBuffers.Body body = body(mapping, block);
    try {
      Message message = message(mapping, block);
      return BatchBuffers.parse(message, layout, body);
    } catch (InvalidBatchException | RuntimeException e) {
      throw new CorruptEntryException(
          file, block.position(), "batch " + batch + " is damaged: " + e.getMessage(), e);
    }
  }

  private static BatchBuffers parseDictionary(
      Path file, FileMapping mapping, EntryFooter.BlockAt block, long id) throws IOException {
    BatchBuffers.Body body = body(mapping, block);
    try {
      Message message = message(mapping, block);
      return BatchBuffers.parseDictionary(message, id, EntryDictionary.LAYOUT, body);
    } catch (InvalidBatchException | RuntimeException e) {
      throw new CorruptEntryException(
          file, block.position(), "dictionary " + id + " is damaged: " + e.getMessage(), e);
    }
  }

  private static BatchBuffers.Body body(FileMapping mapping, EntryFooter.BlockAt block)
      throws IOException {
    long position = block.position() + block.messageLength();
    long address = mapping.address(position, block.bodyLength());
    return new BatchBuffers.Body(address, position, block.bodyLength());
  }

  private static Message message(FileMapping mapping, EntryFooter.BlockAt block)
      throws IOException, InvalidBatchException {
    int length = block.messageLength();
    ByteBuffer bytes = mapping.slice(block.position(), length).order(ByteOrder.LITTLE_ENDIAN);
    if (bytes.getInt() != CONTINUATION || bytes.getInt() != length - EntryFooter.MESSAGE_PREFIX) {
      throw new InvalidBatchException("its prefix");
    }
    Message message = Message.getRootAsMessage(bytes.slice());
    if (message.version() != MetadataVersion.V5) {
      throw new InvalidBatchException("version " + message.version());
    }
    return message;
  }

  @Override
  public MappedEntry reader() {
    return this;
  }

  /**
   * The object to refer to between readers: of a decrypted entry the file, so that the rows can go.
   */
  public KeptEntry kept() {
    return encrypted == null ? this : encrypted;
  }

  public Path file() {
    return file;
  }

  /** The metadata of the writer, without the codec's own keys. */
  public Map<String, String> metadata() {
    return footer.metadata();
  }

  /** {@link #precision()} of the entry in a file, without reading its rows. */
  public static List<ColumnPrecision> precision(Path file, @Nullable EntryEncryption encryption)
      throws IOException {
    if (encryption != null) {
      EncryptedFile encrypted = EncryptedFile.open(file, encryption);
      try {
        return encrypted.footer().precision();
      } finally {
        encrypted.unmap();
      }
    }
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
      return EntryFooter.read(file, channel, channel.size()).precision();
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

  /** How columns are stored that take less than their types need, by number. */
  SortedMap<Integer, ColumnLayout.Kind> encodings() {
    return footer.encodings();
  }

  /** How the buffers of a batch are compressed. */
  Compression compression(int batch) {
    return batches.get(batch).compression();
  }

  public long rows() {
    return rows;
  }

  /** Length of the file. */
  public long bytes() {
    return bytes;
  }

  /**
   * The bytes that the values take by the count of Spark's own cache, as its statistics have them.
   */
  public long dataBytes() {
    return stats.dataBytes();
  }

  /** Memory that the rows take outside of the heap; 0 if they are mapped. */
  public long memoryBytes() {
    return mapping.isMapped() ? 0 : mapping.size();
  }

  public int batchCount() {
    return batches.size();
  }

  /** CRC-32C of the whole file, computed now. */
  public long crc32c() {
    return encrypted == null ? mapping.crc32c() : encrypted.crc32c();
  }

  /** A batch, from 0; nothing of it is read until its columns are loaded. */
  public ArrowCachedBatch batch(int index) {
    return new ArrowCachedBatch(this, index);
  }

  /** All rows in order, the same object again and again, values as the plan computed them. */
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
    return ColumnLoader.load(this, batches.get(batch), footer.layout().columns().get(column));
  }

  /** The dictionary of a column that has one. */
  EntryDictionary dictionary(ColumnLayout column) throws CorruptEntryException {
    EntryDictionary dictionary = dictionaries.get(column.node);
    if (dictionary == null) {
      throw new CorruptEntryException(
          file, footer.position(), "it has no dictionary " + column.node);
    }
    return dictionary;
  }

  int mappedWindows() {
    return mapping.windows();
  }
}
