# SPDX-License-Identifier: Apache-2.0
"""The proofs of functions by workers: files are inputs, random numbers are never kept, code is what ran."""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import Any

import joblib
import lightgbm
import numpy as np
import pyspark.accumulators
import pytest
from conftest import Programs
from pyspark import TaskContext
from pyspark.cloudpickle import cloudpickle
from pyspark.sql.functions import udf
from sklearn.linear_model import LinearRegression

from sparkdiskcache import _loaded, _proof, _watch
from sparkdiskcache._hooks import _sent
from sparkdiskcache.fnhash import hash_function

PROGRAM = (Path(__file__).parent / "programs" / "impure.py").read_text()
READS = {
    "from_npy", "predict", "predict_once", "predict_in_module", "boosted", "below_exchange", "grouped", "opens",
}  # fmt: skip
MODULE = """
import joblib

_MODEL = None


def model():
    global _MODEL
    if _MODEL is None:
        _MODEL = joblib.load("model.joblib")
    return _MODEL
"""


def write(directory: Path, factor: int) -> None:
    """Files of equal size for every factor of one digit."""
    x = np.arange(20.0).reshape(-1, 1)
    np.save(directory / "weights.npy", np.array([10, 20]) * factor)
    joblib.dump(LinearRegression().fit(x, factor * x[:, 0]), directory / "model.joblib")
    booster = lightgbm.train(
        {"min_data_in_leaf": 1, "verbose": -1, "num_threads": 1, "min_data_in_bin": 1},
        lightgbm.Dataset(np.arange(300.0).reshape(-1, 1), factor * np.arange(300.0)),
        num_boost_round=3,
    )
    booster.save_model(directory / "model.txt")
    (directory / "words.txt").write_text("w" * factor)


def expected(factor: int) -> dict[str, list[float]]:
    return {
        "from_npy": sorted([10.0 * factor] * 150 + [20.0 * factor] * 150),
        "predict": [float(factor * i) for i in range(300)],
        "predict_once": [float(factor * i) for i in range(300)],
        "predict_in_module": [float(factor * i) for i in range(300)],
        "opens": [float(factor)] * 300,
    }


def assert_rows(found: dict[str, Any], factor: int) -> None:
    for name, rows in expected(factor).items():
        assert np.allclose([r[0] for r in found[name]["rows"]], rows), name
    assert found["grouped"]["rows"] == [[k, 30.0 * factor] for k in range(5)]
    assert [r[1] for r in found["below_exchange"]["rows"]] == [900 * factor] * 5


@pytest.mark.drawn(1)
def test_files_that_functions_read_are_inputs_and_random_numbers_are_never_kept(
    programs: Programs, data: str
) -> None:
    programs.write("program.py", PROGRAM)
    programs.write("models.py", MODULE)
    programs.write("helper.py", "def size_of(name):\n    return len(open(name).read())\n")
    write(programs.directory, 2)
    first = programs.run("program.py", data)
    assert_rows(first, 2)
    for name in READS | {"third"}:
        assert first[name]["status"] == "miss" and first[name]["computed"] > 0, (name, first[name]["reason"])
    assert first["stamp"]["status"] == "refused" and "clock" in first["stamp"]["reason"]

    second = programs.run("program.py", data)
    for name in READS | {"third"}:
        assert second[name]["hits"] > 0 and second[name]["computed"] == 0, (name, second[name]["reason"])
        assert second[name]["rows"] == first[name]["rows"], name
    for name in ("noise", "hidden_noise"):
        assert second[name]["status"] == "refused", name
        assert second[name]["rows"] != first[name]["rows"], name
    assert "called random" in second["noise"]["reason"], second["noise"]["reason"]

    write(programs.directory, 4)
    for name in ("weights.npy", "words.txt"):
        os.utime(programs.directory / name, ns=(0, 0))
    third = programs.run("program.py", data)
    assert_rows(third, 4)
    for name in READS:
        assert third[name]["hits"] == 0 and third[name]["computed"] > 0, name
    assert third["boosted"]["rows"] != first["boosted"]["rows"]
    assert third["third"]["hits"] > 0 and third["third"]["computed"] == 0

    (programs.directory / "words.txt").write_text("w" * 4)  # again the same
    fourth = programs.run("program.py", data)
    for name in READS:
        assert fourth[name]["hits"] > 0 and fourth[name]["computed"] == 0, name


