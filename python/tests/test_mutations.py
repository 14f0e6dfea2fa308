# SPDX-License-Identifier: Apache-2.0
"""Generated functions with one change each: where rows differ, identities differ.

``SPARKDISKCACHE_MUTATIONS`` says how many; a sample by default.
"""

from __future__ import annotations

import ast
import os
import random
import sys
from pathlib import Path
from typing import Any

import pytest
from conftest import SEED
from proofs import environment, files
from test_identity import forget, fresh  # noqa: F401 - a fixture

from sparkdiskcache import _reach
from sparkdiskcache.fnhash import FunctionRefused, hash_function

CELLS = [
    "{mod_import}\nimport re\nRULES = [('a', lambda x: x + {n}), ('b', lambda x: x * {m})]\nclass Conf:\n    '''Of rates.'''\n    rate = {m}\n    def __init__(self, base): self.base = base\n    def apply(self, x): return self.base + x * self.rate\nCONF = Conf({n})\ndef f(x):\n    found = [name for name, rule in RULES if rule(x) > {n}]\n    return CONF.apply(x), found, {call}, Conf.__doc__\n",
    "{mod_import}\nimport dataclasses, typing\n@dataclasses.dataclass\nclass Row:\n    a: int = {n}\n    b: str = dataclasses.field(default='k{m}', metadata={{'unit': {m}}})\n    def total(self): return self.a + len(self.b)\nROW = Row()\ndef step(x, times={n}): return x * times if x % 2 else x - times\ndef f(x):\n    units = [z.metadata.get('unit') for z in dataclasses.fields(Row)]\n    return step(x), ROW.total(), units, {call}, sorted(typing.get_type_hints(step))\n",
    "{mod_import}\nimport enum, functools\nclass Kind(enum.Enum):\n    LOW = {n}\n    HIGH = {m} + 10\n    def label(self): return self.name.lower()\nTABLE = {{'x': [{n}, {m}], 'y': ({m},)}}\ndef deco(g):\n    @functools.wraps(g)\n    def inner(x): return g(x) + {n}\n    return inner\n@deco\ndef g(x): return x * {m}\ndef f(x):\n    kind = Kind.LOW if x < {m} else Kind.HIGH\n    return kind.label(), kind.value, g(x), sum(TABLE['x']) + TABLE['y'][0], {call}, g.__name__\n",
    "{mod_import}\nimport numpy as np, pandas as pd\nWEIGHTS = np.array([{n}, {m}, 1.5])\nFRAME = pd.DataFrame({{'k': ['a', 'b'], 'v': [{n}, {m}]}})\ndef f(x):\n    low = {n}\n    picked = FRAME.query('v > @low')\n    return float((WEIGHTS * x).sum()), picked.v.tolist(), FRAME.columns.tolist(), {call}\n",
    "{mod_import}\ndef maker(n):\n    seen = {{'n': n}}\n    def inner(x, *, bonus={m}):\n        try:\n            return x // (x - {n}) + seen['n'] + bonus\n        except ZeroDivisionError as e:\n            return f'{{e}} of {{x:>{n}}}'\n    return inner\nf0 = maker({m})\ndef f(x): return f0(x), {call}\n",
]  # fmt: skip
MODULES = {
    "m_top.py": "from m_pkg.inner import scale\nfrom m_reg import REG\nLIMIT = {n}\ndef act(x):\n    '''Acts.'''\n    return scale(x) + LIMIT if x != {m} else REG['one'](x)\nNAMES = sorted(REG)\n",
    "m_pkg/__init__.py": "FACTOR = {m}\n",
    "m_pkg/inner.py": "from . import FACTOR\nclass Scale:\n    by = FACTOR\n    def __call__(self, x): return x * self.by + {n}\nscale = Scale()\n",
    "m_reg.py": "REG = {{}}\ndef register(f):\n    REG[f.__name__] = f\n    return f\n@register\ndef one(x): return x - {n}\n@register\ndef two(x): return x * {m}\n",
}  # fmt: skip
INPUTS = [0, 1, 2, 3, 7, -4]


