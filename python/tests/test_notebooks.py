# SPDX-License-Identifier: Apache-2.0
"""Every notebook, run twice with a new kernel: the second run computes nothing below its cached results.

One of them by chance; ``SPARKDISKCACHE_NOTEBOOKS=all`` in the environment runs all. With ``NOTEBOOKS_WRITE=true``
the outputs of the second run are written into the notebooks.
"""

from __future__ import annotations

import json
import os
import random
import re
import shlex
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import nbformat
import pytest
from conftest import CONF, SEED, WHOLE, warnings_of
from nbclient import NotebookClient

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))
ALL = WHOLE or "SPARKDISKCACHE_NOTEBOOKS" in os.environ or "NOTEBOOKS_WRITE" in os.environ
STATUS = "cache-status"  # the tag of cells whose output says how results were found
CALLS = "calls"  # the tag of cells that print how often an expensive function was called
CELL_SECONDS = 280


class Kernels:
    """Runs a notebook in kernels of their own over one cache; Spark writes its listener's events."""

    def __init__(
        self, directory: Path, monkeypatch: pytest.MonkeyPatch, capture: pytest.CaptureFixture[str]
    ) -> None:
        self.directory = directory
        self.capture = capture  # kernels and their JVMs write to the standard error of this process
        self.events = directory / "events"
        self.events.mkdir()
        settings = {
            **CONF,
            "spark.master": "local[2]",
            "spark.diskcache.dir": str(directory / "cache"),
            "spark.eventLog.enabled": "true",
            "spark.eventLog.dir": self.events.as_uri(),
            "spark.eventLog.rolling.enabled": "false",
            "spark.eventLog.compress": "false",
        }
        given = [argument for k, v in settings.items() for argument in ("--conf", f"{k}={v}")]
        monkeypatch.setenv("PYSPARK_SUBMIT_ARGS", shlex.join([*given, "pyspark-shell"]))
        monkeypatch.setenv("IPYTHONDIR", str(directory / "ipython"))
        monkeypatch.setenv("PYDEVD_DISABLE_FILE_VALIDATION", "1")

    def run(self, notebook: Path) -> tuple[Any, Counter[str]]:
        """The notebook as executed, and the tasks that ran, by their type."""
        copy = nbformat.read(notebook, as_version=4)
        before = set(self.events.iterdir())
        client = NotebookClient(
            copy,
            timeout=CELL_SECONDS,
            kernel_name="python3",
            resources={"metadata": {"path": str(self.directory)}},
        )
        client.execute()
        logged = self.capture.readouterr().err + "".join(
            output.text
            for cell in copy.cells
            if cell.cell_type == "code"
            for output in cell.outputs
            if output.get("name") == "stderr"
        )
        assert " WARN " in logged, "what Spark logs is there"
        assert warnings_of(logged) == []
        (log,) = set(self.events.iterdir()) - before
        tasks: Counter[str] = Counter()
        for line in log.read_text().splitlines():
            event = json.loads(line)
            if event["Event"] == "SparkListenerTaskEnd":
                tasks[event["Task Type"]] += 1
        return copy, tasks


def outputs(notebook: Any) -> list[list[str]]:
    """The data that cells show, as text."""
    return [
        [
            output.get("text") or output.get("data", {}).get("text/plain", "")
            for output in cell.outputs
            if output.get("name") != "stderr"
        ]
        for cell in notebook.cells
        if cell.cell_type == "code" and STATUS not in cell.metadata.get("tags", [])
    ]


def status(notebook: Any) -> str:
    """The text of the status line."""
    (line,) = [
        output["data"]["text/plain"]
        for cell in notebook.cells
        if cell.cell_type == "code" and cell.source.strip() == "%diskcache"
        for output in cell.outputs
    ]
    return str(line)


def calls(notebook: Any) -> list[int]:
    """The figures that cells give for calls of expensive functions."""
    return [
        int(output["text"].split(" ")[0])
        for cell in notebook.cells
        if CALLS in cell.metadata.get("tags", [])
        for output in cell.outputs
    ]


def keep(executed: Any, notebook: Path, directory: Path) -> None:
    """Writes the outputs back to where the notebook came from, without logs and this run's folder."""
    for cell in executed.cells:
        cell.metadata.pop("execution", None)
        if cell.cell_type == "code":
            cell.outputs = [output for output in cell.outputs if output.get("name") != "stderr"]
    text = nbformat.writes(executed).replace(str(directory / "cache"), "/var/cache/spark-diskcache")
    notebook.write_text(text.replace(str(directory), "/notebooks") + "\n")


def test_a_second_kernel_keeps_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    chosen = NOTEBOOKS if ALL else random.Random(SEED).sample(NOTEBOOKS, 1)
    for notebook in chosen:
        assert_a_second_kernel_keeps_the_work(notebook, tmp_path / notebook.stem, monkeypatch, capfd)
    with capfd.disabled():
        print(f"seed {SEED}, {len(chosen)} of {len(NOTEBOOKS)} notebooks")


def assert_a_second_kernel_keeps_the_work(
    notebook: Path, directory: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    directory.mkdir()
    kernels = Kernels(directory, monkeypatch, capfd)
    first, computing = kernels.run(notebook)
    assert re.search(r"\b0 of [1-9]\d* partitions found", status(first)), status(first)
    second, reading = kernels.run(notebook)
    assert outputs(second) == outputs(first)
    found = re.search(r"([1-9]\d*) of ([1-9]\d*) partitions found, ([1-9]\d*) exchanges", status(second))
    assert found and found[1] == found[2], status(second)
    assert all(calls(first)) and not any(calls(second)), (calls(first), calls(second))
    if os.environ.get("NOTEBOOKS_WRITE") == "true":
        keep(second, notebook, directory)
    # Each exchange below a cached result had tasks in the first run, and none in the second.
    skipped = int(found[3])
    assert computing.total() - reading.total() >= skipped, (computing, reading, skipped)
    assert computing["ShuffleMapTask"] > reading["ShuffleMapTask"], (computing, reading)


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.name)
def test_committed_outputs_are_of_the_second_run(notebook: Path) -> None:
    committed = nbformat.read(notebook, as_version=4)
    nbformat.validate(committed)
    assert "exchanges not executed" in status(committed)
    assert not re.search(r"\b0 exchanges", status(committed))
    assert not any(calls(committed))
    assert not re.search("/(root|home|tmp)/", notebook.read_text()), "paths of whoever ran it"


def test_there_are_notebooks() -> None:
    assert len(NOTEBOOKS) == 4 and shutil.which("tpchgen-cli")
    assert [len(calls(nbformat.read(path, as_version=4))) for path in NOTEBOOKS] == [0, 0, 2, 0]
