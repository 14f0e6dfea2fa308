# SPDX-License-Identifier: Apache-2.0
"""Whether results of a memoised function may be kept: only if this process has the function that the
driver hashed, and as long as the values it captured are what they were.

It may use the network, the clock and random numbers, which is its author's word; files that it reads are inputs
(:mod:`._memoreads`).
"""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable, Iterator
from typing import Any

from pyspark.cloudpickle import cloudpickle

from . import _loaded, _observe, _proof, _watch
from ._events import OF_SERVICES

_log = logging.getLogger(__name__)


class Proof:
    """Of one function in one process.

    :param proof: what :class:`._proof.Loaded` finds if the function is the right one; empty if nobody asks
    """

    def __init__(self, pickled: bytes, name: str, proof: str) -> None:
        self._loaded = _proof.Loaded(proof, proof, {}, name, [])
        self._asked = bool(proof)
        self._lock = threading.Lock()
        self.reads: dict[str, str] = {}
        """Files that were read up to the last :meth:`holds`, and their content."""
        self._said = False
        if not proof:
            self.function: Callable[..., Any] = cloudpickle.loads(pickled)
            return
        _loaded.install()
        before = _watch.current
        self._observation = _observe.Observation()
        _watch.current = before
        with self._watched(), self._observation.loading(proof, OF_SERVICES):
            self.function = cloudpickle.loads(pickled)
        self._loaded.begin(self.function)
        self._observation.begin(proof, self.function)

    @contextlib.contextmanager
    def _watched(self) -> Iterator[None]:
        before = _watch.current
        _watch.current = self._observation
        try:
            yield
        finally:
            _watch.current = before

    @contextlib.contextmanager
    def calling(self) -> Iterator[None]:
        """While the function is called."""
        if not self._asked:
            yield
            return
        with self._watched():
            yield

    def holds(self) -> bool:
        """Whether what was called up to now may be kept."""
        if not self._asked:
            return True
        with self._lock, _watch.unwatched():
            why = self._why_not()
            if why and not self._said:
                self._said = True
                _log.warning("Results of %s are not kept: %s", self._loaded.name, why)
            return not why

    def _why_not(self) -> str:
        self._loaded.end()
        if self._loaded.differs:
            return " ".join(self._loaded.differs)
        self._observation.look_at_written()
        observed = self._observation.observed(self._loaded.digest)
        if observed.impure:
            return "it called {} at {}".format(*observed.impure[0])
        self.reads = {str(read["path"]): str(read["sha256"]) for read in observed.reads}
        return "it reads {}, but {}".format(*observed.unreadable[0]) if observed.unreadable else ""
