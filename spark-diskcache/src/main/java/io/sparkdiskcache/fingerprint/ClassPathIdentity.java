// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.fingerprint;

import io.sparkdiskcache.store.MachineTable;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.IntPredicate;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import java.util.zip.CRC32;
import org.jspecify.annotations.Nullable;

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

  /** Of the encoding of answers. */
  private static final String KIND = "path.1 ";

  /**
   * A class path as it is now.
   *
   * @param digests of jars; empty for directories
   * @param files in directories; none for jars
   */
  private record Places(List<String> paths, List<String> digests, List<List<Path>> files) {
    static Places of(List<String> paths) {
      List<String> digests = new ArrayList<>();
      List<List<Path>> files = new ArrayList<>();
      for (String path : paths) {
        boolean isDirectory = Files.isDirectory(Path.of(path));
        digests.add(isDirectory ? "" : JarIdentity.digest(path));
        files.add(isDirectory ? filesIn(Path.of(path)) : List.of());
      }
      return new Places(List.copyOf(paths), digests, files);
    }

    boolean isDirectory(int i) {
      return digests.get(i).isEmpty();
    }

    boolean hasClasses(int i) {
      return files.get(i).stream().anyMatch(file -> file.toString().endsWith(".class"));
    }

    /** The name of a file in a directory, as a loader has it. */
    String name(int i, Path file) {
      return Path.of(paths.get(i)).relativize(file).toString().replace('\\', '/');
    }

    Set<String> classNames(int i) {
      return isDirectory(i)
          ? files.get(i).stream()
              .map(file -> name(i, file))
              .filter(name -> name.endsWith(".class"))
              .collect(Collectors.toSet())
          : JarIdentity.classes(paths.get(i)).keySet();
    }

    long crc(int i, String name) {
      return isDirectory(i)
          ? ClassPathIdentity.crc(Path.of(paths.get(i), name))
          : JarIdentity.classes(paths.get(i)).getOrDefault(name, 0L);
    }

    Map<String, Long> classes(int i, Set<String> names) {
      if (!isDirectory(i)) {
        return JarIdentity.classes(paths.get(i));
      }
      Map<String, Long> classes = new LinkedHashMap<>();
      for (Path file : files.get(i)) {
        String name = name(i, file);
        if (names.contains(name)) {
          classes.put(name, ClassPathIdentity.crc(file));
        }
      }
      return classes;
    }

    Places where(IntPredicate which) {
      int[] numbers = IntStream.range(0, paths.size()).filter(which).toArray();
      return new Places(
          Arrays.stream(numbers).mapToObj(paths::get).toList(),
          Arrays.stream(numbers).mapToObj(digests::get).toList(),
          Arrays.stream(numbers).mapToObj(files::get).toList());
    }
  }

  private static final ConcurrentHashMap<List<Object>, NavigableMap<String, Long>> ANSWERS =
      new ConcurrentHashMap<>();

  private ClassPathIdentity() {}

  /**
   * @param own jars whose classes are followed
   * @param wholly whether the classes of these, and of directories, count too
   */
  static byte[] of(ClassLoader loader, Iterable<String> own, boolean wholly) {
    Places places = Places.of(JarIdentity.classPath(loader));
    Set<String> followed = new HashSet<>();
    own.forEach(followed::add);
    Set<String> jars = new LinkedHashSet<>(); // an executor has the same jar at two places
    Map<Integer, NavigableMap<String, byte[]>> contents = new TreeMap<>();
    for (int i = 0; i < places.paths.size(); i++) {
      String path = places.paths.get(i);
      if (places.isDirectory(i)) {
        NavigableMap<String, byte[]> content = contents(places, i, wholly);
        contents.put(i, content);
        CanonicalHasher directory = new CanonicalHasher();
        content.forEach((name, of) -> directory.putString(name).putBytes(of));
        jars.add(HexFormat.of().formatHex(directory.digest()));
      } else if (followed.contains(path) && !wholly) {
        jars.add(JarIdentity.resources(path));
      } else {
        jars.add(places.digests.get(i));
      }
    }
    CanonicalHasher hasher =
        new CanonicalHasher()
            .putUnordered(jars.stream().map(d -> d.getBytes(StandardCharsets.US_ASCII)).toList());
    put(hasher, remembered("classes", places, new byte[0], () -> classesTwice(places)));
    put(hasher, resourcesTwice(places, contents));
    MachineTable.ofUser().save();
    return hasher.digest();
  }

  private static void put(CanonicalHasher hasher, NavigableMap<String, Long> found) {
    hasher.putInt(found.size());
    found.forEach((name, crc) -> hasher.putString(name).putLong(crc));
  }

  /** Which of several class files of one name is found. */
  private static NavigableMap<String, Long> classesTwice(Places places) {
    int common = JarIdentity.classPath(null).size(); // where every loader of this process begins
    Places base = places.where(i -> i < common);
    FirstClasses known = ofProcess;
    if (known == null || !known.places.equals(base)) {
      known = FirstClasses.of(base);
      ofProcess = known;
    }
    return known.twiceWith(places);
  }

  private static volatile @Nullable FirstClasses ofProcess;

  /**
   * Where each class of a class path is found.
   *
   * @param first number of the place, by name
   * @param twice CRC of the first of several that differ
   */
  private record FirstClasses(
      Places places, Map<String, Integer> first, NavigableMap<String, Long> twice) {
    static FirstClasses of(Places places) {
      FirstClasses found = new FirstClasses(places, new HashMap<>(), new TreeMap<>());
      add(places, 0, Map.of(), found.first, found.twice);
      return found;
    }

    /** Of a class path that begins with this one. */
    NavigableMap<String, Long> twiceWith(Places all) {
      NavigableMap<String, Long> found = new TreeMap<>(twice);
      add(all, places.paths.size(), first, new HashMap<>(), found);
      return found;
    }

    private static void add(
        Places all,
        int from,
        Map<String, Integer> before,
        Map<String, Integer> own,
        NavigableMap<String, Long> found) {
      for (int i = from; i < all.paths.size(); i++) {
        for (String name : all.classNames(i)) {
          Integer earlier = before.getOrDefault(name, own.get(name));
          if (earlier == null) {
            own.put(name, i);
          } else if (!found.containsKey(name)) {
            long crc = all.crc(earlier, name);
            if (crc != all.crc(i, name)) {
              found.put(name, crc);
            }
          }
        }
      }
    }
  }

  /** Which of several resources of one name is found. */
  private static NavigableMap<String, Long> resourcesTwice(
      Places places, Map<Integer, NavigableMap<String, byte[]>> contents) {
    Map<Integer, Map<String, Long>> ofDirectories = new HashMap<>();
    CanonicalHasher which = new CanonicalHasher();
    contents.forEach(
        (place, files) -> {
          NavigableMap<String, Long> resources = new TreeMap<>();
          files.forEach(
              (name, content) -> {
                if (!name.endsWith(".class") && !name.startsWith("META-INF/")) {
                  resources.put(name, ByteBuffer.wrap(content).getLong());
                }
              });
          ofDirectories.put(place, resources);
          put(which.putInt(place), resources);
        });
    return remembered(
        "resources",
        places,
        which.digest(),
        () -> {
          Map<String, Long> first = new HashMap<>();
          NavigableMap<String, Long> twice = new TreeMap<>();
          for (int i = 0; i < places.paths.size(); i++) {
            Map<String, Long> here = ofDirectories.get(i);
            (here == null ? JarIdentity.named(places.paths.get(i)) : here)
                .forEach(
                    (name, crc) -> {
                      Long earlier = first.putIfAbsent(name, crc);
                      if (earlier != null && !earlier.equals(crc)) {
                        twice.put(name, earlier);
                      }
                    });
          }
          return twice;
        });
  }

  /**
   * Class files that are found in front of the jars which hold classes of their names, with their
   * CRCs: a patch. Looked for in directories, and in what stands before the first of the jars; the
   * order of jars among themselves is theirs.
   */
  static NavigableMap<String, Long> inFrontOf(Set<String> jars, ClassLoader loader) {
    return inFrontOf(jars, JarIdentity.classPath(loader));
  }

  static NavigableMap<String, Long> inFrontOf(Set<String> jars, List<String> paths) {
    Places places = Places.of(paths);
    int first = paths.size();
    int last = 0;
    for (int i = 0; i < paths.size(); i++) {
      if (jars.contains(paths.get(i))) {
        first = Math.min(first, i);
        last = i;
      }
    }
    int from = first;
    int to = last;
    Places front = places.where(i -> i < from || (i < to && places.isDirectory(i)));
    Places patched = places.where(i -> jars.contains(paths.get(i)));
    CanonicalHasher which = new CanonicalHasher();
    patched.digests.forEach(which::putString);
    return remembered(
        "front",
        front,
        which.digest(),
        () -> {
          Set<String> names = new HashSet<>();
          patched.paths.forEach(jar -> names.addAll(JarIdentity.classes(jar).keySet()));
          NavigableMap<String, Long> found = new TreeMap<>();
          for (int i = 0; i < front.paths.size(); i++) {
            Map<String, Long> classes = new HashMap<>(front.classes(i, names));
            classes.keySet().retainAll(names);
            classes.forEach(found::putIfAbsent);
          }
          return found;
        });
  }

  /**
   * The answer to a question about a class path, kept by the user's table. It follows from the
   * content of the jars and their order, unless a directory has classes.
   *
   * @param more what it follows from besides
   */
  private static NavigableMap<String, Long> remembered(
      String kind, Places places, byte[] more, Supplier<NavigableMap<String, Long>> find) {
    CanonicalHasher hasher = new CanonicalHasher().putBytes(more);
    for (int i = 0; i < places.paths.size(); i++) {
      hasher.putString(places.digests.get(i));
      if (places.hasClasses(i)) {
        List<Object> key = List.of(kind, places, HexFormat.of().formatHex(more));
        NavigableMap<String, Long> known = ANSWERS.get(key);
        if (known == null) {
          known = find.get();
          ANSWERS.put(key, known);
        }
        return known;
      }
    }
    String question = KIND + kind + " " + HexFormat.of().formatHex(hasher.digest());
    MachineTable table = MachineTable.ofUser();
    Optional<byte[]> known = table.get(question);
    if (known.isPresent()) {
      return decoded(known.get());
    }
    NavigableMap<String, Long> answer = find.get();
    table.put(question, encoded(answer));
    return answer;
  }

  private static byte[] encoded(NavigableMap<String, Long> answer) {
    StringBuilder text = new StringBuilder();
    answer.forEach((name, crc) -> text.append(crc).append(' ').append(name).append('\n'));
    return text.toString().getBytes(StandardCharsets.UTF_8);
  }

  private static NavigableMap<String, Long> decoded(byte[] bytes) {
    NavigableMap<String, Long> answer = new TreeMap<>();
    new String(bytes, StandardCharsets.UTF_8)
        .lines()
        .forEach(
            line -> {
              int space = line.indexOf(' ');
              answer.put(line.substring(space + 1), Long.valueOf(line.substring(0, space)));
            });
    return answer;
  }

  private static long crc(Path file) {
    CRC32 crc = new CRC32();
    try {
      crc.update(Files.readAllBytes(file));
    } catch (IOException e) {
      throw new UncheckedIOException("cannot read " + file, e);
    }
    return crc.getValue();
  }

  /** Of the files in a directory that libraries may read by name; of all of them if need be. */
  private static NavigableMap<String, byte[]> contents(Places places, int i, boolean wholly) {
    NavigableMap<String, byte[]> contents = new TreeMap<>();
    long bytes = 0;
    for (Path file : places.files.get(i)) {
      String name = places.name(i, file);
      if (wholly || !name.endsWith(".class")) {
        bytes += file.toFile().length();
        if (bytes > MOST_BYTES) {
          throw RefusedException.of(
              Refusal.Code.FUNCTION,
              "",
              "the function uses a library, which may read any file of directory "
                  + places.paths.get(i)
                  + " on the class path, and that holds more than "
                  + (MOST_BYTES >> 20)
                  + " MiB; pack it into a jar, or take it off the class path");
        }
        contents.put(name, content(file));
      }
    }
    return contents;
  }

  private static List<Path> filesIn(Path root) {
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
