# SPDX-License-Identifier: Apache-2.0
"""Values by content, along what pickle would send of them.

A worker has what cloudpickle sends and nothing else. So an object counts as its own reduction does, with
names, types and order, whatever library it is of; built-in collections, which pickle writes without asking
them, are written here. Arrays get a form of their own, because those that are not contiguous arrive
contiguous.
"""

from __future__ import annotations

import contextvars
import functools
import io
import pickle
import sys
import types
import weakref
from collections import ChainMap
from collections.abc import Callable, Iterable, MutableMapping
from itertools import chain
from typing import Any

from pyspark.cloudpickle.cloudpickle import Pickler

from ._digest import ATOMS, Digest, encoded
from ._environment import is_library
from ._refusal import STATE, FunctionRefused

_PROTOCOL = 5
_SHOWN_DIGITS = 16
_MANY = 32
MAX_BYTES = 256 << 20
"""The bytes that all values captured by a function may take."""
MAX_VALUES = 500_000
"""How many values they may consist of, those in lists and dicts of plain values not counted."""

# Attributes of libraries' objects in which they keep what follows from the others, and send it.
_CACHES = {
    "pandas": frozenset(["_cache"]),
    "sklearn": frozenset(["_stop_words_id"]),  # an address
    "scipy": frozenset(["_has_canonical_format", "_has_sorted_indices"]),
}
# The order of a set of these does not depend on the process, but for the hash seed.
_ORDERED_BY_VALUE = (bool, int, float, complex, str, bytes)


