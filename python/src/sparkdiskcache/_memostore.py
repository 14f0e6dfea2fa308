# SPDX-License-Identifier: Apache-2.0
"""The files of memoised results, which the JVM opens as well; their schema is in docs/memo.md.

Workers use it, with nothing but the standard library. Whatever goes wrong with a file means that nothing
is known there: the function is called, and the query goes on.
"""

from __future__ import annotations

import datetime
import hashlib
import logging
import os
import sqlite3
import stat
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

_log = logging.getLogger(__name__)
_FORMAT = 1
_BUSY_SECONDS = 2.0
_CHUNK = 500  # keys asked for in one statement
_SHARDS = 16
_ROW_BYTES = 100  # of a result beside its value and its arguments
_BYTES = f"length(value) + length(arguments) + {_ROW_BYTES}"
_OF_NAME = "FROM results WHERE function IN (SELECT id FROM functions WHERE name = ?)"
_MAX_SHOWN = 1000  # characters of an argument
_START_TIME = 19  # the 22nd field of stat, counted after the name
_LOG_BYTES = 16 << 20
NEVER = (1 << 63) - 1

_SHARD = (
    "CREATE TABLE IF NOT EXISTS functions(id INTEGER PRIMARY KEY, digest TEXT NOT NULL, name TEXT NOT NULL,"
    " version TEXT NOT NULL, tag TEXT NOT NULL, code TEXT NOT NULL, UNIQUE(digest, name, version, tag))",
    "CREATE TABLE IF NOT EXISTS results(key BLOB PRIMARY KEY, function INTEGER NOT NULL REFERENCES functions,"
    " arguments TEXT NOT NULL, value BLOB NOT NULL, crc INTEGER NOT NULL, created INTEGER NOT NULL, expires"
    " INTEGER NOT NULL, nanos INTEGER NOT NULL, price REAL NOT NULL) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS leases(key BLOB PRIMARY KEY, owner TEXT NOT NULL, expires INTEGER NOT NULL)"
    " WITHOUT ROWID",
)
_LEDGER = (
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


class Result(NamedTuple):
    """What a function returned once; times in milliseconds since 1970."""

    value: bytes
    created: int
    expires: int
    nanos: int
    price: float
    arguments: str = ""


@dataclass
class Counts:
    """What happened to one function since the last time it was written."""

    calls: int = 0
    hits: int = 0
    errors: int = 0
    unkept: int = 0
    nanos_spent: int = 0
    nanos_saved: int = 0
    spent: float = 0.0
    saved: float = 0.0


def now_millis() -> int:
    return time.time_ns() // 1_000_000


def shown(argument: str) -> str:
    """For people and selectors; long ones as the digest of their UTF-8."""
    text = argument.replace("\x1f", " ").encode("utf-8", "replace").decode()
    if len(text) <= _MAX_SHOWN:
        return text
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


class Store:
    """The results of one cache directory, as one process sees them."""

    def __init__(self, directory: str) -> None:
        self._memo = _prepared(Path(directory))
        self._open: dict[str, sqlite3.Connection] = {}
        self._ids: dict[tuple[str, Function], int] = {}
        self._unchecked: dict[tuple[str, str], int] = {}  # bytes since a file was last held to a limit
        self.owner = _owner(os.getpid())

    def _connection(self, name: str, tables: Iterable[str]) -> sqlite3.Connection:
        known = self._open.get(name)
        if known is not None:
            return known
        path = self._memo / name
        if not path.exists():
            os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))  # an empty file is an empty database
        opened = sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None)
        try:
            opened.execute("PRAGMA trusted_schema=OFF")
            opened.execute("PRAGMA foreign_keys=ON")
            opened.execute("PRAGMA synchronous=NORMAL")
            opened.execute(f"PRAGMA journal_size_limit={_LOG_BYTES}")
            if _version(opened) == 0:
                _create(opened, tables)
            if _version(opened) != _FORMAT:
                raise sqlite3.DatabaseError(f"{path} has format {_version(opened)}, expected {_FORMAT}")
        except BaseException:
            opened.close()
            raise
        self._open[name] = opened
        return opened

    @contextmanager
    def _transaction(self, name: str, tables: Iterable[str] = _SHARD) -> Iterator[sqlite3.Connection]:
        connection = self._connection(name, tables)
        try:
            connection.execute("BEGIN IMMEDIATE")
            yield connection
            connection.execute("COMMIT")
        except BaseException:
            self._ids.clear()
            self._unchecked.clear()
            del self._open[name]
            connection.close()  # which rolls back
            raise

    def find(self, keys: Iterable[bytes]) -> dict[bytes, Result]:
        """The results there are, expired or not."""
        found: dict[bytes, Result] = {}
        for name, some in _by_shard(keys).items():
            with _trouble("look up memoised results"):
                found.update(_find(self._connection(name, _SHARD), some))
        return found

    def take_turns(
        self, keys: Iterable[bytes], lease_millis: int, usable: Callable[[Result], bool]
    ) -> tuple[set[bytes], set[bytes]]:
        """Takes the leases that nobody holds: the keys to call for, and those others are calling for.

        Of the rest there are results by now.
        """
        mine: set[bytes] = set()
        others: set[bytes] = set()
        now = now_millis()
        for name, some in _by_shard(keys).items():
            mine.update(some)  # also if the file cannot be used
            with _trouble("take the leases of memoised calls"), self._transaction(name) as connection:
                known = {key for key, result in _find(connection, some).items() if usable(result)}
                held = {
                    bytes(key)
                    for key, owner, expires in _rows(connection, "key, owner, expires", "leases", some)
                    if expires > now and owner != self.owner and _is_alive(owner)
                }
                free = [key for key in some if key not in known and key not in held]
                connection.executemany(
                    "INSERT INTO leases(key, owner, expires) VALUES (?, ?, ?) ON CONFLICT(key) DO UPDATE SET"
                    " owner = excluded.owner, expires = excluded.expires",
                    [(key, self.owner, now + lease_millis) for key in free],
                )
                mine -= known | held
                others |= held
        return mine, others

    def commit(
        self,
        function: Function,
        results: Mapping[bytes, Result],
        released: Iterable[bytes],
        max_bytes: int | None = None,
    ) -> None:
        """Keeps results and ends the leases of their keys and of ``released``.

        :param max_bytes: what results of functions of this name may take, of which the oldest are removed
        """
        ended = list(results) + list(released)
        for name, some in _by_shard(ended).items():
            with _trouble("keep memoised results"), self._transaction(name) as connection:
                id_ = self._id(connection, name, function)
                rows = [(key, results[key]) for key in some if key in results]
                connection.executemany(
                    "INSERT INTO results(key, function, arguments, value, crc, created, expires, nanos,"
                    " price) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT(key) DO UPDATE SET function ="
                    " excluded.function, value = excluded.value, crc = excluded.crc, created ="
                    " excluded.created, expires = excluded.expires, nanos = excluded.nanos, price ="
                    " excluded.price",
                    [
                        (
                            key, id_, r.arguments, r.value, zlib.crc32(key + r.value), r.created, r.expires,
                            r.nanos, r.price,
                        )
                        for key, r in rows
                    ],
                )  # fmt: skip
                connection.executemany(
                    "DELETE FROM leases WHERE key = ? AND owner = ?", [(key, self.owner) for key in some]
                )
                if max_bytes is not None:
                    self._bound(connection, name, function.name, [r for _, r in rows], max_bytes // _SHARDS)

    def _bound(
        self, connection: sqlite3.Connection, shard: str, name: str, results: list[Result], limit: int
    ) -> None:
        """Down to seven eighths, and looks again when as much has been added, as the JVM does."""
        added = sum(len(r.value) + len(r.arguments) + _ROW_BYTES for r in results)
        before = self._unchecked.get((shard, name))
        if not added:
            return
        if before is not None and before + added < limit // 8:
            self._unchecked[shard, name] = before + added
            return
        ((kept,),) = connection.execute(f"SELECT coalesce(sum({_BYTES}), 0) {_OF_NAME}", [name])
        if kept > limit:
            connection.execute(
                "DELETE FROM results WHERE key IN (SELECT key FROM (SELECT key, sum("
                f"{_BYTES}) OVER (ORDER BY created DESC, key ROWS UNBOUNDED PRECEDING) AS newer {_OF_NAME})"
                " WHERE newer > ?)",
                [name, limit - limit // 8],
            )
        self._unchecked[shard, name] = 0

    def _id(self, connection: sqlite3.Connection, name: str, function: Function) -> int:
        known = self._ids.get((name, function))
        if known is None:
            f = function
            connection.execute(
                "INSERT INTO functions(digest, name, version, tag, code) VALUES (?, ?, ?, ?, ?)"
                " ON CONFLICT DO NOTHING",
                (f.digest, f.name, f.version, f.tag, f.code),
            )
            (known,) = connection.execute(
                "SELECT id FROM functions WHERE digest = ? AND name = ? AND version = ? AND tag = ?",
                (f.digest, f.name, f.version, f.tag),
            ).fetchone()
            self._ids[name, function] = known
        return int(known)

    def count(self, function: Function, counts: Counts) -> None:
        """Adds to the ledger."""
        day = datetime.datetime.now(datetime.timezone.utc).date().isoformat()
        c = counts
        with (
            _trouble("write the ledger of memoised functions"),
            self._transaction("ledger.db", _LEDGER) as connection,
        ):
            connection.execute(
                "INSERT INTO ledger(day, name, version, tag, calls, hits, errors, unkept, nanos_spent,"
                " nanos_saved, spent, saved) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT(day,"
                " name, version, tag) DO UPDATE SET calls = calls + excluded.calls, hits = hits +"
                " excluded.hits, errors = errors + excluded.errors, unkept = unkept + excluded.unkept,"
                " nanos_spent = nanos_spent + excluded.nanos_spent, nanos_saved = nanos_saved +"
                " excluded.nanos_saved, spent = spent + excluded.spent, saved = saved + excluded.saved",
                (
                    day, function.name, function.version, function.tag, c.calls, c.hits, c.errors, c.unkept,
                    c.nanos_spent, c.nanos_saved, c.spent, c.saved,
                ),
            )  # fmt: skip

    def close(self) -> None:
        for connection in self._open.values():
            connection.close()
        self._open.clear()


def _prepared(directory: Path) -> Path:
    """``memo`` of a cache directory that belongs to this user alone."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    facts = directory.stat()
    if facts.st_uid != os.getuid() or facts.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise PermissionError(f"others may write to {directory}")
    memo = directory / "memo"
    memo.mkdir(mode=0o700, exist_ok=True)
    return memo


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
    connection.execute(f"PRAGMA user_version={_FORMAT}")
    connection.execute("COMMIT")


def _by_shard(keys: Iterable[bytes]) -> dict[str, list[bytes]]:
    shards: dict[str, list[bytes]] = {}
    for key in keys:
        shards.setdefault(f"memo-{key[0] >> 4:x}.db", []).append(key)
    return shards


def _rows(
    connection: sqlite3.Connection, columns: str, table: str, keys: list[bytes]
) -> list[tuple[Any, ...]]:
    rows: list[tuple[Any, ...]] = []
    for start in range(0, len(keys), _CHUNK):
        some = keys[start : start + _CHUNK]
        marks = ",".join("?" * len(some))
        rows += connection.execute(f"SELECT {columns} FROM {table} WHERE key IN ({marks})", some).fetchall()
    return rows


def _find(connection: sqlite3.Connection, keys: list[bytes]) -> dict[bytes, Result]:
    found = {}
    crc32 = zlib.crc32
    rows = _rows(connection, "key, value, crc, created, expires, nanos, price", "results", keys)
    for key, value, crc, created, expires, nanos, price in rows:
        if crc32(value, crc32(key)) == crc:  # else damaged: as if it were not there
            found[key] = Result(value, created, expires, nanos, price)
    return found


@contextmanager
def _trouble(doing: str) -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, OSError) as e:
        _log.warning("Cannot %s: %s. The query goes on without them", doing, e)


def _owner(pid: int) -> str:
    try:
        return f"{_namespace()}/{pid}/{_start(pid)}"
    except OSError:
        return f"?/{pid}/{time.monotonic_ns()}"  # not Linux: leases end by expiry only


@cache
def _namespace() -> str:
    return "".join(c for c in os.readlink("/proc/self/ns/pid") if c.isdigit())


def _start(pid: int) -> str:
    content = Path(f"/proc/{pid}/stat").read_text("latin-1")
    return content[content.rindex(")") + 2 :].split(" ")[_START_TIME]


def _is_alive(owner: str) -> bool:
    """False only for what is known to be dead: a process of this host's namespace that is gone."""
    parts = owner.split("/")
    try:
        if len(parts) != 3 or parts[0] != _namespace():
            return True
        return _start(int(parts[1])) == parts[2]
    except FileNotFoundError:
        return False
    except (OSError, ValueError):
        return True
