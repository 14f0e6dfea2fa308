# SPDX-License-Identifier: Apache-2.0
"""The lines of Spark that this package is built for: it carries a jar for each.

Asked before a module is imported that another line of PySpark may not carry: there the package does
nothing, and says so once.
"""

from __future__ import annotations

import logging
import re
from pathlib import Path

import pyspark

LINES = ("4.0", "4.1", "4.2", "4.3")
_log = logging.getLogger("sparkdiskcache")
_JAR = re.compile(r"spark-diskcache-(\d+\.\d+)_[\d.]+-.*\.jar")
_VERSION = re.compile(r"(\d+\.\d+)([.-].*)?")
_told = False


def line_of(version: str) -> str | None:
    """The line of a version of Spark, by its first two numbers: of 4.2.1 or 4.2.1.dev0, but not of 4.2a."""
    found = _VERSION.fullmatch(version)
    return found[1] if found else None


def jars() -> dict[str, Path]:
    """The jars that the package carries, by line."""
    found = ((_JAR.fullmatch(path.name), path) for path in sorted(Path(__file__).parent.glob("jars/*.jar")))
    return {match[1]: path for match, path in found if match}


def built_for() -> tuple[str, ...]:
    """The lines of the jars; all where there is none, because then the jar is another's to give."""
    carried = jars()
    return tuple(line for line in LINES if line in carried or not carried)


def supported(version: str | None = None) -> bool:
    """Whether a version of Spark, by default PySpark's, is of a line that the package is built for."""
    return line_of(version if version is not None else pyspark.__version__) in built_for()


def sentence() -> str:
    lines = list(built_for())
    named = " and ".join([", ".join(lines[:-1]), lines[-1]] if len(lines) > 1 else lines)
    return f"built for Spark {named}, found {pyspark.__version__}; nothing is cached by spark-diskcache"


def warn_once() -> None:
    global _told
    if not _told:
        _told = True
        _log.warning(sentence())
