# SPDX-License-Identifier: Apache-2.0
"""Programs as they are in one application and, after one change that the rows show, in the next one.

By the kinds of changes of code, data, modules, libraries, environment and files. ``f`` is called with 0 to 5; ``@``
in a text stands for what changes.
"""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple


class Case(NamedTuple):
    """
    :param code: that defines ``f``, in the first application and in the second
    :param files: in the working directory of each
    :param libraries: files of the installed distribution ``lib_`` and the name of the case, if there are any
    :param before: another function ``f``, whose rows the same worker computes before in the first application
    :param environment: of the processes of each application
    :param how: how the library is changed: ``again`` (installed again) or ``place`` (edited in its place)
    """

    kind: str
    name: str
    code: tuple[str, str]
    files: tuple[Mapping[str, str], Mapping[str, str]] = ({}, {})
    libraries: tuple[Mapping[str, str], Mapping[str, str]] = ({}, {})
    how: str = "again"
    environment: tuple[Mapping[str, str], Mapping[str, str]] = ({}, {})
    before: str = ""


def _both(text: str, one: str, two: str) -> tuple[str, str]:
    return text.replace("@", one), text.replace("@", two)


def _maps(texts: Mapping[str, str], one: str, two: str) -> tuple[dict[str, str], dict[str, str]]:
    return {n: t.replace("@", one) for n, t in texts.items()}, {
        n: t.replace("@", two) for n, t in texts.items()
    }


def code(kind: str, *texts: tuple[str, str, str]) -> Iterator[Case]:
    """Programs without modules: text, and what stands for ``@``."""
    for number, (text, one, two) in enumerate(texts):
        yield Case(kind, f"{kind}{number}", _both(text, one, two))


def files(kind: str, *texts: tuple[str, Mapping[str, str], str, str]) -> Iterator[Case]:
    """Programs whose files change; ``~`` stands for a word of the case's own."""
    for number, (text, contents, one, two) in enumerate(texts):
        word = f"{kind}{number}"
        own = {n.replace("~", word): t.replace("~", word) for n, t in contents.items()}
        text = text.replace("~", word)
        yield Case(kind, word, (text, text), _maps(own, one, two))


def libraries(kind: str, *texts: tuple[str, Mapping[str, str], str, str, str]) -> Iterator[Case]:
    """Programs that use an installed library."""
    for number, (text, contents, one, two, how) in enumerate(texts):
        word = f"{kind}{number}"
        own = {n.replace("~", word): t.replace("~", word) for n, t in contents.items()}
        text = text.replace("~", word)
        yield Case(kind, word, (text, text), libraries=_maps(own, one, two), how=how)


NAMES = code(
    "names",
    ("def high_@(x): return x > 2\nRULES = [high_@]\ndef f(x): return str([r.__name__ for r in RULES if r(x)])", "a", "b"),
    ("class Rule_@: pass\ndef f(x): return type(Rule_@()).__name__", "a", "b"),
    ("class K:\n  def m_@(self): pass\ndef f(x): return K.m_@.__qualname__", "a", "b"),
    ("def g(@, y=1): return y\ndef f(x):\n  import inspect\n  return str(inspect.signature(g))", "a", "b"),
    ("def g(@): return 1\ndef f(x):\n  try: return str(g())\n  except TypeError as e: return str(e)", "a", "b"),
    ("def f(x):\n  try:\n    if x > 9: v_@ = 1\n    return str(v_@)\n  except UnboundLocalError as e: return str(e)", "a", "b"),
    ("def f(x):\n  @ = 1, 4\n  import pandas as pd\n  return len(pd.DataFrame({'x': range(6)}).query('x > %low'))", "low, high", "high, low"),
    ("import collections\nP = collections.namedtuple('P', 'a @')\ndef f(x): return repr(P(x, 1))", "b", "c"),
    ("import dataclasses\n%dataclasses.dataclass\nclass P:\n  @: int\ndef f(x): return repr(P(x))", "b", "c"),
    ("import enum\nclass E(enum.Enum):\n  @ = 1\ndef f(x): return E(1).name", "A", "B"),
    ("def f(x):\n  v_@ = x\n  return f'{v_@=}'", "a", "b"),
    ("f = lambda x: (lambda @: 1).__code__.co_varnames[0]", "a", "b"),
    ("class E_@(Exception): pass\ndef f(x):\n  try: raise E_@('no')\n  except Exception as e: return repr(e)", "a", "b"),
    ("import traceback\n@def f(x):\n  try: return str(1 / 0)\n  except Exception: return traceback.format_exc()", "", "\n\n"),
    ("@def f(x):\n  try: return 1 / 0\n  except Exception as e: return e.__traceback__.tb_lineno", "", "\n\n"),
    ("import logging, io\n@def f(x):\n  out = io.StringIO()\n  log = logging.Logger('x')\n  h = logging.StreamHandler(out)\n  h.setFormatter(logging.Formatter('%(lineno)d'))\n  log.addHandler(h)\n  log.warning('x')\n  return out.getvalue()", "", "\n\n"),
    ("import typing\nclass T(typing.NamedTuple):\n  a: int\n  @: int = 2\ndef f(x): return str(T(x)._asdict())", "b", "c"),
    ("def g(**k): return sorted(k)\ndef f(x): return str(g(a=1, @=2))", "b", "c"),
    ("from types import SimpleNamespace\nS = SimpleNamespace(@=1)\ndef f(x): return repr(S)", "b", "c"),
    ("def g():\n  def @(): pass\n  return @\ndef f(x): return g().__qualname__", "b", "c"),
)  # fmt: skip


