// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.arrow;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.apache.arrow.flatbuf.BodyCompression;
import org.apache.arrow.flatbuf.BodyCompressionMethod;
import org.apache.arrow.flatbuf.Buffer;
import org.apache.arrow.flatbuf.CompressionType;
import org.apache.arrow.flatbuf.DictionaryBatch;
import org.apache.arrow.flatbuf.FieldNode;
import org.apache.arrow.flatbuf.Message;
import org.apache.arrow.flatbuf.MessageHeader;
import org.apache.arrow.flatbuf.RecordBatch;
import org.apache.arrow.vector.ipc.message.ArrowFieldNode;
import org.jspecify.annotations.Nullable;

/**
 * Where the buffers of one record batch are in memory. An instance has been checked against its
 * layout: lengths of nodes and buffers agree with each other and with the body that is mapped, so
 * that only what buffers contain (offsets, bitmaps) is left to check when a column is loaded.
 */
final class BatchBuffers implements ColumnBuffers {
  private static final int ALIGNMENT = 8;

  /** Of a {@link #plainLength} that only offsets tell. */
  static final long ANY = -1;

  private final int rows;
  private final Body body;
  private final Compression compression;

  /** Two numbers per node: slots, nulls. */
  private final int[] nodes;

  /** Two numbers per buffer: offset in the body, length. */
  private final long[] buffers;

  /**
   * Where the body of a batch is.
   *
   * @param address in memory
   * @param position in the file
   */
  record Body(long address, long position, long length) {}

  private BatchBuffers(int rows, Body body, Compression compression, int[] nodes, long[] buffers) {
    this.rows = rows;
    this.body = body;
    this.compression = compression;
    this.nodes = nodes;
    this.buffers = buffers;
  }

  /** A batch whose description contradicts itself, the layout or the size of its body. */
  static final class InvalidBatchException extends Exception {
    private static final long serialVersionUID = 1L;

    InvalidBatchException(String message) {
      super(message);
    }
  }

  /** Reads and checks the message of a batch whose body is mapped at the address. */
  static BatchBuffers parse(Message message, ColumnLayout.Batch layout, Body body)
      throws InvalidBatchException {
    RecordBatch batch = new RecordBatch();
    check(message.headerType() == MessageHeader.RecordBatch, "the message is no record batch");
    check(message.header(batch) != null, "the message has no header");
    check(message.bodyLength() == body.length(), "two different lengths of its body");
    return parse(batch, layout, body);
  }

  /** The same of a dictionary, which holds a batch of one column and is never compressed. */
  static BatchBuffers parseDictionary(
      Message message, long id, ColumnLayout.Batch layout, Body body) throws InvalidBatchException {
    DictionaryBatch dictionary = new DictionaryBatch();
    check(message.headerType() == MessageHeader.DictionaryBatch, "the message is no dictionary");
    check(message.header(dictionary) != null, "the message has no header");
    check(message.bodyLength() == body.length(), "two different lengths of its body");
    check(dictionary.id() == id, "it is dictionary " + dictionary.id() + ", not " + id);
    check(!dictionary.isDelta(), "it adds to another");
    RecordBatch batch = dictionary.data();
    if (batch == null) {
      throw new InvalidBatchException("it has no values");
    }
    check(batch.compression() == null, "compression");
    return parse(batch, layout, body);
  }

