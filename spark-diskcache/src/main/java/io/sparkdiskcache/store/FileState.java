// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.store;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.time.Instant;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;

/** The state of a regular file by the file system, without its content being read. */
record FileState(long length, long modifiedNanos, long changedNanos, long inode, long device) {

  /** Clocks of file systems are coarse, and those of servers differ from ours. */
  private static final long SETTLE_NANOS = Duration.ofSeconds(2).toNanos();

  private static final FileTime NO_TIME = FileTime.fromMillis(0);
  private static final String UNIX = "unix:size,lastModifiedTime,ctime,ino,dev,isRegularFile";

  /** Of what the name leads to; empty if that is no regular file, or cannot be told. */
  static Optional<FileState> of(String path) {
    try {
      Path file = Path.of(path);
      return file.getFileSystem().supportedFileAttributeViews().contains("unix")
          ? unix(file)
          : basic(file);
    } catch (IOException | InvalidPathException e) {
      return Optional.empty(); // not there, or not for us: the caller asks isAbsent
    }
  }

  private static Optional<FileState> unix(Path file) throws IOException {
    Map<String, Object> all = Files.readAttributes(file, UNIX);
    return Boolean.TRUE.equals(all.get("isRegularFile"))
        ? Optional.of(
            new FileState(
                number(all, "size"),
                nanos((FileTime) all.getOrDefault("lastModifiedTime", NO_TIME)),
                nanos((FileTime) all.getOrDefault("ctime", NO_TIME)),
                number(all, "ino"),
                number(all, "dev")))
        : Optional.empty();
  }

  private static Optional<FileState> basic(Path file) throws IOException {
    BasicFileAttributes all = Files.readAttributes(file, BasicFileAttributes.class);
    return all.isRegularFile()
        ? Optional.of(new FileState(all.size(), nanos(all.lastModifiedTime()), 0, 0, 0))
        : Optional.empty();
  }

  /** Whether nothing has that name; false if it cannot be told. */
  static boolean isAbsent(String path) {
    try {
      Files.readAttributes(Path.of(path), BasicFileAttributes.class, LinkOption.NOFOLLOW_LINKS);
      return false;
    } catch (NoSuchFileException e) {
      return true;
    } catch (IOException | InvalidPathException e) {
      return false;
    }
  }

  /** Whether a file that was looked at then would have other times had it been written since. */
  boolean isSettled(Instant at) {
    long now = TimeUnit.SECONDS.toNanos(at.getEpochSecond()) + at.getNano();
    return changedNanos > 0 && now - Math.max(modifiedNanos, changedNanos) > SETTLE_NANOS;
  }

  FileRead read(String path, Instant at, String sha256) {
    return new FileRead(
        path, length, modifiedNanos, changedNanos, inode, device, isSettled(at), sha256);
  }

  private static long number(Map<String, Object> attributes, String name) {
    return ((Number) attributes.getOrDefault(name, 0L)).longValue();
  }

  private static long nanos(FileTime time) {
    return time.to(TimeUnit.NANOSECONDS);
  }
}
