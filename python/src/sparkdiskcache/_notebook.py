# SPDX-License-Identifier: Apache-2.0
"""Magics for IPython and Jupyter: ``%load_ext sparkdiskcache``."""

from __future__ import annotations

import ast
import shlex
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from IPython.core.error import UsageError
from IPython.core.magic import Magics, cell_magic, line_magic, magics_class
from pyspark import StorageLevel
from tqdm import tqdm

from . import _html
from ._cache import DiskCache, Explanation
from .errors import DiskCacheError

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell
    from pyspark.sql import DataFrame, SparkSession

_POLL_SECONDS = 0.2
_ROWS_SHOWN = 10
_CHARACTERS_SHOWN = 80
_COMMANDS = (
    "%diskcache, %diskcache stats, %diskcache explain DF, %diskcache entries, %diskcache evict SELECTOR"
)


class Status:
    """One line about the cache of this application."""

    def __init__(self, cache: DiskCache) -> None:
        stats = cache.stats()
        found, computed = stats["hits"], stats["computed"]
        self.text = (
            f"spark-diskcache: {found:,} of {found + computed:,} partitions found,"
            f" {stats['stages_skipped']:,} exchanges not executed,"
            f" {_html.duration(stats['saved_millis'] / 1000)} of task time saved;"
            f" {_html.size(stats['store']['bytes'])} in {stats['store']['entries']:,} entries"
        )

    def __repr__(self) -> str:
        return self.text


class CachedResult:
    """The output of ``%%cached``: how the cell's DataFrame was found, and its first rows."""

    def __init__(self, before: Explanation, after: Explanation, df: DataFrame) -> None:
        self.before, self.after = before, after
        rows = df.limit(_ROWS_SHOWN + 1).collect()
        self.columns, self.rows = df.columns, rows[:_ROWS_SHOWN]
        self.more = len(rows) > _ROWS_SHOWN

    def _how(self) -> str:
        found = ", ".join(sorted({r.status for r in self.before.relations}))
        stored = sum(r.bytes for r in self.after.relations)
        if found == "hit":
            saved = sum(r.seconds for r in self.before.relations)
            return f"read from the cache ({_html.size(stored)}), {_html.duration(saved)} of task time saved"
        refused = [r for r in self.after.relations if r.status == "refused"]
        if refused:
            return f"left to Spark's own cache: {refused[0].sentence} {refused[0].cure}"
        why = [d for r in self.before.relations for d in r.differences]
        return (
            f"computed and stored ({_html.size(stored)}), it was a {found}"
            + (f": {why[0]}" if why else "")
            + "."
        )

    def __repr__(self) -> str:
        lines = [self._how(), "\t".join(self.columns)]
        lines += ["\t".join(row) for row in self._texts()]
        return "\n".join([*lines, "..."] if self.more else lines)

    def _repr_html_(self) -> str:
        more = f"first {_ROWS_SHOWN} rows" if self.more else f"{len(self.rows)} rows"
        return _html.rows(f"{self._how()} - {more}", self.columns, self._texts())

    def _texts(self) -> list[list[str]]:
        """The values as they are shown; an embedding would fill the page."""
        return [[_short(str(value)) for value in row] for row in self.rows]


def _short(text: str) -> str:
    return text if len(text) <= _CHARACTERS_SHOWN else text[: _CHARACTERS_SHOWN - 3] + "..."


