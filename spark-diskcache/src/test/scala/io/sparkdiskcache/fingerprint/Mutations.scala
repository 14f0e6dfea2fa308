// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.fingerprint

import scala.util.Random

/** A query changed in one place. `same` says that it is the same query written otherwise. */
final case class Mutant(kind: String, sql: String, same: Boolean = false)

/** Changes of SQL texts, token by token. */
object Mutations {
  private val token = """(?s)'[^']*'|--[^\n]*|[A-Za-z_][A-Za-z_0-9]*|\d+\.\d+|\d+|<=>|<=|>=|<>|!=|->|\s+|.""".r

  /** Columns that can stand for each other. */
  private val alike: Map[String, String] = Seq(
    "l_quantity" -> "l_extendedprice", "l_shipdate" -> "l_receiptdate", "l_returnflag" -> "l_linestatus",
    "l_discount" -> "l_tax", "o_orderpriority" -> "o_orderstatus", "p_type" -> "p_brand", "p_mfgr" -> "p_container",
    "c_name" -> "c_phone", "s_name" -> "s_phone", "ps_supplycost" -> "ps_availqty", "n_name" -> "n_comment",
    "k" -> "n", "d" -> "e", "t" -> "u", "xs" -> "ys").flatMap { case (a, b) => Seq(a -> b, b -> a) }.toMap

  private val words: Map[String, (String, String)] = Map(
    "sum" -> ("aggregate" -> "max"), "avg" -> ("aggregate" -> "sum"), "min" -> ("aggregate" -> "max"),
    "max" -> ("aggregate" -> "min"), "stddev" -> ("aggregate" -> "variance"), "first" -> ("aggregate" -> "max"),
    "desc" -> ("sort order" -> "asc"), "asc" -> ("sort order" -> "desc"),
    "left" -> ("join type" -> "inner"), "full" -> ("join type" -> "left"), "inner" -> ("join type" -> "left"),
    "semi" -> ("join type" -> "anti"), "anti" -> ("join type" -> "semi"), "exists" -> ("join type" -> "not exists"),
    "rows" -> ("window" -> "range"), "preceding" -> ("window" -> "following"), "row_number" -> ("window" -> "rank"),
    "rank" -> ("window" -> "dense_rank"), "lag" -> ("window" -> "lead"), "lead" -> ("window" -> "lag"),
    "nulls_first" -> ("null handling" -> "nulls last"), "coalesce" -> ("null handling" -> "nullif"),
    "nvl" -> ("null handling" -> "nullif"), "rollup" -> ("grouping" -> "cube"), "cube" -> ("grouping" -> "rollup"),
    "union" -> ("set operation" -> "intersect"), "intersect" -> ("set operation" -> "except"),
    "except" -> ("set operation" -> "intersect"), "upper" -> ("function" -> "lower"), "lower" -> ("function" -> "upper"),
    "substring" -> ("function" -> "left"), "floor" -> ("function" -> "ceil"), "year" -> ("function" -> "month"),
    "month" -> ("function" -> "year"), "round" -> ("function" -> "bround"), "filter" -> ("function" -> "transform"),
    "explode" -> ("function" -> "posexplode"), "int" -> ("cast" -> "bigint"), "bigint" -> ("cast" -> "string"),
    "double" -> ("cast" -> "float"), "try_cast" -> ("cast" -> "cast"), "cast" -> ("cast" -> "try_cast"),
    "true" -> ("literal" -> "false"), "false" -> ("literal" -> "true"), "like" -> ("operator" -> "not like"),
    "between" -> ("operator" -> "not between"))

  private val operators: Map[String, String] = Map("<" -> "<=", "<=" -> "<", ">" -> ">=", ">=" -> ">",
    "<=>" -> "=", "+" -> "-", "-" -> "+", "*" -> "+", "/" -> "*", "<>" -> "=", "%" -> "/")

  /** Every change of one token. */
  def all(sql: String): Seq[Mutant] = {
    val tokens = token.findAllIn(sql).toIndexedSeq
    def replaced(i: Int, by: String): String = tokens.updated(i, by).mkString
    tokens.indices.flatMap { i =>
      val text = tokens(i)
      val word = text.toLowerCase(java.util.Locale.ROOT)
      val changed: Seq[Mutant] =
        if (text.startsWith("'")) string(text.drop(1).dropRight(1)).map(s => Mutant("literal", replaced(i, s"'$s'"))).toSeq
        else if (text.matches("\\d+")) Seq(Mutant("literal", replaced(i, (text.toLong + 1).toString)))
        else if (text.matches("\\d+\\.\\d+")) Seq(Mutant("literal", replaced(i, text + "1")))
        else if (operators.contains(text)) Seq(Mutant("operator", replaced(i, operators(text))))
        else alike.get(word).map(other => Mutant("column", replaced(i, other))).toSeq ++
          words.get(word).map { case (kind, other) => Mutant(kind, replaced(i, other)) }
      changed.filter(_.sql != sql)
    }
  }

  private def string(s: String): Option[String] =
    if (s.matches("\\d{4}-\\d{2}-\\d{2}")) Some((s.take(4).toInt + 1).toString + s.drop(4))
    else if (s.matches("\\d+")) Some((s.toInt + 1).toString)
    else if (s.contains("%")) Some(s.replaceFirst("%", ""))
    else if (s.isEmpty || s.contains("M") && s.contains("y")) None
    else Some(s.tail + "s")

  /** The same query written otherwise. */
  def rewritten(sql: String, random: Random): Mutant = {
    val tokens = token.findAllIn(sql).toIndexedSeq
    val aliases = """(?i)\bas\s+([a-z_][a-z_0-9]*)\b(?!\s*\()""".r.findAllMatchIn(sql).map(_.group(1)).toSeq.distinct
      .filterNot(Set("int", "bigint", "string", "double", "date", "float", "decimal", "timestamp"))
    random.nextInt(3) match {
      case 0 => Mutant("same: white space and comments", tokens.map {
          case space if space.isBlank => s"$space /* ${random.nextInt(100)} */\n"
          case other => other
        }.mkString, same = true)
      case 1 => Mutant("same: upper case", tokens.map {
          case quoted if quoted.startsWith("'") || quoted.startsWith("--") => quoted
          case word => word.toUpperCase(java.util.Locale.ROOT)
        }.mkString, same = true)
      case _ => Mutant("same: other aliases", tokens.map {
          case word if aliases.contains(word) => word + "_x"
          case other => other
        }.mkString, same = true)
    }
  }
}
