// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.harness

import java.nio.file.{Files, Path}

import scala.jdk.CollectionConverters._

import io.trino.tpch.{TpchColumnType, TpchEntity, TpchTable}
import org.apache.spark.sql.{Row, SparkSession}
import org.apache.spark.sql.types._

/** TPC-H as small Parquet tables, two files each, with Spark's own 22 queries. */
object TpchTables {
  val names: Seq[String] = TpchTable.getTables.asScala.map(_.getTableName).toSeq

  val queries: Seq[(String, String)] =
    SparkTestFiles.names("tpch").map(file => file.stripSuffix(".sql") -> SparkTestFiles.read(s"tpch/$file"))

  def write(spark: SparkSession, dir: Path, scale: Double): Unit =
    TpchTable.getTables.asScala.foreach { table =>
      val schema = schemaOf(table)
      val rows = table.createGenerator(scale, 1, 1).asScala.map(entity => row(entity.asInstanceOf[TpchEntity], schema)).toSeq
      spark.createDataFrame(rows.asJava, schema).repartition(2).write.parquet(dir.resolve(table.getTableName).toString)
    }

  def views(spark: SparkSession, dir: Path): Unit =
    names.foreach(name => spark.read.parquet(dir.resolve(name).toString).createOrReplaceTempView(name))

  /** The tables without files, for plans only. */
  def emptyViews(spark: SparkSession, dir: Path): Unit = {
    val empty = Files.createDirectories(dir.resolve("no-files")).toString
    TpchTable.getTables.asScala.foreach { table =>
      spark.read.schema(schemaOf(table)).parquet(empty).createOrReplaceTempView(table.getTableName)
    }
  }

  private def schemaOf(table: TpchTable[_]): StructType = StructType(
    table.getColumns.asScala.map(column => StructField(column.getColumnName, dataType(column.getType))).toSeq)

  private def dataType(column: TpchColumnType): DataType = column.getBase match {
    case TpchColumnType.Base.IDENTIFIER => LongType
    case TpchColumnType.Base.INTEGER => IntegerType
    case TpchColumnType.Base.DATE => DateType
    case TpchColumnType.Base.DOUBLE => DecimalType(12, 2)
    case TpchColumnType.Base.VARCHAR => StringType
  }

  private def row(entity: TpchEntity, schema: StructType): Row =
    Row.fromSeq(entity.toLine.split("\\|", -1).toSeq.zip(schema).map { case (text, field) =>
      field.dataType match {
        case LongType => text.toLong
        case IntegerType => text.toInt
        case DateType => java.sql.Date.valueOf(text)
        case _: DecimalType => new java.math.BigDecimal(text)
        case _ => text
      }
    })
}
