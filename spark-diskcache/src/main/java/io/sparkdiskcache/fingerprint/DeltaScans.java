// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.fingerprint;

import java.net.URL;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.apache.spark.sql.execution.datasources.FileFormat;
import org.apache.spark.sql.execution.datasources.HadoopFsRelation;
import org.jspecify.annotations.Nullable;
import scala.Option;
import scala.Product;

/**
 * Tables of Delta Lake, known by the names of its classes: it is no dependency of ours.
 *
 * <p>A version of a table is no identity, since the version that is scanned may be newer than the
 * one that was analyzed. A scan is the listed files, each with its deletion vector, read under a
 * protocol and the table's metadata (schema, column mapping) by Delta's code. So a version that
 * adds files leaves the keys of the others alone, and one that deletes rows changes the keys of the
 * files it deleted them from. Data files and deletion vectors have unique names and are never
 * written again. Whatever is not known here is refused: other listings, such as the one of changes,
 * other arguments of the format, other constants of a file.
 */
final class DeltaScans {
  private static final String PACKAGE = "org.apache.spark.sql.delta.";
  private static final String FORMAT = PACKAGE + "DeltaParquetFileFormat";
  private static final Set<String> LISTINGS =
      Set.of(PACKAGE + "files.TahoeLogFileIndex", PACKAGE + "stats.PreparedDeltaFileIndex");
  private static final List<String> ARGUMENTS =
      List.of(
          "protocol",
          "metadata",
          "nullableRowTrackingConstantFields",
          "nullableRowTrackingGeneratedFields",
          "optimizationsEnabled",
          "tablePath",
          "isCDCRead");
  private static final Set<String> FILE_CONSTANTS =
      Set.of(
          "row_index_filter_id_encoded",
          "row_index_filter_type",
          "base_row_id",
          "default_row_commit_version");

  private final Encoding encoding;

  DeltaScans(Encoding encoding) {
    this.encoding = encoding;
  }

  /** Whether a relation is read by Delta's classes. */
  static boolean isDelta(HadoopFsRelation relation) {
    return relation.fileFormat().getClass().getName().equals(FORMAT)
        && LISTINGS.contains(relation.location().getClass().getName());
  }

  /**
   * How files are read: Delta's code, the protocol, the table's metadata, the reader's switches.
   */
  void format(FileFormat format) {
    encoding.out().tag('L').putString(library(format.getClass()));
    if (!(format instanceof Product product) || !names(product).equals(ARGUMENTS)) {
      throw unknown(format.getClass().getName() + " has other arguments");
    }
    for (int i = 0; i < product.productArity(); i++) {
      value(product.productElement(i));
    }
  }

  /**
   * The digest of what Delta knows of one file besides its partition: deletion vector, row
   * tracking.
   */
  byte[] constants(scala.collection.immutable.Map<String, Object> constants) {
    return encoding.digestOf(
        () ->
            new TreeMap<>(ScalaInterop.map(constants))
                .forEach(
                    (name, constant) -> {
                      if (!FILE_CONSTANTS.contains(name)) {
                        throw unknown("files have a constant " + name);
                      }
                      encoding.out().putString(name);
                      value(constant);
                    }));
  }

  private String library(Class<?> type) {
    URL location = SparkClasses.location(type);
    String jar = location == null ? null : JarIdentity.filePath(location.toString());
    if (jar == null || !jar.endsWith(".jar")) {
      throw unknown(type.getName() + " was not loaded from a jar");
    }
    return JarIdentity.digest(jar);
  }

  private static List<String> names(Product product) {
    List<String> names = new ArrayList<>();
    ScalaInterop.iterable(product.productElementNames()).forEach(names::add);
    return names;
  }

  /** Delta's actions are case classes of plain values. */
  private void value(@Nullable Object value) {
    CanonicalHasher out = encoding.out();
    if (value == null) {
      out.tag('0');
    } else if (value instanceof String s) {
      out.tag('T').putString(s);
    } else if (value instanceof Boolean b) {
      out.tag('B').putBoolean(b);
    } else if (value instanceof Integer i) {
      out.tag('I').putInt(i);
    } else if (value instanceof Long l) {
      out.tag('J').putLong(l);
    } else if (value instanceof Enum<?> constant) {
      out.tag('n').putString(constant.name());
    } else if (value instanceof Option<?> option) {
      out.tag('O').putBoolean(option.isDefined());
      if (option.isDefined()) {
        value(option.get());
      }
    } else if (value instanceof scala.collection.Map<?, ?> map) {
      map(ScalaInterop.map(map));
    } else if (value instanceof scala.collection.Set<?> set) {
      out.tag('Z');
      encoding.unordered(ScalaInterop.set(set), this::value);
    } else if (value instanceof scala.collection.Seq<?> seq) {
      out.tag('[').putInt(seq.size());
      ScalaInterop.list(seq).forEach(this::value);
    } else if (value instanceof Product product && value.getClass().getName().startsWith(PACKAGE)) {
      out.tag('P').putString(value.getClass().getName()).putInt(product.productArity());
      for (int i = 0; i < product.productArity(); i++) {
        value(product.productElement(i));
      }
    } else {
      throw unknown("a value of " + value.getClass().getName());
    }
  }

  private void map(Map<?, ?> map) {
    encoding.out().tag('K');
    encoding.unordered(
        map.entrySet(),
        entry -> {
          value(entry.getKey());
          value(entry.getValue());
        });
  }

  private RefusedException unknown(String what) {
    return encoding.refused(
        Refusal.Code.SOURCE, "this version of Delta Lake is not known: " + what);
  }
}
