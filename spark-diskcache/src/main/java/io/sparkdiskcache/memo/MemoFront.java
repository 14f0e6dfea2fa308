// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.memo;

import io.sparkdiskcache.store.MemoKey;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * Results in memory, decoded. Two generations: when the young one is full it becomes the old one,
 * whose unused half is dropped; what is found in the old one moves up. That is nearly the least
 * recently used, with lookups that take no lock and write nothing.
 */
final class MemoFront {
  private final long bytesOfGeneration;
  private final AtomicLong youngBytes = new AtomicLong();
  private final AtomicLong evictions = new AtomicLong();
  private volatile ConcurrentMap<MemoKey, Known> young = new ConcurrentHashMap<>();
  private volatile ConcurrentMap<MemoKey, Known> old = new ConcurrentHashMap<>();

  /**
   * @param maxBytes estimated memory of both generations
   */
  MemoFront(long maxBytes) {
    this.bytesOfGeneration = maxBytes / 2;
  }

  @Nullable Known get(MemoKey key) {
    Known known = young.get(key);
    if (known != null) {
      return known;
    }
    long ticket = ticket();
    known = old.get(key);
    if (known != null) {
      put(key, known, ticket);
    }
    return known;
  }

  /** To be taken before the store is asked for what is put here. */
  long ticket() {
    return evictions.get();
  }

  void put(MemoKey key, Known known, long ticket) {
    if (evictions.get() != ticket) {
      return;
    }
    ConcurrentMap<MemoKey, Known> into = young;
    if (into.put(key, known) == null && youngBytes.addAndGet(known.weight()) > bytesOfGeneration) {
      age(into);
    }
    if (evictions.get() != ticket) {
      into.remove(key);
    }
  }

  private synchronized void age(ConcurrentMap<MemoKey, Known> full) {
    if (young == full) {
      old = full;
      young = new ConcurrentHashMap<>();
      youngBytes.set(0);
    }
  }

  /** Something was removed from the store, and this may hold it. */
  synchronized void clear() {
    evictions.incrementAndGet();
    young = new ConcurrentHashMap<>();
    old = new ConcurrentHashMap<>();
    youngBytes.set(0);
  }
}
