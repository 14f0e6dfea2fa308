# SPDX-License-Identifier: Apache-2.0
"""Answers of memoised functions in the memory of a worker process.

Found by the row itself: no digest, no file. That is right only where Python's equality is that of the
key, so columns of other types than :data:`_EXACT` (0.0 equals -0.0) go without.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Hashable
from pathlib import Path
from typing import Any, NamedTuple

_EXACT = frozenset((
    "string", "large_string", "binary", "large_binary", "bool", "int8", "int16", "int32", "int64", "date32[day]",
))  # fmt: skip
_MAX_BYTES = 64 << 20  # of one worker
_ANSWER_BYTES = 300  # of an answer beside its content: a slot of the dict, a tuple and its numbers


class Answer(NamedTuple):
    """A value that a function returned, and its cost; not to be used from ``until`` (ms since 1970)."""

    value: Any
    until: int
    nanos: int
    price: float


class Front:
    """All answers that this process has seen lately; for any number of threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[tuple[bytes, tuple[str, ...]], dict[Hashable, Answer]] = {}
        self._bytes = 0
        self._evictions: dict[str, tuple[int, int]] = {}

    def of(self, prefix: bytes, types: tuple[str, ...]) -> dict[Hashable, Answer] | None:
        """The answers to rows of columns of such types, of one function; None where rows are no keys."""
        if not _EXACT.issuperset(types):
            return None
        with self._lock:
            return self._known.setdefault((prefix, types), {})

    def forget_evicted(self, directory: str) -> None:
        """Drops everything if results of the directory were evicted since the last time, by anybody."""
        now = _evictions(Path(directory) / "memo")
        with self._lock:
            if self._evictions.setdefault(directory, now) != now:
                self._evictions[directory] = now
                # Batches of other threads that began before keep the old ones, and what they put there
                # is not found any more.
                self._known = {}
                self._bytes = 0

    def put(self, known: dict[Hashable, Answer], answers: dict[Hashable, Answer], size: int) -> None:
        """
        :param known: of :meth:`of`, called in the same batch
        :param answers: by row
        :param size: bytes of the stored answers together
        """
        size += _ANSWER_BYTES * len(answers) + sum(map(sys.getsizeof, answers))
        size += sum(sum(map(sys.getsizeof, row)) for row in answers if type(row) is tuple)
        with self._lock:
            if all(known is not current for current in self._known.values()):
                return
            if self._bytes + size > _MAX_BYTES:
                # All at once: an order of use would cost every hit more than filling anew costs one batch.
                self._clear()
            if size <= _MAX_BYTES:
                self._bytes += size
                known.update(answers)

    def clear(self) -> None:
        with self._lock:
            self._clear()

    def _clear(self) -> None:
        for known in self._known.values():
            known.clear()  # batches hold them
        self._bytes = 0


def _evictions(memo: Path) -> tuple[int, int]:
    """Changes with every eviction, and with a new directory in the place of the old one.

    A path that cannot be looked at counts as absent: then nothing was evicted there that anybody could see.
    """
    return _fact(memo, "st_ino"), _fact(memo / "evictions", "st_size")


def _fact(path: Path, name: str) -> int:
    try:
        return int(getattr(os.stat(path), name))
    except OSError:
        return 0


_FRONT = Front()


def front() -> Front:
    """That of this process."""
    return _FRONT


def _renew() -> None:
    global _FRONT
    _FRONT = Front()


os.register_at_fork(after_in_child=_renew)  # Spark forks its workers; another thread may have held the lock
