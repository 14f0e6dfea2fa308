# SPDX-License-Identifier: Apache-2.0
"""Kinds of changes of code that rows can show, many members of each: every one is another identity.

Each case is what a cell defines before and after, and for modules the files beside it.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from proofs import define, environment, files

from sparkdiskcache.fnhash import hash_function

Case = tuple[str, str]


def edits(source: str, *pairs: Case) -> list[Case]:
    """One source, edited in several ways."""
    cases = []
    for before, after in pairs:
        assert before in source, (before, source)
        cases.append((source, source.replace(before, after)))
    return cases


RULES = """
import functools
def positive(x): return x > 0
def even(x): return x % 2 == 0
class Rule:
    def holds(self, x): return True
RULES = [positive, even]
CHECKS = {"a": lambda x: x, "b": positive}
def f(x):
    low, high = 1, 2
    return [r.__name__ for r in RULES if r(x)], Rule().__class__.__name__, low, high
"""
NAMES = [
    *edits(RULES, ("positive", "more"), ("even", "pair"), ("Rule:", "Kind:\n    pass\nclass Rule(Kind):"),
           ("low, high = 1, 2", "high, low = 1, 2"), ("return [r.__name__", "return [q.__name__ for q in RULES if q(x)] or [r.__name__"),
           ("def holds", "def applies")),
    ("def f(x): raise ValueError(x)", "def f(y): raise ValueError(y)"),
    ("def f(df):\n    low, high = 1, 9\n    return df.query('@low < id')", "def f(df):\n    high, low = 1, 9\n    return df.query('@low < id')"),
    ("def g(x): return x\ndef f(x): return g.__qualname__", "class A:\n    def g(x): return x\ng = A.g\ndef f(x): return g.__qualname__"),
    ("def f(x): return locals()", "def f(y): return locals()"),
    ("class P:\n    def __init__(self): self.a = 1\np = P()\ndef f(x): return vars(p)", "class P:\n    def __init__(self): self.b = 1\np = P()\ndef f(x): return vars(p)"),
    ("def g(*, step=1): return step\ndef f(x): return g.__kwdefaults__", "def g(*, pace=1): return pace\ndef f(x): return g.__kwdefaults__"),
    ("def f(x):\n    import traceback\n    try: x / 0\n    except Exception: return traceback.format_exc()", "\n\ndef f(x):\n    import traceback\n    try: x / 0\n    except Exception: return traceback.format_exc()"),
    ("import sys\ndef f(x): return sys._getframe().f_lineno", "import sys\n\ndef f(x): return sys._getframe().f_lineno"),
    ("def f(x):\n    try: x / 0\n    except Exception as e: return e.__traceback__.tb_lineno", "def f(x):\n    try:\n\n        x / 0\n    except Exception as e: return e.__traceback__.tb_lineno"),
    ("def f(x): return f.__code__.co_firstlineno", "\ndef f(x): return f.__code__.co_firstlineno"),
]  # fmt: skip

STRINGS = [
    ("LIMIT = 1\ndef f(df): return df.query('id < @LIMIT'), LIMIT", "LIMIT = 2\ndef f(df): return df.query('id < @LIMIT'), LIMIT"),
    ("def f(df):\n    low = 1\n    return df.eval('id + @low')", "def f(df):\n    low = 2\n    return df.eval('id + @low')"),
    ("N = {'a': 1}\ndef f(x): return '{a}'.format(**N)", "N = {'a': 2}\ndef f(x): return '{a}'.format(**N)"),
    ("def f(x): return '%(a)s' % {'a': 1}", "def f(x): return '%(a)s' % {'a': 2}"),
    ("class C: a = 1\ndef f(x): return getattr(C, 'a')", "class C: a = 2\ndef f(x): return getattr(C, 'a')"),
    ("class C:\n    a = 1\n    b = 2\ndef f(x): return getattr(C, 'a')", "class C:\n    a = 1\n    b = 2\ndef f(x): return getattr(C, 'b')"),
    ("import operator\nclass C: a = 1\ng = operator.attrgetter('a')\ndef f(x): return g(C)", "import operator\nclass C: a = 2\ng = operator.attrgetter('a')\ndef f(x): return g(C)"),
    ("from string import Template\nt = Template('$a')\ndef f(x): return t.substitute(a=x)", "from string import Template\nt = Template('$a!')\ndef f(x): return t.substitute(a=x)"),
    ("D = dict(a=lambda x: x)\ndef f(x): return D['a'](x)", "D = dict(a=lambda x: -x)\ndef f(x): return D['a'](x)"),
    ("import operator\nm = operator.methodcaller('upper')\ndef f(x): return m(x)", "import operator\nm = operator.methodcaller('lower')\ndef f(x): return m(x)"),
    ("def f(x): return f'{x!r:>10}'", "def f(x): return f'{x!s:>10}'"),
]  # fmt: skip

RECORD = """
import dataclasses, typing
@dataclasses.dataclass
class Inner:
    n: int = 1