@pytest.mark.drawn(1)
def test_what_a_session_changed_under_its_workers_never_reaches_the_next(
    programs: Programs, data: str
) -> None:
    programs.write("program.py", (Path(__file__).parent / "programs" / "edits.py").read_text())
    programs.write("acme.py", "def rate(x):\n    return x * 2\n")
    programs.write("linked_1.py", "def rate(x):\n    return x * 5\n")
    programs.write("linked_2.py", "def rate(x):\n    return x * 7\n")
    (programs.directory / "linked.py").symlink_to("linked_1.py")
    first = programs.run("program.py", data, "edit")
    assert first["rated"]["rows"] == [0, 2, 4] and first["through_link"]["rows"] == [0, 5, 10]
    assert first["again shows_context"]["rows"] == first["shows_context"]["rows"]
    assert len(str(first["shows_context"]["rows"][0])) > 20

    second = programs.run("program.py", data, "look")
    assert second["rated"]["rows"] == [0, 3, 6], second["rated"]
    assert second["through_link"]["rows"] == [0, 7, 14], second["through_link"]
    assert second["shows_context"]["rows"] == first["shows_context"]["rows"]
    assert second["shows_context"]["hits"] > 0
    assert second["sets_context"]["hits"] == 0

    third = programs.run("program.py", data, "look")
    for name in ("rated", "through_link", "shows_context"):
        assert third[name]["hits"] > 0 and third[name]["computed"] == 0, (name, third[name])
        assert third[name]["rows"] == second[name]["rows"]


def test_accumulators_of_functions_beside_a_proven_one_are_counted_as_always(spark: Any, data: str) -> None:
    assert_counted(spark, data)


def test_a_driver_that_unpickles_a_proven_function_watches_nothing_and_counts_as_always(
    spark: Any, data: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def f(x: int) -> int:
        return x + offset

    offset = 5
    installed: list[str] = []
    for module in (_watch, _loaded):
        monkeypatch.setattr(module, "install", lambda name=module.__name__: installed.append(name))
    before = _watch.current
    sent = cloudpickle.dumps(_sent(f, hash_function(f)))
    assert pickle.loads(sent)(1) == 6
    # As in the tests of a user that stand in for a worker.
    monkeypatch.setattr(TaskContext, "_taskContext", object.__new__(TaskContext))
    assert pickle.loads(sent)(2) == 7
    monkeypatch.undo()
    assert installed == [] and _watch.current is before
    assert _proof._NUMBER not in pyspark.accumulators._accumulatorRegistry
    assert_counted(spark, data)


def test_a_verdict_in_a_driver_takes_no_update_of_another_accumulator_with_it(spark: Any, data: str) -> None:
    registry: dict[int, Any] = pyspark.accumulators._accumulatorRegistry
    registry[_proof._NUMBER] = object.__new__(_proof._Verdict)  # as earlier versions left it
    try:
        assert_counted(spark, data)
    finally:
        del registry[_proof._NUMBER]


def assert_counted(spark: Any, data: str) -> None:
    seen = spark.sparkContext.accumulator(0)

    def counts(x: int) -> int:
        seen.add(1)
        return x

    rows = spark.read.parquet(data)
    proven, other = udf(lambda x: x + 1, "long"), udf(counts, "long")
    assert rows.select(proven("id"), other("id")).count() == 300
    assert len(rows.select(proven("id"), other("id")).collect()) == 300
    assert seen.value == 300
    assert sorted(rows.select(proven(other("id"))).collect())[0][0] == 1
    assert seen.value == 600


@pytest.mark.drawn(1)
def test_a_worker_that_is_not_used_again_proves_as_well(programs: Programs, data: str) -> None:
    programs.write("program.py", (Path(__file__).parent / "programs" / "edits.py").read_text())
    for name in ("acme", "linked"):
        programs.write(f"{name}.py", "def rate(x):\n    return x * 2\n")
    programs.conf["spark.python.worker.reuse"] = "false"
    names = ("rated", "shows_context")
    first = programs.run("program.py", data, "look", *names)
    assert first["rated"]["computed"] > 0
    second = programs.run("program.py", data, "look", *names)
    for name in names:
        assert second[name]["hits"] > 0 and second[name]["computed"] == 0, (name, second[name])