class Values:
    """One walk over what one function reaches: the hash so far, and what it learned on the way.

    :param raw: whether objects of the user's classes count as they are in memory beside what pickle sends of
        them: to be compared within one process only
    """

    def __init__(self, raw: bool = False) -> None:
        self.raw = raw
        self.out = Digest()
        self.parts: dict[str, str] = {}
        self.orders = Digest()
        """Of sets, whose order in a worker follows from that on the driver but is not the same."""
        self.hash_seed = False
        self.path: list[str] = []
        self._seen: MutableMapping[int, int] = {}
        self._numbered = 0
        self._alive: list[object] = []
        self._bytes = 0
        self._values = 0

    # ---- where, how much, and parts

    @property
    def where(self) -> str:
        return "".join(self.path)

    def refused(self, sentence: str, code: str = STATE) -> FunctionRefused:
        return FunctionRefused(code, self.where or "function", sentence)

    def within(self, step: str, value: Any) -> None:
        """A value below the one at hand; ``step`` says where, for people."""
        self.path.append(step)
        self.value(value)
        self.path.pop()

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

    def _count(self, size: int, values: int = 1) -> None:
        self._bytes += size
        self._values += values
        if self._bytes > MAX_BYTES:
            raise self.refused(
                f"captures more than {MAX_BYTES >> 20} MiB; keep the data in a table and join it, or in a file"
                " that the function reads"
            )
        if self._values > MAX_VALUES:
            raise self.refused(
                f"captures more than {MAX_VALUES} objects; keep the data in a table and join it, or in an array"
            )

    # ---- values

    def value(self, v: Any) -> None:
        """Encodes any value that a function captures."""
        kind = type(v)
        if kind in ATOMS:
            self._count(len(v) if kind is str or kind is bytes else 8)
            self.out.put("atom", v)
            return
        if kind is tuple and not v:
            self.out.put("()")
            return
        if kind.__module__ in ("numpy", "numpy.dtypes") and kind.__name__ != "ndarray":
            self._leaf(v)
            return
        number = self._seen.get(id(v))
        if number is not None:
            self.out.put("seen", number)
            return
        self._seen[id(v)] = self._numbered
        self._numbered += 1
        self._alive.append(v)
        self._count(0)
        encode = _COLLECTIONS.get(kind)
        if encode is not None:
            encode(self, v)
        elif not self._code(v) and not self._foreign(v):
            self._object(v)

    def _leaf(self, v: Any) -> None:
        """Types of elements and single numbers: whether two are the same object is chance."""
        seen, self._seen, numbered, self._numbered = self._seen, {}, self._numbered, 0
        try:
            self._alive.append(v)
            if not self._foreign(v):
                self._object(v)
        finally:
            self._seen, self._numbered = seen, numbered

    def _sequence(self, v: Any) -> None:
        self.out.put(type(v).__name__, len(v))
        self.elements(v)

    def elements(self, v: Any) -> None:
        """Of a list or tuple."""
        if ATOMS.issuperset(map(type, v)):
            self._atoms("atoms", v)
            return
        if len(v) >= _MANY and self._rows(v):
            return
        for i, element in enumerate(v):
            self.within(f"[{i}]", element)

    def _atoms(self, tag: str, v: Iterable[Any]) -> None:
        data = encoded(tuple(v))
        self._count(len(data))
        self.out.raw(tag, data)

    def _rows(self, v: Any) -> bool:
        """Many lists, tuples or dicts of atoms, all at once; says whether they are."""
        (kind, *others) = set(map(type, v))
        if others or kind not in (list, tuple, dict):
            return False
        flat = list(chain.from_iterable(v))
        values = list(chain.from_iterable(d.values() for d in v)) if kind is dict else []
        if not ATOMS.issuperset(map(type, chain(flat, values))):
            return False
        self.out.put("rows", kind.__name__)
        self._atoms("lengths", map(len, v))
        self._atoms("flat", flat)
        self._atoms("values", values)
        return True

    def _dict(self, v: Any) -> None:
        self.out.put("dict", len(v))  # in order: it can be seen
        if ATOMS.issuperset(map(type, v)):
            self.elements(tuple(v))
            if ATOMS.issuperset(map(type, v.values())):
                self.elements(tuple(v.values()))
                return
            if len(v) >= _MANY and self._rows(v.values()):
                return
            for key, element in v.items():
                self.within(f"[{key!r:.60}]", element)
            return
        self.out.put("keys")
        for key, element in v.items():
            self.within(" key", key)
            self.within(f"[{type(key).__name__}]", element)

    def _set(self, v: Any) -> None:
        self.set(v, shows_order=True)

    def set(self, v: Any, shows_order: bool) -> None:
        if ATOMS.issuperset(map(type, v)):
            digests = list(map(encoded, v))
        else:
            digests = [self._apart(element) for element in v]
        self._count(sum(map(len, digests)))
        self.out.put(type(v).__name__, *sorted(digests))
        if shows_order and len(v) > 1:
            self.orders.put("set", *digests)
            if not all(isinstance(element, (int, float)) for element in v):
                self.hash_seed = True
                if any(self._hashed_by_address(element) for element in v):
                    raise self.refused(
                        "captures a set whose order is that of addresses in memory; capture a sorted tuple"
                    )

    def _apart(self, element: Any) -> bytes:
        """Numbers given inside of an element would depend on the order."""
        if type(element) in ATOMS or type(element) is tuple and ATOMS.issuperset(map(type, element)):
            return encoded(element)
        outer, self.out, seen, numbered = self.out, Digest(), self._seen, self._numbered
        self._seen = ChainMap({}, seen)
        try:
            self.within(" element", element)
            return self.out.digest()
        finally:
            self.out, self._seen, self._numbered = outer, seen, numbered

    def _hashed_by_address(self, element: Any) -> bool:
        if element is None:
            return sys.version_info < (3, 12)
        if isinstance(element, (tuple, frozenset)):
            return any(map(self._hashed_by_address, element))
        return not isinstance(element, _ORDERED_BY_VALUE) and type(element).__hash__ is object.__hash__  # type: ignore[comparison-overlap]

    def _bytearray(self, v: bytearray) -> None:
        self._count(len(v))
        self.out.raw("bytearray", v)

    def _pickle_buffer(self, v: pickle.PickleBuffer) -> None:
        with v.raw() as view:
            self._count(view.nbytes)
            self.out.put("buffer", view.readonly)
            self.out.raw("data", view)

    def _refused_type(self, v: Any) -> None:
        if self.raw and not hasattr(type(v), "__next__"):
            self.out.put("opaque", id(v))
            return
        raise self.refused(
            f"captures a value of type {type(v).__module__}.{type(v).__qualname__}, which cannot be sent to a worker"
        )

    def _file(self, v: io.TextIOWrapper) -> None:
        if self.raw and v.closed:
            self.out.put("closed", id(v))
        else:
            self._refused_type(v)

    # ---- objects

    def _object(self, v: Any) -> None:
        """By its reduction."""
        kind = type(v)
        if hasattr(kind, "__next__"):
            raise self.refused(
                f"captures an iterator, {kind.__module__}.{kind.__qualname__}, so that a row depends on the rows"
                " before it; capture a list or make the iterator inside of the function"
            )
        reducer = Pickler.dispatch_table.get(kind)
        if self.raw and kind is types.MappingProxyType:
            self._dict(dict(v))
            return
        memory = getattr(v, "__dict__", None) if self.raw else None  # some are made when they are asked for
        try:
            reduced = reducer(v) if reducer is not None else v.__reduce_ex__(_PROTOCOL)
        except RecursionError:
            raise
        except Exception as e:
            if self.raw:
                self.out.put("opaque", id(v))  # not sent: a lock, a handle
                self._memory(v, memory)
                return
            raise self.refused(
                f"captures a value of type {kind.__module__}.{kind.__qualname__}, which cannot be pickled: {e};"
                " make it inside of the function or capture what it is made of"
            ) from e
        self._alive.append(reduced)
        if isinstance(reduced, str):
            self.by_reference(_module_of(v, reduced), reduced)
            return
        function, arguments, state, items, pairs, setter = (*reduced, *(None,) * 4)[:6]
        self.out.put("object", len(arguments))
        self._made_by(function)
        for i, argument in enumerate(arguments):
            if i == 0 and isinstance(argument, type):
                self._made_by(argument)
            else:
                self.within(f" argument {i + 1}" if len(arguments) > 1 else "", argument)
        caches = _CACHES.get(kind.__module__.partition(".")[0])
        self._state(v, state if caches is None else _without(caches, state))
        for name, content in (("items", items), ("pairs", pairs), ("setter", setter)):
            if content is not None:
                self.out.put(name)
                self._many(content) if name != "setter" else self._made_by(content)
        if self.raw and reducer is None and not is_library(kind.__module__):
            self._memory(v, memory)

    def _made_by(self, function: Any) -> None:
        """Encodes a function that makes an object from its parts: no more is asked of it than who it is."""
        quiet, self.quiet = self.quiet, True
        try:
            self.value(function)
        finally:
            self.quiet = quiet

    quiet = False

    def _state(self, v: Any, state: Any) -> None:
        if isinstance(state, dict):
            kind = type(v)
            kept = {k: x for k, x in state.items() if not self._is_computed(kind, k)}
            if not kept:
                return  # is the same as none
            self.out.put("state", len(kept))
            for key, content in kept.items():
                self.value(key)
                self.within(f".{key}", content)
        elif isinstance(state, tuple) and len(state) == 2 and isinstance(state[1], dict):
            # A class that arrives in a worker has no slots: what was in them is among the attributes.
            attributes = state[0] if isinstance(state[0], dict) else {}
            if not attributes and state[0] is not None:
                self.value(state[0])
            self._state(v, {**attributes, **state[1]})
        elif state is not None:
            self.out.put("other state")
            self._alive.append(state)
            self.value(state)

    def _is_computed(self, kind: type, name: Any) -> bool:
        """Whether an attribute follows from the others: rows may fill it, but what is sent with an object counts,
        unless a library computed it."""
        cached = isinstance(name, str) and isinstance(getattr(kind, name, None), functools.cached_property)
        return cached and (self.raw or is_library(kind.__module__))

    def _many(self, content: Iterable[Any]) -> None:
        for element in content:
            self._alive.append(element)
            self.value(element)
        self.out.put("end")

    def _memory(self, v: Any, memory: Any) -> None:
        """Encodes the values that the object holds whether pickle sends them or not."""
        self._state(v, memory)
        for base in type(v).__mro__:
            slots = vars(base).get("__slots__", ())
            for name in (slots,) if isinstance(slots, str) else slots:
                if name not in ("__dict__", "__weakref__") and hasattr(v, name):
                    self.out.put("slot", name)
                    self.within(f".{name}", getattr(v, name))

    def _foreign(self, v: Any) -> bool:
        """Values of NumPy and PySpark that pickle writes in more than one way."""
        top = type(v).__module__.split(".")[0]
        if top == "numpy":
            import numpy as np

            if isinstance(v, np.ndarray):
                self._array(v, np)
                return True
        elif top == "torch":
            import torch  # type: ignore[import-not-found]

            if isinstance(v, torch.Tensor) and type(v) in (torch.Tensor, torch.nn.Parameter):
                self.out.put("tensor", type(v).__name__, str(v.dtype), str(v.device), v.requires_grad)
                self.out.put(
                    "layout",
                    repr(tuple(v.shape)),
                    repr(v.stride()) if v.layout is torch.strided else str(v.layout),
                )
                self._count(v.element_size() * v.nelement())
                flat = v.detach().cpu().contiguous().reshape(-1)
                self.value(flat.view(torch.uint8).numpy() if v.nelement() else b"")
                return True
        elif isinstance(v, contextvars.ContextVar):
            self.out.put("context variable", v.name)
            self.value(v.get(None))
            return True
        elif top == "pyspark":
            from pyspark import Accumulator, Broadcast

            if isinstance(v, Broadcast):
                self.out.put("broadcast")
                self.within(".value", v.value)
                return True
            if isinstance(v, Accumulator):
                raise self.refused("captures an accumulator, which rows that are kept would not add to")
        return False

    def _array(self, v: Any, np: Any) -> None:
        kind = type(v)
        self._count(v.nbytes)
        self._made_by(kind)
        contiguous = v.flags.c_contiguous or v.flags.f_contiguous
        self.out.put("array", repr(v.shape), bool(v.flags.c_contiguous) or not contiguous,
                     bool(v.flags.f_contiguous) if contiguous else v.ndim < 2,
                     bool(v.flags.writeable) or not contiguous)  # fmt: skip
        self._made_by(v.dtype)
        if isinstance(v, np.ma.MaskedArray):
            self.value((v.data, np.ma.getmaskarray(v), v.fill_value, v.hardmask))
        elif kind is not np.ndarray:
            # As pickle 2 does it: contiguous bytes, and what the subclass adds.
            _, arguments, state = v.__reduce__()[:3]
            self._alive.append((arguments, state))
            self.value(state)
        elif v.dtype.hasobject:
            self.elements(v.ravel(order="K" if contiguous else "C").tolist())
        else:
            flat = v if v.flags.c_contiguous else v.T if v.flags.f_contiguous else np.ascontiguousarray(v)
            self.out.raw("data", flat.reshape(-1).view(np.uint8) if v.size and v.dtype.itemsize else b"")

    # ---- of the classes below

    def _code(self, v: Any) -> bool:
        """Encodes functions, classes and modules; says whether ``v`` is one."""
        raise NotImplementedError

    def by_reference(self, module: str, qualname: str) -> None:
        """Encodes what a worker imports."""
        raise NotImplementedError


def _module_of(v: Any, name: str) -> str:
    found: str = getattr(v, "__module__", None) or pickle.whichmodule(v, name)  # type: ignore[attr-defined]
    return found


def _without(caches: frozenset[str], state: Any) -> Any:
    if isinstance(state, tuple):
        return tuple(_without(caches, part) for part in state)
    return {k: x for k, x in state.items() if k not in caches} if isinstance(state, dict) else state


_COLLECTIONS: dict[type, Callable[[Any, Any], None]] = {
    list: Values._sequence,
    tuple: Values._sequence,
    dict: Values._dict,
    set: Values._set,
    frozenset: Values._set,
    bytearray: Values._bytearray,
    pickle.PickleBuffer: Values._pickle_buffer,
    weakref.ref: Values._refused_type,
    io.TextIOWrapper: Values._file,
    types.GeneratorType: Values._refused_type,
    types.FrameType: Values._refused_type,
}
