# SPDX-License-Identifier: Apache-2.0
"""On each line that the wheel has a jar for, a second application finds what the first one computed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyspark
import pytest

from sparkdiskcache import _line

PROGRAM = Path(__file__).parents[1] / "programs" / "line.py"


def start(python: str, how: str, work: Path, *settings: str) -> subprocess.Popen[str]:
    command = [python, str(PROGRAM), how, str(work), str(work / "cache"), *settings]
    environment = {
        **os.environ,
        "PYSPARK_PYTHON": python,
        "PATH": f"{Path(python).parent}:{os.environ['PATH']}",
    }
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    )


def result(process: subprocess.Popen[str]) -> dict[str, Any]:
    out, err = process.communicate(timeout=280)
    assert process.returncode == 0, out + err
    (line,) = (line for line in out.splitlines() if line.startswith("RESULT "))
    assert [line for line in err.splitlines() if "diskcache" in line.lower() and "WARN" in line] == [], err
    found: dict[str, Any] = json.loads(line.removeprefix("RESULT "))
    return found


def run(how: str, work: Path) -> dict[str, Any]:
    return result(start(sys.executable, how, work))


@pytest.mark.skipif(not _line.supported(), reason="the wheel has no jar for this line")
def test_the_next_application_finds_what_the_first_computed(tmp_path: Path) -> None:
    plain, first, second = run("plain", tmp_path), run("cached", tmp_path), run("cached", tmp_path)
    assert len(plain["rows"]["true plain sorted"]) == 5000
    for cached in (first, second):
        assert cached["said"]["refused"] == {}
        for name, rows in plain["rows"].items():
            assert cached["rows"][name] == rows, f"{pyspark.__version__}: {name}"
    assert first["said"]["computed"] > 0
    assert second["said"]["computed"] == 0 and second["said"]["hits"] >= 6, second["said"]["text"]
    assert first["said"]["memo"][0] == second["said"]["memo"][0] == 40
    assert second["said"]["memo"][1] > first["said"]["memo"][1]


#: The interpreters of the environments with other lines, the wheel installed in each.
OTHERS = [python for python in os.environ.get("SPARKDISKCACHE_LINES", "").split(":") if python]


@pytest.mark.skipif(not OTHERS or not _line.supported(), reason="no environment of another line is given")
def test_lines_that_share_a_directory_neither_read_nor_hurt_each_other(tmp_path: Path) -> None:
    plain = run("plain", tmp_path)["rows"]
    pythons = [OTHERS[0], sys.executable]

    def both(*settings: str) -> list[dict[str, Any]]:
        found = [
            result(process)
            for process in [start(python, "cached", tmp_path, *settings) for python in pythons]
        ]
        for one in found:
            assert one["rows"] == plain
        return [one["said"] for one in found]

    first, second = both(), both()
    assert all(said["computed"] > 0 for said in first), "neither finds what the other one keeps"
    assert all(said["computed"] == 0 and said["hits"] >= 6 for said in second), second
    # The small limit of an application takes nothing from the others, of whatever line.
    entries = sorted((tmp_path / "cache" / "data").rglob("*.arrow"))
    limited = both("spark.diskcache.maxBytes=1m")
    assert all(said["computed"] == 0 and said["refused"] == {} for said in limited), limited
    assert sorted((tmp_path / "cache" / "data").rglob("*.arrow")) == entries
