# SPDX-License-Identifier: Apache-2.0
"""Functions and classes: by value as cloudpickle sends them, by reference as the modules that workers import."""

from __future__ import annotations

import enum
import functools
import gc
import os
import sys
import types
import weakref
from typing import Any

from pyspark.cloudpickle import cloudpickle

from . import _bytecode
from ._digest import ATOMS
from ._environment import is_library
from ._refusal import CODE
from ._values import Values

# Of a class: made by the interpreter, or caches.
_CLASS_LEFT_OUT = {"__dict__", "__weakref__", "__slotnames__", "__firstlineno__", "__annotations_cache__"}
_LRU_CACHE = type(functools.lru_cache(len))
_SCALARS = (str, bytes, int, float, complex, type(None))


class Walk(Values):
    """All that a function reaches by value; what it reaches by reference is collected as :attr:`modules`."""

    def __init__(self, raw: bool = False) -> None:
        super().__init__(raw)
        self.sent: set[str] = set()
        """Modules that a worker imports to have it."""
        self.modules: set[str] = set()
        """Modules that its import statements name."""
        self.tokens: set[str] = set()
        """Names that its code mentions."""
        self.lines = _bytecode.Lines()
        self.codes: list[tuple[types.FunctionType, str]] = []
        """Functions by value, for whoever decides whether they may do what they do."""
        self.references: list[tuple[str, str, str]] = []
        """Module, qualified name and place of what code and captured values name by reference."""

    def by_reference(self, module: str, qualname: str) -> None:
        if module in ("__main__", "__mp_main__"):
            raise self.refused(f"uses {module}.{qualname}, which a worker does not have", CODE)
        self.out.put("reference", module, qualname)
        self.sent.add(module)
        if not self.quiet:
            self.references.append((module, qualname, self.where))

    def _code(self, v: Any) -> bool:
        kind = type(v)
        if kind is types.FunctionType:
            self._function(v)
        elif kind is types.ModuleType or isinstance(v, types.ModuleType):
            self._module(v)
        elif isinstance(v, type):
            self._class(v)
        elif kind is types.CodeType:
            self._constant(v)
        elif kind is types.CellType:
            self._cell(v)
        elif kind is functools.partial:
            self.out.put("partial")
            self.value((v.func, v.args, v.keywords, v.__dict__))
        elif kind is _LRU_CACHE:
            self.out.put("lru_cache", repr(v.cache_parameters()))
            self.value(v.__wrapped__)
            self.value({k: x for k, x in v.__dict__.items() if k != "__wrapped__"})
            if self.raw:
                self._kept(v)
        else:
            return False
        return True

    def _kept(self, cached: Any) -> None:
        """Results that a cache keeps are no state, but for those that every call may get and write to."""
        code = getattr(cached.__wrapped__, "__code__", None)
        takes_nothing = code is not None and not code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
        held = [r for r in gc.get_referents(cached) if r is not cached.__dict__]
        table = max((at for at, r in enumerate(held) if type(r) is dict), default=0)
        # Results are in the table, or, if their number is limited, come before it.
        limited = cached.cache_parameters()["maxsize"] is not None
        for result in held[:table] if limited else list(held[table].values()):
            if isinstance(result, type):
                continue  # of the cache itself
            if hasattr(type(result), "__next__") or takes_nothing and not is_whole(result):
                self.value(result)

    def _module(self, v: types.ModuleType) -> None:
        name = v.__name__
        if name in ("__main__", "__mp_main__"):
            raise self.refused("uses the module __main__, which is another one in a worker", CODE)
        if cloudpickle._should_pickle_by_reference(v):
            self.out.put("module", name)
            self.sent.add(name)
            if not self.quiet:
                self.references.append((name, "", self.where))
        else:
            self.out.put("module by value", name)
            state = dict(sorted(v.__dict__.items()))
            state.pop("__builtins__", None)
            self.value(state)

    def _cell(self, cell: types.CellType) -> None:
        try:
            content = cell.cell_contents
        except ValueError:
            self.out.put("empty cell")
            return
        self.out.put("cell")
        self.value(content)

    # ---- functions

    def _function(self, f: types.FunctionType) -> None:
        if cloudpickle._should_pickle_by_reference(f):
            self.by_reference(f.__module__, f.__qualname__)
            return
        step = f"{f.__qualname__} ({line_of(f.__code__)})"
        path, self.path = self.path, [*self.path, f" -> {step}" if self.path else step]
        try:
            self.part(f.__qualname__, lambda: self._function_by_value(f))
        finally:
            self.path = path

    def _function_by_value(self, f: types.FunctionType) -> None:
        code = f.__code__
        self.codes.append((f, self.where))
        self.out.put("function", f.__name__, f.__qualname__, f.__module__, f.__doc__)
        for base in ("__name__", "__package__"):
            self.out.put("base", str(f.__globals__.get(base)))
        self._constant(code)
        self.lines.of(code)
        facts = _bytecode.facts(code)
        self.tokens |= facts.tokens
        self.hash_seed = self.hash_seed or facts.makes_sets
        if facts.constant_sets:
            self.orders.put("code", *facts.constant_sets)
        for step, content in (
            (" annotations", f.__annotations__), (" defaults", f.__defaults__), (" defaults", f.__kwdefaults__),
            (" attributes", f.__dict__),
        ):  # fmt: skip
            self.within(step, content)
        for name, cell in zip(code.co_freevars, f.__closure__ or ()):
            self._variable(f, name, cell, facts)
        lazy = facts.loaded_once
        for name in sorted(cloudpickle._extract_code_globals(code)):
            if name == "__builtins__":
                continue
            if name not in f.__globals__:
                self.out.put("not global", name)
            elif name in lazy and self._is_loaded_once(f, name):
                self.out.put("loaded once", name)
            else:
                self.out.put("global", name)
                self._variable(f, name, f.__globals__[name], facts)
        package = f.__globals__.get("__package__") or ""
        for module, names in facts.imports(package, is_package=True):
            self.out.put("import", module)
            self.modules.add(module)
            self.modules.update(f"{module}.{name}" for name in names)

    def _is_loaded_once(self, f: types.FunctionType, name: str) -> bool:
        """Whether a variable was sent as ``None``, to be set by the function to what depends on no row."""
        content = f.__globals__[name]
        if not self.raw:
            return content is None
        none = _SENT_AS_NONE.setdefault(f, {}).setdefault(name, content is None)
        return none and (content is None or is_whole(content))

    def _variable(self, f: types.FunctionType, name: str, content: Any, facts: _bytecode.Facts) -> None:
        if isinstance(content, types.CellType):
            try:
                content = content.cell_contents
            except ValueError:
                self.out.put("empty cell", name)
                return
            self.out.put("cell", name)

        def encode() -> None:
            if type(content) in (set, frozenset) and name in facts.only_contains:
                self.set(content, shows_order=False)
            elif isinstance(content, types.ModuleType):
                self._made_by(content)  # what is taken of it can be told by the code
            else:
                self.value(content)

        path, self.path = self.path, [*self.path, f", variable {name}"]
        try:
            if isinstance(content, (types.FunctionType, types.ModuleType, type)):
                encode()
            else:
                self.part(f"{f.__qualname__}.{name}", encode)
        finally:
            self.path = path

    def _constant(self, v: Any) -> None:
        """Code objects and what is in them."""
        _bytecode.encode(v, self.out)

    # ---- classes

    def _class(self, c: type) -> None:
        if c.__module__ == "builtins" or c in cloudpickle._BUILTIN_TYPE_NAMES:
            self.out.put("type", c.__module__, c.__qualname__)
        elif cloudpickle._should_pickle_by_reference(c):
            self.by_reference(c.__module__, c.__qualname__)
        else:
            path, self.path = (
                self.path,
                [*self.path, f" -> class {c.__qualname__}" if self.path else c.__qualname__],
            )
            try:
                self.part(c.__qualname__, lambda: self._class_by_value(c))
            finally:
                self.path = path

    def _class_by_value(self, c: type) -> None:
        self.out.put("class", c.__name__, c.__qualname__, c.__module__)
        self._made_by(type(c))
        for base in cloudpickle._get_bases(c):
            self.within(" base", base)
        if issubclass(c, enum.Enum):
            state = cloudpickle._enum_getstate(c)[0]
            self.out.put("members", len(list(c)))
            for member in c:
                self.value(member.name)
                self.within(f".{member.name}", member.value)
                if self.raw:
                    self.within(
                        f".{member.name}", {k: x for k, x in vars(member).items() if k != "__objclass__"}
                    )
        else:
            state = cloudpickle._class_getstate(c)[0]
        for name, content in sorted(state.items()):
            if name in _CLASS_LEFT_OUT:
                continue
            self.out.put("member", name)
            if name == "_abc_impl":
                self.set({*content}, shows_order=False)  # classes that are registered
            elif name in ("__abstractmethods__", "__static_attributes__", "__protocol_attrs__"):
                self.set({*content}, shows_order=False)
            else:
                self.within(f".{name}", content)


