# SPDX-License-Identifier: Apache-2.0
"""Whether the code that a function reaches may do what it does.

The identity of a user module is all of it; here only that counts which a function reaches, by names, through
the modules as the driver has them. Every use that is reached is told to :mod:`._sinks`, which refuses.
"""

from __future__ import annotations

import builtins
import dataclasses
import sys
import types
from typing import Any

from . import _names, _sinks, _uses
from ._environment import is_library
from ._functions import Walk, captured, changeable_defaults, line_of
from ._modules import Closure
from ._pure import is_declared
from ._refusal import CODE, FunctionRefused
from ._uses import Use

_SELF_EVIDENT = (types.ModuleType, types.FunctionType, types.BuiltinFunctionType, type)


class Reach:
    """One walk over code.

    :param excused: reasons to refuse that do not count
    """

    def __init__(self, excused: frozenset[str]) -> None:
        self._excused = excused
        self._seen: set[int] = set()
        self._on_import = False
        self._alive: list[object] = []

    def check(self, walk: Walk, closure: Closure) -> None:
        """:raises FunctionRefused: for what the function must not do"""
        for f, place in walk.codes:
            self._function(f, place)
        for module, qualname, place in walk.references:
            self._dotted(module, tuple(qualname.split(".")) if qualname else (), place)
        # A function that is called on import may fill what functions only read; rows may call it as well.
        self._on_import, self._seen = True, set()
        for name, imported in closure.user.items():
            if imported.run is not None:
                loaded = sys.modules.get(name)
                names = vars(loaded) if loaded is not None else {}
                place = f"{name} (on import)"
                for use in _uses.uses(imported.run, inside=False):
                    if use.kind == "global" and not _is_of_spark(names.get(use.name)):
                        self._global(use, names, place, known=loaded is not None)

    # ---- code

    def _function(self, f: types.FunctionType, place: str) -> None:
        if id(f) in self._seen:
            return
        self._seen.add(id(f))
        if is_declared(f):
            return
        code = f.__code__
        if code.co_filename == dataclasses.__file__ and hasattr(f, "__wrapped__"):
            return  # recursive_repr's guard asks for the thread
        for use in _uses.uses(code):
            if use.kind == "import":
                self._import(use, f.__globals__.get("__package__") or "", place)
            else:
                self._global(use, f.__globals__, place)
        if not {"setattr", "delattr"}.isdisjoint(code.co_names):
            self._check_setters(code, f.__globals__, place)
        _uses.check(code, place, self._excused)
        if self._on_import:
            return
        found = captured(f)
        values = frozenset(n for n, c in found.items() if not isinstance(c, _SELF_EVIDENT))
        owners = frozenset(n for n, c in found.items() if _owns_values(c))
        foreign = frozenset(n for n, c in found.items() if _is_of_a_library(c))
        _uses.check_writes(code, values, owners, place, changeable_defaults(f), foreign)

    def _check_setters(self, code: types.CodeType, names: dict[str, Any], place: str) -> None:
        for use in _uses.uses(code):
            found = sys.modules.get(use.name) if use.kind == "import" else names.get(use.name)
            if use.chain == () and isinstance(found, types.ModuleType) and is_library(found.__name__):
                raise FunctionRefused(
                    CODE, place, f"may set an attribute of {use.name}, which all functions share", spoils=True
                )

    def _import(self, use: Use, package: str, place: str) -> None:
        name = use.name
        if use.level:
            parts = package.split(".") if package else []
            base = parts[: len(parts) - (use.level - 1)]
            name = ".".join([*base, name] if name else base)
        if use.chain is not None:
            self._dotted(name, use.chain, place)

    def _global(self, use: Use, names: dict[str, Any], place: str, known: bool = True) -> None:
        if use.name in names:
            self._value(names[use.name], use.chain or (), place)
        elif use.name == "hash" and "__hash__ (" in place:
            return  # shows in the order of sets only, as the hashes of strings do
        elif hasattr(builtins, use.name):
            _sinks.check_builtin(use.name, place)
        elif known and not use.name.startswith("__"):
            raise FunctionRefused(
                CODE,
                place,
                f"uses the name {use.name}, which is not defined yet; define it before the function is first used",
            )

    def _value(self, v: Any, chain: tuple[str, ...], place: str) -> None:
        """Something that code names, with the attributes it takes of it."""
        if isinstance(v, types.ModuleType):
            self._dotted(v.__name__, chain, place)
            return
        if id(v) in self._seen and not chain:
            return
        self._instance(v, place)
        self._alive.append(v)
        wrapped = getattr(v, "__wrapped__", None) if not isinstance(v, type) else None
        if isinstance(wrapped, types.FunctionType):
            self._value(wrapped, (), place)
        if isinstance(v, types.MethodType):
            v = v.__func__
        if isinstance(v, types.FunctionType):
            if is_library(v.__module__ or "builtins"):
                self._library(v.__module__ or "builtins", (*v.__qualname__.split("."), *chain), place)
            else:
                self._function(v, _below(place, v.__qualname__, v))
        elif isinstance(v, types.BuiltinFunctionType):
            owner = v.__self__
            if owner is None or isinstance(owner, types.ModuleType):
                self._library(getattr(v, "__module__", None) or "builtins", (v.__qualname__,), place)
            elif isinstance(owner, type):
                self._library(owner.__module__, (*owner.__qualname__.split("."), v.__name__), place)
            else:
                _sinks.check_attribute(v.__name__, place, excused=self._excused)
        elif isinstance(v, type):
            self._class(v, chain, place)
        elif not is_library(type(v).__module__):
            self._class(type(v), (), place)

    def _class(self, c: type, chain: tuple[str, ...], place: str) -> None:
        if c.__module__ == "builtins":
            _sinks.check_builtin(c.__name__, place)
            return
        if is_library(c.__module__):
            self._library(c.__module__, (*c.__qualname__.split("."), *chain), place)
            return
        if id(c) in self._seen:
            return
        self._seen.add(id(c))
        for base in c.__mro__[:-1]:
            if is_library(base.__module__):
                continue
            for name, member in list(vars(base).items()):
                for function in _functions_of(member):
                    if isinstance(function, types.FunctionType) and not is_library(
                        function.__module__ or "builtins"
                    ):
                        self._function(function, _below(place, f"{base.__qualname__}.{name}", function))

    # ---- names

    def _dotted(self, module: str, chain: tuple[str, ...], place: str) -> None:
        if is_library(module):
            self._library(module, chain, place)
            return
        found: Any = sys.modules.get(module)
        for at, name in enumerate(chain):
            if found is None or not hasattr(found, name):
                return  # not there on the driver: an error, or of a module that is imported later
            found = getattr(found, name)
            if not isinstance(found, types.ModuleType):
                self._value(found, chain[at + 1 :], place)
                return
        if found is not None and found.__name__ != module:
            self._dotted(found.__name__, (), place)

    def _library(self, module: str, chain: tuple[str, ...], place: str) -> None:
        found: Any = sys.modules.get(module)
        while chain and isinstance(getattr(found, chain[0], None), types.ModuleType):
            found = getattr(found, chain[0])  # os.path is another module's name
            module, chain = found.__name__, chain[1:]
        dotted = ".".join((module, *chain))
        _sinks.check_dotted(dotted, place, self._excused)
        for name in chain:
            found = getattr(found, name, None)
        if isinstance(found, (type, types.FunctionType, types.BuiltinFunctionType)) and found.__module__:
            own = f"{found.__module__}.{found.__qualname__}"
            if not _names.is_listed(dotted) or _names.is_bad(own):
                _sinks.check_dotted(own, place, self._excused)
            if found.__module__ == "builtins":
                _sinks.check_builtin(found.__qualname__, place)
        self._instance(found, place)

    def _instance(self, v: Any, place: str) -> None:
        """An object of a library by whatever name: ``os.environ``, ``sys.argv``."""
        dotted = _names.instances().get(id(v))
        if dotted is not None:
            _sinks.check_dotted(dotted, place, self._excused)


def _functions_of(member: Any) -> tuple[Any, ...]:
    if isinstance(member, property):
        return member.fget, member.fset, member.fdel
    return (getattr(member, "__func__", getattr(member, "func", member)),)


def _owns_values(content: Any) -> bool:
    """Whether attributes of a captured module, class or function may be a user's values."""
    if isinstance(content, types.ModuleType):
        return not is_library(content.__name__)
    return isinstance(content, (type, types.FunctionType)) and not is_library(
        content.__module__ or "builtins"
    )


def _is_of_a_library(content: Any) -> bool:
    """Whether a module, class or function is shared by all functions of a worker."""
    if isinstance(content, types.ModuleType):
        return is_library(content.__name__)
    return isinstance(content, (type, types.FunctionType)) and is_library(content.__module__ or "builtins")


def _is_of_spark(v: Any) -> bool:
    """Functions that a module declares for Spark when it is imported."""
    module = v.__name__ if isinstance(v, types.ModuleType) else getattr(v, "__module__", None) or ""
    return module.partition(".")[0] in ("pyspark", "sparkdiskcache")


def _below(place: str, name: str, f: types.FunctionType) -> str:
    return place if f" {name} (" in f" {place}" else f"{place} -> {name} ({line_of(f.__code__)})"
