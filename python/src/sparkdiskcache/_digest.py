# SPDX-License-Identifier: Apache-2.0
"""A type-tagged, length-prefixed byte stream into SHA-256."""

from __future__ import annotations

import hashlib
import struct


class Digest:
    """Two different sequences of calls never feed the same bytes."""

    def __init__(self) -> None:
        self._sha = hashlib.sha256()

    def put(self, tag: str, *values: bytes | str | int) -> None:
        """Says what comes next, then the values."""
        self._bytes(tag.encode())
        self._sha.update(struct.pack(">I", len(values)))
        for value in values:
            if isinstance(value, int):
                value = str(value)
            self._bytes(value.encode("utf-8", "surrogatepass") if isinstance(value, str) else value)

    def _bytes(self, value: bytes) -> None:
        self._sha.update(struct.pack(">Q", len(value)))
        self._sha.update(value)

    def digest(self) -> bytes:
        return self._sha.digest()

    def hexdigest(self) -> str:
        return self._sha.hexdigest()
