# SPDX-License-Identifier: Apache-2.0
"""Frames of local lists count by their rows: the same rows are found, any other is another key."""

from __future__ import annotations

import array
import datetime as dt
import itertools
import time
from collections import namedtuple
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pandas as pd
import pytest
from pyspark.sql import Row
from pyspark.sql.functions import udf
from pyspark.sql.types import DoubleType, IntegerType, LongType, StringType, StructField, StructType

from sparkdiskcache import DiskCache

Pair = namedtuple("Pair", "a b")
STRICT = StructType([StructField("a", LongType(), False), StructField("b", StringType())])
VALUES = (
    "id long, x double, d decimal(9,2), day date, at timestamp, raw binary, l array<int>, m map<string,int>, "
    "s struct<p:int,q:string>, took interval day to second"
)


def values(number: int) -> tuple[Any, ...]:
    return (
        number,
        number / 3,
        Decimal(number) / 4,
        dt.date(2026, 1, 1 + number),
        dt.datetime(2026, 1, 1, 0, 0, number),
        bytes([number]),
        [number, None],
        {"k": number},
        (number, str(number)),
        dt.timedelta(seconds=number),
    )


# Of one kind each: lists that plain Spark takes, and lists whose rows or types are others.
LISTS: dict[str, list[Callable[[Any], Any]]] = {
    "tuples": [
        lambda s: s.createDataFrame([(i, str(i)) for i in range(50)], "a long, b string"),
        lambda s: s.createDataFrame([(i, str(i + 1)) for i in range(50)], "a long, b string"),
        lambda s: s.createDataFrame([(49 - i, str(49 - i)) for i in range(50)], "a long, b string"),
        lambda s: s.createDataFrame([(i, str(i)) for i in range(51)], "a long, b string"),
        lambda s: s.createDataFrame([(i, str(i)) for i in range(50)], "a int, b string"),
        lambda s: s.createDataFrame([(i, str(i)) for i in range(50)], "a long, c string"),
        lambda s: s.createDataFrame([(i, str(i)) for i in range(50)], STRICT),
    ],
    "names": [
        lambda s: s.createDataFrame([(1, None), (2, "x")], ["a", "b"]),
        lambda s: s.createDataFrame([(1, ""), (2, "x")], ["a", "b"]),
        lambda s: s.createDataFrame([(1, None), (2, "x")], ["a", "B"]),
    ],
    "Rows": [
        lambda s: s.createDataFrame([Row(a=1, b=Row(c="x")), Row(a=2, b=Row(c="y"))]),
        lambda s: s.createDataFrame([Row(a=1, b=Row(c="x")), Row(a=2, b=Row(c="z"))]),
        lambda s: s.createDataFrame([Row(a=1, b=Row(d="x")), Row(a=2, b=Row(d="y"))]),
    ],
    "dicts": [
        lambda s: s.createDataFrame([{"a": 1, "b": "x"}, {"a": 2}]),
        lambda s: s.createDataFrame([{"a": 1, "b": "x"}, {"a": 3}]),
        lambda s: s.createDataFrame([{"a": 1, "b": "x"}, {"b": "2"}]),
    ],
    "named tuples": [
        lambda s: s.createDataFrame([Pair(1, 2.0), Pair(3, 4.0)]),
        lambda s: s.createDataFrame([Pair(1, 2.0), Pair(3, -4.0)]),
    ],
    "a type": [
        lambda s: s.createDataFrame([1.0, 0.0], DoubleType()),
        lambda s: s.createDataFrame([1.0, -0.0], DoubleType()),
        lambda s: s.createDataFrame([1, 0], IntegerType()),
        lambda s: s.createDataFrame(iter([1, 2]), "int"),
    ],
    "values": [
        lambda s: s.createDataFrame([values(n) for n in range(5)], VALUES),
        *(
            lambda s, at=at: s.createDataFrame(
                [*(values(n) for n in range(4)), (*values(4)[:at], values(5)[at], *values(4)[at + 1 :])],
                VALUES,
            )
            for at in range(10)
        ),
    ],
    "buffers": [
        lambda s: s.createDataFrame([(bytearray(b"ab"), array.array("i", [1, 2]))], ["a", "b"]),
        lambda s: s.createDataFrame([(bytearray(b"ac"), array.array("i", [1, 2]))], ["a", "b"]),
        lambda s: s.createDataFrame([(bytearray(b"ab"), array.array("i", [1, 3]))], ["a", "b"]),
    ],
    "pandas": [
        lambda s: s.createDataFrame(pd.DataFrame({"a": [1, 2], "b": ["x", "y"]})),
        lambda s: s.createDataFrame(pd.DataFrame({"a": [1, 3], "b": ["x", "y"]})),
        lambda s: s.createDataFrame(pd.DataFrame({"a": [1, 2], "c": ["x", "y"]})),
        lambda s: s.createDataFrame(pd.DataFrame({"a": [1, 2], "b": ["x", "y"]}), "a int, b string"),
    ],
    "range": [lambda s: s.range(9), lambda s: s.range(1, 10), lambda s: s.range(0, 18, 2)],
}


