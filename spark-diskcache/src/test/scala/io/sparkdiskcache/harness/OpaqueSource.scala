// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.harness

import java.util

import org.apache.spark.sql.catalyst.InternalRow
import org.apache.spark.sql.connector.catalog._
import org.apache.spark.sql.connector.expressions.Transform
import org.apache.spark.sql.connector.read._
import org.apache.spark.sql.sources.{EqualTo, Filter}
import org.apache.spark.sql.types.StructType
import org.apache.spark.sql.util.CaseInsensitiveStringMap
import org.apache.spark.unsafe.types.UTF8String

/** Another library's table: its rows are whatever they are now, and it keeps filters to itself. */
final class OpaqueSource extends TableProvider {
  override def inferSchema(options: CaseInsensitiveStringMap): StructType = OpaqueSource.Schema

  override def getTable(
      schema: StructType,
      partitioning: Array[Transform],
      properties: util.Map[String, String]): Table = new OpaqueTable
}

object OpaqueSource {
  val Schema: StructType = StructType.fromDDL("word string")

  @volatile var rows: Seq[String] = Nil
}

private final class OpaqueTable extends Table with SupportsRead {
  override def name(): String = "opaque"
  override def schema(): StructType = OpaqueSource.Schema
  override def capabilities(): util.Set[TableCapability] = util.Set.of(TableCapability.BATCH_READ)
  override def newScanBuilder(options: CaseInsensitiveStringMap): ScanBuilder = new OpaqueScanBuilder
}

private final class OpaqueScanBuilder extends ScanBuilder with SupportsPushDownFilters {
  private var wanted = Array.empty[Filter]

  /** Equality is done here and is in no plan node any more. */
  override def pushFilters(filters: Array[Filter]): Array[Filter] = {
    val (mine, others) = filters.partition(_.isInstanceOf[EqualTo])
    wanted = mine
    others
  }

  override def pushedFilters(): Array[Filter] = wanted

  override def build(): Scan = {
    val values = wanted.collect { case EqualTo(_, value) => value.toString }
    new OpaqueScan(OpaqueSource.rows.filter(row => values.forall(_ == row)))
  }
}

private final class OpaqueScan(rows: Seq[String]) extends Scan with Batch {
  override def readSchema(): StructType = OpaqueSource.Schema
  override def toBatch: Batch = this
  override def planInputPartitions(): Array[InputPartition] = Array(OpaquePartition(rows))
  override def createReaderFactory(): PartitionReaderFactory = OpaqueReaderFactory
}

private final case class OpaquePartition(rows: Seq[String]) extends InputPartition

private object OpaqueReaderFactory extends PartitionReaderFactory {
  override def createReader(partition: InputPartition): PartitionReader[InternalRow] =
    new PartitionReader[InternalRow] {
      private val rows = partition.asInstanceOf[OpaquePartition].rows.iterator
      override def next(): Boolean = rows.hasNext
      override def get(): InternalRow = InternalRow(UTF8String.fromString(rows.next()))
      override def close(): Unit = ()
    }
}
