# SPDX-License-Identifier: Apache-2.0
"""Threads of one process that share memoised functions: each input is called for once, and nothing is lost."""

from __future__ import annotations

import logging
import os
import random
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier, Event
from typing import Any

import pyarrow as pa
import pytest
from counting import Service
from workers import in_this_process, proven_in_this_process

from sparkdiskcache import DiskCacheError, _memofile, _memofront, _memostore

THREADS = 16
KEYS = 200


@pytest.fixture(autouse=True)
def nothing_in_memory() -> None:
    _memofront.front().clear()


def counting(log: Path, failures: int = 0) -> Any:
    """A function that notes each of its calls in a file, and fails the first times."""

    def call(k: str) -> str:
        with open(log, "a") as file:
            file.write(k + "\n")
        with open(log) as file:
            if sum(1 for _ in file) <= failures:
                raise ValueError(k)
        return k.upper()

    return call


def calls_of(log: Path) -> Counter[str]:
    return Counter(log.read_text().split())


def ledger(directory: Path) -> tuple[Any, ...]:
    connection = sqlite3.connect(directory / "memo/ledger.db")
    (row,) = connection.execute("SELECT sum(calls), sum(hits), sum(errors), sum(unkept) FROM ledger")
    connection.close()
    return tuple(row)


@pytest.mark.parametrize("apart", [False, True], ids=["one function", "as many copies of it"])
def test_sixteen_threads_call_once_for_each_input(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, apart: bool
) -> None:
    seed = random.randrange(1 << 30)
    print(f"seed {seed}")
    function = counting(tmp_path / "log")
    shared = in_this_process(function, tmp_path)
    start = Barrier(THREADS)

    def work(number: int) -> list[str]:
        calls = in_this_process(function, tmp_path) if apart else shared
        keys = [f"k{i}" for i in range(KEYS)]
        random.Random(seed + number).shuffle(keys)
        start.wait()
        answers = [a for at in range(0, KEYS, 50) for a in calls.answers([pa.array(keys[at : at + 50])])]
        assert answers == [key.upper() for key in keys]
        return answers

    with caplog.at_level(logging.WARNING), ThreadPoolExecutor(THREADS) as threads:
        assert len(list(threads.map(work, range(THREADS)))) == THREADS
    assert calls_of(tmp_path / "log") == Counter(f"k{i}" for i in range(KEYS))
    assert ledger(tmp_path) == (KEYS, THREADS * KEYS - KEYS, 0, 0)
    assert caplog.records == []


