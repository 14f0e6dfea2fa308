// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.fingerprint;

import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.URISyntaxException;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.jar.Attributes;
import java.util.jar.JarFile;
import java.util.zip.ZipEntry;
import org.jspecify.annotations.Nullable;

/**
 * What a jar contains, read off its central directory: SHA-256 of the sorted names, sizes and CRCs
 * of its entries. Timestamps, order and compression do not matter. Remembered per process for as
 * long as path, length and modification time stay the same.
 */
final class JarIdentity {
  private record Stamp(String path, long length, long modified) {}

  /** The digest, and the other jars that the manifest puts on the class path. */
  private record Content(String digest, List<String> classPath) {}

  private static final ConcurrentHashMap<Stamp, Content> KNOWN = new ConcurrentHashMap<>();

  private JarIdentity() {}

  /** In hex. Throws UncheckedIOException if the jar cannot be read. */
  static String digest(String jar) {
    return content(jar).digest;
  }

  /**
   * One digest over every jar that {@code loader} and its parents can load from, but for {@code
   * except}. Directories are no matter: their classes are followed one by one.
   */
  static byte[] ofClassPath(ClassLoader loader, Set<String> except) {
    Set<String> jars = new LinkedHashSet<>();
    for (ClassLoader l = loader; l != null; l = l.getParent()) {
      if (l instanceof URLClassLoader urls) {
        for (URL url : urls.getURLs()) {
          String path = filePath(url.toString());
          if (path != null) {
            addJar(path, jars);
          }
        }
      }
    }
    for (String path : System.getProperty("java.class.path", "").split(File.pathSeparator, -1)) {
      addJar(path, jars);
    }
    List<byte[]> digests = new ArrayList<>();
    for (String jar : jars) {
      if (!except.contains(jar)) {
        digests.add(digest(jar).getBytes(StandardCharsets.US_ASCII));
      }
    }
    return new CanonicalHasher().putUnordered(digests).digest();
  }

  private static void addJar(String path, Set<String> jars) {
    File file = new File(path);
    if (path.isEmpty() || !file.isFile() || !jars.add(file.getAbsolutePath())) {
      return;
    }
    for (String next : content(file.getAbsolutePath()).classPath) {
      String nextPath = filePath(file.toURI().resolve(next).toString());
      if (nextPath != null) {
        addJar(nextPath, jars);
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
        new Stamp(jar, file.length(), file.lastModified()), stamp -> read(file));
  }

  private static Content read(File file) {
    try (JarFile zip = new JarFile(file, false)) {
      List<byte[]> entries = new ArrayList<>();
      zip.stream().forEach(entry -> entries.add(digest(entry)));
      List<String> classPath = List.of();
      if (zip.getManifest() != null) {
        String value = zip.getManifest().getMainAttributes().getValue(Attributes.Name.CLASS_PATH);
        if (value != null && !value.isBlank()) {
          classPath = List.of(value.trim().split("\\s+"));
        }
      }
      byte[] digest = new CanonicalHasher().putUnordered(entries).digest();
      return new Content(HexFormat.of().formatHex(digest), classPath);
    } catch (IOException e) {
      throw new UncheckedIOException("cannot read " + file, e);
    }
  }

  private static byte[] digest(ZipEntry entry) {
    return new CanonicalHasher()
        .putString(entry.getName())
        .putLong(entry.getSize())
        .putLong(entry.getCrc())
        .digest();
  }
}
