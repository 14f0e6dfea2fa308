# SPDX-License-Identifier: Apache-2.0
"""The identity of a Python function: what a Spark worker will run, hashed.

Neither the name nor the pickled bytes of a function tell what it computes: the bytes change with a
comment, and stay the same when an imported helper is edited. :func:`hash_function` follows what
Spark's own cloudpickle ships.

* What is pickled **by value** (functions and classes of scripts, notebooks and inner scopes) is
  followed as it is in memory: bytecode, constants, defaults, closure cells, the globals it uses.
* What is pickled **by reference** (user modules) is imported anew by the worker, so its source
  counts (:mod:`._sources`); if the driver's copy differs from it, nobody knows which version a
  worker has, and the function is refused.
* Libraries count as distribution and version, the standard library as the version of Python.

Whatever reads or changes more than its arguments is refused, and so is every value without a
stable encoding. :class:`FunctionRefused` says what and where.
"""

from __future__ import annotations

import dataclasses

from . import _environment, _sinks
from ._environment import Environment
from ._functions import Walk
from ._refusal import STATE, FunctionRefused
from ._sources import SourceFile

__all__ = ["FunctionHash", "FunctionRefused", "hash_function"]


@dataclasses.dataclass(frozen=True)
class FunctionHash:
    """What a function is made of.

    :param digest: SHA-256 in hexadecimal
    :param parts: short digests by name, to tell what differs between two versions
    :param sources: files that the workers import
    :param depends_on_hash_seed: whether rows may show the order of a set of strings
    """

    digest: str
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
    walk = Walk(environment or _environment.of_driver(), _sinks.OF_SERVICES if of_service else frozenset())
    try:
        for name, version in walk.environment.versions().items():
            walk.out.put("version", name, version)
            walk.parts[f"version.{name}"] = version
        walk.value(function, _name(function))
    except RecursionError:
        raise FunctionRefused(STATE, _name(function), "captures values that are nested too deeply") from None
    return FunctionHash(
        walk.out.hexdigest(),
        dict(sorted(walk.parts.items())),
        tuple(sorted({m.file for m in walk.modules.values()}, key=lambda f: f.path)),
        walk.hash_seed,
    )


def _name(value: object) -> str:
    return (
        getattr(value, "__qualname__", None) or getattr(value, "__name__", None) or type(value).__qualname__
    )
