# SPDX-License-Identifier: Apache-2.0
"""Modules that change while workers have them: rows of each function, and how they were found."""

import importlib
import json
import os
import sys

sys.path.insert(0, os.getcwd())
import acme
import linked
from pyspark.sql import SparkSession
from pyspark.sql.functions import udf

import sparkdiskcache

result, conf, data, edit = sys.argv[1], json.loads(sys.argv[2]), sys.argv[3], sys.argv[4] == "edit"
builder = SparkSession.builder.master("local[2]")
for key, value in conf.items():
    builder = builder.config(key, value)
spark = sparkdiskcache.configure(builder).getOrCreate()
cache = sparkdiskcache.DiskCache(spark)
rows = spark.read.parquet(data)


def functions():
    @udf("long")
    def rated(x):
        return acme.rate(x)

    @udf("long")
    def through_link(x):
        return linked.rate(x)

    @udf("string")
    def sets_context(x):
        import decimal

        decimal.getcontext().prec = 3
        return str(decimal.Decimal(1) / 3)

    @udf("string")
    def shows_context(x):
        import decimal

        return str(decimal.Decimal(1) / 3 + x)

    @udf("long")
    def dies(x):
        if edit and x == 5 and not os.path.exists("died"):
            open("died", "w").close()
            os._exit(1)
        return x

    return [rated, through_link, sets_context, shows_context, dies]


def run(name, function):
    query = rows.select(function("id")).cache()
    (relation,) = cache.explain(query).relations
    before = cache.stats()
    try:
        answer = [row[0] for row in sorted(query.collect())]
    except Exception as e:
        answer = [repr(e)[:80]]
    after = cache.stats()
    query.unpersist()
    return {
        "status": relation.status,
        "reason": relation.sentence,
        "hits": after["hits"] - before["hits"],
        "computed": after["computed"] - before["computed"],
        "rows": answer[:3],
    }


found = {}
only = sys.argv[5:] or [function.__name__ for function in functions()]
for function in functions():
    if function.__name__ in only:
        found[function.__name__] = run(function.__name__, function)
if edit:
    with open("acme.py", "w") as file:
        file.write("def rate(x):\n    return x * 3\n")
    os.remove("linked.py")
    os.symlink("linked_2.py", "linked.py")
    importlib.invalidate_caches()
    importlib.reload(acme)
    importlib.reload(linked)
    for function in functions():
        found["again " + function.__name__] = run(function.__name__, function)
with open(result, "w") as file:
    json.dump(found, file)
