# SPDX-License-Identifier: Apache-2.0
"""Tells the JVM which frames hold a list of the driver's.

``createDataFrame`` of a list makes an RDD, whose content nothing in a plan shows. PySpark pickles
the rows into that RDD at once, so their bytes there are their identity, whatever becomes of the
list.
"""

from __future__ import annotations

import functools
import logging
import threading
from typing import Any

from pyspark.sql import SparkSession

from ._hooks import bridge_class

_log = logging.getLogger(__name__)
_INSTALLED = "_sparkdiskcache_original"
_made = threading.local()


def install() -> None:
    """Wraps the two methods in question; once, however often it is called."""
    session: Any = SparkSession
    if hasattr(session._create_dataframe, _INSTALLED):
        return
    rows = session._createFromLocal
    frame = session._create_dataframe

    @functools.wraps(rows)
    def create_from_local(self: Any, *arguments: Any, **keywords: Any) -> Any:
        made = rows(self, *arguments, **keywords)
        _made.rdd = made[0]
        return made

    @functools.wraps(frame)
    def create_dataframe(self: Any, *arguments: Any, **keywords: Any) -> Any:
        _made.rdd = None
        try:
            df = frame(self, *arguments, **keywords)
            if _made.rdd is not None:
                _register(df, _made.rdd)
            return df
        finally:
            _made.rdd = None

    setattr(create_dataframe, _INSTALLED, frame)
    session._createFromLocal = create_from_local
    session._create_dataframe = create_dataframe


def _register(df: Any, rdd: Any) -> None:
    try:
        bridge = bridge_class(df.sparkSession.sparkContext)
        if bridge is not None:
            bridge.localRows(df._jdf, rdd._jrdd)
    except Exception:  # unregistered is refused, so the query still computes
        _log.warning("Cannot tell the content of a local list; it is not cached", exc_info=True)
