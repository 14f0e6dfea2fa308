# SPDX-License-Identifier: Apache-2.0
"""Memoised functions as a worker of Python has them, in the process of the test."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pyspark.cloudpickle import cloudpickle
from pyspark.sql import types as t

from sparkdiskcache import _memo, memoize


def in_this_process(function: Any, directory: Path, **options: Any) -> _memo._Calls:
    """The calls of a function whose results are strings, kept in the directory."""
    directory.chmod(0o700)
    pickled = cloudpickle.dumps(function)
    chosen = memoize(function, **options)._options
    return _memo._Calls(pickled, "digest", "", t.StringType(), chosen, str(directory))
