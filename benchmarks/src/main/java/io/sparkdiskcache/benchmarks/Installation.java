// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.benchmarks;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * The files that the build left for the demo.
 *
 * @param spark the jars of a stock Spark: spark-sql and its dependencies, nothing of this project
 * @param tools what data generation needs beside Spark
 * @param job the jar of this module
 * @param cache the one jar a user of the cache adds
 */
record Installation(List<Path> spark, List<Path> tools, Path job, Path cache) {

  /** The system properties are set by {@code bin/demo}. */
  static Installation fromSystemProperties() throws IOException {
    Path target = home().resolve("benchmarks/target");
    return new Installation(
        classPath(target.resolve("spark.classpath")),
        classPath(target.resolve("demo.classpath")),
        existing(target.resolve("benchmarks.jar")),
        existing(Path.of(property("diskcache.jar"))));
  }

  /** The root of the source tree. */
  static Path home() {
    return Path.of(property("demo.home"));
  }

  private static String property(String name) {
    String value = System.getProperty(name);
    if (value == null) {
      throw new IllegalStateException("Cannot run without -D" + name + ": start bin/demo");
    }
    return value;
  }

  private static List<Path> classPath(Path file) throws IOException {
    List<Path> jars = new ArrayList<>();
    for (String jar : Files.readString(existing(file)).strip().split(File.pathSeparator, -1)) {
      jars.add(existing(Path.of(jar)));
    }
    return List.copyOf(jars);
  }

  private static Path existing(Path file) throws IOException {
    if (!Files.isRegularFile(file)) {
      throw new IOException("Cannot find " + file + ": build with mvn -DskipTests package");
    }
    return file;
  }
}
