// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.store;

import java.io.IOException;
import java.time.Duration;
import java.time.Instant;
import java.util.HashMap;
import java.util.Map;

/** The limits as bytes on this disk, and how far things are from them. */
final class Room {
  private final long maxBytes;
  private final long minFreeBytes;
  private final Duration ttl;
  private final Map<String, Long> tags;
  private final DirectoryProbe.Space space;

  private Room(
      long maxBytes,
      long minFreeBytes,
      Duration ttl,
      Map<String, Long> tags,
      DirectoryProbe.Space space) {
    this.maxBytes = maxBytes;
    this.minFreeBytes = minFreeBytes;
    this.ttl = ttl;
    this.tags = tags;
    this.space = space;
  }

  static Room of(StoreLimits limits, DirectoryProbe.Space space) throws IOException {
    long disk = space.total();
    Map<String, Long> tags = new HashMap<>();
    limits.tags().forEach((tag, limit) -> tags.put(tag, limit.of(disk)));
    return new Room(
        limits.maxBytes().of(disk), limits.minFreeBytes(), limits.ttl(), Map.copyOf(tags), space);
  }

  long maxBytes() {
    return maxBytes;
  }

  long minFreeBytes() {
    return minFreeBytes;
  }

  /** Tags with a limit, in bytes. */
  Map<String, Long> tags() {
    return tags;
  }

  boolean isOver(Totals totals) {
    return totals.bytesOnDisk() > maxBytes;
  }

  boolean isTagOver(String tag, long bytes) {
    Long limit = tags.get(tag);
    return limit != null && bytes > limit;
  }

  /** How much the disk lacks of the space that is to stay free; 0 if nothing. */
  long lackingOnDisk() throws IOException {
    return minFreeBytes == 0 ? 0 : Math.max(0, minFreeBytes - space.usable());
  }

  boolean isExpired(Instant created, Instant now) {
    return !ttl.isZero() && created.plus(ttl).isBefore(now);
  }

  /** Whether time or other programs can make an eviction due, without anything being published. */
  boolean changesByItself() {
    return !ttl.isZero() || minFreeBytes > 0;
  }

  /** Entries created before it have expired. */
  Instant expiry(Instant now) {
    return ttl.isZero() ? Instant.MIN : now.minus(ttl);
  }
}
