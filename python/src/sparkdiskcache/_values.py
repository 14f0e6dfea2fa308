# SPDX-License-Identifier: Apache-2.0
"""Values that functions capture: what has a stable encoding, by content."""

from __future__ import annotations

import collections
import dataclasses
import datetime
import decimal
import enum
import fractions
import logging
import operator
import pathlib
import re
import struct
import types
import uuid
from collections.abc import Callable, Iterable
from typing import Any

from . import _bytecode
from ._digest import Digest
from ._environment import Environment, is_library
from ._refusal import STATE, FunctionRefused
from ._sources import SourceModule

_FORMAT = "sparkdiskcache.fnhash.1"
_SHOWN_DIGITS = 16
_MAY_WRITE_SELF = {"__init__", "__new__", "__post_init__", "__setstate__", "__setattr__", "__delattr__"}


class Values:
    """One walk over what one function reaches: the hash so far, and what it learned on the way."""

    def __init__(self, environment: Environment, excused: frozenset[str] = frozenset()) -> None:
        self.environment = environment
        self.excused = excused
        self.out = Digest()
        self.out.put("format", _FORMAT)
        self.parts: dict[str, str] = {}
        self.modules: dict[str, SourceModule] = {}
        self.hash_seed = False
        self._seen: dict[int, int] = {}
        self._alive: list[object] = []
        self._visited: set[tuple[str, int]] = set()
        self._imported: set[str] = set()

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

    # ---- of the classes below

    def _code(self, v: Any, where: str) -> bool:
        """Encodes functions, classes and modules; says whether ``v`` is one."""
        raise NotImplementedError

    def _library(self, module: str, chain: tuple[str, ...], where: str) -> None:
        """Encodes a name of a library."""
        raise NotImplementedError
