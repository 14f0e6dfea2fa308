// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.arrow;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.rdd.RDD;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.classic.Dataset;
import org.apache.spark.sql.classic.SparkSession;
import org.apache.spark.sql.columnar.CachedBatch;
import org.apache.spark.sql.execution.CollapseCodegenStages;
import org.apache.spark.sql.execution.ColumnarToRowExec;
import org.apache.spark.sql.execution.QueryExecution;
import org.apache.spark.sql.execution.SparkPlan;
import org.apache.spark.sql.execution.columnar.CachedRDDBuilder;
import org.apache.spark.sql.execution.columnar.InMemoryRelation;
import org.apache.spark.sql.execution.debug.package$;
import org.apache.spark.storage.StorageLevel;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import scala.Option;

/** Spark's own scan of a cached relation, planner and generated code included, over our batches. */
final class SparkScanTest {
  private static final String TABLE =
      """
      SELECT id, CAST(id % 7 AS TINYINT) b, CAST(id AS SMALLINT) sh, CAST(id AS INT) i,
        IF(id % 5 = 0, NULL, id * 2) l, CAST(id AS FLOAT) / 3 f, id / 7.0D d, id % 3 = 0 bo,
        IF(id % 4 = 0, NULL, concat('s', id)) s, CAST(concat('x', id) AS BINARY) bin,
        CAST(concat('C', id % 3) AS STRING) COLLATE UTF8_LCASE col,
        DATE'2020-01-01' + CAST(id AS INT) da, timestamp_micros(id) ts,
        CAST(timestamp_micros(id) AS TIMESTAMP_NTZ) ntz, CAST('12:34:56' AS TIME) ti,
        CAST(id AS DECIMAL(9,2)) de, CAST(id AS DECIMAL(38,10)) * -1 big,
        make_ym_interval(1, CAST(id AS INT)) ym, make_dt_interval(CAST(id AS INT)) dt,
        make_interval(0, 1, 0, CAST(id AS INT)) ci, NULL n, parse_json(concat('[', id, ']')) v,
        array(id, NULL, id + 1) a, array(array(concat('n', id))) aa,
        map(concat('k', id), id, 'z', NULL) m, IF(id % 6 = 0, NULL, named_struct('x', id, 'y', array(id))) st
      FROM range(0, 300, 1, 3)
      """;

  private static SparkSession spark;
  @TempDir private static Path dir;
  private static Dataset<Row> plain;
  private static Dataset<Row> cached;
  private static List<InternalRow> rows;

  @BeforeAll
  static void cacheATable() throws IOException {
    spark =
        SparkSession.builder()
            .master("local[2]")
            .config("spark.ui.enabled", "false")
            .config("spark.driver.host", "127.0.0.1")
            .config("spark.sql.timeType.enabled", "true")
            .config("spark.sql.shuffle.partitions", "2")
            .config("spark.sql.warehouse.dir", dir.resolve("warehouse").toString())
            .getOrCreate();
    plain = spark.sql(TABLE);
    rows = plain.queryExecution().toRdd().toJavaRDD().map(InternalRow::copy).collect();
    List<String> files = new ArrayList<>();
    for (int part = 0; part < 3; part++) {
      Path file = dir.resolve(part + ".arrow");
      List<InternalRow> slice = rows.subList(part * 100, part * 100 + 100);
      Entries.write(file, plain.schema(), slice, new EncodeOptions(10, 1 << 20));
      files.add(file.toString());
    }
    QueryExecution execution = plain.queryExecution();
    CachedRDDBuilder builder = new FilesBuilder(execution, files);
    InMemoryRelation relation =
        new InMemoryRelation(
            execution.executedPlan().output(), builder, execution.optimizedPlan().outputOrdering());
    relation.statsOfPlanToCache_$eq(execution.optimizedPlan().stats());
    cached = Dataset.ofRows(spark, relation);
    cached.createOrReplaceTempView("cached");
    plain.createOrReplaceTempView("plain");
  }

  @AfterAll
  static void stop() {
    spark.stop();
  }

  @ParameterizedTest(name = "generated code {0}")
  @ValueSource(booleans = {true, false})
  void queriesFindWhatTheyFoundBefore(boolean codegen) {
    configure(codegen);
    for (String query :
        List.of(
            "SELECT * FROM %s",
            "SELECT count(*) FROM %s",
            "SELECT 1 FROM %s WHERE id > 290",
            "SELECT s, id FROM %s WHERE l BETWEEN 100 AND 140 OR s LIKE 's29%%'",
            "SELECT col, count(*), sum(big), max(de), min(ts) FROM %s WHERE col = 'c1' GROUP BY col",
            "SELECT st.x, st.y[0], m['z'], a[1], aa[0][0], v, ci FROM %s WHERE st IS NOT NULL",
            "SELECT explode(a) FROM %s WHERE d > 40",
            "SELECT x.id, y.s FROM %1$s x JOIN %1$s y ON x.id = y.l WHERE x.bo",
            "SELECT id FROM %s WHERE l <=> NULL",
            "SELECT da, ym, dt, ti, ntz, n, bin FROM %s ORDER BY id DESC LIMIT 7")) {
      assertThat(rows(query, "cached")).as(query).isEqualTo(rows(query, "plain"));
    }
  }

