# SPDX-License-Identifier: Apache-2.0
"""Golden files: what either language has written to disk once, both read today."""

from __future__ import annotations

import datetime
import decimal
import re
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import golden_memo as golden
import pyarrow as pa
import pytest

from sparkdiskcache import _memofile
from sparkdiskcache import _memovalues as values
from sparkdiskcache._memostore import Counts, Store

ENTRY = Path(__file__).parents[2] / "arrow-codec/src/test/resources/golden/entry.arrow"


def schema(file: Path) -> list[str]:
    """The tables of the file, as it describes them."""
    # As it is: opened otherwise, SQLite would put its log beside the golden file.
    with closing(sqlite3.connect(f"file:{file}?immutable=1", uri=True)) as connection:
        found = connection.execute("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name")
        return [sql for (sql,) in found]


def copied(golden_files: Path, to: Path) -> str:
    (to / "memo").mkdir(mode=0o700)
    for name in golden.FILES:
        shutil.copy(golden_files / name, to / "memo" / name)
    return str(to)


@pytest.mark.parametrize("files", [golden.OF_PYTHON, golden.OF_JAVA], ids=["of_python", "of_java"])
def test_memo_files_of_both_languages_are_read_and_written_on(files: Path, tmp_path: Path) -> None:
    store = Store(copied(files, tmp_path))
    found = store.find([golden.key(i) for i in range(len(golden.CASES))])
    assert len(found) == len(golden.CASES)
    for i, (declared, value) in enumerate(golden.CASES):
        result = found[golden.key(i)]
        assert result == golden.result(i)._replace(arguments=""), declared  # find asks for no arguments
        read = values.decode(result.value, declared)
        assert (read, repr(read)) == (value, repr(value)), declared
    more = golden.key(200)
    assert store.commit(golden.FUNCTION, {more: golden.result(0)}, []) == 0
    store.count(golden.FUNCTION, Counts(calls=1))
    assert store.find([more])[more].value == golden.result(0).value
    store.close()
    with closing(sqlite3.connect(tmp_path / "memo" / "memo-4.db")) as shard:
        assert shard.execute("PRAGMA user_version").fetchone() == (_memofile.FORMAT,)
        functions = shard.execute("SELECT digest, name, version, tag, code FROM functions").fetchall()
        assert functions == [tuple(vars(golden.FUNCTION).values())]  # also after the one that was added
        arguments = shard.execute("SELECT arguments FROM results WHERE key = ?", [golden.key(3)]).fetchone()
        assert arguments == ("case 3\x1fü",)
    with closing(sqlite3.connect(tmp_path / "memo" / "ledger.db")) as ledger:
        first, *_ = ledger.execute("SELECT * FROM ledger ORDER BY day").fetchall()
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", first[0])
    assert first[1:4] == ("golden", "1", "maps,paid")
    assert first[5:] == (1, 1, 1, 12, 1001, 0.5, 0.25)


def test_both_languages_make_the_same_tables(tmp_path: Path) -> None:
    golden.write(tmp_path)
    for name in golden.FILES:
        tables = schema(tmp_path / name)
        assert tables
        assert tables == schema(golden.OF_PYTHON / name) == schema(golden.OF_JAVA / name)


def test_pyarrow_reads_an_entry() -> None:
    with pa.ipc.open_file(str(ENTRY)) as reader:
        entry = reader.read_all()
    entry.validate(full=True)
    metadata = entry.schema.metadata
    assert metadata[b"arrow-codec.format"] == b"1"
    assert metadata[b"diskcache.relation"] == b"golden"
    assert b'"name":"amount"' in metadata[b"spark.schema"]
    assert {field.name: str(field.type) for field in entry.schema} == {
        "flag": "bool",
        "id": "int8",
        "amount": "decimal32(9, 2)",
        "share": "float",
        "about": "halffloat",
        "word": "dictionary<values=string, indices=int8, ordered=0>",
        "bytes": "binary",
        "day": "date32[day]",
        "at": "timestamp[us, tz=UTC]",
        "local": "timestamp[us]",
        "list": "list<element: string>",
        "map": "map<string, int64>",
        "row": "struct<q: double, r: string>",
    }
    utc = datetime.timezone.utc
    first = {
        "flag": True,
        "id": -7,
        "amount": decimal.Decimal("12.34"),
        "share": 0.5,
        "about": 1.5,
        "word": "Köln am Rhein",
        "bytes": b"\x00\xff",
        "day": datetime.date(2022, 1, 8),
        "at": datetime.datetime(1970, 1, 1, 0, 0, 1, tzinfo=utc),
        "local": datetime.datetime(1970, 1, 1, 0, 0, 2),
        "list": ["a", None],
        "map": [("k", 7)],
        "row": {"q": 0.1, "r": "x"},
    }
    nothing = dict.fromkeys(first)
    assert entry.to_pylist() == [first, nothing, first] * 50
