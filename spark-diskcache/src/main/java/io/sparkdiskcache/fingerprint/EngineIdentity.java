// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.fingerprint;

import com.fasterxml.jackson.core.JsonParser;
import com.univocity.parsers.csv.CsvParser;
import io.sparkdiskcache.store.MachineTable;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URISyntaxException;
import java.net.URL;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
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

  /** One class of each other jar that takes part in computing rows; a Spark may do without. */
  private static final List<String> MORE_WITNESSES =
      List.of(
          "scala.Option",
          "com.fasterxml.jackson.databind.ObjectMapper",
          "com.github.luben.zstd.Zstd",
          "com.ibm.icu.text.Collator",
          "io.airlift.compress.Decompressor",
          "net.jpountz.lz4.LZ4Factory",
          "org.apache.arrow.vector.ValueVector",
          "org.apache.avro.Schema",
          "org.apache.commons.codec.binary.Base64",
          "org.apache.commons.lang3.StringUtils",
          "org.apache.datasketches.hll.HllSketch",
          "org.apache.datasketches.memory.Memory",
          "org.apache.hadoop.hive.ql.exec.vector.ColumnVector",
          "org.apache.orc.OrcProto",
          "org.apache.orc.mapred.OrcStruct",
          "org.apache.parquet.bytes.BytesInput",
          "org.apache.parquet.column.values.bitpacking.BytePacker",
          "org.apache.parquet.format.Util",
          "org.apache.spark.SparkException",
          "org.apache.spark.util.sketch.BloomFilter",
          "org.apache.ws.commons.schema.XmlSchema",
          "org.codehaus.commons.compiler.CompileException",
          "org.codehaus.janino.ClassBodyEvaluator",
          "org.roaringbitmap.RoaringBitmap",
          "org.xerial.snappy.Snappy");

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
    ClassLoader loader = EngineIdentity.class.getClassLoader();
    for (Class<?> witness : witnesses(loader)) {
      Path path = jarOf(witness);
      if (Files.isRegularFile(path)) {
        jars.add(path.toString());
      }
      String content = content(path);
      hasher.putString(witness.getName()).putString(content);
      parts.put("jar." + path.getFileName(), content.substring(0, SHOWN_DIGITS));
    }
    ClassPathIdentity.inFrontOf(jars, loader)
        .forEach(
            (name, crc) -> {
              hasher.tag('p').putString(name).putLong(crc);
              parts.put("patch." + name, Long.toHexString(crc));
            });
    MachineTable.ofUser().save();
    hasher.putString(parts.getOrDefault("spark", "")).putString(parts.getOrDefault("scala", ""));
    return new EngineIdentity(hasher.digest(), parts);
  }

  static List<Class<?>> witnesses(ClassLoader loader) {
    List<Class<?>> all = new ArrayList<>(WITNESSES);
    MORE_WITNESSES.forEach(name -> find(name, loader).ifPresent(all::add));
    return all;
  }

  /** Empty if it is missing: then nothing can use it, and the digest lacks its name. */
  private static Optional<Class<?>> find(String name, ClassLoader loader) {
    try {
      return Optional.of(Class.forName(name, false, loader));
    } catch (ClassNotFoundException e) {
      return Optional.empty();
    }
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
