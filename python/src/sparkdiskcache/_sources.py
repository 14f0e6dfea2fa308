# SPDX-License-Identifier: Apache-2.0
"""User modules as a worker sees them: imported anew from their source files.

What the driver has in memory does not count, so a module is read and cut into its top-level
statements, each compiled by itself. A name then stands for the statements that bind it, what they
use in turn, and every statement of the module that may have an effect when it is imported.
"""

from __future__ import annotations
import __future__ as future

import ast
import builtins
import hashlib
import os
import types
from dataclasses import dataclass, field
from importlib.abc import InspectLoader
from importlib.machinery import ModuleSpec

from . import _bytecode
from ._environment import Environment, is_library
from ._refusal import CODE, FunctionRefused

_PURE_DECORATORS = (
    "functools",
    "dataclasses",
    "abc",
    "typing",
    "enum",
    "pyspark",
    "contextlib",
    "attr",
    "attrs",
    "numba",
)
_PLAIN_BODY = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Assign, ast.AnnAssign, ast.Pass)


@dataclass(frozen=True)
class Statement:
    """One top-level statement.

    :param binds: global names it gives a value
    :param imports: for a plain import: the module and attribute each name stands for
    :param effect: whether importing the module runs it for more than the names it binds
    :param literal: a constant, which the driver's copy of the module must hold too
    """

    line: int
    code: types.CodeType
    binds: frozenset[str]
    imports: dict[str, tuple[str, tuple[str, ...]]] | None
    effect: bool
    literal: bool


@dataclass(frozen=True)
class SourceFile:
    """A file that an identity covers."""

    path: str
    sha256: str
    length: int


@dataclass
class SourceModule:
    name: str
    file: SourceFile
    is_package: bool
    statements: list[Statement] = field(default_factory=list)
    imported: set[str] = field(default_factory=set)
    """Every module that a top-level statement imports."""

    def binding(self, name: str) -> list[int]:
        return [i for i, s in enumerate(self.statements) if name in s.binds]

    def effects(self) -> list[int]:
        return [i for i, s in enumerate(self.statements) if s.effect]


def load(name: str, environment: Environment) -> SourceModule:
    """Reads the source that workers would import.

    :raises FunctionRefused: if there is none
    """
    spec = environment.spec(name)
    if spec is None:
        raise FunctionRefused(
            CODE,
            f"module {name}",
            f"module {name} is not where Python workers look for it (PYTHONPATH, spark.submit.pyFiles,"
            " the directory Spark was started in); ship it with addPyFile",
        )
    text, path = _source(name, spec)
    try:
        with open(path, "rb") as file:
            content = file.read()
        tree = ast.parse(text, path)
    except (OSError, SyntaxError, ValueError) as e:
        raise FunctionRefused(
            CODE, f"module {name}", f"the source of module {name} cannot be read: {e}"
        ) from e
    identity = SourceFile(os.path.realpath(path), hashlib.sha256(content).hexdigest(), len(content))
    module = SourceModule(name, identity, spec.submodule_search_locations is not None)
    _cut(module, tree)
    return module


def _source(name: str, spec: ModuleSpec) -> tuple[str, str]:
    loader, origin = spec.loader, spec.origin
    if origin is None and spec.submodule_search_locations is not None:
        raise FunctionRefused(
            CODE,
            f"module {name}",
            f"package {name} has no __init__.py, so its content is not certain; add one",
        )
    text = None
    if isinstance(loader, InspectLoader) or hasattr(loader, "get_source"):
        try:
            text = loader.get_source(name)  # type: ignore[union-attr]
        except (ImportError, OSError, SyntaxError):
            text = None
    archive = getattr(loader, "archive", None)
    if text is None or origin is None:
        raise FunctionRefused(CODE, f"module {name}", f"module {name} has no source that could be read")
    return text, archive if archive is not None else origin


def absolute(module: SourceModule, name: str, level: int) -> str:
    """The module that an import statement means."""
    if level == 0:
        return name
    parts = module.name.split(".")
    parts = parts if module.is_package else parts[:-1]
    base = parts[: len(parts) - (level - 1)]
    return ".".join([*base, name] if name else base)


def _cut(module: SourceModule, tree: ast.Module) -> None:
    flags = 0
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and node.module == "__future__":
            for alias in node.names:
                flags |= getattr(future, alias.name).compiler_flag
    libraries = _library_names(module, tree)
    hooks = any(isinstance(n, ast.FunctionDef) and n.name == "__init_subclass__" for n in ast.walk(tree))
    whole = compile(tree, module.name, "exec", flags=flags, dont_inherit=True)
    for node in tree.body:
        if _says_nothing(node):
            continue
        wrapped = ast.Module(body=[node], type_ignores=[])
        code = _within(compile(wrapped, module.name, "exec", flags=flags, dont_inherit=True), node, whole)
        binds = {i.argval for i in _bytecode.instructions(code) if i.opname == "STORE_NAME"}
        for inner in _bytecode.everything(code):
            for i in _bytecode.instructions(inner):
                if i.opname in ("STORE_GLOBAL", "DELETE_GLOBAL"):
                    binds.add(i.argval)
                elif i.opname == "IMPORT_NAME" and inner is code:
                    module.imported.update(
                        use.name for use in _bytecode.uses(code) if use.kind == "import" and not use.level
                    )
        imports = _imports(module, node)
        if isinstance(node, ast.Import):
            module.imported.update(alias.name for alias in node.names)
        if imports is not None:
            module.imported.update(target for target, _ in imports.values())
            module.imported.update(f"{target}.{chain[0]}" for target, chain in imports.values() if chain)
        module.statements.append(
            Statement(
                node.lineno,
                code,
                frozenset(binds),
                imports,
                imports is None and _has_effect(node, libraries, hooks),
                _is_literal(node),
            )
        )