def found(cache: DiskCache, frame: Any) -> tuple[str, list[Any], int, int]:
    """Status, rows, and how many results were found and computed."""
    frame = frame.cache()
    (relation,) = cache.explain(frame).relations
    before = cache.stats()
    rows = [tuple(row) for row in frame.collect()]
    after = cache.stats()
    frame.unpersist(blocking=True)
    hits, computed = (after[name] - before[name] for name in ("hits", "computed"))
    return relation.status + relation.sentence, rows, hits, computed


# With Arrow, pandas frames are local relations; without it they are lists.
@pytest.mark.drawn(3)
@pytest.mark.parametrize("kind, arrow", [*((kind, "true") for kind in LISTS), ("pandas", "false")])
def test_the_same_rows_are_found_and_others_are_not(
    kind: str, arrow: str, cache: DiskCache, spark: Any
) -> None:
    spark.conf.set("spark.sql.execution.arrow.pyspark.enabled", arrow)
    try:
        frames = [[make(spark) for make in LISTS[kind]] for _ in range(2)]
    finally:
        spark.conf.unset("spark.sql.execution.arrow.pyspark.enabled")
    for again, made in enumerate(frames):
        seen: list[Any] = []
        for number, frame in enumerate(made):
            plain = [tuple(row) for row in frame.select("*").collect()]
            content = repr(plain), [field.dataType.simpleString() for field in frame.schema]
            status, rows, hits, computed = found(cache, frame)
            assert rows == plain
            if again or content not in seen:  # names of columns and what may be null change no rows
                assert status == ("hit" if again else "miss"), (number, status)
                assert (hits > 0, computed > 0) == (bool(again), not again), number
            seen.append(content)
        assert len(seen) >= 2


def test_queries_over_lists_are_found(cache: DiskCache, spark: Any, data: str) -> None:
    twice = udf(lambda x: x * 2, "long")

    def queries(last: int) -> dict[str, Any]:
        ids = spark.createDataFrame([(i,) for i in (*range(40), last)], "id long")
        return {
            "function": ids.select(twice("id")),
            "join": spark.read.parquet(data).join(ids, "id"),
            "aggregate": ids.groupBy((ids.id % 3).alias("k")).count(),
            "union": ids.union(ids),
            "partitions": ids.mapInPandas(lambda frames: frames, "id long"),
            "self": ids.alias("a").join(ids.alias("b"), "id"),
        }

    for name, query in queries(100).items():
        status, rows, hits, computed = found(cache, query)
        assert status == "miss" and computed > 0, (name, status)
        assert (100 in itertools.chain(*rows)) or name in ("function", "aggregate"), name
    for name, query in queries(100).items():
        status, _, hits, computed = found(cache, query)
        assert status == "hit" and hits > 0 and computed == 0, (name, status)
    for name, query in queries(101).items():
        status, _, hits, computed = found(cache, query)
        assert status == "miss" and hits == 0 and computed > 0, (name, status)


class Now:
    """A worker that reads one has a number."""

    def __reduce__(self) -> tuple[Any, ...]:
        return time.time_ns, ()


class Sum:
    def __reduce__(self) -> tuple[Any, ...]:
        return eval, ("40 + 2",)


@pytest.mark.parametrize(
    "make, why",
    [
        (lambda s: s.createDataFrame([(Now(),)], "a long", verifySchema=False), "object of time.time_ns"),
        (
            lambda s: s.createDataFrame([(1,), (Sum(),)], "a int", verifySchema=False),
            "object of builtins.eval",
        ),
        (lambda s: s.createDataFrame([(bytes(65 << 20),)], "a binary"), "more than the 67108864"),
        (lambda s: s.createDataFrame([("a" * (17 << 20),)], "a string"), "more than the 16777216"),
        (lambda s: s.createDataFrame(s.sparkContext.parallelize([(1,)]), "a long"), "has no identity"),
        (lambda s: s.createDataFrame([(1,)], "a long").localCheckpoint(), "has no identity"),
        (lambda s: s.createDataFrame(s.createDataFrame([(1,)], "a long").rdd), "has no identity"),
    ],
    ids=["clock", "code", "large", "batch", "rdd", "checkpoint", "rdd of list"],
)
def test_what_is_no_list_of_plain_values_is_refused(
    make: Callable[[Any], Any], why: str, cache: DiskCache, spark: Any
) -> None:
    frame = make(spark).selectExpr("count(*)", "max(a)")
    status, _, hits, computed = found(cache, frame)
    assert status.startswith("refused") and why in status, status
    assert hits == computed == 0
    if "identity" not in why:
        assert "write the rows to a file" in status
