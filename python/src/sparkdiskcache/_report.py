# SPDX-License-Identifier: Apache-2.0
"""Answers of :class:`DiskCache`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from . import _html

ENTRY_COLUMNS = [
    "key", "relation", "description", "tag", "application", "partition", "rows", "bytes", "compute_ms", "created", "hits",
]  # fmt: skip


@dataclass(frozen=True)
class Relation:
    """One cached relation of a query.

    :param status: ``hit``, ``partial``, ``miss`` or ``refused``
    :param cached: ``False`` if nobody has cached it: then this is what caching would find
    :param found: partitions (file chunks) stored
    :param wanted: partitions (file chunks) there are; 0 if only an execution can tell
    :param bytes: size of what is stored
    :param seconds: task time that computing what is stored took, with the stages below
    :param fingerprint: function hash in hexadecimal; empty if refused
    :param reason: name of the reason of a refusal; empty otherwise
    :param place: where in the plan it was found
    :param sentence: the reason for people
    :param cure: what could be done about it
    :param precision: what became of each column that need not be exact, in what is stored
    :param outcome: what this application computed of it and did not keep, and why; empty if it computed nothing
    :param differences: for what is not wholly stored: what distinguishes it from the nearest that is
    :param reads: local files that functions read to compute what is stored
    :param withheld: why partitions that this application computed are not stored
    """

    status: str
    name: str
    cached: bool
    found: int
    wanted: int
    bytes: int
    seconds: float
    fingerprint: str
    directory: str
    reason: str = ""
    place: str = ""
    sentence: str = ""
    cure: str = ""
    precision: tuple[str, ...] = ()
    differences: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()
    withheld: tuple[str, ...] = ()
    outcome: str = ""


@dataclass(frozen=True)
class Explanation:
    """Whether a query is a hit, a miss or refused, and why; ``print`` it."""

    relations: tuple[Relation, ...]
    text: str

    def __str__(self) -> str:
        return self.text

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return _html.explanation(self)


class Stats(dict[str, Any]):
    """Counters of an application by name; those of its store under ``store``, of memoised functions under ``memo``."""

    def _repr_html_(self) -> str:
        return _html.stats(self)
