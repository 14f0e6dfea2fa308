// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.fingerprint;

import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.hadoop.conf.Configuration;

/**
 * The content of Hadoop's own files of settings: the names that it, and what is built on it, may
 * read.
 */
final class HadoopDefaults {
  /** Formats and file systems that bring no file of defaults. */
  private static final List<String> WITHOUT_FILE =
      List.of(
          "alluxio",
          "avro",
          "datanucleus",
          "delta",
          "dfs",
          "fs",
          "google",
          "hadoop",
          "hbase",
          "hive",
          "hoodie",
          "iceberg",
          "io",
          "javax",
          "mapred",
          "mapreduce",
          "orc",
          "parquet",
          "textinputformat",
          "yarn");

  /** Settings with their defaults. */
  static final Map<String, String> KEYS = keys();

  /** The first words of all names. */
  static final Set<String> FIRST_WORDS = firstWords();

  private HadoopDefaults() {}

  private static Map<String, String> keys() {
    Map<String, String> keys = new HashMap<>();
    for (Map.Entry<String, String> entry : new Configuration()) {
      keys.put(entry.getKey(), entry.getValue());
    }
    return Collections.unmodifiableMap(keys);
  }

  private static Set<String> firstWords() {
    Set<String> words = new HashSet<>(WITHOUT_FILE);
    for (String key : KEYS.keySet()) {
      int dot = key.indexOf('.');
      if (dot > 0) {
        words.add(key.substring(0, dot));
      }
    }
    return Collections.unmodifiableSet(words);
  }
}
