# SPDX-License-Identifier: Apache-2.0
"""Whose turn it is to call a memoised function for a key: among the threads of a process, and among processes."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterable
from functools import cache
from pathlib import Path

_START_TIME = 19  # the 22nd field of stat, counted after the name


class Turns:
    """The keys that threads of this process are calling for. A thread is no other to itself: a memoised
    function may use another, or itself."""

    def __init__(self) -> None:
        self._holders: dict[bytes, int] = {}
        self._ended = threading.Condition()

    def take(self, keys: Iterable[bytes]) -> set[bytes]:
        """Those of them that no other thread has."""
        me = threading.get_ident()
        with self._ended:
            return {key for key in keys if self._holders.setdefault(key, me) == me}

    def end(self, keys: Iterable[bytes]) -> None:
        """Of those of them that this thread has."""
        me = threading.get_ident()
        with self._ended:
            for key in keys:
                if self._holders.get(key) == me:
                    del self._holders[key]
            self._ended.notify_all()

    def wait(self, keys: Iterable[bytes], seconds: float) -> None:
        """Until no thread of this process has one of them, or, for other processes, so long."""
        with self._ended:
            held = [key for key in keys if key in self._holders]
            if held:
                self._ended.wait_for(lambda: not all(key in self._holders for key in held), seconds)
                return
        time.sleep(seconds)


def owner_of(pid: int) -> str:
    try:
        return f"{_namespace()}/{pid}/{_start(pid)}"
    except OSError:
        return f"?/{pid}/{time.monotonic_ns()}"  # not Linux: leases end by expiry only


@cache
def _namespace() -> str:
    return "".join(c for c in os.readlink("/proc/self/ns/pid") if c.isdigit())


def _start(pid: int) -> str:
    content = Path(f"/proc/{pid}/stat").read_text("latin-1")
    return content[content.rindex(")") + 2 :].split(" ")[_START_TIME]


def is_alive(owner: str) -> bool:
    """False only for what is known to be dead: a process of this host's namespace that is gone."""
    parts = owner.split("/")
    try:
        if len(parts) != 3 or parts[0] != _namespace():
            return True
        return _start(int(parts[1])) == parts[2]
    except FileNotFoundError:
        return False
    except (OSError, ValueError):
        return True
