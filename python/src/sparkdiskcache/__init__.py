# SPDX-License-Identifier: Apache-2.0
"""Keeps what ``df.cache()`` holds on local SSDs, so that the next application finds it.

.. code-block:: python

    import sparkdiskcache
    from pyspark.sql import SparkSession

    spark = sparkdiskcache.configure(SparkSession.builder).getOrCreate()
    months = spark.read.parquet("/data/orders").groupBy("month").count().cache()

Programs stay as they are; :class:`DiskCache` is for those who want to look inside.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import _line
from ._pure import pure
from ._report import Explanation, Relation, Stats
from .errors import DiskCacheError

if TYPE_CHECKING or _line.supported():
    from ._cache import DiskCache
    from ._install import configure
    from ._memo import memo_apply, memoize
else:
    from ._plain import DiskCache, configure, memo_apply, memoize

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

__all__ = [
    "DiskCache", "DiskCacheError", "Explanation", "Relation", "Stats", "configure", "memo_apply", "memoize", "pure",
]  # fmt: skip
__version__ = "0.1.0.dev0"


def load_ipython_extension(shell: InteractiveShell) -> None:
    """``%load_ext sparkdiskcache``: the magics ``%diskcache`` and ``%%cached``."""
    if not _line.supported():
        _line.warn_once()
        return
    try:
        from ._notebook import load
    except ImportError as e:
        raise DiskCacheError(
            f"Cannot load the magics: {e.name} is missing; pip install 'sparkdiskcache[notebook]'."
        ) from e
    load(shell)
