// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.fingerprint;

import io.sparkdiskcache.annotation.Internal;
import io.sparkdiskcache.fingerprint.FingerprintResult.Accepted;
import io.sparkdiskcache.fingerprint.FingerprintResult.Refused;
import java.time.Instant;
import java.time.LocalDate;
import java.time.ZoneId;
import java.util.Comparator;
import java.util.HexFormat;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.SortedMap;
import java.util.stream.Stream;
import org.apache.hadoop.conf.Configuration;
import org.apache.spark.sql.execution.SparkPlan;
import org.apache.spark.sql.internal.SQLConf;

/**
 * From a physical plan to the ingredients of its keys, or a refusal. The package's entrance.
 *
 * <p>The function hash covers the engine, every setting that may change rows, and the plan with its
 * functions and the types of its output. {@link PlanEncoder} walks the plan and refuses whatever it
 * does not know; {@link PlanShape} then says which piece of input determines which piece of output,
 * and that decides which files are named by the units and which by the function hash.
 */
@Internal
public final class PlanFingerprinter {
  private static final String MAGIC = "diskcache.function.1";

  private final FunctionIdentity functions;
  private final InputStats inputs;
  private final FingerprintOptions options;

  PlanFingerprinter(FunctionIdentity functions, InputStats inputs, FingerprintOptions options) {
    this.functions = functions;
    this.inputs = inputs;
    this.options = options;
  }

  /**
   * A fingerprinter for this application.
   *
   * @param loader sees the user's classes: those of a notebook and of {@code spark.jars} too
   */
  public static PlanFingerprinter create(FingerprintOptions options, ClassLoader loader) {
    return new PlanFingerprinter(
        new CodeHasher(loader), new InputStats(options.settle(), options.clock()), options);
  }

  /**
   * Never throws: what goes wrong is a {@link Refusal}.
   *
   * @param plan as it will be executed, {@code InMemoryRelation.cachedPlan}
   * @param conf the settings it was planned under
   * @param hadoopConf the session's, with its settings for file systems and formats
   */
  public FingerprintResult fingerprint(SparkPlan plan, SQLConf conf, Configuration hadoopConf) {
    Encoding encoding = new Encoding();
    try {
      return SQLConf.withExistingConf(conf, () -> accept(plan, conf, hadoopConf, encoding));
    } catch (RefusedException e) {
      return new Refused(e.refusal());
    } catch (Exception | LinkageError | StackOverflowError e) {
      // Scala throws checked exceptions undeclared; whatever it is, the query must go on.
      if (e instanceof InterruptedException) {
        Thread.currentThread().interrupt();
      }
      return new Refused(new Refusal(Refusal.Code.INTERNAL, encoding.place(), e.toString()));
    }
  }

  private Accepted accept(
      SparkPlan plan, SQLConf conf, Configuration hadoopConf, Encoding encoding) {
    PlanEncoder encoder =
        new PlanEncoder(
            encoding,
            functions,
            options.nested(),
            conf,
            scan -> ScanFiles.of(scan, inputs, hadoopConf, encoding, functions),
            options.opaque());
    byte[] planDigest = encoding.digestOf(() -> encoder.root(plan));
    // Nothing is known of how a source without an identity cuts its rows into partitions.
    PlanShape shape =
        encoder.metOpaque() ? new PlanShape(PlanClass.RUN_BOUND, List.of()) : PlanShape.of(plan);
    EngineIdentity engine = EngineIdentity.current();
    SortedMap<String, String> settings = ConfDigest.settings(conf);
    byte[] confDigest = ConfDigest.digest(settings);
    if (ConfDigest.parsesRelativeToToday(conf)) {
      encoding.dependsOnToday(encoder.sessionZone());
    }

    CanonicalHasher function = new CanonicalHasher().putString(MAGIC);
    function.putBytes(engine.digest()).putString(options.encoding());
    function.putBytes(confDigest).putBytes(ConfDigest.ofSession(conf));
    function.putBytes(ConfDigest.ofHadoop(hadoopConf));
    function.putString(shape.planClass().name()).putBytes(planDigest);
    Optional<Instant> expires = putToday(function, encoding);
    putFiles(function, shape, encoder.scans(), SplitColumns.of(plan));

    Optional<ScanFiles> unitScan = unitScan(shape, encoder.scans());
    boolean rowLocal = shape.planClass() == PlanClass.ROW_LOCAL;
    List<List<FileChunk>> partitions =
        unitScan
            .map(scan -> rowLocal ? scan.chunks(options.chunkBytes()) : scan.partitions())
            .orElse(List.of());
    List<InputFile> files = files(encoder.scans());
    describe(encoding, plan, engine, ConfDigest.settingsOfSession(conf), shape, files);
    ConfDigest.changedInHadoop(hadoopConf)
        .forEach((key, value) -> encoding.component("conf." + key, Redaction.shown(key, value)));
    byte[] functionDigest = function.digest();
    requireOneMeaning(functionDigest, encoder);
    return new Accepted(
        functionDigest,
        shape.planClass(),
        files,
        partitions,
        rowLocal ? new byte[0] : Packing.of(plan, encoder, conf),
        confDigest,
        expires,
        encoding.proofs(),
        encoding.functions(),
        encoding.components());
  }

