# SPDX-License-Identifier: Apache-2.0
"""What a session changes under its own feet reaches neither its own rows nor those of the next application."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from changed import install
from conftest import Programs, warnings_of
from servers import standalone

PROGRAM = (Path(__file__).parent / "programs" / "sessions.py").read_text()
NAMES = {"of_edited", "of_auto", "of_library", "of_package", "of_data", "of_added"}


def wheel(directory: Path, text: str) -> Path:
    """As an index would have it."""
    directory.mkdir(parents=True)
    install(directory / "unpacked", "acme_library", {"acme_library/__init__.py": text})
    (directory / "unpacked" / "acme_library-1.0.dist-info" / "WHEEL").write_text(
        "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    )
    path = directory / "acme_library-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted((directory / "unpacked").rglob("*")):
            if file.is_file():
                archive.write(file, file.relative_to(directory / "unpacked"))
    return path


def times(factor: int) -> list[list[int]]:
    return [[i, i * factor] for i in range(300)]


@pytest.mark.drawn(1)
def test_whatever_a_session_changes_is_found_by_nobody_under_another_name(
    programs: Programs, data: str
) -> None:
    root = programs.directory
    for name in ("edited.py", "auto.py", "first/added.py", "flipped_1/__init__.py"):
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text("def rate(x):\n    return x * 2\n")
    for name in ("shipped/added.py", "flipped_2/__init__.py"):
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text("def rate(x):\n    return x * 3\n")
    for number in (1, 2):
        (root / f"weights_{number}").mkdir()
        (root / f"weights_{number}" / "factor.txt").write_text(str(number + 1))
    for name in ("flipped", "weights"):
        (root / name).symlink_to(f"{name}_1")
    first = wheel(root / "first_wheel", "def rate(x):\n    return x * 2\n")
    wheel(root / "second", "def rate(x):\n    return x * 3\n")
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-index", "--no-deps", "--target", "libraries"]
    subprocess.run([*pip, str(first)], cwd=root, check=True)
    programs.write("program.py", PROGRAM)
    programs.conf["spark.files.overwrite"] = "true"  # so that a file can be added again
    path = f"{root}:{root / 'libraries'}"

    def run(step: str) -> Any:
        return programs.run("program.py", data, step, str(Path(__file__).parent), PYTHONPATH=path)

    edit = run("edit")
    for name in NAMES:
        assert edit["before"][name]["rows"] == times(2), name
        assert edit["before"][name]["computed"] > 0, (name, edit["before"][name])
        # Workers that are used again may have the old code, as they may without the cache, and keep nothing then.
        assert edit["after"][name]["rows"] in (times(2), times(3)), name
        if edit["after"][name]["rows"] == times(2):
            assert edit["after"][name]["computed"] > 0, (name, edit["after"][name])
        assert edit["renewed"][name]["rows"] == times(3), (name, edit["renewed"][name])
    assert edit["after"]["of_data"]["rows"] == times(3), "a file is read for each row"

    look = run("look")["before"]
    for name in NAMES:
        assert look[name]["rows"] == times(3), (name, look[name])
        if name != "of_added":  # shipped into a directory of the application's own
            assert look[name]["hits"] > 0 and look[name]["computed"] == 0, (name, look[name])


NOTEBOOK = """
import json, os, sys
sys.path.insert(0, os.path.join(os.getcwd(), sys.argv[4]))
import shared_module
from pyspark.sql import SparkSession
from pyspark.sql.functions import udf
import sparkdiskcache

result, conf, data = sys.argv[1], json.loads(sys.argv[2]), sys.argv[3]
builder = SparkSession.builder.master(sys.argv[5])
for key, value in conf.items():
    builder = builder.config(key, value)
