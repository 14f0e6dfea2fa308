// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.store;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;

/**
 * Which states of files this process has seen: 16 bytes of a SHA-256 each, in a table without
 * objects. A million take 32 MiB, and more are not kept: then it begins anew, and what is asked for
 * is read once more.
 */
final class SeenFiles {
  private static final int FIRST_SLOTS = 1 << 10;
  private static final int MAX_FILES = 1 << 20;

  private long[] table = new long[2 * FIRST_SLOTS];
  private int files;

  /** The state of a file: its name, length, time and number. */
  record State(long high, long low) {
    static State of(String path, String identity) {
      try {
        MessageDigest sha = MessageDigest.getInstance("SHA-256");
        sha.update(path.getBytes(StandardCharsets.UTF_8));
        sha.update((byte) 0);
        sha.update(identity.getBytes(StandardCharsets.UTF_8));
        ByteBuffer digest = ByteBuffer.wrap(sha.digest());
        return new State(digest.getLong(), digest.getLong() | 1); // never 0, which is a free slot
      } catch (NoSuchAlgorithmException e) {
        throw new IllegalStateException("every JVM has SHA-256", e);
      }
    }
  }

  synchronized boolean contains(State state) {
    return table[slot(table, state) + 1] != 0;
  }

  synchronized void add(State state) {
    int at = slot(table, state);
    if (table[at + 1] != 0) {
      return;
    }
    if (files == MAX_FILES) {
      table = new long[2 * FIRST_SLOTS];
      files = 0;
      at = slot(table, state);
    }
    table[at] = state.high;
    table[at + 1] = state.low;
    files++;
    if (4 * files > table.length) {
      grow();
    }
  }

  private void grow() {
    long[] larger = new long[2 * table.length];
    for (int i = 0; i < table.length; i += 2) {
      if (table[i + 1] != 0) {
        int at = slot(larger, new State(table[i], table[i + 1]));
        larger[at] = table[i];
        larger[at + 1] = table[i + 1];
      }
    }
    table = larger;
  }

  /** Where it is, or the free slot where it would be. Slots are a power of two of pairs. */
  private static int slot(long[] table, State state) {
    int mask = table.length / 2 - 1;
    int slot = (int) state.high & mask;
    while (table[2 * slot + 1] != 0
        && (table[2 * slot] != state.high || table[2 * slot + 1] != state.low)) {
      slot = (slot + 1) & mask;
    }
    return 2 * slot;
  }

  /** Memory of the table. */
  synchronized long bytes() {
    return (long) table.length * Long.BYTES;
  }
}
