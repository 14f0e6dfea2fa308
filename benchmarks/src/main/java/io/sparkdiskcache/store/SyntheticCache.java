// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.store;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.zip.CRC32C;

/**
 * Caches of a given size for benchmarks. In the store's package, because entries are inserted
 * behind its back: a million of them published one by one, each forced to the disk, would take
 * hours.
 */
public final class SyntheticCache {
  private static final int BATCH = 10_000;
  private static final String RELATION = "ab".repeat(32);

  private SyntheticCache() {}

  public static DiskStore open(Path directory) throws StoreException {
    return DiskStore.open(new StoreOptions(directory, 1L << 40, VerifyMode.OPEN));
  }

  /** The key of the entry with that number. */
  public static Key key(long number) {
    try {
      return Key.of(
          MessageDigest.getInstance("SHA-256")
              .digest(Long.toString(number).getBytes(StandardCharsets.US_ASCII)));
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError(e);
    }
  }

  /** The metadata that a writer would give of a file with these contents. */
  public static EntryMeta meta(byte[] bytes) {
    CRC32C crc = new CRC32C();
    crc.update(bytes);
    return new EntryMeta(
        RELATION,
        Optional.empty(),
        0,
        1,
        bytes.length,
        crc.getValue(),
        Duration.ofSeconds(1),
        Duration.ofMillis(1),
        "",
        "benchmark",
        "a benchmark's entry",
        Map.of("plan", "Scan"));
  }

  /** Entries 0 to n-1, with empty files. */
  public static void fill(Path directory, int entries)
      throws StoreException, IOException, SQLException {
    try (DiskStore store = open(directory)) {
      CacheDirectory names = CacheDirectory.prepare(directory, DirectoryProbe.system());
      Rows rows = new Rows(names, Rows.DamageListener.IGNORE);
      EntryMeta meta = meta(new byte[0]);
      Instant now = Instant.now();
      for (int from = 0; from < entries; from += BATCH) {
        int start = from;
        int end = Math.min(entries, from + BATCH);
        for (int i = start; i < end; i++) {
          Path file = file(names, i);
          Directories.createPrivate(Objects.requireNonNull(file.getParent()));
          Files.createFile(file);
        }
        store
            .index()
            .write(
                session -> {
                  for (int i = start; i < end; i++) {
                    Entry entry =
                        new Entry(key(i), file(names, i), meta.withoutComponents(), now, now, 0);
                    rows.insert(session, entry, meta.components(), "");
                  }
                  return end;
                });
      }
    }
  }

  /** Under the name of an owner that never was. */
  private static Path file(CacheDirectory names, int number) {
    return names.dataFile(key(number), "1-0-00000000-" + number);
  }
}
