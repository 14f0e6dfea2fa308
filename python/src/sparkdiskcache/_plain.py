# SPDX-License-Identifier: Apache-2.0
"""The package on a line of Spark that it was not built for: programs run as in plain Spark."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from . import _line
from ._memokinds import kind_of
from ._report import ENTRY_COLUMNS, Explanation, Stats
from .errors import DiskCacheError

if TYPE_CHECKING:
    import pandas as pd


def configure(builder: Any, jar: Any = None) -> Any:
    """The builder as it is."""
    _line.warn_once()
    return builder


def memoize(
    func: Callable[..., Any] | None = None,
    *,
    return_type: Any = "string",
    kind: str | None = None,
    **options: Any,
) -> Any:
    """The function as Spark's own UDF, called for every row."""
    if func is None:
        return functools.partial(memoize, return_type=return_type, kind=kind, **options)
    _line.warn_once()
    return _Later(func, return_type, kind_of(func, kind))


class _Later:
    """Spark's own UDF, made when it is used: some lines cannot make one before there is a session."""

    def __init__(self, func: Callable[..., Any], return_type: Any, kind: str) -> None:
        functools.update_wrapper(self, func)
        self._function, self._return_type, self._kind = func, return_type, kind

    @functools.cached_property
    def _udf(self) -> Any:
        import pyspark.sql.functions as of_spark

        maker = {"plain": "udf", "pandas": "pandas_udf", "arrow": "arrow_udf"}[self._kind]
        if not hasattr(of_spark, maker):
            raise DiskCacheError(f"Cannot use an Arrow function: {_line.sentence()}, and it has no {maker}.")
        return getattr(of_spark, maker)(self._function, self._return_type)

    def __call__(self, *columns: Any) -> Any:
        return self._udf(*columns)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self._udf, name)

    def __reduce__(self) -> Any:
        return _itself, (self._function,)  # another function that has captured it calls the user's


def _itself(function: Callable[..., Any]) -> Callable[..., Any]:
    return function


def memo_apply(df: Any, name: str, function: Any, *columns: Any) -> Any:
    return df.withColumn(name, function(*columns))


class DiskCache:
    """Of a session without a cache: persists as Spark does, and finds nothing."""

    def __init__(self, spark: Any) -> None:
        _line.warn_once()

    def persist(self, df: Any, storage_level: Any = None, **options: Any) -> Any:
        return df.persist() if storage_level is None else df.persist(storage_level)

    def explain(self, df: Any) -> Explanation:
        return Explanation((), _line.sentence())

    def entries(self) -> pd.DataFrame:
        import pandas as pd

        return pd.DataFrame([], columns=ENTRY_COLUMNS)

    def stats(self) -> Stats:
        return Stats()

    def evict(self, selector: str, *, dry_run: bool = False) -> int:
        return 0

    def clear(self) -> int:
        return 0
