# SPDX-License-Identifier: Apache-2.0
"""The line of Spark that this package is bound to.

Asked before a module is imported that another line of PySpark may not carry: there the package does
nothing, and says so once.
"""

from __future__ import annotations

import logging
import re

import pyspark

BUILT_FOR = "4.2"
_log = logging.getLogger("sparkdiskcache")
_OF_THE_LINE = re.compile(re.escape(BUILT_FOR) + r"([.-].*)?")
_told = False


def supported(version: str | None = None) -> bool:
    """Whether a version of Spark, by default PySpark's, is of the line: 4.2.1 or 4.2.1.dev0, but not 4.20."""
    return _OF_THE_LINE.fullmatch(version if version is not None else pyspark.__version__) is not None


def sentence() -> str:
    return f"built for Spark {BUILT_FOR}, found {pyspark.__version__}; nothing is cached by spark-diskcache"


def warn_once() -> None:
    global _told
    if not _told:
        _told = True
        _log.warning(sentence())
