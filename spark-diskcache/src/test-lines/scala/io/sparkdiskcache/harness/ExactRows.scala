// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.harness

import org.apache.spark.sql.{DataFrame, Row}

/** Rows as text that is equal only for equal values: floating point by its bits, types included. */
object ExactRows {

  /** The rows as a sorted multiset. */
  def of(df: DataFrame): Seq[String] = of(df.collect().toSeq)

  def of(rows: Seq[Row]): Seq[String] = rows.map(text).sorted

  def text(value: Any): String = value match {
    case null => "null"
    case row: Row => row.toSeq.map(text).mkString("{", ",", "}")
    case d: Double => "d" + java.lang.Long.toHexString(java.lang.Double.doubleToRawLongBits(d))
    case f: Float => "f" + java.lang.Integer.toHexString(java.lang.Float.floatToRawIntBits(f))
    case bytes: Array[Byte] => bytes.map("%02x".format(_)).mkString("x", "", "")
    case seq: scala.collection.Seq[_] => seq.map(text).mkString("[", ",", "]")
    case map: scala.collection.Map[_, _] =>
      map.toSeq.map { case (k, v) => text(k) + "->" + text(v) }.sorted.mkString("<", ",", ">")
    case other => s"${other.getClass.getSimpleName}:$other"
  }
}
