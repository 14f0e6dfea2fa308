// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.fingerprint;

import com.fasterxml.jackson.core.JsonParser;
import com.univocity.parsers.csv.CsvParser;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URISyntaxException;
import java.net.URL;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.List;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.apache.hadoop.fs.FileSystem;
import org.apache.orc.OrcFile;
import org.apache.parquet.column.ColumnDescriptor;
import org.apache.parquet.hadoop.ParquetFileReader;
import org.apache.spark.SparkContext;
import org.apache.spark.sql.catalyst.expressions.Expression;
import org.apache.spark.sql.execution.SparkPlan;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.types.variant.Variant;
import org.apache.spark.unsafe.types.UTF8String;
import org.jspecify.annotations.Nullable;

/**
 * The code that computes rows, besides the user's: Spark, the format readers and Scala, by the
 * content of their jars. A patched Spark of the same version is another engine.
 *
 * @param digest over all parts; owned by the record and not to be changed
 * @param parts versions and jar digests by name, for people
 */
@SuppressWarnings("ArrayRecordComponent") // never compared as records
record EngineIdentity(byte[] digest, SortedMap<String, String> parts) {
  private static final List<Class<?>> WITNESSES =
      List.of(
          SparkContext.class,
          SparkPlan.class,
          Expression.class,
          DataType.class,
          UTF8String.class,
          Variant.class,
          ParquetFileReader.class,
          ColumnDescriptor.class,
          OrcFile.class,
          FileSystem.class,
          JsonParser.class,
          CsvParser.class);

  private static final int SHOWN_DIGITS = 16;

  private static volatile @Nullable EngineIdentity known;

  /** The engine of this JVM: of the jars as they were at the first question. */
  static EngineIdentity current() {
    EngineIdentity current = known;
    if (current == null) {
      current = read();
      known = current;
    }
    return current;
  }

  private static EngineIdentity read() {
    SortedMap<String, String> parts = new TreeMap<>();
    parts.put("spark", org.apache.spark.package$.MODULE$.SPARK_VERSION());
    parts.put("scala", scala.util.Properties.versionNumberString());
    CanonicalHasher hasher = new CanonicalHasher();
    Set<String> jars = new HashSet<>();
    for (Class<?> witness : WITNESSES) {
      Path path = jarOf(witness);
      if (Files.isRegularFile(path)) {
        jars.add(path.toString());
      }
      String content = content(path);
      hasher.putString(content);
      parts.put("jar." + path.getFileName(), content.substring(0, SHOWN_DIGITS));
    }
    ClassLoader loader = EngineIdentity.class.getClassLoader();
    ClassPathIdentity.inFrontOf(jars, loader)
        .forEach(
            (name, crc) -> {
              hasher.tag('p').putString(name).putLong(crc);
              parts.put("patch." + name, Long.toHexString(crc));
            });
    hasher.putString(parts.getOrDefault("spark", "")).putString(parts.getOrDefault("scala", ""));
    return new EngineIdentity(hasher.digest(), parts);
  }

  private static Path jarOf(Class<?> type) {
    URL location = SparkClasses.location(type);
    if (location == null) {
      throw unknown(type, "no code source");
    }
    try {
      return Path.of(location.toURI());
    } catch (URISyntaxException | RuntimeException e) {
      throw unknown(type, location + ": " + e);
    }
  }

  private static RefusedException unknown(Class<?> type, String reason) {
    return RefusedException.of(
        Refusal.Code.INTERNAL,
        "",
        "the jar of " + type.getName() + " cannot be identified: " + reason);
  }

  private static String content(Path path) {
    try {
      return Files.isDirectory(path) ? directory(path) : JarIdentity.digest(path.toString());
    } catch (IOException | UncheckedIOException e) {
      throw RefusedException.of(Refusal.Code.INTERNAL, "", "cannot read " + path + ": " + e);
    }
  }

  /** Classes unpacked in a directory, as in a build of Spark itself. */
  private static String directory(Path root) throws IOException {
    CanonicalHasher hasher = new CanonicalHasher();
    try (Stream<Path> walk = Files.walk(root)) {
      for (Path file : walk.filter(Files::isRegularFile).sorted().toList()) {
        hasher.putString(root.relativize(file).toString()).putBytes(Files.readAllBytes(file));
      }
    }
    return HexFormat.of().formatHex(hasher.digest());
  }
}
