// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.arrow;

import io.sparkdiskcache.arrow.ColumnLayout.Kind;
import io.sparkdiskcache.arrow.EntryFooter.BlockAt;
import java.io.Closeable;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.apache.arrow.memory.ArrowBuf;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.vector.ipc.message.ArrowBlock;
import org.apache.arrow.vector.ipc.message.ArrowRecordBatch;
import org.apache.spark.unsafe.Platform;

/**
 * The batches of an entry that is not finished, each with a layout of its own, to be written once
 * more in one layout that all of them fit into: an Arrow file has one schema. They stay readable
 * when the file is deleted.
 */
final class WrittenBatches implements Closeable {
  private final Path file;
  private final FileMapping mapping;
  private final List<ArrowBlock> blocks;
  private final List<ColumnLayout.Batch> layouts;

  private WrittenBatches(
      Path file, FileMapping mapping, List<ArrowBlock> blocks, List<ColumnLayout.Batch> layouts) {
    this.file = file;
    this.mapping = mapping;
    this.blocks = blocks;
    this.layouts = layouts;
  }

  /**
   * Reads the file up to the end of its last batch.
   *
   * @param layouts of the batches
   */
  static WrittenBatches of(
      Path file, EntryTarget target, List<ArrowBlock> blocks, List<ColumnLayout.Batch> layouts)
      throws IOException {
    long[] cuts = new long[blocks.size()];
    long end = 0;
    for (int i = 0; i < cuts.length; i++) {
      ArrowBlock block = blocks.get(i);
      cuts[i] = block.getOffset();
      end = block.getOffset() + block.getMetadataLength() + block.getBodyLength();
    }
    return new WrittenBatches(
        file, target.read(end, cuts), List.copyOf(blocks), List.copyOf(layouts));
  }

  int count() {
    return blocks.size();
  }

  /**
   * A copy of a batch; the caller closes it.
   *
   * @param wide the layout it gets: the same columns, at least as wide
   * @param dictionaries of the columns that have one in some batch
   */
  ArrowRecordBatch widened(
      int batch,
      ColumnLayout.Batch wide,
      BufferAllocator allocator,
      Map<Integer, StringDictionary> dictionaries)
      throws IOException {
    ArrowBlock block = blocks.get(batch);
    BlockAt at = new BlockAt(block.getOffset(), block.getMetadataLength(), block.getBodyLength());
    ColumnLayout.Batch narrow = layouts.get(batch);
    BatchBuffers written = MappedEntry.parseBatch(file, mapping, at, narrow, batch);
    List<ArrowBuf> buffers = new ArrayList<>();
    try {
      for (int i = 0; i < narrow.columns().size(); i++) {
        ColumnLayout column = narrow.columns().get(i);
        ColumnBuffers from = written.plain(file, column, null);
        StringDictionary dictionary = dictionaries.get(i);
        if (dictionary != null
            && column.kind.isDictionary()
            && !wide.columns().get(i).kind.isDictionary()) {
          expand(from, column, dictionary, allocator, buffers);
        } else {
          widen(from, column, wide.columns().get(i), allocator, buffers);
        }
      }
      return new ArrowRecordBatch(written.rows(), written.fieldNodes(), buffers);
    } finally {
      buffers.forEach(ArrowBuf::close); // the batch has references of its own
    }
  }

  /** Adds the buffers of a column and its children in the order of the layout. */
  private static void widen(
      ColumnBuffers from,
      ColumnLayout narrow,
      ColumnLayout wide,
      BufferAllocator allocator,
      List<ArrowBuf> buffers)
      throws CorruptEntryException {
    for (int i = 0; i < narrow.kind.buffers; i++) {
      long length = from.length(narrow, i);
      boolean isValues = i == 1 && narrow.kind != wide.kind;
      long wider = isValues ? length / narrow.kind.width * wide.kind.width : length;
      ArrowBuf buffer = allocator.buffer(wider);
      buffers.add(buffer);
      buffer.writerIndex(wider);
      if (isValues) {
        widen(from.address(narrow, i), narrow.kind, buffer.memoryAddress(), wide.kind, length);
      } else {
        Platform.copyMemory(null, from.address(narrow, i), null, buffer.memoryAddress(), length);
      }
    }
    for (int i = 0; i < narrow.children.size(); i++) {
      widen(from, narrow.children.get(i), wide.children.get(i), allocator, buffers);
    }
  }

  /** Writes values of one kind as another that has room for all of them. */
  static void widen(long from, Kind narrow, long to, Kind wide, long length) {
    for (long at = from, into = to; at < from + length; at += narrow.width, into += wide.width) {
      switch (wide) {
        case FLOAT16, BFLOAT16, FLOAT32, FLOAT64 ->
            Lowering.put(wide, into, Lowering.get(narrow, at));
        case DECIMAL -> {
          long unscaled = NumberCompaction.get(at, narrow.width);
          Platform.putLong(null, into, unscaled);
          Platform.putLong(null, into + Long.BYTES, unscaled >> (Long.SIZE - 1));
        }
        default -> NumberCompaction.put(into, wide.width, narrow.get(at));
      }
    }
  }

  /** Adds the bitmap, the offsets and the bytes of strings that are numbers so far. */
  private static void expand(
      ColumnBuffers from,
      ColumnLayout narrow,
      StringDictionary dictionary,
      BufferAllocator allocator,
      List<ArrowBuf> buffers)
      throws CorruptEntryException {
    long bitmap = from.address(narrow, 0);
    long bitmapLength = from.length(narrow, 0);
    ArrowBuf validity = allocator.buffer(bitmapLength);
    buffers.add(validity);
    validity.writerIndex(bitmapLength);
    Platform.copyMemory(null, bitmap, null, validity.memoryAddress(), bitmapLength);
    long indexes = from.address(narrow, 1);
    int slots = from.slots(narrow);
    boolean hasNulls = from.nullCount(narrow) > 0;
    long offsetsLength = slots == 0 ? 0 : (slots + 1L) * Integer.BYTES;
    ArrowBuf offsets = allocator.buffer(offsetsLength);
    buffers.add(offsets);
    offsets.writerIndex(offsetsLength);
    long end = 0;
    for (int pass = 0; pass < 2; pass++) {
      // The first pass finds how much room the second one needs; a batch was never larger.
      ArrowBuf data = pass == 0 ? allocator.getEmpty() : allocator.buffer(end);
      if (pass == 1) {
        buffers.add(data);
        data.writerIndex(end);
        end = 0;
        Platform.putInt(null, offsets.memoryAddress(), 0);
      }
      for (int slot = 0; slot < slots; slot++) {
        boolean isNull =
            hasNulls && (Platform.getByte(null, bitmap + (slot >> 3)) >> (slot & 7) & 1) == 0;
        if (!isNull) {
          int index = (int) narrow.kind.get(indexes + (long) slot * narrow.kind.width);
          if (pass == 1) {
            dictionary.copy(index, data.memoryAddress() + end);
          }
          end += dictionary.length(index);
        }
        if (pass == 1) {
          Platform.putInt(null, offsets.memoryAddress() + (slot + 1L) * Integer.BYTES, (int) end);
        }
      }
    }
  }

  @Override
  public void close() {
    mapping.unmap();
  }
}
