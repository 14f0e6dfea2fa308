# SPDX-License-Identifier: Apache-2.0
"""The cache of a session, for code that wants more of it than ``df.cache()`` gives."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Any

import pyspark
from pyspark.errors.exceptions.captured import IllegalArgumentException

from ._hooks import bridge_class
from ._install import PLUGIN
from ._report import ENTRY_COLUMNS, Explanation, Relation, Stats
from .errors import DiskCacheError

if TYPE_CHECKING:
    import pandas as pd
    from pyspark.sql import DataFrame, SparkSession

_CURE = "build the session with sparkdiskcache.configure(SparkSession.builder).getOrCreate(), after stopping the one that runs"


class DiskCache:
    """The cache of a classic session. Cheap to make; holds no resources.

    :raises DiskCacheError: if the session has no cache, saying how to get one
    """

    def __init__(self, spark: SparkSession) -> None:
        if not hasattr(spark, "_jsparkSession"):
            raise DiskCacheError(
                "Cannot inspect the cache through Spark Connect: it runs in the server. df.cache() is enough here,"
                " if the server was started with --jars spark-diskcache-<line>_2.13-<version>.jar"
                f" --conf spark.plugins={PLUGIN}."
            )
        self._sc = spark.sparkContext
        jvm: Any = self._sc._jvm
        self._jvm = jvm
        self._bridge = bridge_class(self._sc)
        if self._bridge is None:
            raise DiskCacheError(
                f"Cannot find spark-diskcache's jar on the class path of this session: {_CURE}."
            )
        conf = self._sc.getConf()
        active = PLUGIN in conf.get("spark.plugins", "") or "DiskCacheExtensions" in conf.get(
            "spark.sql.extensions", ""
        )
        if not active and not conf.get("spark.master", "").startswith("local"):
            raise DiskCacheError(f"Cannot use the cache: spark.plugins does not name {PLUGIN}; {_CURE}.")
        self._java = self._jvm.io.sparkdiskcache.DiskCache.of(spark._jsparkSession)

    def persist(self, df: DataFrame, **options: Any) -> DataFrame:
        """``df.cache()`` with options for its entries.

        :param options: those of Java's ``CacheOptions``, such as ``tag="nightly"`` or
            ``storage_level=StorageLevel.DISK_ONLY``. A ``ttl`` may be seconds, a ``timedelta`` or text such as
            ``12h``; a ``precision`` a mapping, or text such as ``embedding=float16``
        :raises ValueError: for a value that cannot be used, saying what can
        """
        java = self._jvm.io.sparkdiskcache.CacheOptions.defaults()
        setters = {_snake(name): name for name in self._bridge.optionSetters()}
        try:
            for name, value in options.items():
                if name not in setters:
                    raise TypeError(
                        f"Cannot persist with {name}: the options are {', '.join(sorted(setters))}."
                    )
                java = getattr(java, setters[name])(self._converted(name, value))
            self._java.persist(df._jdf, java)
        except IllegalArgumentException as e:
            raise ValueError(e.getMessage() or str(e)) from None
        df.is_cached = True
        return df

    def explain(self, df: DataFrame) -> Explanation:
        """Whether a query is a hit, a miss or refused, and why. Runs no job and changes nothing."""
        report = self._java.explain(df._jdf)
        return Explanation(tuple(_relation(r) for r in report.relations()), self._bridge.text(report))

    def entries(self) -> pd.DataFrame:
        """Everything stored in the cache directory, of all applications."""
        import pandas as pd

        rows = [
            (
                e.key().hex(),
                e.relation(),
                e.description(),
                e.tag(),
                e.application(),
                e.partition(),
                e.rows(),
                e.bytes(),
                e.meta().computeTime().toMillis(),
                pd.Timestamp(e.createdAt().toEpochMilli(), unit="ms", tz="UTC"),
                e.hits(),
            )
            for e in self._java.entries()
        ]
        return pd.DataFrame(rows, columns=ENTRY_COLUMNS)

    def stats(self) -> Stats:
        """Counters of this application; those of the store under ``store``, of the remote tier under ``remote``."""
        return Stats(_record(self._java.stats()))

    def evict(self, selector: str, *, dry_run: bool = False) -> int:
        """Removes what a selector such as ``tag=nightly older=7d`` selects; returns the bytes freed.

        :param dry_run: only say how many bytes it would free
        :raises ValueError: if it is not a selector, saying what is
        """
        try:
            if dry_run:
                return int(self._java.wouldEvict(selector))
            return int(self._java.evict(selector))
        except IllegalArgumentException as e:
            raise ValueError(e.getMessage() or str(e)) from None

    def clear(self) -> int:
        """Removes everything that is stored; returns the bytes freed."""
        return int(self._java.clear())

    def _converted(self, name: str, value: Any) -> Any:
        if isinstance(value, pyspark.StorageLevel):
            return self._sc._getJavaStorageLevel(value)
        if name == "ttl":
            if isinstance(value, str):
                return self._bridge.duration(value)
            seconds = value.total_seconds() if isinstance(value, datetime.timedelta) else value
            return self._jvm.java.time.Duration.ofMillis(round(seconds * 1000))
        if name == "precision" and isinstance(value, str):
            return self._bridge.precision(value)
        return float(value) if name.startswith("max_") else value


def _relation(java: Any) -> Relation:
    refusal = java.reason().orElse(None)
    return Relation(
        status=java.status().name().lower(),
        name=java.name(),
        cached=java.cached(),
        found=java.found(),
        wanted=java.wanted(),
        bytes=java.bytes(),
        seconds=java.computeTime().toMillis() / 1000,
        fingerprint=java.fingerprint(),
        directory=java.directory(),
        reason=refusal.code().name() if refusal else "",
        place=refusal.place() if refusal else "",
        sentence=refusal.sentence() if refusal else "",
        cure=refusal.code().cureInPython() if refusal else "",
        precision=tuple(column.toString() for column in java.precision()),
        differences=tuple(java.differences()),
        reads=tuple(java.reads()),
        withheld=tuple(f"{o.reason()}: {o.toString()}" for o in java.withheld()),
        outcome=java.outcome(),
    )


def _record(java: Any) -> dict[str, Any]:
    """The components of a Java record, by name in snake case; records and maps in it become dicts."""
    found = {}
    for component in java.getClass().getRecordComponents():
        value = getattr(java, component.getName())()
        if component.getType().isRecord():
            value = _record(value)
        elif component.getType().getName() == "java.util.Map":
            value = dict(value)
        found[_snake(component.getName())] = value
    return found


def _snake(name: str) -> str:
    name = name.removeprefix("with") if name.startswith("with") and name[4:5].isupper() else name
    return "".join("_" + c.lower() if c.isupper() else c for c in name).lstrip("_")
