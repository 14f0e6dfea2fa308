# SPDX-License-Identifier: Apache-2.0
"""Functions that do more than compute rows, and functions of the same libraries that do not.

Run as a program it is a worker that proves each of them in turn and prints what it found as JSON. The
files named here are in the working directory.
"""

from __future__ import annotations

import json
import os
import pickle
import sys
import warnings
from typing import Any

# Body of f(x), and the names it needs; what it reads or asks may be another thing tomorrow.
IMPURE = [
    ("return len(open('words.txt').read())", ""),
    ("with open('words.txt', 'rb') as file:\n  return len(file.read())", ""),
    ("o = open\nreturn len(o('words.txt').read())", ""),
    ("import builtins\nreturn len(getattr(builtins, 'open')('words.txt').read())", ""),
    ("return len(io.open('words.txt').read())", "import io"),
    ("return len(codecs.open('words.txt').read())", "import codecs"),
    ("return len(pathlib.Path('words.txt').read_text())", "import pathlib"),
    ("return int(pathlib.Path('words.txt').exists())", "import pathlib"),
    ("return pathlib.Path('words.txt').stat().st_size", "import pathlib"),
    ("return len(list(pathlib.Path('.').iterdir()))", "import pathlib"),
    ("return len(list(pathlib.Path('.').glob('*')))", "import pathlib"),
    ("return int(os.path.exists('nowhere.txt'))", "import os"),
    ("return os.path.getsize('words.txt')", "import os"),
    ("return int(os.path.getmtime('words.txt'))", "import os"),
    ("return os.stat('words.txt').st_size", "import os"),
    ("return len(os.listdir('.'))", "import os"),
    ("return len([e.name for e in os.scandir('.')])", "import os"),
    ("return sum(1 for _ in os.walk('.'))", "import os"),
    ("return len(os.environ)", "import os"),
    ("return len(os.getenv('HOME', ''))", "import os"),
    ("return os.getpid()", "import os"),
    ("return os.cpu_count()", "import os"),
    ("return os.urandom(1)[0]", "import os"),
    ("return os.system('true')", "import os"),
    ("return subprocess.run(['true']).returncode", "import subprocess"),
    ("return len(subprocess.check_output(['date']))", "import subprocess"),
    ("return len(socket.gethostname())", "import socket"),
    ("s = socket.socket()\ntry:\n  return s.connect_ex(('127.0.0.1', 9))\nfinally:\n  s.close()", "import socket"),
    ("try:\n  urllib.request.urlopen('http://127.0.0.1:9/')\nexcept OSError:\n  return 1", "import urllib.request"),
    ("try:\n  http.client.HTTPConnection('127.0.0.1', 9).request('GET', '/')\nexcept OSError:\n  return 1", "import http.client"),
    ("return len(glob.glob('*'))", "import glob"),
    ("return len(linecache.getline('words.txt', 1))", "import linecache"),
    ("return sum(1 for _ in fileinput.input('words.txt'))", "import fileinput"),
    ("return sqlite3.connect('words.db').execute('select 1').fetchone()[0]", "import sqlite3"),
    ("return shutil.disk_usage('.').free % 7", "import shutil"),
    ("return int(time.time())", "import time"),
    ("t = time\nreturn int(t.time())", "import time"),
    ("return int(getattr(time, 'ti' + 'me')())", "import time"),
    ("return time.localtime().tm_yday", "import time"),
    ("return int(time.strftime('%j'))", "import time"),
    ("return datetime.datetime.now().day", "import datetime"),
    ("return date.today().day", "from datetime import date"),
    ("return random.randint(0, 9)", "import random"),
    ("r = random\nreturn int(r.random() * 10)", "import random"),
    ("return int(random.Random().random() * 10)", "import random"),
    ("return int(random.SystemRandom().random() * 10)", "import random"),
    ("return secrets.randbelow(10)", "import secrets"),
    ("return uuid.uuid4().int % 10", "import uuid"),
    ("return uuid.uuid1().int % 10", "import uuid"),
    ("return int(statistics.NormalDist().samples(1)[0])", "import statistics"),
    ("return int(np.random.rand() * 10)", "import numpy as np"),
    ("n = np\nreturn int(n.random.rand() * 10)", "import numpy as np"),
    ("return int(np.random.default_rng().integers(10))", "import numpy as np"),
    ("return int(np.random.default_rng(None).integers(10))", "import numpy as np"),
    ("g = np.random\nreturn int(g.default_rng().integers(10))", "import numpy as np"),
    ("return int(np.random.SeedSequence().entropy % 10)", "import numpy as np"),
    ("return int(np.random.RandomState().randint(10))", "import numpy as np"),
    ("return int(np.random.Generator(np.random.PCG64()).integers(10))", "import numpy as np"),
    ("return int(np.load('weights.npy')[0])", "import numpy as np"),
    ("return int(np.loadtxt('numbers.txt')[0])", "import numpy as np"),
    ("return int(np.fromfile('numbers.bin', dtype='int64')[0])", "import numpy as np"),
    ("return int(np.memmap('numbers.bin', dtype='int64', mode='r')[0])", "import numpy as np"),
    ("return str(np.datetime64('now', 'D'))", "import numpy as np"),
    ("return pd.Timestamp.now().day", "import pandas as pd"),
    ("return pd.Timestamp('now').day", "import pandas as pd"),
    ("return pd.to_datetime('today').day", "import pandas as pd"),
    ("return len(pd.read_csv('table.csv'))", "import pandas as pd"),
    ("return int(pd.Series([1, 2, 3]).sample(1).iloc[0])", "import pandas as pd"),
    ("return len(pd.read_parquet('table.parquet'))", "import pandas as pd"),
    ("return pq.read_table('table.parquet').num_rows", "import pyarrow.parquet as pq"),
    ("return pc.read_csv('table.csv').num_rows", "import pyarrow.csv as pc"),
    ("return ds.dataset('table.parquet').count_rows()", "import pyarrow.dataset as ds"),
    ("return duckdb.sql(\"select count(*) from 'table.csv'\").fetchone()[0]", "import duckdb"),
    ("return Image.open('picture.png').size[0]", "from PIL import Image"),
    ("return json.load(open('settings.json'))['a']", "import json"),
    ("return pickle.load(open('model.pkl', 'rb'))", "import pickle"),
    ("return len(gzip.open('words.gz').read())", "import gzip"),
    ("return len(zipfile.ZipFile('words.zip').namelist())", "import zipfile"),
    ("return psutil.virtual_memory().percent", "import psutil"),
    ("return len(platform.node())", "import platform"),
    ("return len(getpass.getuser())", "import getpass"),
    ("return threading.get_ident() % 10", "import threading"),
    ("return id(x) % 7", ""),
    ("return hash('a') % 7", ""),
    ("decimal.getcontext().prec = 5\nreturn str(decimal.Decimal(1) / 3)", "import decimal"),
    ("return locale.setlocale(locale.LC_ALL, 'C.UTF-8')", "import locale"),
    ("return ctypes.CDLL(None).getpid()", "import ctypes"),
    ("open('written.txt', 'a').write('x')\nreturn 1", ""),
    ("return importlib.import_module('os').getpid()", "import importlib"),
    ("return mmap.mmap(open('words.txt', 'rb').fileno(), 0, access=mmap.ACCESS_READ).size()", "import mmap"),
    ("return configparser.ConfigParser().read('settings.ini')[0]", "import configparser"),
    ("return tomllib.load(open('settings.toml', 'rb'))['a']", "import tomllib"),
    ("return xml.etree.ElementTree.parse('tree.xml').getroot().tag", "import xml.etree.ElementTree"),
]  # fmt: skip

