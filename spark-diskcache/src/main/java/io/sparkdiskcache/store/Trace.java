// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.store;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * The order in which entries are asked for, recorded while the directory {@code trace} exists, to
 * try policies on. Each process appends to a file of its own, in batches; a line is {@code
 * millis,key,bytes,computeNanos,hit|put}: every request ends in one or the other.
 */
final class Trace {
  private static final int MAX_PENDING = 100_000;

  /** A trace that nobody stops ends here. */
  private static final long MAX_FILE_BYTES = 1L << 30;

  private final Path folder;
  private final ConcurrentLinkedQueue<String> pending = new ConcurrentLinkedQueue<>();
  private final AtomicInteger size = new AtomicInteger();
  private volatile boolean recording;

  Trace(Path folder) {
    this.folder = folder;
    this.recording = Files.isDirectory(folder);
  }

  void hit(Entry entry, Instant now) {
    record(entry, now, "hit");
  }

  void put(Entry entry, Instant now) {
    record(entry, now, "put");
  }

  private void record(Entry entry, Instant now, String what) {
    if (recording && size.get() < MAX_PENDING) {
      size.incrementAndGet();
      pending.add(
          String.format(
              Locale.ROOT,
              "%d,%s,%d,%d,%s",
              now.toEpochMilli(),
              entry.key().hex(),
              entry.bytes(),
              entry.meta().computeTime().toNanos(),
              what));
    }
  }

  /** Writes what was recorded, and looks whether recording was switched on or off meanwhile. */
  void flush(Owner owner) throws IOException {
    List<String> lines = new ArrayList<>();
    for (String line = pending.poll(); line != null; line = pending.poll()) {
      size.decrementAndGet();
      lines.add(line);
    }
    recording = Files.isDirectory(folder);
    if (recording && !lines.isEmpty()) {
      Path file = folder.resolve(owner.token() + ".csv");
      if (!Files.exists(file)) {
        Directories.createPrivateFile(file);
      }
      if (Files.size(file) < MAX_FILE_BYTES) {
        Files.write(file, lines, StandardCharsets.US_ASCII, StandardOpenOption.APPEND);
      }
    }
  }

  /** All lines of all processes, in order of time. */
  static List<String> read(Path folder) throws IOException {
    List<String> lines = new ArrayList<>();
    for (Path file : Directories.list(folder)) {
      lines.addAll(Files.readAllLines(file, StandardCharsets.US_ASCII));
    }
    lines.sort(
        Comparator.comparingLong(line -> Long.parseLong(line.substring(0, line.indexOf(',')))));
    return lines;
  }
}
