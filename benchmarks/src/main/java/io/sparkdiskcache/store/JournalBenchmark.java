// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.store;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.Random;

/**
 * The index with a write-ahead log, and with the journals that need no shared memory: {@link
 * #READERS} processes look entries up while one publishes, and one looks up while another is frozen
 * in its commit. In the store's package, because rows are written behind its back. Arguments: a
 * directory, how many entries there are, for how many seconds.
 */
public final class JournalBenchmark {
  private static final List<String> MODES = List.of("wal", "truncate", "persist");
  private static final int READERS = 3;
  private static final Duration BUSY = Duration.ofSeconds(5);
  private static final int INDEX_PAGES = 1 << 12;

  private JournalBenchmark() {}

  public static void main(String[] args) throws Exception {
    Path directory = Path.of(args[0]);
    int entries = Integer.parseInt(args[1]);
    int seconds = Integer.parseInt(args[2]);
    if (args.length > 3) {
      work(directory, entries, seconds, args[3]);
      return;
    }
    Path filled = directory.resolve("filled");
    SyntheticCache.fill(filled, entries);
    System.out.println(
        "| journal | publishes/s | p99 ms | lookups/s of "
            + READERS
            + " processes | p99 ms | max ms | lookup beside a frozen commit |");
    System.out.println("|---|---|---|---|---|---|---|");
    for (String mode : MODES) {
      measure(directory.resolve(mode), filled, mode, args);
    }
  }

  private static void measure(Path directory, Path filled, String mode, String[] args)
      throws Exception {
    Files.createDirectories(directory);
    Files.copy(filled.resolve("index.db"), directory.resolve("index.db"));
    try (Session session = Session.open(directory.resolve("index.db"), BUSY)) {
      session.execute("PRAGMA journal_mode=" + mode);
    }
    List<Process> readers = new ArrayList<>();
    for (int i = 0; i < READERS; i++) {
      readers.add(start(directory, args, "read"));
    }
    Process writer = start(directory, args, "publish");
    double[] published = numbers(writer);
    double rate = 0;
    double p99 = 0;
    double max = 0;
    for (Process reader : readers) {
      double[] found = numbers(reader);
      rate += found[0];
      p99 = Math.max(p99, found[1]);
      max = Math.max(max, found[2]);
    }
    Process holder = start(directory, args, "hold");
    String unused = line(holder);
    signal(holder, "STOP");
    double[] frozen = numbers(start(directory, args, "one"));
    signal(holder, "KILL");
    holder.waitFor();
    System.out.printf(
        Locale.ROOT,
        "| %s | %,.0f | %.1f | %,.0f | %.2f | %,.0f | %s after %,.1f ms |%n",
        mode,
        published[0],
        published[1],
        rate,
        p99,
        max,
        frozen[0] > 0 ? "answered" : "given up",
        frozen[2]);
  }

  private static Process start(Path directory, String[] args, String task) throws IOException {
    return new ProcessBuilder(
            Path.of(System.getProperty("java.home"), "bin", "java").toString(),
            "-Xmx256m",
            "-cp",
            System.getProperty("java.class.path"),
            JournalBenchmark.class.getName(),
            directory.toString(),
            args[1],
            args[2],
            task)
        .redirectError(ProcessBuilder.Redirect.INHERIT)
        .start();
  }

  private static String line(Process process) throws IOException {
    String line =
        new BufferedReader(new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8))
            .readLine();
    if (line == null) {
      throw new IOException("a process of the benchmark has ended early");
    }
    return line;
  }

  private static double[] numbers(Process process) throws IOException {
    return Arrays.stream(line(process).split(" ")).mapToDouble(Double::parseDouble).toArray();
  }

  private static void signal(Process process, String name)
      throws IOException, InterruptedException {
    if (new ProcessBuilder("kill", "-" + name, Long.toString(process.pid())).start().waitFor()
        != 0) {
      throw new IOException("kill -" + name + " failed");
    }
  }

  // ---- in processes of their own

  private static void work(Path directory, int entries, int seconds, String task) throws Exception {
    Path index = directory.resolve("index.db");
    try (Session session = Session.open(index, BUSY)) {
      session.execute("PRAGMA cache_size=" + INDEX_PAGES);
      switch (task) {
        case "read" -> {
          Random random = new Random(ProcessHandle.current().pid());
          say(seconds, () -> find(session, SyntheticCache.key(random.nextInt(entries))));
        }
        case "publish" -> {
          CacheDirectory names = CacheDirectory.prepare(directory, DirectoryProbe.system());
          Rows rows = new Rows(names, Rows.DamageListener.IGNORE);
          long[] next = {entries};
          say(seconds, () -> publish(session, rows, names, next[0]++));
        }
        case "hold" -> {
          session.execute("BEGIN EXCLUSIVE");
          System.out.println("held");
          Thread.currentThread().join();
        }
        default -> {
          long start = System.nanoTime();
          boolean answered = true;
          try {
            find(session, SyntheticCache.key(1));
          } catch (SQLException e) {
            answered = false;
          }
          System.out.printf(
              Locale.ROOT, "%d 0 %f%n", answered ? 1 : 0, (System.nanoTime() - start) / 1e6);
        }
      }
    }
  }

  private static void find(Session session, Key key) throws SQLException {
    if (session
        .first(
            "SELECT file FROM entries WHERE key = ?",
            row -> row.getString(1),
            HexFormat.of().parseHex(key.hex()))
        .isEmpty()) {
      throw new IllegalStateException("entry " + key + " is missing");
    }
  }

  private static void publish(Session session, Rows rows, CacheDirectory names, long number)
      throws SQLException {
    EntryMeta meta = SyntheticCache.meta(new byte[0]);
    Instant now = Instant.now();
    Key key = SyntheticCache.key(number);
    Path file = names.dataFile(key, "1-0-00000000-" + number);
    Entry entry = new Entry(key, file, meta.withoutComponents(), now, now, 0);
    session.transaction(
        () -> {
          rows.insert(session, entry, meta.components(), "");
          return number;
        });
  }

  private interface Operation {
    void run() throws SQLException;
  }

  /** For so long: how many a second, and how long in ms 99 % and all of them took at most. */
  private static void say(int seconds, Operation operation) throws SQLException {
    List<Long> nanos = new ArrayList<>();
    long start = System.nanoTime();
    long end = start + Duration.ofSeconds(seconds).toNanos();
    for (long now = start; now < end; ) {
      operation.run();
      long after = System.nanoTime();
      nanos.add(after - now);
      now = after;
    }
    nanos.sort(null);
    System.out.printf(
        Locale.ROOT,
        "%f %f %f%n",
        (double) nanos.size() / seconds,
        nanos.get(nanos.size() * 99 / 100) / 1e6,
        nanos.get(nanos.size() - 1) / 1e6);
  }
}
