# SPDX-License-Identifier: Apache-2.0
"""On another line of Spark every way to the cache is plain Spark, and one line says so: ``check-lines``."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pyspark
import pytest

import sparkdiskcache

PROGRAM = Path(__file__).parents[1] / "programs" / "otherline.py"
JAR = next((Path(sparkdiskcache.__file__).parent / "jars").glob("*.jar"))
PLUGIN = "spark.plugins=io.sparkdiskcache.DiskCachePlugin"
EXTENSION = "spark.sql.extensions=io.sparkdiskcache.DiskCacheExtensions"
ON_CLASS_PATH = f"spark.driver.extraClassPath={JAR}"
SENTENCE = f"built for Spark 4.2, found {pyspark.__version__}; nothing is cached by spark-diskcache"


@pytest.mark.parametrize(
    ("way", "settings"),
    [
        ("package", []),
        ("jvm", [f"spark.jars={JAR}", PLUGIN]),
        ("jvm", [ON_CLASS_PATH, EXTENSION]),
        ("jvm", [ON_CLASS_PATH]),
        ("jvm", [ON_CLASS_PATH, EXTENSION, PLUGIN]),
    ],
)
def test_another_line_is_plain_spark(way: str, settings: list[str]) -> None:
    assert not pyspark.__version__.startswith("4.2.")
    done = subprocess.run(
        [sys.executable, str(PROGRAM), way, *settings], capture_output=True, text=True, timeout=280
    )
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert lines.count("ROWS 5050 5150 100") == 2, done.stdout
    assert "CACHED True" in lines
    if way == "package":
        assert f"EXPLAINED {SENTENCE} {{}} 0" in lines
    # There PySpark makes its session without asking for service files: nothing of the jar runs.
    silent = pyspark.__version__.startswith("3.5.") and settings == [ON_CLASS_PATH]
    said = [line for line in done.stderr.splitlines() if "diskcache" in line.lower()]
    assert len(said) == (0 if silent else 1), done.stderr
    assert all(line.endswith(SENTENCE) for line in said), done.stderr
    for word in ("Traceback", "\tat ", "Exception", "NoClassDefFoundError", "ERROR"):
        assert word not in done.stderr, done.stderr