ANNOTATIONS = code(
    "annotations",
    ("import typing\nclass P:\n  a: @\ndef f(x): return str(typing.get_type_hints(P))", "int", "str"),
    ("import typing\nclass P:\n  a: typing.Annotated[int, @]\ndef f(x): return str(typing.get_type_hints(P, include_extras=True))", "5", "6"),
    ("def g(a: @) -> None: pass\ndef f(x): return str(g.__annotations__)", "int", "str"),
    ("def g(a, b) -> @: pass\ndef f(x): return str(g.__annotations__['return'])", "int", "str"),
    ("import dataclasses as d\nI = d.make_dataclass('I', [('k', int, d.field(default=@))])\nP = d.make_dataclass('P', [('i', I)])\ndef f(x): return d.fields(P)[0].type().k", "1", "2"),
    ("import dataclasses as d\nP = d.make_dataclass('P', [('i', int, d.field(default=0, metadata={'w': @}))])\ndef f(x): return d.fields(P)[0].metadata['w'] * x", "1", "2"),
    ("import typing\nT = typing.TypedDict('T', {'a': @})\ndef f(x): return str(T.__annotations__)", "int", "str"),
    ("import typing\nL = typing.Literal['@']\ndef f(x): return typing.get_args(L)[0]", "a", "b"),
    ("import typing\nT = typing.TypeVar('T', bound=@)\ndef f(x): return T.__bound__.__name__", "int", "str"),
    ("import typing\nclass P(typing.Generic[typing.TypeVar('@')]): pass\ndef f(x): return str(P.__orig_bases__)", "A", "B"),
    ("import typing\nclass P(typing.NamedTuple):\n  a: int\n  b: @ = 0\ndef f(x): return str(P.__annotations__)", "int", "float"),
    ("import functools\nclass C:\n  def m(self, a: 'unit @'): return a\ndef f(x): return C.m.__annotations__['a']", "kg", "lb"),
    ("def g(x):\n  '''@'''\n  return 1\ndef f(x): return g.__doc__", "NA", "NB"),
    ("class K:\n  '@'\ndef f(x): return K.__doc__", "NA", "NB"),
    ("class K:\n  %property\n  def p(self):\n    '@'\n    return 1\ndef f(x): return K.p.__doc__", "NA", "NB"),
    ("def g(x):\n  '@'\n  return '@'\ndef f(x): return g(x)", "NA", "NB"),
)  # fmt: skip

SHADOWS = code(
    "shadows",
    ("def scale(x): return x * @\nclass K: scale = staticmethod(scale)\ndef f(x): return K.scale(x)", "2", "3"),
    ("N = @\nclass K:\n  N = N\ndef f(x): return K.N * x", "2", "3"),
    ("N = @\ndef g(x, N=N): return N * x\ndef f(x): return g(x)", "2", "3"),
    ("def mul(k):\n  def g(x): return x * k\n  return g\ng = mul(@)\ndef f(x): return g(x)", "2", "3"),
    ("class M(type):\n  k = @\n  def __call__(cls, *a): return cls.k\nclass K(metaclass=M): pass\ndef f(x): return K() * x", "2", "3"),
    ("class B:\n  def __init_subclass__(cls, w=0): cls.w = w\nclass K(B, w=@): pass\ndef f(x): return K.w * x", "2", "3"),
    ("class D:\n  def __set_name__(self, o, n): o.w = @\nclass K: d = D()\ndef f(x): return K.w * x", "2", "3"),
    ("class D:\n  def __get__(self, i, o): return @\nclass K: d = D()\ndef f(x): return K().d * x", "2", "3"),
    ("R = {}\ndef reg(w):\n  def deco(g):\n    R[g.__name__] = w\n    return g\n  return deco\n%reg(@)\ndef g(): pass\ndef f(x): return R['g'] * x", "2", "3"),
    ("import functools\ndef deco(g):\n  %functools.wraps(g)\n  def w(x): return g(x) * @\n  return w\n%deco\ndef f(x): return x", "2", "3"),
    ("import functools\n%functools.singledispatch\ndef g(v): return 0\n%g.register\ndef _(v: int): return v * @\ndef f(x): return g(x)", "2", "3"),
    ("class K:\n  __slots__ = ('w',)\nk = K()\nk.w = @\ndef f(x): return k.w * x", "2", "3"),
    ("class K:\n  def __getattr__(self, n): return @\nk = K()\ndef f(x): return k.anything * x", "2", "3"),
    ("class B:\n  def m(self, x): return x * @\nclass K(B):\n  def m(self, x): return super().m(x)\ndef f(x): return K().m(x)", "2", "3"),
    ("import operator\nk = type('K', (), {'w': @})\nget = operator.attrgetter('w')\ndef f(x): return get(k) * x", "2", "3"),
    ("import functools\nclass K:\n  %functools.cached_property\n  def t(self): return W[0]\nW = [@]\nk = K()\nk.t\nW[0] = 0\ndef f(x): return k.t * x", "2", "3"),
    ("import functools\nclass K:\n  def m(self, a, x): return a * x\nK.p = functools.partialmethod(K.m, @)\ndef f(x): return K().p(x)", "2", "3"),
    ("import contextlib\n%contextlib.contextmanager\ndef c():\n  yield @\ndef f(x):\n  with c() as w: return w * x", "2", "3"),
    ("import itertools\ndef g():\n  yield from [@, 4]\ndef f(x): return list(g())[0] * x", "2", "3"),
    ("class K:\n  def __init__(self): self.w = @\n  def __reduce__(self): return (K, ())\nk = K()\ndef f(x): return k.w * x", "2", "3"),
    ("class K:\n  def __rsub__(self, x): return x * @\ndef f(x): return x - K()", "2", "3"),
    ("f = type('F', (), {'__call__': lambda self, x: x * @})()", "2", "3"),
)  # fmt: skip

