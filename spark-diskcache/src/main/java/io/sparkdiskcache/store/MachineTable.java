// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.store;

import io.sparkdiskcache.annotation.Internal;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermission;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Supplier;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;

/**
 * The facts that processes of one user have found out about files of this machine, and about lists
 * of hashes: a small file in the user's directory of caches, so that the next application need not
 * read three hundred jars again. It is read whole, and replaced whole; of two processes that write,
 * the later wins, and what the other has found is found again.
 *
 * <p>Nothing here is needed: what is missing, damaged, or could have been written by another user
 * counts as not there.
 */
@Internal
public final class MachineTable {
  private static final Log LOG = Log.of(DiskStore.class);
  private static final int MAGIC = 0x53444d31;
  private static final int MAX_ENTRIES = 4096;
  private static final int MAX_VALUE = 1 << 20;
  private static final long MAX_BYTES = 32L << 20;
  private static final String UID = "unix:uid";
  private static final String NAME = "jars";

  private static final Set<PosixFilePermission> OF_OTHERS =
      Set.of(PosixFilePermission.GROUP_WRITE, PosixFilePermission.OTHERS_WRITE);

  private static @Nullable MachineTable ofUser;

  private final @Nullable Path file;
  private final Map<String, byte[]> entries =
      new LinkedHashMap<>(1024, 0.75f, true) {
        @Override
        protected boolean removeEldestEntry(Map.Entry<String, byte[]> eldest) {
          return size() > MAX_ENTRIES;
        }
      };
  private boolean changed;

  /**
   * @param file null for a table of this process only
   */
  MachineTable(@Nullable Path file) {
    this.file = file;
    if (file != null) {
      load(file);
    }
  }

  /** The table of the user that this process runs as. */
  public static synchronized MachineTable ofUser() {
    if (ofUser == null) {
      ofUser = new MachineTable(place());
    }
    return ofUser;
  }

  private static @Nullable Path place() {
    try {
      return HostDirectory.ofCaches().resolve("sparkdiskcache").resolve(NAME);
    } catch (StoreException e) {
      LOG.debug("Hashes of jars are not kept from application to application", e);
      return null;
    }
  }

  /** The bytes that were put under a key. They are not to be changed. */
  public synchronized Optional<byte[]> get(String key) {
    return Optional.ofNullable(entries.get(key));
  }

  /** Keeps a value that follows from its key alone. */
  public synchronized void put(String key, byte[] value) {
    if (value.length <= MAX_VALUE) {
      entries.put(key, value);
      changed = true;
    }
  }

  /**
   * Bytes that follow from the content of a file, read anew only if the file is not as it was.
   *
   * @param kind of what is read
   */
  public byte[] ofFile(String kind, Path path, Supplier<byte[]> read) {
    String key = kind + " " + path;
    Optional<FileState> state = FileState.of(path.toString());
    Optional<byte[]> known =
        get(key).filter(value -> state.filter(s -> isOf(value, s)).isPresent());
    if (known.isPresent()) {
      byte[] value = known.get();
      return java.util.Arrays.copyOfRange(value, STATE_BYTES, value.length);
    }
    Instant before = Instant.now();
    byte[] value = read.get();
    state
        .filter(s -> s.isSettled(before) && FileState.of(path.toString()).equals(state))
        .ifPresent(
            s ->
                put(
                    key,
                    ByteBuffer.allocate(STATE_BYTES + value.length)
                        .put(bytes(s))
                        .put(value)
                        .array()));
    return value;
  }

  private static final int STATE_BYTES = 5 * Long.BYTES;

  private static byte[] bytes(FileState state) {
    return ByteBuffer.allocate(STATE_BYTES)
        .putLong(state.length())
        .putLong(state.modifiedNanos())
        .putLong(state.changedNanos())
        .putLong(state.inode())
        .putLong(state.device())
        .array();
  }

  private static boolean isOf(byte[] value, FileState state) {
    return value.length >= STATE_BYTES
        && java.util.Arrays.equals(value, 0, STATE_BYTES, bytes(state), 0, STATE_BYTES);
  }

  /** Writes what was found since, if anything was. */
  public synchronized void save() {
    if (!changed || file == null) {
      return;
    }
    changed = false;
    try {
      Path parent = file.getParent();
      Directories.createPrivate(parent == null ? file : parent);
      Directories.writeAtomically(file, encoded());
    } catch (IOException e) {
      LOG.debug("Cannot keep the hashes of jars in {}", file, e);
    }
  }

  private byte[] encoded() throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (DataOutputStream out = new DataOutputStream(bytes)) {
      out.writeInt(MAGIC);
      out.writeInt(entries.size());
      for (Map.Entry<String, byte[]> entry : entries.entrySet()) {
        out.writeUTF(entry.getKey());
        out.writeInt(entry.getValue().length);
        out.write(entry.getValue());
      }
      out.writeLong(crc(bytes.toByteArray(), bytes.size()));
    }
    return bytes.toByteArray();
  }

  private static long crc(byte[] bytes, int length) {
    CRC32C crc = new CRC32C();
    crc.update(bytes, 0, length);
    return crc.getValue();
  }

  private void load(Path from) {
    try {
      if (!isOurs(from) || Files.size(from) > MAX_BYTES) {
        return;
      }
      byte[] bytes = Files.readAllBytes(from);
      int body = bytes.length - Long.BYTES;
      if (body < 2 * Integer.BYTES
          || crc(bytes, body) != ByteBuffer.wrap(bytes).getLong(body)
          || ByteBuffer.wrap(bytes).getInt() != MAGIC) {
        return; // of another version, or damaged: it is written anew
      }
      read(new java.io.ByteArrayInputStream(bytes, Integer.BYTES, body - Integer.BYTES));
    } catch (IOException | RuntimeException e) {
      entries.clear();
      LOG.debug("Cannot read the hashes of jars in {}", from, e);
    }
  }

  private void read(InputStream from) throws IOException {
    try (DataInputStream in = new DataInputStream(from)) {
      int count = in.readInt();
      for (int i = 0; i < count; i++) {
        String key = in.readUTF();
        byte[] value = in.readNBytes(in.readInt());
        entries.put(key, value);
      }
    }
  }

  /** Whether nobody but the user of this process can have written a file. */
  private static boolean isOurs(Path file) throws IOException {
    Path parent = file.getParent();
    if (parent == null || !Files.isRegularFile(file, LinkOption.NOFOLLOW_LINKS)) {
      return false;
    }
    Object self = Files.getAttribute(Path.of("/proc/self"), UID); // elsewhere nothing is believed
    for (Path path : new Path[] {parent, file}) {
      if (!self.equals(Files.getAttribute(path, UID))
          || Files.getPosixFilePermissions(path).stream().anyMatch(OF_OTHERS::contains)) {
        return false;
      }
    }
    return true;
  }
}
