# SPDX-License-Identifier: Apache-2.0
"""A worker proves the code that it has loaded: edits, reloads, links and installations behind its back."""

from __future__ import annotations

import importlib.util
import os
import py_compile
import subprocess
import sys
import time
import types
import zipfile
import zipimport
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from proofs import Worker, define, environment, files
from pyspark.cloudpickle import cloudpickle

from sparkdiskcache import _libraries
from sparkdiskcache._environment import Environment, zone_of_process
from sparkdiskcache._loadedlibraries import Libraries
from sparkdiskcache.fnhash import hash_function

H = "RATE = 2\nTABLE = {}\ndef g(x): return x * RATE\ndef count(x):\n    TABLE[x] = 1\n    return len(TABLE)\n"
USE = "def f(x):\n    import h\n    return h.g(x)"
SENT = "import h\ndef f(x): return h.g(x)"


@pytest.fixture(scope="module")
def worker() -> Iterator[Worker]:
    worker = Worker()
    yield worker
    worker.close()


def expected(source: str, directory: Path) -> str:
    return hash_function(define(source), environment(str(directory))).proof


def test_an_edit_behind_a_worker_is_no_proof(worker: Worker, tmp_path: Path) -> None:
    files(tmp_path, {"h.py": H})
    old, path = expected(USE, tmp_path), tmp_path / "h.py"
    function = define(USE)
    found = worker.run(
        [str(tmp_path)],
        (function, [3]),
        f"open({str(path)!r}, 'w').write({H.replace('RATE = 2', 'RATE = 3')!r})",
        (function, [3]),
        "import importlib, h; importlib.reload(h)",
        (function, [3]),
    )
    new = expected(USE, tmp_path)
    assert old != new
    assert found[0] == (old, True, ["6"])
    assert found[1][0] == old and found[1][2] == ["6"]  # the driver asks for the new one by now
    assert found[2][0] == "refused" and "imported again" in found[2][1]
    assert worker.prove(function, [str(tmp_path)], [3]) == (new, True, ["9"])


def test_a_module_that_is_edited_before_its_first_row_is_no_proof(worker: Worker, tmp_path: Path) -> None:
    """Imported by the function itself, after it was proven by the file."""
    files(tmp_path, {"h.py": H})
    source = "def f(x):\n    if x == 0:\n        open(P, 'w').write(T)\n        return 0\n    import h\n    return h.g(x)"
    function = define(source, P=str(tmp_path / "h.py"), T=H.replace("RATE = 2", "RATE = 30"))
    proof, same, rows = worker.prove(function, [str(tmp_path)], [0, 1])
    assert rows == ["0", "30"] and "edited before it was imported" in same


@pytest.mark.parametrize("same_size", [True, False])
def test_stale_bytecode_is_no_proof(worker: Worker, tmp_path: Path, same_size: bool) -> None:
    """Python takes a bytecode file for its source if second and length are the same."""
    files(tmp_path, {"h.py": H})
    py_compile.compile(str(tmp_path / "h.py"))
    facts = os.stat(tmp_path / "h.py")
    (tmp_path / "h.py").write_text(H.replace("RATE = 2", "RATE = 3" if same_size else "RATE = 30"))
    os.utime(tmp_path / "h.py", ns=(facts.st_atime_ns, facts.st_mtime_ns))
    proof, same, rows = worker.prove(define(USE), [str(tmp_path)], [1])
    right = rows == (["3"] if same_size else ["30"])
    assert (proof == expected(USE, tmp_path) and same is True) == right
    assert right != same_size


def test_a_link_that_is_turned_is_no_proof(worker: Worker, tmp_path: Path) -> None:
    for name, rate in (("v1", "2"), ("v2", "5")):
        files(tmp_path / name, {"h.py": H.replace("RATE = 2", f"RATE = {rate}")})
    link = tmp_path / "now"
    link.symlink_to("v1")
    old = expected(USE, link)
    function = define(USE)
    turn = f"import os; os.symlink('v2', {str(link) + '2'!r}); os.replace({str(link) + '2'!r}, {str(link)!r})"
    found = worker.run([str(link)], (function, [1]), turn, (function, [1]))
    assert found[0] == (old, True, ["2"])
    assert found[1][0] == old != expected(USE, link)


def test_changed_variables_of_modules_are_no_proof(worker: Worker, tmp_path: Path) -> None:
    files(tmp_path, {"h.py": H})
    counting = define("def f(x):\n    import h\n    return h.count(x)")
    found = worker.run([str(tmp_path)], (counting, []), (counting, [1, 2]), (define(USE), [1]))
    assert found[0][1] is True
    assert "variable" in found[1][1] or "changed" in found[1][1]
    assert found[2][0] == "refused" and "h of this worker was changed" in found[2][1]


