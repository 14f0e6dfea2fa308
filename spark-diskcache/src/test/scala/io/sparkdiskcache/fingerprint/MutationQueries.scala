// SPDX-License-Identifier: Apache-2.0
package io.sparkdiskcache.fingerprint

import java.nio.file.Path

import org.apache.spark.sql.SparkSession
import org.apache.spark.sql.expressions.UserDefinedFunction
import org.apache.spark.sql.functions.udf

/** A table of awkward values, queries over it, and what may be changed besides the text. */
object MutationQueries {
  def write(spark: SparkSession, dir: Path): Unit = {
    spark
      .range(0, 120, 1, 2)
      .selectExpr(
        "id",
        "if(id % 7 = 0, null, cast(id % 5 as int)) as k",
        "if(id % 11 = 0, null, cast(id % 13 as int)) as n",
        "case id % 6 when 0 then double('NaN') when 1 then -0.0D when 2 then 0.0D when 3 then null else id / 7D end as d",
        "case id % 4 when 0 then 1.5D when 1 then null else -id / 3D end as e",
        "if(id % 9 = 0, null, concat(if(id % 2 = 0, 'Abc', 'aBC'), id % 10, ' ')) as t",
        "concat('x', id % 3, ',', id % 4) as u",
        "timestamp_seconds(1700000000 + id * 86400 * 9) as ts",
        "if(id % 8 = 0, null, array(cast(id % 4 as int), null, 2)) as xs",
        "array(cast(id % 3 as int), 1) as ys",
        "map('a', cast(id % 5 as int), 'b', null) as m",
        "concat('{\"a\":', id % 6, ',\"b\":\"', id, '\"}') as js",
        "cast(id % 50 as decimal(10, 3)) / 7 as price")
      .write
      .parquet(dir.resolve("s").toString)
    spark.range(0, 8).selectExpr("cast(id as int) as rk", "concat('r', id % 3) as name").write.parquet(dir.resolve("r").toString)
  }

  def views(spark: SparkSession, dir: Path): Unit =
    Seq("s", "r").foreach(name => spark.read.parquet(dir.resolve(name).toString).createOrReplaceTempView(name))

  val queries: Seq[(String, String)] = Seq(
    "select id, k + n * 2 - 1 as v, d / 3, e from s where k > 1 and n <= 9",
    "select id from s where k in (1, 3) or n between 4 and 8 or t like 'Abc%'",
    "select k, sum(n) as a, avg(d) as b, count(*) c, max(t), min(e) from s group by k",
    "select k, n, count(distinct u), stddev(price) from s group by rollup(k, n)",
    "select k, count(*) filter (where n > 3) from s group by k having count(*) > 10",
    "select id, sum(n) over (partition by k order by id rows between 1 preceding and 1 following) as w from s",
    "select id, row_number() over (partition by k order by n desc, id) rn, lag(n, 1) over (order by id) from s",
    "select id, avg(price) over (partition by k order by id range between 10 preceding and current row) from s",
    "select rank() over (order by n desc), first(t) over (partition by u order by id) from s where id < 60",
    "select id, name from s left join r on k = rk where id % 3 = 1",
    "select id, name from s full outer join r on n = rk",
    "select id from s left semi join r on k = rk and n > 2",
    "select id from s left anti join r on n = rk",
    "select /*+ broadcast(r) */ id, name from s join r on k = rk and id > rk * 3",
    "select id from s where n <=> k or d <=> e",
    "select id from s where n > (select avg(n) from s where k = 2)",
    "select id from s where n in (select rk from r where name = 'r1')",
    "select id from s a where exists (select 1 from r where rk = a.k and name <> 'r2')",
    "select k from s union select rk from r",
    "select k from s intersect select rk from r",
    "select n from s except select rk from r where rk > 3",
    "select id, upper(t), trim(t), substring(u, 2, 3), length(t), concat_ws('-', t, u) from s",
    "select id, cast(d as int), try_cast(t as bigint), cast(price as double), cast(id as string) from s where d is not null and d < 1000",
    "select id, coalesce(k, 5) q, nvl(n, k), if(d > 1.5, 'hi', 'lo'), case when k = 1 then 10 when k = 2 then 20 else 30 end from s",
    "select id, transform(xs, x -> x + 1), filter(ys, x -> x > 0), aggregate(ys, 0, (a, b) -> a + b) from s",
    "select id, exists(xs, x -> x = 2), array_contains(ys, 1), size(xs), sort_array(xs), element_at(ys, 1) from s",
    "select id, x from s lateral view explode(ys) as x where x > 0",
    "select id, m['a'], map_keys(m), map_filter(m, (kk, v) -> v > 2) from s",
    "select id, get_json_object(js, '$.a'), from_json(js, 'a int, b string').b, to_json(named_struct('z', k)) from s",
    "select id, date_format(ts, 'yyyy-MM'), year(ts), month(ts) + 1, ts + interval 3 days from s where ts > timestamp'2024-02-01 00:00:00'",
    "select id, to_timestamp('2020-01-0' || (1 + id % 8), 'yyyy-MM-dd'), date_add(date'2020-05-01', k), trunc(ts, 'month') from s",
    "select id, round(price, 1), floor(price), price * 2, price % 3, cast(price as decimal(6, 1)) from s",
    "select id, t collate utf8_lcase = 'abc1 ' as same from s",
    "select distinct k, n from s where id < 100 order by k desc nulls last limit 20",
    "select id from s order by n desc, id asc limit 15",
    "select id, regexp_replace(u, 'x(1)', 'y'), split(u, ',')[0], instr(u, '2'), lpad(u, 9, '.') from s",
    "select id, named_struct('p', k, 'q', n) st, array(k, n), map('z', t) from s where id < 50",
    "select u, collect_set(k) c, max_by(id, n) mb, percentile(n, 0.5) p from s group by u",
    "select * from (select k, u, n from s) pivot (sum(n) for u in ('x0,0', 'x1,1', 'x2,2'))",
    "with w as (select k, sum(n) as total from s group by k) select a.k, b.total from w a join w b on a.total < b.total",
    "select stack(2, id, k, n, 7), hash(t), xxhash64(u, k), md5(u) from s where id < 40",
    "select id, fun(n) from s where fun(k) > 1").zipWithIndex.map { case (sql, i) => s"s$i" -> sql }