PURE = [
    ("return x + 1", ""),
    ("return len(io.StringIO('abc').read()) + len(io.BytesIO(b'ab').read())", "import io"),
    ("return codecs.encode('abc', 'rot13')", "import codecs"),
    ("return pathlib.PurePosixPath('/a/b.txt').suffix", "import pathlib"),
    ("return str(pathlib.Path('a') / 'b.txt')", "import pathlib"),
    ("return os.path.join('a', 'b') + os.path.splitext('a.txt')[1]", "import os"),
    ("return urllib.parse.urlparse('http://a/b?c=d').query", "import urllib.parse"),
    ("return urllib.parse.quote('a b')", "import urllib.parse"),
    ("return http.HTTPStatus(404).phrase", "import http"),
    ("return sqlite3.complete_statement('select 1;')", "import sqlite3"),
    ("return time.strptime('2020-01-02', '%Y-%m-%d').tm_yday", "import time"),
    ("return datetime.datetime(2020, 1, 2).isoformat()", "import datetime"),
    ("return datetime.datetime.fromisoformat('2020-01-02').day", "import datetime"),
    ("return datetime.datetime.strptime('2020', '%Y').year", "import datetime"),
    ("return (date(2020, 1, 2) - timedelta(days=x)).isoformat()", "from datetime import date, timedelta"),
    ("return random.Random(5).randint(0, 9)", "import random"),
    ("return random.Random(x).sample(range(10), 2)", "import random"),
    ("return str(uuid.uuid5(uuid.NAMESPACE_DNS, 'a'))", "import uuid"),
    ("return str(uuid.UUID(int=x))", "import uuid"),
    ("return statistics.mean([1, 2, x])", "import statistics"),
    ("return statistics.NormalDist(0, 1).cdf(0.5)", "import statistics"),
    ("return statistics.NormalDist().samples(2, seed=7)", "import statistics"),
    ("return float(np.sqrt(x))", "import numpy as np"),
    ("return float(np.mean([1, x]))", "import numpy as np"),
    ("return int(np.random.default_rng(7).integers(10))", "import numpy as np"),
    ("return int(np.random.RandomState(7).randint(10))", "import numpy as np"),
    ("return np.linalg.norm([3.0, 4.0])", "import numpy as np"),
    ("return np.fft.fft([1, 2, 3]).real.tolist()", "import numpy as np"),
    ("return np.array([1, 2, 3]).sum().item()", "import numpy as np"),
    ("return str(np.datetime64('2020-01-01') + np.timedelta64(1, 'D'))", "import numpy as np"),
    ("return pd.Timestamp('2020-01-01').day", "import pandas as pd"),
    ("return pd.to_datetime('2020-01-01').month", "import pandas as pd"),
    ("return pd.to_numeric('5')", "import pandas as pd"),
    ("return int(pd.Series([1, 2, 3]).sample(1, random_state=3).iloc[0])", "import pandas as pd"),
    ("return pd.Series([1, 2, x]).rolling(2).mean().sum()", "import pandas as pd"),
    ("return pd.DataFrame({'a': [1, 2]}).merge(pd.DataFrame({'a': [1]})).shape[0]", "import pandas as pd"),
    ("return len(pd.date_range('2020-01-01', periods=3, freq='D'))", "import pandas as pd"),
    ("return pd.isna(x)", "import pandas as pd"),
    ("return pa.array([1, 2, 3]).to_pylist()", "import pyarrow as pa"),
    ("return pc.sum(pa.array([1, 2])).as_py()", "import pyarrow as pa, pyarrow.compute as pc"),
    ("return Image.new('RGB', (2, 3)).size[1]", "from PIL import Image"),
    ("return json.loads('{\"a\": 1}')['a']", "import json"),
    ("return json.dumps({'a': x}, sort_keys=True)", "import json"),
    ("return pickle.loads(pickle.dumps(x))", "import pickle"),
    ("return len(gzip.compress(b'abc', mtime=0))", "import gzip"),
    ("return zlib.crc32(b'abc')", "import zlib"),
    ("return zipfile.ZipInfo('a').filename", "import zipfile"),
    ("return hashlib.sha256(b'abc').hexdigest()", "import hashlib"),
    ("return hmac.new(b'k', b'm', 'sha256').hexdigest()", "import hmac"),
    ("return base64.b64encode(b'abc').decode()", "import base64"),
    ("return re.sub('[a-z]', 'x', 'abc')", "import re"),
    ("return str(decimal.Decimal(1) / 3)", "import decimal"),
    ("with decimal.localcontext() as c:\n  c.prec = 5\n  return str(decimal.Decimal(1) / 3)", "import decimal"),
    ("return str(fractions.Fraction(1, 3))", "import fractions"),
    ("return math.sqrt(x)", "import math"),
    ("return list(itertools.accumulate([1, 2, x]))", "import itertools"),
    ("return collections.Counter('aab').most_common(1)[0][1]", "import collections"),
    ("return functools.reduce(lambda a, b: a + b, [1, 2, x])", "import functools"),
    ("return unicodedata.normalize('NFKD', 'ä')", "import unicodedata"),
    ("return html.escape('<a>')", "import html"),
    ("return textwrap.shorten('a b c d', 5)", "import textwrap"),
    ("return difflib.SequenceMatcher(None, 'ab', 'ac').ratio()", "import difflib"),
    ("return struct.unpack('>i', struct.pack('>i', x))[0]", "import struct"),
    ("return ipaddress.ip_address('10.0.0.1').is_private", "import ipaddress"),
    ("return next(csv.reader(['a,b']))[1]", "import csv"),
    ("return xml.etree.ElementTree.fromstring('<a/>').tag", "import xml.etree.ElementTree"),
    ("return calendar.monthrange(2020, 2)[1]", "import calendar"),
    ("return bisect.bisect([1, 3], 2)", "import bisect"),
    ("return heapq.nsmallest(1, [3, x])[0]", "import heapq"),
    ("return string.Template('$a').substitute(a=x)", "import string"),
    ("return copy.deepcopy([1, [x]])", "import copy"),
    ("logging.getLogger('a').debug('x')\nreturn 1", "import logging"),
    ("return dateutil.parser.isoparse('2020-01-02').day", "import dateutil.parser"),
    ("return len(zstandard.ZstdCompressor().compress(b'abc'))", "import zstandard"),
]  # fmt: skip

