# SPDX-License-Identifier: Apache-2.0
"""Files that functions read in this process, as they were when they were read."""

from __future__ import annotations

import hashlib
import os
import posix
import stat
import time
from typing import NamedTuple

from ._sources import is_settled

MAX_BYTES = 64 << 20
_CHUNK = 1 << 20
_stat = posix.stat  # not that of os, which is watched


class Look(NamedTuple):
    """The facts that tell a file from its next content; a length of -1 says that there is none."""

    length: int
    mtime: int
    ctime: int
    inode: int
    device: int


ABSENT = Look(-1, 0, 0, 0, 0)


class Unreadable(Exception):
    """A file that cannot be an input."""


def look(path: str) -> Look:
    """
    :raises Unreadable: if it is no regular file
    """
    try:
        s = _stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return ABSENT
    except (OSError, ValueError) as e:
        raise Unreadable(f"it cannot be looked at: {e}") from e
    if not stat.S_ISREG(s.st_mode):
        raise Unreadable("it is no regular file")
    return Look(s.st_size, s.st_mtime_ns, s.st_ctime_ns, s.st_ino, s.st_dev)


class Read(NamedTuple):
    """A file that was opened for reading."""

    path: str
    seen: Look
    sha256: str
    at: int

    def said(self) -> dict[str, object]:
        return {"path": self.path, **self.seen._asdict(), "sha256": self.sha256, "at": self.at}


_HASHES: dict[tuple[str, Look], tuple[str, int]] = {}


def read(path: str) -> Read:
    """
    :raises Unreadable: if it is no regular file, or too long
    """
    seen = look(path)
    if seen == ABSENT:
        return Read(path, seen, "", 0)
    if seen.length > MAX_BYTES:
        raise Unreadable("it is longer than 64 MiB")
    known = _HASHES.get((path, seen))
    if known is None:
        at = time.time_ns()
        try:
            digest = _sha256(path)
        except OSError as e:
            raise Unreadable(f"it cannot be read: {e}") from e
        if look(path) != seen:
            raise Unreadable("it changed while it was read")
        known = digest, at
        if is_settled(seen):
            _HASHES[path, seen] = known
    return Read(path, seen, *known)


def _sha256(path: str) -> str:
    digest = hashlib.sha256()
    file = os.open(path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
    try:
        while chunk := os.read(file, _CHUNK):
            digest.update(chunk)
    finally:
        os.close(file)
    return digest.hexdigest()


def changed(read: Read) -> bool:
    """Whether the file may have another content by now."""
    try:
        return look(read.path) != read.seen
    except Unreadable:
        return True
