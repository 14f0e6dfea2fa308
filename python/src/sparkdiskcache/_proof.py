# SPDX-License-Identifier: Apache-2.0
"""In a worker: what the functions of a task are, what they did, and the verdict about it.

PySpark's worker sends the values of its accumulators after the last row. One of them is
:class:`_Verdict`, whose value is made at that very moment, so that it speaks of all rows, and reaches
the task attempt that this worker answers to and no other. Nothing here may fail a task: what goes wrong
is a function without a proof.
"""

from __future__ import annotations

import json
import logging
import pickle
from collections.abc import Callable
from typing import Any

import pyspark.accumulators
from pyspark import SparkContext, TaskContext

from . import _loaded, _observe, _watch, fnhash
from ._refusal import FunctionRefused

FORMAT = 1
_BEGIN = b"sparkdiskcache.verdict.1:"
_NUMBER = -19_000_001  # of the accumulator; PySpark's own are -1, -2, 0 and more
_log = logging.getLogger(__name__)


def load(pickled: bytes, options: dict[str, Any]) -> Any:
    """The function, which from now on is watched until the verdict. Where no task asks for one, as in the
    driver, it is unpickled and that is all.

    :param options: arguments of :class:`Loaded`
    """
    if not _answers_to_a_task():
        return pickle.loads(pickled)
    try:
        _loaded.install()
        function = Loaded(**options)
        verdict = _verdict()
        verdict.functions.append(function)
        watching = verdict.observation.loading(function.digest)
    except Exception as e:
        _log.warning("Cannot watch a function: %r", e)
        return pickle.loads(pickled)
    with watching:
        loaded = pickle.loads(pickled)
    function.begin(loaded)
    verdict.observation.begin(function.digest, loaded, function.sources)
    function.distrust(verdict.observation.strange)
    return loaded


def _answers_to_a_task() -> bool:
    # A worker has a context from before it reads functions until its last row; a driver may have made one.
    return TaskContext.get() is not None and SparkContext._active_spark_context is None


def _verdict() -> _Verdict:
    """That of this task: PySpark forgets the accumulators of the one before."""
    registry: dict[int, Any] = pyspark.accumulators._accumulatorRegistry
    known = registry.get(_NUMBER)
    if known is None:
        known = registry[_NUMBER] = _Verdict()
    verdict: _Verdict = known
    return verdict


class Loaded:
    """A function as this worker has it.

    :param digest: by which the driver knows it
    :param proof: what :func:`.fnhash.hash_loaded` finds if it is the right one
    :param parts: short digests by name, to tell what differs
    :param sources: files of the user's modules that it is made of
    """

    def __init__(self, digest: str, proof: str, parts: dict[str, str], name: str, sources: list[str]) -> None:
        self.digest = digest
        self.name = name
        self.sources = tuple(sources)
        self._proof = proof
        self._parts = parts
        self._function: Any = None
        self._state = ""
        self.differs: tuple[str, str] | None = ("function", "was not loaded")
        """The object that differs, and how."""

    def begin(self, function: Any) -> None:
        """Before the first row."""
        self._function = function
        self.differs = None
        self._compare("in this worker", self._is_the_right_one)

    def distrust(self, changed: list[str]) -> None:
        """Of a process in which rows of another function have changed settings."""
        if changed and self.differs is None:
            self.differs = (
                changed[0],
                "is not what it was when this worker began, because a function changed it",
            )

    @property
    def distributions(self) -> set[str]:
        """Libraries that its digest speaks of."""
        return {name.removeprefix("version.") for name in self._parts if name.startswith("version.")}

    def missing(self, libraries: set[str]) -> None:
        """Libraries that were imported meanwhile and that no digest speaks of."""
        if libraries and self.differs is None:
            name = sorted(libraries)[0]
            self.differs = (
                f"library {name}",
                "was imported by another library, and does not say what it has installed; import it inside of the function",
            )

    def end(self) -> None:
        """After the last row."""
        if self.differs is None:
            self._compare("after the last row", self._is_unchanged)

    def _compare(self, when: str, compare: Callable[[], None]) -> None:
        try:
            with _watch.unwatched():
                compare()
        except FunctionRefused as e:
            self.differs = e.place, f"{e.sentence} ({when})"
        except Exception as e:
            _log.warning("Cannot hash %s: %r", self.name, e, exc_info=True)
            self.differs = self.name, f"cannot be hashed {when}: {e!r}"

    def _is_the_right_one(self) -> None:
        found = fnhash.identity_loaded(self._function)
        if found.proof != self._proof:
            names = sorted(set(found.parts) | set(self._parts))
            other = [name for name in names if found.parts.get(name) != self._parts.get(name)]
            self.differs = ", ".join(other[:5]) or self.name, "is another one in this worker"
        self._state = fnhash.state_digest(self._function)

    def _is_unchanged(self) -> None:
        if fnhash.state_digest(self._function) != self._state:
            self.differs = (
                self.name,
                "changed a value that it captured, so that a row depends on the rows before",
            )

    def said(self, observed: _observe.Observed) -> dict[str, Any]:
        what, sentence = self.differs or ("", "")
        return {
            "digest": self.digest,
            "name": self.name,
            "proven": self.differs is None,
            "object": what,
            "sentence": sentence,
            "impure": [list(call) for call in observed.impure],
            "own": observed.own,
            "reads": observed.reads,
            "unreadable": [list(file) for file in observed.unreadable],
        }


class _Verdict:
    """Looks like an accumulator to the loop that sends their values."""

    def __init__(self) -> None:
        self.functions: list[Loaded] = []
        self.observation = _observe.Observation()
        self._imported = _loaded.imported()

    def __iadd__(self, update: Any) -> _Verdict:
        """PySpark calls it in a driver with an update for a number that it knows: the JVM has read it."""
        return self

    @property
    def _value(self) -> bytes:
        try:
            with _watch.unwatched():
                self.observation.end()
            with _watch.unwatched():
                known = set().union(*(f.distributions for f in self.functions))
                records, silent = _loaded.imported_since(self._imported, known)
                for record in records:
                    self.observation.depends_on(record)
                observed = self.observation.observed
            for function in self.functions:
                function.end()
                function.missing(silent)
            said = [f.said(observed(f.digest)) for f in self.functions]
            text = json.dumps(said).encode("utf-8", "backslashreplace")
        except Exception as e:
            _log.warning("Cannot tell what was computed: %r", e, exc_info=True)
            text = b"[]"
        finally:
            self.functions = []
        return b"%s%08x%s" % (_BEGIN, len(text), text)