  /** Settings with two values that change rows, and the query that shows it. */
  val settings: Seq[(String, String, String, String)] = Seq(
    ("spark.sql.ansi.enabled", "false", "true", "select id, array(1, 2, 3)[k] from s where k < 3"),
    ("spark.sql.ansi.enabled", "false", "true", "select id, size(xs) from s"),
    ("spark.sql.session.timeZone", "UTC", "Asia/Tokyo", "select id, date_format(ts, 'HH:mm'), hour(ts) from s"),
    ("spark.sql.session.timeZone", "UTC", "America/New_York", "select id, cast(concat('2020-01-0', 1 + k, ' 00:00:00') as timestamp) from s"),
    ("spark.sql.legacy.timeParserPolicy", "CORRECTED", "LEGACY", "select try_to_timestamp(concat('2020-1-', 1 + n), 'yyyy-MM-dd') from s"),
    ("spark.sql.legacy.sizeOfNull", "true", "false", "select id, size(xs) from s where id < 50"),
    ("spark.sql.legacy.castComplexTypesToString.enabled", "false", "true", "select cast(xs as string), cast(m as string) from s"),
    ("spark.sql.legacy.statisticalAggregate", "false", "true", "select k, id % 30, stddev(price), corr(id, n) from s group by k, id % 30"),
    ("spark.sql.decimalOperations.allowPrecisionLoss", "true", "false", "select id, cast(price as decimal(38, 18)) * cast(3.3 as decimal(38, 18)) from s where price < 1"),
    ("spark.sql.legacy.followThreeValuedLogicInArrayExists", "true", "false", "select id, exists(xs, x -> x > 2) from s"),
    ("spark.sql.caseSensitive", "false", "true", "select id, from_json(js, 'A int').A from s"),
    ("spark.sql.mapKeyDedupPolicy", "EXCEPTION", "LAST_WIN", "select id, map(k, 1, k + 1, 2) from s where k is not null"),
    ("spark.sql.groupByOrdinal", "true", "false", "select k, count(*) from s group by k"))
}

/** Bodies and captured values of the function `fun`. */
object MutationFunctions {
  val all: Seq[() => UserDefinedFunction] = Seq(
    () => udf(new PlusTwo),
    () => udf(new Twice),
    () => captured(3),
    () => captured(4),
    () => udf(new NineForNull),
    () => udf(new Tripled))

  def captured(value: Int): UserDefinedFunction = udf(new Plus(value))
}

// Classes of their own: a function defined in an object brings the object's initializer along.
final class Plus(value: Int) extends (Int => Int) with Serializable {
  override def apply(x: Int): Int = x + value
}

final class PlusTwo extends (Int => Int) with Serializable {
  override def apply(x: Int): Int = x + 2
}

final class Twice extends (Int => Int) with Serializable {
  override def apply(x: Int): Int = x * 2
}

final class NineForNull extends (Integer => Integer) with Serializable {
  override def apply(x: Integer): Integer = if (x == null) Integer.valueOf(9) else x
}

final class Tripled extends (Int => Int) with Serializable {
  override def apply(x: Int): Int = new Factor(3).times(x)
}

final class Factor(by: Int) {
  def times(x: Int): Int = x * by
}
