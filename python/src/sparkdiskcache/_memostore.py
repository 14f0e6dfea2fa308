# SPDX-License-Identifier: Apache-2.0
"""The files of memoised results, which the JVM opens as well; their schema is in docs/design/format-memo.md.

Workers use it, with nothing but the standard library. Whatever goes wrong with a file means that nothing
is known there: the function is called, and the query goes on.
"""

from __future__ import annotations

import atexit
import ctypes
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


class _File:
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
            if _version(opened) != _FORMAT:
                raise sqlite3.DatabaseError(f"{path} has format {_version(opened)}, expected {_FORMAT}")
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


class _Turns:
    """The keys that threads of this process are calling for. A thread is no other to itself: a memoised
    function may use another, or itself."""

    def __init__(self) -> None:
        self._holders: dict[bytes, int] = {}
        self._ended = threading.Condition()

    def take(self, keys: Iterable[bytes]) -> set[bytes]:
        """Those of them that no other thread has."""
        me = threading.get_ident()
        with self._ended:
            return {key for key in keys if self._holders.setdefault(key, me) == me}

    def end(self, keys: Iterable[bytes]) -> None:
        """Of those of them that this thread has."""
        me = threading.get_ident()
        with self._ended:
            for key in keys:
                if self._holders.get(key) == me:
                    del self._holders[key]
            self._ended.notify_all()

    def wait(self, keys: Iterable[bytes], seconds: float) -> None:
        """Until no thread of this process has one of them, or, for other processes, so long."""
        with self._ended:
            held = [key for key in keys if key in self._holders]
            if held:
                self._ended.wait_for(lambda: not all(key in self._holders for key in held), seconds)
                return
        time.sleep(seconds)


class Store:
    """The results of one cache directory, as one process sees them; for any number of threads."""

    def __init__(self, directory: str) -> None:
        memo = _prepared(Path(directory))
        self._identity = _identity(str(memo))
        self._shards = {name: _File(memo / name, _SHARD) for name in map(_shard, range(_SHARDS))}
        self._ledger = _File(memo / "ledger.db", _LEDGER)
        self._uncounted: dict[Function, Counts] = {}  # that the ledger would not take
        self._counting = threading.Lock()
        self._turns = _Turns()
        self.owner = _owner(os.getpid())

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
        self, file: _File, keys: list[bytes], lease_millis: int, usable: Callable[[Result], bool]
    ) -> tuple[set[bytes], set[bytes]]:
        """The keys that have results, and those that other processes are calling for."""
        now = now_millis()
        with file.writing() as connection:
            known = {key for key, result in _find(connection, keys).items() if usable(result)}
            held = {
                bytes(key)
                for key, owner, expires in _rows(connection, "key, owner, expires", "leases", keys)
                if expires > now and owner != self.owner and _is_alive(owner)
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
        file: _File,
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

    def _files(self) -> list[_File]:
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


def _bound(connection: sqlite3.Connection, file: _File, name: str, results: list[Result], limit: int) -> None:
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


def _id(connection: sqlite3.Connection, file: _File, function: Function) -> int:
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
