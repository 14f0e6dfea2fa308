# SPDX-License-Identifier: Apache-2.0
"""Results of memoised functions are kept only where the function is the one that was hashed."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest
from purity_cases import function
from pyspark.cloudpickle import cloudpickle

from sparkdiskcache import _watch
from sparkdiskcache._memoproof import Proof
from sparkdiskcache.fnhash import hash_function


def called(f: Any, proof: str = "") -> Proof:
    """A proof of the function after two calls, as a worker has it."""
    with _watch.unwatched():
        found = hash_function(f, of_service=True)
    made = Proof(cloudpickle.dumps(f), "f", proof or found.proof)
    for _ in range(2):
        with made.calling():
            made.function(1)
    return made


@pytest.mark.parametrize(
    ("body", "imports"),
    [
        ("return x + 1", ""),
        ("return len(socket.gethostname())", "import socket"),
        ("return int(time.time())", "import time"),
        ("return random.random()", "import random"),
        ("return len(os.environ.get('HOME', ''))", "import os"),
        ("return subprocess.run(['true']).returncode", "import subprocess"),
    ],
)
def test_what_services_need_is_kept(body: str, imports: str) -> None:
    assert called(function(body, imports)).holds()


def test_what_a_function_reads_is_told_and_what_it_writes_is_not_kept(tmp_path: Path) -> None:
    path = tmp_path / "words.txt"
    path.write_text("words")
    proof = called(function(f"return len(open({str(path)!r}).read())", ""))
    assert proof.holds()
    assert proof.reads == {str(path): hashlib.sha256(b"words").hexdigest()}
    path.write_text("more words")
    assert not proof.holds(), "what it read is no more"
    proof = called(function(f"return [open({str(path)!r}, 'w').close(), 1][1]", ""))
    assert not proof.holds()


def test_another_function_than_the_one_that_was_hashed_keeps_nothing() -> None:
    other = hash_function(function("return x + 2", ""), of_service=True)
    assert not called(function("return x + 1", ""), other.proof).holds()
    assert called(function("return x + 2", ""), other.proof).holds()


def test_a_function_that_changes_what_it_captured_keeps_nothing() -> None:
    class Counter:
        seen = 0

    def f(x: int) -> int:
        setattr(Counter, "se" + "en", Counter.seen + x)
        return Counter.seen

    assert not called(f).holds()