# One after the other in one worker: who depends on what was read before.
KEPT = [
    ("import settings_of\nreturn len(settings_of.VALUE)", ""),
    ("from settings_of import VALUE\nreturn len(VALUE) + x", ""),
    ("return x * 7", ""),
    ("return zoneinfo.ZoneInfo('Europe/Berlin').key", "import zoneinfo"),
    ("return str(zoneinfo.ZoneInfo('Europe/Berlin'))", "import zoneinfo"),
]

# Impure, and pure by their author's word.
DECLARED = [("return int(time.time()) * 0 + x", "import time")]


def function(body: str, imports: str) -> Any:
    lines = "".join(f"  {line}\n" for line in body.split("\n"))
    scope: dict[str, Any] = {"__name__": "__main__"}
    exec(f"{imports}\ndef f(x):\n{lines}", scope)
    return scope["f"]


def judged(f: Any) -> dict[str, Any]:
    import pyspark.accumulators
    from pyspark import TaskContext
    from pyspark.cloudpickle import cloudpickle

    from sparkdiskcache import _proof, _watch
    from sparkdiskcache._hooks import _sent
    from sparkdiskcache._refusal import FunctionRefused
    from sparkdiskcache.fnhash import hash_function

    try:
        with _watch.unwatched():
            sent = cloudpickle.dumps(_sent(f, hash_function(f)))
    except FunctionRefused as e:
        return {"refused": str(e)}
    TaskContext._getOrCreate()
    pyspark.accumulators._accumulatorRegistry.clear()
    there = pickle.loads(sent)
    try:
        there(1)
    except Exception as e:
        error = repr(e)
    else:
        error = ""
    update = pyspark.accumulators._accumulatorRegistry[_proof._NUMBER]._value
    (verdict,) = json.loads(update[len(_proof._BEGIN) + 8 :])
    return {**verdict, "error": error}


def main() -> None:
    warnings.simplefilter("ignore")
    import sparkdiskcache
    from sparkdiskcache import _proof  # noqa: F401 - as in a worker, before libraries are imported

    sys.path.insert(0, os.getcwd())
    cases = {"impure": IMPURE, "pure": PURE, "kept": KEPT, "declared": DECLARED}[sys.argv[1]]
    found = []
    for body, imports in cases:
        try:
            f = function(body, imports)
            found.append(judged(sparkdiskcache.pure(f) if cases is DECLARED else f))
        except ModuleNotFoundError as e:
            found.append({"skipped": str(e)})
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
