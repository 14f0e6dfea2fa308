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

import builtins
import collections
import dataclasses
import datetime
import decimal
import enum
import fractions
import functools
import logging
import operator
import pathlib
import re
import struct
import sys
import types
import uuid
from collections.abc import Callable, Iterable
from typing import Any

from pyspark.cloudpickle import cloudpickle

from . import _bytecode, _environment, _sinks, _sources
from ._bytecode import Use
from ._digest import Digest
from ._environment import Environment, is_library
from ._refusal import CODE, STATE, FunctionRefused
from ._sources import SourceFile, SourceModule

__all__ = ["FunctionHash", "FunctionRefused", "hash_function"]

_FORMAT = "sparkdiskcache.fnhash.1"
_SHOWN_DIGITS = 16
# Behaviour does not depend on the hash seed, however they are used.
_ORDERLY_LIBRARIES = {"pandas", "numpy", "pyarrow"} | set(sys.stdlib_module_names)
_SELF_EVIDENT = (types.ModuleType, types.FunctionType, types.BuiltinFunctionType, type)
_CLASS_ATTRIBUTES_LEFT_OUT = {
    "__dict__", "__weakref__", "__doc__", "__module__", "__annotations__", "__firstlineno__",
    "__static_attributes__", "_abc_impl", "__orig_bases__", "__parameters__", "__annotate__",
    "__annotate_func__", "__annotations_cache__", "__dataclass_params__", "__qualname__",
}  # fmt: skip
_MAY_WRITE_SELF = {"__init__", "__new__", "__post_init__", "__setstate__", "__setattr__", "__delattr__"}


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


def hash_function(function: object, environment: Environment | None = None) -> FunctionHash:
    """The identity of a function, or of the class of a table function.

    :param environment: what workers import; the driver's own if none is given
    :raises FunctionRefused: if it has none
    """
    walk = _Walk(environment or _environment.of_driver())
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


