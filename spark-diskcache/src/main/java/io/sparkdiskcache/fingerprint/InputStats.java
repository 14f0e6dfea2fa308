// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.fingerprint;

import io.sparkdiskcache.annotation.Internal;
import io.sparkdiskcache.store.Threads;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Paths;
import java.nio.file.attribute.FileTime;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.CommonPathCapabilities;
import org.apache.hadoop.fs.EtagSource;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.FilterFileSystem;
import org.apache.hadoop.fs.LocalFileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.fs.RawLocalFileSystem;
import org.apache.hadoop.fs.permission.FsAction;
import org.apache.hadoop.fs.viewfs.ViewFileSystem;
import org.apache.hadoop.fs.viewfs.ViewFileSystemOverloadScheme;
import org.apache.hadoop.hdfs.protocol.HdfsFileStatus;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Asks file systems what a file's content is now. Nothing is remembered between calls.
 *
 * <p>A modification time alone does not tell two contents apart: most immediate overwrites of the
 * same length keep the millisecond, and {@code touch -r} restores any. Object stores give an eTag;
 * for local files the inode and the kernel's change time, which no program can set, stand in, and
 * in HDFS the inode. A file system that only shows another one ({@code viewfs}, a checksum or
 * filter of Hadoop's own) is asked for the file below; one that tells none of this is not believed,
 * and its files are refused. Where the file system has no eTag, a file is unsettled until a window
 * has passed since its last change, so that the next change cannot fall into the same tick; what is
 * computed from an unsettled file is never stored.
 */
@Internal
public final class InputStats {
  private static final Logger LOG = LoggerFactory.getLogger(InputStats.class);
  private static final int PARALLELISM = 16;
  private static final int PARALLEL_FROM = 32;
  private static final String ETAG_PREFIX = "etag:";
  private static final String HDFS_PREFIX = "hdfs:";
  private static final String LOCAL_PREFIX = "local:";

  /** File systems that show the files of other file systems as they are. */
  private static final Set<Class<?>> VIEWS =
      Set.of(ViewFileSystem.class, ViewFileSystemOverloadScheme.class);

  /** Likewise; Hive puts its own in the place of Hadoop's local file system. */
  private static final Set<String> FILTERS =
      Set.of(
          FilterFileSystem.class.getName(),
          "org.apache.hadoop.fs.ProxyFileSystem",
          "org.apache.hadoop.hive.ql.io.ProxyLocalFileSystem",
          "org.apache.hadoop.fs.ProxyLocalFileSystem",
          "org.apache.hadoop.hive.shims.Hadoop23Shims$ProxyFileSystem23");

  private static final Set<Class<?>> LOCAL =
      Set.of(LocalFileSystem.class, RawLocalFileSystem.class);
  private static final int MAX_DEPTH = 4;

  private final Duration settle;
  private final Clock clock;

  InputStats(Duration settle, Clock clock) {
    this.settle = settle;
    this.clock = clock;
  }

  /**
   * A file as it was seen.
   *
   * @param unsettled why its identity may hold for its next content too; empty where it cannot
   */
  record Seen(InputFile file, Optional<String> unsettled) {}

  /** The status of {@code path} now. Refuses an unreadable file. */
  Seen stat(Path path, Configuration conf, String place) {
    long before = clock.millis(); // the file is at least this old when its status is read
    InputFile file;
    try {
      file = identify(path, conf);
    } catch (IOException | RuntimeException | LinkageError e) { // others' file systems
      throw RefusedException.of(
          Refusal.Code.INPUT_UNREADABLE, place, "the status of " + path + " cannot be read: " + e);
    }
    if (file.version().isEmpty()) {
      throw RefusedException.of(
          Refusal.Code.INPUT_VERSION,
          place,
          "the file system of "
              + path
              + " ("
              + fileSystem(path, conf)
              + ") tells neither an eTag nor an inode, and a modification time can be put back");
    }
    return new Seen(file, unsettled(file, before));
  }

  /** {@link #stat} of many files at once, results in the same order. */
  List<Seen> statAll(List<Path> paths, Configuration conf, String place) {
    try {
      return forAll(paths, path -> stat(path, conf, place));
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw RefusedException.of(
          Refusal.Code.INPUT_UNREADABLE,
          place,
          "interrupted while reading the input files' status");
    }
  }

  /** Whether every file still is what it was; false also when a status cannot be read. */
  public static boolean unchanged(Collection<InputFile> expected, Configuration conf) {
    try {
      return forAll(List.copyOf(expected), file -> unchanged(file, conf)).stream()
          .allMatch(Boolean::booleanValue);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return false;
    }
  }

  /** {@link #unchanged(Collection, Configuration)} for one file. */
  public static boolean unchanged(InputFile expected, Configuration conf) {
    try {
      return !expected.version().isEmpty()
          && identify(new Path(expected.path()), conf).equals(expected);
    } catch (IOException | RuntimeException | LinkageError e) { // others' file systems
      return false;
    }
  }

  /**
   * The first of the files that the calling user may not read, as far as their file systems say:
   * those that know permissions are asked for each file, object stores without are not. A file that
   * cannot be asked for counts as one that may not be read.
   */
  public static Optional<InputFile> unreadable(Collection<InputFile> files, Configuration conf) {
    List<InputFile> all = List.copyOf(files);
    try {
      List<Boolean> readable = forAll(all, file -> isReadable(new Path(file.path()), conf));
      int at = readable.indexOf(false);
      return at < 0 ? Optional.empty() : Optional.of(all.get(at));
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return all.stream().findFirst();
    }
  }

  private static boolean isReadable(Path path, Configuration conf) {
    try {
      FileSystem fs = path.getFileSystem(conf);
      if (fs.getClass() == LocalFileSystem.class || fs.getClass() == RawLocalFileSystem.class) {
        return Files.isReadable(Paths.get(fs.makeQualified(path).toUri().getPath()));
      }
      if (fs.hasPathCapability(path, CommonPathCapabilities.FS_PERMISSIONS)) {
        fs.access(path, FsAction.READ);
      }
      return true;
    } catch (IOException | RuntimeException e) {
      LOG.info("{} may not be read by this user: {}", path, e.toString());
      return false;
    }
  }

  /** Applies a question to the file system to many files, many at once, in order. */
  private static <T, R> List<R> forAll(List<T> files, Function<T, R> question)
      throws InterruptedException {
    if (files.size() < PARALLEL_FROM) {
      return files.stream().map(question).toList();
    }
    ExecutorService pool = Executors.newFixedThreadPool(PARALLELISM, InputStats::daemon);
    try {
      List<Future<R>> pending = new ArrayList<>(files.size());
      for (T file : files) {
        pending.add(pool.submit(() -> question.apply(file)));
      }
      List<R> answers = new ArrayList<>(files.size());
      for (Future<R> future : pending) {
        answers.add(future.get());
      }
      return answers;
    } catch (ExecutionException e) {
      if (e.getCause() instanceof RuntimeException cause) {
        throw cause;
      }
      throw new IllegalStateException("cannot read the status of the input files", e.getCause());
    } finally {
      pool.shutdownNow();
    }
  }

  private static Thread daemon(Runnable task) {
    return Threads.daemon(task, "diskcache-stat");
  }

  private static String fileSystem(Path path, Configuration conf) {
    try {
      return path.getFileSystem(conf).getClass().getName();
    } catch (IOException | RuntimeException | LinkageError e) {
      return e.toString();
    }
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
        version(fs, path, status, conf));
  }

  /** Empty if nothing but times and lengths can be told. */
  private static String version(FileSystem fs, Path path, FileStatus status, Configuration conf)
      throws IOException {
    FileSystem below = fs;
    Path file = path;
    FileStatus seen = status;
    for (int depth = 0; depth < MAX_DEPTH; depth++) {
      String version = ownVersion(below, file, seen);
      if (!version.isEmpty()) {
        return version;
      }
      if (VIEWS.contains(below.getClass())) {
        file = below.resolvePath(file);
        below = file.getFileSystem(conf);
      } else if (below instanceof FilterFileSystem filter
          && FILTERS.contains(below.getClass().getName())) {
        below = filter.getRawFileSystem();
        file = below.makeQualified(new Path(file.toUri().getPath()));
      } else {
        return "";
      }
      seen = below.getFileStatus(file);
      if (!seen.isFile() || seen.getLen() != status.getLen()) {
        return "";
      }
    }
    return "";
  }

  /** By what the file system itself says. A subclass of a local one may read what it likes. */
  private static String ownVersion(FileSystem fs, Path path, FileStatus status) throws IOException {
    if (status instanceof EtagSource source
        && source.getEtag() != null
        && !source.getEtag().isBlank()) {
      return ETAG_PREFIX + source.getEtag();
    }
    if (status instanceof HdfsFileStatus hdfs && hdfs.getFileId() > 0) {
      return HDFS_PREFIX + hdfs.getFileId(); // distcp and setTimes restore times, not inodes
    }
    if (LOCAL.contains(fs.getClass())) {
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

  private Optional<String> unsettled(InputFile file, long now) {
    if (file.version().startsWith(ETAG_PREFIX)) {
      return Optional.empty();
    }
    long newest = Math.max(file.modificationTime(), changeMillis(file));
    long age = now - newest;
    if (age > settle.toMillis()) {
      return Optional.empty();
    }
    return Optional.of(
        file.path()
            + " changed "
            + age
            + " ms ago and its file system has no eTags; it is trusted after "
            + settle.toMillis()
            + " ms without a change");
  }

  private static long changeMillis(InputFile file) {
    if (!file.version().startsWith(LOCAL_PREFIX)) {
      return Long.MIN_VALUE;
    }
    String nanos = file.version().substring(LOCAL_PREFIX.length(), file.version().lastIndexOf(':'));
    return TimeUnit.NANOSECONDS.toMillis(Long.parseLong(nanos));
  }
}