  /** RDDs that look the same under one word may hold other rows. */
  private void requireOneMeaning(byte[] function, PlanEncoder encoder) {
    String rdds = encoder.opaqueRdds();
    options
        .opaque()
        .filter(inputs -> !rdds.isEmpty())
        .filter(inputs -> !inputs.places().claim(HexFormat.of().formatHex(function), rdds))
        .ifPresent(
            inputs -> {
              throw RefusedException.of(
                  Refusal.Code.SOURCE,
                  "",
                  "another RDD, made at the same place for the same query, has the version '"
                      + inputs.version()
                      + "' already; give each its own word");
            });
  }

  /** The scan whose pieces name the units, where there is one. */
  private static Optional<ScanFiles> unitScan(PlanShape shape, List<ScanFiles> scans) {
    return shape.leaves().size() == 1
        ? scans.stream().filter(scan -> scan.isOf(shape.leaves().get(0))).findFirst()
        : Optional.empty();
  }

  /**
   * Files that units do not name. Where several leaves feed one partition, its index alone does not
   * say which pieces: then the whole layout counts.
   */
  private static void putFiles(
      CanonicalHasher function, PlanShape shape, List<ScanFiles> scans, SplitColumns splits) {
    for (SparkPlan leaf : shape.leaves()) {
      function.putInt(PlanEncoder.slices(leaf));
    }
    Optional<ScanFiles> unitScan = unitScan(shape, scans);
    for (ScanFiles scan : scans) {
      boolean isLeaf = shape.leaves().stream().anyMatch(scan::isOf);
      if (unitScan.filter(unit -> unit == scan).isPresent()) {
        function.tag('u');
        continue; // an unsettled file concerns its own units only
      }
      scan.requireSettled();
      if (isLeaf) {
        function.tag('l').putBytes(scan.layout());
      } else if (splits.areUsed(scan.scan())) {
        throw RefusedException.of(
            Refusal.Code.NON_DETERMINISTIC,
            scan.scan().nodeName(),
            "_metadata.file_block_start and file_block_length depend on how Spark cuts the files;"
                + " drop the columns before a join or shuffle");
      } else {
        function.tag('c').putBytes(scan.complete());
      }
    }
  }

  private Optional<Instant> putToday(CanonicalHasher function, Encoding encoding) {
    List<ZoneId> zones = encoding.zones();
    function.putInt(zones.size());
    Stream.Builder<Instant> midnights = Stream.builder();
    for (ZoneId zone : zones) {
      LocalDate today = LocalDate.now(options.clock().withZone(zone));
      function.putString(zone.getId()).putLong(today.toEpochDay());
      midnights.add(today.plusDays(1).atStartOfDay(zone).toInstant());
      encoding.component("today." + zone.getId(), today.toString());
    }
    return midnights.build().min(Comparator.naturalOrder());
  }

  private static List<InputFile> files(List<ScanFiles> scans) {
    Set<InputFile> files = new LinkedHashSet<>();
    scans.forEach(scan -> files.addAll(scan.inputs()));
    return List.copyOf(files);
  }

  private void describe(
      Encoding encoding,
      SparkPlan plan,
      EngineIdentity engine,
      SortedMap<String, String> settings,
      PlanShape shape,
      List<InputFile> files) {
    encoding.component("engine", HexFormat.of().formatHex(engine.digest()));
    engine.parts().forEach((name, value) -> encoding.component("engine." + name, value));
    encoding.component("encoding", options.encoding());
    encoding.component("plan.class", shape.planClass().name());
    ScalaInterop.list(plan.output())
        .forEach(
            column ->
                encoding.component("column." + column.name(), column.dataType().catalogString()));
    settings.forEach(
        (key, value) -> encoding.component("conf." + key, Redaction.shown(key, value)));
    for (InputFile file : files) {
      encoding.component(
          "input." + file.path(),
          file.length() + "," + file.modificationTime() + "," + file.version());
    }
  }
}
