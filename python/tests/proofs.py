# SPDX-License-Identifier: Apache-2.0
"""A process that loads functions as a Python worker does, a fork for each, and proves them."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pyspark.cloudpickle import cloudpickle

from sparkdiskcache._environment import Environment, zone_of_process

_LOOP = """
import os, pickle, struct, sys
sys.path[:] = pickle.loads(bytes.fromhex(sys.argv[1]))
from pyspark.cloudpickle import cloudpickle
import pandas, pyarrow, numpy
from sparkdiskcache import _loaded
from sparkdiskcache.fnhash import FunctionRefused, hash_loaded, state_digest

def answer(pickled, calls):
    try:
        function = cloudpickle.loads(pickled)
        proof, before = hash_loaded(function), state_digest(function)
        rows = [repr(function(x)) for x in calls]
        try:
            return proof, before == state_digest(function), rows
        except FunctionRefused as e:
            return proof, str(e), rows
    except FunctionRefused as e:
        return "refused", str(e), None
    except Exception as e:
        return "failed", repr(e), None

def answers(path, steps):
    _loaded.install()
    sys.path[:0] = path
    for step in steps:
        if isinstance(step, str):
            exec(step)
        else:
            yield answer(*step)

while True:
    head = sys.stdin.buffer.read(8)
    if not head:
        break
    request = pickle.loads(sys.stdin.buffer.read(struct.unpack("<Q", head)[0]))
    child = os.fork()
    if child == 0:
        try:
            result = pickle.dumps(list(answers(*request)))
        except BaseException as e:
            result = pickle.dumps([("failed", repr(e), None)])
        sys.stdout.buffer.write(struct.pack("<Q", len(result)) + result)
        sys.stdout.buffer.flush()
        os._exit(0)
    os.waitpid(child, 0)
"""


class Worker:
    """Started once, with the hash seed that Spark gives its workers."""

    def __init__(self) -> None:
        package = Path(__file__).parent / "src"
        self._process = subprocess.Popen(
            [sys.executable, "-c", _LOOP, pickle.dumps([p for p in sys.path if p]).hex(), str(package)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONHASHSEED": "0"},
        )

    def prove(
        self, function: Any, path: Sequence[str] = (), calls: Sequence[Any] = ()
    ) -> tuple[Any, Any, Any]:
        """The proof, whether the state is the same after the calls, and what they returned."""
        (found,) = self.run(path, (function, calls))
        return found

    def run(self, path: Sequence[str], *steps: Any) -> list[tuple[Any, Any, Any]]:
        """In one process, one after the other: functions with what to call them with, or statements."""
        sent = [
            step if isinstance(step, str) else (cloudpickle.dumps(step[0]), list(step[1])) for step in steps
        ]
        return self.send(path, sent)

    def send(self, path: Sequence[str], steps: Sequence[Any]) -> list[tuple[Any, Any, Any]]:
        """As :meth:`run`, with functions that are pickled already."""
        request = pickle.dumps((list(path), list(steps)))
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(len(request).to_bytes(8, "little") + request)
        self._process.stdin.flush()
        length = int.from_bytes(self._process.stdout.read(8), "little")
        found: list[tuple[Any, Any, Any]] = pickle.loads(self._process.stdout.read(length))
        return found

    def close(self) -> None:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()


def environment(*path: str) -> Environment:
    """Of workers that look for modules in some directories first."""
    return Environment((*path, *sys.path), zone_of_process())


def define(source: str, name: str = "f", **scope: Any) -> Any:
    """The object that a cell defines."""
    names: dict[str, Any] = {"__name__": "__main__", **scope}
    exec(compile(source, "<cell>", "exec", dont_inherit=True), names)
    return names[name]


def files(directory: Path, contents: Mapping[str, str]) -> Path:
    for name, text in contents.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return directory