class _Walk:
    """One walk over what one function reaches."""

    def __init__(self, environment: Environment) -> None:
        self.environment = environment
        self.out = Digest()
        self.out.put("format", _FORMAT)
        self.parts: dict[str, str] = {}
        self.modules: dict[str, SourceModule] = {}
        self.hash_seed = False
        self._seen: dict[int, int] = {}
        self._alive: list[object] = []
        self._visited: set[tuple[str, int]] = set()
        self._imported: set[str] = set()

    # ---- values

    def value(self, v: Any, where: str) -> None:
        """Encodes any value that a function captures."""
        if self._plain(v):
            return
        if type(v) is tuple:
            self.out.put("tuple", len(v))
            self._elements(v, where)
            return
        if not isinstance(v, (frozenset, bytes)):
            number = self._seen.get(id(v))
            if number is not None:
                self.out.put("seen", number)
                return
            self._seen[id(v)] = len(self._seen)
            self._alive.append(v)
        if not (
            self._collection(v, where)
            or self._code(v, where)
            or self._known(v, where)
            or self._foreign(v, where)
        ):
            self._instance(v, where)

    def part(self, name: str, encode: Callable[[], None]) -> None:
        """Encodes a piece whose digest is shown when identities are compared."""
        outer, self.out = self.out, Digest()
        try:
            encode()
            digest = self.out.hexdigest()
        finally:
            self.out = outer
        self.out.put("part", digest)
        shown = digest[:_SHOWN_DIGITS]
        known = self.parts.get(name)
        self.parts[name] = shown if known is None or known == shown else f"{known},{shown}"

    def _plain(self, v: Any) -> bool:
        kind = type(v)
        if v is None or v is Ellipsis or v is NotImplemented or kind is bool or kind is int or kind is str:
            self.out.put(kind.__name__, str(v))
        elif kind is float:
            self.out.put("float", struct.pack(">d", v))
        elif kind is complex:
            self.out.put("complex", struct.pack(">dd", v.real, v.imag))
        elif kind is bytes:
            self.out.put("bytes", v)
        else:
            return False
        return True

    def _elements(self, values: Iterable[Any], where: str) -> None:
        for i, element in enumerate(values):
            if not self._plain(element):
                self.value(element, f"{where}[{i}]")

    def _collection(self, v: Any, where: str) -> bool:
        kind = type(v)
        if kind in (list, collections.deque):
            self.out.put(kind.__name__, len(v), repr(getattr(v, "maxlen", None)))
            self._elements(v, where)
        elif kind in (dict, collections.OrderedDict, collections.Counter, collections.defaultdict):
            # The order can be seen.
            self.out.put(kind.__name__, len(v))
            if kind is collections.defaultdict:
                self.value(v.default_factory, f"{where}.default_factory")
            for key, element in v.items():
                self.value(key, f"{where} key")
                self.value(element, f"{where}[{key!r}]")
        elif kind in (set, frozenset):
            self._set(v, where)
        elif kind in (bytearray, memoryview):
            self.out.put(kind.__name__, bytes(v))
        elif kind in (range, slice):
            self.out.put(kind.__name__)
            self.value((v.start, v.stop, v.step), where)
        elif isinstance(v, types.MappingProxyType):
            self.out.put("mappingproxy")
            self.value(dict(v), where)
        else:
            return False
        return True

    def _set(self, v: Any, where: str, shows_order: bool = True) -> None:
        digests = []
        seen = self._seen
        for element in v:
            # Numbers given inside an element would depend on the order.
            outer, self.out, self._seen = self.out, Digest(), dict(seen)
            try:
                self.value(element, f"{where} element")
                digests.append(self.out.digest())
            finally:
                self.out, self._seen = outer, seen
            if shows_order and not isinstance(element, (int, float)):
                self.hash_seed = True
        self.out.put(type(v).__name__, *sorted(digests))

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
                _sinks.check_attribute(v.__name__, where)
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
        elif type(v) is type(functools.lru_cache(_name)):
            self.out.put("lru_cache")
            self.value(v.__wrapped__, where)
        elif isinstance(v, types.CodeType):
            raise FunctionRefused(CODE, where, "captures a code object, which could be run out of sight")
        else:
            return False
        return True

    def _known(self, v: Any, where: str) -> bool:
        """Values of libraries whose content is known."""
        kind = type(v)
        if kind in (datetime.date, datetime.datetime, datetime.time, datetime.timedelta, datetime.timezone, decimal.Decimal,
                    fractions.Fraction, uuid.UUID, pathlib.PurePosixPath, pathlib.PureWindowsPath):  # fmt: skip
            zone = getattr(v, "tzinfo", None)
            self.out.put(kind.__name__, repr(v), getattr(v, "fold", 0))
            if zone is not None:
                self.value(zone, f"{where}.tzinfo")
        elif isinstance(v, re.Pattern):
            self.out.put("pattern", v.flags)
            self.value(v.pattern, where)
        elif isinstance(v, enum.Enum):
            self.out.put("enum", v.name)
            self.value(type(v), where)
        elif isinstance(v, logging.Logger):
            self.out.put("logger", v.name)
        elif isinstance(v, (operator.itemgetter, operator.attrgetter, operator.methodcaller)):
            self.out.put(kind.__name__)
            self.value(v.__reduce__()[1:], where)
        elif isinstance(v, dataclasses.Field):
            self.out.put("field", v.name or "", repr(v.init), repr(v.compare), repr(v.repr), repr(v.hash))
            self.value((v.default, v.default_factory), where)
        elif (
            kind.__module__ == "dataclasses"
            and not vars(kind).get("__slots__")
            and not getattr(v, "__dict__", None)
        ):
            self.out.put("dataclasses", kind.__name__)  # MISSING and its like
        elif isinstance(v, (types.MemberDescriptorType, types.GetSetDescriptorType)):
            self.out.put("slot", v.__name__)
        elif kind.__name__ == "_tuplegetter":
            self.value(v.__reduce__()[1], where)  # of a namedtuple
        elif kind.__module__ == "zoneinfo" and getattr(v, "key", None):
            self.out.put("zoneinfo", v.key)
        elif kind.__module__ in ("typing", "types") and kind.__name__ in (
            "_GenericAlias",
            "GenericAlias",
            "UnionType",
            "TypeVar",
            "_SpecialForm",
            "_UnionGenericAlias",
        ):
            self.out.put("typing", repr(v))
        else:
            return False
        return True

    def _foreign(self, v: Any, where: str) -> bool:
        """Values of NumPy, pandas and PySpark."""
        top = type(v).__module__.split(".")[0]
        if top == "numpy":
            return self._numpy(v, where)
        if top == "pandas":
            return self._pandas(v, where)
        if top == "pyspark":
            from pyspark.sql.types import DataType, Row, UserDefinedType

            if isinstance(v, DataType) and not isinstance(v, UserDefinedType):
                self.out.put("DataType", v.json())
                return True
            if isinstance(v, Row):
                self.out.put("Row", repr(getattr(v, "__fields__", None)))
                self.value(tuple(v), where)
                return True
        return False

    def _numpy(self, v: Any, where: str) -> bool:
        import numpy as np

        if type(v) is np.ndarray:
            self.out.put("ndarray", v.dtype.str, repr(v.shape))
            if v.dtype.hasobject:
                self._elements(v.ravel().tolist(), where)
            elif v.dtype.names is not None:
                self.out.put("fields", repr(v.dtype.descr), v.tobytes())
            else:
                self.out.put("data", v.tobytes())
        elif isinstance(v, np.generic):
            self.out.put("numpy", v.dtype.str, v.tobytes())
        elif isinstance(v, np.dtype):
            self.out.put("dtype", repr(v.descr))
        elif isinstance(v, np.ufunc):
            self._library("numpy", (v.__name__,), where)
        else:
            return False
        return True

    def _pandas(self, v: Any, where: str) -> bool:
        import pandas as pd

        if isinstance(v, (pd.Timestamp, pd.Timedelta, pd.Interval, pd.Period)) or v is pd.NA or v is pd.NaT:
            self.out.put(type(v).__name__, repr(v), str(getattr(v, "value", "")))
        elif type(v) is pd.Series:
            self.out.put("Series", str(v.dtype))
            self.value((v.name, v.index, list(v)), where)
        elif type(v) is pd.DataFrame:
            self.out.put("DataFrame", len(v.columns))
            self.value((v.columns, v.index), where)
            for i in range(len(v.columns)):
                column = v.iloc[:, i]
                self.out.put("column", str(column.dtype))
                self.value(list(column), f"{where}.{v.columns[i]}")
        elif isinstance(v, pd.Index):
            self.out.put("Index", type(v).__name__, str(v.dtype))
            self.value((list(v.names), list(v)), where)
        else:
            return False
        return True

    def _instance(self, v: Any, where: str) -> None:
        """An object of a user's class, if all of it is in its attributes."""
        kind = type(v)
        if isinstance(v, tuple) and hasattr(kind, "_fields"):
            self.out.put("namedtuple", repr(kind._fields))
            self.value(kind, where)
            self._elements(tuple(v), where)
            return
        if is_library(kind.__module__) or isinstance(
            v, (tuple, list, dict, set, frozenset, str, bytes, int, float, BaseException)
        ):
            raise FunctionRefused(
                STATE,
                where,
                f"captures a value of type {kind.__module__}.{kind.__qualname__}, which has no stable encoding;"
                " capture plain values, collections or objects of your own classes",
            )
        own = [name for name in ("__reduce__", "__reduce_ex__", "__getstate__", "__setstate__", "__getnewargs__", "__getnewargs_ex__", "__getattr__", "__getattribute__")
               if any(name in vars(base) for base in kind.__mro__[:-1])]  # fmt: skip
        if own:
            raise FunctionRefused(
                STATE,
                where,
                f"captures an object of {kind.__qualname__}, which defines {own[0]}; capture plain values instead",
            )
        for base in kind.__mro__[:-1]:
            for name, member in vars(base).items():
                code = getattr(member, "__code__", None)
                if code is not None and name not in _MAY_WRITE_SELF and _bytecode.writes_self(code):
                    raise FunctionRefused(
                        STATE,
                        where,
                        f"captures an object that {base.__qualname__}.{name} changes, so that a row depends on the rows before it",
                    )
        self.out.put("object")
        self.value(kind, where)
        state = dict(getattr(v, "__dict__", {}))
        for base in kind.__mro__[:-1]:
            slots = vars(base).get("__slots__", ())
            for slot in (slots,) if isinstance(slots, str) else slots:
                if slot not in ("__dict__", "__weakref__") and hasattr(v, slot):
                    state[slot] = getattr(v, slot)
        self.out.put("state", len(state))
        for name in sorted(state):
            self.out.put("attribute", name)
            self.value(state[name], f"{where}.{name}")

    # ---- functions and classes in memory

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
        _bytecode.check(code, place)
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
            _sinks.check_dotted(dotted, place)
        elif use.only_contains and type(content) in (set, frozenset):
            self.part(
                f"{f.__qualname__}.{use.name}",
                lambda: self._set(content, f"{place}, variable {use.name}", shows_order=False),
            )
        else:
            self._captured(f, use.name, content, place)

    def _builtin(self, use: Use, place: str) -> None:
        if not hasattr(builtins, use.name):
            if use.name in ("__name__", "__qualname__", "__module__", "__class__", "__spec__", "__package__"):
                return
            raise FunctionRefused(
                CODE,
                place,
                f"uses the name {use.name}, which is not defined yet; define it before the function is first used",
            )
        self.out.put("builtin", use.name)
        _sinks.check_builtin(use.name, place)
        if use.name in ("set", "frozenset"):
            self.hash_seed = True

    def _body(self, code: types.CodeType) -> None:
        _bytecode.encode(code, self.out)
        self.hash_seed = self.hash_seed or _bytecode.shows_set_order(code)

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

    # ---- modules

    def _reference(self, module: str, qualname: str, where: str) -> None:
        self._dotted(module, tuple(qualname.split(".")), where)

    def _use_import(self, use: Use, package: list[str], place: str) -> None:
        if use.level:
            base = package[: len(package) - (use.level - 1)]
            name = ".".join([*base, use.name] if use.name else base)
        else:
            name = use.name
        if use.chain is not None:
            self._dotted(name, use.chain, place)
        elif not is_library(name):
            self._run_import(name)

    def _dotted(self, module: str, chain: tuple[str, ...], where: str) -> None:
        """What ``module.a.b`` stands for in a worker."""
        if module == "__main__":
            raise FunctionRefused(CODE, where, "uses the module __main__, which is another one in a worker")
        if is_library(module):
            self._library(module, chain, where)
            return
        source = self._load(module)
        self._run_import(module)
        if not chain:
            self.out.put("module", module)
            for name in sorted({name for s in source.statements for name in s.binds}):
                self._statement_of(source, name, (), where)
            return
        name, rest = chain[0], chain[1:]
        if source.binding(name):
            self._statement_of(source, name, rest, where)
        elif self.environment.spec(f"{module}.{name}") is not None:
            self._dotted(f"{module}.{name}", rest, where)
        elif name not in ("__name__", "__doc__", "__dict__"):
            raise FunctionRefused(
                CODE, where, f"uses {module}.{name}, which the source of the module does not define by itself"
            )

    def _statement_of(self, source: SourceModule, name: str, chain: tuple[str, ...], where: str) -> None:
        for index in source.binding(name):
            statement = source.statements[index]
            if statement.imports is not None:
                target, attributes = statement.imports[name]
                self.out.put("imported", name, target, *attributes)
                self._dotted(target, (*attributes, *chain), where)
            else:
                self._require_current(source, name, index)
                self._statement(source, index)

    def _statement(self, source: SourceModule, index: int) -> None:
        if (source.name, index) in self._visited:
            self.out.put("visited", source.name, *sorted(source.statements[index].binds))
            return
        self._visited.add((source.name, index))
        statement = source.statements[index]
        label = ", ".join(sorted(statement.binds)) or f"line {statement.line}"
        place = f"{source.name}.{label}"
        self.part(
            place if statement.binds else f"{source.name} (on import)", lambda: self._body(statement.code)
        )
        package = source.name.split(".") if source.is_package else source.name.split(".")[:-1]
        for use in _bytecode.uses(statement.code):
            if use.kind == "import":
                self._use_import(use, package, place)
            elif source.binding(use.name):
                self._statement_of(source, use.name, use.chain or (), place)
            elif use.name not in statement.binds:
                self._builtin(use, place)
        _bytecode.check(statement.code, place)
        for code in _bytecode.nested(statement.code):
            own = {n: _is_value(s, n) for s in source.statements if s.imports is None for n in s.binds}
            values = frozenset(n for n, is_value in own.items() if is_value)
            owners = frozenset(own) - values | {
                n for s in source.statements for n, (m, _) in (s.imports or {}).items() if not is_library(m)
            }
            _bytecode.check_writes(code, values, owners, place)

    def _run_import(self, module: str) -> None:
        """What happens besides when a worker imports a user module."""
        parts = module.split(".")
        for length in range(1, len(parts) + 1):
            name = ".".join(parts[:length])
            if name in self._imported or is_library(name) or self.environment.spec(name) is None:
                continue
            self._imported.add(name)
            source = self._load(name)
            for index in source.effects():
                self._statement(source, index)
            for imported in sorted(source.imported):
                if not is_library(imported):
                    self._run_import(imported)

    def _load(self, module: str) -> SourceModule:
        if module not in self.modules:
            self.modules[module] = _sources.load(module, self.environment)
        return self.modules[module]

    def _require_current(self, source: SourceModule, name: str, index: int) -> None:
        """Refuses a module whose copy in this process is not what the source says."""
        loaded = sys.modules.get(source.name)
        if loaded is None:
            return
        statement = source.statements[index]
        same = True
        if len(source.binding(name)) == 1 and not statement.effect:
            content = vars(loaded).get(name)
            if statement.literal:
                values: dict[str, Any] = {}
                exec(statement.code, {}, values)  # constants only
                same = _digest_of(content) == _digest_of(values[name])
            else:
                defined = dict(_defined(statement.code, ""))
                for qualname, code in _codes(content, name, source.name):
                    same = (
                        same and qualname in defined and _code_digest(code) == _code_digest(defined[qualname])
                    )
        if not same:
            raise FunctionRefused(
                CODE,
                f"{source.name}.{name}",
                f"{source.name}.{name} is not what {source.file.path} says: the file was edited after the import, or the"
                " value replaced; Python workers import the file, so restart the application or keep the change in the file",
            )

    # ---- libraries

    def _library(self, module: str, chain: tuple[str, ...], where: str) -> None:
        dotted = ".".join((module, *chain))
        _sinks.check_dotted(dotted, where)
        found: Any = sys.modules.get(module)
        for name in chain:
            found = getattr(found, name, None)
        if isinstance(found, (type, types.FunctionType, types.BuiltinFunctionType)) and found.__module__:
            _sinks.check_dotted(f"{found.__module__}.{found.__qualname__}", where)
            if found.__module__ == "builtins":
                _sinks.check_builtin(found.__qualname__, where)
        top = module.split(".")[0]
        version = "python"
        if top not in sys.stdlib_module_names and top not in sys.builtin_module_names:
            self._require_same_origin(top)
            version = _environment.distributions(top) or ""
            if not version:
                raise FunctionRefused(
                    CODE,
                    where,
                    f"uses {dotted}, which belongs to no installed distribution, so its version is not known",
                )
            self.parts[f"version.{top}"] = version
        if top not in _ORDERLY_LIBRARIES:
            self.hash_seed = True
        self.out.put("library", dotted, version)

    def _require_same_origin(self, top: str) -> None:
        spec = self.environment.spec(top)
        here = getattr(sys.modules.get(top), "__spec__", None)
        if spec is None or here is not None and spec.origin != here.origin:
            there = spec.origin if spec is not None else "nowhere"
            raise FunctionRefused(
                CODE,
                f"module {top}",
                f"Python workers import {top} from {there}, the driver from {getattr(here, 'origin', None)}; start both with the same PYTHONPATH",
            )


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


