# SPDX-License-Identifier: Apache-2.0
"""Columns that are stored in less than their types need: what other readers of Arrow see."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from sparkdiskcache import DiskCache

COLUMNS = {
    "id": pa.int16(),
    "constant": pa.int8(),
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
