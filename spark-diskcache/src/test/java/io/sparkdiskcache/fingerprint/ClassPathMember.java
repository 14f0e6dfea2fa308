// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.fingerprint;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.jar.Attributes;
import java.util.jar.JarEntry;
import java.util.jar.JarFile;
import java.util.jar.JarOutputStream;
import java.util.jar.Manifest;
import java.util.stream.Stream;

/**
 * One program over several jars that is packed in two ways, or holds two states.
 *
 * <p>Sources and files have these holes: {@code @} is 1 or 2, {@code P} the package of the member,
 * {@code K} and {@code KPACKAGE} that of a well-known library, {@code FILE} a file with {@code @}
 * in it.
 *
 * @param sources by part: {@code app} has class {@code P.user.App}; {@code lib} is another jar of
 *     the user's, {@code known} one of a library
 * @param files besides classes, by part and name
 * @param arrange the class path
 */
record ClassPathMember(
    String name,
    Map<String, String> sources,
    Map<String, Map<String, String>> files,
    Arrange arrange) {

  /** The class path of one side, out of the parts of both. */
  interface Arrange {
    List<Path> places(Parts one, Parts two, boolean first) throws IOException;
  }

  /** Whose the parts are of the same side. */
  static final Arrange OWN =
      (one, two, first) -> {
        Parts own = first ? one : two;
        return own.names().stream().map(own::jar).toList();
      };

  private static final String APP =
      """
      package P.user;
      import java.io.*;
      import java.nio.charset.StandardCharsets;
      import java.nio.file.*;
      import java.util.*;
      import java.util.function.*;
      import com.fasterxml.jackson.databind.*;
      import org.apache.spark.sql.api.java.*;
      public class App {
        static final ObjectMapper MAPPER = new ObjectMapper();
        static UDF1<Integer, Object> udf(UDF1<Integer, Object> f) { return f; }
      """;

  /** A member whose app has these members; every side is packed by itself. */
  static ClassPathMember of(String name, String body, Map<String, String> others) {
    Map<String, String> sources = new LinkedHashMap<>();
    sources.put("app", APP + body + "\n}\n");
    sources.putAll(others);
    return new ClassPathMember(name, sources, Map.of(), OWN);
  }

  ClassPathMember with(String part, String file, String content) {
    Map<String, Map<String, String>> all = new LinkedHashMap<>(files);
    Map<String, String> ofPart = new LinkedHashMap<>(all.getOrDefault(part, Map.of()));
    ofPart.put(file, content);
    all.put(part, ofPart);
    return new ClassPathMember(name, sources, all, arrange);
  }

  ClassPathMember arranged(Arrange value) {
    return new ClassPathMember(name, sources, files, value);
  }

  /** The package of a part of member {@code i}, as a directory. */
  private static String root(int i, String part) {
    return part.equals("known")
        ? "com/google/common/p" + i
        : "p" + i + "/" + (part.equals("app") ? "user" : part);
  }

  private static String filled(String text, int i, int version, Path file) {
    return text.replace("P.", "p" + i + ".")
        .replace("P/", "p" + i + "/")
        .replace("K.", "com.google.common.p" + i + ".")
        .replace("KPACKAGE", "com.google.common.p" + i)
        .replace("p#", "p" + i)
        .replace("FILE", file.toString())
        .replace("@", String.valueOf(version));
  }

  /** The sources by file name; the file of a class is called like its part's class. */
  Map<String, String> sources(int i, int version, Path file) {
    Map<String, String> filled = new LinkedHashMap<>();
    sources.forEach(
        (part, source) -> {
          String type = part.equals("app") ? "App" : part.equals("known") ? "Known" : "Lib";
          filled.put(root(i, part) + "/" + type + ".java", filled(source, i, version, file));
        });
    return filled;
  }

  /** The parts of one side, cut out of all compiled classes. */
  final class Parts {
    private final Path home;
    private final Map<String, Path> directories = new LinkedHashMap<>();

    Parts(Path compiled, Path home, int i, int version, Path file) throws IOException {
      this.home = home;
      for (String part : sources.keySet()) {
        String root = root(i, part);
        Path directory = home.resolve(part);
        copy(compiled.resolve(root), directory.resolve(root));
        for (Map.Entry<String, String> extra : files.getOrDefault(part, Map.of()).entrySet()) {
          Path target = directory.resolve(filled(extra.getKey(), i, version, file));
          Files.createDirectories(target.getParent());
          Files.writeString(target, filled(extra.getValue(), i, version, file));
        }
        directories.put(part, directory);
      }
    }

    List<String> names() {
      return List.copyOf(directories.keySet());
    }

    Path directory(String part) {
      return directories.get(part);
    }

    Path jar(String part) {
      return pack(part, part + ".jar", "", Map.of());
    }

    /** Everything at another place of a jar for several releases of Java. */
    Path versioned(String part, String directory) {
      return pack(part, part + "-mr.jar", directory, Map.of("Multi-Release", "true"));
    }

    Path naming(String part, String classPath) {
      return pack(
          part,
          part + "-cp" + Integer.toHexString(classPath.hashCode()) + ".jar",
          "",
          Map.of("Class-Path", classPath));
    }

    private Path pack(String part, String name, String prefix, Map<String, String> attributes) {
      Path jar = home.resolve(name);
      Manifest manifest = new Manifest();
      manifest.getMainAttributes().put(Attributes.Name.MANIFEST_VERSION, "1.0");
      attributes.forEach(manifest.getMainAttributes()::putValue);
      try (JarOutputStream out = new JarOutputStream(Files.newOutputStream(jar));
          Stream<Path> walk = Files.walk(directories.get(part))) {
        JarEntry first = new JarEntry(JarFile.MANIFEST_NAME);
        first.setTime(0);
        out.putNextEntry(first);
        manifest.write(out);
        for (Path file : (Iterable<Path>) walk.filter(Files::isRegularFile).sorted()::iterator) {
          JarEntry entry = new JarEntry(prefix + directories.get(part).relativize(file));
          entry.setTime(0);
          out.putNextEntry(entry);
          out.write(Files.readAllBytes(file));
        }
        return jar;
      } catch (IOException e) {
        throw new java.io.UncheckedIOException(e);
      }
    }
  }

  static void copy(Path from, Path to) throws IOException {
    Files.createDirectories(to);
    try (Stream<Path> list = Files.list(from)) {
      for (Path file : (Iterable<Path>) list::iterator) {
        Files.copy(file, to.resolve(file.getFileName().toString()));
      }
    }
  }

  static void write(Path file, int version) throws IOException {
    Files.write(file, ("" + version).getBytes(UTF_8));
  }
}
