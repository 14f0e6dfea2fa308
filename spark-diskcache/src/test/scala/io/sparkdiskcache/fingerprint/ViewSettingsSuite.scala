// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.fingerprint

import io.sparkdiskcache.harness.ExactRows
import org.scalatest.funsuite.AnyFunSuite

/**
 * A view keeps the settings it was created under, and is analyzed under them, whatever the session
 * has. Two views of the same text must not share keys if they give different rows.
 */
class ViewSettingsSuite extends AnyFunSuite with PlanFixture {
  override protected def beforeAll(): Unit = {
    super.beforeAll()
    spark.range(0, 20).selectExpr("id", "cast(id as string) as s", "named_struct('a', id, 'b', null) as st",
      "array(id, null) as xs", "if(id % 3 = 0, null, array(id)) as ys", "cast(null as int) as z",
      "concat('{\"a\":', if(id % 2 = 0, 'oops', '1'), '}') as js", "concat(id, ',', if(id % 2 = 0, 'x', '1')) as csv",
      "concat('<r><a>', if(id % 2 = 0, 'x', '1'), '</a></r>') as xml").write.saveAsTable("v_base")
  }

  Seq(
    ("spark.sql.legacy.castComplexTypesToString.enabled", "false", "true", "cast(st as string), cast(xs as string)"),
    ("spark.sql.ansi.enabled", "false", "true", "id + 1, size(ys), cast(s as int)"),
    ("spark.sql.legacy.sizeOfNull", "false", "true", "size(ys)"),
    ("spark.sql.session.timeZone", "UTC", "Asia/Tokyo", "cast(concat('2020-01-01 00:00:', id) as timestamp)"),
    ("spark.sql.columnNameOfCorruptRecord", "_a", "_b", "from_json(js, 'a int, _a string, _b string')"),
    ("spark.sql.columnNameOfCorruptRecord", "_a", "_b", "from_csv(csv, 'i int, j int, _a string, _b string')"),
    ("spark.sql.columnNameOfCorruptRecord", "_a", "_b", "from_xml(xml, 'a int, _a string, _b string')"),
    ("spark.sql.legacy.timeParserPolicy", "CORRECTED", "LEGACY", "try_to_timestamp(concat('2020-1-', 1 + id), 'yyyy-MM-dd')"),
    ("spark.sql.mapKeyDedupPolicy", "EXCEPTION", "LAST_WIN", "map_from_arrays(array(id, id + 1), array(1, 2))"),
    ("spark.sql.decimalOperations.allowPrecisionLoss", "true", "false", "cast(id as decimal(38, 18)) * cast(3.3 as decimal(38, 18))"),
    ("spark.sql.legacy.followThreeValuedLogicInArrayExists", "true", "false", "exists(xs, x -> x > 5)"),
    ("spark.sql.legacy.nullInEmptyListBehavior", "false", "true", "z in (select id from v_base where id < 0)")
  ).zipWithIndex.foreach { case ((key, one, other, columns), i) =>
    test(s"views made under two values of $key: $columns") {
      val names = sql(s"select $columns from v_base").columns.indices.map("c" + _).mkString(", ")
      Seq(one, other).zipWithIndex.foreach { case (value, j) =>
        withConf(key -> value)(sql(s"create view v_${i}_$j ($names) as select $columns from v_base"))
      }
      val Seq(a, b) = Seq(0, 1).map(j => sql(s"select * from v_${i}_$j"))
      if (ExactRows.of(a) != ExactRows.of(b)) {
        info("rows differ")
        assert(keys(sql(s"select * from v_${i}_0")).intersect(keys(sql(s"select * from v_${i}_1"))).isEmpty)
      }
    }
  }
}
