# SPDX-License-Identifier: Apache-2.0
"""Functions that are called once per distinct input, whichever row, batch or application sees it first.

A memoised function is an Arrow or pandas UDF around the user's one (:mod:`._memobatch`). Where it is
captured by another function, such as that of ``mapInPandas``, it is sent as a :class:`Sent`, which
takes columns in memory.
"""

from __future__ import annotations

import datetime
import decimal
import functools
import inspect
import logging
import os
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pyspark.cloudpickle import cloudpickle
from pyspark.sql import types as t

from . import _hooks
from . import _memocolumns as columns_
from . import _memovalues as values
from ._memocalls import Calls, Options, Sent, in_memory
from ._memokinds import kind_of
from ._memostore import NEVER
from ._refusal import FunctionRefused
from .errors import DiskCacheError
from .fnhash import FunctionHash, hash_function

if TYPE_CHECKING:
    from pyspark.core.context import SparkContext
    from pyspark.sql import Column, DataFrame, SparkSession
    from pyspark.sql._typing import ColumnOrName

_log = logging.getLogger(__name__)
_ON_ERROR = ("fail", "null", "report")
_PLAIN = (str, bytes, bool, int, float, decimal.Decimal, datetime.date, datetime.datetime, datetime.timedelta)


def memoize(
    func: Callable[..., Any] | None = None,
    *,
    return_type: str | t.DataType = "string",
    name: str | None = None,
    version: str | None = None,
    tag: str | Sequence[str] | None = None,
    ttl: float | datetime.timedelta | None = None,
    params: Mapping[str, Any] | None = None,
    price: float | Callable[[Any], float] = 0.0,
    cache_nulls: bool = True,
    on_error: str = "fail",
    retries: int = 0,
    back_off: float = 1.0,
    lease: float = 120.0,
    kind: str | None = None,
    max_bytes: int | None = None,
) -> Any:
    """A column function that calls ``func`` once per distinct input, for ``df.select`` and ``spark.udf.register``.

    :param return_type: as for ``udf``
    :param name: in the ledger and in selectors; by default the function's
    :param version: part of the key, beside the code
    :param tag: a label for the ledger and for selectors, or several
    :param ttl: seconds after which a result is not used any more
    :param params: part of the key: what else decides on the result, as plain values
    :param price: what a call costs, or a function of its result
    :param cache_nulls: whether ``None`` is a result like any other
    :param on_error: ``fail``, ``null`` for rows whose call raises, or ``report``: the batch is finished, its
        results are kept, and then the task fails; errors are never kept
    :param retries: attempts after an exception, after waits of ``back_off`` seconds that double
    :param lease: seconds after which other processes no longer wait for a call
    :param kind: ``plain``, ``pandas`` or ``arrow``; by default that of the type hints. Functions of the last
        two get the rows of a batch that nobody has an answer for, each once, and return as many
    :param max_bytes: what the results of all functions of this name may take, nearly; the oldest are removed
    """
    if func is None:
        return functools.partial(
            memoize, return_type=return_type, name=name, version=version, tag=tag, ttl=ttl, params=params,
            price=price, cache_nulls=cache_nulls, on_error=on_error, retries=retries, back_off=back_off,
            lease=lease, kind=kind, max_bytes=max_bytes,
        )  # fmt: skip
    if on_error not in _ON_ERROR:
        raise DiskCacheError(f"Cannot memoize with on_error={on_error!r}: use one of {', '.join(_ON_ERROR)}.")
    inner: dict[str, bytes] = {}
    if isinstance(func, Memoized):  # the options of the outer one count; what is in its key, in both
        inner = dict(func._options.params)
        version = version if version is not None else func._options.version
        func = func._function
    _require_callable(func)
    kind = kind_of(func, kind)
    if max_bytes is not None and max_bytes <= 0:
        raise DiskCacheError(f"Cannot memoize with max_bytes={max_bytes}: it must be more than zero.")
    seconds = ttl.total_seconds() if isinstance(ttl, datetime.timedelta) else ttl
    if seconds is not None and seconds <= 0 or lease <= 0 or retries < 0 or back_off < 0:
        raise DiskCacheError(
            f"Cannot memoize with ttl={ttl}, lease={lease}, retries={retries}, back_off={back_off}: ttl and"
            " lease must be more than zero, and the others not negative."
        )
    options = Options(
        name or str(getattr(func, "__name__", type(func).__name__)),
        version or "",
        _joined(tag or ""),
        NEVER if seconds is None else int(seconds * 1000),
        tuple(sorted({**inner, **_params(params or {})}.items())),
        price,
        cache_nulls,
        on_error,
        retries,
        back_off,
        int(lease * 1000),
        kind,
        max_bytes,
    )
    return Memoized(func, return_type, options)


