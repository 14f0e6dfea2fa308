# SPDX-License-Identifier: Apache-2.0
"""Small files of JSON that processes share: readers find the old content or the new one, never a part."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from pathlib import Path
from typing import Any


def replace(path: Path, content: Any) -> None:
    """Makes the file, and its directory, readable by their owner only.

    :raises OSError: if it cannot be written; the old file is still there
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent)
    try:
        with open(handle, "w", encoding="utf-8") as file:
            json.dump(content, file)
        os.replace(name, path)
    except OSError:
        with contextlib.suppress(OSError):
            os.unlink(name)
        raise