@dataclasses.dataclass
class Outer:
    inner: Inner
    unit: str = dataclasses.field(default="m", metadata={"scale": 10})
    when: "typing.Optional[int]" = None
    kind: typing.ClassVar[int] = 3
def g(a: int, b: "str" = "q") -> float: return a
def f(x: int) -> str:
    return [z.metadata for z in dataclasses.fields(Outer)], typing.get_type_hints(g)
"""
ANNOTATIONS = [
    *edits(RECORD, ('"scale": 10', '"scale": 20'), ("a: int", "a: float"), ('b: "str"', 'b: "int"'), ("-> float", "-> int"),
           ("n: int = 1", "n: int = 2"), ("n: int", "n: float"), ("x: int) -> str", "x: int) -> bytes"), ('default="m"', 'default="cm"'),
           ("kind: typing.ClassVar[int]", "kind: int"), ("@dataclasses.dataclass\nclass Outer", "@dataclasses.dataclass(frozen=True)\nclass Outer"),
           ("@dataclasses.dataclass\nclass Inner", "@dataclasses.dataclass(order=True)\nclass Inner"),
           ('"m", metadata', '"m", repr=False, metadata'), ('"m", metadata', '"m", kw_only=True, metadata')),
    ("import typing\nclass T(typing.TypedDict):\n    a: int\ndef f(x): return T.__annotations__", "import typing\nclass T(typing.TypedDict):\n    a: str\ndef f(x): return T.__annotations__"),
    ("import typing\nclass N(typing.NamedTuple):\n    a: int = 1\ndef f(x): return N()", "import typing\nclass N(typing.NamedTuple):\n    a: int = 2\ndef f(x): return N()"),
    ("import typing\nA = typing.Annotated[int, 5]\ndef f(x): return A.__metadata__", "import typing\nA = typing.Annotated[int, 6]\ndef f(x): return A.__metadata__"),
    ("import typing\nL = typing.Literal['a', 'b']\ndef f(x): return x in typing.get_args(L)", "import typing\nL = typing.Literal['a', 'c']\ndef f(x): return x in typing.get_args(L)"),
    ("U = int | str\ndef f(x): return isinstance(x, U)", "U = int | float\ndef f(x): return isinstance(x, U)"),
    ("L = list[int]\ndef f(x): return L.__args__", "L = list[str]\ndef f(x): return L.__args__"),
]  # fmt: skip

DOCSTRINGS = [
    ("def f(x):\n    'NA'\n    return 'NA'", "def f(x):\n    'NONE'\n    return 'NONE'"),
    ("def f(x):\n    'NA'\n    return 'NA'", "def f(x):\n    'other'\n    return 'NA'"),
    ("def f(x):\n    '''a'''\n    return f.__doc__", "def f(x):\n    '''b'''\n    return f.__doc__"),
    ("class C:\n    'a'\ndef f(x): return C.__doc__", "class C:\n    'b'\ndef f(x): return C.__doc__"),
    ("class C:\n    def m(self):\n        'a'\ndef f(x): return C.m.__doc__", "class C:\n    def m(self):\n        'b'\ndef f(x): return C.m.__doc__"),
    ("class C:\n    @property\n    def p(self):\n        'a'\ndef f(x): return C.p.__doc__", "class C:\n    @property\n    def p(self):\n        'b'\ndef f(x): return C.p.__doc__"),
    ("def g():\n    'a'\ndef f(x): return g.__doc__", "def g():\n    'b'\ndef f(x): return g.__doc__"),
    ("def f(x):\n    def g():\n        'a'\n    return g.__doc__", "def f(x):\n    def g():\n        'b'\n    return g.__doc__"),
    ("def f(x):\n    'a'\n    return 1", "def f(x):\n    return 1"),
    ("def f(x):\n    x\n    'a'\n    return 'a'", "def f(x):\n    x\n    return 'b'"),
    ("def g(): pass\ng.__doc__ = 'a'\ndef f(x): return g.__doc__", "def g(): pass\ng.__doc__ = 'b'\ndef f(x): return g.__doc__"),
]  # fmt: skip

SHADOWED = """
def scale(x): return x * 2
def other(x): return x * 3
unit = 1
class K:
    scale = staticmethod(scale)
    unit = unit
    table = [unit, unit + 1]
    for step in range(3): pass
    del step
    def m(self): return self.unit
