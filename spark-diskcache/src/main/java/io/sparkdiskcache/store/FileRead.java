// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.store;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.Serializable;
import java.io.UncheckedIOException;
import java.nio.file.InvalidPathException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * A local file that a function read while it computed rows: an input of the entry that no plan
 * names. It is looked at again wherever the entry is to be served.
 *
 * <p>The times and the inode say without reading it that a file is the same; where they differ, and
 * where the file was written so shortly before it was looked at that its next content could have
 * the same times, the content decides.
 *
 * @param path absolute
 * @param length in bytes; negative for a file that was looked for and was not there
 * @param modifiedNanos since the epoch
 * @param changedNanos of the inode, since the epoch; 0 where the file system does not tell
 * @param inode 0 where the file system does not tell
 * @param device that the inode is on
 * @param settled whether another content has to have other times
 * @param sha256 of the content, in hexadecimal; empty for a file that was not there
 */
public record FileRead(
    String path,
    long length,
    long modifiedNanos,
    long changedNanos,
    long inode,
    long device,
    boolean settled,
    String sha256)
    implements Serializable {

  /** Longer files are not hashed, and rows that were computed from them are not kept. */
  public static final long MAX_BYTES = 64L << 20;

  /** Entries with more reads, or with longer names, are not kept. */
  private static final int MAX_READS = 512;

  private static final int MAX_PATH = 4096;
  private static final int MAX_PATHS = 1 << 16;
  private static final byte VERSION = 1;

  /**
   * The file as it is now; empty if it cannot be an input: no regular file, unreadable, too long.
   */
  public static Optional<FileRead> of(String path) {
    return FileState.of(path)
        .flatMap(
            state ->
                FileHashes.process()
                    .sha256(path, state)
                    .map(sha256 -> state.read(path, Instant.now(), sha256)));
  }

  /** A file that was looked for and was not there: it must not be there later either. */
  public static FileRead absent(String path) {
    return new FileRead(path, -1, 0, 0, 0, 0, false, "");
  }

  /**
   * A file that another process has read and hashed.
   *
   * @param at when it looked at the times, before it read the content
   */
  public static FileRead seen(
      String path,
      long length,
      long modifiedNanos,
      long changedNanos,
      long inode,
      long device,
      String sha256,
      Instant at) {
    return new FileState(length, modifiedNanos, changedNanos, inode, device).read(path, at, sha256);
  }

  /** What a look at the file on this host has shown. */
  enum Look {
    SAME,
    CHANGED,
    /** It cannot be read now: for want of descriptors, of memory, of permission. */
    UNKNOWN
  }

  /** Whether the file has the same content now, on this host. Never throws. */
  Look look() {
    try {
      Optional<FileState> now = FileState.of(path);
      if (now.isEmpty()) {
        boolean absent = FileState.isAbsent(path);
        return !absent ? Look.UNKNOWN : length < 0 ? Look.SAME : Look.CHANGED;
      }
      if (length != now.get().length()) {
        return Look.CHANGED;
      }
      if (settled && now.get().equals(state())) {
        return Look.SAME;
      }
      return FileHashes.process()
          .sha256(path, now.get())
          .map(found -> found.equals(sha256) ? Look.SAME : Look.CHANGED)
          .orElse(Look.UNKNOWN);
    } catch (InvalidPathException e) {
      return Look.CHANGED; // a name that this host cannot have
    }
  }

  private FileState state() {
    return new FileState(length, modifiedNanos, changedNanos, inode, device);
  }

  /** Empty for no reads. */
  public static byte[] encode(List<FileRead> reads) {
    if (reads.isEmpty()) {
      return new byte[0];
    }
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (DataOutputStream out = new DataOutputStream(bytes)) {
      out.writeByte(VERSION);
      out.writeInt(reads.size());
      for (FileRead read : reads) {
        out.writeUTF(read.path);
        out.writeLong(read.length);
        out.writeLong(read.modifiedNanos);
        out.writeLong(read.changedNanos);
        out.writeLong(read.inode);
        out.writeLong(read.device);
        out.writeBoolean(read.settled);
        out.writeUTF(read.sha256);
      }
    } catch (IOException e) {
      throw new UncheckedIOException("The name of a file that was read has 64 KiB or more", e);
    }
    return bytes.toByteArray();
  }

  /**
   * The files that were encoded.
   *
   * @throws IllegalArgumentException if that is not what {@link #encode} makes
   */
  public static List<FileRead> decode(byte[] bytes) {
    if (bytes.length == 0) {
      return List.of();
    }
    List<FileRead> reads = new ArrayList<>();
    try (DataInputStream in = new DataInputStream(new ByteArrayInputStream(bytes))) {
      if (in.readByte() != VERSION) {
        throw new IllegalArgumentException("the files that were read are in another format");
      }
      int count = in.readInt();
      for (int i = 0; i < count; i++) {
        reads.add(
            new FileRead(
                in.readUTF(),
                in.readLong(),
                in.readLong(),
                in.readLong(),
                in.readLong(),
                in.readLong(),
                in.readBoolean(),
                in.readUTF()));
      }
      if (count <= 0 || in.available() > 0) {
        throw new IllegalArgumentException("the files that were read have another length");
      }
    } catch (IOException e) {
      throw new IllegalArgumentException("the files that were read end in the middle", e);
    }
    return List.copyOf(reads);
  }

  /** Whether an entry can have so many, with names so long. */
  public static boolean fit(List<FileRead> reads) {
    return reads.size() <= MAX_READS
        && reads.stream().allMatch(read -> read.path.length() <= MAX_PATH)
        && reads.stream().mapToLong(read -> read.path.length()).sum() <= MAX_PATHS;
  }

  @Override
  public String toString() {
    return path + (length < 0 ? " (not there)" : " (" + length + " bytes)");
  }
}
