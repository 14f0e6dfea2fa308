// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.arrow;

import java.io.BufferedReader;
import java.io.IOException;
import java.lang.ref.Reference;
import java.lang.ref.ReferenceQueue;
import java.lang.ref.WeakReference;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * How many pieces of files this process has mapped. The kernel allows a number of mappings to a
 * process (on Linux {@code vm.max_map_count}, 65,530), of which threads and the heap need some: who
 * takes all ends the process. So half of them are for entries. Beyond that garbage is collected now
 * and then, for its mappings, and what does not fit then is read into memory.
 */
final class Mappings {
  private static final Path LIMIT = Path.of("/proc/sys/vm/max_map_count");
  private static final int USUAL = 65_530;
  private static final int MOST = kernelAllows() / 2;

  private static final Set<Mapped> LIVE = ConcurrentHashMap.newKeySet();
  private static final ReferenceQueue<ByteBuffer> GONE = new ReferenceQueue<>();

  /** Mappings that were refused since garbage was last collected for them. */
  private static final AtomicInteger REFUSED = new AtomicInteger(MOST / 8);

  private Mappings() {}

  private static final class Mapped extends WeakReference<ByteBuffer> {
    Mapped(ByteBuffer piece) {
      super(piece, GONE);
    }
  }

  private static int kernelAllows() {
    // Buffered: the kernel tells it to one read, and Files.readString begins with a byte.
    try (BufferedReader reader = Files.newBufferedReader(LIMIT)) {
      return Integer.parseInt(String.valueOf(reader.readLine()).strip());
    } catch (IOException | NumberFormatException e) { // no Linux, or hidden in a container
      return USUAL;
    }
  }

  /** Whether another piece may be mapped. */
  static boolean hasRoom() {
    clear();
    if (LIVE.size() < MOST) {
      return true;
    }
    if (REFUSED.incrementAndGet() > MOST / 8) {
      REFUSED.set(0);
      System.gc();
      clear();
    }
    return LIVE.size() < MOST;
  }

  /** A piece is mapped, until nothing refers to it. */
  static void add(ByteBuffer piece) {
    LIVE.add(new Mapped(piece));
  }

  private static void clear() {
    for (Reference<?> gone = GONE.poll(); gone != null; gone = GONE.poll()) {
      LIVE.remove(gone);
    }
  }
}