CHANGES = [
    "h.RATE = 7", "h.TABLE['a'] = 1", "h.g.calls = 1", "del h.RATE", "h.g = len", "h.extra = []", "h.K.n = 2", "h.K.t.append(1)",
    "h.k.v = 3", "h.d.__defaults__[0].append(1)", "setattr(h.K, 'm', None)", "h.nested['a'][0].add(4)", "h.local.n = 1", "h.queue.put(1)", "h.variable.set(2)", "h.gone.hidden = 4", "h.arr[0] = 9",
]  # fmt: skip


@pytest.mark.parametrize("change", CHANGES)
def test_every_change_of_a_module_is_seen(worker: Worker, tmp_path: Path, change: str) -> None:
    text = H + (
        "import numpy as np\nclass K:\n    n = 1\n    t = []\n    def m(self): return 1\nk = K()\ndef d(x, seen=[]): return x\n"
        "nested = {'a': [set()]}\narr = np.zeros(2)\n"
        "import contextvars, queue, threading\nlocal = threading.local()\nqueue = queue.Queue()\nvariable = contextvars.ContextVar('v')\nlock = threading.Lock()\n"
        "class Gone:\n    def __getstate__(self): return {}\ngone = Gone()\n"
    )
    files(tmp_path, {"h.py": text})
    found = worker.run([str(tmp_path)], (define(USE), [1]), f"import h; {change}", (define(USE), []))
    assert found[0] == (expected(USE, tmp_path), True, ["2"])
    assert found[1][0] == "refused"


CACHES = {
    "@functools.lru_cache(maxsize=None)\ndef table(): return {}\ndef use(x):\n    table()[x] = 1\n    return len(table())": False,
    "@functools.lru_cache\ndef table(): return []\ndef use(x):\n    table().append(x)\n    return len(table())": False,
    "@functools.cache\ndef table(k): return itertools.count()\ndef use(x): return next(table(1))": False,
    "@functools.lru_cache\ndef words(x): return str(x).split()\ndef use(x): return words(x)": True,
    "@functools.cache\ndef pattern(): return re.compile('a')\ndef use(x): return pattern().sub('b', str(x))": True,
    "@functools.lru_cache(maxsize=1)\ndef use(x): return x": True,
}  # fmt: skip


@pytest.mark.parametrize("text", CACHES)
def test_what_a_cache_keeps_is_state_if_every_call_may_write_to_it(
    worker: Worker, tmp_path: Path, text: str
) -> None:
    files(tmp_path, {"h.py": f"import functools, itertools, re\n{text}\n"})
    source = "def f(x):\n    import h\n    return h.use(x)"
    first, second = worker.run([str(tmp_path)], (define(source), [1, 2]), (define(source), [3]))
    kept = (expected(source, tmp_path), True)
    assert (first[:2] == kept, second[:2] == kept) == (CACHES[text], CACHES[text])


def test_what_imports_do_to_other_modules_is_no_change(worker: Worker, tmp_path: Path) -> None:
    files(
        tmp_path,
        {
            "reg.py": "FOUND = {}\ndef register(f):\n    FOUND[f.__name__] = f\n    return f\n",
            "one.py": "from reg import register\n@register\ndef one(x): return x\n",
            "two.py": "from reg import register\n@register\ndef two(x): return -x\n",
            "once.py": "import re\nMODEL = None\ndef model():\n    global MODEL\n    if MODEL is None:\n        MODEL = re.compile('a')\n    return MODEL\n"
            "import functools\n@functools.lru_cache\ndef kept(x): return x\nclass C:\n    @functools.cached_property\n    def p(self): return 1\nc = C()\n",
        },
    )
    source = "def f(x):\n    import reg, one\n    if x > 1:\n        import two\n        return reg.FOUND['two'](x)\n    return reg.FOUND['one'](x)"
    lazy = "def f(x):\n    import once\n    return len(once.model().pattern) + once.kept(x) + once.c.p"
    found = worker.run(
        [str(tmp_path)],
        (define(source), [1]),
        (define(source), [2]),
        (define(lazy), [1]),
        (define(lazy), [1]),
    )
    assert found == [
        (expected(source, tmp_path), True, ["1"]), (expected(source, tmp_path), True, ["-2"]),
        (expected(lazy, tmp_path), True, ["3"]), (expected(lazy, tmp_path), True, ["3"]),
    ]  # fmt: skip


