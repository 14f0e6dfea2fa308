# SPDX-License-Identifier: Apache-2.0
"""Columns that are stored in less than their types need: what other readers of Arrow see."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from sparkdiskcache import DiskCache

COLUMNS = {
    "id": pa.int16(),
    "constant": pa.int8(),
    "now": pa.timestamp("us"),
    "never": pa.float32(),
    "wide": pa.int64(),
    "half": pa.float32(),
    "third": pa.float64(),
    "money": pa.decimal32(9, 2),
    "total": pa.decimal64(18, 2),
    "word": pa.dictionary(pa.int8(), pa.string()),
    "nothing": pa.dictionary(pa.int8(), pa.string()),
    "unique": pa.string(),
    "day": pa.date32(),
}


def test_pyarrow_and_duckdb_read_encoded_columns(cache: DiskCache, spark: Any) -> None:
    df = spark.range(0, 4000, 1, 1).selectExpr(
        "id",
        "7L AS constant",
        "TIMESTAMP_NTZ '2026-01-01 00:00:00' AS now",
        "cast(null AS double) AS never",
        "id * 10000000000 AS wide",
        "if(id % 5 = 0, null, id / 2) AS half",
        "id / 3 AS third",
        "cast(id / 100 AS decimal(12, 2)) AS money",
        "cast(id * 100000000 AS decimal(25, 2)) AS total",
        "if(id % 7 = 0, null, concat('word ', id % 30)) AS word",
        "cast(null AS string) AS nothing",
        "concat('unique ', id) AS unique",
        "date_add(DATE '2026-01-01', cast(id AS int)) AS day",
    )
    kept = cache.persist(df, tag="encodings")
    expected = [row.asDict() for row in kept.orderBy("id").collect()]
    assert expected == [row.asDict() for row in df.orderBy("id").collect()]
    keys = cache.entries().query("tag == 'encodings'").key
    directory = Path(spark.conf.get("spark.diskcache.dir"))
    (path,) = [p for key in keys for p in directory.glob(f"data/*/*/{key}*.arrow")]
    with pa.ipc.open_file(str(path)) as reader:
        entry = reader.read_all()
    entry.validate(full=True)
    assert {field.name: field.type for field in entry.schema} == COLUMNS
    assert sorted(entry.to_pylist(), key=lambda row: row["id"]) == expected
    found = duckdb.sql(
        "SELECT word, count(*) AS n, sum(money) AS m, sum(total) AS t, sum(half) AS h"
        " FROM entry GROUP BY word"
    )
    by_word = {row[0]: row[1:] for row in found.fetchall()}
    truth = kept.selectExpr("word", "money", "total", "half").groupBy("word")
    for row in truth.agg({"*": "count", "money": "sum", "total": "sum", "half": "sum"}).collect():
        assert by_word.pop(row["word"]) == (
            row["count(1)"],
            row["sum(money)"],
            row["sum(total)"],
            row["sum(half)"],
        )
    assert not by_word


def compressed_bodies(path: Path) -> list[bool]:
    """Of every record batch whether its buffers take less than they hold."""
    with pa.ipc.open_file(str(path)) as reader:
        batches = [reader.get_batch(i) for i in range(reader.num_record_batches)]
    return [batch.nbytes > path.stat().st_size / len(batches) for batch in batches]


@pytest.mark.parametrize("codec", ["lz4", "zstd"])
def test_pyarrow_and_duckdb_read_compressed_columns(cache: DiskCache, spark: Any, codec: str) -> None:
    df = spark.range(0, 40000, 1, 1).selectExpr(
        "id",
        "if(id % 5 = 0, null, id / 3) AS third",
        "concat('a text that is much like the others, number ', id) AS text",
        "concat('word ', id % 30) AS word",
        "array(id, id + 1) AS list",
        f"named_struct('a', id % 100, 'b', '{codec}') AS pair",
        "cast(concat('binary ', id) AS binary) AS bytes",
    )
    spark.conf.set("spark.diskcache.compression", codec)
    try:
        kept = cache.persist(df, tag=f"compressed-{codec}")
        expected = [row.asDict(recursive=True) for row in kept.orderBy("id").collect()]
    finally:
        spark.conf.unset("spark.diskcache.compression")
    assert expected == [row.asDict(recursive=True) for row in df.orderBy("id").collect()]
    keys = cache.entries().query(f"tag == 'compressed-{codec}'").key
    directory = Path(spark.conf.get("spark.diskcache.dir"))
    (path,) = [p for key in keys for p in directory.glob(f"data/*/*/{key}*.arrow")]
    assert all(compressed_bodies(path))
    with pa.ipc.open_file(str(path)) as reader:
        entry = reader.read_all()
    entry.validate(full=True)
    assert sorted(entry.to_pylist(), key=lambda row: row["id"]) == expected
    rows = duckdb.sql(
        "SELECT word, count(*), sum(id), sum(third), max(text), sum(pair.a), sum(list[2])"
        " FROM entry GROUP BY word ORDER BY word"
    ).fetchall()
    truth = df.selectExpr("*", "pair.a AS a", "list[1] AS second").groupBy("word")
    totals = truth.agg(
        {"*": "count", "id": "sum", "third": "sum", "text": "max", "a": "sum", "second": "sum"}
    )
    for found, row in zip(rows, totals.orderBy("word").collect(), strict=True):
        assert found[:3] == (row["word"], row["count(1)"], row["sum(id)"])
        assert found[3] == pytest.approx(row["sum(third)"])
        assert found[4:] == (row["max(text)"], row["sum(a)"], row["sum(second)"])
