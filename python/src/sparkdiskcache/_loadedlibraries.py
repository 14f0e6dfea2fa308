# SPDX-License-Identifier: Apache-2.0
"""Libraries in a worker: their content is what it was when they were loaded, or nobody can tell."""

from __future__ import annotations

import os
import sys
from typing import Any

from ._libraries import Machine
from ._refusal import CODE, FunctionRefused

_OF_SPARK = ("pyspark", "py4j")


class Libraries:
    """Distributions as they were when their modules were loaded."""

    def __init__(self) -> None:
        self._first: dict[str, str] = {}
        self._mixed: dict[str, str] = {}
        self._checked: dict[str, int] = {}
        self._unasked: dict[str, list[str]] = {}
        self.answers: dict[frozenset[str], tuple[tuple[int, int], dict[str, str]]] = {}
        self.loaded_at: dict[str, int] = {}
        self.at_start = ""

    def proven(self, found: dict[str, str], machine: Machine) -> dict[str, str]:
        for name, module in list(sys.modules.items()):
            if self._checked.get(name) != id(module):
                self._checked[name] = id(module)
                for owner in machine.owners(name.partition(".")[0]):
                    self._unasked.setdefault(owner, []).append(name)
        started = started_at()
        for owner in found:
            for name in self._unasked.pop(owner, ()):
                problem = self.younger(name, sys.modules.get(name), started)
                if problem is not None:
                    self._mixed.setdefault(owner, problem)
                elif self._first.get(owner, found[owner]) != found[owner]:
                    self._mixed.setdefault(owner, f"{name} was loaded after it was installed again")
        for name in found:
            if name in self._mixed:
                raise FunctionRefused(
                    CODE,
                    f"library {name}",
                    f"uses {name}, of which this worker has loaded another state: {self._mixed[name]}; restart"
                    " the application",
                )
        return {name: self._first.setdefault(name, digest) for name, digest in found.items()}

    def younger(self, name: str, module: Any, started: int) -> str | None:
        """Why the file of a module may not be what was loaded."""
        path = getattr(getattr(module, "__spec__", None), "origin", None)
        if path is None or not os.path.isabs(path):
            return None
        if name.partition(".")[0] in _OF_SPARK:
            # Spark's archives of itself go with its version, which counts.
            path = getattr(module.__spec__.loader, "archive", path)
        limit = self.loaded_at.get(name, started)
        try:
            facts = os.stat(path)
            step = path
            while len(step) > 1:
                link = os.lstat(step)
                if os.path.islink(step) and link.st_ctime_ns > limit:
                    return f"{step} is a link that was changed after {name} was loaded"
                step = os.path.dirname(step)
        except OSError as e:
            return f"{path}: {e}"
        if max(facts.st_mtime_ns, facts.st_ctime_ns) > limit:
            return f"{path} was changed after it was loaded"
        return None


_started: int | None = None


def started_at() -> int:
    """When the process was started that this one was forked from, in nanoseconds; 0 if nobody knows."""
    global _started
    if _started is None:
        try:
            with open("/proc/stat", encoding="ascii") as file:
                boot = next(int(line.split()[1]) for line in file if line.startswith("btime"))
            ticks = []
            for process in (os.getpid(), os.getppid()):
                with open(f"/proc/{process}/stat", encoding="utf-8", errors="replace") as file:
                    ticks.append(int(file.read().rpartition(")")[2].split()[19]))
            _started = (boot * os.sysconf("SC_CLK_TCK") + min(ticks)) * 10**9 // os.sysconf("SC_CLK_TCK")
        except (OSError, ValueError, StopIteration, IndexError):
            _started = 0
    return _started
