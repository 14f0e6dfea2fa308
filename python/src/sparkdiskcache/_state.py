# SPDX-License-Identifier: Apache-2.0
"""State of the process that functions share: what one changes, the next one sees."""

from __future__ import annotations

import decimal
import locale
import random
import sys
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


def _numpy_settings() -> Any:
    numpy = sys.modules.get("numpy")
    if numpy is None or not hasattr(numpy, "geterr"):
        return None
    return repr((numpy.geterr(), numpy.get_printoptions()))


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
    """As it is before the first row; the decimal context is made Python's own."""

    def __init__(self) -> None:
        decimal.setcontext(_DECIMAL.copy())
        self._decimal = _context()
        self._locale = locale.setlocale(locale.LC_ALL)
        self._generators = _generators()
        self._numpy = _numpy_settings()

    def changes(self) -> Iterator[str]:
        """State that functions have changed, and numbers that they have drawn."""
        for name, state in _generators().items():
            if state != self._generators.get(name, _fresh.get(name)):
                yield name
        if _context() != self._decimal:
            yield "decimal.setcontext()"
        if locale.setlocale(locale.LC_ALL) != self._locale:
            yield "locale.setlocale()"
        if self._numpy is not None and _numpy_settings() != self._numpy:
            yield "numpy.seterr() or numpy.set_printoptions()"

    def restore(self) -> None:
        """For the functions that this worker runs next."""
        decimal.setcontext(_DECIMAL.copy())
        if locale.setlocale(locale.LC_ALL) != self._locale:
            locale.setlocale(locale.LC_ALL, self._locale)
