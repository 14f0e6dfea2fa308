# SPDX-License-Identifier: Apache-2.0
"""The files of memoised results, which the JVM opens as well; their schema is in docs/design/format-memo.md.

Workers use it, with nothing but the standard library. Whatever goes wrong with a file means that nothing
is known there: the function is called, and the query goes on.
"""

from __future__ import annotations

import atexit
import datetime
import hashlib
import logging
import operator
import os
import sqlite3
import stat
import threading
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any, NamedTuple

from ._memofile import LEDGER, SHARD, File, Function
from ._memoturns import Turns, is_alive, owner_of

_log = logging.getLogger(__name__)
_CHUNK = 500  # keys asked for in one statement
_SHARDS = 16
_ROW_BYTES = 100  # of a result beside its value and its arguments
_BYTES = f"length(value) + length(arguments) + {_ROW_BYTES}"
_OF_NAME = "FROM results WHERE function IN (SELECT id FROM functions WHERE name = ?)"
_MAX_SHOWN = 1000  # characters of an argument
NEVER = (1 << 63) - 1


class Result(NamedTuple):
    """A value that a function returned once; times in milliseconds since 1970."""

    value: bytes
    created: int
    expires: int
    nanos: int
    price: float
    arguments: str = ""


@dataclass
class Counts:
    """Counters of one function since the last time they were written."""

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
    """The results of one cache directory, as one process sees them; for any number of threads."""

    def __init__(self, directory: str) -> None:
        memo = _prepared(Path(directory))
        self._identity = _identity(str(memo))
        self._shards = {name: File(memo / name, SHARD) for name in map(_shard, range(_SHARDS))}
        self._ledger = File(memo / "ledger.db", LEDGER)
        self._uncounted: dict[Function, Counts] = {}  # that the ledger would not take
        self._counting = threading.Lock()
        self._turns = Turns()
        self.owner = owner_of(os.getpid())

    @staticmethod
    def of(directory: str) -> Store:
        """The one of this process, so that all memoised functions see who is calling for what."""
        with _OPENING:
            key = os.getpid(), directory  # what a parent has open is not for its children
            known = _STORES.get(key)
            if known is None or known._identity != _identity(os.path.join(directory, "memo")):
                known = _STORES[key] = Store(directory)
            return known

    def find(self, keys: Iterable[bytes]) -> dict[bytes, Result]:
        """The results there are, expired or not."""
        found: dict[bytes, Result] = {}
        for name, some in _by_shard(keys).items():
            with _trouble("look up memoised results"), self._shards[name].reading() as connection:
                found.update(_find(connection, some))
        return found

    def take_turns(
        self, keys: Iterable[bytes], lease_millis: int, usable: Callable[[Result], bool]
    ) -> tuple[set[bytes], set[bytes]]:
        """Takes the leases that nobody holds: the keys to call for, and those others are calling for.

        Of the rest there are results by now. Whoever has called for a key, or gives it up, ends its turn.
        """
        keys = list(keys)
        turns = self._turns.take(keys)
        mine: set[bytes] = set()
        others = set(keys) - turns
        try:
            for name, some in _by_shard(turns).items():
                mine.update(some)  # also if the file cannot be used
                with _trouble("take the leases of memoised calls"):
                    known, held = self._lease(self._shards[name], some, lease_millis, usable)
                    mine -= known | held
                    others |= held
        except BaseException:
            mine.clear()
            raise
        finally:
            self._turns.end(turns - mine)
        return mine, others

    def _lease(
        self, file: File, keys: list[bytes], lease_millis: int, usable: Callable[[Result], bool]
    ) -> tuple[set[bytes], set[bytes]]:
        """The keys that have results, and those that other processes are calling for."""
        now = now_millis()
        with file.writing() as connection:
            known = {key for key, result in _find(connection, keys).items() if usable(result)}
            held = {
                bytes(key)
                for key, owner, expires in _rows(connection, "key, owner, expires", "leases", keys)
                if expires > now and owner != self.owner and is_alive(owner)
            }
            free = [key for key in keys if key not in known and key not in held]
            connection.executemany(
                "INSERT INTO leases(key, owner, expires) VALUES (?, ?, ?) ON CONFLICT(key) DO UPDATE SET"
                " owner = excluded.owner, expires = excluded.expires",
                [(key, self.owner, now + lease_millis) for key in free],
            )
        return known, held

    def end_turns(self, keys: Iterable[bytes]) -> None:
        """Of keys that this thread has called for, or will not call for."""
        self._turns.end(keys)

    def await_turn(self, keys: Iterable[bytes], seconds: float) -> None:
        """Until another thread has ended one of these turns; so long if other processes have them."""
        self._turns.wait(keys, seconds)

    def commit(
        self,
        function: Function,
        results: Mapping[bytes, Result],
        released: Iterable[bytes],
        max_bytes: int | None = None,
    ) -> int:
        """Keeps results and ends the leases and turns of their keys and of ``released``.

        :param max_bytes: what results of functions of this name may take, of which the oldest are removed
        :returns: how many results could not be kept
        """
        ended = list(results) + list(released)
        kept = 0
        try:
            for name, some in _by_shard(ended).items():
                with _trouble("keep memoised results"):
                    kept += self._commit(self._shards[name], function, results, some, max_bytes)
        finally:
            self._turns.end(ended)
        return len(results) - kept

    def _commit(
        self,
        file: File,
        function: Function,
        results: Mapping[bytes, Result],
        some: list[bytes],
        max_bytes: int | None,
    ) -> int:
        with file.writing() as connection:
            id_ = _id(connection, file, function)
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
                _bound(connection, file, function.name, [r for _, r in rows], max_bytes // _SHARDS)
        return len(rows)

    def count(self, function: Function, counts: Counts) -> None:
        """Adds to the ledger; what it does not take is added the next time."""
        with self._counting:
            waiting = self._uncounted.pop(function, Counts())
            counts = Counts(*map(operator.add, astuple(waiting), astuple(counts)))
            self._uncounted[function] = counts
            with _trouble("write the ledger of memoised functions"):
                self._count(function, counts)
                del self._uncounted[function]

    def _count(self, function: Function, c: Counts) -> None:
        day = datetime.datetime.now(datetime.timezone.utc).date().isoformat()
        with self._ledger.writing() as connection:
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
        for file in self._files():
            file.close()

    def _files(self) -> list[File]:
        return [*self._shards.values(), self._ledger]


_STORES: dict[tuple[int, str], Store] = {}
_OPENING = threading.Lock()


@atexit.register
def _end() -> None:
    for (process, _), store in list(_STORES.items()):
        if process == os.getpid():
            for file in store._files():
                file.keep_if_cut()


def _reset_lock() -> None:
    global _OPENING
    _OPENING = threading.Lock()


os.register_at_fork(after_in_child=_reset_lock)  # another thread of the parent may have held it


def _bound(connection: sqlite3.Connection, file: File, name: str, results: list[Result], limit: int) -> None:
    """Down to seven eighths, and looks again when as much has been added, as the JVM does."""
    added = sum(len(r.value) + len(r.arguments) + _ROW_BYTES for r in results)
    before = file.unchecked.get(name)
    if not added:
        return
    if before is not None and before + added < limit // 8:
        file.unchecked[name] = before + added
        return
    ((kept,),) = connection.execute(f"SELECT coalesce(sum({_BYTES}), 0) {_OF_NAME}", [name])
    if kept > limit:
        connection.execute(
            "DELETE FROM results WHERE key IN (SELECT key FROM (SELECT key, sum("
            f"{_BYTES}) OVER (ORDER BY created DESC, key ROWS UNBOUNDED PRECEDING) AS newer {_OF_NAME})"
            " WHERE newer > ?)",
            [name, limit - limit // 8],
        )
    file.unchecked[name] = 0


def _id(connection: sqlite3.Connection, file: File, function: Function) -> int:
    known = file.ids.get(function)
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
        file.ids[function] = known
    return int(known)


def _identity(memo: str) -> int:
    """Another one for a directory in the place of one that was deleted."""
    try:
        return os.stat(memo).st_ino
    except OSError:
        return 0


def _prepared(directory: Path) -> Path:
    """``memo`` of a cache directory that belongs to this user alone."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    facts = directory.stat()
    if facts.st_uid != os.getuid() or facts.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise PermissionError(f"others may write to {directory}")
    memo = directory / "memo"
    memo.mkdir(mode=0o700, exist_ok=True)
    return memo


def _by_shard(keys: Iterable[bytes]) -> dict[str, list[bytes]]:
    shards: dict[str, list[bytes]] = {}
    for key in keys:
        shards.setdefault(_shard(key[0] >> 4), []).append(key)
    return shards


def _shard(number: int) -> str:
    return f"memo-{number:x}.db"


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