def test_packages_archives_and_what_is_sent_by_reference_are_proven(worker: Worker, tmp_path: Path) -> None:
    import zipfile

    directory = files(
        tmp_path / "d",
        {
            "pk/__init__.py": "from .core import start\n",
            "pk/core.py": "ONE = 1\ndef start(x): return x + ONE\nclass C:\n    def __init__(self): self.n = 4\n",
            "ns/leaf.py": "def f(x): return x\n",
            "raw.py": "X = 'é'\n",
        },
    )
    archive = tmp_path / "sent.zip"
    with zipfile.ZipFile(archive, "w") as zipped:
        zipped.writestr("zipped.py", "def g(x): return x + 100\n")
        zipped.writestr("zpk/__init__.py", "")
        zipped.writestr("zpk/leaf.py", "def g(x): return x + 200\n")
    sources = [
        "import pk\ndef f(x): return pk.start(x)", "from pk.core import C\nc = C()\ndef f(x): return c.n", "from pk import start\nf = start",
        "import ns.leaf\ndef f(x): return ns.leaf.f(x)", "import zipped, zpk.leaf\ndef f(x): return zipped.g(x) + zpk.leaf.g(x)", "import raw\ndef f(x): return raw.X",
        "def f(x):\n    try:\n        import nothing_of_this_name\n    except ImportError:\n        return -1",
    ]  # fmt: skip
    path = [str(directory), str(archive)]
    sys.path[:0] = path
    before = dict(sys.modules)
    try:
        for source in sources:
            function = define(source)
            proof = hash_function(function, environment(*path)).proof
            found = worker.prove(function, path, [1])
            assert found[:2] == (proof, True), (source, found)
    finally:
        del sys.path[:2]
        for name in set(sys.modules) - set(before):
            del sys.modules[name]


UNPICKLES = {
    "bytes": "import pickle\nB = {pickled}\ndef f(x): return pickle.loads(B).g(x)",
    "a file": "def f(x):\n    import pickle\n    with open({path!r}, 'rb') as file: return pickle.load(file).g(x)",
    "a file of joblib's kind": "def f(x):\n    import pickle\n    with open({path!r}, 'rb') as file: return pickle._Unpickler(file).load().g(x)",
    "by name": "def f(x):\n    import importlib\n    return importlib.import_module('h' + 'm').C().g(x)",
}  # fmt: skip


