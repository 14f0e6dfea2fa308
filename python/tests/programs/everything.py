# SPDX-License-Identifier: Apache-2.0
"""Every kind of Python function over the data, each result cached: rows, and how it was found."""

import datetime as dt
import json
import sys

import helper
import pandas as pd
import pyarrow as pa
import pyarrow.compute
from pyspark.sql import Row, SparkSession
from pyspark.sql.functions import arrow_udf, pandas_udf, udf, udtf

import sparkdiskcache

result, conf, data = sys.argv[1], json.loads(sys.argv[2]), sys.argv[3]
builder = SparkSession.builder.master("local[2]")
for key, value in conf.items():
    builder = builder.config(key, value)
spark = sparkdiskcache.configure(builder).getOrCreate()
cache = sparkdiskcache.DiskCache(spark)

FACTOR = 3
OFFSET = 100
KNOWN = {"1", "2", "3", "250"}
BIG = list(range(400_000))
LISTED = [(1, "a"), (2, None), (3, "c")]


@udf("long")
def plain(x):
    return x * 2


@udf("long", useArrow=False)
def pickled(x):
    return x * 2 + 1


@udf("long")
def captures(x):
    return x + OFFSET


@udf("long")
def calls_helper(x):
    return helper.score(x)


@udf("boolean")
def in_set(s):
    return s in KNOWN


@udf("string")
def shows_set(s):
    return ",".join({"north", "south", "east", "west"})


@udf("long")
def big(x):
    return BIG[x]


@pandas_udf("long")
def vectorized(x: pd.Series) -> pd.Series:
    return x * FACTOR


@pandas_udf("double")
def mean(v: pd.Series) -> float:
    return v.mean()


@arrow_udf("long")
def arrow(x: pa.Array) -> pa.Array:
    return pa.compute.add(x, 1)


def frames(batches):
    for batch in batches:
        yield batch.assign(id=batch["id"] * FACTOR)[["id"]]


def record_batches(batches):
    for batch in batches:
        yield batch.select(["id"])


def largest(group):
    return group.nlargest(1, "id")[["k", "id"]]


def joined(left, right):
    return pd.DataFrame({"k": left["k"].head(1), "n": [len(left) + len(right)]})


class Words:
    def eval(self, s: str):
        for digit in s:
            yield (digit,)


spark.udf.register("registered", lambda x: x - 1, "long")
words = udtf(Words, returnType="digit string").asDeterministic()
spark.udtf.register("words", words)

rows = spark.read.parquet(data)
rows.createOrReplaceTempView("t")
queries = {
    "plain": rows.select(plain("id")),
    "pickled": rows.select(pickled("id")),
    "captures": rows.select(captures("id")),
    "calls_helper": rows.select(calls_helper("id")),
    "in_set": rows.select(in_set("s")),
    "shows_set": rows.select(shows_set("s")),
    "big": rows.select(big("id")),
    "vectorized": rows.select(vectorized("id")),
    "mean": rows.groupBy("k").agg(mean("v")),
    "arrow": rows.select(arrow("id")),
    "mapInPandas": rows.mapInPandas(frames, "id long"),
    "mapInArrow": rows.mapInArrow(record_batches, "id long"),
    "applyInPandas": rows.groupBy("k").applyInPandas(largest, "k long, id long"),
    "cogroup": rows.groupBy("k")
    .cogroup(rows.where("id < 50").groupBy("k"))
    .applyInPandas(joined, "k long, n long"),
    "sql": spark.sql("select registered(id) from t"),
    "udtf": spark.sql("select id, digit from t, lateral words(s)"),
    "listed": spark.createDataFrame(LISTED, "id long, s string"),
    "listed_Rows": spark.createDataFrame(
        [Row(a=i, b=Row(c=str(i), d=dt.date(2026, 1, i))) for i in range(1, 9)]
    ),
    "listed_pandas": spark.createDataFrame(pd.DataFrame({"a": [1.5, 2.5], "b": ["x", "y"]})),
    "listed_called": spark.createDataFrame([{"id": i} for i in range(9)], "id long").select(plain("id")),
}
found = {}
for name, query in queries.items():
    query = query.cache()
    (relation,) = cache.explain(query).relations
    before = cache.stats()
    answer = sorted(tuple(row) for row in query.collect())
    after = cache.stats()
    found[name] = {
        "status": relation.status,
        "reason": relation.sentence,
        "hits": after["hits"] - before["hits"],
        "computed": after["computed"] - before["computed"],
        "rows": answer,
    }
with open(result, "w") as out:
    json.dump(found, out, default=str)
spark.stop()
