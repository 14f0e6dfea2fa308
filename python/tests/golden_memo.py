# SPDX-License-Identifier: Apache-2.0
"""The results in the golden memo files, which GoldenMemoTest.java has as well.

``python golden_memo.py``, with the package's sources on the path, writes ``golden/memo`` anew; to be done
where the format of the files changes, and the other way round by GoldenMemoTest. Both programs read both.
"""

from __future__ import annotations

import datetime
import decimal
import shutil
import tempfile
from pathlib import Path
from typing import Any

from pyspark.sql import types as t

from sparkdiskcache import _memovalues as values
from sparkdiskcache._memostore import NEVER, Counts, Function, Result, Store

OF_PYTHON = Path(__file__).parent / "golden" / "memo"
OF_JAVA = Path(__file__).parents[2] / "spark-diskcache/src/test/resources/golden/memo"
FILES = "memo-4.db", "ledger.db"
FUNCTION = Function("d" * 64, "golden", "1", "maps,paid", "App.f\nApp.g")
CREATED = 1_700_000_000_000
UTC = datetime.timezone.utc

# Declared type and result, as decode gives it: structs as dicts, maps as pairs.
CASES: list[tuple[t.DataType, Any]] = [
    (t.StringType(), "Köln"),
    (t.StringType(), None),
    (t.BooleanType(), True),
    (t.ByteType(), -128),
    (t.ShortType(), -32768),
    (t.IntegerType(), 2147483647),
    (t.LongType(), -9223372036854775808),
    (t.FloatType(), 1.5),
    (t.DoubleType(), -0.0),
    (t.BinaryType(), b"\x00\xff"),
    (t.DecimalType(38, 3), decimal.Decimal("-123456789012345678901234567890.125")),
    (t.DateType(), datetime.date(1969, 12, 31)),
    (t.TimestampType(), datetime.datetime(2026, 11, 30, 2, 0, 0, 123456, UTC)),
    (t.TimestampNTZType(), datetime.datetime(1900, 1, 1, 0, 0, 0, 1)),
    (t.DayTimeIntervalType(), datetime.timedelta(days=-1, microseconds=1)),
    (t.ArrayType(t.StringType()), ["a", None, ""]),
    (t.MapType(t.StringType(), t.LongType()), [("k", 7), ("n", None)]),
    (
        t.StructType([t.StructField("q", t.DoubleType()), t.StructField("r", t.StringType())]),
        {"q": 0.1, "r": "x"},
    ),
]


def key(i: int) -> bytes:
    """All of one file."""
    return b"\x40" + bytes(30) + bytes([i])


def result(i: int) -> Result:
    declared, value = CASES[i]
    return Result(
        values.encode(value, declared),
        CREATED + i,
        NEVER if i % 2 == 0 else 4_000_000_000_000,
        1000 + i,
        0.25 * i,
        f"case {i}\x1fü",
    )


def write(to: Path) -> None:
    with tempfile.TemporaryDirectory() as directory:
        store = Store(directory)
        kept = store.commit(FUNCTION, {key(i): result(i) for i in range(len(CASES))}, [])
        if kept:
            raise RuntimeError(f"{kept} results were not kept")
        store.count(FUNCTION, Counts(1, 1, 1, 1, 12, 1001, 0.5, 0.25))
        store.close()  # the last connection empties the log into the file
        to.mkdir(parents=True, exist_ok=True)
        for name in FILES:
            shutil.copy(Path(directory) / "memo" / name, to / name)


if __name__ == "__main__":
    write(OF_PYTHON)
