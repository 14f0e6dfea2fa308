# SPDX-License-Identifier: Apache-2.0
"""Predictions of models that are files: rows, and how they were found."""

import json
import os
import sys

import joblib
import lightgbm
import numpy as np
import onnxruntime
import pandas as pd
import xgboost
from pyspark.sql import SparkSession
from pyspark.sql.functions import pandas_udf

import sparkdiskcache

result, conf, data, here = sys.argv[1], json.loads(sys.argv[2]), sys.argv[3], os.getcwd()
builder = SparkSession.builder
for key, value in conf.items():
    builder = builder.config(key, value)
spark = sparkdiskcache.configure(builder).getOrCreate()
cache = sparkdiskcache.DiskCache(spark)
SESSION = None


@pandas_udf("double")
def by_sklearn(x: pd.Series) -> pd.Series:
    return pd.Series(joblib.load(f"{here}/model.joblib").predict(x.to_frame().to_numpy()))


@pandas_udf("double")
def by_lightgbm(x: pd.Series) -> pd.Series:
    booster = lightgbm.Booster(model_file=f"{here}/lightgbm.txt")
    return pd.Series(booster.predict(x.to_frame().to_numpy()))


@pandas_udf("double")
def by_xgboost(x: pd.Series) -> pd.Series:
    booster = xgboost.Booster()
    booster.load_model(f"{here}/xgboost.ubj")
    return pd.Series(booster.predict(xgboost.DMatrix(x.to_frame().to_numpy())).astype("float64"))


@pandas_udf("double")
def by_xgboost_classifier(x: pd.Series) -> pd.Series:
    model = joblib.load(f"{here}/classifier.joblib")
    return pd.Series(model.predict_proba(x.to_frame().to_numpy())[:, 1].astype("float64"))


@pandas_udf("double")
def by_xgboost_classifier_of_its_own_format(x: pd.Series) -> pd.Series:
    model = xgboost.XGBClassifier()
    model.load_model(f"{here}/classifier.json")
    return pd.Series(model.predict_proba(x.to_frame().to_numpy())[:, 1].astype("float64"))


@pandas_udf("double")
def by_onnx(x: pd.Series) -> pd.Series:
    session = onnxruntime.InferenceSession(f"{here}/model.onnx", providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {"x": x.to_frame().to_numpy().astype(np.float32)})
    return pd.Series(found[:, 0].astype("float64"))


@pandas_udf("double")
def by_onnx_loaded_once(x: pd.Series) -> pd.Series:
    global SESSION
    if SESSION is None:
        SESSION = onnxruntime.InferenceSession(f"{here}/model.onnx", providers=["CPUExecutionProvider"])
    (found,) = SESSION.run(None, {"x": x.to_frame().to_numpy().astype(np.float32)})
    return pd.Series(found[:, 0].astype("float64"))


rows = spark.read.parquet(data)
found = {}
FUNCTIONS = (
    by_sklearn,
    by_lightgbm,
    by_xgboost,
    by_xgboost_classifier,
    by_xgboost_classifier_of_its_own_format,
    by_onnx,
    by_onnx_loaded_once,
)
for function in FUNCTIONS:
    query = rows.select("id", function("id").alias("v")).cache()
    (relation,) = cache.explain(query).relations
    before = cache.stats()
    answer = sorted(tuple(row) for row in query.collect())
    after = cache.stats()
    found[function.__name__] = {
        "status": relation.status,
        "reason": relation.sentence or str(cache.explain(query).relations[0].withheld),
        "hits": after["hits"] - before["hits"],
        "computed": after["computed"] - before["computed"],
        "rows": answer,
    }
with open(result, "w") as file:
    json.dump(found, file)
spark.stop()
