# SPDX-License-Identifier: Apache-2.0
"""The hash of a function, without Spark: what changes it, what does not, what has none."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from sparkdiskcache.fnhash import FunctionRefused, hash_function

HELPER = '''
"""A helper module."""
import re

RATE = 2
UNUSED = 7
WORDS = re.compile("[a-z]+")


def inner(x):
    """What it does."""
    return x * RATE


def twice(x):
    return inner(x) + inner(x)


def other(x):
    return x


class Model:
    factor = 3

    def __init__(self, k):
        self.k = k

    def apply(self, x):
        return x * self.factor + self.k
'''

SCRIPT = '''
import functools
import re
from dataclasses import dataclass

import helper
from helper import Model, twice

LIMIT = 10
ALLOWED = {"north", "south", "east", "west"}
TABLE = {"a": 1, "b": 2}
BIG = list(range(200_000))
MODEL = Model(5)


@dataclass
class Point:
    x: int = 1

    def norm(self):
        return abs(self.x)


POINT = Point(4)


def plain(x):
    """Doc."""
    y = x + 1
    return y if y < LIMIT else -1.5


def in_set(x):
    return x in ALLOWED and x in {"north", "south"}


def joined(x):
    return ",".join({"north", "south", x})


def uses_helper(x):
    return helper.twice(x)


def uses_imported(x):
    return twice(x)


def uses_model(x):
    return MODEL.apply(x)


def uses_point(x):
    return POINT.norm() + x


def big(x):
    return BIG[x]


def looks_up(x):
    return TABLE.get(x, 0)


def closure(factor):
    def scaled(x):
        return x * factor

    return scaled


scaled = closure(3)
partial = functools.partial(plain)
shorter = lambda x: re.sub("a", "b", x)


def default(x, step=1):
    return x + step


@functools.lru_cache
def remembered(x):
    return plain(x)


class Splitter:
    def eval(self, text):
        for word in text.split(" "):
            yield word, LIMIT


names = ["plain", "in_set", "joined", "uses_helper", "uses_imported", "uses_model", "uses_point", "big", "looks_up",
         "scaled", "partial", "shorter", "default", "remembered", "Splitter"]
'''

MAIN = """
import json, sys
from sparkdiskcache.fnhash import hash_function
print(json.dumps({n: (lambda h: [h.digest, h.depends_on_hash_seed])(hash_function(globals()[n])) for n in names}))
"""


def hashes(directory: Path, script: str = SCRIPT, helper: str = HELPER, seed: str = "1") -> dict[str, str]:
    """Digests by name, of the script's functions in a process of its own."""
    (directory / "helper.py").write_text(helper)
    (directory / "script.py").write_text(script + MAIN)
    done = subprocess.run(
        [sys.executable, "-B", "script.py"],
        cwd=directory,
        env={**os.environ, "PYTHONHASHSEED": seed},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return {name: digest for name, (digest, _) in json.loads(done.stdout).items()}


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return hashes(tmp_path_factory.mktemp("base"))


def changed(base: dict[str, str], other: dict[str, str]) -> set[str]:
    assert base.keys() == other.keys()
    return {name for name in base if base[name] != other[name]}


def edited(text: str, before: str, after: str) -> str:
    assert before in text
    return text.replace(before, after)


def test_hash_seed_directory_comments_and_blank_lines_change_nothing(
    base: dict[str, str], tmp_path: Path
) -> None:
    script = "# a comment\n\n\n" + edited(
        SCRIPT, "    y = x + 1\n    return y if y", "    # why\n    y = x + 1\n\n    return y if y"
    )
    helper = "\n\n# a comment\n" + edited(HELPER, "RATE = 2", "RATE   =   2  # twice")
    assert changed(base, hashes(tmp_path, script, helper, seed="77")) == set()


EDITS = {
    "body": ("y < LIMIT", "y <= LIMIT", {"plain", "partial", "remembered"}),
    "constant": ("else -1.5", "else -2.5", {"plain", "partial", "remembered"}),
    "int for bool": ("step=1", "step=True", {"default"}),
    "global": ("LIMIT = 10", "LIMIT = 11", {"plain", "partial", "remembered", "Splitter"}),
    "set": ('"east", "west"}', '"east"}', {"in_set"}),
    "order of a dict": ('{"a": 1, "b": 2}', '{"b": 2, "a": 1}', {"looks_up"}),
    "one of many": ("list(range(200_000))", "list(range(199_999)) + [0]", {"big"}),
    "cell": ("closure(3)", "closure(4)", {"scaled"}),
    "state of an object": ("Model(5)", "Model(6)", {"uses_model"}),
    "state of a dataclass": ("Point(4)", "Point(5)", {"uses_point"}),
    "method of a dataclass": ("abs(self.x)", "abs(self.x) + 1", {"uses_point"}),
    "table function": ('text.split(" ")', 'text.split(",")', {"Splitter"}),
    "lambda": ('re.sub("a", "b", x)', 're.sub("a", "c", x)', {"shorter"}),
    "set whose order shows": (
        '",".join({"north", "south", x})',
        '",".join({"north", "west", x})',
        {"joined"},
    ),
}


@pytest.mark.parametrize("name", EDITS)
def test_an_edit_changes_what_it_reaches(name: str, base: dict[str, str], tmp_path: Path) -> None:
    before, after, expected = EDITS[name]
    assert changed(base, hashes(tmp_path, edited(SCRIPT, before, after))) == expected


HELPER_EDITS = {
    "two levels down": ("x * RATE", "x * RATE + 1"),
    "class attribute": ("factor = 3", "factor = 4"),
    "unused constant": ("UNUSED = 7", "UNUSED = 8"),
    "docstring": ('"""What it does."""', '"""Something else."""'),
    "effect of the import": ("def other", "import re as regex\nregex.purge()\ndef other"),
}


@pytest.mark.parametrize("name", HELPER_EDITS)
def test_a_module_counts_as_a_whole(name: str, base: dict[str, str], tmp_path: Path) -> None:
    before, after = HELPER_EDITS[name]
    assert changed(base, hashes(tmp_path, helper=edited(HELPER, before, after))) == {
        "uses_helper", "uses_imported", "uses_model",
    }  # fmt: skip


def refused(source: str, name: str = "f") -> FunctionRefused:
    scope: dict[str, object] = {"__name__": "__main__"}
    exec(compile(source, "cell", "exec"), scope)
    with pytest.raises(FunctionRefused) as caught:
        hash_function(scope[name])
    return caught.value


REFUSALS = {
    "import time\ndef f(x): return time.time()": "time.time",
    "from time import time\ndef f(x): return time()": "time.time",
    "def f(x):\n    import time as t\n    return t.time()": "time.time",
    "import datetime\ndef f(x): return datetime.datetime.now()": "now",
    "from datetime import date\nd = date\ndef f(x): return d.today()": "today",
    "import random\ndef f(x): return random.random()": "random.random",
    "import numpy as np\ndef f(x): return np.random.normal()": "numpy.random.normal",
    "import uuid\ndef f(x): return str(uuid.uuid4())": "uuid.uuid4",
    "import os\ndef f(x): return os.environ['A']": "environ",
    "from os import getenv\ndef f(x): return getenv('A')": "getenv",
    "import socket\ndef f(x): return socket.gethostname()": "socket.gethostname",
    "import pandas as pd\ndef f(x): return pd.Timestamp('now')": "the text 'now' as a time",
    "import pandas as pd\ndef f(x): return len(pd.read_parquet(x))": "native code",
    "import pyarrow.csv as c\ndef f(x): return c.read_csv(x)": "native code",
    "import time\ndef f(x):\n    t = time\n    return t.sleep(x)": "used as a value",
    "import builtins\ndef f(x): return getattr(builtins, x)": "builtins",
    "def f(x): return eval(x)": "eval()",
    "def f(x): return exec(x)": "exec()",
    "def f(x): return globals()[x]": "globals()",
    "def f(x): return hash(x)": "hash()",
    "from builtins import eval as o\ndef f(x): return o(x)": "eval",
    "n = 0\ndef f(x):\n    global n\n    n += 1\n    return n": "global variable n",
    "seen = []\ndef f(x):\n    seen.append(x)\n    return len(seen)": "captured value seen",
    "seen = {}\ndef f(x):\n    seen[x] = len(seen)\n    return seen[x]": "captured value seen",
    "def g():\n    n = 0\n    def h(x):\n        nonlocal n\n        n += 1\n        return n\n    return h\nf = g()": "captured value n",
    "def f(x, seen=[]):\n    seen.append(x)\n    return len(seen)": "captured value seen",
    "def f(x):\n    f.n = x\n    return f.n": "captured value f",
    "class C:\n    seen = []\ndef f(x):\n    C.seen.append(x)\n    return len(C.seen)": "captured value C",
    "d = {}\ndef f(x):\n    e = d\n    e[x] = 1\n    return len(e)": "captured value d",
    "d = {1: []}\ndef f(x):\n    d[1].append(x)\n    return len(d[1])": "captured value d",
    "import datetime\ndef f(x): return getattr(datetime.datetime, 'now')()": "now",
    "import threading\nlock = threading.Lock()\ndef f(x): return lock": "_thread.lock",
    "import weakref\nclass C: pass\nc = C()\nr = weakref.ref(c)\ndef f(x): return r": "weakref",
    "def f(x): return undefined_name(x)": "undefined_name",
    "import subprocess\ndef f(x): return subprocess.run(x)": "subprocess.run",
    "import importlib\ndef f(x): return importlib.import_module(x)": "importlib",
    "from pyspark import TaskContext\ndef f(x): return TaskContext.get().partitionId()": "TaskContext",
    "def g(x): return x\ndef f(x): return g.__code__": "__code__",
    "counts = iter([1, 2])\ndef f(x): return next(counts)": "captures an iterator",
}  # fmt: skip


@pytest.mark.parametrize("source", REFUSALS)
def test_what_depends_on_more_than_its_arguments_is_refused_by_name(source: str) -> None:
    reason = refused(source)
    assert REFUSALS[source] in str(reason)
    assert reason.place
    assert "\n" not in str(reason)


ACCEPTED = [
    "def f(x):\n    found = []\n    found.append(x)\n    found[0] = x\n    return found",
    "def f(x, found=None):\n    found = found or []\n    found.append(x)\n    return found",
    "import numpy as np\ndef f(x): return np.append(x, 1)",
    "def f(x):\n    n = 0\n    def g():\n        nonlocal n\n        n += 1\n        return n\n    return g()",
    "class C:\n    def __init__(self):\n        self.d = {}\n        self.d['a'] = 1\nc = C()\ndef f(x): return c.d",
    "import time\ndef f(x):\n    time.sleep(0)\n    return x",
    "import os\ndef f(x): return os.path.join(x, 'a')",
    "import logging\nlog = logging.getLogger('a')\ndef f(x):\n    log.info('x')\n    return x",
    "import datetime\ndef f(x): return datetime.datetime.strptime(x, '%Y') - datetime.timedelta(days=1)",
    "from functools import lru_cache\n@lru_cache(maxsize=None)\ndef f(x): return x",
    "import enum\nclass E(enum.Enum):\n    A = 1\ndef f(x): return E(x) is E.A",
    "import collections\nP = collections.namedtuple('P', 'a b')\np = P(1, 2)\ndef f(x): return p.a",
    "import pandas as pd\ntable = pd.DataFrame({'a': [1, 2], 'b': ['x', None]})\ndef f(x): return table.a[x]",
]


@pytest.mark.parametrize("source", ACCEPTED)
def test_ordinary_functions_have_an_identity(source: str) -> None:
    scope: dict[str, object] = {"__name__": "__main__"}
    exec(compile(source, "cell", "exec"), scope)
    assert len(hash_function(scope["f"]).digest) == 64


def test_the_order_of_a_set_counts_only_where_it_shows() -> None:
    scope: dict[str, object] = {"__name__": "__main__"}
    exec(
        "A = {'a', 'b'}\nN = {1, 2}\n"
        "def contains(x): return x in A and x in {'c', 'd'}\n"
        "def numbers(x): return [n for n in N]\n"
        "def shows(x): return [a for a in A]\n"
        "def makes(x): return set(x)\n"
        "def views(x, y): return x.keys() & y.keys()\n",
        scope,
    )
    depends = {
        n: hash_function(scope[n]).depends_on_hash_seed
        for n in ("contains", "numbers", "shows", "makes", "views")
    }
    assert depends == {"contains": False, "numbers": False, "shows": True, "makes": True, "views": True}