_SENT_AS_NONE: weakref.WeakKeyDictionary[types.FunctionType, dict[str, bool]] = weakref.WeakKeyDictionary()


def line_of(code: types.CodeType) -> str:
    """Where people find it."""
    file = code.co_filename
    cell = "ipykernel" in file or file.startswith("<")
    return f"{'cell' if cell else os.path.basename(file)}, line {code.co_firstlineno}"


# Of these modules of Python all objects are values.
_VALUES_OF = {"re", "datetime", "zoneinfo", "decimal", "fractions", "uuid", "pathlib", "string", "operator", "struct", "ipaddress", "json"}  # fmt: skip
# Objects of these are containers, or generators of random numbers.
_CONTAINERS_OF = {"numpy", "pandas", "pyarrow", "polars"}


def is_whole(v: Any) -> bool:
    """Whether a value that a function has loaded is of a kind that functions use and do not write to: plain
    values, and models and parsers of libraries."""
    kind = type(v)
    if kind in ATOMS:
        return True
    if kind in (tuple, frozenset):
        return all(map(is_whole, v))
    if hasattr(kind, "__next__") or hasattr(kind, "__setitem__") or hasattr(kind, "add"):
        return False
    top = kind.__module__.partition(".")[0]
    return top in _VALUES_OF or (
        top not in _CONTAINERS_OF and top not in sys.stdlib_module_names and is_library(kind.__module__)
    )


def captured(f: Any) -> dict[str, Any]:
    """Variables of a function that code may use, by name."""
    found = {n: f.__globals__[n] for n in cloudpickle._extract_code_globals(f.__code__) if n in f.__globals__}
    for name, cell in zip(f.__code__.co_freevars, f.__closure__ or ()):
        try:
            found[name] = cell.cell_contents
        except ValueError:
            continue
    return found


def changeable_defaults(f: types.FunctionType) -> frozenset[str]:
    """Arguments whose default is a value that could be changed."""
    code = f.__code__
    names = code.co_varnames[: code.co_argcount]
    positional = f.__defaults__ or ()
    defaults = {**dict(zip(names[len(names) - len(positional) :], positional)), **(f.__kwdefaults__ or {})}
    return frozenset(
        n for n, v in defaults.items() if not isinstance(v, (type, types.FunctionType, *_SCALARS))
    )
