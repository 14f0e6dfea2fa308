// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.store;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Instant;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.zip.CRC32C;
import java.util.zip.CheckedInputStream;
import java.util.zip.Deflater;
import java.util.zip.ZipEntry;
import java.util.zip.ZipException;
import java.util.zip.ZipInputStream;
import java.util.zip.ZipOutputStream;

/**
 * Entries in one file, for another machine or another cache: a ZIP archive with {@code KEY.entry},
 * what is known of the entry, before {@code KEY.arrow}, its file. Members of sets are not exported:
 * by themselves they are nothing.
 */
final class Archive {
  private static final String META = ".entry";
  private static final String DATA = ".arrow";
  private static final int BUFFER = 1 << 16;

  /** Longer ones are none. */
  private static final int MAX_META_BYTES = 64 << 20;

  private Archive() {}

  /** Entries that are members of sets, and those that are gone or damaged, are left out. */
  static Exported export(DiskStore store, List<Entry> entries, Path file, Progress progress)
      throws IOException {
    long total = entries.stream().mapToLong(Entry::bytes).sum();
    long done = 0;
    long written = 0;
    long members = 0;
    long unreadable = 0;
    try (OutputStream out =
            Files.newOutputStream(file, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE);
        ZipOutputStream zip = new ZipOutputStream(out)) {
      zip.setLevel(Deflater.BEST_SPEED);
      for (Entry entry : entries) {
        Optional<Map<String, String>> components = store.components(entry.key());
        if (entry.generation().isPresent()) {
          members++;
        } else if (components.isPresent()
            && store.verify(entry)
            && write(zip, entry, components.get())) {
          written++;
        } else {
          unreadable++;
        }
        done += entry.bytes();
        progress.at(done, total);
      }
    }
    return new Exported(written, members, unreadable);
  }

  private static boolean write(ZipOutputStream zip, Entry entry, Map<String, String> components)
      throws IOException {
    EntryMeta meta = entry.meta().withComponents(components);
    try (InputStream data = Files.newInputStream(entry.path())) {
      zip.putNextEntry(new ZipEntry(entry.key() + META));
      zip.write(EntryRecord.encode(entry.key(), meta, entry.createdAt()));
      zip.closeEntry();
      zip.putNextEntry(new ZipEntry(entry.key() + DATA));
      data.transferTo(zip);
      zip.closeEntry();
      return true;
    } catch (NoSuchFileException e) {
      return false; // evicted since it was listed
    }
  }

  /**
   * Publishes what is in the archive and not in the store; returns how many.
   *
   * @throws StoreException if it is damaged, or no archive of this kind; what was published before
   *     stays
   */
  static long restore(DiskStore store, Path file, Progress progress)
      throws IOException, StoreException {
    long total = Files.size(file);
    long read = 0;
    long published = 0;
    try (InputStream in = Files.newInputStream(file);
        ZipInputStream zip = new ZipInputStream(in)) {
      EntryRecord next = null;
      for (ZipEntry member = zip.getNextEntry(); member != null; member = zip.getNextEntry()) {
        String name = member.getName();
        if (name.endsWith(META)) {
          next = EntryRecord.decode(zip.readNBytes(MAX_META_BYTES));
        } else if (next != null && name.equals(next.key() + DATA)) {
          published += publish(store, next, zip);
          read += next.meta().bytes();
          progress.at(Math.min(read, total), total);
          next = null;
        } else {
          throw damaged(file, "it has an unexpected member '" + name + "'");
        }
      }
    } catch (IllegalArgumentException | UncheckedIOException | ZipException e) {
      throw damaged(file, String.valueOf(e.getMessage()));
    }
    if (published == 0 && read == 0) {
      throw damaged(file, "it holds no entries");
    }
    return published;
  }

  private static int publish(DiskStore store, EntryRecord record, InputStream data)
      throws IOException, StoreException {
    if (store.find(record.key()).isPresent()) {
      data.skipNBytes(record.meta().bytes());
      return 0;
    }
    try (PendingEntry pending = store.begin(record.key())) {
      CheckedInputStream checked = new CheckedInputStream(data, new CRC32C());
      try (OutputStream out =
          Files.newOutputStream(
              pending.path(), StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
        byte[] buffer = new byte[BUFFER];
        for (int n = checked.read(buffer); n >= 0; n = checked.read(buffer)) {
          out.write(buffer, 0, n);
          pending.requireRoom();
        }
      }
      if (checked.getChecksum().getValue() != record.meta().crc32c()) {
        throw new IllegalArgumentException("entry " + record.key() + " has another checksum");
      }
      Directories.fsyncFile(pending.path());
      pending.publish(record.meta());
      return 1;
    }
  }

  private static StoreException damaged(Path file, String reason) {
    return new StoreException(
        "Cannot import '" + file + "'",
        reason,
        "Name a file written by export, and transfer it anew");
  }

  /** Facts about an entry outside of its file. */
  record EntryRecord(Key key, EntryMeta meta, Instant createdAt) {
    static byte[] encode(Key key, EntryMeta meta, Instant createdAt) {
      Map<String, String> fields = new HashMap<>();
      meta.components().forEach((name, value) -> fields.put("component." + name, value));
      fields.put("text", EntryDescription.text(key, meta.withoutComponents(), createdAt, ""));
      fields.put("bytes", Long.toString(meta.bytes()));
      fields.put("crc32c", Long.toString(meta.crc32c()));
      return Components.encode(fields);
    }

    static EntryRecord decode(byte[] bytes) {
      Map<String, String> fields = Components.decode(bytes);
      String text = fields.getOrDefault("text", "");
      EntryDescription said =
          EntryDescription.parse(
                  text,
                  Long.parseLong(fields.getOrDefault("bytes", "")),
                  Long.parseLong(fields.getOrDefault("crc32c", "")))
              .orElseThrow(() -> new IllegalArgumentException("an entry is not described"));
      Map<String, String> components = new HashMap<>();
      fields.forEach(
          (name, value) -> {
            if (name.startsWith("component.")) {
              components.put(name.substring("component.".length()), value);
            }
          });
      return new EntryRecord(said.key(), said.meta().withComponents(components), said.createdAt());
    }
  }
}