VALUES = code(
    "values",
    ("import pandas as pd\nS = pd.Series([1, 2], name='@')\ndef f(x): return S.name", "a", "b"),
    ("import pandas as pd\nS = pd.Series([1, 2])\nS.attrs['u'] = '@'\ndef f(x): return S.attrs['u']", "a", "b"),
    ("import pandas as pd\nS = pd.Series(['a'], dtype=pd.CategoricalDtype(['a', '@']))\ndef f(x): return str(list(S.cat.categories))", "b", "c"),
    ("import pandas as pd\nS = pd.Series(['a'], dtype=pd.CategoricalDtype(['a', 'b'], ordered=@))\ndef f(x): return str(S.cat.ordered)", "True", "False"),
    ("import pandas as pd\nI = pd.date_range('2020', periods=3, tz='@')\ndef f(x): return str(I.tz)", "UTC", "Europe/Paris"),
    ("import pandas as pd\nI = pd.DatetimeIndex(['2020-01-01', '2020-01-02', '2020-01-03'], freq=@)\ndef f(x): return str(I.freq)", "'D'", "None"),
    ("import pandas as pd\nT = pd.Timestamp('2020').as_unit('@')\ndef f(x): return T.unit", "s", "ns"),
    ("import pandas as pd\nI = pd.Interval(0, 3, closed='@')\ndef f(x): return str(x in I)", "left", "right"),
    ("import pandas as pd\nM = pd.MultiIndex.from_tuples([(1, 2)], names=['a', '@'])\ndef f(x): return str(M.names)", "b", "c"),
    ("import pandas as pd\nD = pd.DataFrame({'a': [1]}).set_flags(allows_duplicate_labels=@)\ndef f(x): return str(D.flags.allows_duplicate_labels)", "True", "False"),
    ("import pandas as pd\nA = pd.array([1, None], dtype='Int64')\nB = pd.array([1, @], dtype='Int64')\ndef f(x): return str(B)", "None", "0"),
    ("import numpy as np\nA = np.array([[1, 2], [3, 4]], order='@')\ndef f(x): return str(A.flags['C_CONTIGUOUS'])", "C", "F"),
    ("import numpy as np\nA = np.zeros(2, dtype=[('a', 'i4'), ('@', 'i4')])\ndef f(x): return str(A.dtype.names)", "b", "c"),
    ("import numpy as np\nA = np.array([1], dtype=np.dtype('i4', metadata={'u': '@'}))\ndef f(x): return str(A.dtype.metadata)", "a", "b"),
    ("import numpy as np\nA = np.array([1, 2], dtype='@i4')\ndef f(x): return A.dtype.byteorder", "<", ">"),
    ("import numpy as np\nA = np.ma.array([1, 2], mask=[0, 1], fill_value=@)\ndef f(x): return int(A.filled()[1])", "7", "8"),
    ("import numpy as np\nA = np.datetime64('2020-01-01', '@')\ndef f(x): return str(A)", "D", "s"),
    ("import numpy as np\nA = [np.float32(0.1), np.float64(0.1)]\ndef f(x): return repr(A[@])", "0", "1"),
    ("import numpy as np\nA = np.arange(3)\nA.setflags(write=@)\ndef f(x): return str(A.flags.writeable)", "True", "False"),
    ("import numpy as np\nA = np.dtype({'names': ['a'], 'formats': ['i4'], 'offsets': [@], 'itemsize': 16})\ndef f(x): return str(A)", "0", "4"),
    ("from decimal import Decimal\nA = Decimal('@')\ndef f(x): return str(A)", "1.0", "1.00"),
    ("A = float('@')\ndef f(x): return repr(A)", "0.0", "-0.0"),
    ("A = complex(0, @)\ndef f(x): return repr(A)", "0.0", "-0.0"),
    ("A = @\ndef f(x): return repr(A)", "1", "True"),
    ("A = {@}\ndef f(x): return repr(A)", "1: 2, 3: 4", "3: 4, 1: 2"),
    ("import collections\nA = collections.deque([1, 2], maxlen=@)\ndef f(x): return repr(A)", "2", "3"),
    ("import collections\nA = collections.defaultdict(@)\ndef f(x): return repr(A.copy()[0])", "int", "list"),
    ("import datetime as d\nA = d.datetime(2020, 10, 25, 2, fold=@)\ndef f(x): return A.fold", "0", "1"),
    ("import datetime as d\nA = d.timezone(d.timedelta(0), '@')\ndef f(x): return str(A)", "a", "b"),
    ("import re\nA = re.compile('a', @)\ndef f(x): return str(bool(A.match('A')))", "0", "re.I"),
    ("import functools\nA = functools.partial(pow, @)\ndef f(x): return A(x)", "2", "3"),
    ("import array\nA = array.array('@', [1])\ndef f(x): return A.typecode", "i", "l"),
    ("A = range(0, 9, @)\ndef f(x): return A[1]", "2", "3"),
    ("A = slice(0, @)\ndef f(x): return str([1, 2, 3, 4][A])", "2", "3"),
    ("import pathlib\nA = pathlib.@('/a/b')\ndef f(x): return type(A).__name__", "PurePosixPath", "PureWindowsPath"),
    ("import pyarrow as pa\nA = pa.schema([pa.field('a', pa.int64(), metadata={'u': '@'})])\ndef f(x): return str(A.field('a').metadata)", "a", "b"),
    ("import pyarrow as pa\nA = pa.chunked_array([[1], [2, 3]]) if @ else pa.chunked_array([[1, 2], [3]])\ndef f(x): return A.chunk(0).__len__()", "1", "0"),
    ("from sklearn.linear_model import Ridge\nM = Ridge(alpha=@).fit([[0.0], [1.0], [2.0]], [0.0, 1.0, 5.0])\ndef f(x): return float(M.predict([[x]])[0])", "1.0", "2.0"),
    ("from sklearn.feature_extraction.text import CountVectorizer\nM = CountVectorizer(lowercase=@).fit(['Ab Cd'])\ndef f(x): return str(sorted(M.vocabulary_))", "True", "False"),
    ("import scipy.sparse as s\nA = s.@_matrix([[0, 1]])\ndef f(x): return A.format", "csr", "csc"),
    ("import string\nA = string.Template('$x @')\ndef f(x): return A.substitute(x=x)", "a", "b"),
    ("import operator\nA = operator.itemgetter(@)\ndef f(x): return A([5, 6])", "0", "1"),
    ("import types\nA = types.MethodType(lambda self, x: self * x, @)\ndef f(x): return A(x)", "2", "3"),
    ("class P:\n  def __init__(self): self.d = {}\np = P()\np.d['me'] = p\np.w = @\ndef f(x): return p.d['me'].w * x", "2", "3"),
    ("a = [1]\nA = [a, @]\ndef f(x): return str(A[0] is A[1])", "a", "[1]"),
    ("B = b'a@'\nA = memoryview(B)[1:].tobytes()\ndef f(x): return A.decode()", "1", "2"),
    ("import decimal\nA = decimal.Context(prec=@)\ndef f(x): return str(A.divide(1, 7))", "4", "5"),
    ("import random\nA = random.Random(@).random()\ndef f(x): return A * x", "1", "2"),
)  # fmt: skip

