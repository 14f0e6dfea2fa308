// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.store;

import io.sparkdiskcache.annotation.Internal;
import java.io.IOException;
import java.io.StringReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Properties;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;

/**
 * The limits of a cache directory, which hold for all who use it, whatever limits they have been
 * given themselves. They are in its file {@code limits}, so that they outlive the index; the first
 * process that uses a directory writes its own there.
 *
 * @param limits of all entries together
 * @param eviction which entries go first
 */
@Internal
public record DirectoryLimits(StoreLimits limits, EvictionPolicy eviction) {
  private static final String FILE = "limits";
  private static final String TAG = "tag.";

  /** One of them; each can be changed by itself. */
  public enum Name {
    MAX_BYTES("maxBytes"),
    MIN_FREE_BYTES("minFreeBytes"),
    TTL("ttl"),
    TAG_MAX_BYTES("tag.maxBytes"),
    EVICTION("eviction");

    private final String key;

    Name(String key) {
      this.key = key;
    }

    /** As in the file and, below {@code spark.diskcache.}, in the settings. */
    public String key() {
      return key;
    }
  }

  /** These limits with some of another's. */
  public DirectoryLimits with(DirectoryLimits other, Set<Name> names) {
    StoreLimits of = other.limits;
    return new DirectoryLimits(
        new StoreLimits(
            names.contains(Name.MAX_BYTES) ? of.maxBytes() : limits.maxBytes(),
            names.contains(Name.MIN_FREE_BYTES) ? of.minFreeBytes() : limits.minFreeBytes(),
            names.contains(Name.TTL) ? of.ttl() : limits.ttl(),
            names.contains(Name.TAG_MAX_BYTES) ? of.tags() : limits.tags()),
        names.contains(Name.EVICTION) ? other.eviction : eviction);
  }

  static Path file(Path root) {
    return root.resolve(FILE);
  }

  /** Those of a directory; empty if it has none. */
  static Optional<DirectoryLimits> read(Path root) throws IOException {
    Properties properties = new Properties();
    try {
      properties.load(new StringReader(Files.readString(file(root))));
    } catch (NoSuchFileException e) {
      return Optional.empty();
    }
    try {
      Map<String, ByteLimit> tags = new HashMap<>();
      for (String name : properties.stringPropertyNames()) {
        if (name.startsWith(TAG)) {
          tags.put(name.substring(TAG.length()), ByteLimit.parse(properties.getProperty(name)));
        }
      }
      return Optional.of(
          new DirectoryLimits(
              new StoreLimits(
                  ByteLimit.parse(value(properties, Name.MAX_BYTES)),
                  Quantities.bytes(value(properties, Name.MIN_FREE_BYTES)),
                  Quantities.duration(value(properties, Name.TTL)),
                  tags),
              EvictionPolicy.valueOf(value(properties, Name.EVICTION).toUpperCase(Locale.ROOT))));
    } catch (IllegalArgumentException e) {
      throw new IOException(
          "Cannot read the limits in '%s': %s. Delete the file, and the next application writes its own."
              .formatted(file(root), e.getMessage()),
          e);
    }
  }

  private static String value(Properties properties, Name name) {
    String value = properties.getProperty(name.key);
    if (value == null) {
      throw new IllegalArgumentException("'" + name.key + "' is missing");
    }
    return value;
  }

  /** Writes these unless the directory has some; whoever is first counts. */
  DirectoryLimits writeIfAbsent(Path root) throws IOException {
    Optional<DirectoryLimits> there = read(root);
    if (there.isPresent()) {
      return there.get();
    }
    Path own = Files.createTempFile(root, FILE, ".new");
    try {
      Files.write(own, bytes());
      Files.createLink(file(root), own); // with all of it, or not at all
      return this;
    } catch (FileAlreadyExistsException e) {
      return read(root).orElse(this);
    } catch (UnsupportedOperationException e) { // a file system without links
      Directories.writeAtomically(file(root), bytes());
      return this;
    } finally {
      Files.deleteIfExists(own);
    }
  }

  /** Writes these in the place of what is there. */
  void write(Path root) throws IOException {
    Directories.writeAtomically(file(root), bytes());
  }

  private byte[] bytes() {
    Map<String, String> lines = new TreeMap<>();
    lines.put(Name.MAX_BYTES.key, limits.maxBytes().text());
    lines.put(Name.MIN_FREE_BYTES.key, Long.toString(limits.minFreeBytes()));
    Duration ttl = limits.ttl();
    // Seconds do not overflow.
    lines.put(Name.TTL.key, ttl.getNano() == 0 ? ttl.getSeconds() + "s" : ttl.toMillis() + "ms");
    lines.put(Name.EVICTION.key, eviction.name().toLowerCase(Locale.ROOT));
    limits.tags().forEach((tag, limit) -> lines.put(TAG + tag, limit.text()));
    return lines.entrySet().stream()
        .map(line -> escaped(line.getKey()) + "=" + line.getValue() + "\n")
        .collect(Collectors.joining())
        .getBytes(StandardCharsets.UTF_8);
  }

  /** A tag may have any character, of which these mean something in properties. */
  private static String escaped(String key) {
    StringBuilder text = new StringBuilder();
    for (int i = 0; i < key.length(); i++) {
      char c = key.charAt(i);
      if (" =:#!\\\t\f".indexOf(c) >= 0) {
        text.append('\\');
      }
      text.append(c == '\t' ? 't' : c == '\f' ? 'f' : c);
    }
    return text.toString();
  }

  /** For people, by name. */
  public Map<String, String> described() {
    Map<String, String> lines = new TreeMap<>();
    lines.put(Name.MAX_BYTES.key, limits.maxBytes().text());
    lines.put(Name.MIN_FREE_BYTES.key, Long.toString(limits.minFreeBytes()));
    lines.put(
        Name.TTL.key,
        limits.ttl().equals(Duration.ZERO) ? "0s" : Quantities.humanDuration(limits.ttl()));
    lines.put(Name.EVICTION.key, eviction.name().toLowerCase(Locale.ROOT));
    lines.put(
        Name.TAG_MAX_BYTES.key,
        new TreeMap<>(limits.tags())
            .entrySet().stream()
                .map(tag -> tag.getKey() + "=" + tag.getValue().text())
                .collect(Collectors.joining(",")));
    return lines;
  }
}
