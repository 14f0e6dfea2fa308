// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.arrow;

import com.github.luben.zstd.Zstd;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Predicate;
import net.jpountz.lz4.LZ4FrameInputStream;
import net.jpountz.lz4.LZ4FrameOutputStream;
import org.apache.arrow.flatbuf.BodyCompressionMethod;
import org.apache.arrow.memory.ArrowBuf;
import org.apache.arrow.memory.BufferAllocator;
import org.apache.arrow.vector.ipc.message.ArrowBodyCompression;
import org.apache.arrow.vector.ipc.message.ArrowRecordBatch;
import org.apache.spark.unsafe.Platform;
import org.apache.spark.unsafe.array.ByteArrayMethods;
import org.jspecify.annotations.Nullable;

/**
 * Compresses single buffers as Arrow's format wants them: the length of the plain bytes, then one
 * frame of LZ4 or Zstandard. Where a frame would not be shorter the length is {@link #STORED}, and
 * the plain bytes follow. An empty buffer stays empty.
 */
final class BufferCodec {
  /** Stands before the frame, little endian. */
  static final int PREFIX = Long.BYTES;

  /** In place of the length: the bytes are plain. */
  static final long STORED = -1;

  private static final int CHUNK = 64 << 10;

  /** A multiple of the width of every value of fixed width, in bytes. */
  private static final int PERIOD = 16;

  /** Less than this is not worth a prefix before every buffer of the batch. */
  static final int MIN_REPEATING = 1024;

  /** More is one giant value, which would have to be on the heap instead of being mapped. */
  private static final int MAX_REPEATING = 16 << 20;

  private BufferCodec() {}

  /**
   * Whether one value, or null, is in all slots of a buffer of some size: then a frame of it has
   * some forty bytes.
   */
  static boolean repeats(ArrowBuf buffer) {
    long length = buffer.readableBytes();
    long from = address(buffer);
    return length >= MIN_REPEATING
        && length <= MAX_REPEATING
        && ByteArrayMethods.arrayEquals(null, from, null, from + PERIOD, length - PERIOD);
  }

  /**
   * The batch with every buffer compressed; the caller closes both. Takes memory for what the
   * buffers are compressed to, and for the largest of them once more.
   *
   * @param which others are stored as they are
   */
  static ArrowRecordBatch compressed(
      ArrowRecordBatch batch,
      Compression compression,
      Predicate<ArrowBuf> which,
      BufferAllocator allocator)
      throws IOException {
    List<ArrowBuf> frames = new ArrayList<>();
    try (GrowableBuffer scratch = new GrowableBuffer(allocator)) {
      for (ArrowBuf buffer : batch.getBuffers()) {
        frames.add(
            which.test(buffer)
                ? compressed(buffer, compression, scratch, allocator)
                : framed(STORED, address(buffer), buffer.readableBytes(), allocator));
      }
      return new ArrowRecordBatch(
          batch.getLength(),
          batch.getNodes(),
          frames,
          new ArrowBodyCompression(compression.type(), BodyCompressionMethod.BUFFER),
          true);
    } finally {
      frames.forEach(ArrowBuf::close); // the batch has references of its own
    }
  }

  private static ArrowBuf compressed(
      ArrowBuf plain, Compression compression, GrowableBuffer scratch, BufferAllocator allocator)
      throws IOException {
    long length = plain.readableBytes();
    long from = address(plain);
    if (length == 0) {
      return allocator.getEmpty();
    }
    long framed =
        compression == Compression.ZSTD ? zstd(from, length, scratch) : lz4(from, length, scratch);
    return framed < length
        ? framed(length, scratch.address(), framed, allocator)
        : framed(STORED, from, length, allocator);
  }

  /** A copy of some bytes behind their prefix; nothing of nothing. */
  private static ArrowBuf framed(long prefix, long from, long length, BufferAllocator allocator) {
    if (length == 0) {
      return allocator.getEmpty();
    }
    ArrowBuf result = allocator.buffer(PREFIX + length);
    Platform.putLong(null, result.memoryAddress(), prefix);
    Platform.copyMemory(null, from, null, result.memoryAddress() + PREFIX, length);
    result.writerIndex(PREFIX + length);
    return result;
  }

  private static long address(ArrowBuf buffer) {
    return buffer.memoryAddress() + buffer.readerIndex();
  }

  private static long zstd(long from, long length, GrowableBuffer to) throws IOException {
    long bound = Zstd.compressBound(length);
    to.ensure(bound);
    long framed =
        Zstd.compressUnsafe(to.address(), bound, from, length, Zstd.defaultCompressionLevel());
    if (Zstd.isError(framed)) {
      throw new IOException(
          "Cannot compress " + length + " bytes by zstd: " + Zstd.getErrorName(framed));
    }
    return framed;
  }