ENUMS = code(
    "enums",
    ("import enum\nclass E(enum.Enum):\n  A = 1\n  k = enum.nonmember(@)\ndef f(x): return E.k * x", "2", "3"),
    ("import enum\nclass E(enum.Enum):\n  A = 1\nE.k = @\ndef f(x): return E.k * x", "2", "3"),
    ("import enum\nclass E(enum.Enum):\n  A = 1\n  _B = @\ndef f(x): return E._B.value * x", "2", "3"),
    ("import enum\nclass E(enum.Enum):\n  A = 1\n  B = @\ndef f(x): return str(list(E))", "1", "2"),
    ("import enum\nclass E(str, enum.Enum):\n  A = '@'\ndef f(x): return E.A + 'x'", "a", "b"),
    ("import enum\nclass E(enum.Enum):\n  A = 1\n  def m(self): return @\ndef f(x): return E.A.m() * x", "2", "3"),
    ("import enum\nclass E(enum.Enum):\n  A = 1\n  %classmethod\n  def _missing_(cls, v): return cls.A if v > @ else None\ndef f(x):\n  try: return E(x).value\n  except ValueError: return -1", "2", "3"),
    ("import enum\nclass E(enum.Flag, boundary=enum.@):\n  A = 1\ndef f(x):\n  try: return str(E(x))\n  except ValueError: return 'no'", "STRICT", "KEEP"),
    ("import enum\nclass E(enum.Enum):\n  A = enum.auto()\n  @ = enum.auto()\ndef f(x): return E(2).name", "B", "C"),
)  # fmt: skip

MODULES = files(
    "modules",
    ("import m_~\ndef f(x): return m_~.g(x)", {"m_~.py": "def g(x): return x * @"}, "2", "3"),
    ("from m_~ import g\ndef f(x): return g(x)", {"m_~.py": "def g(x): return x * @"}, "2", "3"),
    ("import m_~\ndef f(x): return m_~.g(x)", {"m_~.py": "from n_~ import *\n", "n_~.py": "def g(x): return x * @"}, "2", "3"),
    ("from p_~ import sub\ndef f(x): return sub.g(x)", {"p_~/__init__.py": "K = @", "p_~/sub.py": "import p_~\ndef g(x): return x * p_~.K"}, "2", "3"),
    ("import p_~.a.b\ndef f(x): return p_~.a.b.g(x)", {"p_~/__init__.py": "", "p_~/a/__init__.py": "W = @", "p_~/a/b.py": "from . import W\ndef g(x): return x * W"}, "2", "3"),
    ("import p_~.b as b\ndef f(x): return b.g(x)", {"p_~/b.py": "from .c import W\ndef g(x): return x * W", "p_~/c.py": "W = @"}, "2", "3"),
    ("import m_~ as m\nM = m\ndef call(o, x): return o.__dict__['g'](x)\ndef f(x): return call(M, x)", {"m_~.py": "def g(x): return x * @"}, "2", "3"),
    ("import p_~\ndef f(x): return getattr(p_~, 'su' + 'b').g(x)", {"p_~/__init__.py": "from . import sub", "p_~/sub.py": "def g(x): return x * @"}, "2", "3"),
    ("import p_~\ndef f(x): return p_~.lazy.g(x)", {"p_~/__init__.py": "import importlib\ndef __getattr__(n): return importlib.import_module(__name__ + '.' + n)", "p_~/lazy.py": "def g(x): return x * @"}, "2", "3"),
    ("import m_~\ndef f(x): return m_~.R['a'](x)", {"m_~.py": "R = {}\ndef reg(n):\n  def d(g): R[n] = g; return g\n  return d\nimport n_~", "n_~.py": "from m_~ import reg\n%reg('a')\ndef q(x): return x * @"}, "2", "3"),
    ("import m_~\ndef f(x): return m_~.K.w * x", {"m_~.py": "class M(type):\n  def __new__(c, n, b, d): d['w'] = @; return type.__new__(c, n, b, d)\nclass K(metaclass=M): pass"}, "2", "3"),
    ("import m_~\ndef f(x): return m_~.P().w * x", {"m_~.py": "import dataclasses\n%dataclasses.dataclass\nclass P:\n  w: int = @"}, "2", "3"),
    ("import m_~, pickle\nB = pickle.dumps(m_~.P())\ndef f(x):\n  import m_~\n  return pickle.loads(B).w() * x", {"m_~.py": "class P:\n  def w(self): return @"}, "2", "3"),
    ("def f(x):\n  import importlib\n  import m_~\n  return importlib.import_module('m_~').g(x)", {"m_~.py": "def g(x): return x * @"}, "2", "3"),
    ("def f(x):\n  import sys, m_~\n  return sys.modules['m_~'].g(x)", {"m_~.py": "def g(x): return x * @"}, "2", "3"),
    ("import m_~\ndef f(x): return m_~.g(x)", {"m_~.py": "try:\n  from n_~ import g\nexcept ImportError:\n  def g(x): return x", "n_~.py": "@"}, "def g(x): return x * 2", "raise ImportError"),
    ("import m_~\nclass K(m_~.B):\n  pass\ndef f(x): return K().m(x)", {"m_~.py": "class B:\n  def m(self, x): return x * @"}, "2", "3"),
    ("import m_~, pandas as pd\ndef f(x):\n  L = m_~.LIMIT\n  return len(pd.DataFrame({'x': range(6)}).query('x > %L'))", {"m_~.py": "LIMIT = @"}, "2", "3"),
    ("import m_~\nk = m_~.K()\ndef f(x): return k.w * x", {"m_~.py": "class K:\n  w = @"}, "2", "3"),
    ("import m_~\ndef f(x): return m_~.f_~(x)", {"m_~.py": "import functools\n%functools.lru_cache\ndef f_~(x): return x * @"}, "2", "3"),
    ("import m_~\ndef f(x): return m_~.calc(x)", {"m_~.py": "def _d(g):\n  def w(x): return g(x) * @\n  return w\n%_d\ndef calc(x): return x"}, "2", "3"),
    ("import m_~\ndef f(x): return m_~.T[0] * x", {"m_~.py": "T = []\ndef _fill(): T.append(@)\n_fill()"}, "2", "3"),
    ("import m_~\ndef f(x): return m_~.w() * x", {"m_~.py": "if __name__ != '__main__':\n  def w(): return @"}, "2", "3"),
    ("import statistics_~ as s\ndef f(x): return s.mean([x, x])", {"statistics_~.py": "def mean(v): return v[0] * @"}, "2", "3"),
    ("import m_~\nk = m_~.K()\nk.t\nm_~.W = 0\ndef f(x): return k.t * x", {"m_~.py": "import functools, w_~\nW = w_~.W\nclass K:\n  %functools.cached_property\n  def t(self): return W", "w_~.py": "W = @"}, "2", "3"),
    ("import m_~\nk = m_~.K()\nk.t\ndef f(x): return k.t * x", {"m_~.py": "import functools\nclass K:\n  %functools.cached_property\n  def t(self):\n    with open('d_~.txt') as file: return int(file.read())", "d_~.txt": "@"}, "2", "3"),
    ("import m_~\ndef f(x): return m_~.g(x)", {"m_~.py": "import functools\n%functools.singledispatch\ndef g(v): return 0\n%g.register\ndef _(v: int): return v * @"}, "2", "3"),
    ("import m_~\ndef f(x): return m_~.v(x)", {"m_~.py": "def v(x):\n  import n_~\n  return n_~.W * x", "n_~.py": "W = @"}, "2", "3"),
)  # fmt: skip