def f(x): return K.scale(x), K().m(), K.table
"""
SHADOWING = [
    *edits(SHADOWED, ("x * 2", "x * 4"), ("unit = 1", "unit = 2"), ("staticmethod(scale)", "staticmethod(other)"), ("range(3): pass", "range(3): table.append(step)"),
           ("[unit, unit", "[unit, -unit")),
    ("x = 1\nclass K:\n    x = x\n    def m(self, y=x): return y\ndef f(z): return K().m()", "x = 2\nclass K:\n    x = x\n    def m(self, y=x): return y\ndef f(z): return K().m()"),
    ("class A:\n    v = 1\nclass B(A):\n    v = A.v + 1\ndef f(x): return B.v", "class A:\n    v = 2\nclass B(A):\n    v = A.v + 1\ndef f(x): return B.v"),
    ("class K:\n    if True:\n        def m(self): return 1\n    else:\n        def m(self): return 2\ndef f(x): return K().m()", "class K:\n    if False:\n        def m(self): return 1\n    else:\n        def m(self): return 2\ndef f(x): return K().m()"),
    ("def abs(x): return x\ndef f(x): return abs(x)", "def f(x): return abs(x)"),
    ("len = lambda x: 1\ndef f(x): return len(x)", "len = lambda x: 2\ndef f(x): return len(x)"),
    ("class K:\n    a = 1\n    b = [a for _ in range(2)] if False else a\ndef f(x): return K.b", "class K:\n    a = 2\n    b = [a for _ in range(2)] if False else a\ndef f(x): return K.b"),
    ("class K:\n    vars()['z'] = 1\ndef f(x): return K.z", "class K:\n    vars()['z'] = 2\ndef f(x): return K.z"),
]  # fmt: skip

IMPORTED = """
REGISTRY = []
def register(n):
    def deco(f):
        REGISTRY.append((n, f))
        return f
    return deco
class Named:
    def __set_name__(self, owner, name): owner.names = [*getattr(owner, "names", []), name]
class Base:
    kinds = []
    def __init_subclass__(cls, **k): Base.kinds.append(cls.__name__)
@register(1)
def one(x): return x
class A(Base):
    first = Named()
def f(x): return [n for n, _ in REGISTRY], Base.kinds, A.names
"""
EFFECTS = [
    *edits(IMPORTED, ("register(1)", "register(2)"), ("class A(Base)", "class B(Base): pass\nclass A(Base)"), ("first = Named()", "first = Named()\n    second = Named()"),
           ("first", "second"), ("REGISTRY.append((n, f))", "REGISTRY.insert(0, (n + 1, f))"), ("def f(x)", "REGISTRY.append((5, one))\ndef f(x)"),
           ("cls.__name__", "cls.__qualname__.lower()")),
    ("class M(type):\n    def __new__(m, n, b, d): return super().__new__(m, n, b, {**d, 'v': 1})\nclass C(metaclass=M): pass\ndef f(x): return C.v", "class M(type):\n    def __new__(m, n, b, d): return super().__new__(m, n, b, {**d, 'v': 2})\nclass C(metaclass=M): pass\ndef f(x): return C.v"),
    ("class M(type):\n    v = 1\nclass C(metaclass=M): pass\ndef f(x): return C.v", "class M(type):\n    v = 2\nclass C(metaclass=M): pass\ndef f(x): return C.v"),
    ("def twice(f): return lambda x: 2 * f(x)\n@twice\ndef f(x): return x", "def twice(f): return lambda x: 3 * f(x)\n@twice\ndef f(x): return x"),
    ("def f(x): return x\nf.rate = 1", "def f(x): return x\nf.rate = 2"),
    ("class C: pass\nsetattr(C, 'a', 1)\ndef f(x): return C.a", "class C: pass\nsetattr(C, 'a', 2)\ndef f(x): return C.a"),
    ("import functools\n@functools.lru_cache(maxsize=2)\ndef g(x): return x\ndef f(x): return g(x)", "import functools\n@functools.lru_cache(maxsize=2)\ndef g(x): return -x\ndef f(x): return g(x)"),
    ("import functools\n@functools.lru_cache(maxsize=2, typed=True)\ndef g(x): return x\ndef f(x): return g(x)", "import functools\n@functools.lru_cache(maxsize=2, typed=False)\ndef g(x): return x\ndef f(x): return g(x)"),
]  # fmt: skip

COLORS = """
import enum
class E(enum.Enum):
    A = 1
    B = 2
    C = 2
    _ignore_ = ["D"]
    D = 9
    @enum.nonmember
    class Inner: v = 5
    rate = enum.nonmember(3)
    __private = 7
    @property
    def twice(self): return 2 * self.value
    @classmethod
    def _missing_(cls, v): return cls.A
    def __str__(self): return self.name
