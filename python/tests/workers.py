# SPDX-License-Identifier: Apache-2.0
"""Workers of Python: memoised functions as they have them, in the process of the test, and the end of real ones."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import psutil
from pyspark.cloudpickle import cloudpickle
from pyspark.sql import types as t

from sparkdiskcache import _memocalls, memoize
from sparkdiskcache.fnhash import hash_function


def in_this_process(function: Any, directory: Path, **options: Any) -> _memocalls.Calls:
    """The calls of a function whose results are strings, kept in the directory."""
    directory.chmod(0o700)
    pickled = cloudpickle.dumps(function)
    chosen = memoize(function, **options)._options
    return _memocalls.Calls(pickled, "digest", "", t.StringType(), chosen, str(directory))


def proven_in_this_process(function: Any, directory: Path) -> _memocalls.Calls:
    """As :func:`in_this_process`, of a function that is watched, so that files which it reads are inputs."""
    calls = in_this_process(function, directory)
    found = hash_function(function, of_service=True)
    return dataclasses.replace(calls, digest=found.digest, proof_digest=found.proof, _here={})


def end_workers() -> None:
    """Ends those of this process's session, so that the next task has a new one."""

    def is_daemon(process: psutil.Process | None) -> bool:
        try:
            return process is not None and "pyspark.daemon" in process.cmdline()
        except (psutil.NoSuchProcess, psutil.ZombieProcess):
            return False

    children = psutil.Process().children(recursive=True)
    workers = [process for process in children if is_daemon(process) and is_daemon(process.parent())]
    assert workers
    for worker in workers:
        worker.kill()
    _, alive = psutil.wait_procs(workers, timeout=60)
    assert not alive