DATA = files(
    "files",
    ("def f(x):\n  with open('d_~.txt') as file: return int(file.read()) * x", {"d_~.txt": "@"}, "2", "3"),
    ("import pathlib\ndef f(x): return int(pathlib.Path('d_~.txt').read_text()) * x", {"d_~.txt": "@"}, "2", "3"),
    ("import json\ndef f(x):\n  with open('d_~.json') as file: return json.load(file)['w'] * x", {"d_~.json": '{"w": @}'}, "2", "3"),
    ("import csv\ndef f(x):\n  with open('d_~.csv') as file: return int(next(csv.DictReader(file))['w']) * x", {"d_~.csv": "w\n@\n"}, "2", "3"),
    ("import pandas as pd\ndef f(x): return int(pd.read_csv('d_~.csv')['w'][0]) * x", {"d_~.csv": "w\n@\n"}, "2", "3"),
    ("import configparser\ndef f(x):\n  c = configparser.ConfigParser()\n  c.read('d_~.ini')\n  return int(c['a']['w']) * x", {"d_~.ini": "[a]\nw = @\n"}, "2", "3"),
    ("import numpy as np\ndef f(x): return int(np.loadtxt('d_~.txt')) * x", {"d_~.txt": "@"}, "2", "3"),
    ("import numpy as np\ndef f(x): return int(np.fromfile('d_~.bin', dtype='u1')[0]) * x", {"d_~.bin": "@"}, "2", "3"),
    ("import m_~\ndef f(x): return m_~.W * x", {"m_~.py": "import json\nwith open('d_~.json') as file: W = json.load(file)", "d_~.json": "@"}, "2", "3"),
    ("import p_~\ndef f(x): return p_~.w() * x", {"p_~/__init__.py": "import pkgutil\ndef w(): return int(pkgutil.get_data('p_~', 'd.txt'))", "p_~/d.txt": "@"}, "2", "3"),
    ("import p_~\ndef f(x): return p_~.w() * x", {"p_~/__init__.py": "import importlib.resources as r\ndef w(): return int(r.files('p_~').joinpath('d.txt').read_text())", "p_~/d.txt": "@"}, "2", "3"),
    ("import p_~\ndef f(x): return p_~.W * x", {"p_~/__init__.py": "W = int(__loader__.get_data(__file__.replace('__init__.py', 'd.txt')))", "p_~/d.txt": "@"}, "2", "3"),
    ("import mmap\ndef f(x):\n  with open('d_~.txt', 'rb') as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as m: return int(m[:1]) * x", {"d_~.txt": "@"}, "2", "3"),
    ("import tomllib\ndef f(x):\n  with open('d_~.toml', 'rb') as file: return tomllib.load(file)['w'] * x", {"d_~.toml": "w = @"}, "2", "3"),
    ("import xml.etree.ElementTree as e\ndef f(x): return int(e.parse('d_~.xml').getroot().text) * x", {"d_~.xml": "<a>@</a>"}, "2", "3"),
    ("import m_~\ndef f(x): return m_~.w() * x", {"m_~.py": "import functools\n%functools.lru_cache(maxsize=None)\ndef w():\n  with open('d_~.txt') as file: return int(file.read())", "d_~.txt": "@"}, "2", "3"),
    ("MODEL = None\ndef f(x):\n  global MODEL\n  if MODEL is None:\n    with open('d_~.txt') as file: MODEL = int(file.read())\n  return MODEL * x", {"d_~.txt": "@"}, "2", "3"),
    ("import os\ndef f(x): return os.path.getsize('d_~.txt') * x", {"d_~.txt": "@"}, "2", "333"),
    ("import importlib.util as u\ndef f(x):\n  s = u.spec_from_file_location('strange_~', 'd_~.py')\n  m = u.module_from_spec(s)\n  s.loader.exec_module(m)\n  return m.W * x", {"d_~.py": "W = @"}, "2", "3"),
    ("import m_~\ndef f(x): return m_~.w() * x", {"m_~.py": "from importlib.machinery import SourceFileLoader as L\ndef w(): return L('other_~', 'd_~.py').load_module().W", "d_~.py": "W = @"}, "2", "3"),
    ("import runpy\ndef f(x): return runpy.run_path('d_~.py')['W'] * x", {"d_~.py": "W = @"}, "2", "3"),
    ("import zipfile, io\ndef f(x):\n  with open('d_~.txt', 'rb') as file: return int(io.TextIOWrapper(io.BufferedReader(io.BytesIO(file.read()))).read()) * x", {"d_~.txt": "@"}, "2", "3"),
    ("import linecache\ndef f(x): return int(linecache.getline('d_~.txt', 1)) * x", {"d_~.txt": "@\n"}, "2", "3"),
    ("import gzip, os\ndef f(x):\n  fd = os.open('d_~.txt', os.O_RDONLY)\n  try: return int(os.read(fd, 9)) * x\n  finally: os.close(fd)", {"d_~.txt": "@"}, "2", "3"),
    ("import fileinput\ndef f(x):\n  with fileinput.input('d_~.txt') as lines: return int(next(lines)) * x", {"d_~.txt": "@"}, "2", "3"),
    ("import duckdb\nQ = duckdb\ndef f(x):\n  with Q.connect() as c: return c.execute(\"select w from read_csv('d_~.csv')\").fetchone()[0] * x", {"d_~.csv": "w\n@\n"}, "2", "3"),
    ("import pyarrow as pa\nimport pyarrow.csv as c\ndef f(x): return c.read_csv('d_~.csv')['w'][0].as_py() * x", {"d_~.csv": "w\n@\n"}, "2", "3"),
    ("import pyarrow as pa\ndef f(x):\n  with pa.OSFile('d_~.txt') as file: return int(file.read()) * x", {"d_~.txt": "@"}, "2", "3"),
    ("import pyarrow.fs as s\nL = s.LocalFileSystem()\ndef f(x):\n  with L.open_input_file('d_~.txt') as file: return int(file.read()) * x", {"d_~.txt": "@"}, "2", "3"),
)  # fmt: skip

