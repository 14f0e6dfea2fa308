# SPDX-License-Identifier: Apache-2.0
"""Captured values: two that any method tells apart have two digests, and a worker has the driver's."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import pytest
from proofs import Worker, define, environment

from sparkdiskcache import _values
from sparkdiskcache._functions import Walk
from sparkdiskcache.fnhash import FunctionRefused, hash_function, state_digest

IMPORTS = """
import collections, dataclasses, datetime as dt, decimal, enum, fractions, functools, operator, pathlib, random, re
import struct, types, uuid, zoneinfo
import numpy as np, pandas as pd, pyarrow as pa
from pyspark.sql import Row, types as T
D = decimal.Decimal
@dataclasses.dataclass
class P:
    a: object = None
@dataclasses.dataclass(frozen=True, slots=True)
class F:
    a: object = None
class S:
    __slots__ = ("a", "b")
    def __init__(self, **k):
        for n, v in k.items(): setattr(self, n, v)
class L(list): pass
class M(dict): pass
class I(int): pass
class E(enum.Enum):
    A = 1
    B = 2
NT = collections.namedtuple("NT", "a b")
def bits(x): return struct.unpack(">d", struct.pack(">Q", x))[0]
def with_(v, **k):
    for n, x in k.items(): setattr(v, n, x)
    return v
def attrs(v, a):
    v.attrs.update(a)
    return v
def cyclic(n):
    a = [n]
    a.append(a)
    return a
def readonly(a):
    a.flags.writeable = False
    return a
def drawn(g, n):
    for _ in range(n): g.random()
    return g
