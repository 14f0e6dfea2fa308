# SPDX-License-Identifier: Apache-2.0
"""Modules: libraries by their version, user modules by the source that workers import."""

from __future__ import annotations

import builtins
import sys
import types
from collections.abc import Iterable
from typing import Any

from . import _bytecode, _environment, _sinks, _sources
from ._bytecode import Use
from ._digest import Digest
from ._environment import is_library
from ._refusal import CODE, FunctionRefused
from ._sources import SourceModule
from ._values import Values

# Behaviour does not depend on the hash seed, however they are used.
_ORDERLY_LIBRARIES = {"pandas", "numpy", "pyarrow"} | set(sys.stdlib_module_names)


class Modules(Values):
    """The part of the walk that leaves the memory of the driver."""

    def _reference(self, module: str, qualname: str, where: str) -> None:
        self._dotted(module, tuple(qualname.split(".")), where)

    def _use_import(self, use: Use, package: list[str], place: str) -> None:
        if use.level:
            base = package[: len(package) - (use.level - 1)]
            name = ".".join([*base, use.name] if use.name else base)
        else:
            name = use.name
        if use.chain is not None:
            self._dotted(name, use.chain, place)
        elif not is_library(name):
            self._run_import(name)

    def _dotted(self, module: str, chain: tuple[str, ...], where: str) -> None:
        """What ``module.a.b`` stands for in a worker."""
        if module == "__main__":
            raise FunctionRefused(CODE, where, "uses the module __main__, which is another one in a worker")
        if is_library(module):
            self._library(module, chain, where)
            return
        source = self._load(module)
        self._run_import(module)
        if not chain:
            self.out.put("module", module)
            for name in sorted({name for s in source.statements for name in s.binds}):
                self._statement_of(source, name, (), where)
            return
        name, rest = chain[0], chain[1:]
        if source.binding(name):
            self._statement_of(source, name, rest, where)
        elif self.environment.spec(f"{module}.{name}") is not None:
            self._dotted(f"{module}.{name}", rest, where)
        elif name not in ("__name__", "__doc__", "__dict__"):
            raise FunctionRefused(
                CODE, where, f"uses {module}.{name}, which the source of the module does not define by itself"
            )

    def _statement_of(self, source: SourceModule, name: str, chain: tuple[str, ...], where: str) -> None:
        for index in source.binding(name):
            statement = source.statements[index]
            if statement.imports is not None:
                target, attributes = statement.imports[name]
                self.out.put("imported", name, target, *attributes)
                self._dotted(target, (*attributes, *chain), where)
            else:
                self._require_current(source, name, index)
                self._statement(source, index)

    def _statement(self, source: SourceModule, index: int) -> None:
        if (source.name, index) in self._visited:
            self.out.put("visited", source.name, *sorted(source.statements[index].binds))
            return
        self._visited.add((source.name, index))
        statement = source.statements[index]
        label = ", ".join(sorted(statement.binds)) or f"line {statement.line}"
        place = f"{source.name}.{label}"
        self.part(
            place if statement.binds else f"{source.name} (on import)", lambda: self._body(statement.code)
        )
        package = source.name.split(".") if source.is_package else source.name.split(".")[:-1]
        for use in _bytecode.uses(statement.code):
            if use.kind == "import":
                self._use_import(use, package, place)
            elif source.binding(use.name):
                self._statement_of(source, use.name, use.chain or (), place)
            elif use.name not in statement.binds:
                self._builtin(use, place)
        _bytecode.check(statement.code, place, self.excused)
        for code in _bytecode.nested(statement.code):
            own = {n: _is_value(s, n) for s in source.statements if s.imports is None for n in s.binds}
            values = frozenset(n for n, is_value in own.items() if is_value)
            owners = frozenset(own) - values | {
                n for s in source.statements for n, (m, _) in (s.imports or {}).items() if not is_library(m)
            }
            _bytecode.check_writes(code, values, owners, place)

    def _run_import(self, module: str) -> None:
        """What happens besides when a worker imports a user module."""
        parts = module.split(".")
        for length in range(1, len(parts) + 1):
            name = ".".join(parts[:length])
            if name in self._imported or is_library(name) or self.environment.spec(name) is None:
                continue
            self._imported.add(name)
            source = self._load(name)
            for index in source.effects():
                self._statement(source, index)
            for imported in sorted(source.imported):
                if not is_library(imported):
                    self._run_import(imported)

    def _load(self, module: str) -> SourceModule:
        if module not in self.modules:
            self.modules[module] = _sources.load(module, self.environment)
        return self.modules[module]

    def _require_current(self, source: SourceModule, name: str, index: int) -> None:
        """Refuses a module whose copy in this process is not what the source says."""
        loaded = sys.modules.get(source.name)
        if loaded is None:
            return
        statement = source.statements[index]
        same = True
        if len(source.binding(name)) == 1 and not statement.effect:
            content = vars(loaded).get(name)
            if statement.literal:
                values: dict[str, Any] = {}
                exec(statement.code, {}, values)  # constants only
                same = self._digest_of(content) == self._digest_of(values[name])
            else:
                defined = dict(_defined(statement.code, ""))
                for qualname, code in _codes(content, name, source.name):
                    same = (
                        same and qualname in defined and _code_digest(code) == _code_digest(defined[qualname])
                    )
        if not same:
            raise FunctionRefused(
                CODE,
                f"{source.name}.{name}",
                f"{source.name}.{name} is not what {source.file.path} says: the file was edited after the import, or the"
                " value replaced; Python workers import the file, so restart the application or keep the change in the file",
            )

    def _builtin(self, use: Use, place: str) -> None:
        if not hasattr(builtins, use.name):
            if use.name in ("__name__", "__qualname__", "__module__", "__class__", "__spec__", "__package__"):
                return
            raise FunctionRefused(
                CODE,
                place,
                f"uses the name {use.name}, which is not defined yet; define it before the function is first used",
            )
        self.out.put("builtin", use.name)
        _sinks.check_builtin(use.name, place)
        if use.name in ("set", "frozenset"):
            self.hash_seed = True

    def _body(self, code: types.CodeType) -> None:
        _bytecode.encode(code, self.out)
        self.hash_seed = self.hash_seed or _bytecode.shows_set_order(code)

    # ---- libraries

    def _library(self, module: str, chain: tuple[str, ...], where: str) -> None:
        dotted = ".".join((module, *chain))
        _sinks.check_dotted(dotted, where, self.excused)
        found: Any = sys.modules.get(module)
        for name in chain:
            found = getattr(found, name, None)
        if isinstance(found, (type, types.FunctionType, types.BuiltinFunctionType)) and found.__module__:
            _sinks.check_dotted(f"{found.__module__}.{found.__qualname__}", where, self.excused)
            if found.__module__ == "builtins":
                _sinks.check_builtin(found.__qualname__, where)
        top = module.split(".")[0]
        version = "python"
        if top not in sys.stdlib_module_names and top not in sys.builtin_module_names:
            self._require_same_origin(top)
            version = _environment.distributions(top) or ""
            if not version:
                raise FunctionRefused(
                    CODE,
                    where,
                    f"uses {dotted}, which belongs to no installed distribution, so its version is not known",
                )
            self.parts[f"version.{top}"] = version
        if top not in _ORDERLY_LIBRARIES:
            self.hash_seed = True
        self.out.put("library", dotted, version)

    def _require_same_origin(self, top: str) -> None:
        spec = self.environment.spec(top)
        here = getattr(sys.modules.get(top), "__spec__", None)
        if spec is None or here is not None and spec.origin != here.origin:
            there = spec.origin if spec is not None else "nowhere"
            raise FunctionRefused(
                CODE,
                f"module {top}",
                f"Python workers import {top} from {there}, the driver from {getattr(here, 'origin', None)}; start both with the same PYTHONPATH",
            )

    def _digest_of(self, value: Any) -> bytes | None:
        walk = type(self)(self.environment)
        try:
            walk.value(value, "")
        except FunctionRefused:
            return None
        return walk.out.digest()


