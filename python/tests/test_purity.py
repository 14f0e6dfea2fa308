# SPDX-License-Identifier: Apache-2.0
"""Side effects of a function are refused or seen; results of a function that only computes are kept."""

from __future__ import annotations

import ast
import gzip
import json
import os
import pickle
import sqlite3
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import purity_cases
import pytest


@pytest.fixture
def files(tmp_path: Path) -> Path:
    (tmp_path / "words.txt").write_text("some words\n")
    (tmp_path / "numbers.txt").write_text("1 2 3\n")
    (tmp_path / "settings.json").write_text('{"a": 1}')
    (tmp_path / "settings.ini").write_text("[a]\nb = 1\n")
    (tmp_path / "settings.toml").write_text("a = 1\n")
    (tmp_path / "tree.xml").write_text("<a/>")
    (tmp_path / "model.pkl").write_bytes(pickle.dumps(7))
    np.save(tmp_path / "weights.npy", np.array([10, 20]))
    np.arange(3, dtype="int64").tofile(tmp_path / "numbers.bin")
    pd.DataFrame({"a": [1, 2]}).to_csv(tmp_path / "table.csv")
    pd.DataFrame({"a": [1, 2]}).to_parquet(tmp_path / "table.parquet")
    with gzip.open(tmp_path / "words.gz", "wb") as file:
        file.write(b"words")
    with zipfile.ZipFile(tmp_path / "words.zip", "w") as archive:
        archive.writestr("a", "b")
    sqlite3.connect(tmp_path / "words.db").close()
    from PIL import Image

    Image.new("RGB", (2, 3)).save(tmp_path / "picture.png")
    return tmp_path


def judged(which: str, directory: Path) -> list[dict[str, Any]]:
    done = subprocess.run(
        [sys.executable, purity_cases.__file__, which],
        cwd=directory, env=os.environ, capture_output=True, text=True, timeout=200,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


def assert_many(what: str, cases: list[tuple[str, str]], verdicts: list[dict[str, Any]]) -> None:
    """At least sixty calls over fifteen libraries, without those of libraries that are not installed."""
    judged = [case for case, verdict in zip(cases, verdicts) if "skipped" not in verdict]
    statements = [s for _, imports in judged for s in ast.parse(imports).body]
    imported = [a.name for s in statements if isinstance(s, ast.Import) for a in s.names]
    imported += [s.module or "" for s in statements if isinstance(s, ast.ImportFrom)]
    libraries = {name.partition(".")[0] for name in imported}
    print(f"{len(judged)} {what} calls of {len(libraries)} libraries")
    assert len(judged) >= 60 and len(libraries) >= 15


def test_what_is_impure_is_refused_or_seen_or_has_its_files_as_inputs(files: Path) -> None:
    verdicts = judged("impure", files)
    served = [
        (case, verdict)
        for case, verdict in zip(purity_cases.IMPURE, verdicts)
        if "skipped" not in verdict
        and "refused" not in verdict
        and verdict["proven"]
        and not verdict["impure"]
        and not verdict["unreadable"]
        and not any(Path(read["path"]).parent == files for read in verdict["reads"])
    ]
    assert served == []
    assert_many("impure", purity_cases.IMPURE, verdicts)


def test_what_is_pure_is_kept(files: Path) -> None:
    verdicts = judged("pure", files)
    refused = [
        (case, verdict)
        for case, verdict in zip(purity_cases.PURE, verdicts)
        if "skipped" not in verdict
        and (
            "refused" in verdict
            or not verdict["proven"]
            or verdict["impure"]
            or verdict["unreadable"]
            or verdict["error"]
        )
    ]
    assert refused == []
    assert_many("pure", purity_cases.PURE, verdicts)


def test_the_users_word_excuses_what_is_called_and_is_part_of_the_identity(files: Path) -> None:
    import sparkdiskcache
    from sparkdiskcache.fnhash import FunctionRefused, hash_function

    f = purity_cases.function(*purity_cases.DECLARED[0])
    with pytest.raises(FunctionRefused, match="clock"):
        hash_function(f)
    declared = hash_function(sparkdiskcache.pure(f))
    (verdict,) = judged("declared", files)
    assert verdict["proven"] and verdict["impure"] == []
    same = purity_cases.function(*purity_cases.DECLARED[0])
    same.__sparkdiskcache_pure__ = "no"
    with pytest.raises(FunctionRefused, match="clock"):
        hash_function(same)
    other = sparkdiskcache.pure(purity_cases.function("return int(time.time()) * 1 + x", "import time"))
    assert declared.digest != hash_function(other).digest
    with pytest.raises(sparkdiskcache.DiskCacheError, match="Cannot declare"):
        sparkdiskcache.pure(len)  # type: ignore[type-var]


def test_what_a_worker_has_read_counts_for_all_that_may_depend_on_it(files: Path) -> None:
    (files / "settings_of.py").write_text("VALUE = open('words.txt').read()\n")
    found = judged("kept", files)
    reads = [{Path(read["path"]).name for read in verdict["reads"]} for verdict in found]
    assert reads == [{"words.txt"}, {"words.txt"}, set(), {"Berlin"}, {"Berlin"}]
    assert all(verdict["proven"] and not verdict["impure"] for verdict in found)


@pytest.mark.parametrize("package", ["", "FORMAT = 0\nload = None\n", "raise ValueError('broken')\n"])
def test_a_worker_without_the_package_or_with_another_version_just_runs_the_function(
    tmp_path: Path, package: str
) -> None:
    from pyspark.cloudpickle import cloudpickle

    from sparkdiskcache._hooks import _sent
    from sparkdiskcache.fnhash import hash_function

    f = purity_cases.function("return x + offset", "offset = 5")
    (tmp_path / "function").write_bytes(cloudpickle.dumps(_sent(f, hash_function(f))))
    if package:
        (tmp_path / "sparkdiskcache").mkdir()
        (tmp_path / "sparkdiskcache" / "__init__.py").touch()
        (tmp_path / "sparkdiskcache" / "_proof.py").write_text(package)
    else:
        (tmp_path / "sparkdiskcache.py").write_text("raise ImportError('not here')")
    program = "import pickle; f = pickle.load(open('function', 'rb')); print(f(2), type(f).__name__)"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert done.stdout.split() == ["7", "function"], done.stderr
