# SPDX-License-Identifier: Apache-2.0
"""The user's word that a function computes its result from its arguments and from nothing else."""

from __future__ import annotations

import types
from typing import TypeVar

from .errors import DiskCacheError

F = TypeVar("F", bound=types.FunctionType)

MARK = "__sparkdiskcache_pure__"


def pure(function: F) -> F:
    """Declares a function pure: what it calls is neither refused by name nor observed.

    For calls of libraries that no table speaks of, and for clocks, files and random numbers that do not
    show in the result. Like ``inputVersion`` it is the user's word, which is part of the key.

    :raises DiskCacheError: for what is no function of Python
    """
    if not isinstance(function, types.FunctionType):
        raise DiskCacheError(
            f"Cannot declare {function!r} pure: put @sparkdiskcache.pure on a function of yours that calls it."
        )
    setattr(function, MARK, True)
    return function


def is_declared(function: object) -> bool:
    return getattr(function, MARK, False) is True
