// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.store;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;

/**
 * Who holds a lease of a memoised call: {@code NAMESPACE/PID/START}, all from {@code /proc}, so
 * that Python can write and judge it too. A process of the same namespace that is gone, or whose id
 * belongs to another start, is dead; of others nothing is known but that their leases expire.
 */
final class MemoOwner {
  /** This process. */
  static final String SELF = self();

  private static final int START_TIME = 19; // the 22nd field of stat; counted after the name

  private MemoOwner() {}

  private static String self() {
    long pid = ProcessHandle.current().pid();
    try {
      return namespace() + "/" + pid + "/" + start(pid);
    } catch (IOException | RuntimeException e) {
      return "?/" + pid + "/" + System.nanoTime(); // not Linux: leases end by expiry only
    }
  }

  static boolean isAlive(String owner) {
    if (owner.equals(SELF)) {
      return true;
    }
    String[] parts = owner.split("/", -1);
    if (parts.length != 3 || !SELF.startsWith(parts[0] + "/") || parts[0].equals("?")) {
      return true;
    }
    try {
      return start(Long.parseLong(parts[1])).equals(parts[2]);
    } catch (NoSuchFileException e) {
      return false;
    } catch (IOException | RuntimeException e) {
      return true;
    }
  }

  private static String namespace() throws IOException {
    String link = Files.readSymbolicLink(Path.of("/proc/self/ns/pid")).toString();
    return link.replaceAll("[^0-9]", "");
  }

  /** In clock ticks since boot. */
  private static String start(long pid) throws IOException {
    String stat = Files.readString(Path.of("/proc/" + pid + "/stat"), StandardCharsets.ISO_8859_1);
    // The name, in parentheses, may hold blanks and parentheses itself.
    return stat.substring(stat.lastIndexOf(')') + 2).split(" ", -1)[START_TIME];
  }
}
