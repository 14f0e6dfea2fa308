// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.fingerprint;

import java.time.ZoneId;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import org.apache.spark.sql.catalyst.util.DateTimeUtils;
import org.apache.spark.sql.execution.datasources.HadoopFsRelation;
import org.apache.spark.sql.internal.SQLConf;

/** Read options, and the settings of the session a relation was made in: readers look at both. */
final class ScanSettings {
  private static final List<String> PARTIAL = List.of("ignorecorruptfiles", "ignoremissingfiles");
  private static final Set<String> PATHS = Set.of("path", "paths");

  /** Names a file that each task reads, and that no listing holds. */
  private static final String XML_SCHEMA = "rowvalidationxsdpath";

  private static final String TIME_ZONE = "timezone";

  private ScanSettings() {}

  /** Refuses options under which unreadable input is skipped in silence. */
  static void check(HadoopFsRelation relation, Encoding encoding) {
    partialOption(relation)
        .ifPresent(
            key -> {
              throw encoding.refused(
                  Refusal.Code.CONF,
                  "read option " + key + "=true may leave rows out; read without it");
            });
    if (contentOptions(relation).containsKey(XML_SCHEMA)) {
      throw encoding.refused(
          Refusal.Code.SOURCE,
          "read option rowValidationXSDPath names a file that is no part of the key; read without it");
    }
    ConfDigest.requireComplete(conf(relation), encoding.place());
  }

  /** Whether unreadable input is skipped in silence. */
  static boolean mayLeaveRowsOut(HadoopFsRelation relation) {
    SQLConf conf = conf(relation);
    return partialOption(relation).isPresent()
        || conf.ignoreCorruptFiles()
        || conf.ignoreMissingFiles();
  }

  private static Optional<String> partialOption(HadoopFsRelation relation) {
    return ScalaInterop.map(relation.options()).entrySet().stream()
        .filter(option -> PARTIAL.contains(option.getKey().toLowerCase(Locale.ROOT)))
        .filter(option -> Boolean.parseBoolean(option.getValue()))
        .map(Map.Entry::getKey)
        .findFirst();
  }

  /** All options but the paths, which are in the identities of the files; keys in lower case. */
  static SortedMap<String, List<String>> contentOptions(HadoopFsRelation relation) {
    SortedMap<String, List<String>> options = new TreeMap<>();
    ScalaInterop.map(relation.options())
        .forEach(
            (key, value) -> {
              String lowerCase = key.toLowerCase(Locale.ROOT);
              if (!PATHS.contains(lowerCase)) {
                options.computeIfAbsent(lowerCase, k -> new ArrayList<>()).add(value);
              }
            });
    return options;
  }

  /** The zone in which text without a date is dated. */
  static ZoneId zone(HadoopFsRelation relation, ZoneId sessionZone) {
    for (var option : ScalaInterop.map(relation.options()).entrySet()) {
      if (option.getKey().toLowerCase(Locale.ROOT).equals(TIME_ZONE)) {
        return DateTimeUtils.getZoneId(option.getValue());
      }
    }
    return sessionZone;
  }

  /** A relation keeps the session it was made in, which need not be the one that plans. */
  static byte[] sessionDigest(HadoopFsRelation relation) {
    return ConfDigest.ofSession(conf(relation));
  }

  private static SQLConf conf(HadoopFsRelation relation) {
    return ((org.apache.spark.sql.classic.SparkSession) relation.sparkSession())
        .sessionState()
        .conf();
  }
}
