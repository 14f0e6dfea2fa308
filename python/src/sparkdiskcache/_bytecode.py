# SPDX-License-Identifier: Apache-2.0
"""Code objects: their content, and the little that has to be known of it.

Code counts with all names, texts and constants. Where its lines are counts only for whoever can show it.
"""

from __future__ import annotations

import dis
import functools
import inspect
import re
import types
from collections.abc import Iterator
from dataclasses import dataclass

from ._digest import ATOMS, Digest, encoded

# Who names one of these may show lines of source, or the numbers of lines.
_SHOWS_LINES = re.compile(
    r"traceback|lineno|linecache|inspect|exc_info|exc_text|(format|print)_exc|getsource|__code__|stack_info"
    r"|(print|extract|format)_stack|_getframe|currentframe|_current_frames|catch_warnings|showwarning"
    r"|findCaller|LogRecord|loguru|structlog|sentry|icecream|\0(co|tb|f)_\w+\0|\0(gi|cr|ag)_frame\0"
)
# Who names one of these may reach a module by a name that is not written down.
DYNAMIC = frozenset(
    ["getattr", "__dict__", "vars", "dir", "import_module", "__import__", "iter_modules", "walk_packages",
     "modules", "attrgetter", "methodcaller", "eval", "exec", "getmembers", "resolve_name", "__getattribute__",
     "__path__", "glob", "listdir", "scandir"]
)  # fmt: skip
_MAKES_SET = {"BUILD_SET", "SET_ADD", "SET_UPDATE"}
_SET_OPERATORS = {"&", "|", "^", "-", "&=", "|=", "^=", "-="}
_LONGEST_NAME = 200


@dataclass(frozen=True)
class Facts:
    """The facts that have to be known of a code object and of those inside it.

    :param tokens: names that it uses and texts that could be names
    :param imported: module, names and level of every import statement
    :param makes_sets: whether it shows the order of sets that it makes
    :param constant_sets: constants whose order it may show, each in the order it has here
    :param only_contains: captured names that are used for nothing but ``x in name``
    :param loaded_once: global variables that it sets, to something that does not depend on its arguments, where
        they are still ``None``
    """

    tokens: frozenset[str]
    imported: tuple[tuple[str, tuple[str, ...], int], ...]
    makes_sets: bool
    constant_sets: tuple[bytes, ...]
    only_contains: frozenset[str]
    loaded_once: frozenset[str]

    def imports(self, package: str, is_package: bool) -> Iterator[tuple[str, tuple[str, ...]]]:
        """Modules and the names taken from them, made absolute.

        :param package: the module or package whose code this is
        """
        parts = [p for p in package.split(".") if p]
        parts = parts if is_package else parts[:-1]
        for name, names, level in self.imported:
            if level:
                base = parts[: len(parts) - (level - 1)]
                name = ".".join([*base, name] if name else base)
            if name:
                yield name, names


class Lines:
    """Where lines are, of code that may show it."""

    def __init__(self) -> None:
        self._out = Digest()

    def of(self, code: types.CodeType) -> None:
        for inner in everything(code):
            self._out.put("lines", inner.co_filename, inner.co_firstlineno, inner.co_linetable)

    def digest(self) -> bytes:
        return self._out.digest()


# Who names one of these may show the directory that the process was started in.
_SHOWS_DIRECTORY = frozenset(
    ["abspath", "absolute", "resolve", "realpath", "relpath", "cwd", "getcwd", "getcwdb", "as_uri"]
)


# Or where its file is.
_SHOWS_PLACE = frozenset(["__file__", "__spec__", "__path__", "__cached__"])


def shows_directory(tokens: frozenset[str] | set[str]) -> bool:
    return not _SHOWS_DIRECTORY.isdisjoint(tokens)


def shows_place(tokens: frozenset[str] | set[str]) -> bool:
    return not _SHOWS_PLACE.isdisjoint(tokens)


def shows_lines(tokens: frozenset[str] | set[str]) -> bool:
    return _SHOWS_LINES.search("\0".join(("", *tokens, ""))) is not None


def everything(code: types.CodeType) -> Iterator[types.CodeType]:
    yield code
    for const in code.co_consts:
        if isinstance(const, types.CodeType):
            yield from everything(const)


def encode(code: types.CodeType, out: Digest) -> None:
    """The code itself; what it uses is not followed."""
    out.put(
        "code", code.co_name, getattr(code, "co_qualname", ""), code.co_argcount, code.co_posonlyargcount,
        code.co_kwonlyargcount, code.co_flags, code.co_code, code.co_names, code.co_varnames, code.co_freevars,
        code.co_cellvars, getattr(code, "co_exceptiontable", b""), len(code.co_consts),
    )  # fmt: skip
    for const in code.co_consts:
        _constant(const, out)