@pytest.mark.parametrize("how", UNPICKLES)
def test_a_class_that_is_found_by_name_has_to_be_named(
    worker: Worker, tmp_path: Path, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sparkdiskcache import _reach

    monkeypatch.setattr(_reach.Reach, "check", lambda *_: None)
    files(tmp_path, {"hm.py": "class C:\n    def g(self, x): return x + 5\n"})
    pickled = b"\x80\x04\x8c\x02hm\x8c\x01C\x93)\x81."
    (tmp_path / "m.pickle").write_bytes(pickled)
    source = UNPICKLES[how].format(pickled=pickled, path=str(tmp_path / "m.pickle"))
    named = (
        source.replace("def f(x):", "def f(x):\n    import hm; ")
        if "def f(x): " in source
        else source.replace("def f(x):\n", "def f(x):\n    import hm\n")
    )
    other = "def f(x):\n    import hm\n    return hm.C().g(x)"
    for before in ([], [(define(other), [1])]):
        found = worker.run(
            [str(tmp_path)], *before, (define(source), [1]), (define(source), [1]), (define(named), [1])
        )
        *_, first, second, last = found
        assert first[2] == ["6"] or first[0] == "refused"
        assert "by a name that is in no code" in str(first[1]) and "by a name that is in no code" in str(
            second[1]
        )
        assert last == (expected(named, tmp_path), True, ["6"])


# ---- libraries


def install(root: Path, name: str, code: str, version: str = "1.0", requires: str = "") -> None:
    """As pip does it: files, then their hashes."""
    import base64
    import hashlib

    (root / name).mkdir(parents=True, exist_ok=True)
    (root / name / "__init__.py").write_text(code)
    info = root / f"{name}-{version}.dist-info"
    info.mkdir(exist_ok=True)
    needs = f"Requires-Dist: {requires}\n" if requires else ""
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{needs}\n")
    digest = base64.urlsafe_b64encode(hashlib.sha256(code.encode()).digest()).rstrip(b"=").decode()
    (info / "RECORD").write_text(
        f"{name}/__init__.py,sha256={digest},{len(code)}\n{name}-{version}.dist-info/RECORD,,\n"
    )


def digests(root: Path, table: Path, *tops: str) -> dict[str, str]:
    return _libraries.Machine([str(root)], table).digests(tops)


@pytest.mark.parametrize("remembered", [False, True])
def test_a_library_counts_by_its_content(
    remembered: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if remembered:  # the table has what was found out about files that are this young
        monkeypatch.setattr(_libraries, "is_settled", lambda at: True)
    root, table = tmp_path / "site", tmp_path / "cache" / "table.json"
    install(root, "acme", "def rate(x): return x * 2\n", requires="acmecore>=1; python_version > '3'")
    install(root, "acmecore", "ONE = 1\n")
    install(root, "other", "X = 1\n")
    seen = [digests(root, table, "acme")]
    assert seen[0].keys() == {"acme", "acmecore"}
    assert digests(root, table, "acme") == seen[0]

    def changed(what: str, *names: str) -> None:
        now = digests(root, table, "acme")
        assert {n for n in now if now[n] != seen[-1].get(n)} == set(names), what
        seen.append(now)

    install(root, "acme", "def rate(x): return x * 3\n", requires="acmecore>=1; python_version > '3'")
    changed("installed again under the same version", "acme")
    (root / "acme" / "__init__.py").write_text("def rate(x): return x * 4\n")
    changed("edited in place, of the same length", "acme")
    os.utime(root / "acme" / "__init__.py", ns=(0, 0))
    changed("with an old time")
    (root / "acme" / "__init__.py").write_text("def rate(x): return x * 3\n")
    now = digests(root, table, "acme")
    assert now == seen[1], "edited back"
    seen.append(now)
    install(root, "acmecore", "ONE = 2\n")
    changed("a dependency", "acmecore")
    install(root, "other", "X = 2\n")
    changed("a library of no concern")
    (root / "acme" / "__init__.py").unlink()
    changed("a file is missing", "acme")
    table.unlink(missing_ok=True)
    changed("the table is lost")
    table.parent.mkdir(exist_ok=True)
    table.write_text("{")
    changed("the table is damaged")
    table.chmod(0o666)
    changed("the table could be anybody's")


def test_a_library_that_is_installed_again_behind_a_worker_is_no_proof(tmp_path: Path) -> None:
    """In an environment of its own, whose libraries a worker imports."""
    root = Path(subprocess.run([sys.executable, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
                               capture_output=True, text=True, check=True).stdout.strip())  # fmt: skip
    name = f"acme_{os.getpid()}"
    source = f"def f(x):\n    import {name}\n    return {name}.rate(x)"
    try:
        install(root, name, "def rate(x): return x * 2\n")
        worker = Worker()
        try:
            old = hash_function(define(source), environment()).proof
            script = f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r}); from pathlib import Path; from test_loaded import install; "
            again = script + f"install(Path({str(root)!r}), {name!r}, 'def rate(x): return x * 3\\n')"
            found = worker.run([], (define(source), [1]), again, (define(source), [1]))
            new = hash_function(define(source), environment()).proof
            assert old != new
            assert found[0] == (old, True, ["2"])
            assert found[1][2] in (["2"], None) and found[1][0] != new
            assert worker.prove(define(source), [], [1]) == (new, True, ["3"])
        finally:
            worker.close()
    finally:
        import shutil

        shutil.rmtree(root / name, ignore_errors=True)
        shutil.rmtree(root / f"{name}-1.0.dist-info", ignore_errors=True)


def test_many_libraries_cost_little(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root, table = tmp_path / "site", tmp_path / "table.json"
    names = [f"lib{i}" for i in range(400)]
    for name in names:
        install(root, name, f"NAME = '{name}'\n")
    first = digests(root, table, *names)
    start = time.process_time()
    again = digests(root, table, *names)
    spent = time.process_time() - start
    print(f"400 unchanged distributions: {spent * 1000:.1f} ms")
    assert again == first and len(first) == 400


def test_a_module_of_a_library_s_name_is_the_user_s(tmp_path: Path) -> None:
    files(tmp_path, {"statistics.py": "def mean(x): return 1\n", "pytz.py": "X = 1\n"})
    mine = Environment((str(tmp_path), *sys.path), zone_of_process())
    assert [mine.kind(n) for n in ("statistics", "pytz", "json", "numpy", "pyspark", "nothing", "sys")] == [
        "user", "user", "python", "library", "python", "absent", "python",
    ]  # fmt: skip
    assert environment().kind("statistics") == "python" and environment().kind("pytz") == "library"


def test_libraries_may_be_in_any_directory_of_the_path(worker: Worker, tmp_path: Path) -> None:
    install(tmp_path, "targeted", "def rate(x): return x * 2\n")
    files(tmp_path, {"beside.py": "Y = 1\n"})
    mine = environment(str(tmp_path))
    assert (mine.kind("targeted"), mine.kind("beside")) == ("library", "user")
    source = "def f(x):\n    import targeted, beside\n    return targeted.rate(x) + beside.Y"
    proof = hash_function(define(source), environment(str(tmp_path))).proof
    assert worker.prove(define(source), [str(tmp_path)], [1]) == (proof, True, ["3"])


def test_editable_installations_and_parts_of_a_namespace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "site"
    install(root, "acme", "X = 1\n")
    install(root, "acme_more", "X = 1\n")
    for name, part in (("acme", "one"), ("acme_more", "two")):
        record = root / f"{name}-1.0.dist-info" / "RECORD"
        files(root, {f"shared/{part}.py": "Y = 1\n"})
        record.write_text(record.read_text() + f"shared/{part}.py,,\n")
    found = digests(root, tmp_path / "table", "shared")
    assert found.keys() == {"acme", "acme-more"}

    flat = files(
        tmp_path / "flat", {"flatlib/__init__.py": "from . import core\n", "flatlib/core.py": "X = 1\n"}
    )

    class Finder:
        @classmethod
        def find_spec(cls, name: str, path: object = None, target: object = None) -> Any:
            place = flat / name / "__init__.py"
            return importlib.util.spec_from_file_location(name, place) if place.exists() else None

    Finder.__module__ = "__editable___flatlib_finder"
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path, Finder])
    source = "def f(x):\n    import flatlib\n    return flatlib.core.X"
    before = hash_function(define(source), environment())
    assert [Path(f.path).name for f in before.sources] == ["__init__.py", "core.py"]
    (flat / "flatlib" / "core.py").write_text("X = 2\n")
    assert hash_function(define(source), environment()).digest != before.digest


