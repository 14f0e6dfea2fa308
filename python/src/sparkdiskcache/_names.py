# SPDX-License-Identifier: Apache-2.0
"""The table of what names of libraries do besides computing; ``python/tables/generate.py`` writes it."""

from __future__ import annotations

import ast
import functools
import importlib.resources
import importlib.util
import inspect
import re
import sys
import types
from typing import Any

PURE = "pure"
READS = "reads"
UNKNOWN = "unknown"
# Kinds that are not observed in workers, so that a module which has one must be used by name.
_UNSEEN = frozenset(["clock", "native", "process", "hidden"])
_TELLING = re.compile(
    r"path|paths|file|files|fname|filename|filenames|filepath|filepath_or_buffer|path_or_buf|fp|fd|url|uri|"
    r"directory|dirname|dir|folder|now|today|seed|random_state|random_seed|rng|entropy"
)


@functools.lru_cache(maxsize=1)
def _table() -> tuple[dict[str, str], dict[str, set[str]]]:
    """Kinds by dotted name, and by module the kinds of what it has."""
    kinds: dict[str, str] = {}
    modules: dict[str, set[str]] = {}
    text = importlib.resources.files(__package__).joinpath("names.txt").read_text("utf-8")
    for line in text.splitlines():
        if not line.startswith("#"):
            module, kind, *names = line.split(" ")
            modules.setdefault(module, set()).add(kind)
            kinds.update((f"{module}.{name}", kind) for name in names)
    return kinds, modules


@functools.lru_cache(maxsize=4096)
def kind(dotted: str) -> str:
    """The kind of a library's name: that of the longest part of it that is in the table."""
    kinds, modules = _table()
    parts = dotted.split(".")
    for length in range(len(parts), 1, -1):
        known = kinds.get(".".join(parts[:length]))
        if known is not None:
            return known
    if any(".".join(parts[:length]) in modules for length in range(1, len(parts))):
        return _judged(parts)
    if dotted in modules:
        return PURE if modules[dotted].isdisjoint(_UNSEEN) else "module"
    return _judged(parts)


def is_listed(dotted: str) -> bool:
    """Whether somebody has judged the name."""
    kinds, _ = _table()
    parts = dotted.split(".")
    return any(".".join(parts[:length]) in kinds for length in range(2, len(parts) + 1))


def is_bad(dotted: str) -> bool:
    """Whether the table says that a name does what no worker sees."""
    kinds, _ = _table()
    return kinds.get(dotted, PURE) not in (PURE, READS, UNKNOWN)


_PLAIN = (
    type(None),
    bool,
    int,
    float,
    complex,
    str,
    bytes,
    tuple,
    type,
    types.ModuleType,
    types.FunctionType,
)


@functools.lru_cache(maxsize=1)
def instances() -> dict[int, str]:
    """Objects of Python's own modules that are no values, by their addresses, which stay."""
    kinds, _ = _table()
    found: dict[int, str] = {}
    for dotted, of in kinds.items():
        module, _, name = dotted.rpartition(".")
        if of in _UNSEEN and module in sys.stdlib_module_names and module in sys.modules:
            value = getattr(sys.modules[module], name, None)
            if not isinstance(value, (*_PLAIN, types.BuiltinFunctionType)):
                found.setdefault(id(value), dotted)
    return found


@functools.lru_cache(maxsize=256)
def unseen(module: str) -> frozenset[str]:
    """Last parts of the names of a module that do what is not observed."""
    kinds, _ = _table()
    return frozenset(
        name.rpartition(".")[2]
        for name, kind in kinds.items()
        if kind in _UNSEEN and name.startswith(f"{module}.") and name.count(".") <= module.count(".") + 2
    )


def beyond(dotted: str) -> list[str]:
    """The part of a name that no table speaks of: attributes of what it is."""
    kinds, _ = _table()
    parts = dotted.split(".")
    for length in range(len(parts), 1, -1):
        if ".".join(parts[:length]) in kinds:
            return parts[length:]
    return parts[1:]


def _judged(parts: list[str]) -> str:
    """Of a name in no table, by what it takes."""
    found: Any = None
    for length in range(len(parts), 0, -1):
        found = sys.modules.get(".".join(parts[:length]))
        if found is not None:
            break
    else:
        return PURE if len(parts) == 1 else _by_source(parts)  # nothing of it is loaded
    rest = parts[length:]
    if not rest:
        return PURE  # a module, of which nothing is known to be impure
    for name in rest:
        found = getattr(found, name, None)
    if found is None:
        return PURE if rest[-1].startswith("__") else UNKNOWN
    return takes_nothing_that_tells(found)


def _by_source(parts: list[str]) -> str:
    """Of a module that is not imported here, and will not be for this."""
    try:
        spec = importlib.util.find_spec(parts[0])
        if len(parts) != 2 or spec is None or spec.origin is None or not spec.origin.endswith(".py"):
            return UNKNOWN
        with open(spec.origin, encoding="utf-8") as file:
            tree = ast.parse(file.read())
    except (ImportError, OSError, ValueError, SyntaxError):
        return UNKNOWN
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name == parts[1]:
            a = node.args
            given = [*a.posonlyargs, *a.args, *a.kwonlyargs]
            return UNKNOWN if any(_TELLING.fullmatch(x.arg) for x in given) else PURE
    return UNKNOWN


def takes_nothing_that_tells(value: Any) -> str:
    """``pure`` unless it can be given a path, a time or a seed, or nobody can tell."""
    if not callable(value):
        return PURE
    try:
        parameters = inspect.signature(value).parameters
    except (ValueError, TypeError):
        return PURE if isinstance(value, type) and value.__module__ == "builtins" else UNKNOWN
    return UNKNOWN if any(_TELLING.fullmatch(name) for name in parameters) else PURE
