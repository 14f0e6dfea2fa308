# SPDX-License-Identifier: Apache-2.0
"""From a session builder to a session with the cache."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pyspark

from . import _hooks, _line
from .errors import DiskCacheError

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

PLUGIN = "io.sparkdiskcache.DiskCachePlugin"


def configure(
    builder: SparkSession.Builder, jar: str | os.PathLike[str] | None = None
) -> SparkSession.Builder:
    """Adds the cache's jar and plugin to a session that is not built yet.

    From then on every Python function that a classic session hands to Spark (``@udf``,
    ``@pandas_udf``, ``spark.udf.register``, ``mapInPandas``, ...) is hashed, so that what it
    computes can be cached.

    :param jar: instead of the one in this package
    :returns: the same builder
    :raises DiskCacheError: if there is no jar, or for a Spark Connect client
    """
    options: dict[str, str] = builder._options
    if "spark.remote" in options or "SPARK_REMOTE" in os.environ:
        raise DiskCacheError(
            "Cannot configure a Spark Connect client: jar and plugin belong to the server; start it with"
            f" --jars {_name(jar)} --conf spark.plugins={PLUGIN}, and call df.cache() here."
        )
    path = str(jar_path(jar))
    for key, value in (("spark.jars", path), ("spark.plugins", PLUGIN)):
        listed = [entry for entry in options.get(key, "").split(",") if entry]
        if value not in listed:
            builder.config(key, ",".join([*listed, value]))
    _hooks.install()
    return builder


def jar_path(jar: str | os.PathLike[str] | None = None) -> Path:
    """The jar to add to Spark: the one given, else the one in this package."""
    if jar is not None:
        path = Path(jar).expanduser().resolve()
        if not path.is_file():
            raise DiskCacheError(
                f"Cannot find the jar {path}: give the path of spark-diskcache-<line>_2.13-<version>.jar."
            )
        return path
    found = _line.jars().get(_line.line_of(pyspark.__version__) or "")
    if found is None:
        raise DiskCacheError(
            f"Cannot find the jar in {Path(__file__).parent / 'jars'}: install the wheel, which contains one for each"
            " line of Spark, or call configure(builder, jar=...)."
        )
    return found


def _name(jar: str | os.PathLike[str] | None) -> str:
    return str(jar) if jar is not None else "spark-diskcache-<line>_2.13-<version>.jar"
