# SPDX-License-Identifier: Apache-2.0
"""Python workers that are fed from memory of the cache by threads which outlive their task: the rows are right
and the JVM, here the process that is waited for, ends with 0. ``SPARKDISKCACHE_LATE_READERS=200`` in the
environment runs as many rounds."""

from __future__ import annotations

import base64
import json
import os
import subprocess
from pathlib import Path

import pyspark
import pytest
from conftest import Programs, warnings_of

ROUNDS = os.environ.get("SPARKDISKCACHE_LATE_READERS", "1")

CONSUMERS = """
import json, sys
import pandas as pd
from pyspark.sql import SparkSession
from pyspark.sql.functions import pandas_udf, udf
import sparkdiskcache

result, rounds = sys.argv[1], int(sys.argv[2])
spark = SparkSession.builder.getOrCreate()
df = spark.range(0, 60000, 1, 1).selectExpr("id as a", "concat('text ', id % 100, ' of ', id) as b", "id / 7 as c")
df = df.cache()
assert df.count() == 60000


def early(frames):  # reads one batch and leaves the others
    for frame in frames:
        yield frame.head(1)
        return


def some_early(batches):
    for batch in batches:
        yield batch.slice(0, 1)
        return


@pandas_udf("string")
def vectorized(a: pd.Series, b: pd.Series, c: pd.Series) -> pd.Series:
    return a.astype(str) + b


row_by_row = udf(lambda a, b, c: f"{a}{b}", "string")
consumers = {
    "mapInPandas": lambda: df.mapInPandas(early, df.schema).select("a", "b").collect(),
    "mapInArrow": lambda: df.mapInArrow(some_early, df.schema).select("a", "b").collect(),
    "mapInPandas, limit": lambda: df.mapInPandas(lambda frames: frames, df.schema).select("a", "b").limit(1).collect(),
    "udf, limit": lambda: df.select(row_by_row("a", "b", "c")).limit(1).collect(),
    "pandas_udf, limit": lambda: df.select(vectorized("a", "b", "c")).limit(1).collect(),
    "pipe": lambda: df.select("a", "b").rdd.map(lambda row: f"{row.a} {row.b}").pipe("head -n 1").collect(),
    "mapPartitions": lambda: df.rdd.mapPartitions(lambda rows: [next(rows)[:2]]).collect(),
    "toLocalIterator": lambda: [next(df.select("a", "b").toLocalIterator())],
}
found = {name: set() for name in consumers}
for _ in range(rounds):
    for name, consume in consumers.items():
        (row,) = consume()
        found[name].add(row if isinstance(row, str) else " ".join(map(str, row)))
    spark.sparkContext._jvm.System.gc()
    assert df.count() == 60000
stats = sparkdiskcache.DiskCache(spark).stats()
with open(result, "w") as out:
    kept = {"computed": stats["computed"], "withheld": sum(stats["withheld"].values())}
    json.dump({"rows": {name: sorted(rows) for name, rows in found.items()}, "stats": kept}, out)
spark.stop()
"""


@pytest.mark.drawn(1)
@pytest.mark.parametrize("mode", ["plain", "encrypted and compressed"])
def test_python_workers_that_stop_reading_early_end_no_jvm(mode: str, programs: Programs) -> None:
    from sparkdiskcache._install import jar_path

    conf = {
        **programs.conf,
        "spark.master": "local[2]",
        "spark.plugins": "io.sparkdiskcache.DiskCachePlugin",
        "spark.jars": str(jar_path()),
    }
    if mode != "plain":
        key = programs.write("key", base64.b64encode(bytes(range(32))).decode())
        key.chmod(0o600)
        conf["spark.diskcache.encryption.keyFile"] = str(key)
        conf["spark.diskcache.compression"] = "lz4"
    program = programs.write("consumers.py", CONSUMERS)
    result = programs.directory / "result.json"
    submit = [str(Path(pyspark.__file__).parent / "bin" / "spark-submit")]
    for name, value in conf.items():
        submit += ["--conf", f"{name}={value}"]
    done = subprocess.run(
        [*submit, str(program), str(result), ROUNDS], cwd=programs.directory, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert list(programs.directory.glob("hs_err*")) == []
    found = json.loads(result.read_text())
    assert found["stats"] == {"computed": 1, "withheld": 0}
    together = {"udf, limit", "pandas_udf, limit"}
    expected = {name: ["0text 0 of 0" if name in together else "0 text 0 of 0"] for name in found["rows"]}
    assert found["rows"] == expected
    assert warnings_of(done.stderr) == []