def test_who_waits_for_the_first_that_reads_a_file_finds_its_answers(
    tmp_path: Path, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    words, url = tmp_path / "words.txt", service.url
    words.write_text("1")
    scope: dict[str, Any] = {"__name__": "__main__", "url": url, "words": str(words)}
    exec(
        "import urllib.request\ndef f(k):\n    with open(words) as file:\n"
        "        return urllib.request.urlopen(url + k).read().decode() + file.read()",
        scope,
    )
    waits = Event()
    await_turn = _memostore.Store.await_turn

    def waiting(self: _memostore.Store, keys: Any, seconds: float) -> None:
        waits.set()
        await_turn(self, keys, seconds)

    monkeypatch.setattr(_memostore.Store, "await_turn", waiting)
    calls = proven_in_this_process(scope["f"], tmp_path)
    service.gate.clear()
    with ThreadPoolExecutor(2) as threads:
        both = [threads.submit(calls.answers, [pa.array(["a", "b"])]) for _ in range(2)]
        assert waits.wait(60)
        service.gate.set()
        assert [answers.result() for answers in both] == [["A1", "B1"]] * 2
    assert service.asked() == ["a", "b"]
    assert calls.answers([pa.array(["a", "b"])]) == ["A1", "B1"]
    _memofront.front().clear()
    assert proven_in_this_process(scope["f"], tmp_path).answers([pa.array(["b"])]) == ["B1"]
    assert service.asked() == []
    words.write_text("2")
    assert calls.answers([pa.array(["b"])]) == ["B2"]
    assert service.asked() == ["b"]
    assert ledger(tmp_path) == (3, 5, 0, 1)


def test_a_thread_whose_call_fails_gives_up_its_turn(tmp_path: Path) -> None:
    calls = in_this_process(counting(tmp_path / "log", failures=1), tmp_path)
    start = Barrier(THREADS)

    def work(_: int) -> list[str]:
        start.wait()
        try:
            return calls.answers([pa.array(["a"])])
        except ValueError as e:
            return [str(e)]

    with ThreadPoolExecutor(THREADS) as threads:
        answers = sorted(a for (a,) in threads.map(work, range(THREADS)))
    assert answers == ["A"] * (THREADS - 1) + ["a"]
    assert calls_of(tmp_path / "log") == {"a": 2}


def test_a_function_may_use_itself_with_inputs_of_the_batch_that_it_is_called_for(tmp_path: Path) -> None:
    holder: list[Any] = []
    log = counting(tmp_path / "log")

    def fib(k: str) -> str:
        log("f" + k)
        n = int(k)
        return k if n < 2 else str(sum(int(holder[0].answers([pa.array([str(n - i)])])[0]) for i in (1, 2)))

    calls = in_this_process(fib, tmp_path)
    calls.proof.function = fib  # of this very process: it is to see the holder
    holder.append(calls)
    before = time.monotonic()
    assert calls.answers([pa.array([str(n) for n in (10, 9, 8, 7)])]) == ["55", "34", "21", "13"]
    assert time.monotonic() - before < calls.options.lease_millis / 1000  # no turn was waited for to its end


def test_what_cannot_be_kept_is_counted_and_the_ledger_catches_up(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_memofile, "_BUSY_SECONDS", 0.05)
    calls = in_this_process(counting(tmp_path / "log"), tmp_path)
    calls.answers([pa.array([f"k{i}" for i in range(100)])])
    held = [sqlite3.connect(path, isolation_level=None) for path in (tmp_path / "memo").glob("*.db")]
    assert len(held) == 17  # every file there can be
    _memostore.Store.of(str(tmp_path)).close()  # so that it opens with the short wait
    for connection in held:
        connection.execute("BEGIN IMMEDIATE")
    assert calls.answers([pa.array(["second"])]) == ["SECOND"]
    assert any("keep memoised results" in record.message for record in caplog.records)
    for connection in held:
        connection.execute("ROLLBACK")
        connection.close()
    assert calls.answers([pa.array(["third"])]) == ["THIRD"]
    assert ledger(tmp_path) == (102, 0, 0, 1)


def test_a_batch_that_began_before_an_eviction_brings_nothing_back(tmp_path: Path) -> None:
    calls = in_this_process(counting(tmp_path / "log"), tmp_path)
    front = _memofront.front()
    during: list[int] = []

    def evicting(k: str) -> str:
        with open(tmp_path / "memo/evictions", "ab") as file:  # as whoever evicts does
            file.write(b"\0")
        with ThreadPoolExecutor(1) as other:
            other.submit(calls.answers, [pa.array(["other"])]).result()
        during.append(1)
        return k.upper()

    slow = in_this_process(evicting, tmp_path, name="slow", version="1")
    slow.proof.function = evicting
    assert slow.answers([pa.array(["a"])]) == ["A"]
    known = front.of(slow.prefix, ("string",))
    assert during == [1] and known == {}


def test_a_directory_in_the_place_of_another_is_opened_anew(tmp_path: Path) -> None:
    calls = in_this_process(counting(tmp_path / "log"), tmp_path)
    calls.answers([pa.array(["a"])])
    (tmp_path / "memo").rename(tmp_path / "away")
    _memofront.front().clear()
    assert calls.answers([pa.array(["a"])]) == ["A"]
    assert calls_of(tmp_path / "log") == {"a": 2}
    assert list((tmp_path / "memo").glob("memo-?.db"))


def test_an_error_of_one_batch_does_not_reach_others(tmp_path: Path) -> None:
    def only_even(k: str) -> str:
        if int(k) % 2:
            raise ValueError(k)
        return k

    calls = in_this_process(only_even, tmp_path, on_error="report")

    def work(number: int) -> str:
        try:
            return calls.answers([pa.array([str(number)])])[0]
        except DiskCacheError as e:
            return str(e)

    with ThreadPoolExecutor(THREADS) as threads:
        answers = list(threads.map(work, range(64)))
    assert all(answers[n] == str(n) for n in range(0, 64, 2))
    assert all("1 calls of only_even failed" in answers[n] for n in range(1, 64, 2))


USES_AGAIN = """
import sys
from sparkdiskcache._memostore import Function, Result, Store

store = Store.of(sys.argv[1])
function = Function("d", "f", "1", "", "App.f")


def kept(name):
    key = bytes(32)[:-1] + name
    lost = store.commit(function, {key: Result(b"v", 1, 1 << 60, 1, 0.0)}, [])
    return lost == 0, key in store.find([key])


print(*kept(b"1"), flush=True)
if sys.stdin.readline() == "go on\\n":
    print(*kept(b"2"), *kept(b"3"), flush=True)
"""


@pytest.mark.parametrize("length", [0, 100, 20_000])
@pytest.mark.parametrize(("told", "said"), [("go on", "False False False False\n"), ("end", "")])
def test_memory_that_another_program_has_cut_ends_no_process(
    tmp_path: Path, length: int, told: str, said: str
) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", USES_AGAIN, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert process.stdin is not None and process.stdout is not None
    assert process.stdout.readline() == "True True\n"
    shared = tmp_path / "memo/memo-0.db-shm"
    assert shared.stat().st_size > length
    os.truncate(shared, length)
    rest, _ = process.communicate(told + "\n", timeout=60)
    assert (process.returncode, rest) == (0, said)
    connection = sqlite3.connect(tmp_path / "memo/memo-0.db")
    assert connection.execute("SELECT count(*) FROM results").fetchone() == (1,), "what was kept stays"
    connection.close()