E.late = 4
def f(x): return E(x), E.rate, E.late, E.Inner.v, E._E__private
"""
ENUMS = [
    *edits(COLORS, ("A = 1", "A = 3"), ("C = 2", "C = 8"), ("v = 5", "v = 6"), ("nonmember(3)", "nonmember(4)"), ("__private = 7", "__private = 8"), ("E.late = 4", "E.late = 5"),
           ("2 * self", "3 * self"), ("return cls.A", "return cls.B"), ("self.name", "self.name.lower()"), ("    B = 2\n", "    F = 2\n"), ("class E(enum.Enum)", "class E(enum.IntEnum)"),
           ("    A = 1\n    B = 2\n", "    B = 2\n    A = 1\n")),
    ("import enum\nclass E(enum.Flag):\n    A = 1\n    B = 2\nv = E.A | E.B\ndef f(x): return v", "import enum\nclass E(enum.Flag):\n    A = 1\n    B = 2\nv = E.A\ndef f(x): return v"),
    ("import enum\nE = enum.Enum('E', 'A B')\ndef f(x): return E.A.value", "import enum\nE = enum.Enum('E', 'B A')\ndef f(x): return E.A.value"),
    ("import enum\nclass E(str, enum.Enum):\n    A = 'a'\ndef f(x): return E.A", "import enum\nclass E(str, enum.Enum):\n    A = 'b'\ndef f(x): return E.A"),
]  # fmt: skip

FLOW = [
    ("def f(x): return x if x > 1 else 0", "def f(x): return x if x >= 1 else 0"), ("def f(x): return x + 1", "def f(x): return x - 1"),
    ("def f(x, s=1): return x * s", "def f(x, s=True): return x * s"), ("def f(x): return 0.0", "def f(x): return -0.0"), ("def f(x): return 1", "def f(x): return 1.0"),
    ("def f(x): return b'a'", "def f(x): return 'a'"), ("def f(x): return (1, 2)", "def f(x): return [1, 2]"), ("def f(x): return x.a", "def f(x): return x.b"),
    ("def f(x):\n    try: return 1 / x\n    except ZeroDivisionError: return 0", "def f(x):\n    try: return 1 / x\n    except TypeError: return 0"),
    ("def f(x):\n    for i in range(3): x += i\n    return x", "def f(x):\n    for i in range(4): x += i\n    return x"),
    ("def f(x): return [i for i in range(x) if i % 2]", "def f(x): return [i for i in range(x) if i % 3]"), ("def f(x): return (lambda y: y)(x)", "def f(x): return (lambda y: -y)(x)"),
    ("def f(x): return x in {'a', 'b'}", "def f(x): return x in {'a', 'c'}"), ("def f(x): return {'a': 1, 'b': 2}", "def f(x): return {'b': 2, 'a': 1}"),
    ("def f(x): return x[1:2]", "def f(x): return x[1:3]"), ("def f(x): yield x", "def f(x): return [x]"), ("def f(x, /): return x", "def f(x): return x"), ("def f(*x): return x", "def f(x): return x"),
    ("def f(x): return f'{x:.2f}'", "def f(x): return f'{x:.3f}'"), ("def f(x): return x and 1", "def f(x): return x or 1"), ("async def f(x): return x", "def f(x): return x"),
    ("def m(n):\n    def f(x): return x * n\n    return f\nf = m(2)", "def m(n):\n    def f(x): return x * n\n    return f\nf = m(3)"),
    ("import functools\nf = functools.partial(lambda a, x: a + x, 1)", "import functools\nf = functools.partial(lambda a, x: a + x, 2)"),
    ("import functools\nf = functools.partial(lambda x, a: a + x, a=1)", "import functools\nf = functools.partial(lambda x, a: a + x, a=2)"),
    ("class C:\n    def __call__(self, x): return x\nf = C()", "class C:\n    def __call__(self, x): return -x\nf = C()"),
    ("class C:\n    def eval(self, x): yield x,\nf = C", "class C:\n    def eval(self, x): yield -x,\nf = C"),
    ("class C:\n    def __init__(self, n): self.n = n\n    def m(self, x): return self.n\nf = C(1).m", "class C:\n    def __init__(self, n): self.n = n\n    def m(self, x): return self.n\nf = C(2).m"),
    ("class A:\n    def m(self): return 1\nclass B(A): pass\nb = B()\ndef f(x): return b.m()", "class A:\n    def m(self): return 2\nclass B(A): pass\nb = B()\ndef f(x): return b.m()"),
    ("class C:\n    def __getattr__(self, n): return 1\nc = C()\ndef f(x): return c.q", "class C:\n    def __getattr__(self, n): return 2\nc = C()\ndef f(x): return c.q"),
    ("class C:\n    __slots__ = ('a',)\nc = C(); c.a = 1\ndef f(x): return c.a", "class C:\n    __slots__ = ('a',)\nc = C(); c.a = 2\ndef f(x): return c.a"),
    ("class C:\n    def __reduce__(self): return C.make, (1,)\n    @staticmethod\n    def make(n):\n        c = C(); c.n = n; return c\nc = C()\ndef f(x): return c.n", "class C:\n    def __reduce__(self): return C.make, (2,)\n    @staticmethod\n    def make(n):\n        c = C(); c.n = n; return c\nc = C()\ndef f(x): return c.n"),
]  # fmt: skip

TABLES = {
    "names": NAMES, "strings": STRINGS, "annotations": ANNOTATIONS, "docstrings": DOCSTRINGS, "shadowing": SHADOWING,
    "effects": EFFECTS, "enums": ENUMS, "flow": FLOW,
}  # fmt: skip


@pytest.mark.parametrize(
    "before,after", [pytest.param(*c, id=f"{k}-{i}") for k, t in TABLES.items() for i, c in enumerate(t)]
)
def test_what_a_cell_defines_counts(before: str, after: str) -> None:
    # The purity of what is shown here is decided elsewhere.
    assert identity(before) != identity(after)
    assert identity(before) == identity(before + "\n# a comment")


@pytest.fixture(autouse=True)
def _pure(monkeypatch: pytest.MonkeyPatch) -> None:
    from sparkdiskcache import _reach

    monkeypatch.setattr(_reach.Reach, "check", lambda *_: None)


def identity(source: str) -> str:
    return hash_function(define(source), environment()).digest


# ---- modules

PACKAGE = {
    "h.py": "from k import rate as r\nimport pk\nLIMIT = 3\ndef g(x): return r(x) + LIMIT\ndef unused(x): return x\nif __name__ != '__main__':\n    MODE = 1\n_ = max(1, 2)\n",
    "k.py": "import opt_a_missing_module if False else None\n".replace("import opt_a_missing_module if False else None\n", "") + "try:\n    import fastmath\n    FAST = True\nexcept ImportError:\n    FAST = False\nRATE = 2\ndef rate(x):\n    from lazy import late\n    return late(x) * RATE\n",
    "lazy.py": "def late(x): return x\n",
    "pk/__init__.py": "VERSION = 1\nfrom .core import start\n",
    "pk/core.py": "from . import consts\ndef start(x): return x + consts.ONE\n",
    "pk/consts.py": "ONE = 1\n",
    "pk/sub.py": "def f(x): return x * 5\n",
    "pk/other.py": "def f(x): return x * 6\n",
    "pk/deep/__init__.py": "",
    "pk/deep/leaf.py": "def f(x): return x\n",
    "unrelated.py": "X = 1\n",
}  # fmt: skip
USE = "import h\ndef f(x): return h.g(x)"
SUB = "import pk, pk.sub\ndef f(x):\n    m = pk\n    return m.sub.f(x)"
DICT = "import pk, pk.other\ndef f(x): return pk.__dict__['other'].f(x)"
PASSED = "import pk, pk.sub\ndef call(m, x): return m.sub.f(x)\ndef f(x): return call(pk, x)"
GETATTR = "import pk, pk.deep.leaf\ndef f(x, n='de' + 'ep'): return getattr(pk, n).leaf.f(x)"
FROM = "def f(x):\n    from pk.deep import leaf\n    return leaf.f(x)"
MODULE_CASES: list[tuple[str, Mapping[str, str]]] = [
    (USE, {"h.py": PACKAGE["h.py"].replace("LIMIT = 3", "LIMIT = 4")}),
    (USE, {"h.py": PACKAGE["h.py"].replace("MODE = 1", "MODE = 2")}),
    (USE, {"h.py": PACKAGE["h.py"].replace("max(1, 2)", "max(1, 3)")}),
    (USE, {"h.py": PACKAGE["h.py"].replace("def unused(x): return x", "def unused(x): return -x")}),
    (USE, {"h.py": PACKAGE["h.py"] + "g.__doc__ = 'a'\n"}),
    (USE, {"k.py": PACKAGE["k.py"].replace("RATE = 2", "RATE = 3")}),
    (USE, {"lazy.py": "def late(x): return -x\n"}),
    (USE, {"pk/__init__.py": "VERSION = 2\nfrom .core import start\n"}),
    (USE, {"pk/core.py": PACKAGE["pk/core.py"] + "Z = 1\n"}),
    (USE, {"pk/consts.py": "ONE = 2\n"}),
    (USE, {"fastmath.py": ""}),
    (SUB, {"pk/sub.py": "def f(x): return x * 7\n"}),
    (SUB, {"pk/__init__.py": "VERSION = 3\nfrom .core import start\n"}),
    (PASSED, {"pk/sub.py": "def f(x): return x * 7\n"}),
    (DICT, {"pk/other.py": "def f(x): return x * 7\n"}),
    (GETATTR, {"pk/deep/leaf.py": "def f(x): return x * 7\n"}),
    (FROM, {"pk/deep/leaf.py": "def f(x): return x * 7\n"}),
    (FROM, {"pk/deep/__init__.py": "import sys\n"}),
    (FROM, {"pk/__init__.py": "VERSION = 4\nfrom .core import start\n"}),
    ("import statistics\ndef f(x): return statistics.mean(x)", {"statistics.py": "def mean(x): return 0\n"}),
    ("def f(x):\n    import h as m\n    return vars(m)['g'](x)", {"k.py": PACKAGE["k.py"].replace("RATE = 2", "RATE = 3")}),
    ("from h import g as q\nf = q", {"lazy.py": "def late(x): return -x\n"}),
    ("import h\nD = {'m': h}\ndef f(x): return D['m'].g(x)", {"pk/consts.py": "ONE = 2\n"}),
    ("import h\nclass C(type(h).__class__ if False else object):\n    m = h\nc = C()\ndef f(x): return c.m.g(x)", {"pk/consts.py": "ONE = 2\n"}),
]  # fmt: skip
EQUAL_MODULE_CASES: list[tuple[str, Mapping[str, str]]] = [
    (USE, {"h.py": "# a comment\n\n" + PACKAGE["h.py"].replace("LIMIT = 3", "LIMIT   =   3  # of them")}),
    (USE, {"unrelated.py": "X = 2\n"}),
    (USE, {"pk/other.py": "def f(x): return 0\n"}),
    (SUB, {"pk/other.py": "def f(x): return 0\n"}),
    (SUB, {"README.md": "text"}),
]  # fmt: skip


@pytest.fixture
def fresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A directory to import from; what was imported from it is forgotten."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    before = dict(sys.modules)
    yield tmp_path
    forget(before)


def forget(before: Mapping[str, object]) -> None:
    for name in set(sys.modules) - set(before):
        if not name.startswith(("pyspark", "sparkdiskcache", "pandas", "numpy")):
            del sys.modules[name]
    importlib.invalidate_caches()


def identities(directory: Path, source: str, changes: Mapping[str, str]) -> tuple[str, str]:
    found = []
    for contents in (PACKAGE, changes):
        files(directory, contents)
        before = dict(sys.modules)
        stdlib = sys.modules.pop("statistics", None)
        try:
            importlib.invalidate_caches()
            found.append(hash_function(define(source), environment(str(directory))).digest)
        finally:
            forget(before)
            if stdlib is not None:
                sys.modules["statistics"] = stdlib
    return found[0], found[1]


@pytest.mark.parametrize("source,changes", MODULE_CASES)
def test_what_a_worker_imports_counts(fresh: Path, source: str, changes: Mapping[str, str]) -> None:
    before, after = identities(fresh, source, changes)
    assert before != after


@pytest.mark.parametrize("source,changes", EQUAL_MODULE_CASES)
def test_what_is_not_imported_does_not_count(fresh: Path, source: str, changes: Mapping[str, str]) -> None:
    before, after = identities(fresh, source, changes)
    assert before == after
