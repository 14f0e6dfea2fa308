# SPDX-License-Identifier: Apache-2.0
"""Files that a memoised function has read, which are inputs of its results.

Which files those are is known after a call only. So the cache directory has, for each function, the paths that it
was ever seen to read, and what these files contain at the moment is part of all keys: a result is found as long as
every one of them is what it was when the result was kept. Another path makes other keys once.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable
from pathlib import Path

from . import _jsonfile, _reads
from . import _memovalues as values

_MOST = 256


class Reads:
    """Of one function, in one cache directory.

    :param digest: of the function
    """

    def __init__(self, directory: str, digest: str) -> None:
        self._path = Path(directory) / "memo" / "reads" / f"{digest}.json"
        self._known: tuple[object, tuple[str, ...]] = (None, ())

    def paths(self) -> tuple[str, ...]:
        """In order; empty before anybody has seen a read."""
        try:
            facts = os.stat(self._path)
        except OSError:
            return ()
        at = facts.st_mtime_ns, facts.st_size, facts.st_ino
        if self._known[0] != at:
            try:
                found = json.loads(self._path.read_text("utf-8"))
            except (OSError, ValueError):
                return ()  # other keys: nothing is found by them that should not be
            self._known = at, tuple(sorted(map(str, found)))
        return self._known[1]

    def add(self, paths: Iterable[str]) -> bool:
        """Says whether they are known now."""
        together = sorted({*self.paths(), *paths})
        if len(together) > _MOST:
            return False
        if tuple(together) == self.paths():
            return True
        try:
            _jsonfile.replace(self._path, together)
        except OSError:
            return False
        return True


def contents(paths: Iterable[str]) -> dict[str, str]:
    """By path; of a file that is not there nothing, and of one that cannot be an input what no other has."""
    found = {}
    for path in paths:
        try:
            found[path] = _reads.read(path).sha256
        except _reads.Unreadable as e:
            found[path] = f"{e} {os.urandom(8).hex()}"
    return found


def prefix(before: bytes, files: dict[str, str]) -> bytes:
    """Of the keys of results that were computed with these files."""
    if not files:
        return before
    encoded = b"".join(values.argument(text) for pair in sorted(files.items()) for text in pair)
    return hashlib.sha256(before + encoded).digest()