  private static long lz4(long from, long length, GrowableBuffer to) throws IOException {
    MemoryOutput output = new MemoryOutput(to);
    try (LZ4FrameOutputStream frame =
        new LZ4FrameOutputStream(
            output,
            LZ4FrameOutputStream.BLOCKSIZE.SIZE_256KB,
            LZ4FrameOutputStream.FLG.Bits.BLOCK_INDEPENDENCE)) {
      byte[] chunk = new byte[(int) Math.min(CHUNK, length)];
      for (long at = 0; at < length; at += chunk.length) {
        int size = (int) Math.min(chunk.length, length - at);
        Platform.copyMemory(null, from + at, chunk, Platform.BYTE_ARRAY_OFFSET, size);
        frame.write(chunk, 0, size);
      }
    }
    return output.length;
  }

  /**
   * Reads one frame; nothing outside of the two pieces of memory is touched.
   *
   * @param toBase what {@code to} is an offset in; null if it is an address
   * @param plain exactly how many bytes the frame has to hold
   * @throws IOException if it is no such frame
   */
  static void decompress(
      Compression compression, long from, long length, byte @Nullable [] toBase, long to, int plain)
      throws IOException {
    try {
      if (compression == Compression.LZ4) {
        unLz4(from, length, toBase, to, plain);
      } else {
        unZstd(from, length, toBase, to, plain);
      }
    } catch (RuntimeException e) {
      throw new IOException(String.valueOf(e.getMessage()), e); // both libraries' of damage
    }
  }

  private static void unZstd(long from, long length, byte @Nullable [] toBase, long to, int plain)
      throws IOException {
    long found;
    if (toBase != null) {
      byte[] frame = new byte[(int) length];
      Platform.copyMemory(null, from, frame, Platform.BYTE_ARRAY_OFFSET, length);
      found = Zstd.decompressByteArray(toBase, 0, plain, frame, 0, frame.length);
    } else {
      found = Zstd.decompressUnsafe(to, plain, from, length);
    }
    if (Zstd.isError(found)) {
      throw new IOException(Zstd.getErrorName(found));
    }
    if (found != plain) {
      throw new IOException("it holds " + found + " bytes, not " + plain);
    }
  }

  private static void unLz4(long from, long length, byte @Nullable [] toBase, long to, int plain)
      throws IOException {
    MemoryInput input = new MemoryInput(from, length);
    try (LZ4FrameInputStream frame = new LZ4FrameInputStream(input, true)) {
      byte[] chunk = new byte[Math.min(CHUNK, plain)];
      int at = 0;
      while (at < plain) {
        int size = frame.read(chunk, 0, Math.min(chunk.length, plain - at));
        if (size < 0) {
          throw new IOException("it holds " + at + " bytes, not " + plain);
        }
        Platform.copyMemory(chunk, Platform.BYTE_ARRAY_OFFSET, toBase, to + at, size);
        at += size;
      }
      if (frame.read() >= 0 || input.left > 0) {
        throw new IOException("it holds more than " + plain + " bytes");
      }
    }
  }

  private static final class MemoryOutput extends OutputStream {
    private final GrowableBuffer memory;
    private long length;

    MemoryOutput(GrowableBuffer memory) {
      this.memory = memory;
    }

    @Override
    public void write(int value) {
      memory.ensure(length + 1);
      Platform.putByte(null, memory.address() + length++, (byte) value);
    }

    @Override
    public void write(byte[] bytes, int offset, int count) {
      memory.ensure(length + count);
      Platform.copyMemory(
          bytes, Platform.BYTE_ARRAY_OFFSET + offset, null, memory.address() + length, count);
      length += count;
    }
  }

  private static final class MemoryInput extends InputStream {
    private long address;
    private long left;

    MemoryInput(long address, long length) {
      this.address = address;
      this.left = length;
    }

    @Override
    public int read() {
      if (left == 0) {
        return -1;
      }
      left--;
      return Platform.getByte(null, address++) & 0xff;
    }

    @Override
    public int read(byte[] bytes, int offset, int count) {
      if (left == 0 && count > 0) {
        return -1;
      }
      int size = (int) Math.min(count, left);
      Platform.copyMemory(null, address, bytes, Platform.BYTE_ARRAY_OFFSET + offset, size);
      address += size;
      left -= size;
      return size;
    }
  }
}
