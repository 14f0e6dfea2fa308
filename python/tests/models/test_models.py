# SPDX-License-Identifier: Apache-2.0
"""Inference with the model in a file: kept as long as the file is what it was, and computed again when it was
trained again in its place, with the same size. Run by ``check-models``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import joblib
import lightgbm
import numpy as np
import onnx
import pyspark
import pytest
import xgboost
from conftest import Programs
from onnx import TensorProto, helper, numpy_helper
from sklearn.linear_model import LinearRegression

PROGRAM = (Path(__file__).parent / "predictions.py").read_text()
FUNCTIONS = {
    "by_sklearn",
    "by_lightgbm",
    "by_xgboost",
    "by_xgboost_classifier",
    "by_xgboost_classifier_of_its_own_format",
    "by_onnx",
    "by_onnx_loaded_once",
}
ID = np.arange(300.0).reshape(-1, 1)


def sklearn_model(path: Path, factor: int) -> None:
    joblib.dump(LinearRegression().fit(ID, factor * ID[:, 0]), path)


def lightgbm_model(path: Path, factor: int) -> None:
    options = {"min_data_in_leaf": 1, "verbose": -1, "num_threads": 1, "min_data_in_bin": 1}
    lightgbm.train(options, lightgbm.Dataset(ID, factor * ID[:, 0]), num_boost_round=3).save_model(path)


def xgboost_model(path: Path, factor: int) -> None:
    xgboost.train({"nthread": 1}, xgboost.DMatrix(ID, factor * ID[:, 0]), num_boost_round=3).save_model(path)


def classifier(factor: int) -> xgboost.XGBClassifier:
    return xgboost.XGBClassifier(n_estimators=3, n_jobs=1).fit(ID, (ID[:, 0] > 4 * factor).astype(int))


def classifier_model(path: Path, factor: int) -> None:
    joblib.dump(classifier(factor), path)


def classifier_of_its_own_format(path: Path, factor: int) -> None:
    classifier(factor).save_model(path)


def onnx_model(path: Path, factor: int) -> None:
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])],
        "linear",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 1])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [None, 1])],
        [numpy_helper.from_array(np.array([[factor]], np.float32), "w")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 9
    onnx.save(model, path)


MODELS = {
    "model.joblib": sklearn_model,
    "lightgbm.txt": lightgbm_model,
    "xgboost.ubj": xgboost_model,
    "classifier.joblib": classifier_model,
    "classifier.json": classifier_of_its_own_format,
    "model.onnx": onnx_model,
}


def two_of_one_size(directory: Path, name: str) -> tuple[int, int]:
    """Factors whose models have equal sizes."""
    sizes: dict[int, int] = {}
    for factor in range(2, 60):
        MODELS[name](directory / name, factor)
        size = (directory / name).stat().st_size
        if size in sizes:
            return sizes[size], factor
        sizes[size] = factor
    raise AssertionError(f"{name}: no two models of one size")


@pytest.mark.parametrize("master", ["local[2]", "local-cluster[2,1,1024]"])
def test_a_model_in_a_file_keeps_its_predictions_until_it_is_trained_again(
    programs: Programs, data: str, master: str
) -> None:
    programs.write("program.py", PROGRAM)
    programs.conf["spark.master"] = master
    home = programs.directory / "home"  # where executors have their directories
    home.mkdir()
    for name in ("bin", "jars", "python", "sbin"):
        if (Path(pyspark.__file__).parent / name).exists():
            (home / name).symlink_to(Path(pyspark.__file__).parent / name)
    factors = {name: two_of_one_size(programs.directory, name) for name in MODELS}

    def run(which: int) -> Any:
        for name, write in MODELS.items():
            path = programs.directory / name
            before = path.stat()
            write(path, factors[name][which])
            assert path.stat().st_size == before.st_size
            os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
        return programs.run("program.py", data, SPARK_HOME=str(home))

    first = run(0)
    assert first.keys() == FUNCTIONS
    for name in FUNCTIONS:
        assert first[name]["computed"] > 0 and first[name]["hits"] == 0, (name, first[name]["reason"])
    assert np.allclose([v for _, v in first["by_onnx"]["rows"]], factors["model.onnx"][0] * ID[:, 0])
    second = run(0)
    for name in FUNCTIONS:
        assert second[name]["hits"] > 0 and second[name]["computed"] == 0, (name, second[name]["reason"])
        assert second[name]["rows"] == first[name]["rows"], name
    third = run(1)
    for name in FUNCTIONS:
        # The driver of a cluster knows what its hosts have, and not what their files have become.
        found = first[name]["computed"] if "cluster" in master else 0
        assert (third[name]["hits"], third[name]["computed"]) == (found, first[name]["computed"]), name
        assert third[name]["rows"] != first[name]["rows"], name
    assert np.allclose([v for _, v in third["by_onnx"]["rows"]], factors["model.onnx"][1] * ID[:, 0])
    fourth = run(1)
    for name in FUNCTIONS:
        assert fourth[name]["hits"] > 0 and fourth[name]["computed"] == 0, (name, fourth[name]["reason"])
        assert fourth[name]["rows"] == third[name]["rows"], name
