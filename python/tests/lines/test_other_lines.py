# SPDX-License-Identifier: Apache-2.0
"""On another line of Spark a jar, and a package without one for it, is plain Spark and says so: ``check-lines``."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pyspark
import pytest

from sparkdiskcache import _line

PROGRAM = Path(__file__).parents[1] / "programs" / "otherline.py"
#: The jars of the other lines.
JARS = {line: jar for line, jar in _line.jars().items() if line != _line.line_of(pyspark.__version__)}
PLUGIN = "spark.plugins=io.sparkdiskcache.DiskCachePlugin"
EXTENSION = "spark.sql.extensions=io.sparkdiskcache.DiskCacheExtensions"
ADDED = "spark.jars={}"
ON_CLASS_PATH = "spark.driver.extraClassPath={}"
WAYS = [[ADDED, PLUGIN], [ON_CLASS_PATH, EXTENSION], [ON_CLASS_PATH], [ON_CLASS_PATH, EXTENSION, PLUGIN]]


def ways() -> list[tuple[str, list[str]]]:
    """Every way with the first jar, one way with each other."""
    lines = sorted(JARS)
    return [(line, way) for line in lines for way in (WAYS if line == lines[0] else WAYS[:1])]


@pytest.mark.skipif(_line.supported(), reason="the wheel has a jar for this line")
def test_a_package_without_a_jar_for_the_line_is_plain_spark() -> None:
    plain("package", [], _line.sentence())


@pytest.mark.parametrize(("line", "way"), ways())
def test_the_jar_of_another_line_is_plain_spark(line: str, way: list[str]) -> None:
    sentence = f"built for Spark {line}, found {pyspark.__version__}; nothing is cached by spark-diskcache"
    plain("jvm", [setting.format(JARS[line]) for setting in way], sentence, silent=way == [ON_CLASS_PATH])


def plain(way: str, settings: list[str], sentence: str, silent: bool = False) -> None:
    done = subprocess.run(
        [sys.executable, str(PROGRAM), way, *settings], capture_output=True, text=True, timeout=280
    )
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert lines.count("ROWS 5050 5150 100") == 2, done.stdout
    assert "CACHED True" in lines
    if way == "package":
        assert f"EXPLAINED {sentence} {{}} 0" in lines
    # There PySpark makes its session without asking for service files: nothing of the jar runs.
    silent = silent and pyspark.__version__.startswith("3.5.")
    said = [line for line in done.stderr.splitlines() if "diskcache" in line.lower()]
    assert len(said) == (0 if silent else 1), done.stderr
    assert all(line.endswith(sentence) for line in said), done.stderr
    for word in ("Traceback", "\tat ", "Exception", "NoClassDefFoundError", "ERROR"):
        assert word not in done.stderr, done.stderr
