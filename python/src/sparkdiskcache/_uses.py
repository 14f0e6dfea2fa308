# SPDX-License-Identifier: Apache-2.0
"""Names that code objects use and change, as far as their instructions say so."""

from __future__ import annotations

import dis
import functools
import inspect
import types
from collections.abc import Iterator
from dataclasses import dataclass

from ._bytecode import everything, facts, instructions
from ._refusal import CODE, STATE, FunctionRefused
from ._sinks import check_attribute, check_text

_GLOBAL = {"LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS"}
_LOCAL = {
    "LOAD_FAST", "LOAD_FAST_CHECK", "LOAD_FAST_BORROW", "LOAD_FAST_LOAD_FAST", "LOAD_DEREF",
    "LOAD_FAST_BORROW_LOAD_FAST_BORROW", "LOAD_CLASSDEREF", "LOAD_FROM_DICT_OR_DEREF",
}  # fmt: skip
_ATTRIBUTE = {"LOAD_ATTR", "LOAD_METHOD"}
_STORE = {"STORE_FAST", "STORE_DEREF", "STORE_NAME", "STORE_GLOBAL", "STORE_FAST_LOAD_FAST"}
# Operand that is written to, counted from the top of the stack.
_WRITES = {"STORE_ATTR": 1, "DELETE_ATTR": 1, "STORE_SUBSCR": 2, "DELETE_SUBSCR": 2, "STORE_SLICE": 3}
_MUTATORS = frozenset(
    [
        "append",
        "appendleft",
        "extend",
        "insert",
        "add",
        "update",
        "pop",
        "popleft",
        "popitem",
        "remove",
        "discard",
        "clear",
        "setdefault",
        "sort",
        "reverse",
        "rotate",
        "subtract",
        "move_to_end",
        "write",
        "writelines",
    ]
)


@dataclass(frozen=True)
class Use:
    """A name that code reads from outside.

    :param kind: ``global``, or ``import`` for an import statement inside the code
    :param name: the global's name, or the module's
    :param chain: attributes read off it at once, as far as they are plain; empty: used as a value;
        ``None``: imported only
    :param level: of a relative import
    """

    kind: str
    name: str
    chain: tuple[str, ...] | None
    level: int = 0


def nested(code: types.CodeType) -> Iterator[types.CodeType]:
    """The code objects directly inside."""
    return (const for const in code.co_consts if isinstance(const, types.CodeType))


@functools.lru_cache(maxsize=4096)
def uses(code: types.CodeType, inside: bool = True) -> list[Use]:
    """The names from outside that the code and the code inside it use, sorted.

    :param inside: whether functions that it defines count; bodies of classes always do
    """
    bound: frozenset[str] = frozenset()
    found: set[Use] = set()
    ins = instructions(code)
    class_body = not code.co_flags & inspect.CO_OPTIMIZED and code.co_name != "<module>"
    if class_body:
        bound = bound | {i.argval for i in ins if i.opname == "STORE_NAME"}
    for at, i in enumerate(ins):
        if i.opname in _GLOBAL and not (class_body and i.argval in bound):
            found.add(Use("global", i.argval, _chain(ins, at + 1)))
        elif i.opname == "IMPORT_NAME":
            found.update(_imported(code, ins, at))
    for inner in nested(code):
        if inside or not inner.co_flags & inspect.CO_OPTIMIZED:
            found.update(uses(inner, inside=inside))
    return sorted(found, key=lambda use: (use.kind, use.name, use.level, use.chain or (), use.chain is None))


def _chain(ins: list[dis.Instruction], start: int) -> tuple[str, ...]:
    end = start
    while end < len(ins) and ins[end].opname in _ATTRIBUTE:
        end += 1
    return tuple(i.argval for i in ins[start:end])


