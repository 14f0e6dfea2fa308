# SPDX-License-Identifier: Apache-2.0
"""Columns that are kept with fewer bits: what other readers, and Python functions, see of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pyspark.sql.functions import col, pandas_udf, udf

from sparkdiskcache import DiskCache


def test_pyarrow_reads_half_floats_and_functions_get_the_declared_type(
    cache: DiskCache, spark: Any, data: str
) -> None:
    df = spark.read.parquet(data).selectExpr(
        "id",
        "v / 7 AS price",
        "v / 7 AS wide",
        "array(cast(sin(v) AS float), NULL, cast(id AS float)) AS embedding",
        "CASE WHEN id % 3 > 0 THEN v / 7 END AS brain",
    )
    precision = {"price": "float16", "wide": "float32", "embedding": "float16", "brain": "bfloat16"}
    kept = cache.persist(df, precision=precision, tag="precision")
    rows = {row.id: row for row in kept.collect()}
    (relation,) = cache.explain(kept).relations
    assert [text.split(",")[0] for text in relation.precision] == [
        "price float16",
        "wide float32",
        "embedding float16",
        "brain bfloat16",
    ]
    keys = cache.entries().query("tag == 'precision'").key
    assert len(keys) > 0
    directory = Path(spark.conf.get("spark.diskcache.dir"))
    seen = 0
    for key in keys:
        (path,) = directory.glob(f"data/*/*/{key}*.arrow")
        with pa.ipc.open_file(str(path)) as reader:
            table = reader.read_all()
        table.validate(full=True)
        assert table.schema.field("price").type == pa.float16()
        assert table.schema.field("wide").type == pa.float32()
        assert table.schema.field("embedding").type.value_type == pa.float16()
        assert table.schema.field("brain").type == pa.binary(2)
        assert table.schema.field("brain").metadata == {b"arrow-codec.type": b"bfloat16"}
        for found in table.to_pylist():
            row = rows[found["id"]]
            assert float(found["price"]) == row.price == float(np.float16(row.id / 2 / 7))
            assert found["wide"] == row.wide == float(np.float32(row.id / 2 / 7))
            assert [None if e is None else float(e) for e in found["embedding"]] == row.embedding
            if row.brain is None:
                assert found["brain"] is None
            else:
                upper = np.frombuffer(b"\0\0" + found["brain"], np.float32)[0]
                assert float(upper) == row.brain == pytest.approx(row.id / 2 / 7, rel=2**-8)
            seen += 1
    assert seen == len(rows) == 300

    @pandas_udf("string")
    def types(price, embedding):  # type: ignore[no-untyped-def]
        return pd.Series([f"{price.dtype} {e.dtype} {p!r}" for p, e in zip(price, embedding)])

    @udf("double")
    def same(price: float) -> float:
        return price

    for row in kept.select("id", types("price", "embedding").alias("t"), same("price").alias("p")).collect():
        price = rows[row.id].price
        assert row.p == price
        assert row.t == f"float64 float32 {price!r}"
    hits = kept.where(col("price") == rows[30].price).count()
    assert hits == sum(row.price == rows[30].price for row in rows.values())
