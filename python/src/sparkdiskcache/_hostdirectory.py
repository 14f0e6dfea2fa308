# SPDX-License-Identifier: Apache-2.0
"""Where a process keeps its cache, as ``HostDirectory`` tells it in the JVM."""

from __future__ import annotations

import os
from pathlib import Path

from .errors import DiskCacheError

DEFAULT = "default"
_VARIABLE = "SPARK_DISKCACHE_DIR"


def of_this_process(configured: str) -> str:
    """
    :param configured: an absolute path, one below ``~``, or ``default``
    :raises DiskCacheError: if the directory cannot be told
    """
    of_host = os.environ.get(_VARIABLE, "")
    if of_host:
        return _absolute(of_host)
    if configured != DEFAULT:
        return _absolute(configured)
    caches = os.environ.get("XDG_CACHE_HOME", "")
    return os.path.join(
        caches if os.path.isabs(caches) else os.path.join(_home(), ".cache"), "spark-diskcache"
    )


def _absolute(text: str) -> str:
    path = _home() + text[1:] if text == "~" or text.startswith("~/") else text
    if not os.path.isabs(path):
        raise DiskCacheError(
            f"Cannot use cache directory {text!r}: it must be an absolute path; set {_VARIABLE} to one, or unset it."
        )
    return os.path.normpath(path)


def _home() -> str:
    named = os.environ.get("HOME", "")
    if os.path.isabs(named):
        return named
    try:
        home = str(Path.home())
    except RuntimeError:  # a user without an entry in the list of users
        home = ""
    if not os.path.isabs(home):
        raise DiskCacheError(
            "Cannot tell the cache directory: the user of this process has no home directory, and neither HOME nor"
            f" XDG_CACHE_HOME is set; set spark.diskcache.dir, or {_VARIABLE} in the environment of the process."
        )
    return home
