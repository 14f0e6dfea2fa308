// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.store;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermission;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Names and shape of the directory, and the reasons to refuse one.
 *
 * <pre>
 * format                                 "spark-diskcache 3"
 * limits                                 what all may keep together, see DirectoryLimits
 * index.db                               and its -wal, -shm
 * data/ab/cd/KEY-OWNER-N.arrow           published entries; ab, cd: first digits of KEY
 * tmp/OWNER-N.arrow, tmp/OWNER.lock      files being written; the lock says that OWNER lives
 * tmp/KEY.lease                          entries being computed, see Leases
 * quarantine/                            damaged entries and indexes
 * distrusted/FUNCTION.txt                functions whose entries are not believed, see FunctionNotes
 * impure/FUNCTION.txt                    functions that do more than to compute rows, see FunctionNotes
 * memo/                                  results of memoised functions, see MemoStore
 * driver/                                what drivers note for later applications
 * file-systems                           types of file systems that somebody has said are local
 * trace/OWNER.csv                        requests, recorded while the folder exists
 * </pre>
 *
 * <p>A data file carries its writer and a number in its name, not the key alone, so that no name is
 * ever used twice: a slow delete of an old file cannot hit the new one of the same key, two writers
 * of a key never overwrite each other, and a file without a row is known to be garbage as soon as
 * its writer is gone.
 */
final class CacheDirectory {
  private static final Log LOG = Log.of(CacheDirectory.class);

  /** 1 kept the components of each entry by itself; its index is set aside, see Reindexer. */
  static final int FORMAT = 5;

  static final String MEMO = "memo";

  private static final String FORMAT_NAME = "spark-diskcache";
  private static final Pattern FORMAT_LINE = Pattern.compile(FORMAT_NAME + " (\\d{1,9})");

  /** Of the names that {@link #dataName} makes: KEY-OWNER-N.arrow. */
  static final String DATA_SUFFIX = ".arrow";

  private static final Pattern DATA_FILE =
      Pattern.compile("([0-9a-f]{64})-(" + Owner.TOKEN + ")-(\\d+)\\.arrow");
  private static final Pattern OWNER_TOKEN = Pattern.compile(Owner.TOKEN);
  private static final Pattern TEMP_FILE = Pattern.compile("(" + Owner.TOKEN + ")-(\\d+)\\.arrow");

  /**
   * SQLite's locks and shared memory, and the meaning of fsync and rename, need a local disk: these
   * are known to be one. Any other is refused, unless it is accepted by name.
   */
  private static final Set<String> LOCAL_FILE_SYSTEMS =
      Set.of(
          "apfs",
          "aufs",
          "bcachefs",
          "btrfs",
          "ext2",
          "ext3",
          "ext4",
          "f2fs",
          "fuse.fuse-overlayfs",
          "hfs",
          "jfs",
          "nilfs2",
          "ntfs",
          "ntfs3",
          "overlay",
          "ramfs",
          "refs",
          "reiserfs",
          "rootfs",
          "tmpfs",
          "ufs",
          "xfs",
          "zfs");

  /** For a file system whose type cannot be told: some containers hide the mount table. */
  private static final String UNKNOWN = "unknown";

  private final Path root;
  private final Path data;

  private CacheDirectory(Path root) {
    this.root = root;
    this.data = root.resolve("data");
  }

  Path root() {
    return root;
  }

  Path data() {
    return data;
  }

  Path tmp() {
    return root.resolve("tmp");
  }

  Path quarantine() {
    return root.resolve("quarantine");
  }

  Path distrusted() {
    return root.resolve("distrusted");
  }

  Path impure() {
    return root.resolve("impure");
  }

  Path memo() {
    return root.resolve(MEMO);
  }

  Path trace() {
    return root.resolve("trace");
  }

  Path index() {
    return root.resolve("index.db");
  }

  /** SQLite's write-ahead log, which is there while a process has the index open. */
  Path indexLog() {
    return root.resolve("index.db-wal");
  }

  /** Present when a process met damage in the index: the next open examines it. */
  Path indexSuspect() {
    return root.resolve("index.suspect");
  }

  /** Held while an index is created or set aside. */
  Path indexLock() {
    return root.resolve("index.lock");
  }

  private Path format() {
    return root.resolve("format");
  }

  /** Names the types of file systems that were accepted for this directory, one a line. */
  private static Path accepted(Path root) {
    return root.resolve("file-systems");
  }

  /**
   * @param file what follows the key in the name: {@code OWNER-N}
   */
  Path dataFile(Key key, String file) {
    String hex = key.hex();
    // At once: lookups make one path each.
    return data.resolve(
        hex.substring(0, 2) + "/" + hex.substring(2, 4) + "/" + dataName(key, file));
  }

  static String dataName(Key key, String file) {
    return key.hex() + "-" + file + DATA_SUFFIX;
  }

  Path tempFile(String file) {
    return tmp().resolve(file + ".arrow");
  }

  /** The parts of a published file's name; empty for files that are none of ours. */
  static Optional<DataName> parseDataName(Path path) {
    Matcher m = DATA_FILE.matcher(name(path));
    return m.matches()
        ? Optional.of(new DataName(new Key(m.group(1)), m.group(2), m.group(2) + "-" + m.group(3)))
        : Optional.empty();
  }

  record DataName(Key key, String owner, String file) {}

  /** The owner in a temp file's name. */
  static Optional<String> tempOwner(Path path) {
    Matcher m = TEMP_FILE.matcher(name(path));
    return m.matches() ? Optional.of(m.group(1)) : Optional.empty();
  }

  static boolean isToken(String text) {
    return OWNER_TOKEN.matcher(text).matches();
  }

