// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.fingerprint;

import io.sparkdiskcache.store.MachineTable;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.URISyntaxException;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.jar.Attributes;
import java.util.jar.JarFile;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;
import org.jspecify.annotations.Nullable;

/**
 * The content of a jar, read off its central directory: SHA-256 of the sorted names, sizes and CRCs
 * of its entries. Timestamps, order and compression do not matter. Remembered for as long as path,
 * length, times and inode stay the same, in this process and by the user's {@link MachineTable}.
 */
final class JarIdentity {
  private record Stamp(String path, long length, long modified, String inode) {}

  /**
   * @param digest of everything
   * @param libraries of the classes of well-known libraries: what a jar that packs its libraries
   *     has besides its own code
   * @param resources of what are no classes
   * @param services names of the services it provides
   * @param classPath the other jars that the manifest puts on the class path
   */
  private record Content(
      String digest,
      String libraries,
      String resources,
      List<String> services,
      List<String> classPath) {

    byte[] encoded() {
      ByteArrayOutputStream bytes = new ByteArrayOutputStream();
      try (DataOutputStream out = new DataOutputStream(bytes)) {
        out.writeUTF(digest);
        out.writeUTF(libraries);
        out.writeUTF(resources);
        for (List<String> texts : List.of(services, classPath)) {
          out.writeInt(texts.size());
          for (String text : texts) {
            out.writeUTF(text);
          }
        }
      } catch (IOException e) {
        throw new UncheckedIOException("a name in a jar has 64 KiB or more", e);
      }
      return bytes.toByteArray();
    }

    static Content decoded(byte[] bytes) {
      try (DataInputStream in = new DataInputStream(new ByteArrayInputStream(bytes))) {
        return new Content(in.readUTF(), in.readUTF(), in.readUTF(), texts(in), texts(in));
      } catch (IOException e) {
        throw new UncheckedIOException("not what was encoded", e);
      }
    }

    private static List<String> texts(DataInputStream in) throws IOException {
      int count = in.readInt();
      List<String> texts = new ArrayList<>();
      for (int i = 0; i < count; i++) {
        texts.add(in.readUTF());
      }
      return List.copyOf(texts);
    }
  }

  /**
   * @param classes CRCs of class files by name, as this release of Java finds them
   * @param resources CRCs of what are no classes by name, but for what jars say of themselves
   */
  private record Names(Map<String, Long> classes, Map<String, Long> resources) {}

  /** Of the encoding and of what is looked at. */
  private static final String KIND = "jar.1";

  private static final ConcurrentHashMap<Stamp, Content> KNOWN = new ConcurrentHashMap<>();
  private static final ConcurrentHashMap<Stamp, Names> NAMES = new ConcurrentHashMap<>();
  private static final String ABOUT = "META-INF/";
  private static final String SERVICES = ABOUT + "services/";

  private JarIdentity() {}

  /** In hex. Throws UncheckedIOException if the jar cannot be read. */
  static String digest(String jar) {
    return content(jar).digest;
  }

  /** Of the well-known libraries that are packed in it. */
  static String librariesIn(String jar) {
    return content(jar).libraries;
  }

  /** Of what it has besides classes: what code reads by name. */
  static String resources(String jar) {
    return content(jar).resources;
  }

  static Map<String, Long> classes(String jar) {
    return names(jar).classes;
  }

  /** Its files besides classes and META-INF. */
  static Map<String, Long> named(String jar) {
    return names(jar).resources;
  }

  static List<String> services(String jar) {
    return content(jar).services;
  }

  /**
   * Jars and directories that a loader loads from, in the order in which it asks them, each once.
   */
  static List<String> classPath(@Nullable ClassLoader loader) {
    List<ClassLoader> chain = new ArrayList<>();
    for (ClassLoader l = loader; l != null; l = l.getParent()) {
      boolean childFirst = l.getClass().getName().contains("ChildFirst");
      chain.add(childFirst ? chain.size() : 0, l);
    }
    Set<String> places = new LinkedHashSet<>();
    for (String path : System.getProperty("java.class.path", "").split(File.pathSeparator, -1)) {
      add(path, places);
    }
    for (ClassLoader l : chain) {
      if (l instanceof URLClassLoader urls) {
        for (URL url : urls.getURLs()) {
          String path = filePath(url.toString());
          if (path != null) {
            add(path, places);
          }
        }
      }
    }
    return List.copyOf(places);
  }