UTC = dt.timezone.utc
"""

# Every one differs from all others.
VALUES = """
None
False
True
0
1
-1
10**400
0.0
-0.0
1.0
float('nan')
bits(0x7ff8000000000001)
float('inf')
0j
complex(0, -0.0)
''
'a'
'\\ud800'
b''
b'a'
bytearray(b'a')
[]
[1]
[True]
[1.0]
[[]]
[1, 2]
[2, 1]
['a', 1]
(1,)
(1.0,)
()
{}
{'a': 1}
{'a': True}
{'a': 1, 'b': 2}
{'b': 2, 'a': 1}
{1: 'a'}
{('a',): 1}
{'a': {'b': 1}}
{'a': {'b': [1]}}
set()
{1}
{True}
{'a', 'b'}
{('a', 1), ('b', 2)}
frozenset()
frozenset({1})
range(10**9)
range(0, 10**9, 2)
slice(1, 2)
...
NotImplemented
L([1])
M({'a': 1})
I(1)
with_(L([1]), x=1)
cyclic(1)
cyclic(2)
collections.OrderedDict(a=1)
collections.OrderedDict(a=1, b=2)
collections.OrderedDict(b=2, a=1)
collections.defaultdict(list, a=1)
collections.defaultdict(dict, a=1)
collections.defaultdict(None, a=1)
collections.Counter('aab')
collections.Counter('abb')
collections.deque([1, 2])
collections.deque([1, 2], maxlen=3)
collections.ChainMap({'a': 1})
types.MappingProxyType({'a': 1})
types.SimpleNamespace(a=1)
types.SimpleNamespace(a=2)
types.SimpleNamespace(b=1)
P(1)
P(True)
P([1])
with_(P(1), extra=2)
F(1)
F(2)
S(a=1)
S(a=1, b=None)
S(b=1)
NT(1, 2)
NT(2, 1)
E.A
E.B
Row(a=1)
Row(b=1)
Row(a=1, b=2)
Row(1, 2)
T.LongType()
T.IntegerType()
T.StructType([T.StructField('a', T.LongType())])
T.StructType([T.StructField('a', T.LongType(), False)])
T.StructType([T.StructField('a', T.LongType(), True, {'k': 1})])
T.DecimalType(10, 2)
D('1')
D('1.0')
D('0')
D('-0')
D('NaN')
D('sNaN1')
decimal.Context(prec=5)
decimal.Context(prec=6)
fractions.Fraction(1, 3)
uuid.UUID(int=1)
dt.date(2020, 1, 1)
dt.datetime(2020, 1, 1)
dt.datetime(2020, 1, 1, fold=1)
dt.datetime(2020, 1, 1, tzinfo=UTC)
dt.datetime(2020, 1, 1, tzinfo=dt.timezone(dt.timedelta(0), 'GMT'))
dt.datetime(2020, 1, 1, tzinfo=zoneinfo.ZoneInfo('Europe/Paris'))
dt.datetime(2020, 1, 1, tzinfo=zoneinfo.ZoneInfo('Europe/Paris'), fold=1)
dt.datetime(2020, 1, 1, tzinfo=zoneinfo.ZoneInfo('Europe/Berlin'))
dt.time(1)
dt.time(1, fold=1)
dt.time(1, tzinfo=UTC)
dt.timedelta(1)
zoneinfo.ZoneInfo('UTC')
pathlib.Path('/a')
pathlib.PurePosixPath('/a')
pathlib.PureWindowsPath('/a')
re.compile('a')
re.compile('a', re.I)
re.compile(b'a')
operator.itemgetter(0)
operator.itemgetter(0, 1)
operator.attrgetter('a')
functools.partial(int, base=2)
functools.partial(int, base=3)
functools.partial(float)
ValueError('a')
ValueError('b')
TypeError('a')
with_(ValueError('a'), code=1)
random.Random(1)
random.Random(2)
drawn(random.Random(1), 1)
np.random.default_rng(1)
np.random.default_rng(2)
drawn(np.random.default_rng(1), 1)
np.random.Generator(np.random.Philox(1))
np.random.RandomState(1)
np.random.RandomState(2)
np.int64(1)
np.int32(1)
np.float64(1)
np.float64('nan')
np.bool_(True)
np.str_('a')
np.datetime64('2020-01-01')
np.datetime64('2020-01-01', 's')
np.timedelta64(1, 's')
np.array(1)
np.array([1])
np.array([1], dtype='>i8')
np.array([1], dtype='i4')
np.array([1.0])
np.array([True])
np.array(['a'])
np.array(['a'], dtype='U2')
np.array([b'a'])
np.array(['a'], dtype=object)
np.array([1], dtype=object)
np.array([[1]])
np.arange(6).reshape(2, 3)
np.asfortranarray(np.arange(6).reshape(2, 3))
np.arange(6).reshape(3, 2)
readonly(np.arange(6))
np.arange(6)
np.zeros(2)
-np.zeros(2)
np.zeros((0, 2))
np.zeros((2, 0))
np.zeros(2, dtype=[('a', 'i4')])
np.zeros(2, dtype=[('b', 'i4')])
np.zeros(2, dtype=[('a', 'u4')])
np.zeros(2, dtype=[(('title', 'a'), 'i4')])
np.zeros(2, dtype=np.dtype('i4', metadata={'k': 1}))
np.zeros(2, dtype=np.dtype('i4', metadata={'k': 2}))
np.dtype('i4')
np.dtype('i4', metadata={'k': 1})
np.dtype({'names': ['a'], 'formats': ['i4'], 'itemsize': 8})
np.dtype([('a', 'i4')], align=True)
np.ma.array([1, 2], mask=[0, 1])
np.ma.array([1, 2], mask=[0, 0])
np.ma.array([1, 2], mask=[0, 1], fill_value=7)
np.add
np.multiply
pd.Series([1])
pd.Series([1], name='a')
pd.Series([1], index=[1])
pd.Series([1], index=pd.Index([0]))
pd.Series([1], index=pd.Index([0], name='i'))
pd.Series([1.0])
pd.Series([1], dtype='Int64')
pd.Series([1], dtype='int64[pyarrow]')
pd.Series([1], dtype='int32')
pd.Series(['a'])
pd.Series(['a'], dtype='string')
pd.Series(['a'], dtype='string[pyarrow]')
pd.Series(['a'], dtype='category')
pd.Series(pd.Categorical(['a'], categories=['a', 'b']))
pd.Series(pd.Categorical(['a'], categories=['b', 'a']))
pd.Series(pd.Categorical(['a'], categories=['a', 'b'], ordered=True))
pd.Series([None], dtype=object)
pd.Series([float('nan')], dtype=object)
pd.Series([pd.NA], dtype=object)
pd.Series([pd.NaT], dtype=object)
attrs(pd.Series([1]), {'k': 1})
attrs(pd.Series([1]), {'k': 2})
pd.Series(pd.to_datetime(['2020-01-01']))
pd.Series(pd.to_datetime(['2020-01-01']).as_unit('s'))
pd.Series(pd.to_datetime(['2020-01-01'], utc=True))
pd.Series(pd.to_datetime(['2020-01-01'], utc=True).tz_convert('Europe/Paris'))
pd.Series(pd.arrays.SparseArray([0, 1]))
pd.Series(pd.arrays.SparseArray([0, 1], fill_value=1))
pd.Series([pd.Interval(0, 1)])
pd.Series([pd.Interval(0, 1, closed='left')])
pd.DataFrame({'a': [1]})
pd.DataFrame({'b': [1]})
pd.DataFrame({'a': [1], 'b': [2]})
pd.DataFrame({'b': [2], 'a': [1]})
pd.DataFrame([[1, 2]], columns=['a', 'a'])
pd.DataFrame({'a': [1]}, index=['x'])
pd.DataFrame({'a': [1]}).rename_axis(columns='c')
attrs(pd.DataFrame({'a': [1]}), {'unit': 'm'})
pd.DataFrame({'a': [1]}).set_flags(allows_duplicate_labels=False)
pd.DataFrame()
pd.Index([1])
pd.Index([1], name='a')
pd.Index([1], dtype='int32')
pd.RangeIndex(1)
pd.RangeIndex(0, 4, 2)
pd.MultiIndex.from_tuples([(1, 'a')])
pd.MultiIndex.from_tuples([(1, 'a')], names=['x', None])
pd.MultiIndex.from_arrays([[1], pd.Categorical(['a'])])
pd.date_range('2020', periods=2, freq='D')
pd.DatetimeIndex(['2020-01-01', '2020-01-02'])
pd.date_range('2020', periods=2, freq='D', tz='UTC')
pd.PeriodIndex(['2020-01'], freq='M')
pd.TimedeltaIndex([1])
pd.IntervalIndex.from_breaks([0, 1])
pd.CategoricalIndex(['a'])
pd.Timestamp('2020-01-01')
pd.Timestamp('2020-01-01').as_unit('ns')
pd.Timestamp('2020-01-01', tz='UTC')
pd.Timestamp('2020-01-01', tz='Europe/Paris')
pd.Timedelta(1)
pd.Timedelta(0).as_unit('s')
pd.Period('2020-01', 'M')
pd.Period('2020-01-01', 'D')
pd.NA
pd.NaT
pd.offsets.MonthEnd(1)
pd.offsets.MonthEnd(2)
pd.offsets.BusinessDay()
pd.CategoricalDtype(['a'])
pd.CategoricalDtype(['a'], ordered=True)
pd.Int64Dtype()
pd.arrays.SparseArray([0, 1])
pd.array([1, None])
pd.Categorical(['a'])
pa.schema([('a', pa.int32())])
pa.schema([('a', pa.int32())], metadata={'k': 'v'})
pa.schema([pa.field('a', pa.int32(), nullable=False)])
pa.field('a', pa.int32())
pa.int32()
pa.int64()
pa.timestamp('us')
pa.timestamp('us', 'UTC')
pa.list_(pa.int8())
pa.array([1])
pa.array([1, None])
pa.array([1], pa.int8())
pa.array(['a'])
pa.array(['a']).dictionary_encode()
pa.chunked_array([[1]])
pa.chunked_array([[1], []])
pa.table({'a': [1]})
pa.table({'b': [1]})
pa.scalar(1)
pa.decimal128(5, 2)
int
float
len
print
str.upper
'a'.upper
'b'.upper
[1].append
[[i] for i in range(40)]
[(i,) for i in range(40)]
[[i, i + 1] for i in range(0, 80, 2)]
[[i] for i in range(39)] + [[True]]
[{'a': i} for i in range(40)]
[{i: 'a'} for i in range(40)]
{i: [i] for i in range(40)}
{i: (i,) for i in range(40)}
{i: {'a': i} for i in range(40)}
{i: [] for i in range(40)}
[[] for i in range(40)]
[[] for i in range(41)]
[bytearray(b'a')] * 40
[np.int64(1)] * 40
[[np.int64(1)]] * 40
np.sqrt
np
pd
re
P
F
S
L
E
NT
UTC
""".strip().splitlines()

# The same content, made in another way.
EQUAL = [
    ("[1, 2]", "list(range(1, 3))"), ("'ab'", "''.join(['a', 'b'])"), ("{'a': 1}", "dict([('a', 1)])"), ("(1, 'x')", "tuple([1, 'x'])"),
    ("np.arange(3)", "np.array([0, 1, 2])"), ("np.arange(10)[::2]", "np.array([0, 2, 4, 6, 8])"), ("np.zeros(2, 'f8')", "np.zeros(2, np.dtype('float64').newbyteorder('='))"),
    ("P([1])", "P(list((1,)))"), ("functools.partial(int, base=2)", "with_(functools.partial(int, base=2))"), ("pd.Series([1, 2])", "pd.Series(np.array([1, 2]))"),
    ("E.A", "E(1)"),
    ("np.dtype('i4')", "np.zeros(1, 'i4').dtype"), ("re.compile('a')", "re.compile(''.join('a'))"),
    ("[1.5, 1.5]", "[float('1.5'), float('1.5')]"), ("frozenset({1, 2})", "frozenset([1, 2])"), ("D('1.0')", "D('1') + D('0.0')"),
]  # fmt: skip


@pytest.fixture(scope="module")
def worker() -> Iterator[Worker]:
    worker = Worker()
    yield worker
    worker.close()


def capturing(expression: str) -> Any:
    return define(f"{IMPORTS}\nV = {expression}\ndef f(x): return repr(V)[:0] + str(x)")


def digest(expression: str) -> str:
    walk = Walk()
    walk.value(capturing(expression).__globals__["V"])
    return walk.out.hexdigest()


def test_no_two_values_share_a_digest() -> None:
    found: dict[str, str] = {}
    for expression in VALUES:
        other = found.setdefault(digest(expression), expression)
        assert other == expression, f"{other} and {expression}"
    assert len(found) > 250


@pytest.mark.parametrize("one,other", EQUAL)
def test_equal_content_is_equal_however_it_was_made(one: str, other: str) -> None:
    assert digest(one) == digest(other)


def test_a_worker_proves_every_value(worker: Worker) -> None:
    failed = []
    for at in range(0, len(VALUES), 20):
        batch = VALUES[at : at + 20]
        for group in [batch, *([v] for v in batch)]:
            function = capturing(f"[{', '.join(group)}]")
            proof, same, _ = worker.prove(function, calls=[1])
            if len(group) > 1 and (proof, same) == (hash_function(function, environment()).proof, True):
                break
            if len(group) == 1 and (proof, same) != (hash_function(function, environment()).proof, True):
                failed.append((group[0], proof, same))
    assert not failed, "\n".join(map(str, failed))


def generated(random_: random.Random, depth: int) -> str:
    """An expression of nested collections of plain values."""
    kind = random_.randrange(12 if depth else 7)
    if kind < 7:
        return random_.choice(
            ["0", "1", "True", "0.0", "-0.0", "'a'", "b'a'", "None", "1.5", "'1'", "10**20", "dt.date(2020, 1, 1)", "D('1')", "np.int64(1)"]
        )  # fmt: skip
    inner = [generated(random_, depth - 1) for _ in range(random_.randrange(4))]
    if kind == 7:
        return f"[{', '.join(inner)}]"
    if kind == 8:
        return f"({''.join(i + ', ' for i in inner)})"
    if kind == 9:
        return "{" + ", ".join(f"{random_.choice('abc')!r}: {i}" for i in inner) + "}"
    if kind == 10:
        return f"P([{', '.join(inner)}])"
    return f"F(({''.join(i + ', ' for i in inner)}))"


def told_apart(value: Any) -> str:
    """All that a value says of itself, types included."""
    if isinstance(value, (list, tuple)):
        return f"{type(value).__name__}({','.join(map(told_apart, value))})"
    if isinstance(value, dict):
        return "dict(" + ",".join(f"{told_apart(k)}:{told_apart(v)}" for k, v in value.items()) + ")"
    if hasattr(value, "a"):
        return f"{type(value).__name__}<{told_apart(value.a)}>"
    return f"{type(value).__name__}:{value!r}"


def test_digests_of_generated_values_are_equal_exactly_if_nothing_tells_them_apart() -> None:
    seed = random.randrange(1 << 30)
    print(f"seed {seed}")
    random_ = random.Random(seed)
    scope: dict[str, Any] = {"__name__": "__main__"}
    exec(IMPORTS, scope)
    by_text: dict[str, str] = {}
    by_digest: dict[str, str] = {}
    for _ in range(3000):
        value = eval(generated(random_, 3), scope)
        walk = Walk()
        walk.value(value)
        text, found = told_apart(value), walk.out.hexdigest()
        assert by_digest.setdefault(found, text) == text
        by_text.setdefault(text, found)
    assert len(by_digest) > 300


STATEFUL = [
    "V = {}\ndef f(x):\n    V[x] = 1\n    return x",
    "V = []\ndef f(x):\n    V.append(x)\n    return len(V)",
    "import collections\nV = collections.defaultdict(lambda: len(V))\ndef f(x): return V[x]",
    "V = []\nadd = V.append\ndef f(x):\n    add(x)\n    return len(V)",
    "class C:\n    n = 0\n    def next(self):\n        self.n += 1\n        return self.n\nc = C()\ndef f(x): return c.next()",
    "class C:\n    n = 0\ndef f(x):\n    C.n += 1\n    return C.n",
    "def f(x):\n    f.n = getattr(f, 'n', 0) + 1\n    return f.n",
    "def f(x, seen=[]):\n    seen.append(x)\n    return len(seen)",
    "n = 0\ndef f(x):\n    global n\n    n += 1\n    return n",
    "SEEN = None\ndef f(x):\n    global SEEN\n    if SEEN is None:\n        SEEN = {}\n    SEEN[x] = len(SEEN)\n    return SEEN[x]",
    "SEEN = None\ndef put(d, x): d[x] = len(d)\ndef f(x):\n    global SEEN\n    if SEEN is None:\n        SEEN = {}\n    put(SEEN, x)\n    return SEEN[x]",
    "import random\nR = None\ndef f(x):\n    global R\n    if R is None:\n        R = random.Random(3)\n    return R.random()",
    "import itertools\nR = None\ndef f(x):\n    global R\n    if R is None:\n        R = itertools.count()\n    return next(R)",
    "import numpy as np\nR = None\ndef f(x):\n    global R\n    if R is None:\n        R = np.random.default_rng(3)\n    return R.random()",
    "import io\nR = None\ndef f(x):\n    global R\n    if R is None:\n        R = io.StringIO('abc')\n    return R.read(1)",
    "import queue\nR = None\ndef f(x):\n    global R\n    if R is None:\n        R = queue.Queue()\n    R.put(x)\n    return R.qsize()",
    "class K:\n    n = 0\nR = None\ndef f(x):\n    global R\n    if R is None:\n        R = K()\n    R.n += 1\n    return R.n",
    "LAST = None\ndef f(x):\n    global LAST\n    if LAST is None:\n        LAST = x\n    return LAST",
    "import random\nr = random.Random(1)\ndef f(x): return r.random()",
    "import numpy as np\nr = np.random.default_rng(1)\ndef f(x): return r.random()",
    "import numpy as np\na = np.zeros(3)\ndef f(x):\n    a[0] += x\n    return a[0]",
    "import pandas as pd\ns = pd.Series([0, 0])\ndef f(x):\n    s.iloc[0] += x\n    return s.iloc[0]",
    "def outer():\n    n = 0\n    def f(x):\n        nonlocal n\n        n += 1\n        return n\n    return f\nf = outer()",
    "class C:\n    def __init__(self): self.n = 0\n    def __getstate__(self): return {'n': 0}\nc = C()\ndef f(x):\n    c.n = getattr(c, 'n', 0) + 1\n    return c.n",
    "class C:\n    __slots__ = ('n',)\nc = C()\nc.n = 0\ndef f(x):\n    c.n += 1\n    return c.n",
    "import types\nv = types.SimpleNamespace(n=0)\ndef f(x):\n    v.n += 1\n    return v.n",
    "import enum\nclass E(enum.Enum):\n    A = 1\nE.late = 0\ndef f(x):\n    E.late = E.late + 1\n    return E.late",
    "import enum\nclass E(enum.Enum):\n    A = 1\ndef f(x):\n    E.A.seen = getattr(E.A, 'seen', 0) + 1\n    return E.A.seen",
]  # fmt: skip


@pytest.mark.parametrize("source", STATEFUL)
def test_a_worker_sees_that_captured_state_was_changed(
    worker: Worker, source: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sparkdiskcache import _reach

    monkeypatch.setattr(_reach.Reach, "check", lambda *_: None)
    function = define(source)
    proof, same, rows = worker.prove(function, calls=[1, 2, 3])
    assert rows is not None, same
    assert proof == hash_function(function, environment()).proof
    assert same is not True


COMPUTED_ONCE = [
    "import re\nMODEL = None\ndef f(x):\n    global MODEL\n    if MODEL is None:\n        MODEL = re.compile('a')\n    return MODEL.sub('b', str(x))",
    "from string import Template\nMODEL = None\ndef model():\n    global MODEL\n    if MODEL is None:\n        with_ = Template('$a')\n        MODEL = with_\n    return MODEL\ndef f(x): return model().substitute(a=x)",
    "MODEL = None\ndef f(x):\n    global MODEL\n    if MODEL is None:\n        parts = [1, 2]\n        MODEL = sum(parts)\n    return MODEL + x",
    "import re\np = re.compile('a')\ndef f(x): return p.sub('b', str(x))",
    "import logging\nlog = logging.getLogger('q')\ndef f(x):\n    log.debug('x')\n    return x",
    "import pandas as pd\nd = pd.DataFrame({'a': [1, 2], 'b': ['x', 'y']})\ndef f(x): return d[d.a == x].b.iloc[0], d.set_index('a').loc[1, 'b']",
]  # fmt: skip


@pytest.mark.parametrize("source", COMPUTED_ONCE)
def test_what_is_computed_once_is_no_change_of_state(worker: Worker, source: str) -> None:
    function = define(source)
    proof, same, rows = worker.prove(function, calls=[1, 2])
    assert rows is not None, same
    assert (proof, same) == (hash_function(function, environment()).proof, True)


def test_what_the_driver_has_loaded_is_sent_and_counts() -> None:
    source = "MODEL = None\ndef f(x):\n    global MODEL\n    if MODEL is None:\n        MODEL = 1\n    return MODEL"
    functions = [define(source) for _ in range(3)]
    functions[1].__globals__["MODEL"] = 1
    functions[2].__globals__["MODEL"] = 2
    assert len({hash_function(f, environment()).digest for f in functions}) == 3


def test_every_digest_has_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_values, "MAX_BYTES", 1 << 20)
    monkeypatch.setattr(_values, "MAX_VALUES", 10_000)
    for expression, reason in (
        ("np.zeros(200_000)", "more than 1 MiB"), ("['a' * 1000] * 2000", "more than 1 MiB"), ("b'a' * (2 << 20)", "more than 1 MiB"),
        ("[[[i]] for i in range(20_000)]", "more than 10000 objects"), ("{(i,): 1 for i in range(20_000)}", "more than 10000 objects"),
        ("pd.DataFrame({'a': np.zeros(200_000)})", "more than 1 MiB"), ("bytearray(2 << 20)", "more than 1 MiB"),
    ):  # fmt: skip
        with pytest.raises(FunctionRefused, match=reason):
            hash_function(capturing(expression), environment())
    nested: list[Any] = []
    for _ in range(100_000):
        nested = [nested]
    with pytest.raises(FunctionRefused, match="nested too deeply"):
        hash_function(define("def f(x): return V", V=nested), environment())
    doubled: Any = (1, [2])
    for _ in range(200):
        doubled = (doubled, doubled)
    assert hash_function(define("def f(x): return V", V=doubled), environment())
    assert state_digest(capturing("range(10**9)"))
