# SPDX-License-Identifier: Apache-2.0
"""The price of a proof: proof.py [ROWS] [PAIRS]. Nothing is cached; the same functions with a proof and without.

Run by ``bin/bench proof``. Jobs run in pairs, and which of a pair is first changes from pair to pair. Times of a
task are those of this process, where functions are loaded and asked for their verdict as a worker does it.
"""

from __future__ import annotations

import os
import pickle
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import pandas as pd
import pyspark.accumulators
import pyspark.sql.udf
from pyspark import TaskContext
from pyspark.cloudpickle import cloudpickle
from pyspark.sql import SparkSession
from pyspark.sql.functions import pandas_udf, udf

import sparkdiskcache
from sparkdiskcache import _proof, _watch, fnhash
from sparkdiskcache._hooks import _sent

ROWS = int(sys.argv[1]) if len(sys.argv) > 1 else 5_000_000
PAIRS = int(sys.argv[2]) if len(sys.argv) > 2 else 10
TASKS = 200


def plain(x: int) -> int:
    return x * 2 + 1


def vectorized(x: pd.Series) -> pd.Series:
    return x * 2 + 1


def of_tasks(function: Any) -> tuple[float, float, float]:
    """Milliseconds of the first task, and of the median one before and after its rows."""
    with _watch.unwatched():
        sent = cloudpickle.dumps(_sent(function, fnhash.hash_function(function)))
    TaskContext._getOrCreate()
    before, after = [], []
    for _ in range(TASKS):
        pyspark.accumulators._accumulatorRegistry.clear()
        start = time.perf_counter()
        pickle.loads(sent)
        loaded = time.perf_counter()
        assert pyspark.accumulators._accumulatorRegistry[_proof._NUMBER]._value
        before.append((loaded - start) * 1e3)
        after.append((time.perf_counter() - loaded) * 1e3)
    return before[0], statistics.median(before), statistics.median(after)


def processor() -> float:
    """Seconds that this process and all that it started, Spark and its workers, have had a processor."""
    parents: dict[int, int] = {}
    ticks: dict[int, int] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it has just ended
        number = int(path.parent.name)
        parents[number] = int(fields[1])
        ticks[number] = sum(int(field) for field in fields[11:15])
    family = {os.getpid()}
    while more := {child for child, parent in parents.items() if parent in family} - family:
        family |= more
    return sum(ticks.get(number, 0) for number in family) / os.sysconf("SC_CLK_TCK")


def seconds(df: Any) -> tuple[float, float]:
    """Of a job, by the clock and of processors, which other load on the machine changes little."""
    ran, start = processor(), time.perf_counter()
    df.write.format("noop").mode("overwrite").save()
    end = time.perf_counter()
    return end - start, processor() - ran


def of_jobs(spark: SparkSession, declare: Any) -> list[tuple[tuple[float, float], tuple[float, float]]]:
    """Seconds of jobs with a proof and without, in pairs."""
    rows = spark.range(ROWS)
    original = pyspark.sql.udf._wrap_function
    pairs = []
    for pair in range(-1, PAIRS):
        times = {}
        for proves in (pair % 2 == 0, pair % 2 != 0):
            pyspark.sql.udf._wrap_function = original if proves else original._sparkdiskcache_original
            try:
                job = rows.select(declare()("id"))
                times[proves] = seconds(job)
            finally:
                pyspark.sql.udf._wrap_function = original
        if pair >= 0:
            pairs.append((times[True], times[False]))
    return pairs


def main() -> None:
    builder = SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false")
    spark = sparkdiskcache.configure(builder).getOrCreate()
    kinds = {"udf": lambda: udf(plain, "long"), "pandas_udf": lambda: pandas_udf(vectorized, "long")}
    for name, declare in kinds.items():
        pairs = of_jobs(spark, declare)
        for what, kind in enumerate(("by the clock", "of processors")):
            proven, without = zip(*((p[what], w[what]) for p, w in pairs), strict=True)
            low, ratio, high = statistics.quantiles([p / w for p, w in zip(proven, without, strict=True)], n=4)
            print(
                f"{name}: {ROWS} rows, {statistics.median(proven):.2f} s {kind} with a proof,"
                f" {statistics.median(without):.2f} s without; ratio {ratio:.3f}"
                f" (quartiles {low:.3f} and {high:.3f} of {len(pairs)} pairs)",
                flush=True,
            )
    spark.stop()
    for function in (plain, vectorized):
        first, before, after = of_tasks(function)
        print(
            f"{function.__name__}: first task {first:.1f} ms, then {before:.2f} ms before and {after:.2f} ms after"
        )


if __name__ == "__main__":
    main()