  private static BatchBuffers parse(RecordBatch batch, ColumnLayout.Batch layout, Body body)
      throws InvalidBatchException {
    Compression compression = compression(batch.compression());
    check(batch.variadicBufferCountsLength() == 0, "buffers of variable number");
    check(batch.nodesLength() == layout.nodes(), "nodes: " + batch.nodesLength());
    check(batch.buffersLength() == layout.buffers(), "buffers: " + batch.buffersLength());
    int[] nodes = new int[2 * layout.nodes()];
    for (int i = 0; i < layout.nodes(); i++) {
      FieldNode node = batch.nodes(i);
      nodes[2 * i] = toInt(node.length());
      nodes[2 * i + 1] = toInt(node.nullCount());
    }
    long[] buffers = new long[2 * layout.buffers()];
    long end = 0;
    for (int i = 0; i < layout.buffers(); i++) {
      // The writer leaves no gaps; whatever differs has been damaged.
      Buffer buffer = batch.buffers(i);
      check(buffer.offset() == end, "offset of buffer " + i + ": " + buffer.offset());
      long length = buffer.length();
      check(length >= 0 && length <= body.length() - end, "length of buffer " + i + ": " + length);
      buffers[2 * i] = end;
      buffers[2 * i + 1] = length;
      end = (end + length + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    }
    check(end == body.length(), "its buffers end at " + end + ", its body at " + body.length());
    int rows = toInt(batch.length());
    BatchBuffers result = new BatchBuffers(rows, body, compression, nodes, buffers);
    for (ColumnLayout column : layout.columns()) {
      check(result.slots(column) == rows, "a column of " + result.slots(column) + " rows");
      result.checkColumn(column);
    }
    return result;
  }

  private static Compression compression(@Nullable BodyCompression stored)
      throws InvalidBatchException {
    if (stored == null) {
      return Compression.NONE;
    }
    check(stored.method() == BodyCompressionMethod.BUFFER, "compression " + stored.method());
    return switch (stored.codec()) {
      case CompressionType.LZ4_FRAME -> Compression.LZ4;
      case CompressionType.ZSTD -> Compression.ZSTD;
      default -> throw new InvalidBatchException("compression by " + stored.codec());
    };
  }

  /**
   * The plain buffers of a column.
   *
   * @param entry to be kept as long as they are; null if the caller keeps the mapping
   */
  ColumnBuffers plain(Path file, ColumnLayout column, @Nullable MappedEntry entry) {
    return compression == Compression.NONE
        ? this
        : new DecompressedBuffers(file, this, column, entry);
  }

  Compression compression() {
    return compression;
  }

  int rows() {
    return rows;
  }

  List<ArrowFieldNode> fieldNodes() {
    List<ArrowFieldNode> fieldNodes = new ArrayList<>(nodes.length / 2);
    for (int i = 0; i < nodes.length; i += 2) {
      fieldNodes.add(new ArrowFieldNode(nodes[i], nodes[i + 1]));
    }
    return fieldNodes;
  }

  /** Bytes of all buffers, as they lie in the file. */
  long bytes() {
    return body.length();
  }

  @Override
  public int slots(ColumnLayout column) {
    return nodes[2 * column.node];
  }

  @Override
  public int nullCount(ColumnLayout column) {
    return nodes[2 * column.node + 1];
  }

  @Override
  public long address(ColumnLayout column, int buffer) {
    return length(column, buffer) == 0 ? 0 : body.address() + offset(column, buffer);
  }

  @Override
  public byte @Nullable [] heap(ColumnLayout column, int buffer) {
    return null;
  }

  @Override
  public long position(ColumnLayout column, int buffer) {
    return body.position() + offset(column, buffer);
  }

  private long offset(ColumnLayout column, int buffer) {
    return buffers[2 * (column.buffer + buffer)];
  }

  @Override
  public long length(ColumnLayout column, int buffer) {
    return buffers[2 * (column.buffer + buffer) + 1];
  }

  private void checkColumn(ColumnLayout column) throws InvalidBatchException {
    int slots = slots(column);
    int nulls = nullCount(column);
    check(nulls <= slots, nulls + " nulls in " + slots + " slots");
    if (column.kind == ColumnLayout.Kind.NULL) {
      check(nulls == slots, nulls + " nulls in " + slots + " slots of type void");
      return;
    }
    for (int i = 0; i < column.kind.buffers; i++) {
      checkLength(column, i);
    }
    for (ColumnLayout child : column.children) {
      if (column.kind == ColumnLayout.Kind.STRUCT) {
        check(slots(child) == slots, "a field of " + slots(child) + " slots in " + slots);
      }
      checkColumn(child);
    }
  }

  /** Bytes that a buffer has when it is not compressed, or {@link #ANY}. */
  long plainLength(ColumnLayout column, int buffer) {
    int slots = slots(column);
    if (buffer == 0) {
      return nullCount(column) == 0 ? 0 : ColumnWriter.bitmapBytes(slots);
    } else if (buffer == 2) {
      return ANY;
    }
    return switch (column.kind) {
      case BOOLEAN -> ColumnWriter.bitmapBytes(slots);
      case STRING, BINARY, LIST, MAP -> slots == 0 ? 0 : (slots + 1L) * Integer.BYTES;
      default -> (long) slots * column.kind.width;
    };
  }

  /** The content of a compressed buffer is known when it is decompressed. */
  private void checkLength(ColumnLayout column, int buffer) throws InvalidBatchException {
    long length = length(column, buffer);
    long plain = plainLength(column, buffer);
    boolean holds =
        compression == Compression.NONE
            ? plain == ANY || length == plain
            : length == 0 ? plain <= 0 : plain != 0 && length > BufferCodec.PREFIX;
    check(holds, "a buffer of " + length + " bytes, not " + plain);
  }

  private static int toInt(long number) throws InvalidBatchException {
    check(number >= 0 && number <= Integer.MAX_VALUE, "a count of " + number);
    return (int) number;
  }

  private static void check(boolean holds, String what) throws InvalidBatchException {
    if (!holds) {
      throw new InvalidBatchException(what);
    }
  }
}
