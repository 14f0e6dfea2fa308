# SPDX-License-Identifier: Apache-2.0
"""Wrappers in a worker, of what raises no audit event: clocks and entropy where Python code can reach
them under any name, and readers of libraries that open files by native code.

A wrapper tells :mod:`._watch` and calls what it wraps. Modules that are imported later get theirs then.
"""

from __future__ import annotations

import contextlib
import functools
import importlib.machinery
import os
import sys
import types
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from . import _state

# Module, attribute, and where the path is among the arguments.
_NATIVE: dict[str, list[tuple[str, int, tuple[str, ...]]]] = {
    "xgboost.core": [
        ("Booster.load_model", 1, ("fname",)),
        ("Booster.__init__", 3, ("model_file",)),
        ("DMatrix.__init__", 1, ("data",)),
    ],
    "xgboost.sklearn": [("XGBModel.load_model", 1, ("fname",))],
    "lightgbm.basic": [("Booster.__init__", 3, ("model_file",)), ("Dataset.__init__", 1, ("data",))],
    "onnxruntime.capi.onnxruntime_inference_collection": [
        ("InferenceSession.__init__", 1, ("path_or_bytes",))
    ],
}
_GENERATORS = frozenset(["numpy.random", "torch"])
_ENTROPY = {
    "os": ["urandom", "getrandom"],
    "random": ["_urandom"],
    "numpy.random.bit_generator": ["randbits"],
}
_CLOCKS = [
    "time",
    "time_ns",
    "localtime",
    "gmtime",
    "ctime",
    "strftime",
    "asctime",
    "monotonic",
    "perf_counter",
]
_OF_A_MOMENT = {
    "localtime": 1,
    "gmtime": 1,
    "ctime": 1,
    "asctime": 1,
    "strftime": 2,
}  # with so many arguments, of that


class Tell(NamedTuple):
    """Whom the wrappers tell.

    :param read: of a path that native code reads
    :param drawn: of entropy, by the name of the call
    :param asked_time: of a clock, by the name of the call
    """

    unwatched: Callable[[], contextlib.AbstractContextManager[None]]
    read: Callable[[Any], None]
    drawn: Callable[[str], None]
    asked_time: Callable[[str], None]


def _nobody(_: Any) -> None:
    """Before the installation."""


_tell = Tell(contextlib.nullcontext, _nobody, _nobody, _nobody)


def install(tell: Tell) -> None:
    """Once in a process."""
    global _tell
    _tell = tell
    import random
    import time

    for module, names in _ENTROPY.items():
        if module in sys.modules:
            _entropy(sys.modules[module], names)
    for name in _CLOCKS:
        _replace(time, name, functools.partial(_clock, name))
    _replace(random.Random, "seed", _seed)
    if "numpy.random" in sys.modules:
        _default_rng(sys.modules["numpy.random"])
    for module in _NATIVE:
        if module in sys.modules:
            _native(sys.modules[module])
    sys.meta_path.insert(0, _Finder())


def _replace(owner: Any, name: str, tell: Callable[..., None], whole: bool = True) -> None:
    """
    :param whole: whether what it calls in turn is told by that
    """
    original = getattr(owner, name, None)
    if original is None:
        return

    @functools.wraps(original)
    def wrapper(*args: Any, **keywords: Any) -> Any:
        tell(*args, **keywords)
        with _tell.unwatched() if whole else contextlib.nullcontext():
            return original(*args, **keywords)

    setattr(owner, name, wrapper)


def _entropy(module: types.ModuleType, names: Sequence[str]) -> None:
    for name in names:
        shown = f"{module.__name__}.{name}".replace("._", ".")
        _replace(module, name, lambda *_, shown=shown, **__: _tell.drawn(shown))


def _clock(name: str, *args: Any, **_: Any) -> None:
    if len(args) < _OF_A_MOMENT.get(name, 1):
        _tell.asked_time(f"time.{name}")


def _seed(self: Any, a: Any = None, version: int = 2) -> None:
    if a is None:
        _tell.drawn("random.Random without a seed")


def _default_rng(module: types.ModuleType) -> None:
    def tell(seed: Any = None, *_: Any, **__: Any) -> None:
        if seed is None:
            _tell.drawn("default_rng without a seed")

    _replace(module, "default_rng", tell)


def _native(module: types.ModuleType) -> None:
    for dotted, position, keywords in _NATIVE[module.__name__]:
        owner: Any = module
        *path, name = dotted.split(".")
        for part in path:
            owner = getattr(owner, part, None)
        if owner is not None:
            _replace(owner, name, functools.partial(_reads, position, keywords), whole=False)


def _reads(position: int, names: tuple[str, ...], *args: Any, **keywords: Any) -> None:
    given = args[position] if len(args) > position else None
    for name in names:
        given = keywords.get(name, given)
    if isinstance(given, (str, os.PathLike)):
        _tell.read(given)


class _Finder:
    """Lets the module be found and executed as always, and wraps what it has then."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        if name not in _NATIVE and name not in _ENTROPY and name not in _GENERATORS:
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        if spec is None or spec.loader is None:
            return None
        loader: Any = spec.loader
        execute = loader.exec_module

        def exec_module(module: types.ModuleType) -> None:
            execute(module)
            if name in _NATIVE:
                _native(module)
            elif name in _GENERATORS:
                _state.note_fresh()
                if name == "numpy.random":
                    _default_rng(module)
            else:
                _entropy(module, _ENTROPY[name])

        try:
            loader.exec_module = exec_module
        except AttributeError:
            return None
        return spec