LIBRARIES = libraries(
    "libraries",
    ("import lib_~\ndef f(x): return lib_~.g(x)", {"lib_~/__init__.py": "def g(x): return x * @"}, "2", "3", "again"),
    ("import lib_~\ndef f(x): return lib_~.g(x)", {"lib_~/__init__.py": "def g(x): return x * @"}, "2", "3", "place"),
    ("import lib_~\ndef f(x): return lib_~.g(x)", {"lib_~/__init__.py": "def g(x): return x * @"}, "2", "30", "place"),
    ("import lib_~\ndef f(x): return lib_~.g(x)", {"lib_~/__init__.py": "from .deep.er import g", "lib_~/deep/__init__.py": "", "lib_~/deep/er.py": "def g(x): return x * @"}, "2", "3", "again"),
    ("from lib_~.deep import er\ndef f(x): return er.g(x)", {"lib_~/deep/er.py": "def g(x): return x * @"}, "2", "3", "place"),
    ("import lib_~\ndef f(x): return lib_~.g(x)", {"lib_~.py": "def g(x): return x * @"}, "2", "3", "again"),
    ("import lib_~\ndef f(x): return lib_~.W * x", {"lib_~/__init__.py": "import os\nwith open(os.path.join(os.path.dirname(__file__), 'w.yaml')) as file: W = int(file.read())", "lib_~/w.yaml": "@"}, "2", "3", "place"),
    ("import lib_~\ndef f(x): return lib_~.w() * x", {"lib_~/__init__.py": "import os\ndef w():\n  with open(os.path.join(os.path.dirname(__file__), 'w.csv')) as file: return int(file.read())", "lib_~/w.csv": "@"}, "2", "3", "again"),
    ("import lib_~\ndef f(x): return lib_~.W * x", {"lib_~/__init__.py": "import pkgutil\nW = int(pkgutil.get_data('lib_~', 'w.dat2'))", "lib_~/w.dat2": "@"}, "2", "3", "place"),
    ("import lib_~\ndef f(x): return lib_~.g(x)", {"lib_~/__init__.py": "try:\n  from .extra import g\nexcept ImportError:\n  def g(x): return x", "!lib_~/extra.py": "def g(x): return x * @"}, "2", "3", "place"),
    ("import lib_~\ndef f(x): return lib_~.g(x)", {"lib_~/__init__.py": "import pkgutil, importlib\nfor m in pkgutil.iter_modules(__path__): g = importlib.import_module(__name__ + '.' + m.name).g", "!lib_~/plug/__init__.py": "def g(x): return x * @"}, "2", "3", "place"),
    ("import lib_~\ndef f(x): return lib_~.K().w * x", {"lib_~/__init__.py": "from .k import K", "lib_~/k.py": "class K:\n  w = @"}, "2", "3", "again"),
    ("import lib_~\nk = lib_~.K()\ndef f(x): return k.w() * x", {"lib_~/__init__.py": "class K:\n  def w(self): return @"}, "2", "3", "again"),
    ("import lib_~\ndef f(x): return lib_~.g(x)", {"lib_~/__init__.py": "import dep_~\ndef g(x): return dep_~.W * x", "+dep_~/__init__.py": "W = @"}, "2", "3", "again"),
    ("import lib_~\ndef f(x): return lib_~.g(x)", {"lib_~/__init__.py": "import dep_~\ndef g(x): return dep_~.W * x", "+dep_~/__init__.py": "W = @"}, "2", "3", "place"),
    ("import lib_~\ndef f(x): return lib_~.g(x)", {"lib_~/__init__.py": "from importlib.metadata import entry_points\ndef g(x): return sum(e.load()(x) for e in entry_points(group='group_~'))", "+plug_~/__init__.py": "def w(x): return x * @"}, "2", "3", "again"),
)  # fmt: skip


def environments(kind: str, *texts: tuple[str, Mapping[str, str], str, str, str]) -> Iterator[Case]:
    """Programs that do not change: text, files, a variable of the environment, and what it is in each application."""
    for number, (text, contents, variable, one, two) in enumerate(texts):
        word = f"{kind}{number}"
        own = {n.replace("~", word): t.replace("~", word) for n, t in contents.items()}
        text = text.replace("~", word)
        yield Case(kind, word, (text, text), (own, own), environment=({variable: one}, {variable: two}))


