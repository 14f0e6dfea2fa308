# SPDX-License-Identifier: Apache-2.0
"""Functions that people write every day: they have an identity, and a worker proves it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from proofs import Worker, define, environment, files

from sparkdiskcache.fnhash import FunctionRefused, hash_function

HELPERS = {
    "geo.py": "import math\nRADIUS = 6371.0\ndef haversine(a, b):\n    return 2 * RADIUS * math.asin(math.sqrt(abs(math.sin(a - b))))\n",
    "shop/__init__.py": "from .prices import rate\n__all__ = ['rate']\n",
    "shop/prices.py": "from decimal import Decimal\nRATES = {'a': Decimal('1.5'), 'b': Decimal(2)}\ndef rate(k): return float(RATES.get(k, 0))\n",
    "shop/rules.py": "RULES = {}\ndef rule(name):\n    def deco(f):\n        RULES[name] = f\n        return f\n    return deco\n@rule('a')\ndef first(x): return x + 1\n@rule('b')\ndef second(x): return x * 2\n",
    "shop/udfs.py": "from pyspark.sql import Row\nfrom pyspark.sql import functions as F\nfrom pyspark.sql.types import LongType, StructType\nSCHEMA = StructType().add('a', LongType())\ndef pair(x): return Row(a=x)\n@F.udf(LongType())\ndef plus(x): return x + 1\n",
    "shop/models.py": "import dataclasses, enum, logging\nlog = logging.getLogger(__name__)\nclass Kind(enum.Enum):\n    A = 'a'\n    B = 'b'\n@dataclasses.dataclass(frozen=True)\nclass Order:\n    n: int\n    kind: Kind = Kind.A\n    def total(self): return self.n * 2\n",
    "fallback.py": "try:\n    import ujson_of_nobody as json\nexcept ImportError:\n    import json\ndef parse(x): return json.loads(x)\n",
    "spaces/part/leaf.py": "def leaf(x): return x + 1\n",
    "cached.py": "import functools\n@functools.lru_cache(maxsize=None)\ndef square(x): return x * x\n",
    "lazy.py": "import re\n_PATTERN = None\ndef pattern():\n    global _PATTERN\n    if _PATTERN is None:\n        _PATTERN = re.compile('[0-9]+')\n    return _PATTERN\ndef digits(x): return pattern().findall(str(x))\n",
    "main_too.py": "import argparse\ndef work(x): return x + 1\ndef main():\n    print(argparse.ArgumentParser().parse_args())\nif __name__ == '__main__':\n    main()\n",
}  # fmt: skip

EVERYDAY = [
    "def f(x): return x + 1",
    "f = lambda x: x * 2",
    "def f(x): return None if x is None else str(x).strip().upper()",
    "import re\nP = re.compile(r'(\\d+)')\ndef f(x): return P.sub('#', str(x))",
    "import re\ndef f(x): return re.findall('[a-z]+', str(x))",
    "import json\ndef f(x): return json.dumps({'x': x}, sort_keys=True)",
    "import json\ndef f(x):\n    try: return json.loads(str(x)).get('a')\n    except (ValueError, AttributeError): return None",
    "import math\ndef f(x): return math.sqrt(abs(x)) + math.pi",
    "import datetime as dt\ndef f(x): return dt.date(2020, 1, 1) + dt.timedelta(days=x)",
    "from datetime import datetime\ndef f(x): return datetime.strptime('2020-01-0%d' % x, '%Y-%m-%d').weekday()",
    "from datetime import datetime, timezone\ndef f(x): return datetime.fromtimestamp(x, timezone.utc).isoformat()",
    "from zoneinfo import ZoneInfo\nimport datetime as dt\nZ = ZoneInfo('Europe/Paris')\ndef f(x): return dt.datetime(2020, 1, x, tzinfo=Z).isoformat()",
    "import hashlib\ndef f(x): return hashlib.sha256(str(x).encode()).hexdigest()",
    "import base64\ndef f(x): return base64.b64encode(str(x).encode()).decode()",
    "import uuid\ndef f(x): return str(uuid.uuid5(uuid.NAMESPACE_DNS, str(x)))",
    "from urllib.parse import urlparse\ndef f(x): return urlparse('http://a/%s' % x).path",
    "import unicodedata\ndef f(x): return unicodedata.normalize('NFKD', str(x))",
    "from decimal import Decimal, ROUND_HALF_UP\ndef f(x): return Decimal(x).quantize(Decimal('0.01'), ROUND_HALF_UP)",
    "import collections\ndef f(x): return collections.Counter(str(x)).most_common(1)[0][0]",
    "import itertools\ndef f(x): return list(itertools.accumulate(range(x)))",
    "import functools, operator\ndef f(x): return functools.reduce(operator.mul, range(1, x + 1), 1)",
    "import string\ndef f(x): return ''.join(c for c in str(x) if c in string.digits)",
    "import os\ndef f(x): return os.path.basename(os.path.join('a', str(x)))",
    "import statistics\ndef f(x): return statistics.mean([x, x + 1])",
    "import bisect\nLIMITS = [1, 10, 100]\ndef f(x): return bisect.bisect(LIMITS, x)",
    "import difflib\ndef f(x): return difflib.SequenceMatcher(None, str(x), '12').ratio()",
    "import textwrap\ndef f(x): return textwrap.shorten(str(x) * 50, 20)",
    "import html\ndef f(x): return html.escape('<%s>' % x)",
    "import ipaddress\ndef f(x): return int(ipaddress.ip_address('10.0.0.%d' % x))",
    "import struct\ndef f(x): return struct.pack('>i', x)",
    "import calendar\ndef f(x): return calendar.monthrange(2020, x)[1]",
    "import time\ndef f(x): return time.strptime('2020-01-0%d' % x, '%Y-%m-%d').tm_yday",
    "import copy\nD = {'a': [1]}\ndef f(x):\n    d = copy.deepcopy(D)\n    d['a'].append(x)\n    return d",
    "import csv, io\ndef f(x): return next(csv.reader(io.StringIO('%s,b' % x)))",
    "import xml.etree.ElementTree as ET\ndef f(x): return ET.fromstring('<a>%s</a>' % x).text",
    "TABLE = {'a': 1, 'b': 2}\ndef f(x, **kw): return TABLE.get(x, ()), kw.get('k', ())",
    "TABLE = {i: str(i) for i in range(1000)}\ndef f(x): return TABLE[x]",
    "KNOWN = {'a', 'b'}\ndef f(x): return str(x) in KNOWN",
    "STOP = frozenset(['the', 'a'])\ndef f(x): return [w for w in str(x).split() if w not in STOP]",
    "def g(d): return dict(**d)\ndef f(x): return g({'a': x})",
    "def f(x, *, scale=2, offset=0): return x * scale + offset",
    "def scaled(n):\n    def f(x): return x * n\n    return f\nf = scaled(3)",
    "import functools\ndef g(a, b): return a + b\nf = functools.partial(g, 1)",
    "def deco(g):\n    import functools\n    @functools.wraps(g)\n    def w(x): return None if x is None else g(x)\n    return w\n@deco\ndef f(x): return x + 1",
    "import collections\nP = collections.namedtuple('P', 'a b')\ndef f(x): return P(x, x)._asdict()",
    "import dataclasses\n@dataclasses.dataclass(frozen=True)\nclass C:\n    rate: float = 0.2\n    names: tuple = ('a',)\nCONF = C()\ndef f(x): return x * CONF.rate",
    "import dataclasses\n@dataclasses.dataclass\nclass C:\n    table: dict = dataclasses.field(default_factory=dict)\nCONF = C({'a': 1})\ndef f(x): return CONF.table.get(x)",
    "import enum\nclass Color(enum.Enum):\n    RED = 1\n    BLUE = 2\ndef f(x): return Color(x).name",
    "import enum\nclass Level(enum.IntFlag):\n    LOW = 1\n    HIGH = 2\ndef f(x): return bool(Level(x) & Level.LOW)",
    "class Scorer:\n    def __init__(self, w): self.w = w\n    def __call__(self, x): return x * self.w\nf = Scorer(2)",
    "class Parser:\n    SEP = ','\n    @staticmethod\n    def split(x): return str(x).split(Parser.SEP)\n    @classmethod\n    def first(cls, x): return cls.split(x)[0]\ndef f(x): return Parser.first(x)",
    "class Node:\n    def __init__(self): self.kids = [self]\nn = Node()\ndef f(x): return len(n.kids)",
    "import types\nCONF = types.SimpleNamespace(rate=2)\ndef f(x): return x * CONF.rate",
    "import pathlib\nROOT = pathlib.PurePosixPath('/data')\ndef f(x): return str(ROOT / str(x))",
    "from pathlib import Path\nROOT = Path('/data')\ndef f(x): return str(ROOT / str(x))",
    "import random\ndef f(x): return random.Random(x).random()",
    "import random\nR = random.Random(7)\ndef f(x): return R.getstate()[0]",
    "import numpy as np\ndef f(x): return float(np.log1p(abs(x)))",
    "import numpy as np\nW = np.arange(6.0).reshape(2, 3)\ndef f(x): return float((W * x).sum())",
    "import numpy as np\ndef f(x): return np.random.default_rng(x).normal()",
    "import pandas as pd\nT = pd.DataFrame({'k': ['a', 'b'], 'v': [1, 2]}).set_index('k')\ndef f(x): return T.v.get(x)",
    "import pandas as pd\ndef f(s): return pd.Series([s]).fillna(0).astype('int64').rolling(2).sum().tolist()",
    "import pandas as pd\ndef f(x): return pd.Timestamp('2020-01-01') + pd.Timedelta(days=x)",
    "import pandas as pd\ndef f(x): return pd.to_datetime('2020-01-0%d' % x).day_name()",
    "import pyarrow as pa\nS = pa.schema([('a', pa.int64())])\ndef f(x): return pa.table({'a': [x]}, schema=S).num_rows",
    "from pyspark.sql import Row\ndef f(x): return Row(a=x, b=str(x))",
    "from pyspark.sql.types import StructType, LongType\nS = StructType().add('a', LongType())\ndef f(x): return S.fieldNames()",
    "import logging\nlog = logging.getLogger('job')\ndef f(x):\n    log.warning('x %s', x) if x < 0 else None\n    return x",
    "import warnings\ndef f(x):\n    warnings.simplefilter('ignore') if x < 0 else None\n    return x",
    "MODEL = None\ndef f(x):\n    global MODEL\n    if MODEL is None:\n        import re\n        MODEL = re.compile('a')\n    return MODEL.sub('b', str(x))",
    "import functools\n@functools.lru_cache(maxsize=None)\ndef g(x): return x * 2\nimport cached\ndef f(x): return cached.square(x)",
    "import geo\ndef f(x): return geo.haversine(x, 1.0)",
    "from geo import haversine\ndef f(x): return haversine(x, 1.0)",
    "def f(x):\n    from shop import rate\n    return rate(str(x))",
    "import shop\ndef f(x): return shop.rate(str(x))",
    "from shop.rules import RULES\ndef f(x): return RULES['a'](x)",
    "from shop import rules\ndef f(x): return rules.RULES['b'](x)",
    "from shop.udfs import pair\nf = pair",
    "from shop.models import Order, Kind\nO = Order(3)\ndef f(x): return O.total() + Order(x, Kind('b')).total()",
    "import fallback\ndef f(x): return fallback.parse(str(x))",
    "import spaces.part.leaf\ndef f(x): return spaces.part.leaf.leaf(x)",
    "import lazy\ndef f(x): return lazy.digits(x)",
    "from main_too import work\nf = work",
    "class Words:\n    def eval(self, x):\n        for w in str(x).split(): yield w,\nf = Words",
    "def f(batches):\n    for b in batches: yield b",
    "from typing import Optional, List\ndef f(x: Optional[int]) -> List[str]: return [str(x)]",
    "def f(x):\n    match x:\n        case 1: return 'one'\n        case _: return 'many'",
    "def f(x): return sorted({'a': x}.items(), key=lambda kv: kv[1])",
]  # fmt: skip


@pytest.fixture(scope="module")
def worker() -> Iterator[Worker]:
    worker = Worker()
    yield worker
    worker.close()


@pytest.fixture(scope="module")
def helpers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    directory = files(tmp_path_factory.mktemp("helpers"), HELPERS)
    before = dict(sys.modules)
    sys.path.insert(0, str(directory))
    yield directory
    sys.path.remove(str(directory))
    for name in set(sys.modules) - set(before):
        if name.partition(".")[0] in {Path(n).parts[0].removesuffix(".py") for n in HELPERS}:
            del sys.modules[name]


def test_nearly_all_have_an_identity_that_a_worker_proves(worker: Worker, helpers: Path) -> None:
    assert len(EVERYDAY) >= 80
    refused, unproven = [], []
    for source in EVERYDAY:
        function = define(source)
        try:
            proof = hash_function(function, environment(str(helpers))).proof
        except FunctionRefused as e:
            refused.append((source, str(e)))
            continue
        calls = [1] if "Words" not in source and "batches" not in source else []
        found = worker.prove(function, [str(helpers)], calls)
        if found[:2] != (proof, True):
            unproven.append((source, found))
    print(f"{len(EVERYDAY) - len(refused)} of {len(EVERYDAY)} functions kept", *refused, *unproven, sep="\n")
    assert not unproven
    assert len(refused) <= 0.1 * len(EVERYDAY), refused
