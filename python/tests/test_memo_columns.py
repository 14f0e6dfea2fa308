# SPDX-License-Identifier: Apache-2.0
"""Memoised functions of whole columns, and memoised functions inside of others."""

from __future__ import annotations

import datetime
import decimal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from counting import Service
from pyspark.sql import Row
from pyspark.sql.functions import PandasUDFType, arrow_udf, col, pandas_udf, struct
from workers import in_this_process

from sparkdiskcache import DiskCache, DiskCacheError, _memocalls, _memofront, memoize

ASK = """
import urllib.request
import pandas as pd
import pyarrow as pa

def ask_pandas(k: pd.Series) -> pd.Series:
    return pd.Series(urllib.request.urlopen(url + ",".join(k)).read().decode().split(","))

def ask_arrow(k: pa.Array) -> pa.Array:
    return pa.array(urllib.request.urlopen(url + ",".join(k.to_pylist())).read().decode().split(","))

def ask_plain(k):
    return urllib.request.urlopen(url + k).read().decode()
"""


def ask(url: str, kind: str, **more: Any) -> Any:
    """A function that sends one request a call, with all its rows in it."""
    scope: dict[str, Any] = {"__name__": "__main__", "url": url, **more}
    exec(ASK, scope)
    return scope[f"ask_{kind}"]


def frame(spark: Any, rows: int = 40, distinct: int = 10) -> Any:
    return spark.range(0, rows, 1, 1).selectExpr("id", f"concat('k', id % {distinct}) as k")


@pytest.mark.parametrize("kind", ["pandas", "arrow"])
def test_only_missing_distinct_rows_reach_the_function_in_one_call_a_batch(
    spark: Any, cache: DiskCache, service: Service, kind: str
) -> None:
    function = memoize(ask(service.url, kind), name=f"columns {kind}", price=0.5)
    df = frame(spark)
    expected = [Row(i, f"K{i % 10}") for i in range(40)]
    assert df.select("id", function("k")).collect() == expected
    assert service.asked() == [",".join(f"k{i}" for i in range(10))]
    assert df.select("id", function("k")).collect() == expected
    assert service.asked() == []
    more = frame(spark, 40, 12)
    assert more.select("id", function("k")).collect() == [Row(i, f"K{i % 12}") for i in range(40)]
    assert service.asked() == ["k10,k11"]
    assert spark.sql("SELECT * FROM diskcache_evict('function=columns* arg=k7', false)").count() == 1
    assert df.select("id", function("k")).collect() == expected
    assert service.asked() == ["k7"]
    sums = "sum(calls), sum(hits), sum(errors), sum(unkept), sum(money_spent), sum(money_saved)"
    line = spark.sql(f"SELECT {sums} FROM diskcache_memo() WHERE function = 'columns {kind}'").head()
    assert tuple(line) == (13, 160 - 13, 0, 0, 6.5, (160 - 13) / 2)
    spark.udf.register(f"columns_{kind}", function)
    df.createOrReplaceTempView("columns")
    assert spark.sql(f"SELECT sum(length(columns_{kind}(k))) FROM columns").head()[0] == 80
    assert service.asked() == []
    spark.sql("SELECT * FROM diskcache_evict('function=columns*', false)").collect()


RESULTS = [
    ("string", ["", "a", None]),
    ("boolean", [True, False, None]),
    ("int", [0, -(1 << 31), None]),
    ("bigint", [1, (1 << 63) - 1, None]),
    ("double", [0.0, -0.0, 1.5]),
    ("float", [0.5, -0.0, 2.0]),
    ("binary", [b"", b"\0\xff", None]),
    ("decimal(38,10)", [decimal.Decimal("1.5000000000"), decimal.Decimal("-0.0000000001"), None]),
    ("date", [datetime.date(1, 1, 1), datetime.date(2026, 11, 23), None]),
    ("timestamp_ntz", [datetime.datetime(2026, 1, 1, 0, 0, 0, 1), None, datetime.datetime(1970, 1, 1)]),
    ("array<string>", [[], ["a", None], None]),
    ("map<string,int>", [{}, {"a": 1, "b": None}, None]),
]