  private static void add(String path, Set<String> places) {
    File file = new File(path);
    if (path.isEmpty() || !file.exists() || !places.add(file.getAbsolutePath()) || !file.isFile()) {
      return;
    }
    for (String next : content(file.getAbsolutePath()).classPath) {
      String nextPath = filePath(file.toURI().resolve(next).toString());
      if (nextPath != null) {
        add(nextPath, places);
      }
    }
  }

  /** The path of a {@code file:} URL, else null. */
  static @Nullable String filePath(String url) {
    if (!url.startsWith("file:")) {
      return null;
    }
    try {
      return new File(new URI(url)).getAbsolutePath();
    } catch (URISyntaxException | IllegalArgumentException e) {
      return new File(url.substring("file:".length())).getAbsolutePath();
    }
  }

  private static Content content(String jar) {
    File file = new File(jar);
    return KNOWN.computeIfAbsent(
        stamp(file.toPath()),
        stamp ->
            Content.decoded(
                MachineTable.ofUser().ofFile(KIND, file.toPath(), () -> read(file).encoded())));
  }

  private static Names names(String jar) {
    File file = new File(jar);
    return NAMES.computeIfAbsent(stamp(file.toPath()), stamp -> readNames(file));
  }

  private static Stamp stamp(Path jar) {
    try {
      BasicFileAttributes facts = Files.readAttributes(jar, BasicFileAttributes.class);
      return new Stamp(
          jar.toString(),
          facts.size(),
          facts.lastModifiedTime().to(java.util.concurrent.TimeUnit.NANOSECONDS),
          String.valueOf(facts.fileKey()));
    } catch (IOException e) {
      throw new UncheckedIOException("cannot read " + jar, e);
    }
  }

  private static Content read(File file) {
    try (JarFile zip = open(file)) {
      List<byte[]> all = new ArrayList<>();
      zip.stream().forEach(entry -> all.add(digest(entry)));
      List<byte[]> libraries = new ArrayList<>();
      List<byte[]> resources = new ArrayList<>();
      List<String> services = new ArrayList<>();
      for (ZipEntry entry : zip.versionedStream().toList()) {
        String name = entry.getName();
        if (name.endsWith(".class")) {
          if (Libraries.isKnown(name)) {
            libraries.add(digest(entry));
          }
        } else if (!entry.isDirectory()) {
          resources.add(digest(entry));
          if (name.startsWith(SERVICES)) {
            services.add(name.substring(SERVICES.length()));
          }
        }
      }
      return new Content(hex(all), hex(libraries), hex(resources), services, classPathOf(zip));
    } catch (IOException e) {
      throw new UncheckedIOException("cannot read " + file, e);
    }
  }

  private static Names readNames(File file) {
    try (JarFile zip = open(file)) {
      Map<String, Long> classes = new TreeMap<>();
      Map<String, Long> resources = new TreeMap<>();
      for (ZipEntry entry : zip.versionedStream().toList()) {
        String name = entry.getName();
        if (name.endsWith(".class")) {
          if (!name.endsWith("module-info.class")) { // many jars have one, and no code names it
            classes.put(name, entry.getCrc());
          }
        } else if (!entry.isDirectory() && !name.startsWith(ABOUT)) {
          resources.put(name, entry.getCrc());
        }
      }
      return new Names(classes, resources);
    } catch (IOException e) {
      throw new UncheckedIOException("cannot read " + file, e);
    }
  }

  /** With the classes for this release of Java. */
  private static JarFile open(File file) throws IOException {
    return new JarFile(file, false, ZipFile.OPEN_READ, JarFile.runtimeVersion());
  }

  private static List<String> classPathOf(JarFile zip) throws IOException {
    if (zip.getManifest() == null) {
      return List.of();
    }
    String value = zip.getManifest().getMainAttributes().getValue(Attributes.Name.CLASS_PATH);
    return value == null || value.isBlank() ? List.of() : List.of(value.trim().split("\\s+"));
  }

  private static String hex(List<byte[]> entries) {
    return HexFormat.of().formatHex(new CanonicalHasher().putUnordered(entries).digest());
  }

  private static byte[] digest(ZipEntry entry) {
    return new CanonicalHasher()
        .putString(entry.getName())
        .putLong(entry.getSize())
        .putLong(entry.getCrc())
        .digest();
  }
}
