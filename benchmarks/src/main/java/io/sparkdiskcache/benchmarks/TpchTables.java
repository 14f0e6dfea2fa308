// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.benchmarks;

import static org.apache.spark.sql.functions.col;

import io.trino.tpch.TpchColumn;
import io.trino.tpch.TpchTable;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;

/**
 * The eight tables of TPC-H as typed Parquet, with the rows of dbgen, and its 22 queries. Amounts
 * are decimals, so that sums are the same in every run.
 */
final class TpchTables {
  static final int QUERIES = 22;
  private static final int FILES = 4;
  private static final int LINE_ITEM_FILES = 8;

  private TpchTables() {}

  static void generate(SparkSession spark, double scale, Path dir) throws IOException {
    Files.createDirectories(dir);
    for (TpchTable<?> table : TpchTable.getTables()) {
      String name = table.getTableName();
      int files = files(name);
      Column[] columns = table.getColumns().stream().map(TpchTables::typed).toArray(Column[]::new);
      TpchData.text(
              spark,
              files,
              table.getColumns().stream().map(TpchColumn::getColumnName).toList(),
              part -> TpchTable.getTable(name).createGenerator(scale, part, files))
          .select(columns)
          .write()
          .parquet(dir.resolve(name).toString());
    }
  }

  /** Nations and regions are too few for parts. */
  private static int files(String table) {
    return switch (table) {
      case "nation", "region" -> 1;
      case "lineitem" -> LINE_ITEM_FILES;
      default -> FILES;
    };
  }

  private static Column typed(TpchColumn<?> column) {
    DataType type =
        switch (column.getType().getBase()) {
          case INTEGER -> DataTypes.IntegerType;
          case IDENTIFIER -> DataTypes.LongType;
          case DATE -> DataTypes.DateType;
          case DOUBLE -> DataTypes.createDecimalType(15, 2);
          case VARCHAR -> DataTypes.StringType;
        };
    return col(column.getColumnName()).cast(type).as(column.getColumnName());
  }

  /** Makes the tables known to the queries of a session. */
  static void register(SparkSession spark, Path dir) {
    for (TpchTable<?> table : TpchTable.getTables()) {
      spark
          .read()
          .parquet(dir.resolve(table.getTableName()).toString())
          .createOrReplaceTempView(table.getTableName());
    }
  }

  /** Texts by number, out of the jar of Spark's own tests. */
  static Map<Integer, String> queries(Path jar) throws IOException {
    Map<Integer, String> queries = new TreeMap<>();
    try (ZipFile zip = new ZipFile(jar.toFile())) {
      for (int query = 1; query <= QUERIES; query++) {
        String name = "tpch/q" + query + ".sql";
        ZipEntry entry = zip.getEntry(name);
        if (entry == null) {
          throw new IOException("Cannot find " + name + " in " + jar);
        }
        try (InputStream in = zip.getInputStream(entry)) {
          queries.put(query, new String(in.readAllBytes(), StandardCharsets.UTF_8));
        }
      }
    }
    return queries;
  }
}
