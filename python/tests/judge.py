# SPDX-License-Identifier: Apache-2.0
"""One application without Spark: a driver hashes functions and pickles them, and a worker, forked for each as Spark
forks its own, proves them.

As a program: ``driver APPLICATION NAME,...`` prints what the driver has, and ``worker`` reads that and prints what
the workers say.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import pickle
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

INPUTS = range(6)


def application(
    directory: Path, number: int, names: Sequence[str], environment: Mapping[str, str]
) -> dict[str, dict[str, Any]]:
    """By name of the case: ``digest`` or ``refused``, ``truth``, and what the worker says."""
    tests = str(Path(__file__).parent)
    env = {**os.environ, **environment, "PYTHONDONTWRITEBYTECODE": "1"}
    there = {
        **env,
        "PYTHONPATH": f"{env.get('PYTHONPATH', '')}:{tests}",
        "PYTHONHASHSEED": environment.get("PYTHONHASHSEED", "0"),
    }

    def run(*arguments: str, given: bytes = b"") -> bytes:
        done = subprocess.run(
            [sys.executable, __file__, *arguments], cwd=directory, env=there, input=given, capture_output=True
        )
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout

    driven = run("driver", str(number), ",".join(names))
    return pickle.loads(run("worker", given=driven))  # type: ignore[no-any-return]


def unchanged(said: Mapping[str, Any]) -> bool:
    """Whether all files that a function read are what they were."""
    for read in said["reads"]:
        path = Path(read["path"])
        there = path.is_file()
        if there != (read["length"] >= 0):
            return False
        if there and hashlib.sha256(path.read_bytes()).hexdigest() != read["sha256"]:
            return False
    return True


def is_kept(said: Mapping[str, Any]) -> bool:
    return not why_not(said)


def why_not(said: Mapping[str, Any]) -> str:
    if "refused" in said:
        return str(said["refused"])
    if not said.get("proven"):
        return f"{said.get('object')} {said.get('sentence')} {said.get('failed', '')}"
    return str(said["impure"] or said["unreadable"] or "")


def _driver(number: int, names: Sequence[str]) -> dict[str, Any]:
    from changed import CASES
    from pyspark.cloudpickle import cloudpickle

    from sparkdiskcache import _environment
    from sparkdiskcache._hooks import _sent
    from sparkdiskcache._refusal import FunctionRefused
    from sparkdiskcache.fnhash import hash_function

    sys.path.insert(0, os.getcwd())
    environment = _environment.of_workers(
        sys.executable, os.getcwd(), f"{os.getcwd()}:{os.environ['PYTHONPATH']}", os.environ.get("TZ"), ()
    )
    wanted, found = set(names), {}
    for case in CASES:
        if case.name not in wanted:
            continue
        scope: dict[str, Any] = {"__name__": "__main__"}
        exec(compile(case.code[number], f"<{case.name}>", "exec", dont_inherit=True), scope)
        one: dict[str, Any] = {}
        if case.before and number == 0:
            one["before"] = _in_a_fork(lambda text=case.before: _neighbour(text, environment))
        try:
            identity = hash_function(scope["f"], environment)
            one["digest"] = identity.digest
            one["sent"] = cloudpickle.dumps(_sent(scope["f"], identity))
        except FunctionRefused as e:
            one["refused"] = str(e)
        except pickle.PicklingError as e:
            one["refused"] = f"Spark cannot send it: {e}"
        found[case.name] = one
        try:
            one["truth"] = [str(scope["f"](x)) for x in INPUTS]
        except Exception as e:
            one["truth"] = [repr(e)]
    return found


def _proved(sent: bytes) -> dict[str, Any]:
    import pyspark.accumulators
    from pyspark import TaskContext

    from sparkdiskcache import _proof

    TaskContext._getOrCreate()
    pyspark.accumulators._accumulatorRegistry.clear()
    function = pickle.loads(sent)
    try:
        rows = [str(function(x)) for x in INPUTS]
    except Exception as e:
        rows = [repr(e)]
    verdict_of = pyspark.accumulators._accumulatorRegistry.get(_proof._NUMBER)
    if verdict_of is None:
        return {"proven": False, "rows": rows}
    update = verdict_of._value
    try:
        (verdict,) = json.loads(update[len(_proof._BEGIN) + 8 :])
    except ValueError:
        return {"proven": False, "rows": rows}
    return {**verdict, "rows": rows}


def _neighbour(text: str, environment: Any) -> bytes:
    """What is sent of another function, which may change the driver that defines it."""
    from pyspark.cloudpickle import cloudpickle

    from sparkdiskcache._hooks import _sent
    from sparkdiskcache._refusal import FunctionRefused
    from sparkdiskcache.fnhash import hash_function

    scope: dict[str, Any] = {"__name__": "__main__"}
    exec(compile(text, "<before>", "exec", dont_inherit=True), scope)
    try:
        return cloudpickle.dumps(_sent(scope["f"], hash_function(scope["f"], environment)))
    except FunctionRefused as e:
        return cloudpickle.dumps(_sent(scope["f"], e))


def _in_order(before: bytes | None, sent: bytes) -> dict[str, Any]:
    sys.path.insert(0, os.getcwd())
    if before is not None:
        _proved(before)
    return _proved(sent)


def _in_a_fork(work: Callable[[], Any]) -> Any:
    reads, writes = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reads)
        try:
            answer = work()
        except BaseException as e:
            answer = {"proven": False, "failed": repr(e)}
        with open(writes, "wb") as pipe:
            pickle.dump(answer, pipe)
        os._exit(0)
    os.close(writes)
    with open(reads, "rb") as pipe:
        content = pipe.read()
    os.waitpid(child, 0)
    return pickle.loads(content)


def main() -> None:
    out = sys.stdout.buffer
    if sys.argv[1] == "driver":
        sys.stdout = sys.stderr
        out.write(pickle.dumps(_driver(int(sys.argv[2]), sys.argv[3].split(","))))
        return
    import pandas  # noqa: F401 - as PySpark's daemon has them before it forks
    import pyarrow  # noqa: F401
    import pyspark.worker  # noqa: F401

    found = pickle.loads(sys.stdin.buffer.read())
    for one in found.values():
        if "sent" in one:
            one.update(_in_a_fork(functools.partial(_in_order, one.pop("before", None), one.pop("sent"))))
    out.write(pickle.dumps(found))


if __name__ == "__main__":
    main()
