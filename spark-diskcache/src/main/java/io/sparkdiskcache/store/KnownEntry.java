// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.store;

import java.time.Duration;
import java.time.Instant;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * An {@link Entry} in about a fifth of its memory: what the entries that one process writes of a
 * relation have in common is held once, and times and path are made when they are asked for.
 *
 * @param common to be replaced by an equal one that is held already
 * @param file the number at the end of the file's name
 */
record KnownEntry(
    Common common,
    long file,
    int partition,
    int crc32c,
    long rows,
    long bytes,
    long computeNanos,
    long writeNanos,
    long createdMillis,
    long accessMillis,
    long hits,
    long dataBytes) {
  private static final int MAX_DIGITS = 18; // of a long, whatever they are

  /**
   * @param owner the token in the file's name
   */
  record Common(
      String owner,
      String relation,
      Optional<Key> generation,
      String tag,
      String application,
      String description,
      List<FileRead> reads) {}

  /** The 256 bits of a key. */
  record Bits(long a, long b, long c, long d) {
    private static final int DIGITS = 16;

    static Bits of(Key key) {
      String hex = key.hex();
      return new Bits(digits(hex, 0), digits(hex, 1), digits(hex, 2), digits(hex, 3));
    }

    private static long digits(String hex, int part) {
      return HexFormat.fromHexDigitsToLong(hex, part * DIGITS, (part + 1) * DIGITS);
    }

    /** Any of them will do: they come from a digest. */
    @Override
    public int hashCode() {
      return (int) a;
    }
  }

  /** Empty for a file whose name could not be put together again from a number. */
  static Optional<KnownEntry> of(Entry entry) {
    String key = entry.key().hex();
    String name = CacheDirectory.name(entry.path());
    int last = name.lastIndexOf('-');
    int end = name.length() - CacheDirectory.DATA_SUFFIX.length();
    if (!name.startsWith(key)
        || !name.endsWith(CacheDirectory.DATA_SUFFIX)
        || last <= key.length()
        || !isNumber(name, last + 1, end)) {
      return Optional.empty();
    }
    EntryMeta meta = entry.meta();
    return Optional.of(
        new KnownEntry(
            new Common(
                name.substring(key.length() + 1, last),
                meta.relation(),
                meta.generation(),
                meta.tag(),
                meta.application(),
                meta.description(),
                meta.reads()),
            Long.parseLong(name, last + 1, end, 10),
            meta.partition(),
            (int) meta.crc32c(),
            meta.rows(),
            meta.bytes(),
            meta.computeTime().toNanos(),
            meta.writeTime().toNanos(),
            entry.createdAt().toEpochMilli(),
            entry.lastAccess().toEpochMilli(),
            entry.hits(),
            meta.dataBytes()));
  }

  /** Whether these digits are how a long is written. */
  private static boolean isNumber(String text, int from, int to) {
    for (int i = from; i < to; i++) {
      if (text.charAt(i) < '0' || text.charAt(i) > '9') {
        return false;
      }
    }
    return from < to && to - from <= MAX_DIGITS && text.charAt(from) != '0';
  }

  KnownEntry with(Common equal) {
    return new KnownEntry(
        equal,
        file,
        partition,
        crc32c,
        rows,
        bytes,
        computeNanos,
        writeNanos,
        createdMillis,
        accessMillis,
        hits,
        dataBytes);
  }

  Entry entry(CacheDirectory directory, Key key) {
    return new Entry(
        key,
        directory.dataFile(key, common.owner + "-" + file),
        new EntryMeta(
            common.relation,
            common.generation,
            partition,
            rows,
            bytes,
            Integer.toUnsignedLong(crc32c),
            Duration.ofNanos(computeNanos),
            Duration.ofNanos(writeNanos),
            common.tag,
            common.application,
            common.description,
            Map.of(),
            common.reads,
            dataBytes),
        Instant.ofEpochMilli(createdMillis),
        Instant.ofEpochMilli(accessMillis),
        hits);
  }
}
