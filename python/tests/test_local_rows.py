# SPDX-License-Identifier: Apache-2.0
"""Frames of lists of the driver's: kept, and another list is another frame."""

from __future__ import annotations

import datetime
import decimal
from typing import Any

from conftest import Programs

PROGRAM = """
    import datetime, json, sys
    from decimal import Decimal
    from pyspark.sql import Row, SparkSession
    import sparkdiskcache

    result, conf, text, schema = sys.argv[1], json.loads(sys.argv[2]), sys.argv[3], sys.argv[4]
    builder = SparkSession.builder.master("local[2]")
    for key, value in conf.items():
        builder = builder.config(key, value)
    spark = sparkdiskcache.configure(builder).getOrCreate()
    cache = sparkdiskcache.DiskCache(spark)
    rows = eval(text)
    df = spark.createDataFrame(rows, json.loads(schema))
    rows.clear()
    plain = sorted(map(repr, df.collect()))
    df = df.cache()
    kept = sorted(map(repr, df.collect()))
    stats = cache.stats()
    with open(result, "w") as out:
        json.dump({"plain": plain, "kept": kept, "hits": stats["hits"], "computed": stats["computed"]}, out)
    spark.stop()
"""


def test_a_list_is_kept_and_another_list_is_another(programs: Programs) -> None:
    programs.write("program.py", PROGRAM)

    def run(rows: str, schema: str = '"id long, s string"') -> dict[str, Any]:
        found: dict[str, Any] = programs.run("program.py", rows, schema)
        assert found["kept"] == found["plain"]
        return found

    base = "[(1, 'a'), (2, None), (3, 'c')]"
    assert run(base)["computed"] > 0
    again = run(base)
    assert again["computed"] == 0 and again["hits"] > 0
    assert run("[(1, 'b'), (2, None), (3, 'c')]")["computed"] > 0
    assert run(base, '"id long, t string"')["computed"] > 0


def test_kinds_of_lists_in_one_session(spark: Any, cache: Any) -> None:
    from pyspark.sql import Row

    def computed(rows: Any, schema: Any = None) -> int:
        df = spark.createDataFrame(rows, schema)
        plain = sorted(map(repr, df.collect()))
        before = cache.stats()["computed"]
        assert sorted(map(repr, df.cache().collect())) == plain
        count: int = cache.stats()["computed"] - before
        spark.catalog.clearCache()
        return count

    members: list[tuple[Any, Any]] = [
        ([(1, "x")], ["a", "b"]),
        ([(1, "y")], ["a", "b"]),
        ([(1.0, "x")], ["a", "b"]),
        ([(1, "x")], ["a", "c"]),
        ([(1, "x"), (1, "x")], ["a", "b"]),
        ([Row(a=1, b="z")], None),
        ([{"a": 1, "b": "w"}], None),
        ([([1, 2], {"k": 1})], "l array<long>, m map<string,long>"),
        ([([1], {"k": 2})], "l array<long>, m map<string,long>"),
        ([(decimal.Decimal("1.10"),)], "d decimal(5,2)"),
        ([(decimal.Decimal("1.11"),)], "d decimal(5,2)"),
        ([(datetime.datetime(2026, 1, 1),)], "t timestamp"),
        ([(datetime.datetime(2026, 1, 2),)], "t timestamp"),
        ([(None,)], "s string"),
        ([("",)], "s string"),
        ([(-0.0,)], "d double"),
        ([(0.0,)], "d double"),
    ]
    for rows, schema in members:
        assert computed(list(rows), schema) > 0, (rows, schema)
    for rows, schema in members:
        assert computed(list(rows), schema) == 0, (rows, schema)


def test_an_rdd_is_still_refused(spark: Any, cache: Any) -> None:
    df = spark.createDataFrame(spark.sparkContext.parallelize([(1, "x")]), ["a", "b"])
    (relation,) = cache.explain(df).relations
    assert relation.status == "refused"
    mapped = spark.createDataFrame([(1, "x")], ["a", "b"]).rdd.map(lambda row: row).toDF()
    (relation,) = cache.explain(mapped).relations
    assert relation.status == "refused"
