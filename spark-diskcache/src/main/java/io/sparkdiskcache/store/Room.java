// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.store;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.time.Duration;
import java.time.Instant;
import java.util.HashMap;
import java.util.Map;

/**
 * The limits as bytes on this disk, and how far things are from them.
 *
 * <p>There are two sets of limits. Those of the directory hold for all entries; by them entries of
 * anybody are removed. Those that this process was given hold for what its applications add, and
 * remove nothing else; its time to live says what it believes, and removes nothing at all.
 */
final class Room {
  private static final Log LOG = Log.of(DiskStore.class);

  /**
   * Limits in bytes.
   *
   * @param maxBytes of all files together
   * @param minFreeBytes that stay free
   * @param ttl zero for ever
   * @param tags by tag
   * @param policy which entries go first
   */
  record Bounds(
      long maxBytes,
      long minFreeBytes,
      Duration ttl,
      Map<String, Long> tags,
      EvictionPolicy policy) {
    long ofTag(String tag) {
      return tags.getOrDefault(tag, Long.MAX_VALUE);
    }

    Instant expiry(Instant now) {
      return ttl.isZero() ? Instant.MIN : now.minus(ttl);
    }
  }

  /** One state of the file with the directory's limits. */
  private record Seen(Bounds bounds, Object version) {}

  private final Path root;
  private final DirectoryProbe.Space space;
  private final long disk;
  private final Bounds own;
  private volatile Seen directory;

  private Room(Path root, DirectoryProbe.Space space, long disk, Bounds own, Seen directory) {
    this.root = root;
    this.space = space;
    this.disk = disk;
    this.own = own;
    this.directory = directory;
  }

  /** Writes the limits of the directory if it has none, or if they are to be changed. */
  static Room of(StoreOptions options, Path root, DirectoryProbe.Space space) throws IOException {
    long disk = space.total();
    DirectoryLimits given = new DirectoryLimits(options.limits(), options.eviction());
    DirectoryLimits found = given.writeIfAbsent(root);
    DirectoryLimits wanted = found.with(given, options.changes());
    if (!wanted.equals(found)) {
      wanted.write(root);
      LOG.info("The limits of {} are now {}", root, wanted.described());
    } else if (!given.equals(found)) {
      LOG.info(
          "The limits of {} are {}. Those of this process, {}, hold for the entries that it adds.",
          root,
          found.described(),
          given.described());
    }
    return new Room(
        root,
        space,
        disk,
        bounds(given, disk),
        new Seen(bounds(wanted, disk), version(DirectoryLimits.file(root))));
  }

  /** For maintenance: without limits, and without leaving any. */
  static Room unlimited(Path root, DirectoryProbe.Space space) throws IOException {
    long disk = space.total();
    Bounds none =
        bounds(new DirectoryLimits(StoreLimits.ofBytes(Long.MAX_VALUE), EvictionPolicy.NONE), disk);
    return new Room(root, space, disk, none, new Seen(none, UNLIMITED));
  }

  private static final Object UNLIMITED = "unlimited";

  private static Bounds bounds(DirectoryLimits of, long disk) {
    Map<String, Long> tags = new HashMap<>();
    of.limits().tags().forEach((tag, limit) -> tags.put(tag, limit.of(disk)));
    return new Bounds(
        of.limits().maxBytes().of(disk),
        of.limits().minFreeBytes(),
        of.limits().ttl(),
        Map.copyOf(tags),
        of.eviction());
  }

  /** Of whoever this process adds entries for. */
  Bounds own() {
    return own;
  }

  /** Of all, as they are now: any process may change them. */
  Bounds directory() {
    Seen seen = directory;
    if (seen.version.equals(UNLIMITED)) {
      return seen.bounds;
    }
    try {
      Object version = version(DirectoryLimits.file(root));
      if (!version.equals(seen.version)) {
        // Without the file those last seen hold: its absence is nobody's word.
        Bounds now =
            DirectoryLimits.read(root).map(found -> bounds(found, disk)).orElse(seen.bounds);
        seen = new Seen(now, version);
        directory = seen;
      }
    } catch (IOException e) {
      LOG.warn("The limits of {} stay what they were: {}", root, e.toString());
    }
    return seen.bounds;
  }

  private static Object version(Path file) throws IOException {
    try {
      BasicFileAttributes facts = Files.readAttributes(file, BasicFileAttributes.class);
      return facts.lastModifiedTime() + "/" + facts.size() + "/" + facts.fileKey();
    } catch (NoSuchFileException e) {
      return "none";
    }
  }

  /** The most bytes of a single entry, and of all that are being written. */
  long maxBytes() {
    return Math.min(own.maxBytes, directory().maxBytes);
  }

  /** The same for an entry with that tag. */
  long maxBytes(String tag) {
    return Math.min(maxBytes(), Math.min(own.ofTag(tag), directory().ofTag(tag)));
  }

  /** Below which nothing is written. */
  long minFreeBytes() {
    return Math.max(own.minFreeBytes, directory().minFreeBytes);
  }

  boolean isOver(Totals totals) {
    return totals.bytesOnDisk() > directory().maxBytes;
  }

  /** Whether what this process adds may be less than what the directory may hold. */
  boolean limitsOwn() {
    Bounds all = directory();
    return own.maxBytes < all.maxBytes
        || own.tags.entrySet().stream().anyMatch(tag -> tag.getValue() < all.ofTag(tag.getKey()));
  }

  /** How much the disk lacks of the space that is to stay free; 0 if nothing. */
  long lackingOnDisk(long minFree) throws IOException {
    return minFree == 0 ? 0 : Math.max(0, minFree - space.usable());
  }

  /** Whether this process does not believe it any more, by its own word or by the directory's. */
  boolean isExpired(Instant created, Instant now) {
    Duration all = directory.bounds.ttl; // as last seen: asked for every lookup
    return isOlder(created, own.ttl, now) || isOlder(created, all, now);
  }

  private static boolean isOlder(Instant created, Duration ttl, Instant now) {
    return !ttl.isZero() && created.plus(ttl).isBefore(now);
  }

  /** Whether time or other programs can make an eviction due, without anything being published. */
  boolean changesByItself() {
    return !directory.version.equals(UNLIMITED);
  }
}
