# SPDX-License-Identifier: Apache-2.0
"""A stream of tagged values into SHA-256."""

from __future__ import annotations

import hashlib
import marshal
from typing import Any

# Version 2 of the format writes no references and no interning: equal values are equal bytes, and a
# value says where it ends.
_MARSHAL = 2
ATOMS = frozenset({type(None), bool, int, float, complex, str, bytes})
"""The types encoded by their value alone, exactly these: NaNs keep their bits, ``1`` is not ``True``."""


def encoded(value: Any) -> bytes:
    """An atom, or a tuple or list of nothing but atoms."""
    return marshal.dumps(value, _MARSHAL)


class Digest:
    """Two different sequences of calls never feed the same bytes."""

    def __init__(self) -> None:
        self._sha = hashlib.sha256()

    def put(self, tag: str, *values: Any) -> None:
        """Says what comes next, then the values, which are atoms."""
        self._sha.update(marshal.dumps((tag, *values), _MARSHAL))

    def raw(self, tag: str, buffer: Any) -> None:
        """Bytes of which no copy is made."""
        view = memoryview(buffer).cast("B")
        self.put(tag, len(view))
        self._sha.update(view)

    def digest(self) -> bytes:
        return self._sha.digest()

    def hexdigest(self) -> str:
        return self._sha.hexdigest()


def hexdigest_of(*values: Any) -> str:
    """Of atoms."""
    digest = Digest()
    digest.put("", *values)
    return digest.hexdigest()
