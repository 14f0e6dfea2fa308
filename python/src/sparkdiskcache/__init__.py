# SPDX-License-Identifier: Apache-2.0
"""Keeps what ``df.cache()`` holds on local SSDs, so that the next application finds it.

.. code-block:: python

    import sparkdiskcache
    from pyspark.sql import SparkSession

    spark = sparkdiskcache.configure(SparkSession.builder).getOrCreate()
    months = spark.read.parquet("/data/orders").groupBy("month").count().cache()

Programs stay as they are; :class:`DiskCache` is for those who want to look inside.
"""

from ._cache import DiskCache, Explanation, Relation
from ._install import configure
from .errors import DiskCacheError

__all__ = ["DiskCache", "DiskCacheError", "Explanation", "Relation", "configure"]
__version__ = "0.1.0.dev0"
