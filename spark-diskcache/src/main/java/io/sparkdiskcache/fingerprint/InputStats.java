// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.fingerprint;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Paths;
import java.nio.file.attribute.FileTime;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.EtagSource;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.LocalFileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.fs.RawLocalFileSystem;

/**
 * Asks file systems what a file's content is now. Nothing is remembered between calls.
 *
 * <p>A modification time alone does not tell two contents apart: most immediate overwrites of the
 * same length keep the millisecond, and {@code touch -r} restores any. Object stores give an eTag;
 * for local files the inode and the kernel's change time, which no program can set, stand in. Where
 * the file system has no eTag, a file is refused until the settle window has passed since its last
 * change, so that the next change cannot fall into the same tick.
 */
public final class InputStats {
  private static final int PARALLELISM = 16;
  private static final int PARALLEL_FROM = 32;
  private static final String ETAG_PREFIX = "etag:";
  private static final String LOCAL_PREFIX = "local:";

  private final Duration settle;
  private final Clock clock;

  InputStats(Duration settle, Clock clock) {
    this.settle = settle;
    this.clock = clock;
  }

  /** The status of {@code path} now. Refuses an unreadable or unsettled file. */
  InputFile stat(Path path, Configuration conf, String place) {
    InputFile file;
    try {
      file = identify(path, conf);
    } catch (IOException | UncheckedIOException e) {
      throw RefusedException.of(
          Refusal.Code.INPUT_UNREADABLE, place, "the status of " + path + " cannot be read: " + e);
    }
    requireSettled(file, place);
    return file;
  }

  /** {@link #stat} of many files at once, results in the same order. */
  List<InputFile> statAll(List<Path> paths, Configuration conf, String place) {
    if (paths.size() < PARALLEL_FROM) {
      return paths.stream().map(path -> stat(path, conf, place)).toList();
    }
    ExecutorService pool = Executors.newFixedThreadPool(PARALLELISM, InputStats::daemon);
    try {
      List<Future<InputFile>> pending = new ArrayList<>(paths.size());
      for (Path path : paths) {
        pending.add(pool.submit(() -> stat(path, conf, place)));
      }
      List<InputFile> files = new ArrayList<>(paths.size());
      for (Future<InputFile> future : pending) {
        files.add(future.get());
      }
      return files;
    } catch (ExecutionException e) {
      if (e.getCause() instanceof RefusedException refused) {
        throw refused;
      }
      throw new IllegalStateException("cannot read the status of the input files", e.getCause());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw RefusedException.of(
          Refusal.Code.INPUT_UNREADABLE,
          place,
          "interrupted while reading the input files' status");
    } finally {
      pool.shutdownNow();
    }
  }

  /** Whether the file still is what it was; false also when its status cannot be read. */
  public static boolean unchanged(InputFile expected, Configuration conf) {
    try {
      return identify(new Path(expected.path()), conf).equals(expected);
    } catch (IOException | UncheckedIOException e) {
      return false;
    }
  }

  private static Thread daemon(Runnable task) {
    Thread thread = new Thread(task, "diskcache-stat");
    thread.setDaemon(true);
    return thread;
  }

  private static InputFile identify(Path path, Configuration conf) throws IOException {
    FileSystem fs = path.getFileSystem(conf);
    FileStatus status = fs.getFileStatus(path);
    if (!status.isFile()) {
      throw new IOException(path + " is not a file");
    }
    return new InputFile(
        fs.makeQualified(path).toString(),
        status.getLen(),
        status.getModificationTime(),
        version(fs, path, status));
  }

  private static String version(FileSystem fs, Path path, FileStatus status) throws IOException {
    if (status instanceof EtagSource source && source.getEtag() != null) {
      return ETAG_PREFIX + source.getEtag();
    }
    if (fs instanceof LocalFileSystem || fs instanceof RawLocalFileSystem) {
      java.nio.file.Path local = Paths.get(fs.makeQualified(path).toUri().getPath());
      if (!local.getFileSystem().supportedFileAttributeViews().contains("unix")) {
        return "";
      }
      Map<String, Object> facts = Files.readAttributes(local, "unix:ctime,ino");
      if (facts.get("ctime") instanceof FileTime changed) {
        return LOCAL_PREFIX + changed.to(TimeUnit.NANOSECONDS) + ":" + facts.get("ino");
      }
    }
    return "";
  }

  private void requireSettled(InputFile file, String place) {
    if (file.version().startsWith(ETAG_PREFIX)) {
      return;
    }
    long newest = Math.max(file.modificationTime(), changeMillis(file));
    long age = clock.millis() - newest;
    if (age <= settle.toMillis()) {
      throw RefusedException.of(
          Refusal.Code.INPUT_UNSETTLED,
          place,
          file.path()
              + " changed "
              + age
              + " ms ago and its file system has no eTags; it is trusted after "
              + settle.toMillis()
              + " ms without a change");
    }
  }

  private static long changeMillis(InputFile file) {
    if (!file.version().startsWith(LOCAL_PREFIX)) {
      return Long.MIN_VALUE;
    }
    String nanos = file.version().substring(LOCAL_PREFIX.length(), file.version().lastIndexOf(':'));
    return TimeUnit.NANOSECONDS.toMillis(Long.parseLong(nanos));
  }
}