def _constant(value: object, out: Digest) -> None:
    if type(value) in ATOMS:
        out.put("constant", value)
    elif isinstance(value, types.CodeType):
        encode(value, out)
    elif isinstance(value, tuple):
        out.put("tuple", len(value))
        for element in value:
            _constant(element, out)
    elif isinstance(value, frozenset):
        out.put("frozenset", *sorted(map(_bytes_of, value)))
    elif isinstance(value, slice):
        out.put("slice")
        _constant((value.start, value.stop, value.step), out)
    else:
        out.put(type(value).__name__, repr(value))  # an ellipsis


def _bytes_of(value: object) -> bytes:
    if type(value) in ATOMS:
        return encoded(value)
    inner = Digest()
    _constant(value, inner)
    return inner.digest()


@functools.lru_cache(maxsize=4096)
def facts(code: types.CodeType) -> Facts:
    tokens: set[str] = set()
    imported: set[tuple[str, tuple[str, ...], int]] = set()
    constant_sets: list[bytes] = []
    contains: set[str] = set()
    otherwise: set[str] = set()
    makes_sets = False
    for inner in everything(code):
        tokens.update(inner.co_names, inner.co_varnames, inner.co_freevars, _texts(inner.co_consts))
        makes_sets = makes_sets or not {"set", "frozenset", "hash"}.isdisjoint(inner.co_names)
        views = {"keys", "items"} & set(inner.co_names)
        ins = instructions(inner)
        for at, i in enumerate(ins):
            follows = ins[at + 1].opname if at + 1 < len(ins) else ""
            if i.opname == "IMPORT_NAME":
                level, names = ins[at - 2].argval, ins[at - 1].argval
                imported.add((i.argval, tuple(names or ()), level if isinstance(level, int) else 0))
            elif i.opname in _MAKES_SET:
                # A set that is only asked what it contains is a constant, and is made by no instruction.
                makes_sets = True
            elif i.opname == "LOAD_CONST" and isinstance(i.argval, frozenset):
                if follows != "CONTAINS_OP":
                    constant_sets.append(b"".join(map(_bytes_of, i.argval)))
                    makes_sets = True
            elif i.opname == "BINARY_OP" and views and i.argrepr in _SET_OPERATORS:
                makes_sets = True
            elif i.opname in ("LOAD_GLOBAL", "LOAD_DEREF", "LOAD_NAME"):
                (contains if follows == "CONTAINS_OP" else otherwise).add(i.argval)
            elif i.opname in ("STORE_GLOBAL", "STORE_DEREF"):
                otherwise.add(i.argval)
    stored: set[str] = set()
    lazy: set[str] = set()
    for inner in everything(code):
        for name, once in _stores(inner):
            (lazy if once else stored).add(name)
    return Facts(
        frozenset(tokens),
        tuple(sorted(imported)),
        makes_sets,
        tuple(constant_sets),
        frozenset(contains - otherwise),
        frozenset(lazy - stored),
    )


def _texts(constants: tuple[object, ...]) -> Iterator[str]:
    for const in constants:
        if isinstance(const, str):
            yield const[:_LONGEST_NAME]
        elif isinstance(const, (tuple, frozenset)):
            yield from _texts(tuple(const))


@functools.lru_cache(maxsize=1024)
def instructions(code: types.CodeType) -> list[dis.Instruction]:
    return [i for i in dis.get_instructions(code) if i.opname not in ("CACHE", "EXTENDED_ARG")]


def _stores(code: types.CodeType) -> Iterator[tuple[str, bool]]:
    """Global variables that the code sets, and whether it is as in ``if MODEL is None: MODEL = load()``."""
    ins = instructions(code)
    if not code.co_flags & inspect.CO_OPTIMIZED:
        return
    for at, i in enumerate(ins):
        if i.opname in ("STORE_GLOBAL", "DELETE_GLOBAL"):
            yield i.argval, i.opname == "STORE_GLOBAL" and _guarded(ins, at)


def _guarded(ins: list[dis.Instruction], store: int) -> bool:
    loaded: set[str] = set()
    made: set[str] = set()
    for at in range(store - 1, 0, -1):
        i = ins[at]
        if "JUMP" in i.opname and "BACKWARD" not in i.opname and i.opname.startswith("POP_JUMP"):
            if i.opname.endswith("_IF_NOT_NONE"):
                tested = ins[at - 1]
            elif i.opname.endswith("_IF_FALSE") and ins[at - 1].opname == "IS_OP":
                tested = ins[at - 3]
            else:
                return False
            name = tested.argval[-1] if isinstance(tested.argval, tuple) and tested.argval else tested.argval
            beyond = isinstance(i.argval, int) and i.argval > ins[store].offset
            once = beyond and tested.opname == "LOAD_GLOBAL" and name == ins[store].argval
            return once and loaded <= made  # nothing that comes with a call
        names = set(i.argval) if isinstance(i.argval, tuple) else {i.argval}
        if i.opname.startswith("STORE_FAST"):
            made |= names
        elif i.opname.startswith(("LOAD_FAST", "LOAD_DEREF", "LOAD_CLOSURE")):
            loaded |= names
        elif "JUMP" in i.opname or i.opname.startswith(("FOR_", "STORE_")):
            return False
    return False
