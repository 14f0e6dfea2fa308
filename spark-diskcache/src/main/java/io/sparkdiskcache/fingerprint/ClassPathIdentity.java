// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.fingerprint;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Stream;

/**
 * The content of a class loader, as far as libraries may look at it: every jar by content, and
 * where two places hold a class of one name, which of them is asked first. Of directories and of
 * the user's own jars what are no classes, since libraries read resources by name; their classes
 * are followed one by one, unless all of them count.
 */
final class ClassPathIdentity {
  /** More than this in a directory is no set of resources. */
  private static final long MOST_BYTES = 64L << 20;

  private record Stamp(String path, long length, String modified, String inode) {}

  private static final ConcurrentHashMap<Stamp, byte[]> FILES = new ConcurrentHashMap<>();

  /** The last answer for a class path; asked for again with every function. */
  @SuppressWarnings("ArrayRecordComponent") // never compared as records
  private record Answer(List<String> places, List<String> digests, byte[] shadowed) {}

  private static final ConcurrentHashMap<List<String>, Answer> KNOWN = new ConcurrentHashMap<>();

  private ClassPathIdentity() {}

  /**
   * @param own jars whose classes are followed
   * @param wholly whether the classes of these, and of directories, count too
   */
  static byte[] of(ClassLoader loader, Iterable<String> own, boolean wholly) {
    List<String> places = JarIdentity.classPath(loader);
    Map<String, Boolean> isOwn = new HashMap<>();
    own.forEach(jar -> isOwn.put(jar, true));
    List<byte[]> jars = new ArrayList<>();
    for (String place : places) {
      String digest;
      if (Files.isDirectory(Path.of(place))) {
        digest = directory(Path.of(place), wholly);
      } else if (isOwn.containsKey(place) && !wholly) {
        digest = JarIdentity.resources(place);
      } else {
        digest = JarIdentity.digest(place);
      }
      byte[] bytes = digest.getBytes(StandardCharsets.US_ASCII);
      if (jars.stream().noneMatch(known -> java.util.Arrays.equals(known, bytes))) {
        jars.add(bytes); // an executor has the same jar at two places
      }
    }
    return new CanonicalHasher().putUnordered(jars).putBytes(shadowed(places)).digest();
  }

  /**
   * Class files that are found in front of the jars which hold classes of their names, with their
   * CRCs: a patch. Looked for in directories, and in what stands before the first of the jars; the
   * order of jars among themselves is theirs.
   */
  static NavigableMap<String, Long> inFrontOf(Set<String> jars, ClassLoader loader) {
    List<String> places = JarIdentity.classPath(loader);
    Set<String> names = new HashSet<>();
    int first = places.size();
    int last = 0;
    for (int i = 0; i < places.size(); i++) {
      if (jars.contains(places.get(i))) {
        first = Math.min(first, i);
        last = i;
        names.addAll(JarIdentity.classes(places.get(i)).keySet());
      }
    }
    NavigableMap<String, Long> found = new TreeMap<>();
    for (int i = 0; i < last; i++) {
      Path place = Path.of(places.get(i));
      if (Files.isDirectory(place)) {
        classesIn(place, names).forEach(found::putIfAbsent);
      } else if (i < first) {
        Map<String, Long> classes = new HashMap<>(JarIdentity.classes(places.get(i)));
        classes.keySet().retainAll(names);
        classes.forEach(found::putIfAbsent);
      }
    }
    return found;
  }

  /** Which of several class files of one name is found. */
  private static byte[] shadowed(List<String> places) {
    List<String> digests = new ArrayList<>();
    for (String place : places) {
      digests.add(Files.isDirectory(Path.of(place)) ? place : JarIdentity.digest(place));
    }
    Answer known = KNOWN.get(places);
    if (known != null && known.digests.equals(digests)) {
      return known.shadowed;
    }
    Map<String, Long> first = new HashMap<>();
    NavigableMap<String, Long> twice = new TreeMap<>();
    Set<String> names = new HashSet<>();
    for (String place : places) {
      if (!Files.isDirectory(Path.of(place))) {
        names.addAll(JarIdentity.classes(place).keySet());
      }
    }
    for (String place : places) {
      Map<String, Long> classes =
          Files.isDirectory(Path.of(place))
              ? classesIn(Path.of(place), names)
              : JarIdentity.classes(place);
      classes.forEach(
          (name, crc) -> {
            Long earlier = first.putIfAbsent(name, crc);
            if (earlier != null && !earlier.equals(crc)) {
              twice.put(name, earlier);
            }
          });
    }
    CanonicalHasher hasher = new CanonicalHasher().putInt(twice.size());
    twice.forEach((name, crc) -> hasher.putString(name).putLong(crc));
    byte[] digest = hasher.digest();
    KNOWN.put(places, new Answer(places, digests, digest));
    return digest;
  }

  private static Map<String, Long> classesIn(Path root, Set<String> names) {
    Map<String, Long> classes = new LinkedHashMap<>();
    for (Path file : files(root)) {
      String name = root.relativize(file).toString().replace('\\', '/');
      if (names.contains(name)) {
        java.util.zip.CRC32 crc = new java.util.zip.CRC32();
        try {
          crc.update(Files.readAllBytes(file));
        } catch (IOException e) {
          throw new UncheckedIOException("cannot read " + file, e);
        }
        classes.put(name, crc.getValue());
      }
    }
    return classes;
  }

  private static String directory(Path root, boolean wholly) {
    CanonicalHasher hasher = new CanonicalHasher();
    long bytes = 0;
    for (Path file : files(root)) {
      String name = root.relativize(file).toString();
      if (wholly || !name.endsWith(".class")) {
        bytes += file.toFile().length();
        if (bytes > MOST_BYTES) {
          throw RefusedException.of(
              Refusal.Code.FUNCTION,
              "",
              "the function uses a library, which may read any file of directory "
                  + root
                  + " on the class path, and that holds more than "
                  + (MOST_BYTES >> 20)
                  + " MiB; pack it into a jar, or take it off the class path");
        }
        hasher.putString(name).putBytes(content(file));
      }
    }
    return HexFormat.of().formatHex(hasher.digest());
  }

  private static List<Path> files(Path root) {
    try (Stream<Path> walk = Files.walk(root)) {
      return walk.filter(file -> Files.isRegularFile(file)).sorted().toList();
    } catch (IOException | UncheckedIOException e) {
      throw new UncheckedIOException(new IOException("cannot list " + root + ": " + e, e));
    }
  }

  /** SHA-256, remembered for as long as the file's status stays the same. */
  private static byte[] content(Path file) {
    try {
      BasicFileAttributes facts = Files.readAttributes(file, BasicFileAttributes.class);
      Object changed =
          file.getFileSystem().supportedFileAttributeViews().contains("unix")
              ? Files.getAttribute(file, "unix:ctime", new LinkOption[0])
              : "";
      Stamp stamp =
          new Stamp(
              file.toString(),
              facts.size(),
              facts.lastModifiedTime() + "/" + changed,
              String.valueOf(facts.fileKey()));
      byte[] known = FILES.get(stamp);
      if (known == null) {
        known = new CanonicalHasher().putBytes(Files.readAllBytes(file)).digest();
        FILES.put(stamp, known);
      }
      return known;
    } catch (IOException e) {
      throw new UncheckedIOException("cannot read " + file, e);
    }
  }
}
