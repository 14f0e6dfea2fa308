// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.arrow;

import java.io.Closeable;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.Predicate;
import org.apache.arrow.memory.AllocationListener;
import org.apache.arrow.memory.ArrowBuf;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.vector.ipc.WriteChannel;
import org.apache.arrow.vector.ipc.message.ArrowBlock;
import org.apache.arrow.vector.ipc.message.ArrowDictionaryBatch;
import org.apache.arrow.vector.ipc.message.ArrowRecordBatch;
import org.apache.arrow.vector.ipc.message.MessageSerializer;
import org.apache.arrow.vector.types.pojo.Schema;

/**
 * The messages of an entry's file, in their order: schema, batches, dictionaries, footer. All
 * batches of a file have one layout; where a later one needed a wider layout, all are written once
 * more in the end. To be closed by the {@link EntryWriter}.
 */
final class EntryMessages implements Closeable {
  static final byte[] MAGIC = "ARROW1".getBytes(StandardCharsets.UTF_8);

  private final Path file;
  private final BufferAllocator allocator;
  private final AllocationListener memory;
  private final EncodeOptions options;
  private final List<ArrowBlock> blocks = new ArrayList<>();
  private final List<ColumnLayout.Batch> layouts = new ArrayList<>();
  private EntryTarget target;
  private WriteChannel out;

  /**
   * @param memory told of what is read back into memory
   */
  EntryMessages(
      Path file,
      EntryTarget target,
      BufferAllocator allocator,
      AllocationListener memory,
      EncodeOptions options) {
    this.file = file;
    this.target = target;
    this.out = new WriteChannel(target.arrow());
    this.allocator = allocator;
    this.memory = memory;
    this.options = options;
  }

  int batches() {
    return blocks.size();
  }

  EntryTarget target() {
    return target;
  }

  /** The first batch says how the file begins. */
  void append(ArrowRecordBatch batch, Schema schema, ColumnLayout.Batch layout) throws IOException {
    if (blocks.isEmpty()) {
      start(schema);
    }
    write(batch);
    layouts.add(layout);
  }

  private void start(Schema schema) throws IOException {
    out.write(MAGIC);
    out.align();
    MessageSerializer.serialize(out, schema);
  }

  /** Compressed as the options say; if not at all, then at least where one value repeats. */
  private void write(ArrowRecordBatch batch) throws IOException {
    Compression codec = options.compression();
    Predicate<ArrowBuf> which = buffer -> true;
    if (codec == Compression.NONE
        && options.compact()
        && batch.getBuffers().stream().anyMatch(BufferCodec::repeats)) {
      codec = Compression.ZSTD;
      which = BufferCodec::repeats;
    }
    if (codec == Compression.NONE) {
      blocks.add(MessageSerializer.serialize(out, batch));
      return;
    }
    try (ArrowRecordBatch compressed = BufferCodec.compressed(batch, codec, which, allocator)) {
      blocks.add(MessageSerializer.serialize(out, compressed));
    }
  }

  /**
   * After the last batch.
   *
   * @param layout of the last batch, which is the widest
   * @param dictionaries by column, of strings that batches refer to
   */
  void endBatches(
      Schema schema, ColumnLayout.Batch layout, Map<Integer, StringDictionary> dictionaries)
      throws IOException {
    if (layouts.stream().anyMatch(used -> !used.equals(layout))) {
      rewrite(schema, layout, dictionaries);
    } else if (blocks.isEmpty()) {
      start(schema);
    }
  }

  /** Makes one file of batches in several layouts. At most once an entry. */
  private void rewrite(
      Schema schema, ColumnLayout.Batch layout, Map<Integer, StringDictionary> dictionaries)
      throws IOException {
    long read = target.isReadIntoMemory() ? out.getCurrentPosition() : 0;
    memory.onPreAllocation(read);
    try (WrittenBatches written = WrittenBatches.of(file, target, blocks, layouts)) {
      target = target.anew();
      out = new WriteChannel(target.arrow());
      blocks.clear();
      start(schema);
      for (int i = 0; i < written.count(); i++) {
        try (ArrowRecordBatch batch = written.widened(i, layout, allocator, dictionaries)) {
          write(batch);
        }
      }
    } finally {
      memory.onRelease(read);
    }
  }

  /**
   * Writes dictionaries and footer, and forces the file to the disk.
   *
   * @param dictionaries by column, of the columns that have one
   * @param stats see {@link StatsCollector}
   * @param precision see {@link ColumnPrecision}
   * @param encodings see {@link Encodings}
   * @param description see {@link SealedFooter}; not encrypted
   */
  void end(
      Schema schema,
      ColumnLayout.Batch layout,
      Map<Integer, StringDictionary> dictionaries,
      String stats,
      String precision,
      String encodings,
      String description)
      throws IOException {
    List<ArrowBlock> written = writeDictionaries(layout, dictionaries);
    out.writeIntLittleEndian(MessageSerializer.IPC_CONTINUATION_TOKEN);
    out.writeIntLittleEndian(0);
    out.write(
        ByteBuffer.wrap(
            SealedFooter.of(
                schema,
                written,
                blocks,
                stats,
                precision,
                encodings,
                target.isEncrypted() ? "" : description,
                out.getCurrentPosition(),
                target.arrow().crc32c())));
    target.finish(description);
  }

  /**
   * After the batches, when all values are known: readers find them by the footer. Plain also where
   * batches are compressed: every batch needs them, so they are read as they are mapped.
   */
  private List<ArrowBlock> writeDictionaries(
      ColumnLayout.Batch layout, Map<Integer, StringDictionary> dictionaries) throws IOException {
    List<ArrowBlock> written = new ArrayList<>();
    for (Map.Entry<Integer, StringDictionary> dictionary : dictionaries.entrySet()) {
      long id = layout.columns().get(dictionary.getKey()).node;
      // Closes the batch, whose buffers are views.
      try (ArrowDictionaryBatch batch =
          new ArrowDictionaryBatch(id, dictionary.getValue().batch(), false)) {
        written.add(MessageSerializer.serialize(out, batch));
      }
    }
    return written;
  }

  @Override
  public void close() throws IOException {
    target.close();
  }
}
