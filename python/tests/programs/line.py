# SPDX-License-Identifier: Apache-2.0
"""An application on any line of Spark; prints its rows, and what the cache says, as JSON.

Arguments: ``plain`` or ``cached``, the directory of the input, that of the cache, and ``key=value`` settings.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pandas as pd


def main(how: str, work: str, directory: str, *settings: str) -> None:
    from pyspark.sql import SparkSession
    from pyspark.sql.functions import pandas_udf, udf

    builder: Any = SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false")
    builder = builder.config("spark.driver.host", "127.0.0.1").config("spark.sql.shuffle.partitions", "2")
    if how == "cached":
        import sparkdiskcache

        builder = sparkdiskcache.configure(builder).config("spark.diskcache.dir", directory)
        builder = builder.config("spark.diskcache.inputs.settle", "0s")
    for setting in settings:
        builder = builder.config(*setting.split("=", 1))
    spark = builder.getOrCreate()
    spark.sparkContext.setLogLevel("WARN")
    if not Path(work, "rows").exists():
        spark.range(0, 5000, 1, 3).selectExpr(
            "id", "id % 13 as k", "concat('n', id % 40) as name"
        ).write.parquet(f"{work}/rows")

    factor = 3

    def times(x: int) -> int:
        return x * factor

    def shorter(values: pd.Series) -> pd.Series:
        return values.str.slice(0, 2)

    def asked(name: str) -> str:
        return name.upper() + "!"

    plain: Any = udf(times, "long")
    vectorized: Any = pandas_udf(shorter, "string")
    memoized: Any
    if how == "cached":
        memoized = sparkdiskcache.memoize(asked, return_type="string", name="asked")
    else:
        memoized = udf(asked, "string")
    results: dict[str, Any] = {}
    for adaptive in ("true", "false"):
        spark.conf.set("spark.sql.adaptive.enabled", adaptive)
        frame = spark.read.parquet(f"{work}/rows")
        frames = {
            "plain": frame.select("id", "k", plain("id").alias("v")),
            "vectorized": frame.select("id", "k", vectorized("name").alias("v")),
            "counted": frame.groupBy("k").count().selectExpr("k as id", "k", "count as v"),
        }
        for name, df in frames.items():
            df.cache()
            results[f"{adaptive} {name}"] = sorted(map(repr, df.collect()))
            results[f"{adaptive} {name} count"] = df.count()
            results[f"{adaptive} {name} sorted"] = [repr(row) for row in df.orderBy("id").collect()]
            results[f"{adaptive} {name} grouped"] = sorted(map(repr, df.groupBy("k").count().collect()))
            results[f"{adaptive} {name} joined"] = sorted(map(repr, frame.join(df, "id").collect()))
        results[f"{adaptive} memoized"] = sorted(
            map(repr, frame.select(memoized("name").alias("a")).collect())
        )
        spark.catalog.clearCache()
    said: dict[str, Any] = {}
    if how == "cached":
        cache = sparkdiskcache.DiskCache(spark)
        stats = cache.stats()
        calls = spark.sql("select sum(calls), sum(hits) from diskcache_memo()").head()
        said = {
            "hits": stats["hits"], "computed": stats["computed"], "refused": stats["refused"], "memo": list(calls),
            "text": str(stats),
        }  # fmt: skip
    print("RESULT " + json.dumps({"rows": results, "said": said}))
    spark.stop()


if __name__ == "__main__":
    main(*sys.argv[1:])