def _is_value(statement: _sources.Statement, name: str) -> bool:
    return all(code.co_name != name for code in _bytecode.nested(statement.code))


def _defined(code: types.CodeType, prefix: str) -> Iterable[tuple[str, types.CodeType]]:
    for inner in _bytecode.nested(code):
        yield prefix + inner.co_name, inner
        if not inner.co_flags & 0x1:  # the body of a class
            yield from _defined(inner, f"{prefix}{inner.co_name}.")


def _codes(content: Any, name: str, module: str) -> Iterable[tuple[str, types.CodeType]]:
    """Functions in memory that the source must hold too."""
    content = getattr(content, "__wrapped__", getattr(content, "__func__", content))
    if isinstance(content, types.FunctionType):
        if (
            content.__module__ == module
            and "<" not in content.__qualname__
            and content.__code__.co_filename != "<string>"
        ):
            yield content.__qualname__, content.__code__
    elif isinstance(content, type) and content.__module__ == module:
        for attribute, member in vars(content).items():
            if isinstance(member, (types.FunctionType, staticmethod, classmethod)):
                yield from (
                    (q, c)
                    for q, c in _codes(member, attribute, module)
                    if q.startswith(content.__qualname__ + ".")
                )


def _code_digest(code: types.CodeType) -> bytes:
    digest = Digest()
    _bytecode.encode(code, digest)
    return digest.digest()
