// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.fingerprint;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.net.URL;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;

/**
 * Implementations of services that come with the user's own code: a library, or the JDK, finds them
 * by files below {@code META-INF/services}, and calls them where no call is to be seen.
 */
final class UserServices {
  private static final String DIRECTORY = "META-INF/services";

  /** Of these no function hears: sources of tables, file systems, drivers, compilers, tests. */
  private static final List<String> UNHEARD =
      List.of(
          "org.apache.spark.",
          "org.apache.hadoop.",
          "java.sql.Driver",
          "javax.annotation.processing.",
          "org.junit.",
          "org.slf4j.",
          "org.apache.logging.");

  private UserServices() {}

  /**
   * @param ofLibraries whether services of libraries count; those of the JDK always do
   */
  static boolean areProvided(ClassFiles files, boolean ofLibraries) {
    Set<String> services = new TreeSet<>();
    for (String place : JarIdentity.classPath(files.loader())) {
      Path path = Path.of(place);
      if (Files.isDirectory(path)) {
        services.addAll(in(path.resolve(DIRECTORY)));
      } else {
        services.addAll(JarIdentity.services(place));
      }
    }
    for (String service : services) {
      boolean heard =
          UNHEARD.stream().noneMatch(service::startsWith)
              && (ofLibraries || isOfJdk(files, service));
      if (heard && providers(files.loader(), service).stream().anyMatch(files::isApplication)) {
        return true;
      }
    }
    return false;
  }

  private static boolean isOfJdk(ClassFiles files, String service) {
    return service.startsWith("java")
        && files.origin(service.replace('.', '/')) == ClassFiles.Origin.JDK;
  }

  private static List<String> in(Path directory) {
    if (!Files.isDirectory(directory)) {
      return List.of();
    }
    try (Stream<Path> list = Files.list(directory)) {
      return list.map(file -> file.getFileName().toString()).toList();
    } catch (IOException e) {
      throw new UncheckedIOException("cannot list " + directory, e);
    }
  }

  private static List<String> providers(ClassLoader loader, String service) {
    List<String> found = new ArrayList<>();
    try {
      for (URL url : Collections.list(loader.getResources(DIRECTORY + "/" + service))) {
        try (InputStream in = url.openStream();
            BufferedReader lines =
                new BufferedReader(new InputStreamReader(in, StandardCharsets.UTF_8))) {
          for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            String name = line.replaceFirst("#.*", "").strip();
            if (!name.isEmpty()) {
              found.add(name.replace('.', '/'));
            }
          }
        }
      }
    } catch (IOException e) {
      throw new UncheckedIOException("cannot read the providers of " + service, e);
    }
    return found;
  }
}
