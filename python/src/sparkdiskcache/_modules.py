# SPDX-License-Identifier: Apache-2.0
"""All that a worker imports for a function: user modules whole, libraries by their distributions."""

from __future__ import annotations

import functools
import pkgutil
import re
from collections.abc import Callable
from dataclasses import dataclass, field

from . import _bytecode
from ._environment import Environment
from ._functions import Walk
from ._refusal import CODE, FunctionRefused
from ._sources import Module

_LONGEST_CLOSURE = 20_000
_LOADS = re.compile(r"load|pickle|joblib|dill|read_|Unpickler|from_pretrained")
_IMPORTS = frozenset(
    ["import_module", "__import__", "exec", "eval", "locate", "resolve_name", "exec_module", "run_module"]
)


@dataclass
class Closure:
    """The imported modules, transitively.

    :param user: user modules by name
    :param libraries: top-level names of libraries
    :param absent: modules that an import statement names and that are not there
    """

    user: dict[str, Module] = field(default_factory=dict)
    libraries: set[str] = field(default_factory=set)
    absent: set[str] = field(default_factory=set)
    tokens: set[str] = field(default_factory=set)

    @functools.cached_property
    def loads(self) -> bool:
        """Whether it may have classes made by name, out of a file or of bytes."""
        return any(map(_LOADS.search, self.tokens))

    @functools.cached_property
    def imports_by_name(self) -> bool:
        return not _IMPORTS.isdisjoint(self.tokens)

    @functools.cached_property
    def shows_lines(self) -> bool:
        return _bytecode.shows_lines(self.tokens)

    @functools.cached_property
    def shows_directory(self) -> bool:
        return _bytecode.shows_directory(self.tokens)

    @functools.cached_property
    def shows_place(self) -> bool:
        return _bytecode.shows_place(self.tokens)

    @functools.cached_property
    def makes_sets(self) -> bool:
        return any(m.facts.makes_sets for m in self.user.values() if m.facts is not None)


def closure(walk: Walk, environment: Environment, module: Callable[[str], Module]) -> Closure:
    """The closure of the modules that a function names.

    A submodule that no statement imports may still be reached as an attribute of its package, if anything else
    in the worker has imported it. So those count as well whose name is written anywhere in the code, or all of
    a package if names may be computed.

    :param module: the content of a user module
    :raises FunctionRefused: if workers do not find a module that the function is sent with
    """
    found = Closure()
    found.tokens.update(walk.tokens)
    for name in sorted(walk.sent):
        if environment.kind(name) == "absent":
            raise FunctionRefused(
                CODE,
                f"module {name}",
                f"module {name} is not where Python workers look for it (PYTHONPATH, spark.submit.pyFiles,"
                " the directory Spark was started in); ship it with addPyFile",
            )
    todo = sorted(walk.modules | walk.sent)
    seen: set[str] = set()
    while todo:
        while todo:
            name = todo.pop()
            parts = name.split(".")
            for length in range(1, len(parts) + 1):
                prefix = ".".join(parts[:length])
                if prefix in seen:
                    continue
                seen.add(prefix)
                kind = environment.kind(prefix)
                if kind == "library":
                    found.libraries.add(parts[0])
                    break
                if kind == "python":
                    break
                if kind == "absent":
                    # Of `from a import b` nobody knows what b is but the module.
                    if length == 1 or prefix == name:
                        found.absent.add(prefix)
                    break
                one = found.user[prefix] = module(prefix)
                facts = one.facts
                if facts is not None:
                    found.tokens |= facts.tokens
                    for imported, taken in facts.imports(prefix, one.is_package):
                        todo.append(imported)
                        todo.extend(f"{imported}.{t}" for t in taken)
        dynamic = not found.tokens.isdisjoint(_bytecode.DYNAMIC)
        for package in [m for m in found.user.values() if m.is_package]:
            for name in _submodules(package):
                full = f"{package.name}.{name}"
                if full not in seen and (dynamic or name in found.tokens):
                    todo.append(full)
        if len(found.user) > _LONGEST_CLOSURE:
            raise _too_many(found)
    found.absent = {name for name in found.absent if _is_import(name, found)}
    return found


def _is_import(name: str, found: Closure) -> bool:
    """Whether a missing module is not just a name that a module defines."""
    parent, _, last = name.rpartition(".")
    owner = found.user.get(parent)
    return owner is None or owner.facts is None or last not in owner.facts.tokens


def _too_many(found: Closure) -> FunctionRefused:
    first = next(iter(found.user))
    return FunctionRefused(
        CODE, f"module {first}", f"imports more than {_LONGEST_CLOSURE} modules of your own"
    )


def _submodules(package: Module) -> set[str]:
    return {m.name for m in pkgutil.iter_modules(list(package.places)) if m.name != "__main__"}
