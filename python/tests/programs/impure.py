# SPDX-License-Identifier: Apache-2.0
"""Functions that read files, clocks and random numbers: rows, how they were found, what explain says."""

import json
import sys

import helper
import joblib
import lightgbm
import models
import numpy as np
import pandas as pd
from pyspark.sql import SparkSession
from pyspark.sql.functions import col, pandas_udf, udf

import sparkdiskcache

result, conf, data = sys.argv[1], json.loads(sys.argv[2]), sys.argv[3]
builder = SparkSession.builder.master("local[2]")
for key, value in conf.items():
    builder = builder.config(key, value)
spark = sparkdiskcache.configure(builder).getOrCreate()
cache = sparkdiskcache.DiskCache(spark)
MODEL = None


@udf("long")
def from_npy(x):
    return int(np.load("weights.npy")[x % 2])


@pandas_udf("double")
def predict(x: pd.Series) -> pd.Series:
    return pd.Series(joblib.load("model.joblib").predict(x.to_frame().to_numpy()))


@pandas_udf("double")
def predict_once(x: pd.Series) -> pd.Series:
    global MODEL
    if MODEL is None:
        MODEL = joblib.load("model.joblib")
    return pd.Series(MODEL.predict(x.to_frame().to_numpy()))


@pandas_udf("double")
def predict_in_module(x: pd.Series) -> pd.Series:
    return pd.Series(models.model().predict(x.to_frame().to_numpy()))


@pandas_udf("double")
def boosted(x: pd.Series) -> pd.Series:
    return pd.Series(lightgbm.Booster(model_file="model.txt").predict(x.to_frame().to_numpy()))


@udf("string")
def stamp(x):
    return str(pd.Timestamp("now").date())


@udf("double")
def noise(x):
    from statistics import NormalDist

    return NormalDist().samples(1)[0]


@udf("double")
def hidden_noise(x):
    generators = np
    return float(generators.random.rand())


@udf("long")
def opens(x):
    files = helper
    return files.size_of("words.txt")


@udf("string")
def third(x):
    import decimal

    return str(decimal.Decimal(1) / decimal.Decimal(x + 3))


def grouped(frame):
    frame = frame.assign(y=float(np.load("weights.npy").sum()))
    return frame[["k", "y"]].head(1)


rows = spark.read.parquet(data)
queries = {
    "from_npy": rows.select(from_npy("id")),
    "predict": rows.select(predict("id")),
    "predict_once": rows.select(predict_once("id")),
    "predict_in_module": rows.select(predict_in_module("id")),
    "boosted": rows.select(boosted("id")),
    "below_exchange": rows.select((col("k")).alias("k"), from_npy("id").alias("n")).groupBy("k").sum("n"),
    "grouped": rows.groupBy("k").applyInPandas(grouped, "k long, y double"),
    "stamp": rows.select(stamp("id")),
    "noise": rows.select(noise("id")),
    "hidden_noise": rows.select(hidden_noise("id")),
    "opens": rows.select(opens("id")),
    "third": rows.select(third("id")),
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
with open(result, "w") as file:
    json.dump(found, file)
