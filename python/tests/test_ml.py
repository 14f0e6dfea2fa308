# SPDX-License-Identifier: Apache-2.0
"""Spark's machine learning persists frames by itself: with the cache inside, its models are the same."""

from __future__ import annotations

from typing import Any

import pytest
from pyspark.ml import Estimator
from pyspark.ml.classification import LogisticRegression, OneVsRest
from pyspark.ml.evaluation import RegressionEvaluator
from pyspark.ml.feature import VectorAssembler
from pyspark.ml.regression import LinearRegression
from pyspark.ml.tuning import CrossValidator, ParamGridBuilder, TrainValidationSplit

from sparkdiskcache import DiskCache


def one_vs_rest() -> Estimator[Any]:
    return OneVsRest(classifier=LogisticRegression(maxIter=2), labelCol="k", predictionCol="said")


def tuned(tuning: type[CrossValidator] | type[TrainValidationSplit], **options: Any) -> Estimator[Any]:
    regression = LinearRegression(labelCol="v", predictionCol="said", solver="normal")
    return tuning(
        estimator=regression,
        estimatorParamMaps=ParamGridBuilder().addGrid(regression.regParam, [0.5]).build(),
        evaluator=RegressionEvaluator(labelCol="v", predictionCol="said"),
        seed=7,
        **options,
    )


ESTIMATORS = {
    "one_vs_rest": one_vs_rest,
    "cross_validator": lambda: tuned(CrossValidator, numFolds=2),
    "train_validation_split": lambda: tuned(TrainValidationSplit, trainRatio=0.5),
}


@pytest.fixture(scope="module")
def vectors(spark: Any, data: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The rows with a column of vectors. Spark takes the function of VectorAssembler as not deterministic."""
    path = str(tmp_path_factory.mktemp("vectors") / "t")
    rows = VectorAssembler(inputCols=["id", "k"], outputCol="features").transform(spark.read.parquet(data))
    rows.write.parquet(path)
    return path


@pytest.mark.drawn(1)
@pytest.mark.parametrize("name", ESTIMATORS)
def test_models_are_those_of_plain_spark(name: str, cache: DiskCache, spark: Any, vectors: str) -> None:
    def predictions() -> list[tuple[Any, ...]]:
        rows = spark.read.parquet(vectors)
        model = ESTIMATORS[name]().fit(rows)
        return sorted(tuple(row) for row in model.transform(rows).select("id", "said").collect())

    spark.conf.set("spark.diskcache.enabled", "false")
    try:
        plain = predictions()
    finally:
        spark.conf.unset("spark.diskcache.enabled")
    assert len(plain) == 300
    before = cache.stats()
    assert predictions() == plain
    first = cache.stats()
    if name == "one_vs_rest":
        assert first["computed"] > before["computed"] and first["refused"] == before["refused"]
        assert predictions() == plain
        second = cache.stats()
        assert second["hits"] > first["hits"] and second["computed"] == first["computed"]
    else:  # which rows are in a fold is drawn by rand()
        assert first["refused"]["NON_DETERMINISTIC"] > before["refused"].get("NON_DETERMINISTIC", 0)
        assert (first["computed"], first["hits"]) == (before["computed"], before["hits"])