def _is_value(statement: _sources.Statement, name: str) -> bool:
    return all(code.co_name != name for code in _bytecode.nested(statement.code))


def _defined(code: types.CodeType, prefix: str) -> Iterable[tuple[str, types.CodeType]]:
    for inner in _bytecode.nested(code):
        yield prefix + inner.co_name, inner
        if not inner.co_flags & 0x1:  # the body of a class
            yield from _defined(inner, f"{prefix}{inner.co_name}.")


def _codes(content: Any, name: str, module: str) -> Iterable[tuple[str, types.CodeType]]:
    """Functions in memory that the source must hold too."""
    content = getattr(content, "__wrapped__", getattr(content, "__func__", content))
    if isinstance(content, types.FunctionType):
        if (
            content.__module__ == module
            and "<" not in content.__qualname__
            and content.__code__.co_filename != "<string>"
        ):
            yield content.__qualname__, content.__code__
    elif isinstance(content, type) and content.__module__ == module:
        for attribute, member in vars(content).items():
            if isinstance(member, (types.FunctionType, staticmethod, classmethod)):
                yield from (
                    (q, c)
                    for q, c in _codes(member, attribute, module)
                    if q.startswith(content.__qualname__ + ".")
                )


def _code_digest(code: types.CodeType) -> bytes:
    digest = Digest()
    _bytecode.encode(code, digest)
    return digest.digest()


def _digest_of(value: Any) -> bytes | None:
    walk = _Walk(_environment.of_driver())
    try:
        walk.value(value, "")
    except FunctionRefused:
        return None
    return walk.out.digest()
