# SPDX-License-Identifier: Apache-2.0
"""An ordinary application, whose JVM writes what it has loaded to the archive that is named by the argument."""

import sys
import tempfile

from pyspark.sql import SparkSession
from pyspark.sql.functions import pandas_udf, udf

import sparkdiskcache

archive = sys.argv[1]
with tempfile.TemporaryDirectory() as directory:
    builder = SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false")
    builder = builder.config("spark.driver.host", "127.0.0.1").config("spark.sql.shuffle.partitions", "2")
    # What cannot be archived is told at length.
    options = (
        f"-XX:TieredStopAtLevel=1 -XX:ArchiveClassesAtExit={archive} -Xlog:cds=off -Xlog:cds+dynamic=off"
    )
    builder = builder.config("spark.driver.extraJavaOptions", options)
    builder = builder.config("spark.diskcache.dir", f"{directory}/cache")
    spark = sparkdiskcache.configure(builder).getOrCreate()
    spark.range(100).selectExpr("id", "id % 5 AS k", "concat('s', id) AS s").write.parquet(f"{directory}/t")
    rows = spark.read.parquet(f"{directory}/t")
    plus, louder = udf(lambda x: x + 1, "long"), pandas_udf(lambda s: s + "!", "string")
    kept = rows.select(plus("id").alias("id"), "k", louder("s").alias("s")).cache()
    for query in (kept.groupBy("k").count(), rows.join(kept, "id").orderBy("id"), kept.select(plus("id"))):
        assert query.cache().collect()
    print(sparkdiskcache.DiskCache(spark).explain(kept))
    gateway = spark.sparkContext._gateway
    spark.stop()
# The JVM ends when nobody can say anything to it any more, and takes its time to write.
gateway.shutdown()
gateway.proc.stdin.close()
gateway.proc.wait()