def _imported(code: types.CodeType, ins: list[dis.Instruction], at: int) -> Iterator[Use]:
    module, level, names = ins[at].argval, ins[at - 2].argval, ins[at - 1].argval
    level = level if isinstance(level, int) else 0
    yield Use("import", module, None, level)
    if names:
        for name in names:
            yield Use("import", module, () if name == "*" else (name,), level)
        return
    end = at + 1
    while end < len(ins) and ins[end].opname not in _STORE:
        end += 1
    if end == len(ins):
        return
    variable = ins[end].argval
    variable = variable[0] if isinstance(variable, tuple) else variable
    # `import a.b` binds a, `import a.b as c` binds b.
    base = module.split(".")[0] if variable == module.split(".")[0] else module
    if ins[end].opname in ("STORE_NAME", "STORE_GLOBAL"):
        yield Use("import", base, (), level)  # anybody may use it
    for inner in everything(code):
        within = instructions(inner)
        for position, i in enumerate(within):
            argument = i.argval
            if i.opname in _LOCAL and variable in (argument if isinstance(argument, tuple) else (argument,)):
                yield Use("import", base, _chain(within, position + 1), level)


def check(code: types.CodeType, place: str, excused: frozenset[str] = frozenset()) -> None:
    """Refuses code that reads or changes what it should not, as far as the code alone says so.

    :param excused: reasons that do not count
    """
    for inner in everything(code):
        for const in inner.co_consts:
            if isinstance(const, str):
                check_text(const, inner.co_names, place, excused)
        if "getattr" in inner.co_names:
            for const in inner.co_consts:
                if isinstance(const, str):
                    check_attribute(const, place, excused=excused)
        for i in instructions(inner):
            if i.opname in _ATTRIBUTE or i.opname == "IMPORT_FROM":
                check_attribute(i.argval, place, excused=excused)


def check_writes(
    code: types.CodeType,
    values: frozenset[str],
    owners: frozenset[str],
    place: str,
    defaults: frozenset[str] = frozenset(),
    libraries: frozenset[str] = frozenset(),
) -> None:
    """Refuses code that changes what outlives a call: the rows would depend on the rows before.

    :param values: names of captured values, whose methods may change them
    :param owners: names of captured classes, functions and user modules, whose attributes are values
    :param libraries: names of modules, classes and functions of libraries
    :param defaults: names of arguments whose default is a value that could be changed
    """
    once = facts(code).loaded_once
    for i in instructions(code):
        if i.opname in ("STORE_GLOBAL", "DELETE_GLOBAL") and i.argval not in once:
            raise FunctionRefused(
                CODE,
                place,
                f"writes the global variable {i.argval}; return the value instead, or load it once by"
                f" `if {i.argval} is None: {i.argval} = ...` of nothing that comes with a call",
            )
    free = frozenset(code.co_freevars)
    for kind, name, how in written(code):
        captured = kind == "global" or kind == "free" and name in free and name in values | owners
        if how == ASSIGNED and (kind == "module" or kind in ("global", "free") and name in libraries):
            raise FunctionRefused(
                STATE,
                place,
                f"sets an attribute of {name}, which all functions of a worker share; set it on a copy, or undo"
                " it by a context manager of the library",
                spoils=True,
            )
        changed = captured and (how == ASSIGNED or name in values or how == _BELOW and name in owners)
        if changed or kind == "local" and name in defaults or kind == "rebound" and name in values | owners:
            raise FunctionRefused(
                STATE,
                place,
                f"changes the captured value {name}, so that a row depends on the rows before it; if it is a cache,"
                " decorate the function that fills it with functools.lru_cache instead",
            )
    for inner in nested(code):
        # Variables of this function itself are new in every call.
        own = frozenset(code.co_cellvars)
        check_writes(inner, values - own, owners - own, place, libraries=libraries - own)


_LEAVES_NO_RESULT = ("POP_", "STORE_", "JUMP", "NOP", "RESUME", "PRECALL", "KW_NAMES", "DELETE_")
Origin = tuple[str, str]
_UNKNOWN: Origin = ("", "")
ASSIGNED = "assigned"
_CALLED = "called"
"""A method of the variable itself, with a name that says it changes something."""
_BELOW = "called below"
"""Such a method of something the variable holds."""


