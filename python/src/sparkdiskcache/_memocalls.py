# SPDX-License-Identifier: Apache-2.0
"""A memoised function in a worker: what it is asked for there, by which key, and where its results are."""

from __future__ import annotations

import functools
import hashlib
import logging
import os
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from pyspark.sql import types as t

from . import _memocolumns as columns_
from . import _memoreads
from . import _memovalues as values
from ._arrowtypes import arrow_type
from ._hostdirectory import of_this_process
from ._memobatch import Batch, ColumnBatch
from ._memofile import Function
from ._memofront import front
from ._memoproof import Proof
from ._memoremote import Remote
from ._memostore import Store
from .errors import DiskCacheError

_log = logging.getLogger(__name__)
_KEY_FORMAT = "memo-python-2"


@dataclass(frozen=True)
class Options:
    name: str
    version: str
    tag: str
    ttl_millis: int
    params: tuple[tuple[str, bytes], ...]
    price: float | Callable[[Any], float]
    cache_nulls: bool
    on_error: str
    retries: int
    back_off: float
    lease_millis: int
    kind: str
    max_bytes: int | None


def in_memory(columns: Sequence[Any]) -> bool:
    return any(columns_.is_pandas(c) or columns_.is_arrow(c) for c in columns)


class Sent:
    """A memoised function where another one uses it, in a worker."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def __call__(self, *columns: Any) -> Any:
        """With columns of pandas or Arrow, or, if it is a plain function, with single values."""
        calls = self._calls
        if in_memory(columns):
            return columns_.like(calls.answers(columns), calls.declared, columns[0])
        if calls.options.kind != "plain":
            raise TypeError(f"{calls.options.name} takes columns of {calls.options.kind}, not single values")
        (answer,) = calls.answers_of([columns[0] if len(columns) == 1 else columns], len(columns) == 1)
        return dict(answer) if isinstance(calls.declared, t.MapType) and answer is not None else answer


@dataclass
class Calls:
    """The memoised function in a worker."""

    pickled: bytes
    digest: str
    code: str
    declared: t.DataType
    options: Options
    directory: str
    remote_directory: str = ""
    proof_digest: str = ""
    _here: dict[Any, Any] = field(default_factory=dict, compare=False)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_here": {}}

    def evaluate(self, columns: Sequence[Any]) -> Any:
        """A batch of Spark's, of the kind that the function has been declared for."""
        answers = self.answers(columns)
        if self.options.kind == "pandas":
            return columns_.series(answers, self.declared)
        import pyarrow as pa

        return pa.array(answers, arrow_type(self.declared))

    def answers(self, columns: Sequence[Any]) -> list[Any]:
        """One a row."""
        if self.options.kind != "plain":
            return self._answers_together(columns)
        lists = [columns_.values_of(column) for column in columns]
        # A single argument is looked up as it is, several as a tuple.
        rows: list[Any] = lists[0] if len(lists) == 1 else list(zip(*lists))
        prefix, files = self._prefix_and_files(self.prefix)
        known = self._known(prefix, columns_.exact_types(columns, lists))
        return Batch(self, self._store(), prefix, len(lists) == 1, self.prefix, files).answers(rows, known)

    def answers_of(self, rows: list[Any], single: bool) -> list[Any]:
        """As :meth:`answers`, for rows that are in no columns."""
        prefix, files = self._prefix_and_files(self.prefix)
        return Batch(self, self._store(), prefix, single, self.prefix, files).answers(rows, None)

    def _answers_together(self, columns: Sequence[Any]) -> list[Any]:
        """The types of columns count: a function of columns sees them."""
        convert = columns_.as_pandas if self.options.kind == "pandas" else columns_.as_arrow
        columns = [convert(column) for column in columns]
        lists = [columns_.keys_of(column) for column in columns]
        rows: list[Any] = lists[0] if len(lists) == 1 else list(zip(*lists))
        types = b"".join(values.argument(columns_.type_name(column)) for column in columns)
        plain = hashlib.sha256(self.prefix + types).digest()
        prefix, files = self._prefix_and_files(plain)
        known = self._known(prefix, columns_.exact_types(columns, lists))
        return ColumnBatch(self, self._store(), prefix, columns, plain, files).answers(rows, known)

    def _prefix_and_files(self, plain: bytes) -> tuple[bytes, dict[str, str]]:
        """What keys begin with, and the content of the files that it speaks of."""
        reads = self.reads
        files = _memoreads.contents(reads.paths()) if reads is not None else {}
        return _memoreads.prefix(plain, files), files

    @property
    def reads(self) -> _memoreads.Reads | None:
        """Files that the function was seen to read, by anybody who uses the directory."""
        if not self.directory:
            return None
        reads: _memoreads.Reads = self._once(
            "reads", lambda: _memoreads.Reads(of_this_process(self.directory), self.digest)
        )
        return reads

    def _known(self, prefix: bytes, types: tuple[str, ...]) -> dict[Any, Any] | None:
        if self._store() is None:  # which makes the directory that the front looks at
            return None
        front().forget_evicted(of_this_process(self.directory))
        return front().of(prefix, types)

    @property
    def function(self) -> Callable[..., Any]:
        return self.proof.function

    @property
    def proof(self) -> Proof:
        """Whether the function here is the one that was hashed."""
        proof: Proof = self._once("proof", lambda: Proof(self.pickled, self.options.name, self.proof_digest))
        return proof

    @property
    def identity(self) -> Function:
        return Function(self.digest, self.options.name, self.options.version, self.options.tag, self.code)

    @functools.cached_property
    def prefix(self) -> bytes:
        """All of the key but the arguments."""
        o = self.options
        parts = [_KEY_FORMAT, self.digest, o.version, self.declared.json(), str(len(o.params))]
        encoded = [values.argument(part) for part in parts]
        encoded += [part for name, value in o.params for part in (values.argument(name), value)]
        if o.kind != "plain":
            encoded.append(values.argument(o.kind))
        return hashlib.sha256(b"".join(encoded)).digest()

    def _store(self) -> Store | None:
        if not self.directory:
            return None
        try:
            return Store.of(of_this_process(self.directory))
        except (OSError, DiskCacheError) as e:
            if not self._here.get("warned"):
                self._here["warned"] = True
                _log.warning("Cannot keep results of %s: %s. It is called for all rows", self.options.name, e)
            return None

    def remote(self) -> Remote | None:
        """Where copies of results are."""
        if not self.remote_directory:
            return None
        directory = self.remote_directory
        remote: Remote = self._once((os.getpid(), directory), lambda: Remote(directory))
        return remote

    def _once(self, name: Any, make: Callable[[], Any]) -> Any:
        if name not in self._here:
            with _MAKING:
                if name not in self._here:
                    self._here[name] = make()
        return self._here[name]


_MAKING = threading.RLock()


def _reset_lock() -> None:
    global _MAKING
    _MAKING = threading.RLock()


os.register_at_fork(after_in_child=_reset_lock)  # another thread of the parent may have held it
