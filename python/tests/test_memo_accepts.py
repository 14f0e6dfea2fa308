# SPDX-License-Identifier: Apache-2.0
"""The things that may be memoised: functions, options and results, as Spark's own functions take them."""

from __future__ import annotations

import array
import asyncio
import decimal
import functools
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pyspark.sql import Row
from pyspark.sql.functions import udf
from workers import in_this_process

from sparkdiskcache import DiskCache, DiskCacheError, memoize

DECIMAL = decimal.Decimal("2.50")
RESULTS: list[tuple[str, Callable[[int], Any], str]] = [
    ("int64", lambda x: np.int64(x), "long"),
    ("int32", lambda x: np.int32(x), "int"),
    ("uint8", lambda x: np.uint8(x), "short"),
    ("bool_", lambda x: np.bool_(x > 1), "boolean"),
    ("float32", lambda x: np.float32(x) / 2, "double"),
    ("float64", lambda x: np.float64(x) / 3, "double"),
    ("str_", lambda x: np.str_(f"s{x}"), "string"),
    ("int for double", lambda x: x, "double"),
    ("int for float", lambda x: x, "float"),
    ("int for string", lambda x: x, "string"),
    ("bool for string", lambda x: x > 1, "string"),
    ("array", lambda x: np.array([x, x + 1]), "array<long>"),
    ("array of floats", lambda x: np.arange(x, dtype="float32"), "array<double>"),
    ("list of scalars", lambda x: [np.int64(x), 1], "array<int>"),
    ("ints for doubles", lambda x: [x, 1.5, None], "array<double>"),
    ("array.array", lambda x: array.array("d", [x, 1.5]), "array<double>"),
    ("map", lambda x: {"a": np.float64(x), "b": 1}, "map<string,double>"),
    ("tuple", lambda x: (np.int64(x), x), "a long, b double"),
    ("dict", lambda x: {"b": x, "a": np.int8(x)}, "a long, b double"),
    ("row", lambda x: Row(a=np.int64(x), b=2), "a long, b double"),
    ("nested", lambda x: {"r": [np.array([x])]}, "r array<array<long>>"),
    ("decimal", lambda x: DECIMAL * x, "decimal(10,2)"),
    ("none", lambda x: None, "double"),
]


def shown(rows: list[Any]) -> list[str]:
    return [repr(row[0]) for row in rows]


@pytest.mark.parametrize(("function", "kind"), [r[1:] for r in RESULTS], ids=[r[0] for r in RESULTS])
def test_results_are_those_of_a_plain_function(
    spark: Any, cache: DiskCache, function: Callable[[int], Any], kind: str
) -> None:
    df = spark.range(1, 4, 1, 1).select("id")
    plain = shown(df.select(udf(function, kind)("id")).collect())
    memoized = memoize(function, return_type=kind, name=f"accepts {kind}")
    for _ in range(2):  # called, and found
        assert shown(df.select(memoized("id")).collect()) == plain


@pytest.mark.parametrize(
    ("function", "kind"),
    [(lambda x: "text", "long"), (lambda x: [1], "map<string,long>"), (lambda x: object(), "array<long>")],
)
def test_what_is_no_value_of_the_type_is_an_error(
    spark: Any, cache: DiskCache, function: Any, kind: str
) -> None:
    with pytest.raises(Exception, match="is not a value of"):
        spark.range(1).select(memoize(function, return_type=kind)("id")).collect()


async def _ask(x: str) -> str:
    await asyncio.sleep(0)
    return x


async def _generate(x: str) -> Any:
    yield x


class _Asynchronous:
    async def __call__(self, x: str) -> str:
        return x

    async def method(self, x: str) -> str:
        return x


@pytest.mark.parametrize(
    "function",
    [_ask, _generate, functools.partial(_ask), _Asynchronous(), _Asynchronous().method,
     functools.partial(_Asynchronous())],
)  # fmt: skip
def test_an_async_def_is_refused_when_it_is_decorated(function: Any) -> None:
    with pytest.raises(DiskCacheError, match="^Cannot memoize .*: it is an async def, .*asyncio.run"):
        memoize(function)
    with pytest.raises(DiskCacheError, match="async def"):
        memoize(name="named", retries=1)(function)


def test_who_runs_it_is_taken(spark: Any, cache: DiskCache) -> None:
    scope: dict[str, Any] = {"__name__": "__main__"}
    exec(
        "import asyncio\nasync def ask(x):\n    return x + '!'\ndef run(x):\n    return asyncio.run(ask(x))",
        scope,
    )
    answered = spark.createDataFrame([("a",)], "s string").select(memoize(scope["run"])("s")).collect()
    assert answered == [Row("a!")]


def test_every_attempt_that_fails_is_an_error_of_the_ledger(tmp_path: Path) -> None:
    failures = iter([True, True, False, True, True, True])

    def unsteady(x: str) -> str:
        if next(failures):
            raise ValueError(x)
        return x + "!"

    calls = in_this_process(unsteady, tmp_path, name="unsteady", retries=2, back_off=0, price=0.5)
    calls.proof.function = unsteady  # not a copy: it counts
    assert calls.answers([pa.array(["a"])]) == ["a!"]
    with pytest.raises(ValueError, match="b"):
        calls.answers([pa.array(["b"])])
    with sqlite3.connect(tmp_path / "memo" / "ledger.db") as ledger:
        assert ledger.execute("SELECT calls, errors, spent FROM ledger").fetchall() == [(1, 5, 0.5)]


def test_a_dry_run_counts_what_an_eviction_frees(spark: Any, cache: DiskCache, data: str) -> None:
    df = spark.createDataFrame([("x",), ("y",)], "s string")
    df.select(memoize(lambda s: s * 1000, tag="dry", name="dry")("s")).collect()
    cache.persist(spark.read.parquet(data).where("id > 3"), tag="dry").count()
    wanted = cache.evict("tag=dry", dry_run=True)
    relations = int(cache.entries().query("tag == 'dry'")["bytes"].sum())
    assert wanted > relations > 0, "results of memoised functions count as well"
    assert cache.evict("tag=dry") == wanted
    assert cache.evict("tag=dry", dry_run=True) == 0 == cache.evict("tag=dry")