spark = sparkdiskcache.configure(builder).getOrCreate()
cache = sparkdiskcache.DiskCache(spark)
query = spark.read.parquet(data).select("id", udf(lambda x: shared_module.rate(x), "long")("id").alias("v")).cache()
before = cache.stats()
rows = sorted(list(row) for row in query.collect())
after = cache.stats()
with open(result, "w") as out:
    json.dump({"rows": rows, "hits": after["hits"] - before["hits"], "computed": after["computed"] - before["computed"],
               "withheld": {k: after["withheld"][k] for k in after["withheld"]} if "withheld" in after else {}}, out)
spark.stop()
"""


@pytest.mark.drawn(1)
def test_two_notebooks_with_different_code_of_one_module(programs: Programs, data: str) -> None:
    for name, factor in (("ann", 2), ("bob", 3)):
        (programs.directory / name).mkdir()
        (programs.directory / name / "shared_module.py").write_text(
            f"def rate(x):\n    return x * {factor}\n"
        )
    programs.write("program.py", NOTEBOOK)

    def run(name: str) -> Any:
        path = str(programs.directory / name)
        result = programs.directory / f"{name}.json"
        arguments = [str(result), json.dumps(programs.conf), data, name, "local[2]"]
        done = programs.attempt("program.py", *arguments, PYTHONPATH=path)
        assert done.returncode == 0, done.stderr
        assert warnings_of(done.stderr) == []
        return json.loads(result.read_text())

    with ThreadPoolExecutor(2) as both:
        ann, bob = both.map(run, ("ann", "bob"))
    assert ann["rows"] == times(2) and bob["rows"] == times(3)
    assert ann["computed"] > 0 and bob["computed"] > 0 and ann["hits"] == bob["hits"] == 0
    with ThreadPoolExecutor(2) as both:
        again = list(both.map(run, ("ann", "bob")))
    for found, factor in zip(again, (2, 3)):
        assert found["rows"] == times(factor)
        assert found["hits"] > 0 and found["computed"] == 0, found


@pytest.mark.drawn(1)
def test_hosts_with_another_library_keep_nothing_of_it(programs: Programs, data: str) -> None:
    """A standalone cluster of two hosts; the second one has another content of the same version."""
    root = programs.directory
    for name, factor in (("driver", 2), ("usual", 2), ("other", 3)):
        install(
            root / name, "shared_module", {"shared_module.py": f"def rate(x):\n    return x * {factor}\n"}
        )
    programs.write("program.py", NOTEBOOK)
    # Both executors are there before the first task, and have tasks: there are three for two cores.
    programs.conf["spark.locality.wait"] = "0s"
    programs.conf["spark.cores.max"] = "2"
    programs.conf["spark.executor.memory"] = "512m"
    programs.conf["spark.scheduler.minRegisteredResourcesRatio"] = "1.0"
    programs.conf["spark.scheduler.maxRegisteredResourcesWaitingTime"] = "120s"
    two, three = times(2), times(3)

    def run(name: str, master: str) -> Any:
        result = root / "result.json"
        arguments = [str(result), json.dumps(programs.conf), data, name, master]
        done = programs.attempt("program.py", *arguments, PYTHONPATH=str(root / name))
        assert done.returncode == 0, done.stderr
        return json.loads(result.read_text())

    hosts = {
        "127.0.0.1": {"PYTHONPATH": str(root / "usual")},
        "localhost": {"PYTHONPATH": str(root / "other")},
    }
    with standalone(root, hosts) as master:
        mixed = run("driver", master)
    assert all(row in (a, b) for row, a, b in zip(mixed["rows"], two, three))
    by_others = sum(row != a for row, a in zip(mixed["rows"], two))
    assert 0 < by_others < len(two), "both hosts had tasks"
    assert sum(mixed["withheld"].values()) > 0, mixed
    # What the host with the driver's library has computed is found, and nothing of the other one.
    alone = run("driver", "local[2]")
    assert alone["rows"] == two
    assert alone["hits"] > 0 and alone["computed"] > 0, alone
    other = run("other", "local[2]")
    assert other["rows"] == three
    assert other["hits"] == 0 and other["computed"] > 0, other