def _within(code: types.CodeType, node: ast.stmt, whole: types.CodeType) -> types.CodeType:
    """The statement with its functions as they are compiled in the module: calls of what the module
    imports are compiled differently."""
    first = min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", ()))])
    inside = [c for c in _bytecode.nested(whole) if first <= c.co_firstlineno <= (node.end_lineno or first)]
    if [c.co_name for c in inside] != [c.co_name for c in _bytecode.nested(code)]:
        return code
    functions = iter(inside)
    return code.replace(
        co_consts=tuple(next(functions) if isinstance(c, types.CodeType) else c for c in code.co_consts)
    )


def _says_nothing(node: ast.stmt) -> bool:
    if isinstance(node, ast.Pass) or isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return True
    if isinstance(node, ast.ImportFrom) and node.module == "__future__":
        return True
    if isinstance(node, ast.If) and not node.orelse:
        # Not true in a worker.
        test = ast.dump(node.test)
        return (
            "'__main__'" in test
            and "'__name__'" in test
            and "Eq()" in test
            or test.endswith("TYPE_CHECKING', ctx=Load())")
        )
    return False


def _imports(module: SourceModule, node: ast.stmt) -> dict[str, tuple[str, tuple[str, ...]]] | None:
    if isinstance(node, ast.Import):
        return {
            alias.asname or alias.name.split(".")[0]: (
                alias.name if alias.asname else alias.name.split(".")[0],
                (),
            )
            for alias in node.names
        }
    if isinstance(node, ast.ImportFrom) and node.names[0].name != "*":
        target = absolute(module, node.module or "", node.level)
        return {alias.asname or alias.name: (target, (alias.name,)) for alias in node.names}
    return None


def _library_names(module: SourceModule, tree: ast.Module) -> dict[str, str]:
    names: dict[str, str] = {}
    for node in tree.body:
        for name, (target, _) in (_imports(module, node) or {}).items():
            if is_library(target):
                names[name] = target
    return names


def _is_literal(node: ast.stmt) -> bool:
    value = node.value if isinstance(node, (ast.Assign, ast.AnnAssign)) else None
    if value is None:
        return False
    try:
        ast.literal_eval(value)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return False
    return True


def _has_effect(node: ast.stmt, libraries: dict[str, str], hooks: bool) -> bool:
    """Whether running the statement may do more than to bind its names."""
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        defaults = [*node.args.defaults, *(d for d in node.args.kw_defaults if d is not None)]
        return not _pure_decorators(node.decorator_list, libraries) or any(
            _calls_user_code(d, libraries) for d in defaults
        )
    if isinstance(node, ast.ClassDef):
        plain = all(isinstance(n, _PLAIN_BODY) or _says_nothing(n) for n in node.body)
        return (
            hooks or bool(node.keywords) or not plain or not _pure_decorators(node.decorator_list, libraries)
        )
    if isinstance(node, ast.Assign):
        names = all(isinstance(target, ast.Name) for target in node.targets)
        return not names or _calls_user_code(node.value, libraries)
    if isinstance(node, ast.AnnAssign):
        return (
            not isinstance(node.target, ast.Name)
            or node.value is not None
            and _calls_user_code(node.value, libraries)
        )
    return True


def _calls_user_code(value: ast.expr, libraries: dict[str, str]) -> bool:
    for node in ast.walk(value):
        if isinstance(node, (ast.Await, ast.NamedExpr, ast.Yield, ast.YieldFrom)):
            return True
        if isinstance(node, ast.Call):
            root = _root(node.func)
            if root is None or root not in libraries and not hasattr(builtins, root):
                return True
    return False


def _pure_decorators(decorators: list[ast.expr], libraries: dict[str, str]) -> bool:
    for decorator in decorators:
        root = _root(decorator)
        if root in ("property", "staticmethod", "classmethod"):
            continue
        if root is None or libraries.get(root, "").split(".")[0] not in _PURE_DECORATORS:
            return False
    return True


def _root(node: ast.expr) -> str | None:
    while isinstance(node, (ast.Attribute, ast.Call)):
        node = node.value if isinstance(node, ast.Attribute) else node.func
    return node.id if isinstance(node, ast.Name) else None
