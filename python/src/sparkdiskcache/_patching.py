# SPDX-License-Identifier: Apache-2.0
"""Whether a user module changes what libraries do, for all functions of a worker."""

from __future__ import annotations

import functools
import re
import types

from . import _bytecode, _uses
from ._environment import is_library

# What a call of a library that changes it is called; logs and warnings are for people.
_SETS = re.compile(
    r"(_*(un)?(register|set|add|append|extend|update|insert|install|patch|enable|disable|use|init|configure|seed|reset|"
    r"option|switch|activate|monkey))(_|s?$|[A-Z])"
)
_TELLS_PEOPLE = frozenset(
    ["logging", "warnings", "sys", "pyspark", "sparkdiskcache", "dataclasses", "typing", "enum"]
)


@functools.lru_cache(maxsize=1024)
def may_patch(code: types.CodeType) -> frozenset[str]:
    """Names whose attributes the code of a module sets, or of which it calls what sets something. To be asked before
    the code runs, which may change even what this is made of."""
    found: set[str] = set()
    for inner in _bytecode.everything(code):
        if not {"setattr", "delattr"}.isdisjoint(inner.co_names):
            found.update(inner.co_names)
        found.update(name for _, name, how in _uses.written(inner) if how == _uses.ASSIGNED)
    calls = (use for use in _uses.uses(code, inside=False) if use.kind == "global")
    found.update(use.name for use in calls if _SETS.match((use.chain or (use.name,))[-1]))
    return frozenset(found)


def patches_libraries(module: types.ModuleType, code: types.CodeType) -> bool:
    """Whether a module may have changed what libraries do."""
    for name in may_patch(code):
        target = module.__dict__.get(name)
        owner = (
            target.__name__ if isinstance(target, types.ModuleType) else getattr(target, "__module__", None)
        )
        if isinstance(owner, str) and owner.partition(".")[0] not in _TELLS_PEOPLE and is_library(owner):
            return True
    return False
