// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.cluster;

import java.util.Arrays;
import java.util.HashSet;
import java.util.Set;

/**
 * The entries of one directory, as eight bytes each in a sorted array, and what has changed since
 * it was sorted. Changes are merged into the array when they are many, so that the whole takes
 * eight bytes an entry and a bounded rest.
 */
final class HostInventory {
  /** About 64 bytes each in a hash set. */
  static final int MAX_CHANGES = 1 << 14;

  private long[] sorted = new long[0];
  private final Set<Long> added = new HashSet<>();
  private final Set<Long> removed = new HashSet<>();

  /** Begins anew with these keys; sorts the array and keeps it. */
  synchronized void replace(long[] keys) {
    Arrays.sort(keys);
    sorted = keys;
    added.clear();
    removed.clear();
  }

  synchronized boolean contains(long key) {
    return added.contains(key) || (!removed.contains(key) && Arrays.binarySearch(sorted, key) >= 0);
  }

  synchronized void add(long key) {
    removed.remove(key);
    added.add(key);
    mergeIfMany();
  }

  synchronized void remove(long key) {
    added.remove(key);
    removed.add(key);
    mergeIfMany();
  }

  /** Entries of the array. */
  synchronized int sortedSize() {
    return sorted.length;
  }

  synchronized int changes() {
    return added.size() + removed.size();
  }

  private void mergeIfMany() {
    if (changes() < MAX_CHANGES) {
      return;
    }
    added.removeIf(key -> Arrays.binarySearch(sorted, key) >= 0 && !removed.contains(key));
    long[] merged = new long[sorted.length + added.size()];
    int n = 0;
    for (long key : sorted) {
      if (!removed.contains(key)) {
        merged[n++] = key;
      }
    }
    for (long key : added) {
      merged[n++] = key;
    }
    replace(n == merged.length ? merged : Arrays.copyOf(merged, n));
  }
}