@magics_class
class DiskCacheMagics(Magics):
    """``%diskcache`` and ``%%cached``."""

    @line_magic
    def diskcache(self, line: str) -> Any:
        """Status line; or ``stats``, ``explain DF``, ``entries``, ``evict SELECTOR``."""
        command, _, rest = line.strip().partition(" ")
        cache = DiskCache(self._spark())
        if command == "":
            return Status(cache)
        if command == "stats":
            return cache.stats()
        if command == "entries":
            return cache.entries()
        if command == "explain" and rest:
            return cache.explain(self._dataframe(rest, self.shell.ev(rest)))
        if command == "evict" and rest:
            try:
                return f"{_html.size(cache.evict(rest))} freed"
            except ValueError as e:
                raise UsageError(str(e)) from None
        raise UsageError(f"Cannot run '%diskcache {line}': there are {_COMMANDS}.")

    @cell_magic
    def cached(self, line: str, cell: str) -> CachedResult:
        """Persists the DataFrame that the cell ends with, fills it and shows its first rows.

        ``%%cached [NAME] [tag=TAG] [ttl=12h] [precision=embedding=float16] [OPTION=VALUE ...]``; with a name,
        the DataFrame is assigned to it. The options are those of :meth:`DiskCache.persist`. With a ``ttl``,
        what is older is computed anew, also where this kernel holds it.
        """
        name, options = _arguments(line)
        cache = DiskCache(self._spark())
        df = self._dataframe("the cell's last line", self._last_value(cell))
        try:
            cache.persist(df, **options)
        except (TypeError, ValueError) as e:
            raise UsageError(str(e)) from None
        before = cache.explain(df)  # under the options
        with filling(df.sparkSession):
            df.count()
        if name:
            self.shell.user_ns[name] = df
        return CachedResult(before, cache.explain(df), df)

    def _last_value(self, cell: str) -> Any:
        shell = self.shell
        text = shell.transform_cell(cell)
        body = ast.parse(text).body
        if not body or not isinstance(body[-1], ast.Expr):
            raise UsageError(
                "Cannot cache the cell: its last line is no expression; end it with the DataFrame."
            )
        file = shell.compile.cache(text)
        last = body.pop()
        exec(compile(ast.Module(body, []), file, "exec"), shell.user_ns)
        return eval(compile(ast.Expression(last.value), file, "eval"), shell.user_ns)

    def _dataframe(self, what: str, value: Any) -> DataFrame:
        if not hasattr(value, "sparkSession") or not hasattr(value, "persist"):
            raise UsageError(f"Cannot look at {what}: it is a {type(value).__name__} and no DataFrame.")
        df: DataFrame = value
        return df

    def _spark(self) -> SparkSession:
        from pyspark.sql import SparkSession

        spark = SparkSession.getActiveSession()
        if spark is None:
            raise DiskCacheError(
                "Cannot find a Spark session in this notebook: run"
                " spark = sparkdiskcache.configure(SparkSession.builder).getOrCreate() first."
            )
        return spark


def _arguments(line: str) -> tuple[str, dict[str, Any]]:
    name, options = "", dict[str, Any]()
    for term in shlex.split(line):
        key, equals, value = term.partition("=")
        if equals:
            options[key] = getattr(StorageLevel, value, value) if key == "storage_level" else value
        elif term.isidentifier() and not name:
            name = term
        else:
            raise UsageError(
                f"Cannot read '{term}' in %%cached: it is neither a name for the DataFrame nor option=value."
            )
    return name, options


@contextmanager
def filling(spark: SparkSession) -> Iterator[None]:
    """A progress bar over the tasks of the stages that run meanwhile. Text only."""
    done = threading.Event()
    bar = tqdm(desc="filling", unit=" tasks", leave=False, file=sys.stderr, delay=1)
    watcher = threading.Thread(
        target=_watch,
        args=(spark.sparkContext.statusTracker(), bar, done),
        name="diskcache-progress",
        daemon=True,
    )
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()
        bar.close()


def _watch(tracker: Any, bar: Any, done: threading.Event) -> None:
    stages: dict[int, tuple[int, int]] = {}
    while not done.wait(_POLL_SECONDS):
        active = set(tracker.getActiveStageIds())
        for stage in active:
            info = tracker.getStageInfo(stage)
            if info is not None:
                stages[stage] = (info.numCompletedTasks, info.numTasks)
        for stage, (_, tasks) in stages.items():
            if stage not in active:
                stages[stage] = (tasks, tasks)
        bar.total = sum(tasks for _, tasks in stages.values()) or None
        bar.n = sum(completed for completed, _ in stages.values())
        bar.refresh()


def load(shell: InteractiveShell) -> None:
    shell.register_magics(DiskCacheMagics)
