// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.arrow;

import java.util.ArrayList;
import java.util.List;
import org.apache.arrow.flatbuf.Buffer;
import org.apache.arrow.flatbuf.DictionaryBatch;
import org.apache.arrow.flatbuf.FieldNode;
import org.apache.arrow.flatbuf.Message;
import org.apache.arrow.flatbuf.MessageHeader;
import org.apache.arrow.flatbuf.RecordBatch;
import org.apache.arrow.vector.ipc.message.ArrowFieldNode;

/**
 * Where the buffers of one record batch are in memory. An instance has been checked against its
 * layout: lengths of nodes and buffers agree with each other and with the body that is mapped, so
 * that only what buffers contain (offsets, bitmaps) is left to check when a column is loaded.
 */
final class BatchBuffers {
  private static final int ALIGNMENT = 8;

  private final int rows;
  private final long bytes;
  private final long bodyAddress;

  /** Two numbers per node: slots, nulls. */
  private final int[] nodes;

  /** Two numbers per buffer: offset in the body, length. */
  private final long[] buffers;

  private BatchBuffers(int rows, long bytes, long bodyAddress, int[] nodes, long[] buffers) {
    this.rows = rows;
    this.bytes = bytes;
    this.bodyAddress = bodyAddress;
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
  static BatchBuffers parse(
      Message message, ColumnLayout.Batch layout, long bodyAddress, long bodyLength)
      throws InvalidBatchException {
    RecordBatch batch = new RecordBatch();
    check(message.headerType() == MessageHeader.RecordBatch, "the message is no record batch");
    check(message.header(batch) != null, "the message has no header");
    check(message.bodyLength() == bodyLength, "two different lengths of its body");
    return parse(batch, layout, bodyAddress, bodyLength);
  }

  /** The same of a dictionary, which holds a batch of one column. */
  static BatchBuffers parseDictionary(
      Message message, long id, ColumnLayout.Batch layout, long bodyAddress, long bodyLength)
      throws InvalidBatchException {
    DictionaryBatch dictionary = new DictionaryBatch();
    check(message.headerType() == MessageHeader.DictionaryBatch, "the message is no dictionary");
    check(message.header(dictionary) != null, "the message has no header");
    check(message.bodyLength() == bodyLength, "two different lengths of its body");
    check(dictionary.id() == id, "it is dictionary " + dictionary.id() + ", not " + id);
    check(!dictionary.isDelta(), "it adds to another");
    RecordBatch batch = dictionary.data();
    if (batch == null) {
      throw new InvalidBatchException("it has no values");
    }
    return parse(batch, layout, bodyAddress, bodyLength);
  }

  private static BatchBuffers parse(
      RecordBatch batch, ColumnLayout.Batch layout, long bodyAddress, long bodyLength)
      throws InvalidBatchException {
    check(batch.compression() == null, "compression");
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
      check(length >= 0 && length <= bodyLength - end, "length of buffer " + i + ": " + length);
      buffers[2 * i] = end;
      buffers[2 * i + 1] = length;
      end = (end + length + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    }
    check(end == bodyLength, "its buffers end at " + end + ", its body at " + bodyLength);
    int rows = toInt(batch.length());
    BatchBuffers result = new BatchBuffers(rows, bodyLength, bodyAddress, nodes, buffers);
    for (ColumnLayout column : layout.columns()) {
      check(result.slots(column) == rows, "a column of " + result.slots(column) + " rows");
      result.checkColumn(column);
    }
    return result;
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

  /** Bytes of all buffers. */
  long bytes() {
    return bytes;
  }

  int slots(ColumnLayout column) {
    return nodes[2 * column.node];
  }

  int nullCount(ColumnLayout column) {
    return nodes[2 * column.node + 1];
  }

  /** Address of one of the column's own buffers, 0 if that is empty. */
  long address(ColumnLayout column, int buffer) {
    return length(column, buffer) == 0 ? 0 : bodyAddress + buffers[2 * (column.buffer + buffer)];
  }

  long length(ColumnLayout column, int buffer) {
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
    checkLength(column, 0, nulls == 0 ? 0 : ColumnWriter.bitmapBytes(slots));
    switch (column.kind) {
      case BOOLEAN -> checkLength(column, 1, ColumnWriter.bitmapBytes(slots));
      case STRING, BINARY, LIST, MAP ->
          checkLength(column, 1, slots == 0 ? 0 : (slots + 1L) * Integer.BYTES);
      case STRUCT -> {
        for (ColumnLayout child : column.children) {
          check(slots(child) == slots, "a field of " + slots(child) + " slots in " + slots);
        }
      }
      default -> checkLength(column, 1, (long) slots * column.kind.width);
    }
    for (ColumnLayout child : column.children) {
      checkColumn(child);
    }
  }

  private void checkLength(ColumnLayout column, int buffer, long expected)
      throws InvalidBatchException {
    long length = length(column, buffer);
    check(length == expected, "a buffer of " + length + " bytes, not " + expected);
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
