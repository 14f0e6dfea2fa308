// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache;

import io.sparkdiskcache.annotation.Internal;
import io.sparkdiskcache.arrow.Precision;
import io.sparkdiskcache.conf.DiskCacheConf;
import io.sparkdiskcache.fingerprint.LocalLists;
import io.sparkdiskcache.fingerprint.PythonFunctions;
import io.sparkdiskcache.fingerprint.PythonFunctions.Identity;
import io.sparkdiskcache.fingerprint.PythonFunctions.SourceFile;
import io.sparkdiskcache.fingerprint.Refusal;
import io.sparkdiskcache.memo.HomedRows;
import io.sparkdiskcache.relation.ProvenFunction;
import io.sparkdiskcache.store.Quantities;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.apache.spark.SparkContext;
import org.apache.spark.api.python.PythonFunction;
import org.apache.spark.api.python.SimplePythonFunction;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.execution.LogicalRDD;

/** Methods that the Python package {@code sparkdiskcache} calls; for nobody else. */
@Internal
public final class PythonBridge {
  private static final String SETTER = "with";

  private PythonBridge() {}

  /**
   * The code of a function that Python has hashed.
   *
   * @param parts name and digest of each part in turn
   * @param sources path, SHA-256 and length of each imported source file in turn
   */
  public static void register(
      PythonFunction function,
      String digest,
      Map<String, String> parts,
      List<List<Object>> sources,
      boolean dependsOnHashSeed) {
    List<SourceFile> files = new ArrayList<>();
    for (List<Object> source : sources) {
      files.add(
          new SourceFile(
              (String) source.get(0),
              (String) source.get(1),
              ((Number) source.get(2)).longValue()));
    }
    PythonFunctions.register(
        function, new Identity(digest, Map.copyOf(parts), List.copyOf(files), dependsOnHashSeed));
  }

  /** The same function, whose workers prove that they run what the digest says. */
  public static PythonFunction proven(
      SparkContext context, SimplePythonFunction function, String digest) {
    return ProvenFunction.of(context, function, digest);
  }

  /** Effects of a function besides its rows, seen by any application; empty if there are none. */
  public static String impure(SparkSession session, String digest) {
    return DiskCache.of(session).impure(digest);
  }

  /** Why Python could not hash a function; {@code code} names a {@code Refusal.Code}. */
  public static void refuse(PythonFunction function, String code, String sentence) {
    PythonFunctions.refuse(function, Refusal.Code.valueOf(code), sentence);
  }

  /** Notes that PySpark has just made a frame of a list. */
  public static void madeOfList(Dataset<Row> rows) {
    var classic = (org.apache.spark.sql.classic.Dataset<Row>) rows;
    if (classic.queryExecution().logical() instanceof LogicalRDD list) {
      LocalLists.register(list.rdd());
    }
  }

  /**
   * The directory for results of memoised functions of a session, as {@link
   * io.sparkdiskcache.store.HostDirectory} takes it; empty where the cache is off or the directory
   * cannot be used.
   */
  public static String memoDirectory(SparkSession session) {
    return DiskCache.of(session).usableMemoDirectory();
  }

  /** The directory of the remote tier; empty if there is none. */
  public static String remoteDirectory(SparkSession session) {
    return DiskCache.of(session).remoteDirectory();
  }

  /** Rows where the results of their arguments are, see {@link DiskCache#memoApply}. */
  public static Dataset<Row> homed(Dataset<Row> rows, Column[] arguments) {
    return HomedRows.of(rows, arguments);
  }

  /** A duration such as {@code 12h}, as in the settings. */
  public static Duration duration(String text) {
    return Quantities.duration(text);
  }

  /** Columns and precisions from a text such as {@code embedding=float16}, as in the settings. */
  public static Map<String, String> precision(String text) {
    Map<String, String> columns = new TreeMap<>();
    for (Map.Entry<String, Precision> column : DiskCacheConf.PRECISION.parse(text).entrySet()) {
      columns.put(column.getKey(), column.getValue().toString());
    }
    return columns;
  }

  /** A report for people, with the names of Python's API. */
  public static String text(ExplainReport report) {
    return report.inPython();
  }

  /** Names of the options that can be set, as in {@code withTag}. */
  public static List<String> optionSetters() {
    return Arrays.stream(CacheOptions.class.getMethods())
        .filter(method -> !Modifier.isStatic(method.getModifiers()))
        .map(Method::getName)
        .filter(name -> name.startsWith(SETTER))
        .sorted()
        .distinct()
        .toList();
  }
}
