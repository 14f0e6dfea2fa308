// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.benchmarks;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;
import java.util.Properties;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * The costs of one run of the job, handed from the job's JVM to the demo as a properties file.
 *
 * @param wallMillis from before the session is built until it has stopped
 * @param stagesSkipped stages that a job listed and that were never submitted
 * @param bytesRead what tasks report as input: files and cached blocks
 * @param partitionsHit cached partitions served from an earlier run; null without the cache
 * @param partitionsComputed cached partitions computed in this run; null without the cache
 * @param summaries what the job said about each of its outputs
 */
record RunFigures(
    long wallMillis,
    long stagesRun,
    long stagesSkipped,
    long tasks,
    long bytesRead,
    long bytesShuffled,
    long bytesWritten,
    @Nullable Long partitionsHit,
    @Nullable Long partitionsComputed,
    Map<String, String> summaries) {

  private static final String SUMMARY = "summary.";

  /** Writes the file whole or not at all. */
  void write(Path file) throws IOException {
    Properties properties = new Properties();
    properties.setProperty("wallMillis", Long.toString(wallMillis));
    properties.setProperty("stagesRun", Long.toString(stagesRun));
    properties.setProperty("stagesSkipped", Long.toString(stagesSkipped));
    properties.setProperty("tasks", Long.toString(tasks));
    properties.setProperty("bytesRead", Long.toString(bytesRead));
    properties.setProperty("bytesShuffled", Long.toString(bytesShuffled));
    properties.setProperty("bytesWritten", Long.toString(bytesWritten));
    if (partitionsHit != null && partitionsComputed != null) {
      properties.setProperty("partitionsHit", partitionsHit.toString());
      properties.setProperty("partitionsComputed", partitionsComputed.toString());
    }
    summaries.forEach((name, text) -> properties.setProperty(SUMMARY + name, text));
    PropertyFiles.write(file, properties);
  }

  static RunFigures read(Path file) throws IOException {
    Properties properties = PropertyFiles.read(file);
    Map<String, String> summaries = new TreeMap<>();
    for (String name : properties.stringPropertyNames()) {
      if (name.startsWith(SUMMARY)) {
        summaries.put(name.substring(SUMMARY.length()), properties.getProperty(name));
      }
    }
    return new RunFigures(
        number(properties, "wallMillis", file),
        number(properties, "stagesRun", file),
        number(properties, "stagesSkipped", file),
        number(properties, "tasks", file),
        number(properties, "bytesRead", file),
        number(properties, "bytesShuffled", file),
        number(properties, "bytesWritten", file),
        optional(properties, "partitionsHit"),
        optional(properties, "partitionsComputed"),
        summaries);
  }

  private static long number(Properties properties, String name, Path file) throws IOException {
    Long value = optional(properties, name);
    if (value == null) {
      throw new IOException("Cannot read " + file + ": it has no " + name);
    }
    return value;
  }

  private static @Nullable Long optional(Properties properties, String name) {
    String value = properties.getProperty(name);
    return value == null ? null : Long.valueOf(value);
  }
}
