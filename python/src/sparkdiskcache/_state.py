# SPDX-License-Identifier: Apache-2.0
"""State of the process that functions share: what one changes, the next one sees."""

from __future__ import annotations

import decimal
import locale
import random
import sys
import warnings
from collections.abc import Iterator
from typing import Any

_DECIMAL = decimal.Context(
    prec=28, rounding=decimal.ROUND_HALF_EVEN, Emin=-999999, Emax=999999, capitals=1, clamp=0, flags=[],
    traps=[decimal.InvalidOperation, decimal.DivisionByZero, decimal.Overflow],
)  # fmt: skip


def _generators() -> dict[str, Any]:
    states: dict[str, Any] = {"random (its global generator)": random.getstate()}
    numpy = sys.modules.get("numpy.random")
    if numpy is not None and hasattr(numpy, "get_state"):
        name, keys, *rest = numpy.get_state()
        states["numpy.random (its global generator)"] = (name, keys.tobytes(), *rest)
    torch = sys.modules.get("torch")
    if torch is not None and hasattr(torch, "get_rng_state"):
        states["torch.random (its global generator)"] = torch.get_rng_state().numpy().tobytes()
    return states


# Of generators whose module was imported while a function computed.
_fresh: dict[str, Any] = {}


def note_fresh() -> None:
    """To be called when the import of a generator's module is over."""
    for name, state in _generators().items():
        _fresh.setdefault(name, state)


_SHOWN = {
    "edgeitems": 3, "threshold": 1000, "floatmode": "maxprec", "precision": 8, "suppress": False, "linewidth": 75,
    "nanstr": "nan", "infstr": "inf", "sign": "-", "formatter": None, "legacy": False,
}  # fmt: skip
_NUMPY = {"divide": "warn", "over": "warn", "under": "ignore", "invalid": "warn"}


def settings() -> dict[str, Any]:
    """Of libraries, for the whole process, as far as they are not what a library begins with."""
    found: dict[str, Any] = {
        "decimal.setcontext()": _context(),
        "locale.setlocale()": locale.setlocale(locale.LC_ALL),
    }
    numpy = sys.modules.get("numpy")
    if numpy is not None and hasattr(numpy, "get_printoptions"):
        if numpy.geterr() != _NUMPY:
            found["numpy.seterr()"] = repr(numpy.geterr())
        shown = {k: v for k, v in numpy.get_printoptions().items() if _SHOWN.get(k, v) != v}
        if shown:
            found["numpy.set_printoptions()"] = repr(shown)
    pandas = sys.modules.get("pandas._config.config")
    if pandas is not None and hasattr(pandas, "_registered_options"):
        set_ = {}
        for key, option in list(pandas._registered_options.items()):
            value = pandas._get_root(key)
            value = value[0].get(value[1]) if value[0] is not None else None
            if value is not option.defval and value != option.defval:
                set_[key] = repr(value)
        if set_:
            found["options of pandas"] = set_
    for module, name, first in _CALLS:
        there = sys.modules.get(module)
        if there is not None and hasattr(there, name) and getattr(there, name)() != first:
            found[f"{module}.{name}()"] = getattr(there, name)()
    errors = [repr(f) for f in warnings.filters if f[0] == "error"]
    if errors and not sys.warnoptions:
        found["warnings.filters"] = errors
    return found


# What tells a setting of a module, and what it says at first.
_CALLS = (
    ("csv", "field_size_limit", 131072), ("calendar", "firstweekday", 0), ("socket", "getdefaulttimeout", None),
)  # fmt: skip
_context_left = _DECIMAL
_base: dict[str, Any] = {}
"""The settings that imports have left, which are those that functions find."""


def changed_by_rows() -> list[str]:
    """Settings that are not what imports have left."""
    now = settings()
    return [name for name in {**_base, **now} if now.get(name) != _base.get(name)] if _base else []


def adopt() -> bool:
    """To be called when an import is over: what it has set stays. Says whether it has."""
    global _base, _context_left
    if not _base:
        return False
    before, _base = _base, settings()
    _context_left = decimal.getcontext().copy()
    _context_left.clear_flags()
    return before != _base


def _context() -> tuple[Any, ...]:
    c = decimal.getcontext()
    return (
        c.prec,
        c.rounding,
        c.Emin,
        c.Emax,
        c.capitals,
        c.clamp,
        tuple(sorted(str(t) for t, on in c.traps.items() if on)),
    )


class State:
    """As it is before the first row: what imports have left, and at first Python's own decimal context."""

    def __init__(self) -> None:
        global _base, _context_left
        if not _base:
            decimal.setcontext(_DECIMAL.copy())
            _context_left = _DECIMAL
            # Nobody knows what functions did that ran here before: only what every worker has counts.
            _base = {
                k: v for k, v in settings().items() if k in ("decimal.setcontext()", "locale.setlocale()")
            }
        self.restore()
        self._generators = _generators()
        self.strange = changed_by_rows()
        """Settings that rows of another function have changed for good."""

    def changes(self) -> Iterator[str]:
        """State that functions have changed, and numbers that they have drawn."""
        for name, state in _generators().items():
            if state != self._generators.get(name, _fresh.get(name)):
                yield name
        yield from (name for name in changed_by_rows() if name not in self.strange)

    def restore(self) -> None:
        """For the functions that this worker runs next."""
        decimal.setcontext(_context_left.copy())
        if locale.setlocale(locale.LC_ALL) != _base["locale.setlocale()"]:
            locale.setlocale(locale.LC_ALL, _base["locale.setlocale()"])
