# SPDX-License-Identifier: Apache-2.0
"""A session for the tests that can share one, and programs in processes of their own for the rest."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import textwrap
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from counting import Service

import sparkdiskcache

PROGRAM_SECONDS = 280
# The processes of pytest-xdist draw the same.
_RUN = os.environ.get("PYTEST_XDIST_TESTRUNUID") or uuid.uuid4().hex
SEED = int(os.environ.get("SPARKDISKCACHE_SEED") or int(_RUN, 16) % 10**9)
_ARCHIVE = Path(sys.prefix) / "spark.jsa"  # that check makes
# Short programs: compiling well costs more than it gives.
JVM_OPTIONS = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC" + (
    f" -XX:SharedArchiveFile={_ARCHIVE} -Xlog:cds=off -Xlog:cds+dynamic=off -Xlog:class+path=off"
    if _ARCHIVE.exists()
    else ""
)
CONF = {
    "spark.ui.enabled": "false",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.memory": "1g",
    "spark.driver.extraJavaOptions": JVM_OPTIONS,
    "spark.executor.extraJavaOptions": JVM_OPTIONS,
    "spark.sql.shuffle.partitions": "2",
    "spark.diskcache.inputs.settle": "0s",
}


WHOLE = os.environ.get("SPARKDISKCACHE_SAMPLES") == "all"


def pytest_report_header() -> str:
    return f"SPARKDISKCACHE_SEED={SEED} draws the same tests again; SPARKDISKCACHE_SAMPLES=all runs every one"


@pytest.hookimpl(trylast=True)  # of the tests that are chosen
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Of the tests of a module that are marked ``drawn(count)`` skips all but so many, drawn by chance.

    Tests with several parameters count one by one.
    """
    if WHOLE:
        return
    groups: dict[tuple[str, int], list[pytest.Item]] = {}
    for item in items:
        if mark := item.get_closest_marker("drawn"):
            groups.setdefault((item.path.name, *mark.args), []).append(item)
    for (name, count), group in groups.items():
        left = random.Random(f"{SEED} {name} {count}").sample(group, max(0, len(group) - count))
        for item in left:
            item.add_marker(pytest.mark.skip(reason=f"not drawn by SPARKDISKCACHE_SEED={SEED}"))


def warnings_of(log: str) -> list[str]:
    """Lines at WARN or above that are from the cache or about it."""
    return [
        line
        for line in log.splitlines()
        if "diskcache" in line.lower() and any(f" {level} " in f" {line} " for level in ("WARN", "ERROR"))
    ]


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Three files, 300 rows: id, s (text of id), k (id % 5), v (id / 2)."""
    directory = tmp_path_factory.mktemp("data")
    for part in range(3):
        ids = range(part * 100, part * 100 + 100)
        table = pa.table(
            {
                "id": pa.array(ids, pa.int64()),
                "s": [str(i) for i in ids],
                "k": pa.array([i % 5 for i in ids], pa.int64()),
                "v": [i / 2 for i in ids],
            }
        )
        pq.write_table(table, directory / f"part-{part}.parquet")
    return str(directory)


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    from pyspark.sql import SparkSession

    builder = SparkSession.builder.master("local[2]")
    for key, value in CONF.items():
        builder = builder.config(key, value)
    builder = builder.config("spark.diskcache.dir", str(tmp_path_factory.mktemp("cache")))
    session = sparkdiskcache.configure(builder).getOrCreate()
    yield session
    session.stop()


@pytest.fixture
def cache(spark: Any) -> Iterator[sparkdiskcache.DiskCache]:
    yield sparkdiskcache.DiskCache(spark)
    spark.catalog.clearCache()


class Programs:
    """Runs Python programs as applications of their own, in one directory, over one cache."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.cache = directory / "cache"
        self.conf = {**CONF, "spark.diskcache.dir": str(self.cache)}

    def write(self, name: str, text: str) -> Path:
        path = self.directory / name
        path.write_text(textwrap.dedent(text))
        return path

    def run(self, name: str, *arguments: str, **environment: str) -> Any:
        """As :meth:`client`, with the configuration as the program's second argument."""
        return self.client(name, json.dumps(self.conf), *arguments, **environment)

    def client(self, name: str, *arguments: str, **environment: str) -> Any:
        """The value that the program wrote as JSON to the file named by its first argument."""
        result = self.directory / "result.json"
        result.unlink(missing_ok=True)
        done = self.attempt(name, str(result), *arguments, **environment)
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(result.read_text())

    def attempt(self, name: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, name, *arguments],
            cwd=self.directory,
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            timeout=PROGRAM_SECONDS,
        )


@pytest.fixture
def programs(tmp_path: Path) -> Programs:
    return Programs(tmp_path)


@pytest.fixture
def service() -> Iterator[Service]:
    service = Service()
    yield service
    service.close()