  static String name(Path path) {
    Path name = path.getFileName();
    return name == null ? "" : name.toString();
  }

  /** Creates or examines the directory; touches nothing of one it refuses. */
  static CacheDirectory prepare(Path directory, DirectoryProbe probe) throws StoreException {
    return prepare(directory, probe, Set.of());
  }

  /**
   * The same.
   *
   * @param local types of file systems that are local by the user's word
   */
  static CacheDirectory prepare(Path directory, DirectoryProbe probe, Set<String> local)
      throws StoreException {
    String problem = "Cannot use cache directory '" + directory + "'";
    try {
      if (Files.exists(directory) && !Files.isDirectory(directory)) {
        throw new StoreException(
            problem, "it is a file", "Name a directory, or one that does not exist yet");
      }
      Set<String> accepted = new TreeSet<>(readAccepted(directory));
      boolean remembers = accepted.containsAll(local);
      accepted.addAll(local);
      // Before anything is created.
      refuseUnlessLocal(problem, nearestExisting(directory), probe, accepted);
      Directories.createPrivate(directory);
      CacheDirectory prepared = new CacheDirectory(directory.toRealPath());
      prepared.refuseForeign(problem, probe);
      refuseUnlessLocal(problem, prepared.root, probe, accepted);
      if (!Files.isWritable(prepared.root)) {
        throw new StoreException(
            problem, "it is not writable", "Make it writable, or name another directory");
      }
      Optional<Integer> format = prepared.readFormat(problem);
      for (Path path : new Path[] {prepared.data(), prepared.tmp(), prepared.quarantine()}) {
        Directories.createPrivate(path);
      }
      if (format.isEmpty() || format.get() < FORMAT) {
        Directories.writeAtomically(
            prepared.format(),
            (FORMAT_NAME + " " + FORMAT + "\n").getBytes(StandardCharsets.US_ASCII));
      }
      if (!remembers) {
        // For those who are told the directory only: the command line and memoised functions.
        Directories.writeAtomically(
            accepted(prepared.root),
            (String.join("\n", accepted) + "\n").getBytes(StandardCharsets.UTF_8));
      }
      return prepared;
    } catch (IOException e) {
      throw new StoreException(
          problem,
          e.toString(),
          "Make sure that it can be created and written by user '"
              + System.getProperty("user.name")
              + "', or name another directory",
          e);
    }
  }

  private void refuseForeign(String problem, DirectoryProbe probe)
      throws IOException, StoreException {
    Optional<DirectoryProbe.Access> access = probe.access(root);
    if (access.isEmpty()) {
      return;
    }
    String owner = access.get().owner();
    String user = access.get().user();
    if (!owner.equals(user)) {
      throw new StoreException(
          problem,
          "it is owned by user " + owner + " and this process runs as " + user,
          "Name a directory of your own: whoever can write a cache decides what queries return");
    }
    Set<PosixFilePermission> permissions = access.get().permissions();
    if (permissions.contains(PosixFilePermission.GROUP_WRITE)
        || permissions.contains(PosixFilePermission.OTHERS_WRITE)) {
      throw new StoreException(
          problem,
          "other users may write to it",
          "Run: chmod 700 '" + root + "'; whoever can write a cache decides what queries return");
    }
  }

  private static Path nearestExisting(Path directory) {
    Path path = directory.toAbsolutePath();
    for (Path parent = path.getParent();
        parent != null && !Files.exists(path);
        parent = path.getParent()) {
      path = parent;
    }
    return path;
  }

  private static List<String> readAccepted(Path directory) throws IOException {
    Path file = accepted(directory);
    return Files.exists(file) ? Files.readAllLines(file) : List.of();
  }

  private static void refuseUnlessLocal(
      String problem, Path path, DirectoryProbe probe, Set<String> accepted) throws StoreException {
    String type;
    try {
      type = probe.fileSystemType(path);
    } catch (IOException e) {
      LOG.debug("Cannot tell the file system of {}: {}", path, e.toString());
      type = UNKNOWN;
    }
    String name = type.toLowerCase(Locale.ROOT);
    if (LOCAL_FILE_SYSTEMS.contains(name) || accepted.contains(name)) {
      return;
    }
    throw new StoreException(
        problem,
        type.equals(UNKNOWN)
            ? "the type of its file system cannot be told"
            : "it lies on a file system (" + type + ") that is not known to be a local one",
        "Name a directory on a local SSD; locks and crashes are not safe on network file systems. If"
            + " this is a local disk, say so once by spark.diskcache.dir.fileSystems="
            + name
            + ", or --file-system "
            + name
            + " of the command line");
  }

  private Optional<Integer> readFormat(String problem) throws IOException, StoreException {
    if (!Files.exists(format())) {
      return Optional.empty();
    }
    String line = new String(Files.readAllBytes(format()), StandardCharsets.UTF_8).strip();
    Matcher m = FORMAT_LINE.matcher(line);
    if (!m.matches()) {
      throw new StoreException(
          problem,
          "its file 'format' reads '" + abbreviate(line) + "', expected '" + FORMAT_NAME + " N'",
          "Name another directory, or delete this one if it is an old cache");
    }
    int found = Integer.parseInt(m.group(1));
    if (found > FORMAT) {
      throw otherFormat(root, found);
    }
    return Optional.of(found);
  }

  static StoreException otherFormat(Path root, int found) {
    return new StoreException(
        "Cannot use cache directory '" + root + "'",
        "it has format " + found + " and this version reads format " + FORMAT,
        "Use the spark-diskcache version that wrote it, or name another directory");
  }

  private static String abbreviate(String line) {
    return line.length() <= 60 ? line : line.substring(0, 60) + "...";
  }
}
