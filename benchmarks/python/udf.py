# SPDX-License-Identifier: Apache-2.0
"""Python functions over a warm cached relation: plain @udf and pandas_udf, whose arguments are plain columns.

Arguments: a directory to be made, the rows, the runs, and what is measured: the jar of spark-diskcache, beside
Spark's own cache in one application, interleaved; or "own" or "arrow", Spark's own cache or the Arrow cache of Spark
4.3, alone, for the serializer is a setting of a JVM. Prints a line of a table for each function and cache: median
seconds.
"""

import statistics
import sys
import time
from pathlib import Path

import pandas as pd
import pyspark
from py4j.protocol import Py4JJavaError
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.functions import pandas_udf, udf
from pyspark.sql.functions import sum as total
from pyspark.sql.types import DoubleType

WARM_UP = 2
OURS, OWN, ARROW = "spark-diskcache", "Spark's own", "Spark's Arrow cache"
ARROW_SERIALIZER = "org.apache.spark.sql.execution.columnar.ArrowCachedBatchSerializer"


@udf(DoubleType())
def plain(x: float, k: int) -> float:
    return x * k


@pandas_udf(DoubleType())
def vectorized(x: pd.Series, k: pd.Series) -> pd.Series:
    return x * k


FUNCTIONS = {"@udf": plain, "pandas_udf": vectorized}


def builder(directory: Path, settings: dict[str, str]) -> SparkSession.Builder:
    of = (
        SparkSession.builder.master("local[2]")
        .appName("benchmark")
        .config("spark.ui.enabled", "false")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.driver.memory", "4g")
        .config("spark.sql.shuffle.partitions", "4")
        .config("spark.sql.warehouse.dir", str(directory / "warehouse"))
        .config("spark.local.dir", str(directory / "local"))
    )
    for key, value in settings.items():
        of = of.config(key, value)
    return of


def write(spark: SparkSession, path: Path, rows: int) -> None:
    spark.range(0, rows, 1, 4).selectExpr(
        "id",
        "cast(pmod(xxhash64(id, 1), 1000) as int) as k",
        "xxhash64(id, 2) / 9.2e18D as x",
        "concat('customer-', pmod(xxhash64(id, 3), 50000)) as name",
    ).write.parquet(str(path))


def measure(tables: dict[str, DataFrame], runs: int) -> None:
    for name in FUNCTIONS:
        try:
            measure_function(name, tables, runs)
        except Py4JJavaError as e:
            if OURS in tables:
                raise
            # A peer that cannot do it has no figure, and is no reason to end.
            cause = str(e.java_exception).splitlines()[0][:200]
            print(f"| {name} | {pyspark.__version__} | {', '.join(tables)} | fails: {cause} |", flush=True)


def measure_function(name: str, tables: dict[str, DataFrame], runs: int) -> None:
    function = FUNCTIONS[name]
    seconds: dict[str, list[float]] = {cache: [] for cache in tables}
    answers = set()
    for run in range(-WARM_UP, runs):
        for cache, table in tables.items():
            begin = time.perf_counter()
            (answer,) = table.select(function("x", "k").alias("y")).agg(total("y")).first()
            took = time.perf_counter() - begin
            answers.add(round(answer, 3))
            if run >= 0:
                seconds[cache].append(took)
    if len(answers) != 1:
        raise RuntimeError(f"{name} has different answers: {answers}")
    for cache, all_of in seconds.items():
        print(f"| {name} | {pyspark.__version__} | {cache} | {statistics.median(all_of):.2f} |", flush=True)


def warm(df: DataFrame) -> DataFrame:
    df.cache().count()
    return df


def beside_ours(directory: Path, rows: int, runs: int, jar: str) -> None:
    import sparkdiskcache

    settings = {"spark.diskcache.dir": str(directory / "cache"), "spark.diskcache.inputs.settle": "0s"}
    spark = sparkdiskcache.configure(builder(directory, settings), jar).getOrCreate()
    without = spark.newSession()
    without.conf.set("spark.diskcache.enabled", "false")
    table, twin = directory / "table", directory / "twin"
    write(without, table, rows)
    write(without, twin, rows)
    kept = {OURS: warm(spark.read.parquet(str(table))), OWN: warm(without.read.parquet(str(twin)))}
    stats = sparkdiskcache.DiskCache(spark).stats()
    if int(stats["computed"]) == 0:
        raise RuntimeError(f"nothing was kept: {stats}")
    measure(kept, runs)
    spark.stop()


def alone(directory: Path, rows: int, runs: int, cache: str, settings: dict[str, str]) -> None:
    spark = builder(directory, settings).getOrCreate()
    write(spark, directory / "table", rows)
    measure({cache: warm(spark.read.parquet(str(directory / "table")))}, runs)
    spark.stop()


if __name__ == "__main__":
    where, count, repeats, which = sys.argv[1:5]
    Path(where).mkdir()
    if which == "own":
        alone(Path(where), int(count), int(repeats), OWN, {})
    elif which == "arrow":
        alone(Path(where), int(count), int(repeats), ARROW, {"spark.sql.cache.serializer": ARROW_SERIALIZER})
    else:
        beside_ours(Path(where), int(count), int(repeats), which)