  private static void configure(boolean codegen) {
    spark.conf().set("spark.sql.adaptive.enabled", !codegen);
    spark.conf().set("spark.sql.codegen.wholeStage", codegen);
    spark.conf().set("spark.sql.codegen.factoryMode", codegen ? "CODEGEN_ONLY" : "NO_CODEGEN");
  }

  private static List<String> rows(String query, String table) {
    return spark.sql(String.format(query, table)).collectAsList().stream()
        .map(SparkScanTest::text)
        .sorted()
        .toList();
  }

  /** Arrays of bytes print as addresses. */
  private static String text(Row row) {
    StringBuilder text = new StringBuilder();
    for (int i = 0; i < row.length(); i++) {
      Object value = row.get(i);
      text.append(value instanceof byte[] bytes ? java.util.Arrays.toString(bytes) : value);
      text.append('|');
    }
    return text.toString();
  }

  /** The scan can give rows too, so Spark puts this node above it only where it is asked to. */
  @Test
  void generatedCodeCallsOurVectorsByTheirClass() {
    configure(true);
    SparkPlan scan = cached.queryExecution().executedPlan().collectLeaves().head();
    assertThat(scan.supportsColumnar()).as("vectors from %s", scan).isTrue();
    SparkPlan plan =
        new CollapseCodegenStages(new AtomicInteger()).apply(new ColumnarToRowExec(scan));
    assertThat(package$.MODULE$.codegenString(plan))
        .as("generated code of %s", plan)
        .contains("(" + LongColumn.class.getName() + ")")
        .contains("(" + StringColumn.class.getName() + ")")
        .contains("(" + StructColumn.class.getName() + ")");
    List<InternalRow> read = plan.execute().toJavaRDD().map(InternalRow::copy).collect();
    assertThat(read).hasSameSizeAs(rows);
    for (int i = 0; i < rows.size(); i++) {
      Values.assertSameRow(plain.schema(), read.get(i), rows.get(i), "row " + i);
    }
  }

  @Test
  void batchesAreSkippedByTheScan() {
    configure(true);
    Dataset<Row> query = spark.sql("SELECT s FROM cached WHERE id = 123");
    assertThat(query.collectAsList()).hasSize(1);
    long scanned =
        query
            .queryExecution()
            .executedPlan()
            .collectLeaves()
            .head()
            .metrics()
            .apply("numOutputRows")
            .value();
    assertThat(scanned).as("rows of the one batch that may match").isEqualTo(10);
  }

  @Test
  void theSerializerDoesNotWrite() {
    assertThatThrownBy(
            () ->
                new ArrowCachedBatchSerializer()
                    .convertInternalRowToCachedBatch(null, null, null, null))
        .isInstanceOf(UnsupportedOperationException.class)
        .hasMessageContaining("EntryWriter");
    assertThatThrownBy(
            () ->
                new ArrowCachedBatchSerializer()
                    .convertColumnarBatchToCachedBatch(null, null, null, null))
        .isInstanceOf(UnsupportedOperationException.class)
        .hasMessageContaining("EntryWriter");
  }

  /** A relation's builder whose buffers are the batches of files, one file a partition. */
  static final class FilesBuilder extends CachedRDDBuilder {
    private final transient QueryExecution execution;
    private final List<String> files;

    FilesBuilder(QueryExecution execution, List<String> files) {
      super(
          new ArrowCachedBatchSerializer(),
          StorageLevel.DISK_ONLY(),
          execution.executedPlan(),
          Option.empty(),
          execution.logical());
      this.execution = execution;
      this.files = files;
    }

    @Override
    public synchronized RDD<CachedBatch> cachedColumnBuffers() {
      JavaSparkContext context = new JavaSparkContext(execution.sparkSession().sparkContext());
      return context.parallelize(files, files.size()).mapPartitions(SparkScanTest::batches).rdd();
    }

    @Override
    public synchronized boolean isCachedColumnBuffersLoaded() {
      return true;
    }

    @Override
    public synchronized long materializedRowCount() {
      return 300;
    }

    @Override
    public synchronized long materializedSizeInBytes() {
      return 30_000;
    }
  }

  private static Iterator<CachedBatch> batches(Iterator<String> files) {
    List<CachedBatch> batches = new ArrayList<>();
    while (files.hasNext()) {
      try {
        MappedEntry entry = MappedEntry.open(Path.of(files.next()));
        batches.addAll(Entries.batches(entry));
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }
    return batches.iterator();
  }
}
