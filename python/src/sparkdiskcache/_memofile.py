# SPDX-License-Identifier: Apache-2.0
"""One file of memoised results as a process has it open; its schema is in docs/design/format-memo.md."""

from __future__ import annotations

import ctypes
import os
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

FORMAT = 1
_BUSY_SECONDS = 2.0
_LOG_BYTES = 16 << 20

SHARD = (
    "CREATE TABLE IF NOT EXISTS functions(id INTEGER PRIMARY KEY, digest TEXT NOT NULL, name TEXT NOT NULL,"
    " version TEXT NOT NULL, tag TEXT NOT NULL, code TEXT NOT NULL, UNIQUE(digest, name, version, tag))",
    "CREATE TABLE IF NOT EXISTS results(key BLOB PRIMARY KEY, function INTEGER NOT NULL REFERENCES functions,"
    " arguments TEXT NOT NULL, value BLOB NOT NULL, crc INTEGER NOT NULL, created INTEGER NOT NULL, expires"
    " INTEGER NOT NULL, nanos INTEGER NOT NULL, price REAL NOT NULL) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS leases(key BLOB PRIMARY KEY, owner TEXT NOT NULL, expires INTEGER NOT NULL)"
    " WITHOUT ROWID",
)
LEDGER = (
    "CREATE TABLE IF NOT EXISTS ledger(day TEXT NOT NULL, name TEXT NOT NULL, version TEXT NOT NULL, tag TEXT"
    " NOT NULL, calls INTEGER NOT NULL, hits INTEGER NOT NULL, errors INTEGER NOT NULL, unkept INTEGER NOT"
    " NULL, nanos_spent INTEGER NOT NULL, nanos_saved INTEGER NOT NULL, spent REAL NOT NULL, saved REAL NOT"
    " NULL, PRIMARY KEY(day, name, version, tag)) WITHOUT ROWID",
)


@dataclass(frozen=True)
class Function:
    """A memoised function as people name it."""

    digest: str
    name: str
    version: str
    tag: str
    code: str


class _Mapping:
    """The file ``-shm`` beside a database, which SQLite maps. If another program cuts it off, touching what is
    missing ends the process with SIGBUS, so its length is looked at before and after each use; once it was
    cut, the connection is not touched again, not even to be closed. As ``WalIndex`` does in the JVM."""

    def __init__(self, database: Path) -> None:
        self._path = f"{database}-shm"
        self._known: tuple[int, int] | None = None  # inode and length
        self._cut = False

    def require_whole(self) -> None:
        before, now = self._known, self._now()
        if before is not None and now is not None and now[0] == before[0] and now[1] < before[1]:
            self._cut = True
        if self._cut:
            raise sqlite3.OperationalError(
                f"{self._path} was cut by another program; it is not used until this process is started again"
            )

    def used(self) -> None:
        self._known = self._now()

    def _now(self) -> tuple[int, int] | None:
        try:
            found = os.stat(self._path)
        except FileNotFoundError:
            return None
        return found.st_ino, found.st_size

    def may_close(self, connection: sqlite3.Connection) -> bool:
        try:
            self.require_whole()
        except sqlite3.OperationalError:
            # The end of the interpreter would close it.
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(connection))
            return False
        return True


class File:
    """One file: a connection for all threads of the process, which use it one at a time."""

    def __init__(self, path: Path, tables: Iterable[str]) -> None:
        self._path = path
        self._mapping = _Mapping(path)
        self._tables = tables
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self.ids: dict[Function, int] = {}
        self.unchecked: dict[str, int] = {}  # by name, bytes since the file was last held to a limit

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            yield self._connected()
            self._mapping.used()

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction."""
        with self._lock:
            connection = self._connected()
            try:
                connection.execute("BEGIN IMMEDIATE")
                yield connection
                connection.execute("COMMIT")
                self._mapping.used()
            except BaseException:
                self._disconnect()  # which rolls back
                raise

    def _connected(self) -> sqlite3.Connection:
        try:
            self._mapping.require_whole()
        except sqlite3.OperationalError:
            self._disconnect()
            raise
        if self._connection is not None:
            return self._connection
        path = self._path
        if not path.exists():
            os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))  # an empty file is an empty database
        opened = sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        try:
            opened.execute("PRAGMA trusted_schema=OFF")
            opened.execute("PRAGMA foreign_keys=ON")
            opened.execute("PRAGMA synchronous=NORMAL")
            opened.execute(f"PRAGMA journal_size_limit={_LOG_BYTES}")
            if _version(opened) == 0:
                _create(opened, self._tables)
            if _version(opened) != FORMAT:
                raise sqlite3.DatabaseError(f"{path} has format {_version(opened)}, expected {FORMAT}")
        except BaseException:
            opened.close()
            raise
        self._connection = opened
        return opened

    def _disconnect(self) -> None:
        self.ids.clear()
        self.unchecked.clear()
        connection, self._connection = self._connection, None
        if connection is not None and self._mapping.may_close(connection):
            connection.close()

    def close(self) -> None:
        with self._lock:
            self._disconnect()

    def keep_if_cut(self) -> None:
        """The process ends, and whoever has the lock may not let go."""
        connection = self._connection
        if connection is not None:
            self._mapping.may_close(connection)


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _create(connection: sqlite3.Connection, tables: Iterable[str]) -> None:
    """May be done by several processes at a time: every step does nothing the second time."""
    deadline = time.monotonic() + _BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            break
        except sqlite3.OperationalError:  # does not wait for others that are doing the same
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)
    connection.execute("BEGIN IMMEDIATE")
    for table in tables:
        connection.execute(table)
    connection.execute(f"PRAGMA user_version={FORMAT}")
    connection.execute("COMMIT")
