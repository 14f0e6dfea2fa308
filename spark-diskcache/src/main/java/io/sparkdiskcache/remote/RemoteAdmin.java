// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.remote;

import io.sparkdiskcache.annotation.Internal;
import io.sparkdiskcache.store.Entry;
import io.sparkdiskcache.store.EntryDescription;
import io.sparkdiskcache.store.Key;
import io.sparkdiskcache.store.Selector;
import java.io.IOException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * The operations of people on a remote tier as a whole. The tier is listed here and nowhere else,
 * and others may use it meanwhile. A directory ({@code file:}) needs nothing but Java, others the
 * jars of Hadoop.
 */
@Internal
public final class RemoteAdmin implements AutoCloseable {
  private static final Pattern ENTRY = Pattern.compile("../../([0-9a-f]{64})\\.arrow");
  private static final Pattern SET = Pattern.compile("sets/../../([0-9a-f]{64})\\.set");
  private static final String ERASED = RemoteNames.ERASED + "/";
  private static final String TEMPORARY = "tmp/";

  /** Nobody writes an object for so long. */
  private static final Duration LEFT_BEHIND = Duration.ofDays(1);

  private static final int MAX_SET_BYTES = 64 << 20;

  private final RemoteFiles files;

  private RemoteAdmin(RemoteFiles files) {
    this.files = files;
  }

  /**
   * Opens the tier of a directory; the caller closes it.
   *
   * @param settings of Hadoop's file system
   * @throws IOException also where Hadoop's jars are wanted and not there
   */
  public static RemoteAdmin open(String directory, Map<String, String> settings)
      throws IOException {
    URI root = URI.create(RemoteOptions.parseDirectory(directory) + "/" + RemoteNames.LAYOUT);
    if ("file".equals(root.getScheme())) {
      return new RemoteAdmin(new LocalFiles(Path.of(root.getPath())));
    }
    try {
      return new RemoteAdmin(new HadoopFiles(root, settings));
    } catch (NoClassDefFoundError e) {
      throw new IOException(
          "Cannot reach '%s': the jars of Hadoop are not on the class path. Set SPARK_HOME to a Spark that has them, and that file system's."
              .formatted(directory),
          e);
    }
  }

  /** The kind of an object. */
  public enum Kind {
    ENTRY,
    SET,
    MEMO,
    ERASED,
    DISTRUSTED,
    LEFT_BEHIND,
    OTHER
  }

  /**
   * An object.
   *
   * @param key of an entry or a set, else empty
   */
  public record RemoteObject(Kind kind, String name, String key, long bytes, Instant modified) {}

  /** All objects, the oldest first. */
  public List<RemoteObject> list() throws IOException {
    List<RemoteObject> all = new ArrayList<>();
    files.forEach("", found -> all.add(object(found)));
    all.sort(Comparator.comparing(RemoteObject::modified).thenComparing(RemoteObject::name));
    return all;
  }

  private static RemoteObject object(RemoteFiles.Found found) {
    String name = found.name();
    Matcher entry = ENTRY.matcher(name);
    Matcher set = SET.matcher(name);
    String key = entry.matches() ? entry.group(1) : set.matches() ? set.group(1) : "";
    Kind kind = Kind.OTHER;
    if (entry.matches()) {
      kind = Kind.ENTRY;
    } else if (set.matches()) {
      kind = Kind.SET;
    } else if (name.startsWith("memo/")) {
      kind = Kind.MEMO;
    } else if (name.startsWith(ERASED)) {
      kind = Kind.ERASED;
    } else if (name.startsWith("distrusted/")) {
      kind = Kind.DISTRUSTED;
    } else if (name.startsWith(TEMPORARY)) {
      kind = Kind.LEFT_BEHIND;
    }
    return new RemoteObject(kind, name, key, found.bytes(), found.modified());
  }

  /**
   * The limits by which {@link #collect} removes.
   *
   * @param olderThan entries and sets that were written longer ago; null for none
   * @param maxBytes that entries and sets may have together, of which the oldest go first; null for
   *     any
   */
  public record Limits(@Nullable Duration olderThan, @Nullable Long maxBytes) {}

