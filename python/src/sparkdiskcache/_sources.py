# SPDX-License-Identifier: Apache-2.0
"""User modules as a worker imports them: compiled from source, each counts as a whole."""

from __future__ import annotations

import ast
import functools
import hashlib
import os
import sys
import time
import types
from dataclasses import dataclass
from importlib.machinery import ExtensionFileLoader, ModuleSpec

from . import _bytecode
from ._digest import Digest, hexdigest_of
from ._refusal import CODE, FunctionRefused

_TICK_NANOS = 100_000_000


@dataclass(frozen=True)
class SourceFile:
    """A file that an identity covers."""

    path: str
    sha256: str
    length: int


@dataclass(frozen=True)
class Module:
    """One user module.

    :param digest: of its code, where lines are and comments left out
    :param lines: of where lines are, and of its text
    :param code: ``None`` for a module in machine code and for a package without ``__init__``
    :param run: of its code, what is executed when it is imported and not run as a program
    :param file: where it was read from
    :param places: directories of its submodules
    """

    name: str
    digest: str
    lines: str
    code: types.CodeType | None
    run: types.CodeType | None
    file: SourceFile | None
    places: tuple[str, ...]

    @functools.cached_property
    def facts(self) -> _bytecode.Facts | None:
        return _bytecode.facts(self.code) if self.code is not None else None

    @property
    def is_package(self) -> bool:
        return bool(self.places)


def stamp(path: str) -> tuple[int, ...]:
    """The parts of a file's status that change with its content."""
    s = os.stat(path)
    return s.st_size, s.st_mtime_ns, s.st_ctime_ns, s.st_ino, s.st_dev


def is_settled(at: tuple[int, ...]) -> bool:
    """Whether a file cannot be written again without another stamp: clocks of file systems tick."""
    return time.time_ns() - max(at[1:3]) > _TICK_NANOS


def of_spec(spec: ModuleSpec) -> Module:
    """The module that would be imported now.

    :raises FunctionRefused: if it cannot be read
    """
    origin = spec.origin if spec.has_location or spec.loader is not None else None
    places = tuple(spec.submodule_search_locations or ())
    if origin is None or origin == "namespace" or not hasattr(spec.loader, "get_data"):
        return Module(spec.name, "namespace", "", None, None, None, places)
    archive = getattr(spec.loader, "archive", None)
    try:
        at = stamp(archive or origin)
        read = _read if is_settled(at) else _read.__wrapped__
        return read(spec.name, origin, archive, places, at, spec.loader)
    except (OSError, ImportError, SyntaxError, ValueError, RecursionError) as e:
        raise unreadable(spec.name, e) from e


def unreadable(name: str, problem: object) -> FunctionRefused:
    return FunctionRefused(CODE, f"module {name}", f"the source of module {name} cannot be read: {problem}")


@functools.lru_cache(maxsize=4096)
def _read(
    name: str, origin: str, archive: str | None, places: tuple[str, ...], at: tuple[int, ...], loader: object
) -> Module:
    content: bytes = loader.get_data(origin)  # type: ignore[attr-defined]
    file_ = (_file if is_settled(at) else _file.__wrapped__)(archive or origin, at)
    if stamp(archive or origin) != at:
        raise OSError(f"{file_.path} changes at this moment")
    if isinstance(loader, ExtensionFileLoader):
        return Module(name, file_.sha256, "", None, None, file_, places)
    if not origin.endswith((".py", ".pyw")):
        code = run = loader.get_code(name)  # type: ignore[attr-defined]
    else:
        tree = ast.parse(content, origin)
        code = run = _compiled(tree, origin)
        imported = [node for node in tree.body if not _is_never_imported(node)]
        if len(imported) < len(tree.body):
            run = _compiled(ast.Module(imported, []), origin)
    return of_code(name, code, file_, places, hashlib.sha256(content).hexdigest(), run)


@functools.lru_cache(maxsize=4096)
def _file(path: str, at: tuple[int, ...]) -> SourceFile:
    with open(path, "rb") as file:
        content = file.read()
    return SourceFile(os.path.realpath(path), hashlib.sha256(content).hexdigest(), len(content))


def _compiled(tree: ast.Module, origin: str) -> types.CodeType:
    return compile(tree, origin, "exec", dont_inherit=True, optimize=sys.flags.optimize)


def _is_never_imported(node: ast.stmt) -> bool:
    """``if __name__ == "__main__"`` and ``if TYPE_CHECKING``."""
    if not isinstance(node, ast.If) or node.orelse:
        return False
    test = ast.dump(node.test)
    return test.endswith("'TYPE_CHECKING', ctx=Load())") or (
        isinstance(node.test, ast.Compare)
        and all(part in test for part in ("'__main__'", "'__name__'"))
        and [type(op) for op in node.test.ops] == [ast.Eq]
    )


def of_code(
    name: str,
    code: types.CodeType,
    file: SourceFile | None,
    places: tuple[str, ...],
    text: str,
    run: types.CodeType | None = None,
) -> Module:
    """A module by what is executed when it is imported."""
    out, lines = Digest(), _bytecode.Lines()
    out.put("module", name)
    _bytecode.encode(code, out)
    lines.of(code)
    return Module(name, out.hexdigest(), hexdigest_of(lines.digest(), text), code, run, file, places)
