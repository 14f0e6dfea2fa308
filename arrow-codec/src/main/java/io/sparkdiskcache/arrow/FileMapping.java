// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.arrow;

import java.io.IOException;
import java.lang.reflect.Field;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.nio.Buffer;
import java.nio.ByteBuffer;
import java.nio.MappedByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.zip.CRC32C;
import org.apache.spark.unsafe.Platform;

/**
 * A whole file, mapped read-only in windows: a window has less than 2 GiB, and every block the file
 * was cut at lies in one of them. {@link #unmap} makes every address handed out invalid.
 */
final class FileMapping {
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

  private record Window(long start, long end, long address, MappedByteBuffer buffer) {}

  private FileMapping(List<Window> windows) {
    this.windows = windows;
  }

  /**
   * Maps the file.
   *
   * @param cuts ascending positions where a window may end; the pieces between them, the start and
   *     the end of the file are each at most {@code maxWindow} long
   */
  static FileMapping map(Path path, FileChannel file, long size, long[] cuts, long maxWindow)
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
                path, "what begins at " + end + " has " + (pieceEnd - end) + " bytes");
          }
          windows.add(mapWindow(file, start, end));
          start = end;
        }
      }
      windows.add(mapWindow(file, start, size));
      complete = true;
      return new FileMapping(List.copyOf(windows));
    } finally {
      if (!complete) {
        unmap(windows);
      }
    }
  }

  private static Window mapWindow(FileChannel file, long start, long end) throws IOException {
    MappedByteBuffer buffer = file.map(FileChannel.MapMode.READ_ONLY, start, end - start);
    return new Window(start, end, Platform.getLong(buffer, ADDRESS_FIELD), buffer);
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

  /** CRC-32C of the whole file. */
  long crc32c() {
    CRC32C crc = new CRC32C();
    for (Window window : windows) {
      crc.update(window.buffer.duplicate());
    }
    return crc.getValue();
  }

  int windows() {
    return windows.size();
  }

  /** To be called once, when nothing reads any more. */
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
    for (Window window : windows) {
      try {
        INVOKE_CLEANER.invoke(UNSAFE, window.buffer);
      } catch (IllegalAccessException | InvocationTargetException e) {
        throw new IllegalStateException("Cannot unmap a file of the cache", e);
      }
    }
  }
}
