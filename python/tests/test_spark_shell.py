# SPDX-License-Identifier: Apache-2.0
"""Code typed into the real spark-shell has the same identity in the next shell, at whatever line."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pyspark
from conftest import CONF, warnings_of

import sparkdiskcache

TIMEOUT_SECONDS = 280
CELLS = """
case class Rate(factor: Long, label: String)
val rate = Rate(2, "twice")
def helper(x: Long): Long = x * rate.factor

val scored = udf((x: Long) => helper(x) + 1)
val df = spark.read.parquet("DATA").select(scored(col("id")).as("score")).cache()
val table = spark.read.parquet("DATA")
val rates = table.select(col("id").as("factor"), lit("once").as("label")).as[Rate]
val typed = rates.map(r => Rate(r.factor + 1, r.label)).cache()
val last = typed.collect().map(_.factor).max
val rows = df.collect().map(_.getLong(0)).sorted.mkString(" ") + " " + last
val stats = io.sparkdiskcache.DiskCache.of(spark).stats()
val report = s"${stats.hits} ${stats.computed} ${stats.refused}\\n$rows"
java.nio.file.Files.writeString(java.nio.file.Path.of("RESULT"), report)
"""


class Shell:
    def __init__(self, directory: Path, data: str) -> None:
        self.directory, self.data = directory, data
        self.runs = 0

    def run(self, *programs: str) -> list[tuple[str, str]]:
        """Counters, and rows, of cells typed one after the other into a new shell, for each program."""
        self.runs += 1
        results = [self.directory / f"result-{self.runs}-{i}" for i in range(len(programs))]
        home = Path(pyspark.__file__).parent
        jar = next((Path(sparkdiskcache.__file__).parent / "jars").glob("*.jar"))
        conf = {
            **CONF,
            "spark.diskcache.dir": str(self.directory / "cache"),
            "spark.plugins": "io.sparkdiskcache.DiskCachePlugin",
        }
        command = [str(home / "bin" / "spark-shell"), "--master", "local[2]", "--jars", str(jar)]
        for key, value in conf.items():
            command += ["--conf", f"{key}={value}"]
        typed = [cells.replace("RESULT", str(result)) for cells, result in zip(programs, results)]
        text = "\nspark.catalog.clearCache()\n".join(typed).replace("DATA", self.data) + "\n:quit\n"
        done: Any = subprocess.run(
            command,
            input=text,
            env={**os.environ, "SPARK_HOME": str(home), "TERM": "dumb"},
            cwd=self.directory,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_SECONDS,
            check=False,
        )
        assert all(result.exists() for result in results), done.stdout + done.stderr
        assert " WARN " in done.stderr, "what is logged at WARN is there: Hadoop's native library is not"
        assert warnings_of(done.stdout + done.stderr) == []
        texts = [result.read_text().partition("\n") for result in results]
        return [(counters, rows) for counters, _, rows in texts]


def test_cells_at_other_lines_hit_and_edited_ones_do_not(tmp_path: Path, data: str) -> None:
    shell = Shell(tmp_path, data)
    ((computed, rows),) = shell.run(CELLS)
    assert rows.startswith("1 3 5 ")
    assert computed.endswith("{}"), "nothing is refused"
    hits, number, _ = computed.split(" ", 2)
    fresh = int(number)
    assert int(hits) == 0 and fresh > 0

    moved = "val other = 1 + 1\n\n// a remark\nval more = other + 1\n" + CELLS.replace(
        "\ndef helper", "\n// more\n\n\ndef helper"
    )
    edited = CELLS.replace("x * rate.factor", "x * rate.factor + 1")
    both = CELLS.replace("Rate(2,", "Rate(3,")
    both = both.replace("label: String)", "label: String) { def twice = 2 * factor }")
    # One after the other into one shell, whose counters go on.
    (counters, again), (edited_counters, edited_rows), (both_counters, both_rows) = shell.run(
        moved, edited, both
    )
    assert again == rows
    assert counters == f"{fresh} 0 {{}}"

    # Of two relations over the same files one has the edited function.
    half = fresh // 2
    assert edited_rows.startswith("2 4 6 ")
    assert edited_counters == f"{fresh + half} {half} {{}}"

    # Another value in what one function captures, and another class for the other's rows.
    assert both_rows.startswith("1 4 7 ")
    assert both_counters == f"{fresh + half} {half + fresh} {{}}"


def test_spark_sql_starts_without_a_warning(tmp_path: Path, data: str) -> None:
    home = Path(pyspark.__file__).parent
    jar = next((Path(sparkdiskcache.__file__).parent / "jars").glob("*.jar"))
    conf = {
        **CONF,
        "spark.diskcache.dir": str(tmp_path / "cache"),
        "spark.plugins": "io.sparkdiskcache.DiskCachePlugin",
        "spark.sql.catalogImplementation": "in-memory",
        "spark.sql.warehouse.dir": str(tmp_path / "warehouse"),
    }
    command = [str(home / "bin" / "spark-sql"), "--master", "local[2]", "--jars", str(jar)]
    for key, value in conf.items():
        command += ["--conf", f"{key}={value}"]
    query = f"CACHE TABLE t AS SELECT k, count(*) FROM parquet.`{data}` GROUP BY k; SELECT count(*) FROM t;"
    query += " SELECT value FROM diskcache_stats() WHERE name = 'computed';"
    done = subprocess.run(
        [*command, "-e", query],
        env={**os.environ, "SPARK_HOME": str(home)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.split() == ["5", "2"]
    assert " WARN " in done.stderr and warnings_of(done.stdout + done.stderr) == []
