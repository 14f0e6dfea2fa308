// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.arrow;

import java.io.EOFException;
import java.io.IOException;
import java.lang.reflect.Field;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.nio.Buffer;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.SeekableByteChannel;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.zip.CRC32C;
import org.apache.spark.unsafe.Platform;

/**
 * A whole file in memory, mapped read-only or read, in windows: a window has less than 2 GiB, and
 * every block the file was cut at lies in one of them. Addresses are valid as long as this object
 * can be reached.
 */
final class FileMapping {
  /** Of a file that may be cut anywhere. */
  private static final long WINDOW = 1 << 30;

  private static final long ADDRESS_FIELD;
  private static final Object UNSAFE;
  private static final Method INVOKE_CLEANER;

  static {
    try {
      // By reflection: javac warns of every mention of the class, and warnings are errors.
      Class<?> unsafeClass = Class.forName("sun.misc.Unsafe");
      Field theUnsafe = unsafeClass.getDeclaredField("theUnsafe");
      theUnsafe.setAccessible(true);
      UNSAFE = theUnsafe.get(null);
      INVOKE_CLEANER = unsafeClass.getMethod("invokeCleaner", ByteBuffer.class);
      ADDRESS_FIELD =
          (long)
              unsafeClass
                  .getMethod("objectFieldOffset", Field.class)
                  .invoke(UNSAFE, Buffer.class.getDeclaredField("address"));
    } catch (ReflectiveOperationException e) {
      throw new ExceptionInInitializerError(e);
    }
  }

  private final List<Window> windows;
  private final boolean mapped;

  private record Window(long start, long end, long address, ByteBuffer buffer) {}

  private FileMapping(List<Window> windows, boolean mapped) {
    this.windows = windows;
    this.mapped = mapped;
  }

  private interface Loader {
    ByteBuffer load(long start, long end) throws IOException;
  }

  /**
   * Maps the file.
   *
   * @param cuts ascending positions where a window may end; the pieces between them, the start and
   *     the end of the file are each at most {@code maxWindow} long
   */
  static FileMapping map(Path path, FileChannel file, long size, long[] cuts, long maxWindow)
      throws IOException {
    return new FileMapping(
        load(path, size, cuts, maxWindow, (start, end) -> mapOrRead(file, start, end)), true);
  }

  /** Maps a file that has no blocks. */
  static FileMapping map(Path path, FileChannel file, long size) throws IOException {
    long[] cuts = new long[(int) (size / WINDOW)];
    Arrays.setAll(cuts, i -> (i + 1) * WINDOW);
    return map(path, file, size, cuts, WINDOW);
  }

  /** Reads what is not in a file as it is; see {@link #map} for the rest. */
  static FileMapping read(Path path, SeekableByteChannel plain, long size, long[] cuts)
      throws IOException {
    return new FileMapping(
        load(path, size, cuts, Integer.MAX_VALUE, (start, end) -> read(plain, start, end)), false);
  }

  private static List<Window> load(Path path, long size, long[] cuts, long maxWindow, Loader loader)
      throws IOException {
    List<Window> windows = new ArrayList<>();
    boolean complete = false;
    try {
      long start = 0;
      for (int i = 0; i <= cuts.length; i++) {
        long pieceEnd = i == cuts.length ? size : cuts[i];
        if (pieceEnd - start > maxWindow) {
          long end = i == 0 ? 0 : cuts[i - 1];
          if (end <= start || pieceEnd - end > maxWindow) {
            throw new CorruptEntryException(
                path, end, "a piece begins that has " + (pieceEnd - end) + " bytes");
          }
          windows.add(window(loader, start, end));
          start = end;
        }
      }
      windows.add(window(loader, start, size));
      complete = true;
      return List.copyOf(windows);
    } finally {
      if (!complete) {
        unmap(windows);
      }
    }
  }

  private static Window window(Loader loader, long start, long end) throws IOException {
    ByteBuffer buffer = loader.load(start, end);
    return new Window(start, end, address(buffer), buffer);
  }

  private static ByteBuffer mapOrRead(FileChannel file, long start, long end) throws IOException {
    if (!Mappings.hasRoom()) {
      return read(file, start, end);
    }
    ByteBuffer piece = file.map(FileChannel.MapMode.READ_ONLY, start, end - start);
    Mappings.add(piece);
    return piece;
  }

  private static ByteBuffer read(SeekableByteChannel from, long start, long end)
      throws IOException {
    ByteBuffer buffer;
    try {
      buffer = GarbageMemory.allocate((int) (end - start));
    } catch (OutOfMemoryError e) { // of the process, not of the heap
      throw new ExhaustedException(e);
    }
    boolean complete = false;
    try {
      from.position(start);
      while (buffer.hasRemaining()) {
        if (from.read(buffer) < 0) {
          throw new EOFException("it ends after " + from.position() + " of " + end + " bytes");
        }
      }
      complete = true;
      return buffer.flip();
    } finally {
      if (!complete) {
        free(buffer);
      }
    }
  }

  /** Where a direct buffer begins. */
  static long address(ByteBuffer direct) {
    return Platform.getLong(direct, ADDRESS_FIELD);
  }

  /** Where so many bytes from a position of the file are in memory. */
  long address(long position, long length) {
    Window window = window(position, length);
    return window.address + (position - window.start);
  }

  /** A view with checked bounds. */
  ByteBuffer slice(long position, int length) {
    Window window = window(position, length);
    return window.buffer.slice((int) (position - window.start), length);
  }

  /** Copies what begins at a position, as much as the target takes. */
  void read(long position, ByteBuffer target) {
    while (target.hasRemaining()) {
      Window window = window(position, 1);
      int length = (int) Math.min(target.remaining(), window.end - position);
      target.put(slice(position, length));
      position += length;
    }
  }

  /** The first {@code size} bytes as a channel, which ends before the mapping does. */
  SeekableByteChannel channel(long size) {
    return new MappedChannel(this, size);
  }

  /** CRC-32C of the whole file. */
  long crc32c() {
    CRC32C crc = new CRC32C();
    for (Window window : windows) {
      crc.update(window.buffer.duplicate());
    }
    return crc.getValue();
  }

  /** Bytes of all windows. */
  long size() {
    return windows.get(windows.size() - 1).end;
  }

  /** Whether it is the file itself, as far as the process may map more. */
  boolean isMapped() {
    return mapped;
  }

  int windows() {
    return windows.size();
  }

  /** At once, which makes every address invalid; for who has handed out none. To be called once. */
  void unmap() {
    unmap(windows);
  }

  private Window window(long position, long length) {
    for (Window window : windows) {
      if (position >= window.start && position <= window.end) {
        if (length >= 0 && length <= window.end - position) {
          return window;
        }
      }
    }
    throw new IndexOutOfBoundsException(
        "Bytes " + position + " + " + length + " do not lie in one window of the file");
  }

  private static void unmap(List<Window> windows) {
    windows.forEach(window -> free(window.buffer));
  }

  private static void free(ByteBuffer buffer) {
    try {
      INVOKE_CLEANER.invoke(UNSAFE, buffer);
    } catch (IllegalAccessException | InvocationTargetException e) {
      throw new IllegalStateException("Cannot unmap a file of the cache", e);
    }
  }
}
