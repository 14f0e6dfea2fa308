# SPDX-License-Identifier: Apache-2.0
"""Writes src/sparkdiskcache/names.txt: the public names of the standard library and of much used
packages, each with what it does besides computing.

Run it with a Python that has the packages of requirements.txt in this folder, and read the difference
before you commit it. A name is classified by the first rule that speaks of it, then by the class of its
module; a callable that no rule speaks of and that takes a path, a time or a seed is ``unknown``.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
import sys
import types
import warnings
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import rules

TARGET = Path(__file__).parents[1] / "src" / "sparkdiskcache" / "names.txt"
_LEFT_OUT = re.compile(
    r"(^|\.)(_.*|tests?|testing|conftest|idlelib|lib2to3|tkinter|turtle.*|this|antigravity|ensurepip|pydoc_data|distutils|__main__)(\.|$)"
)


OWNERS = tuple(sorted({*sys.stdlib_module_names, *rules.PACKAGES}))


def modules(package: str, depth: int) -> Iterator[types.ModuleType]:
    """The package and its public modules."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            root = importlib.import_module(package)
    except BaseException as e:
        print(f"left out {package}: {e!r}", file=sys.stderr)
        return
    yield root
    if depth == 0:
        return
    for found in pkgutil.iter_modules(getattr(root, "__path__", ())):
        name = f"{package}.{found.name}"
        if not _LEFT_OUT.search(name):
            yield from modules(name, depth - 1)


def public(module: types.ModuleType) -> Iterator[tuple[str, object]]:
    names = getattr(module, "__all__", None) or [n for n in dir(module) if not n.startswith("_")]
    for name in sorted(set(map(str, names))):
        if rules.NAME.fullmatch(name):
            try:
                value = getattr(module, name)
            except Exception:
                continue
            if not isinstance(value, types.ModuleType):
                yield name, value


def classified(module: str, name: str, value: object) -> str:
    dotted = f"{module}.{name}"
    own = f"{getattr(value, '__module__', module) or module}.{getattr(value, '__qualname__', name)}"
    kind = rules.of(dotted) or rules.of(own)
    if kind is not None:
        return kind
    if not callable(value):
        return "pure"
    try:
        parameters = inspect.signature(value).parameters
    except (ValueError, TypeError):
        return "pure"  # native, of a module that somebody has looked through
    return "unknown" if rules.tells(module, parameters) else "pure"


def methods(module: str, name: str, value: type) -> Iterator[tuple[str, str]]:
    """Those of which a rule speaks."""
    for attribute in dir(value):
        if not attribute.startswith("_"):
            kind = rules.of(f"{module}.{name}.{attribute}") or rules.of(
                f"{value.__module__}.{value.__qualname__}.{attribute}"
            )
            if kind is not None:
                yield attribute, kind


def main() -> None:
    found: dict[tuple[str, str], set[str]] = defaultdict(set)
    for package in sorted({*sys.stdlib_module_names, *rules.PACKAGES}):
        if _LEFT_OUT.search(package):
            continue
        for module in modules(package, 2 if package in sys.stdlib_module_names else 1):
            for name, value in public(module):
                kind = classified(module.__name__, name, value)
                found[module.__name__, kind].add(name)
                owner, own = getattr(value, "__module__", None), getattr(value, "__qualname__", "")
                if isinstance(owner, str) and isinstance(own, str) and rules.NAME.fullmatch(own):
                    if owner not in ("builtins", "__main__", module.__name__) and owner.startswith(OWNERS):
                        found[owner, classified(owner, own, value)].add(own)  # by which it is known, too
                if isinstance(value, type):
                    for attribute, of in methods(module.__name__, name, value):
                        if of != kind:
                            found[module.__name__, of].add(f"{name}.{attribute}")
    lines = [
        f"{module} {kind} {' '.join(sorted(names))}"
        for (module, kind), names in sorted(found.items())
        if names
    ]
    TARGET.write_text("# Written by python/tables/generate.py\n" + "\n".join(lines) + "\n")
    print(f"{sum(map(len, found.values()))} names of {len({m for m, _ in found})} modules")


if __name__ == "__main__":
    main()