def _require_callable(func: Any) -> None:
    name = getattr(func, "__name__", type(func).__name__)
    called = func.func if isinstance(func, functools.partial) else func
    if not inspect.isroutine(called) and not isinstance(called, type):
        called = getattr(type(called), "__call__", called)  # noqa: B004
    if inspect.iscoroutinefunction(called) or inspect.isasyncgenfunction(called):
        raise DiskCacheError(
            f"Cannot memoize {name}: it is an async def, whose call returns a coroutine and no result; memoize a"
            f" plain function that runs it, such as lambda x: asyncio.run({name}(x))."
        )
    if not callable(func):
        raise DiskCacheError(f"Cannot memoize {func!r}: it is no function.")


def _params(params: Mapping[str, Any]) -> dict[str, bytes]:
    """Each as bytes that no other value has."""
    found = {}
    for name, value in params.items():
        plain = value is None or type(value) in _PLAIN
        if not isinstance(name, str) or not plain:
            raise DiskCacheError(
                f"Cannot memoize with params {name!r}: {type(value).__name__} has no text that says all of it;"
                " pass text, a number, a date or bytes, such as the model's name or the hash of its content."
            )
        found[name] = values.argument(value)
    return found


def _joined(tags: str | Sequence[str]) -> str:
    """Each once, in order, as the JVM has them."""
    text = tags if isinstance(tags, str) else ",".join(tags)
    return ",".join(sorted({tag.strip() for tag in text.split(",")} - {""}))


def memo_apply(df: DataFrame, name: str, function: Memoized, *columns: ColumnOrName) -> DataFrame:
    """``df`` with a column ``name`` of ``function(*columns)``, each row on the host that has its result.

    For clusters: the rows are partitioned by the hash of the arguments, in every application alike, and the
    partitions have their homes among the hosts. Needs a shuffle, which is executed at once where plans are
    adaptive.

    :param function: of :func:`memoize`
    :raises DiskCacheError: if it is not, or if spark-diskcache's jar is not on the class path
    """
    from pyspark.sql.classic.column import _to_java_column
    from pyspark.sql.classic.dataframe import DataFrame as ClassicDataFrame

    if not isinstance(function, Memoized):
        raise DiskCacheError(f"Cannot apply {function!r}: it is not memoised; decorate it with memoize.")
    if not columns:
        raise DiskCacheError(
            f"Cannot apply {function._options.name} to no columns: rows have their hosts by these."
        )
    sc = df.sparkSession.sparkContext
    gateway: Any = sc._gateway
    arguments = gateway.new_array(gateway.jvm.org.apache.spark.sql.Column, len(columns))
    for i, column in enumerate(columns):
        arguments[i] = _to_java_column(column)
    homed = _bridge(df.sparkSession).homed(df._jdf, arguments)
    rows = ClassicDataFrame(homed, df.sparkSession)
    return rows.withColumn(name, function(*columns))


