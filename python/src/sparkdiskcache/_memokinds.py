# SPDX-License-Identifier: Apache-2.0
"""Whether a function takes single values or columns."""

from __future__ import annotations

import typing
from collections.abc import Callable
from typing import Any

from .errors import DiskCacheError

_KINDS = ("plain", "pandas", "arrow")


def kind_of(func: Callable[..., Any], wanted: str | None) -> str:
    """The wanted kind, else the one of the type hints, as for Spark's own functions."""
    kind = wanted or _of_hints(func)
    if kind not in _KINDS:
        raise DiskCacheError(f"Cannot memoize with kind={kind!r}: use one of {', '.join(_KINDS)}.")
    return kind


def _of_hints(func: Callable[..., Any]) -> str:
    try:
        hints = typing.get_type_hints(func)
    except (NameError, TypeError):  # of names that are imported for type checkers only
        hints = getattr(func, "__annotations__", {})
    for hint in hints.values():
        shown = hint if isinstance(hint, str) else f"{getattr(hint, '__module__', '')}.{hint!r}"
        for kind, prefixes in (("pandas", ("pandas.", "pd.")), ("arrow", ("pyarrow.", "pa."))):
            if shown.startswith(prefixes):
                return kind
            if "Iterator[" in shown and any(prefix in shown for prefix in prefixes):
                raise DiskCacheError(
                    f"Cannot memoize {getattr(func, '__name__', 'function')}: it takes an iterator of batches;"
                    " write it for one batch."
                )
    return "plain"
