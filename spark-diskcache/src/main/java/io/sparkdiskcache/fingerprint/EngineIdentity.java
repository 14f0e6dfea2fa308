// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.fingerprint;

import com.fasterxml.jackson.core.JsonParser;
import com.univocity.parsers.csv.CsvParser;
import java.io.IOException;
import java.net.URISyntaxException;
import java.net.URL;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.FileTime;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Stream;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;
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

  private record Jar(Path path, long length, FileTime modified) {}

  private static final Map<Jar, String> JARS = new ConcurrentHashMap<>();

  /** The engine of this JVM. */
  static EngineIdentity current() {
    SortedMap<String, String> parts = new TreeMap<>();
    parts.put("spark", org.apache.spark.package$.MODULE$.SPARK_VERSION());
    parts.put("scala", scala.util.Properties.versionNumberString());
    CanonicalHasher hasher = new CanonicalHasher();
    for (Class<?> witness : WITNESSES) {
      Path path = jarOf(witness);
      String content = content(path);
      hasher.putString(content);
      parts.put("jar." + path.getFileName(), content.substring(0, SHOWN_DIGITS));
    }
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
      BasicFileAttributes facts = Files.readAttributes(path, BasicFileAttributes.class);
      Jar jar = new Jar(path, facts.size(), facts.lastModifiedTime());
      if (facts.isDirectory()) {
        return directory(path);
      }
      String known = JARS.get(jar);
      if (known == null) {
        known = directory(jar);
        JARS.put(jar, known);
      }
      return known;
    } catch (IOException e) {
      throw RefusedException.of(Refusal.Code.INTERNAL, "", "cannot read " + path + ": " + e);
    }
  }

  /** Names, sizes and checksums of the entries: no times, and nothing is decompressed. */
  private static String directory(Jar jar) throws IOException {
    SortedMap<String, ZipEntry> entries = new TreeMap<>();
    try (ZipFile zip = new ZipFile(jar.path().toFile())) {
      zip.stream().forEach(entry -> entries.put(entry.getName(), entry));
    }
    CanonicalHasher hasher = new CanonicalHasher().putInt(entries.size());
    entries.forEach(
        (name, entry) -> hasher.putString(name).putLong(entry.getSize()).putLong(entry.getCrc()));
    return HexFormat.of().formatHex(hasher.digest());
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