def test_kept_results_are_those_of_sparks_own_functions_of_columns(spark: Any, cache: DiskCache) -> None:
    def picking(results: list[Any]) -> Any:
        def pick(i: Any) -> Any:
            return pd.Series([results[k] for k in i], dtype=object)

        return pick

    df = spark.range(0, 3, 1, 1)
    plain = [pandas_udf(picking(results), name, PandasUDFType.SCALAR) for name, results in RESULTS]
    expected = df.select(*(f("id").alias(f"r{i}") for i, f in enumerate(plain))).collect()
    kept = [
        memoize(picking(results), return_type=name, name=f"picking {name}", kind="pandas")
        for name, results in RESULTS
    ]
    for _ in range(2):
        assert repr(df.select(*(f("id").alias(f"r{i}") for i, f in enumerate(kept))).collect()) == repr(
            expected
        )
    lines = spark.sql("SELECT * FROM diskcache_memo() WHERE function LIKE 'picking %'").collect()
    assert sum(line.calls for line in lines) == sum(line.hits for line in lines) == 3 * len(RESULTS)


def test_structs_and_functions_of_arrow_columns(spark: Any, cache: DiskCache) -> None:
    def parts(i: pd.Series) -> pd.DataFrame:
        return pd.DataFrame({"a": i * 2, "b": [None if k == 1 else f"b{k}" for k in i]})

    def moments(i: pa.Array) -> pa.Array:
        import pyarrow.compute as pc

        return pc.add(i, 1).cast(pa.timestamp("us", tz="UTC"))

    df = spark.range(0, 3, 1, 1)
    for function, kept, made in [
        (parts, memoize(parts, return_type="a long, b string"), pandas_udf),
        (moments, memoize(moments, return_type="timestamp"), arrow_udf),
    ]:
        expected = df.select(made(function, kept.returnType)("id").alias("r")).collect()
        for _ in range(2):
            assert df.select(kept("id").alias("r")).collect() == expected


def test_arguments_arrive_as_in_sparks_own_functions_of_columns(spark: Any, cache: DiskCache) -> None:
    def show(*columns: Any) -> Any:
        def text(v: Any) -> str:
            return repr(v.tolist()) if hasattr(v, "tolist") else repr(v)

        rows = zip(*(c.to_dict("records") if hasattr(c, "columns") else c.tolist() for c in columns))
        kinds = [str(getattr(c, "dtype", "frame")) for c in columns]
        return pd.Series([f"{kinds}{[text(v) for v in row]}" for row in rows])

    df = spark.sql(
        "SELECT i, if(i = 1, null, i) AS n, if(i = 1, null, 'NaN'::double) AS d, 'a' AS s, i = 1 AS b,"
        " date'2020-01-02' AS t, timestamp'2020-01-02 03:04:05' AS ts, timestamp_ntz'2020-01-02 03:04:05' AS ntz,"
        " 1.50BD AS dec, array(i, null) AS a, X'00' AS x FROM (SELECT explode(sequence(1, 3)) AS i)"
    ).coalesce(1)
    columns = [col(c) for c in df.columns] + [struct("i", "s")]
    plain = df.select(pandas_udf(show, "string", PandasUDFType.SCALAR)(*columns)).collect()
    kept = memoize(show, kind="pandas", name="shown columns")
    for _ in range(2):
        assert df.select(kept(*columns)).collect() == plain
    lines = spark.sql("SELECT * FROM diskcache_memo() WHERE function = 'shown columns'").collect()
    assert (sum(line.calls for line in lines), sum(line.hits for line in lines)) == (3, 3)


def sent_in_this_process(function: Any, directory: Path) -> _memocalls.Sent:
    return _memocalls.Sent(in_this_process(function, directory))


def test_rows_that_look_alike_to_python_are_told_apart(tmp_path: Path) -> None:
    def show_pandas(s: pd.Series) -> pd.Series:
        return pd.Series([f"{s.dtype} {v!r}" for v in s.tolist()])

    def show_arrow(a: pa.Array) -> pa.Array:
        return pa.array([f"{a.type} {v!r}" for v in a.to_pylist()])

    pandas_, arrow = sent_in_this_process(show_pandas, tmp_path), sent_in_this_process(show_arrow, tmp_path)
    series = [
        pd.Series([1, 0]),
        pd.Series([1, 0], dtype="int32"),
        pd.Series([1.0, 0.0, -0.0, None]),
        pd.Series([True, False]),
        pd.Series([1, 1.0, True, 0, -0.0, 0.0, "1", None, float("nan")], dtype=object),
        pd.Series([decimal.Decimal("1"), decimal.Decimal("1.0")], dtype=object),
        pd.Series([np.array([1]), np.array([1.0])], dtype=object),
        pd.Series(pd.to_datetime(["2020-01-01", None])),
        pd.Series(pd.to_datetime(["2020-01-01"])).dt.tz_localize("Europe/Berlin"),
        pd.Series(pd.to_timedelta([1], unit="ns")),
        pd.Series(["a", None], dtype="string"),
        pd.Series([1, None], dtype="Int64"),
    ]
    for _ in range(2):
        for column in series:
            assert pandas_(column).tolist() == show_pandas(column).tolist()
    arrays = [
        pa.array([1, 0]),
        pa.array([1, 0], pa.int32()),
        pa.array([1.0, 0.0, -0.0, None]),
        pa.array([True, False]),
        pa.array([0, 1], pa.timestamp("us")),
        pa.array([0, 1], pa.timestamp("us", "UTC")),
        pa.array([[1], [None]]),
        pa.array([{"a": 1}, {"a": None}]),
        pa.array(["a", None]).dictionary_encode(),
    ]
    for _ in range(2):
        for array in arrays:
            assert arrow(array).to_pylist() == show_arrow(array).to_pylist()


