# SPDX-License-Identifier: Apache-2.0
"""The identity of a Python function: what a Spark worker will run, hashed.

Neither the name nor the pickled bytes of a function tell what it computes: the bytes change with a
comment, and stay the same when an imported helper is edited. :func:`hash_function` follows what
Spark's own cloudpickle ships.

* Objects pickled **by value** (functions and classes of scripts, notebooks and inner scopes) count as they
  are in memory, with all names, texts, annotations and values (:mod:`._functions`, :mod:`._values`).
* Modules pickled **by reference** (user modules) are imported anew by the worker, so their source
  counts, whole, and that of all user modules they import (:mod:`._modules`).
* Libraries count as the content of their distributions (:mod:`._libraries`), the standard library as the version
  of Python.

A worker proves what it runs: :func:`hash_loaded` makes the same digest of the function as it arrived there and of
the modules that the worker has loaded (:mod:`._loaded`), and :func:`state_digest` says before and after the rows
whether captured values are what they were. :class:`FunctionRefused` says what has no identity and why.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import TypeVar

from . import _environment, _loaded, _modules, _sinks, _sources
from ._digest import Digest, hexdigest_of
from ._environment import Environment
from ._functions import Walk
from ._modules import Closure
from ._reach import Reach
from ._refusal import STATE, FunctionRefused
from ._sources import Module, SourceFile

__all__ = [
    "FunctionHash",
    "FunctionRefused",
    "hash_function",
    "hash_loaded",
    "identity_loaded",
    "state_digest",
]

_FORMAT = "sparkdiskcache.fnhash.2"
_SHOWN_DIGITS = 16
_T = TypeVar("_T")


@dataclasses.dataclass(frozen=True)
class FunctionHash:
    """The identity of a function, and its parts.

    :param digest: SHA-256 in hexadecimal, the identity
    :param proof: what :func:`hash_loaded` gives in a worker that runs this very function
    :param parts: short digests by name, to tell what differs between two versions
    :param sources: files that the workers import
    :param depends_on_hash_seed: whether rows may show the order of a set of strings
    """

    digest: str
    proof: str
    parts: dict[str, str]
    sources: tuple[SourceFile, ...]
    depends_on_hash_seed: bool


def hash_function(
    function: object, environment: Environment | None = None, of_service: bool = False
) -> FunctionHash:
    """The identity of a function, or of the class of a table function.

    :param environment: what workers import; the driver's own if none is given
    :param of_service: whether it may use the network, and what goes with that
    :raises FunctionRefused: if it has none
    """
    environment = environment or _environment.of_driver()
    excused = _sinks.OF_SERVICES if of_service else frozenset()

    def source(name: str) -> Module:
        spec = environment.spec(name)
        assert spec is not None, name  # it has been found just now
        return _sources.of_spec(spec)

    def closure(walk: Walk) -> Closure:
        found = _modules.closure(walk, environment, source)
        Reach(excused).check(walk, found)
        return found

    return _guarded(function, lambda: _hashed(function, environment, closure))


def hash_loaded(function: object) -> str:
    """In a worker: the ``proof`` of the function as it arrived there.

    :raises FunctionRefused: if what the worker has loaded cannot be told
    """
    return identity_loaded(function).proof


def identity_loaded(function: object) -> FunctionHash:
    """In a worker: as :func:`hash_loaded`, with the parts, which say what differs.

    :raises FunctionRefused: if what the worker has loaded cannot be told
    """
    found: FunctionHash = _guarded(
        function, lambda: _hashed(function, _loaded.environment(), _loaded.closure)
    )
    return found


def state_digest(function: object) -> str:
    """In a worker: of all that a function reaches in memory, to be compared within this process only.

    :raises FunctionRefused: if it cannot be told, or if a module that the function uses was changed
    """

    def state() -> str:
        walk = Walk(raw=True)
        walk.value(function)
        _loaded.require_unchanged(walk)
        return walk.out.hexdigest()

    return _guarded(function, state)


def _guarded(function: object, compute: Callable[[], _T]) -> _T:
    try:
        return compute()
    except FunctionRefused:
        raise
    except RecursionError:
        raise FunctionRefused(STATE, _name(function), "captures values that are nested too deeply") from None
    except (Exception, SystemExit) as e:  # of code that describes the user's objects: reductions, properties
        raise FunctionRefused(STATE, _name(function), f"cannot be hashed: {type(e).__name__}: {e}") from e


def _hashed(
    function: object, environment: Environment, closure_of: Callable[[Walk], Closure]
) -> FunctionHash:
    walk = Walk()
    walk.value(function)
    closure = closure_of(walk)
    parts = dict(walk.parts)
    out = Digest()
    out.put(_FORMAT, walk.out.digest(), *sorted(closure.absent))
    lines = closure.shows_lines
    if lines:
        out.put("lines", walk.lines.digest())
    if closure.shows_directory:
        out.put("directory", environment.directory)
    for name, one in sorted(closure.user.items()):
        digest = hexdigest_of(one.digest, one.lines) if lines else one.digest
        if closure.shows_place and one.code is not None:
            digest = hexdigest_of(digest, one.code.co_filename)
        out.put("module", name, digest)
        parts[f"module.{name}"] = digest[:_SHOWN_DIGITS]
    libraries = environment.library_digests(closure.libraries)
    for name, version in {**environment.facts(), **libraries}.items():
        out.put("version", name, version)
        parts[f"version.{name}"] = version
    proof = out.hexdigest()
    files = {m.file for m in closure.user.values() if m.file is not None}
    return FunctionHash(
        hexdigest_of(proof, walk.orders.digest()),
        proof,
        dict(sorted(parts.items())),
        tuple(sorted(files, key=lambda f: f.path)),
        walk.hash_seed or closure.makes_sets or not closure.libraries <= _environment.ORDERLY_LIBRARIES,
    )


def _name(value: object) -> str:
    return (
        getattr(value, "__qualname__", None) or getattr(value, "__name__", None) or type(value).__qualname__
    )
