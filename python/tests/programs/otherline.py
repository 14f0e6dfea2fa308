# SPDX-License-Identifier: Apache-2.0
"""An application on a line of Spark that the package was not built for; prints the sums of its rows.

Arguments: ``package`` or ``jvm``, then ``key=value`` settings.
"""

from __future__ import annotations

import sys
from typing import Any


def main(way: str, settings: list[str]) -> None:
    from pyspark.sql import SparkSession
    from pyspark.sql.functions import udf

    builder: Any = SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false")
    builder = builder.config("spark.driver.host", "127.0.0.1").config("spark.sql.shuffle.partitions", "2")
    for setting in settings:
        builder = builder.config(*setting.split("=", 1))
    memoized: Any = None
    cached: Any = lambda df: df.cache()  # noqa: E731
    if way == "package":
        import sparkdiskcache

        @sparkdiskcache.memoize(return_type="long", name="two", price=0.5, retries=1)
        def two(x: int) -> int:
            return x + 2

        memoized = two
        builder = sparkdiskcache.configure(builder)
    spark = builder.getOrCreate()
    plus: Any = udf(lambda x: x + 1, "long")
    memoized = memoized or udf(lambda x: x + 2, "long")
    if way == "package":
        spark.udf.register("two", memoized)
        assert spark.sql("select two(40)").head()[0] == 42
    if way == "package":
        cache = sparkdiskcache.DiskCache(spark)
        cached = lambda df: cache.persist(df, tag="nightly")  # noqa: E731
    df = cached(spark.range(0, 100, 1, 2).select(plus("id").alias("a"), memoized("id").alias("b")))
    for session in (spark, spark.newSession()):
        df.createOrReplaceGlobalTempView("t")
        row = session.sql("select sum(a), sum(b), count(*) from global_temp.t").head()
        print("ROWS", *row)
    print("CACHED", df.storageLevel.useDisk and df.storageLevel.useMemory)
    if way == "package":
        print("EXPLAINED", cache.explain(df), cache.stats(), cache.evict("tag=nightly"))
    spark.stop()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