def test_what_runs_when_python_starts_counts(tmp_path: Path) -> None:
    plain = hash_function(define("def f(x): return x"), environment(str(tmp_path))).digest
    seen = {plain}
    for name, text in (
        ("sitecustomize.py", "A = 1"),
        ("sitecustomize.py", "A = 2"),
        ("usercustomize.py", "A = 1"),
    ):
        (tmp_path / name).write_text(text)
        seen.add(hash_function(define("def f(x): return x"), environment(str(tmp_path))).digest)
    assert len(seen) == 4


def test_a_module_in_machine_code_counts_by_its_content(tmp_path: Path) -> None:
    import zlib

    machine = Path(zlib.__file__) if getattr(zlib, "__file__", None) else None
    if machine is None:
        import _json

        machine = Path(_json.__file__)
    place = tmp_path / f"mine{''.join(machine.suffixes)}"
    place.write_bytes(machine.read_bytes())
    source = "def f(x):\n    import mine\n    return mine"
    before = hash_function(define(source), environment(str(tmp_path)))
    assert [f.path for f in before.sources] == [str(place)]
    place.write_bytes(machine.read_bytes() + b"\0")
    assert hash_function(define(source), environment(str(tmp_path))).digest != before.digest


def test_pickled_before_an_edit_and_loaded_after_it(worker: Worker, tmp_path: Path) -> None:
    files(tmp_path, {"h.py": H})
    sys.path.insert(0, str(tmp_path))
    try:
        function: Any = define(SENT)
        pickled = cloudpickle.dumps(function)
        old = hash_function(function, environment(str(tmp_path))).proof
        (tmp_path / "h.py").write_text(H.replace("RATE = 2", "RATE = 4"))
        ((proof, _, rows),) = worker.send([str(tmp_path)], [(pickled, [1])])
        assert rows == ["4"] and proof != old
        assert proof == hash_function(function, environment(str(tmp_path))).proof
    finally:
        sys.path.remove(str(tmp_path))
        sys.modules.pop("h", None)


def test_libraries_that_spark_brings_in_archives_are_no_other_state(tmp_path: Path) -> None:
    archive = tmp_path / "py4j-src.zip"
    with zipfile.ZipFile(archive, "w") as written:
        written.writestr("py4j/__init__.py", "")
    loader = zipimport.zipimporter(str(archive))
    module = types.ModuleType("py4j")
    module.__spec__ = loader.find_spec("py4j")
    libraries = Libraries()
    assert libraries.younger("py4j", module, time.time_ns()) is None
    assert "was changed" in (libraries.younger("py4j", module, 0) or "")
    assert libraries.younger("another", module, time.time_ns()) is not None
