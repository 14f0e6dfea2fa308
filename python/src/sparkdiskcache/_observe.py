# SPDX-License-Identifier: Apache-2.0
"""Observes what functions do in a worker besides computing: the files they read, and what they must not do.

Python announces openings, listings, connections and processes to audit hooks; looks at files
(``os.stat``), which it does not announce, are announced by wrappers here. Events that come from
importing libraries are left out: the content of libraries counts by itself. A hook cannot be removed,
so there is one for the life of the process, which asks :class:`Observation` of the task at hand.

A loaded file stays in a worker that is used again, and is not read again. So a file is reported with
every later verdict that may depend on it: of the same function, of all functions of the user's modules
that took part in reading it, and, where a library may have kept it, of all.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
import threading
import types
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from . import _reads, _state, _watch
from ._events import Kind
from ._frames import Caller, codes, user_files
from ._pure import is_declared

_MAX_CALLS = 20

# Modules of Python that keep what they read for the life of the process.
_KEEP = ("mimetypes.py", "gettext.py", "linecache.py")
_KEPT_PATHS = "/zoneinfo/"

# Libraries that keep nothing of what they read for later calls.
_KEEP_NOTHING = frozenset(
    ["numpy", "pandas", "joblib", "sklearn", "xgboost", "lightgbm", "onnxruntime", "torch", "scipy", "yaml"]
)


SOMEWHERE = "an unknown place"
_TEMPORARY = os.path.join(tempfile.gettempdir(), "")


class Observed(NamedTuple):
    """The observations of one function.

    :param impure: calls, with the frame they came from
    :param own: whether it was certainly this function
    :param reads: files, as the verdict has them
    :param unreadable: files that can be no inputs, and why
    """

    impure: list[tuple[str, str]]
    own: bool
    reads: list[dict[str, object]]
    unreadable: list[tuple[str, str]]


class _Facts:
    def __init__(self) -> None:
        self.impure: dict[tuple[str, str], None] = {}
        self.reads: dict[str, _reads.Read] = {}
        self.unreadable: dict[str, str] = {}

    def read(self, read: _reads.Read) -> None:
        known = self.reads.setdefault(read.path, read)
        if (known.seen, known.sha256) != (read.seen, read.sha256):
            self.unreadable[read.path] = "it changed while functions read it"

    def add(self, other: _Facts) -> None:
        for read in other.reads.values():
            self.read(read)
        self.unreadable.update(other.unreadable)


_ALL = ""
"""In the place of a digest: whichever function."""

# The files that this process has read and may still have in memory; by digest, by file of a module, and _ALL.
_kept: dict[str, _Facts] = defaultdict(_Facts)


class Observation:
    """Of the functions of one task."""

    def __init__(self) -> None:
        self._facts: dict[str, _Facts] = defaultdict(_Facts)
        self._codes: dict[types.CodeType, str] = {}
        self._sources: dict[str, tuple[str, ...]] = {}
        self._pure: set[types.CodeType] = set()
        self._excused: dict[str, frozenset[Kind]] = {}
        self._loading: str | None = None
        self._created: set[str] = set()
        self._lock = threading.RLock()
        _watch.install()
        self._state = _state.State()
        _watch.current = self

    @contextlib.contextmanager
    def loading(self, digest: str, excused: frozenset[Kind] = frozenset()) -> Iterator[None]:
        """While the function is unpickled, and with it the modules it needs are imported."""
        self._facts[digest]
        self._excused[digest] = excused
        self._loading = digest
        try:
            yield
        finally:
            self._loading = None

    def begin(self, digest: str, function: Any, sources: tuple[str, ...] = ()) -> None:
        """
        :param sources: files of the user's modules that the function is made of
        """
        self._sources[digest] = sources
        for code in codes(function):
            self._codes[code] = digest
        self._pure.update(_declared_pure(function))

    @property
    def strange(self) -> list[str]:
        """Settings of this process that nobody would find in another one."""
        return self._state.strange

    def end(self) -> Callable[[str], Observed]:
        """No rows follow; what was seen, by digest."""
        _watch.current = None
        for call in self._state.changes():
            self._impure(None, Kind.RANDOM if "random" in call else Kind.PROCESS, call, SOMEWHERE)
        self._state.restore()
        self.look_at_written()
        return self.observed

    def look_at_written(self) -> None:
        """Files that are still there were no temporary ones."""
        for path in self._created:
            if os.path.lexists(path):
                self._impure(None, Kind.FILES, f"open({path!r}) for writing", SOMEWHERE)

    def observed(self, digest: str) -> Observed:
        facts = _Facts()
        own = self._facts[digest]
        for known in (own, self._facts[_ALL], _kept[digest], _kept[_ALL]):
            facts.add(known)
        for source in self._sources.get(digest, ()):
            if source in _kept:
                facts.add(_kept[source])
        for read in list(facts.reads.values()):
            if _reads.changed(read):
                facts.unreadable[read.path] = "it changed after a function of this worker read it"
        certain = bool(own.impure) or len(self._facts.keys() - {_ALL}) == 1
        calls = list({**own.impure, **self._facts[_ALL].impure})[:_MAX_CALLS]
        return Observed(
            calls, certain, [r.said() for r in facts.reads.values()], list(facts.unreadable.items())
        )

    # ---- what the hook has seen

    def impure(self, kind: Kind, call: str, by: Caller) -> None:
        self._impure(self.function(by), kind, call, by.frame)

    def _impure(self, digest: str | None, kind: Kind, call: str, frame: str) -> None:
        excused = self._excused.values() if digest is None else [self._excused.get(digest, frozenset())]
        if all(kind in kinds for kinds in excused) and self._excused:
            return
        with self._lock:
            calls = self._facts[digest or _ALL].impure
            if len(calls) < _MAX_CALLS:
                calls[call, frame] = None

    def created(self, path: str, by: Caller) -> None:
        """A file was opened for writing."""
        if path.startswith(_TEMPORARY):
            self._created.add(path)
        else:
            self.impure(Kind.FILES, f"open({path!r}) for writing", by)

    def is_own_file(self, path: str) -> bool:
        return path in self._created or any(path.startswith(c + os.sep) for c in self._created)

    def is_pure(self, frame: types.FrameType | None) -> bool:
        """Whether the user has said that what is going on is pure."""
        while frame is not None and self._pure:
            if frame.f_code in self._pure:
                return True
            frame = frame.f_back
        return False

    def impure_unknown(self, event: str, error: Exception) -> None:
        """An event that could not be judged."""
        self._impure(None, Kind.HIDDEN, event, f"which could not be judged: {error!r}")

    def function(self, by: Caller) -> str | None:
        if self._loading is not None:
            return self._loading
        frame = by.user
        while frame is not None:
            digest = self._codes.get(frame.f_code)
            if digest is not None:
                return digest
            frame = frame.f_back
        return next(iter(self._excused)) if len(self._excused) == 1 else None

    def depends_on(self, path: str) -> None:
        """A file that counts for all functions of this process from now on."""
        _note(self._facts[_ALL], path)
        _note(_kept[_ALL], path)

    def read(self, path: str, by: Caller) -> None:
        digest = self.function(by)
        with self._lock:
            _note(self._facts[digest or _ALL], path)


def _note(facts: _Facts, path: str) -> None:
    try:
        facts.read(_reads.read(path))
    except _reads.Unreadable as e:
        facts.unreadable[path] = str(e)


def _keep(digest: str | None, path: str, by: Caller) -> None:
    """Remembers a read for later verdicts."""
    if by.libraries - _KEEP_NOTHING or by.user is None or by.direct[0].endswith(_KEEP) or _KEPT_PATHS in path:
        _note(_kept[_ALL], path)
        return
    if digest is not None:
        _note(_kept[digest], path)
    for file in user_files(by.user):
        _note(_kept[file], path)


def _declared_pure(function: Any) -> Iterator[types.CodeType]:
    candidates = [function, *getattr(function, "__globals__", {}).values()]
    for candidate in candidates:
        if isinstance(candidate, types.FunctionType) and is_declared(candidate):
            yield from codes(candidate)


_watch.remember = _keep