class Mutate(ast.NodeTransformer):
    """Changes the node of a number, or only counts those that it could change."""

    def __init__(self, at: int, random_: random.Random) -> None:
        self.at, self.count, self.random, self.what = at, 0, random_, ""

    def visit(self, node: ast.AST) -> Any:
        node = self.generic_visit(node)
        changes = [
            c
            for c in (getattr(self, name) for name in dir(self) if name.startswith("change_"))
            if c.__doc__ == type(node).__name__
        ]
        for change in changes:
            if self.count == self.at:
                self.what = f"{change.__name__} line {getattr(node, 'lineno', 0)}"
                node = change(node)
            self.count += 1
        return node

    def change_constant(self, node: Any) -> Any:
        "Constant"
        v = node.value
        if isinstance(v, bool):
            node.value = not v
        elif isinstance(v, (int, float)):
            node.value = self.random.choice([v + 1, -v, float(v) if isinstance(v, int) else int(v)])
        elif isinstance(v, str):
            node.value = self.random.choice([v + "!", v.upper(), v[:-1]])
        return node

    def change_operator(self, node: Any) -> Any:
        "BinOp"
        node.op = self.random.choice(
            [o for o in (ast.Add(), ast.Sub(), ast.Mult()) if type(o) is not type(node.op)]
        )
        return node

    def change_comparison(self, node: Any) -> Any:
        "Compare"
        node.ops = [
            self.random.choice([o for o in (ast.Lt(), ast.GtE(), ast.Eq()) if type(o) is not type(op)])
            for op in node.ops
        ]
        return node

    def change_condition(self, node: Any) -> Any:
        "IfExp"
        node.body, node.orelse = node.orelse, node.body
        return node

    def change_list(self, node: Any) -> Any:
        "List"
        node.elts = node.elts[::-1]
        return node

    def change_decorators(self, node: Any) -> Any:
        "FunctionDef"
        node.decorator_list = node.decorator_list[1:]
        return node

    def change_name(self, node: Any) -> Any:
        "ClassDef"
        node.name += "2"
        return node

    def change_return(self, node: Any) -> Any:
        "Return"
        node.value = ast.Tuple([node.value], ast.Load())
        return node

    def change_default(self, node: Any) -> Any:
        "arguments"
        node.defaults = [ast.Constant(17) for _ in node.defaults]
        node.kw_defaults = [d and ast.Constant(17) for d in node.kw_defaults]
        return node

    def change_annotation(self, node: Any) -> Any:
        "AnnAssign"
        node.annotation = ast.Name("float", ast.Load())
        return node

    def change_raised(self, node: Any) -> Any:
        "ExceptHandler"
        node.type = ast.Name("KeyError", ast.Load())
        return node


def mutated(source: str, random_: random.Random) -> tuple[str, str]:
    counter = Mutate(-1, random_)
    counter.visit(ast.parse(source))
    change = Mutate(random_.randrange(counter.count), random_)
    tree = ast.fix_missing_locations(change.visit(ast.parse(source)))
    return ast.unparse(tree) + "\n", change.what


def observed(directory: Path, cell: str, modules: dict[str, str]) -> tuple[str, str]:
    """Rows of the cell's function, and its digest."""
    files(directory, modules)
    before = dict(sys.modules)
    try:
        forget({**before})
        scope: dict[str, Any] = {"__name__": "__main__"}
        try:
            exec(compile(cell, "<cell>", "exec", dont_inherit=True), scope)
        except Exception as e:
            return f"does not compile: {e!r}", ""
        try:
            digest = hash_function(scope["f"], environment(str(directory))).digest
        except FunctionRefused as e:
            digest = f"refused {e}"
        rows = []
        for x in INPUTS:
            try:
                rows.append(repr(scope["f"](x)))
            except Exception as e:
                rows.append(repr(e))
        return "\n".join(rows), digest
    finally:
        forget(before)


@pytest.fixture
def directory(fresh: Path, monkeypatch: pytest.MonkeyPatch) -> Path:  # noqa: F811
    monkeypatch.setattr(_reach.Reach, "check", lambda *_: None)  # what they may do is not the question
    return fresh


def test_a_change_that_rows_show_is_another_identity(directory: Path) -> None:
    wanted = int(os.environ.get("SPARKDISKCACHE_MUTATIONS", "60"))
    random_ = random.Random(SEED)
    shown = unneeded = refused = 0
    wrong = []
    for _ in range(wanted):
        values = {
            "n": random_.randrange(1, 6),
            "m": random_.randrange(6, 9),
            "mod_import": "import m_top",
            "call": "m_top.act(x), m_top.NAMES",
        }
        modules = {name: text.format(**values) for name, text in MODULES.items()}
        cell = random_.choice(CELLS).format(**values)
        rows, digest = observed(directory, cell, modules)
        assert digest and not rows.startswith("does not"), rows
        changed, text = dict(modules), cell
        name = random_.choice(["cell", "cell", *MODULES])
        try:
            if name == "cell":
                text, what = mutated(cell, random_)
            else:
                changed[name], what = mutated(modules[name], random_)
        except IndexError:
            continue
        after, other = observed(directory, text, changed)
        if not other or other.startswith("refused") or digest.startswith("refused"):
            refused += 1
        elif after != rows:
            shown += 1
            if other == digest:
                wrong.append((what, cell, text, name, changed.get(name)))
        elif other != digest:
            unneeded += 1
    print(
        f"seed {SEED}: {wanted} changes, {shown} of which rows show; {unneeded} needless misses, {refused} refused or broken"
    )
    assert not wrong, wrong[0]
    assert shown > wanted // 3