ENVIRONMENT = environments(
    "environment",
    ("import os\ndef f(x): return os.environ.get('ACC', 'none')", {}, "ACC", "1", "2"),
    ("from os import environ\ndef f(x): return environ['ACC']", {}, "ACC", "1", "2"),
    ("from os import environ as E\nW = E['ACC']\ndef f(x): return W", {}, "ACC", "1", "2"),
    ("import m_~\ndef f(x): return m_~.W", {"m_~.py": "import os\nW = os.environ['ACC']"}, "ACC", "1", "2"),
    ("import m_~\ndef f(x): return m_~.W", {"m_~.py": "from os import environ\nW = environ['ACC']"}, "ACC", "1", "2"),
    ("import m_~\ndef f(x): return m_~.W", {"m_~.py": "from os import getenv as g\nW = g('ACC')"}, "ACC", "1", "2"),
    ("import m_~\ndef f(x): return m_~.C().w", {"m_~.py": "import os\nclass C:\n  w = os.environ.get('ACC')"}, "ACC", "1", "2"),
    ("import m_~\ndef f(x): return m_~.w()", {"m_~.py": "import os\ndef w(d=os.environ.get('ACC')): return d"}, "ACC", "1", "2"),
    ("import os\nE = dict(os.environ)\ndef f(x): return E['ACC']", {}, "ACC", "1", "2"),
    ("import m_~\ndef f(x): return m_~.W", {"m_~.py": "import os as _o\n_e = getattr(_o, 'environ')\nW = _e['ACC']"}, "ACC", "1", "2"),
    ("import m_~\ndef f(x): return m_~.W", {"m_~.py": "def _load():\n  from os import environ\n  return environ['ACC']\nW = _load()"}, "ACC", "1", "2"),
    ("import m_~\ndef f(x): return m_~.W", {"m_~.py": "import os.path as p\nW = p.expandvars('$ACC')"}, "ACC", "1", "2"),
    ("import m_~\ndef f(x): return m_~.W", {"m_~.py": "import sys\n_os = sys.modules['os']\nW = _os.environ['ACC']"}, "ACC", "1", "2"),
    ("import m_~\ndef f(x): return m_~.W", {"m_~.py": "class S:\n  def __init__(self):\n    import os\n    self.w = os.environ['ACC']\nW = S().w"}, "ACC", "1", "2"),
    ("import m_~\ndef f(x): return m_~.W", {"m_~.py": "import string\nW = string.os.environ['ACC'] if hasattr(string, 'os') else __import__('os').environ['ACC']"}, "ACC", "1", "2"),
    ("import m_~\ndef f(x): return m_~.W", {"m_~.py": "from os import environb\nW = environb[b'ACC'].decode()"}, "ACC", "1", "2"),
    ("def f(x):\n  with open('d_~.txt') as file: return file.read()", {"d_~.txt": "a\u00e9"}, "PYTHONUTF8", "1", "0"),
    ("import datetime\ndef f(x): return datetime.datetime.fromtimestamp(x).isoformat()", {}, "TZ", "UTC", "Asia/Tokyo"),
    ("def f(x):\n  y = 0\n  if __debug__: y = 1\n  return y", {}, "PYTHONOPTIMIZE", "", "1"),
    ("def g():\n  'doc'\ndef f(x):\n  import inspect\n  return str(inspect.getdoc(g))", {}, "PYTHONOPTIMIZE", "", "2"),
    ("import warnings\ndef f(x):\n  try:\n    warnings.warn('x', DeprecationWarning)\n    return 'quiet'\n  except DeprecationWarning: return 'loud'", {}, "PYTHONWARNINGS", "default", "error::DeprecationWarning"),
    ("def f(x):\n  try: return len(str(10 ** 5000))\n  except ValueError: return -1", {}, "PYTHONINTMAXSTRDIGITS", "4300", "0"),
    ("import tempfile\ndef f(x): return tempfile.gettempdir()", {}, "TMPDIR", "/tmp", "/var/tmp"),
    ("import pathlib\ndef f(x): return str(pathlib.Path('\x7f').expanduser())", {}, "HOME", "/root", "/nowhere"),
    ("import m_~\ndef f(x): return m_~.H", {"m_~.py": "import pathlib\nH = str(pathlib.Path.home())"}, "HOME", "/root", "/nowhere"),
    ("import getpass\ndef f(x): return getpass.getuser()", {}, "LOGNAME", "ann", "bob"),
    ("import m_~\ndef f(x): return m_~.W", {"m_~.py": "import locale\nW = locale.getpreferredencoding(False)"}, "PYTHONUTF8", "1", "0"),
    ("def f(x): return len({'north', 'south', 'east', 'west'}) and str(set('abcdefgh'))", {}, "PYTHONHASHSEED", "1", "2"),
)  # fmt: skip


def neighbours(*texts: tuple[str, str, Mapping[str, str]]) -> Iterator[Case]:
    """Programs that do not change, and another function that changes what they find: text, the other one, files."""
    for number, (text, other, contents) in enumerate(texts):
        word = f"neighbours{number}"
        own = {n.replace("~", word): t.replace("~", word) for n, t in contents.items()}
        text, other = text.replace("~", word), other.replace("~", word)
        yield Case("neighbours", word, (text, text), (own, own), before=other)