class Memoized:
    """The result of :func:`memoize`: call it with columns, or register it."""

    def __init__(self, func: Callable[..., Any], return_type: str | t.DataType, options: Options) -> None:
        functools.update_wrapper(self, func)  # with its attributes, which must not hide these
        self._function = func
        self._return_type = return_type
        self._options = options
        self.deterministic = True

    def __call__(self, *columns: Any) -> Any:
        """With columns of a data frame, or with columns in memory, of pandas or Arrow."""
        if in_memory(columns):
            return self._sent().__call__(*columns)
        column: Column = self._udf()(*columns)
        return column

    def __reduce__(self) -> tuple[Any, ...]:
        """Sent with a function that has captured it."""
        return Sent, (self._calls(),)

    def _sent(self) -> Sent:
        """A worker that has imported the module of the function has no session, and keeps nothing."""
        from pyspark import SparkContext

        if SparkContext._active_spark_context is not None:
            return Sent(self._calls())
        if "unkept" not in self.__dict__:
            _log.warning(
                "%s was imported by a worker, which cannot identify it: it is called for all rows. Define it in"
                " the program that uses it, or pass it to its user as an argument",
                self._options.name,
            )
            pickled = cloudpickle.dumps(self._function)
            self.__dict__["unkept"] = Sent(Calls(pickled, "", "", self.returnType, self._options, "", ""))
        unkept: Sent = self.__dict__["unkept"]
        return unkept

    @property
    def returnType(self) -> t.DataType:  # noqa: N802 - these are PySpark's names
        if isinstance(self._return_type, t.DataType):
            return self._return_type
        from pyspark.sql.types import _parse_datatype_string

        return _parse_datatype_string(self._return_type)

    @property
    def evalType(self) -> int:  # noqa: N802
        return int(self._udf().evalType)

    @property
    def func(self) -> Callable[..., Any]:
        wrapped: Callable[..., Any] = self._udf().func
        return wrapped

    def asNondeterministic(self) -> Any:  # noqa: N802
        return self._udf().asNondeterministic()

    def _udf(self) -> Any:
        """Made anew each time: the function is hashed and pickled as it is now."""
        try:
            import pyarrow  # noqa: F401
        except ImportError as e:
            raise DiskCacheError("Cannot memoize: pyarrow is missing; pip install pyarrow.") from e
        import pyspark.sql.functions as of_spark

        calls = self._calls()
        if self._options.kind != "pandas" and not hasattr(of_spark, "arrow_udf"):
            return self._row_by_row(calls)
        evaluator = _evaluator(calls, self._options.name)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # that users should write type hints: these are ours
            if self._options.kind == "pandas":
                return of_spark.pandas_udf(evaluator, calls.declared, of_spark.PandasUDFType.SCALAR)
            return of_spark.arrow_udf(evaluator, calls.declared, of_spark.ArrowUDFType.SCALAR)

    def _row_by_row(self, calls: Calls) -> Any:
        """PySpark 4.0 has no functions over Arrow columns, and pandas columns change values."""
        from pyspark.sql.functions import udf

        if self._options.kind != "plain":
            raise DiskCacheError(
                f"Cannot memoize {self._options.name} as an Arrow function: this PySpark has none;"
                " use a plain or a pandas function, or PySpark 4.1 or later."
            )
        return udf(_row_evaluator(calls, self._options.name), calls.declared)

    def _calls(self) -> Calls:
        declared = self.returnType
        if not values.supported(declared):
            raise DiskCacheError(
                f"Cannot memoize {self._options.name}: values of type {declared.simpleString()} cannot be kept;"
                " return a string, number, date, timestamp, binary, or an array, map or struct of these."
            )
        if self._options.kind == "pandas" and columns_.any_of([declared], t.TimestampType):
            raise DiskCacheError(
                f"Cannot memoize {self._options.name}: a pandas function's timestamps are of the session's time"
                " zone; return timestamp_ntz, or use a plain or Arrow function."
            )
        pickled, found = self._identified()
        digest = f"{found.digest}-{os.environ.get('PYTHONHASHSEED')}" if found.depends_on_hash_seed else ""
        parts = "\n".join(p for p in found.parts if not p.startswith("version."))
        return Calls(
            pickled, digest or found.digest, parts, declared, self._options, *_directories(), found.proof
        )

    def _identified(self) -> tuple[bytes, FunctionHash]:
        """The pickled function, and what it is."""
        from pyspark import SparkContext

        sc = SparkContext._active_spark_context
        if sc is None:
            raise DiskCacheError(f"Cannot use {self._options.name}: no Spark session is running.")
        before = self._hash(sc)
        pickled: bytes = cloudpickle.dumps(self._function)
        if self._hash(sc).digest != before.digest:
            raise DiskCacheError(f"Cannot memoize {self._options.name}: a captured value changed meanwhile.")
        return pickled, before

    def _hash(self, sc: SparkContext) -> FunctionHash:
        try:
            return hash_function(self._function, _hooks._environment_of(sc), of_service=True)
        except FunctionRefused as e:
            raise DiskCacheError(f"Cannot memoize {self._options.name}: {e}") from e


def _directories() -> tuple[str, str]:
    """The cache directory, empty where the cache is off or cannot be used, and that of the remote tier."""
    from pyspark.sql import SparkSession

    session = SparkSession.getActiveSession()
    if session is None:
        return "", ""
    bridge = _bridge(session)
    jsession = session._jsparkSession  # type: ignore[attr-defined]
    return str(bridge.memoDirectory(jsession)), str(bridge.remoteDirectory(jsession))


def _bridge(session: SparkSession) -> Any:
    bridge = _hooks.bridge_class(session.sparkContext)
    if bridge is None:
        raise DiskCacheError(
            "Cannot memoize: spark-diskcache's jar is not on the class path of this session; build it with"
            " sparkdiskcache.configure(SparkSession.builder).getOrCreate()."
        )
    return bridge


def _evaluator(calls: Calls, name: str) -> Callable[..., Any]:
    def evaluate(*columns: Any) -> Any:
        return calls.evaluate(columns)

    return _named(evaluate, name)


def _row_evaluator(calls: Calls, name: str) -> Callable[..., Any]:
    def evaluate(*values_of_row: Any) -> Any:
        single = len(values_of_row) == 1
        return calls.answers_of([values_of_row[0] if single else values_of_row], single)[0]

    return _named(evaluate, name)


def _named(evaluate: Callable[..., Any], name: str) -> Callable[..., Any]:
    evaluate.__name__ = evaluate.__qualname__ = name
    setattr(evaluate, _hooks.MEMOIZED, True)
    return evaluate