  /**
   * Removes what is too old, or too much, and what writers have left behind. Results of memoised
   * functions have times to live of their own and stay, and so do notes.
   *
   * @param dryRun to remove nothing
   * @return what goes
   */
  public List<RemoteObject> collect(Limits limits, boolean dryRun) throws IOException {
    Instant now = Instant.now();
    List<RemoteObject> going = new ArrayList<>();
    List<RemoteObject> staying = new ArrayList<>();
    Erased erased = erased();
    for (RemoteObject object : list()) {
      boolean stored = object.kind() == Kind.ENTRY || object.kind() == Kind.SET;
      Duration age = Duration.between(object.modified(), now);
      boolean old = limits.olderThan() != null && age.compareTo(limits.olderThan()) > 0;
      if ((stored && (old || erased.holds(object.key())))
          || (object.kind() == Kind.LEFT_BEHIND && age.compareTo(LEFT_BEHIND) > 0)) {
        going.add(object);
      } else if (stored) {
        staying.add(object);
      }
    }
    long bytes = staying.stream().mapToLong(RemoteObject::bytes).sum();
    for (RemoteObject oldest : staying) {
      if (limits.maxBytes() == null || bytes <= limits.maxBytes()) {
        break;
      }
      going.add(oldest);
      bytes -= oldest.bytes();
    }
    if (!dryRun) {
      delete(going);
    }
    return going;
  }

  private void delete(List<RemoteObject> objects) throws IOException {
    for (RemoteObject object : objects) {
      files.delete(object.name());
    }
  }

  /**
   * Removes the entries that a selector selects, with the sets they belong to, and notes first that
   * they must not come back: no process that reads the note writes or serves them any more. Of a
   * run's result the note is on its function, because its next run has other keys.
   *
   * @param dryRun to remove nothing
   * @return what goes
   */
  public List<RemoteObject> erase(Selector selector, boolean dryRun) throws IOException {
    Instant now = Instant.now();
    List<RemoteObject> all = list();
    List<RemoteObject> going = new ArrayList<>();
    Set<String> notes = new HashSet<>();
    Set<Key> generations = new HashSet<>();
    for (RemoteObject object : all) {
      Optional<EntryDescription> said =
          object.kind() == Kind.ENTRY ? describe(object) : Optional.empty();
      if (said.isPresent() && selector.matches(said.get(), now)) {
        going.add(object);
        Optional<Key> generation = said.get().meta().generation();
        notes.add(generation.isPresent() ? said.get().meta().relation() : object.key());
        generation.ifPresent(generations::add);
      }
    }
    for (RemoteObject object : all) {
      if (object.kind() == Kind.SET && isOf(generations, object)) {
        going.add(object);
      }
    }
    if (!dryRun) {
      for (String note : notes) {
        files.write(ERASED + note, (now + " " + selector + "\n").getBytes(StandardCharsets.UTF_8));
      }
      delete(going);
    }
    return going;
  }

  private boolean isOf(Set<Key> generations, RemoteObject set) throws IOException {
    if (generations.isEmpty() || set.bytes() > MAX_SET_BYTES) {
      return false;
    }
    return RemoteSet.decode(files.read(set.name(), 0, (int) set.bytes()))
        .filter(found -> generations.contains(found.generation()))
        .isPresent();
  }

  private Optional<EntryDescription> describe(RemoteObject object) throws IOException {
    return EntryDescription.read(
        (from, length) -> files.read(object.name(), from, length), object.bytes());
  }

  /** Keys and functions that must not come back. */
  record Erased(Set<String> names) {
    boolean holds(String name) {
      return names.contains(name);
    }

    boolean holds(Entry entry) {
      return holds(entry.key().hex())
          || (entry.generation().isPresent() && holds(entry.relation()));
    }
  }

  private Erased erased() throws IOException {
    Set<String> names = new HashSet<>();
    files.forEach(ERASED, found -> names.add(found.name().substring(ERASED.length())));
    return new Erased(names);
  }

  /**
   * The entries that {@link #reconcile} looked at, by outcome.
   *
   * @param written entries that the tier lacked
   * @param there entries that both have
   * @param refused entries that must not come back
   */
  public record Reconciled(int written, int there, int refused) {}

  /**
   * Writes the entries of a host that the tier lacks, but those that were erased and those of runs,
   * which are of use only with their set.
   *
   * @param dryRun to write nothing
   */
  public Reconciled reconcile(List<Entry> entries, boolean dryRun) throws IOException {
    Set<String> there = new HashSet<>();
    for (RemoteObject object : list()) {
      there.add(object.key());
    }
    Erased erased = erased();
    int written = 0;
    int known = 0;
    int refused = 0;
    for (Entry entry : entries) {
      String key = entry.key().hex();
      if (erased.holds(entry)) {
        refused++;
      } else if (there.contains(key)) {
        known++;
      } else if (entry.generation().isEmpty()) {
        if (!dryRun) {
          files.copy(entry.path(), RemoteNames.entry(entry.key()));
        }
        written++;
      }
    }
    return new Reconciled(written, known, refused);
  }

  @Override
  public void close() throws IOException {
    files.close();
  }
}
