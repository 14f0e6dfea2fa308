// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.store;

import static io.sparkdiskcache.store.StoreFixture.key;

import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Instant;
import java.util.Arrays;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Random;

/**
 * Opening, looking up and publishing at several sizes of the cache: {@code StoreBenchmark DIR
 * ENTRIES...}, with an empty directory on the disk to be measured. Here and not in the benchmarks
 * module, because a million entries are inserted behind the store's back.
 */
final class StoreBenchmark {
  private static final int LOOKUPS = 50_000;
  private static final int HOT = 10_000;
  private static final int PUTS = 200;
  private static final int BATCH = 10_000;

  private StoreBenchmark() {}

  public static void main(String[] arguments) throws Exception {
    Path parent = Path.of(arguments[0]);
    System.out.println(
        "| entries | open ms | lookup hot p50 us | p99 us | any p50 us | p99 us | miss p50 us |");
    for (int i = 1; i < arguments.length; i++) {
      int entries = Integer.parseInt(arguments[i]);
      Path directory = parent.resolve("cache" + entries);
      fill(directory, entries);
      lookups(directory, entries);
    }
    puts(parent.resolve("puts"));
  }

  private static void fill(Path directory, int entries) throws Exception {
    try (DiskStore store = StoreFixture.open(directory)) {
      CacheDirectory names = CacheDirectory.prepare(directory, DirectoryProbe.system());
      Rows rows = new Rows(names, Rows.DamageListener.IGNORE);
      EntryMeta meta = StoreFixture.meta(new byte[0]);
      Instant now = Instant.now();
      for (int from = 0; from < entries; from += BATCH) {
        int start = from;
        int end = Math.min(entries, from + BATCH);
        for (int i = start; i < end; i++) {
          Path file = names.dataFile(key(i), "1-0-00000000-" + i);
          Directories.createPrivate(file.getParent());
          Files.createFile(file);
        }
        store
            .index()
            .write(
                session -> {
                  for (int i = start; i < end; i++) {
                    Path file = names.dataFile(key(i), "1-0-00000000-" + i);
                    Entry entry = new Entry(key(i), file, meta.withoutComponents(), now, now, 0);
                    rows.insert(session, entry, Map.of("plan", "Scan"), "");
                  }
                  return end;
                });
      }
    }
  }

  private static void lookups(Path directory, int entries) throws Exception {
    long[] opens = new long[7];
    for (int i = 0; i < opens.length; i++) {
      long start = System.nanoTime();
      DiskStore store = StoreFixture.open(directory);
      opens[i] = System.nanoTime() - start;
      store.close();
    }
    Random random = new Random(1);
    try (DiskStore store = StoreFixture.open(directory)) {
      int hot = Math.min(HOT, entries);
      Key[] hotKeys = new Key[hot];
      for (int i = 0; i < hot; i++) {
        hotKeys[i] = key(random.nextInt(entries));
      }
      Key[] anyKeys = new Key[LOOKUPS];
      Key[] absentKeys = new Key[LOOKUPS];
      for (int i = 0; i < LOOKUPS; i++) {
        anyKeys[i] = key(random.nextInt(entries));
        absentKeys[i] = key("absent" + i);
      }
      long[] any = measure(store, anyKeys, true);
      measure(store, hotKeys, true);
      long[] warm = measure(store, hotKeys, true);
      long[] absent = measure(store, absentKeys, false);
      System.out.printf(
          Locale.ROOT,
          "| %d | %.1f | %.1f | %.1f | %.1f | %.1f | %.1f |%n",
          entries,
          millis(percentile(opens, 50)),
          micros(percentile(warm, 50)),
          micros(percentile(warm, 99)),
          micros(percentile(any, 50)),
          micros(percentile(any, 99)),
          micros(percentile(absent, 50)));
    }
  }

  private static long[] measure(DiskStore store, Key[] keys, boolean found) {
    long[] nanos = new long[keys.length];
    for (int i = 0; i < keys.length; i++) {
      long start = System.nanoTime();
      Optional<Entry> entry = store.find(keys[i]);
      nanos[i] = System.nanoTime() - start;
      if (entry.isPresent() != found) {
        throw new AssertionError("entry " + keys[i] + " is " + entry);
      }
    }
    return nanos;
  }

  private static void puts(Path directory) throws Exception {
    byte[] bytes = StoreFixture.content(key("content"), 1 << 20);
    EntryMeta meta = StoreFixture.meta(bytes);
    Path plain = Files.createDirectories(directory.resolve("plain"));
    long[] stored = new long[PUTS];
    long[] written = new long[PUTS];
    try (DiskStore store = StoreFixture.open(directory.resolve("cache"))) {
      for (int i = -20; i < PUTS; i++) {
        long start = System.nanoTime();
        StoreFixture.put(store, key(i), bytes, meta);
        long middle = System.nanoTime();
        Path temp = plain.resolve("t" + i);
        StoreFixture.write(temp, bytes);
        Files.move(temp, plain.resolve("f" + i), StandardCopyOption.ATOMIC_MOVE);
        long end = System.nanoTime();
        if (i >= 0) {
          stored[i] = middle - start;
          written[i] = end - middle;
        }
      }
    }
    double put = millis(percentile(stored, 50));
    double file = millis(percentile(written, 50));
    System.out.printf(
        Locale.ROOT, "put of 1 MiB %.2f ms, plain file %.2f ms: %.2fx%n", put, file, put / file);
  }

  private static long percentile(long[] values, int percent) {
    long[] sorted = values.clone();
    Arrays.sort(sorted);
    return sorted[Math.min(sorted.length - 1, sorted.length * percent / 100)];
  }

  private static double micros(long nanos) {
    return nanos / 1e3;
  }

  private static double millis(long nanos) {
    return nanos / 1e6;
  }
}