def test_a_batch_that_fails_is_called_again_and_wrong_lengths_are_errors(
    spark: Any, cache: DiskCache, service: Service
) -> None:
    df = spark.createDataFrame([("fail",), ("x",), ("x",)], "k string").coalesce(1)
    with pytest.raises(Exception, match="500"):
        df.select(memoize(ask(service.url, "pandas"))("k")).collect()
    assert service.asked() == ["fail,x"]
    lenient = memoize(
        ask(service.url, "pandas"), on_error="null", retries=1, back_off=0, name="lenient columns"
    )
    for _ in range(2):
        assert df.select(lenient("k")).collect() == [Row(None)] * 3
        assert service.asked() == ["fail,x", "fail,x"]
    lines = spark.sql("SELECT * FROM diskcache_memo() WHERE function = 'lenient columns'").collect()
    assert sum(line.errors for line in lines) == 8 and sum(line.calls for line in lines) == 0

    def shorter(k: pd.Series) -> pd.Series:
        return k.head(1)

    with pytest.raises(Exception, match="returned 1 rows for 2"):
        df.select(memoize(shorter)("k")).collect()


@pytest.mark.parametrize("kind", ["plain", "pandas", "arrow"])
def test_inside_of_mapInPandas_and_mapInArrow(  # noqa: N802
    spark: Any, cache: DiskCache, service: Service, kind: str
) -> None:
    slow = memoize(ask(service.url, kind), name=f"inside {kind}")

    def add(frames: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        for pdf in frames:
            yield pdf.assign(a=slow(pdf["k"]))

    def add_arrow(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            yield pa.RecordBatch.from_arrays([batch["id"], batch["k"], slow(batch["k"])], ["id", "k", "a"])

    df = frame(spark)
    expected = [Row(i, f"k{i % 10}", f"K{i % 10}") for i in range(40)]
    assert df.mapInPandas(add, "id long, k string, a string").collect() == expected
    distinct = [f"k{i}" for i in range(10)]
    assert service.asked() == (distinct if kind == "plain" else [",".join(distinct)])
    for made in (
        df.mapInPandas(add, "id long, k string, a string"),
        df.mapInArrow(add_arrow, "id long, k string, a string"),
    ):
        assert made.collect() == expected
    # As a column it is the same function, and for a plain or pandas one, the same column.
    assert [r.a for r in df.select(slow("k").alias("a")).collect()] == [r[2] for r in expected]
    asked = service.asked()
    assert asked == [] if kind == "plain" else len(asked) <= 1
    one = spark.sparkContext.parallelize(["k1", "k2"], 1)
    if kind == "plain":
        assert one.map(lambda k: slow(k)).collect() == ["K1", "K2"]
        assert service.asked() == []
    assert slow(pd.Series(["k3"], index=[7])).to_dict() == {7: "K3"}


def test_what_cannot_be_told_by_columns_is_refused(spark: Any) -> None:
    def batches(parts: Iterator[pd.Series]) -> Iterator[pd.Series]:
        yield from parts

    with pytest.raises(DiskCacheError, match="iterator"):
        memoize(batches)
    with pytest.raises(DiskCacheError, match="timestamp"):
        memoize(len, return_type="array<timestamp>", kind="pandas")("id")
    with pytest.raises(DiskCacheError, match="kind"):
        memoize(len, kind="numpy")


def test_the_answers_of_columns_stay_in_memory(tmp_path: Path) -> None:
    def upper(s: pd.Series) -> pd.Series:
        return s.str.upper()

    sent = sent_in_this_process(upper, tmp_path)
    _memofront.front().clear()
    column = pd.Series(["a", "b", "a", None])
    for _ in range(2):
        assert sent(column).tolist() == ["A", "B", "A", None]
    assert sum(map(len, _memofront.front()._known.values())) == 3
