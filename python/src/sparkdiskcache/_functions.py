# SPDX-License-Identifier: Apache-2.0
"""Functions and classes that are pickled by value, as they are in memory."""

from __future__ import annotations

import dataclasses
import enum
import functools
import types
from typing import Any

from pyspark.cloudpickle import cloudpickle

from . import _bytecode, _sinks
from ._bytecode import Use
from ._environment import is_library
from ._modules import Modules
from ._refusal import CODE, FunctionRefused

_SELF_EVIDENT = (types.ModuleType, types.FunctionType, types.BuiltinFunctionType, type)
_CLASS_ATTRIBUTES_LEFT_OUT = {
    "__dict__", "__weakref__", "__doc__", "__module__", "__annotations__", "__firstlineno__",
    "__static_attributes__", "_abc_impl", "__orig_bases__", "__parameters__", "__annotate__",
    "__annotate_func__", "__annotations_cache__", "__dataclass_params__", "__qualname__",
}  # fmt: skip
_LRU_CACHE = type(functools.lru_cache(len))


class Walk(Modules):
    """The whole walk."""

    def _code(self, v: Any, where: str) -> bool:
        if isinstance(v, types.FunctionType):
            self._function(v, where)
        elif isinstance(v, types.MethodType):
            self.out.put("method")
            self.value(v.__func__, where)
            self.value(v.__self__, f"{where}.__self__")
        elif isinstance(v, types.ModuleType):
            self._dotted(v.__name__, (), where)
        elif isinstance(v, type):
            self._class(v, where)
        elif isinstance(v, types.BuiltinFunctionType):
            owner = v.__self__
            if owner is None or isinstance(owner, types.ModuleType):
                self._library(getattr(v, "__module__", None) or "builtins", (v.__qualname__,), where)
            else:
                self.out.put("builtin method", v.__name__)
                _sinks.check_attribute(v.__name__, where, excused=self.excused)
                self.value(owner, f"{where}.__self__")
        elif isinstance(
            v, (types.MethodDescriptorType, types.WrapperDescriptorType, types.ClassMethodDescriptorType)
        ):
            self._library(v.__objclass__.__module__, tuple(v.__qualname__.split(".")), where)
        elif isinstance(v, (staticmethod, classmethod)):
            self.out.put(type(v).__name__)
            self.value(v.__func__, where)
        elif isinstance(v, property):
            self.out.put("property")
            self.value((v.fget, v.fset, v.fdel), where)
        elif isinstance(v, functools.partial):
            self.out.put("partial")
            self.value((v.func, v.args, v.keywords), where)
        elif isinstance(v, functools.cached_property):
            self.out.put("cached_property", v.attrname or "")
            self.value(v.func, where)
        elif isinstance(v, functools.partialmethod):
            self.out.put("partialmethod")
            self.value((v.func, v.args, v.keywords), where)
        elif type(v) is _LRU_CACHE:
            self.out.put("lru_cache")
            self.value(v.__wrapped__, where)
        elif isinstance(v, types.CodeType):
            raise FunctionRefused(CODE, where, "captures a code object, which could be run out of sight")
        else:
            return False
        return True

    def _function(self, f: types.FunctionType, where: str) -> None:
        if cloudpickle._should_pickle_by_reference(f):
            self._reference(f.__module__, f.__qualname__, where)
            return
        place = where if f.__qualname__ in where else f"{where} ({f.__qualname__})"
        self.part(f.__qualname__, lambda: self._function_by_value(f, place))

    def _function_by_value(self, f: types.FunctionType, place: str) -> None:
        code = f.__code__
        if code.co_filename == dataclasses.__file__ and hasattr(f, "__wrapped__"):
            self.out.put("recursive repr")  # of a dataclass: its guard asks for the thread
            self.value(f.__wrapped__, place)
            return
        self.out.put("function")
        self._body(code)
        captured: dict[str, Any] = {}
        for name, cell in zip(code.co_freevars, f.__closure__ or ()):
            try:
                content = cell.cell_contents
            except ValueError:
                self.out.put("empty cell", name)
                continue
            captured[name] = content
            self.out.put("cell", name)
            self._captured(f, name, content, place)
        self.out.put("defaults")
        self.value(f.__defaults__, f"{place} defaults")
        self.value(f.__kwdefaults__, f"{place} defaults")
        self.out.put("attributes", len(f.__dict__))
        for name in sorted(f.__dict__):
            self.out.put("attribute", name)
            self.value(f.__dict__[name], f"{place}.{name}")
        for use in _bytecode.uses(code):
            if use.kind == "import":
                package = f.__globals__.get("__package__") or ""
                self._use_import(use, package.split(".") if package else [], place)
            elif use.name in f.__globals__:
                content = f.__globals__[use.name]
                captured[use.name] = content
                self._global(f, use, content, place)
            else:
                self._builtin(use, place)
        _bytecode.check(code, place, self.excused)
        values = frozenset(n for n, c in captured.items() if not isinstance(c, _SELF_EVIDENT))
        owners = frozenset(n for n, c in captured.items() if _owns_values(c))
        _bytecode.check_writes(code, values, owners, place, _changeable_defaults(f))

    def _captured(self, f: types.FunctionType, name: str, content: Any, place: str) -> None:
        if isinstance(content, _SELF_EVIDENT):
            self.value(content, f"{place} -> {name}")
        else:
            self.part(f"{f.__qualname__}.{name}", lambda: self.value(content, f"{place}, variable {name}"))

    def _global(self, f: types.FunctionType, use: Use, content: Any, place: str) -> None:
        self.out.put("global", use.name)
        if isinstance(content, types.ModuleType):
            self._dotted(content.__name__, use.chain or (), place)
        elif isinstance(content, (type, types.FunctionType)) and is_library(content.__module__ or "builtins"):
            self.value(content, f"{place} -> {use.name}")
            dotted = ".".join([content.__module__, content.__qualname__, *(use.chain or ())])
            _sinks.check_dotted(dotted, place, self.excused)
        elif use.only_contains and type(content) in (set, frozenset):
            self.part(
                f"{f.__qualname__}.{use.name}",
                lambda: self._set(content, f"{place}, variable {use.name}", shows_order=False),
            )
        else:
            self._captured(f, use.name, content, place)

    def _class(self, c: type, where: str) -> None:
        if cloudpickle._should_pickle_by_reference(c):
            self._reference(c.__module__, c.__qualname__, where)
        elif c.__module__ == "builtins":
            self.out.put("type", c.__qualname__)
        else:
            self.part(c.__qualname__, lambda: self._class_by_value(c, where))

    def _class_by_value(self, c: type, where: str) -> None:
        self.out.put("class", c.__qualname__)
        self.value(tuple(base for base in c.__bases__ if base is not object), f"{where} base")
        if type(c) is not type:
            self.value(type(c), f"{where} metaclass")
        members = dict(vars(c))
        if issubclass(c, enum.Enum):
            self.out.put("members", len(c.__members__))
            for name, member in c.__members__.items():
                self.out.put("member", name)
                self.value(member.value, f"{where}.{name}")
            members = {
                k: x
                for k, x in members.items()
                if isinstance(x, (types.FunctionType, property, staticmethod, classmethod))
            }
        for name in sorted(members):
            if name not in _CLASS_ATTRIBUTES_LEFT_OUT:
                self.out.put("member", name)
                self.value(members[name], f"{where}.{name}")


def _owns_values(content: Any) -> bool:
    """Whether attributes of a captured module, class or function may be a user's values."""
    if isinstance(content, types.ModuleType):
        return not is_library(content.__name__)
    return isinstance(content, (type, types.FunctionType)) and not is_library(
        content.__module__ or "builtins"
    )


def _changeable_defaults(f: types.FunctionType) -> frozenset[str]:
    code = f.__code__
    names = code.co_varnames[: code.co_argcount]
    positional = f.__defaults__ or ()
    defaults = {**dict(zip(names[len(names) - len(positional) :], positional)), **(f.__kwdefaults__ or {})}
    return frozenset(
        n
        for n, v in defaults.items()
        if not isinstance(v, (*_SELF_EVIDENT, str, bytes, int, float, type(None)))
    )
