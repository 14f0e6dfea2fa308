# SPDX-License-Identifier: Apache-2.0
"""The programs of changed.py in one application, cached each: rows, what they should be, and how they were found."""

import json
import os
import sys

result, conf, data, tests, application, names = (*sys.argv[1:6], sys.argv[6].split(","))
sys.path[:0] = [os.getcwd(), tests]
from changed import CASES  # noqa: E402
from pyspark.sql import SparkSession  # noqa: E402
from pyspark.sql.functions import udf  # noqa: E402

import sparkdiskcache  # noqa: E402

builder = SparkSession.builder.master("local[2]")
for key, value in json.loads(conf).items():
    builder = builder.config(key, value)
spark = sparkdiskcache.configure(builder).getOrCreate()
cache = sparkdiskcache.DiskCache(spark)
rows = spark.read.parquet(data).where("id < 6").coalesce(1)
found = {}


def texts(function):
    return lambda x: str(function(x))


for case in CASES:
    if case.name not in names:
        continue
    scope = {"__name__": "__main__"}
    exec(compile(case.code[int(application)], f"<{case.name}>", "exec", dont_inherit=True), scope)
    function = scope["f"]
    query = rows.select("id", udf(texts(function), "string")("id").alias("v")).cache()
    try:
        (relation,) = cache.explain(query).relations
        before = cache.stats()
        answer = [r[1] for r in sorted(query.collect())]
        after = cache.stats()
        found[case.name] = {
            "rows": answer,
            "truth": [str(function(x)) for x in range(6)],
            "status": relation.status,
            "reason": relation.sentence,
            "hits": after["hits"] - before["hits"],
            "computed": after["computed"] - before["computed"],
        }
    except Exception as e:
        found[case.name] = {"error": repr(e)[-600:]}
    query.unpersist()
with open(result, "w") as out:
    json.dump(found, out)
spark.stop()
