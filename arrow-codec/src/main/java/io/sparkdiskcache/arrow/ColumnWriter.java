// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.arrow;

import java.io.IOException;
import java.util.List;
import org.apache.arrow.memory.ArrowBuf;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.vector.ipc.message.ArrowFieldNode;
import org.apache.spark.sql.catalyst.expressions.SpecializedGetters;
import org.apache.spark.unsafe.Platform;

/**
 * The slots of one column of the batch being written, off-heap. A value is appended by {@link
 * #write}; a slot without a value (null, or below a null struct) holds zeros, so that equal rows
 * make equal files. Buffers are handed out by {@link #collect}, kept by {@link #reset} and released
 * by {@link #close}.
 */
abstract class ColumnWriter implements AutoCloseable {
  /** Encoded bytes of the current batch that do not come from the fixed part of its rows. */
  static final class Budget {
    long bytes;
  }

  final ColumnLayout layout;
  final Budget budget;
  private final GrowableBuffer validity;
  private int count;
  private int nullCount;

  ColumnWriter(ColumnLayout layout, BufferAllocator allocator, Budget budget) {
    this.layout = layout;
    this.budget = budget;
    this.validity = new GrowableBuffer(allocator);
  }

  /** Appends the value at an ordinal of a row or array, or null. */
  void write(SpecializedGetters in, int ordinal) throws IOException {
    if (in.isNullAt(ordinal)) {
      writeNull();
    } else {
      writeValue(in, ordinal);
      endSlot(true);
    }
  }

  /** Appends the data of a value that is not null; the slot is ended by the caller. */
  abstract void writeValue(SpecializedGetters in, int ordinal) throws IOException;

  /** Appends the data of a slot that has no value; the slot is ended by the caller. */
  abstract void writeZero() throws IOException;

  final void writeNull() throws IOException {
    writeZero();
    endSlot(false);
  }

  /** Appends the slot below a null struct: no null where the schema promises none. */
  final void writeMissing() throws IOException {
    writeZero();
    endSlot(!layout.nullable);
  }

  final int count() {
    return count;
  }

  final int nullCount() {
    return nullCount;
  }

  final boolean isNull(int slot) {
    return nullCount > 0
        && (Platform.getByte(null, validity.address() + (slot >> 3)) & (1 << (slot & 7))) == 0;
  }

  /** Ends the current slot. The bitmap exists from the first null on. */
  final void endSlot(boolean valid) {
    if (!valid && nullCount++ == 0) {
      validity.ensure((count >> 3) + 1);
      Platform.setMemory(validity.address(), (byte) 0xff, count >> 3);
      putValidityByte(count >> 3, (1 << (count & 7)) - 1);
    } else if (nullCount > 0) {
      int at = count >> 3;
      int bits = 0;
      if ((count & 7) == 0) {
        validity.ensure(at + 1);
      } else {
        bits = Platform.getByte(null, validity.address() + at);
      }
      putValidityByte(at, valid ? bits | (1 << (count & 7)) : bits);
    }
    count++;
  }

  private void putValidityByte(int at, int bits) {
    Platform.putByte(null, validity.address() + at, (byte) bits);
  }

  /** Adds this column's nodes and buffers in pre-order. The buffers stay this writer's. */
  final void collect(List<ArrowFieldNode> nodes, List<ArrowBuf> buffers) {
    nodes.add(new ArrowFieldNode(count, layout.kind == ColumnLayout.Kind.NULL ? count : nullCount));
    if (layout.kind != ColumnLayout.Kind.NULL) {
      buffers.add(validity.view(nullCount == 0 ? 0 : bitmapBytes(count)));
    }
    collectOwn(buffers);
    for (ColumnWriter child : children()) {
      child.collect(nodes, buffers);
    }
  }

  /** Adds the buffers after the bitmap. */
  void collectOwn(List<ArrowBuf> buffers) {}

  List<ColumnWriter> children() {
    return List.of();
  }

  /** Forgets the slots, keeps the memory. */
  void reset() {
    count = 0;
    nullCount = 0;
    for (ColumnWriter child : children()) {
      child.reset();
    }
  }

  @Override
  public void close() {
    validity.close();
    for (ColumnWriter child : children()) {
      child.close();
    }
  }

  static long bitmapBytes(int slots) {
    return (slots + 7L) >> 3;
  }
}