_REGISTRY = "R = {}\ndef reg(n):\n  def d(g): R[n] = g; return g\n  return d\n"
NEIGHBOURS = neighbours(
    ("import m_~\ndef f(x): return str(sorted(m_~.R))", "import n_~\ndef f(x): return n_~.q(x)", {"m_~.py": _REGISTRY, "n_~.py": "import m_~\n%m_~.reg('a')\ndef q(x): return x"}),
    ("import m_~\ndef f(x): return str(sorted(m_~.R))", "def f(x):\n  import m_~, n_~\n  return n_~.q(x)", {"m_~.py": _REGISTRY, "n_~.py": "import m_~\n%m_~.reg('a')\ndef q(x): return x"}),
    ("import m_~\ndef f(x): return m_~.g(x)", "import n_~\ndef f(x): return n_~.q(x)", {"m_~.py": "def g(x): return x", "n_~.py": "import m_~\nm_~.g = lambda x: x * 9\ndef q(x): return x"}),
    ("import m_~\ndef f(x): return m_~.K.w", "import m_~\ndef f(x):\n  m_~.K.w = 7\n  return x", {"m_~.py": "class K:\n  w = 1"}),
    ("import m_~\ndef f(x): return m_~.g(x)", "import n_~\ndef f(x): return n_~.q(x)", {"m_~.py": "import functools\n%functools.singledispatch\ndef g(v): return 0", "n_~.py": "import m_~\n%m_~.g.register\ndef _(v: int): return v * 9\ndef q(x): return x"}),
    ("import pandas as pd\ndef f(x): return str(pd.DataFrame({'a': [1 / 3]}))", "import n_~\ndef f(x): return n_~.q(x)", {"n_~.py": "import pandas as pd\npd.options.display.precision = 2\ndef q(x): return x"}),
    ("import pandas as pd\ndef f(x): return str(pd.DataFrame({'a': [1 / 3]}))", "import pandas as pd\ndef f(x):\n  pd.options.display.precision = 2\n  return x", {}),
    ("import pandas as pd\ndef f(x): return str(pd.DataFrame({'a': [1 / 3]}))", "def f(x):\n  import pandas\n  getattr(pandas, 'set_' + 'option')('display.precision', 2)\n  return x", {}),
    ("import numpy as np\ndef f(x): return str(np.float64(1) / np.array([3.0]))", "import n_~\ndef f(x): return n_~.q(x)", {"n_~.py": "import numpy as np\n_o = getattr(np, 'set_print' + 'options')\n_o(precision=2)\ndef q(x): return x"}),
    ("import html\ndef f(x): return html.escape('<')", "import n_~\ndef f(x): return n_~.q(x)", {"n_~.py": "import html\n_d = html.escape\nhtml.escape = lambda v: 'patched'\ndef q(x): return x"}),
    ("import html\ndef f(x): return html.escape('<')", "import n_~\ndef f(x): return n_~.q(x)", {"n_~.py": "import html\ndef _patch(): html.escape = lambda v: 'patched'\n_patch()\ndef q(x): return x"}),
    ("import html\ndef f(x): return html.escape('<')", "import n_~\ndef f(x): return n_~.q(x)", {"n_~.py": "import html\nsetattr(html, 'escape', lambda v: 'patched')\ndef q(x): return x"}),
    ("import html\ndef f(x): return html.escape('<')", "def f(x):\n  import html\n  html.escape = lambda v: 'patched'\n  return x", {}),
    ("import html\ndef f(x): return html.escape('<')", "import html as j\ndef f(x):\n  setattr(j, 'escape', lambda v: 'patched')\n  return x", {}),
    ("import html\ndef f(x): return html.escape('<')", "import html as j\ndef f(x):\n  j.__dict__['escape'] = lambda v: 'patched'\n  return x", {}),
    ("import calendar\ndef f(x): return str(calendar.monthcalendar(2020, 1)[0])", "import calendar\ndef f(x):\n  calendar.setfirstweekday(6)\n  return x", {}),
    ("import calendar\ndef f(x): return str(calendar.monthcalendar(2020, 1)[0])", "import n_~\ndef f(x): return n_~.q(x)", {"n_~.py": "import calendar\ncalendar.setfirstweekday(6)\ndef q(x): return x"}),
    ("import csv\ndef f(x):\n  try: return str(list(csv.reader(['a' * 99])))[:20]\n  except csv.Error as e: return str(e)", "import csv\ndef f(x):\n  csv.field_size_limit(5)\n  return x", {}),
    ("import warnings\ndef f(x):\n  try:\n    warnings.warn('x')\n    return 'quiet'\n  except UserWarning: return 'loud'", "import n_~\ndef f(x): return n_~.q(x)", {"n_~.py": "import warnings\nwarnings.simplefilter('error')\ndef q(x): return x"}),
    ("from decimal import Decimal\ndef f(x): return str(Decimal(1) / 3)", "import n_~\ndef f(x): return n_~.q(x)", {"n_~.py": "import decimal\ndecimal.getcontext().prec = 4\ndef q(x): return x"}),
    ("def f(x): return sum([x])", "import n_~\ndef f(x): return n_~.q(x)", {"n_~.py": "import builtins\nbuiltins.sum = lambda v: -1\ndef q(x): return x"}),
    ("import string\ndef f(x): return string.digits[:3]", "import string\ndef f(x):\n  string.digits = 'abc'\n  return x", {}),
    ("import sys\ndef f(x): return sys.getrecursionlimit()", "import sys\ndef f(x):\n  sys.setrecursionlimit(5000)\n  return x", {}),
    ("import random\ndef f(x): return str(random.Random(x).random())[:5]", "import random\ndef f(x):\n  random.Random.random = lambda self: 0.5\n  return x", {}),
    ("import m_~, collections.abc\ndef f(x): return str(isinstance(m_~.K(), collections.abc.Sized))", "import n_~\ndef f(x): return n_~.q(x)", {"m_~.py": "class K: pass", "n_~.py": "import m_~, collections.abc\ncollections.abc.Sized.register(m_~.K)\ndef q(x): return x"}),
)  # fmt: skip


def _all() -> list[Case]:
    found = [
        *NAMES,
        *ANNOTATIONS,
        *SHADOWS,
        *VALUES,
        *ENUMS,
        *MODULES,
        *DATA,
        *LIBRARIES,
        *ENVIRONMENT,
        *NEIGHBOURS,
    ]
    return [
        c._replace(
            code=tuple(t.replace("%", "@").replace("\x7f", "~") if "%(" not in t else t for t in c.code),
            before=c.before.replace("%", "@"),
            files=tuple(
                {n: t.replace("%", "@") if n.endswith(".py") else t for n, t in m.items()} for m in c.files
            ),
        )
        for c in found
    ]


CASES = _all()


def install(directory: Path, name: str, contents: Mapping[str, str]) -> None:
    """As an installer does it; what begins with ``!`` is put beside it by somebody else."""
    record = []
    for path, text in contents.items():
        to = directory / path.lstrip("!")
        to.parent.mkdir(parents=True, exist_ok=True)
        to.write_text(text)
        if not path.startswith("!"):
            digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
            record.append(f"{path},sha256={digest},{len(text.encode())}")
    info = directory / f"{name}-1.0.dist-info"
    info.mkdir(exist_ok=True)
    requires = "".join(
        f"Requires-Dist: {n}\n" for n in [name.replace("lib_", "dep_")] if name.startswith("lib_")
    )
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n{requires}")
    if name.startswith("plug_"):
        (info / "entry_points.txt").write_text(f"[group_{name[5:]}]\nw = {name}:w\n")
    (info / "RECORD").write_text("\n".join([*record, f"{info.name}/RECORD,,"]) + "\n")


def prepare(case: Case, application: int, directory: Path, site: Path) -> None:
    """The files and libraries of a case as they are in an application, 0 or 1."""
    for name, text in case.files[application].items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists() or path.read_text() != text:
            path.write_text(text)
    contents = case.libraries[application]
    if not contents:
        return
    own = {n: t for n, t in contents.items() if not n.startswith("+")}
    other = {n[1:]: t for n, t in contents.items() if n.startswith("+")}
    for members, name in ((own, f"lib_{case.name}"), (other, next(iter(other), "/").partition("/")[0])):
        if members and (application == 0 or case.how == "again"):
            install(site, name, members)
        for path, text in members.items():
            to = site / path.lstrip("!")
            if to.read_text() != text:
                before = to.stat()
                to.write_text(text)
                os.utime(to, ns=(before.st_atime_ns, before.st_mtime_ns))
