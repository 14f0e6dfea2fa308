# SPDX-License-Identifier: Apache-2.0
"""Answers of memoised functions in the memory of a worker process.

Found by the row itself: no digest, no file. That is right only where Python's equality is that of the
key, so columns of other types than :data:`_EXACT` (0.0 equals -0.0) go without.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Hashable
from pathlib import Path
from typing import Any, NamedTuple

_EXACT = frozenset((
    "string", "large_string", "binary", "large_binary", "bool", "int8", "int16", "int32", "int64", "date32[day]",
))  # fmt: skip
_MAX_BYTES = 64 << 20  # of one worker
_ANSWER_BYTES = 300  # of an answer beside its content: a slot of the dict, a tuple and its numbers


class Answer(NamedTuple):
    """What a function returned, and what that cost; not to be used from ``until`` (ms since 1970)."""

    value: Any
    until: int
    nanos: int
    price: float


class Front:
    """All answers that this process has seen lately."""

    def __init__(self) -> None:
        self._known: dict[tuple[bytes, tuple[str, ...]], dict[Hashable, Answer]] = {}
        self._bytes = 0
        self._evictions: dict[str, tuple[int, int]] = {}

    def of(self, prefix: bytes, types: tuple[str, ...]) -> dict[Hashable, Answer] | None:
        """The answers to rows of columns of such types, of one function; None where rows are no keys."""
        if not _EXACT.issuperset(types):
            return None
        return self._known.setdefault((prefix, types), {})

    def forget_evicted(self, directory: str) -> None:
        """Drops everything if results of the directory were evicted since the last time, by anybody."""
        now = _evictions(Path(directory) / "memo")
        if self._evictions.setdefault(directory, now) != now:
            self._evictions[directory] = now
            self.clear()

    def put(self, known: dict[Hashable, Answer], answers: dict[Hashable, Answer], size: int) -> None:
        """
        :param known: of :meth:`of`, called in the same batch
        :param answers: by row
        :param size: bytes of the stored answers together
        """
        size += _ANSWER_BYTES * len(answers) + sum(map(sys.getsizeof, answers))
        size += sum(sum(map(sys.getsizeof, row)) for row in answers if type(row) is tuple)
        if self._bytes + size > _MAX_BYTES:
            # All at once: an order of use would cost every hit more than filling anew costs one batch.
            self.clear()
        if size <= _MAX_BYTES:
            self._bytes += size
            known.update(answers)

    def clear(self) -> None:
        for known in self._known.values():
            known.clear()  # batches hold them
        self._bytes = 0


def _evictions(memo: Path) -> tuple[int, int]:
    """Changes with every eviction, and with a new directory in the place of the old one.

    What cannot be looked at counts as absent: then nothing was evicted there that anybody could see.
    """
    return _fact(memo, "st_ino"), _fact(memo / "evictions", "st_size")


def _fact(path: Path, name: str) -> int:
    try:
        return int(getattr(os.stat(path), name))
    except OSError:
        return 0


_FRONT: tuple[int, Front] | None = None


def front() -> Front:
    """That of this process."""
    global _FRONT
    pid = os.getpid()
    if _FRONT is None or _FRONT[0] != pid:  # Spark forks its workers
        _FRONT = pid, Front()
    return _FRONT[1]