@functools.lru_cache(maxsize=4096)
def written(code: types.CodeType) -> set[tuple[str, str, str]]:
    """The variables whose values the code changes, or things below them, and how.

    A walk along the instructions with a stack that knows where its operands were loaded from. Jumps
    are ignored: what an expression loads and changes lies between two of them.
    """
    found: set[tuple[str, str, str]] = set()
    stack: list[Origin] = []
    aliases: dict[str, Origin] = {}

    def operand(depth: int) -> Origin:
        return stack[-depth] if len(stack) >= depth else _UNKNOWN

    before = ""
    for i in instructions(code):
        op, argument = i.opname, i.argval
        if op in ("STORE_DEREF", "DELETE_DEREF") and argument in code.co_freevars:
            found.add(("rebound", argument, ASSIGNED))
        elif op in _WRITES:
            found.add((*operand(_WRITES[op]), ASSIGNED))
        elif op in _ATTRIBUTE and argument in _MUTATORS:
            direct = before in _GLOBAL or before in _LOCAL
            found.add((*operand(1), _CALLED if direct else _BELOW))
        elif op.startswith(("STORE_FAST", "LOAD_FAST")):
            # Two of them may be joined into one instruction.
            pair = argument if isinstance(argument, tuple) else (argument,)
            kinds = [
                "STORE" if "STORE" in part else "LOAD"
                for part in op.replace("_LOAD", " LOAD").replace("_STORE", " STORE").split()
            ]
            for kind, name in zip(kinds, pair):
                if kind == "STORE":
                    aliases[name] = operand(1)
                    del stack[len(stack) - 1 :]
                else:
                    known = aliases.get(name, _UNKNOWN)
                    own = ("free" if name in code.co_freevars else "local", name)
                    stack.append(own if known == _UNKNOWN else known)
            before = op
            continue
        effect = dis.stack_effect(i.opcode, i.arg if i.opcode >= dis.HAVE_ARGUMENT else None, jump=False)
        if op in _ATTRIBUTE:
            stack.extend([operand(1)] * effect)  # still below the same variable
        elif op == "COPY":
            stack.append(operand(i.arg or 1))
        elif op == "IMPORT_NAME":
            del stack[len(stack) - 2 :]
            stack.append(("module", str(argument)))
        elif op in ("DUP_TOP", "DUP_TOP_TWO"):
            stack.extend([operand(effect), operand(1)][-effect:])
        elif op == "SWAP" and i.arg and len(stack) >= i.arg:
            stack[-1], stack[-i.arg] = stack[-i.arg], stack[-1]
        elif op in ("ROT_TWO", "ROT_THREE", "ROT_FOUR"):
            depth = ("ROT_TWO", "ROT_THREE", "ROT_FOUR").index(op) + 2
            if len(stack) >= depth:
                stack.insert(-depth + 1 or len(stack), stack.pop())
        elif effect > 0:
            stack.extend([_UNKNOWN] * (effect - 1))
            stack.append(_loaded(code, i))
        else:
            del stack[len(stack) + effect :]
            element = op == "BINARY_SUBSCR" or op == "BINARY_OP" and i.argrepr == "[]"
            if stack and not element and not op.startswith(_LEAVES_NO_RESULT):
                stack[-1] = _UNKNOWN
        before = op
    return found


def _loaded(code: types.CodeType, i: dis.Instruction) -> Origin:
    name = i.argval[-1] if isinstance(i.argval, tuple) and i.argval else i.argval
    if i.opname == "LOAD_NAME":
        return "local", str(name)  # the body of a class, which runs when it is defined
    if i.opname in _GLOBAL:
        return "global", str(name)
    if i.opname in _LOCAL:
        return ("free" if name in code.co_freevars else "local"), str(name)
    return _UNKNOWN
