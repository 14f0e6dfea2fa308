# SPDX-License-Identifier: Apache-2.0
"""Golden memo files: they were written once, and are read today."""

from __future__ import annotations

import re
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import golden_memo as golden

from sparkdiskcache import _memostore
from sparkdiskcache import _memovalues as values
from sparkdiskcache._memostore import Counts, Store


def schema(file: Path) -> list[str]:
    """What the file says of its tables."""
    # As it is: opened otherwise, SQLite would put its log beside the golden file.
    with closing(sqlite3.connect(f"file:{file}?immutable=1", uri=True)) as connection:
        found = connection.execute("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name")
        return [sql for (sql,) in found]


def copied(golden_files: Path, to: Path) -> str:
    (to / "memo").mkdir(mode=0o700)
    for name in golden.FILES:
        shutil.copy(golden_files / name, to / "memo" / name)
    return str(to)


def test_golden_memo_files_are_read_and_written_on(tmp_path: Path) -> None:
    store = Store(copied(golden.OF_PYTHON, tmp_path))
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
        assert shard.execute("PRAGMA user_version").fetchone() == (_memostore._FORMAT,)
        functions = shard.execute("SELECT digest, name, version, tag, code FROM functions").fetchall()
        assert functions == [tuple(vars(golden.FUNCTION).values())]  # also after the one that was added
        arguments = shard.execute("SELECT arguments FROM results WHERE key = ?", [golden.key(3)]).fetchone()
        assert arguments == ("case 3\x1fü",)
    with closing(sqlite3.connect(tmp_path / "memo" / "ledger.db")) as ledger:
        first, *_ = ledger.execute("SELECT * FROM ledger ORDER BY day").fetchall()
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", first[0])
    assert first[1:4] == ("golden", "1", "maps,paid")
    assert first[5:] == (1, 1, 1, 12, 1001, 0.5, 0.25)


def test_new_files_have_the_tables_of_the_golden_ones(tmp_path: Path) -> None:
    golden.write(tmp_path)
    for name in golden.FILES:
        tables = schema(tmp_path / name)
        assert tables
        assert tables == schema(golden.OF_PYTHON / name)
