// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.fingerprint;

import java.time.ZoneId;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.SortedMap;
import java.util.function.Function;
import org.apache.spark.sql.catalyst.expressions.Attribute;
import org.apache.spark.sql.catalyst.expressions.Expression;
import org.apache.spark.sql.catalyst.expressions.PlanExpression;
import org.apache.spark.sql.execution.FileSourceScanExec;
import org.apache.spark.sql.execution.datasources.HadoopFsRelation;
import org.apache.spark.sql.execution.datasources.binaryfile.BinaryFileFormat;
import org.apache.spark.sql.execution.datasources.csv.CSVFileFormat;
import org.apache.spark.sql.execution.datasources.json.JsonFileFormat;
import org.apache.spark.sql.execution.datasources.orc.OrcFileFormat;
import org.apache.spark.sql.execution.datasources.parquet.ParquetFileFormat;
import org.apache.spark.sql.execution.datasources.text.TextFileFormat;
import org.apache.spark.sql.execution.datasources.xml.XmlFileFormat;

/** Encodes scans of files by their formats, options and columns, and collects their files. */
final class ScanEncoder {
  private static final Set<Class<?>> FORMATS =
      Set.of(
          ParquetFileFormat.class,
          OrcFileFormat.class,
          CSVFileFormat.class,
          JsonFileFormat.class,
          TextFileFormat.class,
          XmlFileFormat.class,
          BinaryFileFormat.class);

  private static final Set<Class<?>> TEXT_PARSING_FORMATS =
      Set.of(CSVFileFormat.class, JsonFileFormat.class, XmlFileFormat.class);

  private final Encoding encoding;
  private final TypeEncoder types;
  private final ValueEncoder values;
  private final Function<FileSourceScanExec, ScanFiles> lister;
  private final ZoneId sessionZone;
  private final boolean mayBeOpaque;
  private final List<ScanFiles> files = new ArrayList<>();

  /**
   * @param lister lists and identifies the files of a scan
   * @param mayBeOpaque whether a user's word can stand in for inputs without an identity
   */
  ScanEncoder(
      Encoding encoding,
      TypeEncoder types,
      ValueEncoder values,
      Function<FileSourceScanExec, ScanFiles> lister,
      ZoneId sessionZone,
      boolean mayBeOpaque) {
    this.encoding = encoding;
    this.types = types;
    this.values = values;
    this.lister = lister;
    this.sessionZone = sessionZone;
    this.mayBeOpaque = mayBeOpaque;
  }

  /** Every file scan met, in plan order, each once. */
  List<ScanFiles> files() {
    return files;
  }

  /** Encodes a scan; whether the user's word has to stand in for what it reads. */
  boolean scan(FileSourceScanExec scan) {
    HadoopFsRelation relation = scan.relation();
    boolean metOpaque = checkSource(scan);
    encodeSource(scan, relation);
    encodeColumns(scan);
    if (files.stream().noneMatch(known -> known.isOf(scan))) {
      files.add(lister.apply(scan));
    }
    return metOpaque;
  }

  /** Refuses what has no content version; whether the user's word has to stand in for it. */
  private boolean checkSource(FileSourceScanExec scan) {
    boolean metOpaque = false;
    HadoopFsRelation relation = scan.relation();
    Class<?> format = relation.fileFormat().getClass();
    boolean listedBySpark = SparkClasses.isSparkSql(relation.location().getClass());
    if (mayBeOpaque && listedBySpark && !FORMATS.contains(format)) {
      metOpaque = true;
    } else if (!DeltaScans.isDelta(relation) && (!FORMATS.contains(format) || !listedBySpark)) {
      throw encoding.refused(
          Refusal.Code.SOURCE,
          "files of format "
              + format.getName()
              + " listed by "
              + relation.location().getClass().getName()
              + " have no known content version");
    }
    if (scan.stream().isDefined()) {
      throw encoding.refused(Refusal.Code.SOURCE, "a stream's files have no fixed listing");
    }
    if (mayBeOpaque && ScanSettings.mayLeaveRowsOut(relation)) {
      metOpaque = true;
    } else {
      ScanSettings.check(relation, encoding);
    }
    return metOpaque;
  }

  private void encodeSource(FileSourceScanExec scan, HadoopFsRelation relation) {
    Class<?> format = relation.fileFormat().getClass();
    if (TEXT_PARSING_FORMATS.contains(format)
        && TypeEncoder.holdsTimestamp(scan.requiredSchema())) {
      encoding.dependsOnToday(ScanSettings.zone(relation, sessionZone));
    }
    encoding.out().tag('n').putString(scan.getClass().getName());
    encoding.out().putString(format.getName()).putBytes(ScanSettings.sessionDigest(relation));
    if (DeltaScans.isDelta(relation)) {
      new DeltaScans(encoding).format(relation.fileFormat());
    }
    types.type(relation.partitionSchema());
    types.type(relation.dataSchema());
    values.value(relation.bucketSpec());
    SortedMap<String, List<String>> readOptions = ScanSettings.contentOptions(relation);
    encoding.out().putInt(readOptions.size());
    readOptions.forEach(
        (key, given) -> {
          encoding.out().putString(key).putInt(given.size());
          given.forEach(encoding.out()::putString);
        });
  }

  private void encodeColumns(FileSourceScanExec scan) {
    types.type(scan.requiredSchema());
    for (Attribute column : ScalaInterop.list(scan.output())) {
      encoding.out().putString(column.name()).putString(column.metadata().json());
      values.expression((Expression) column);
    }
    values.value(scan.dataFilters());
    // Static partition filters choose files and nothing else; the files are in the keys.
    for (Expression filter : ScalaInterop.list(scan.partitionFilters())) {
      if (filter.exists(ScalaInterop.predicate(PlanExpression.class))) {
        values.expression(filter);
      }
    }
    encoding.out().putBoolean(scan.bucketedScan());
    values.value(scan.optionalBucketSet().isDefined());
    values.value(scan.optionalNumCoalescedBuckets());
  }
}
