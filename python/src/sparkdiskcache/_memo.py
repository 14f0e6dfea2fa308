# SPDX-License-Identifier: Apache-2.0
"""Functions that are called once per distinct input, whichever row, batch or application sees it first.

A memoised function is an Arrow UDF around the user's plain one. Of each batch, the distinct inputs are
looked up together, those that nobody has an answer for reach the function, and answers are committed
while it goes on; rows keep their order.
"""

from __future__ import annotations

import dataclasses
import datetime
import functools
import hashlib
import logging
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pyspark.cloudpickle import cloudpickle
from pyspark.sql import types as t

from . import _hooks
from . import _memovalues as values
from ._memofront import Answer, front
from ._memostore import NEVER, Counts, Function, Result, Store, now_millis, shown
from ._memovalues import Unkeyed
from ._refusal import FunctionRefused
from .errors import DiskCacheError
from .fnhash import hash_function

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.core.context import SparkContext
    from pyspark.sql import Column

_log = logging.getLogger(__name__)
_KEY_FORMAT = "memo-python-1"
_COMMIT_SECONDS = 0.5
_FIRST_PAUSE = 0.005
_LONGEST_PAUSE = 0.1
_LONGEST_BACK_OFF = 60.0
_ON_ERROR = ("fail", "null")


@dataclass(frozen=True)
class _Options:
    name: str
    version: str
    tag: str
    ttl_millis: int
    params: tuple[tuple[str, str], ...]
    price: float | Callable[[Any], float]
    cache_nulls: bool
    on_error: str
    retries: int
    back_off: float
    lease_millis: int


def memoize(
    func: Callable[..., Any] | None = None,
    *,
    return_type: str | t.DataType = "string",
    name: str | None = None,
    version: str | None = None,
    tag: str | None = None,
    ttl: float | datetime.timedelta | None = None,
    params: Mapping[str, str] | None = None,
    price: float | Callable[[Any], float] = 0.0,
    cache_nulls: bool = True,
    on_error: str = "fail",
    retries: int = 0,
    back_off: float = 1.0,
    lease: float = 120.0,
) -> Any:
    """A column function that calls ``func`` once per distinct input, for ``df.select`` and ``spark.udf.register``.

    :param return_type: as for ``udf``
    :param name: in the ledger and in selectors; by default the function's
    :param version: part of the key, beside the code
    :param tag: a label for the ledger and for selectors
    :param ttl: seconds after which a result is not used any more
    :param params: part of the key: what else decides on the result
    :param price: what a call costs, or a function of its result
    :param cache_nulls: whether ``None`` is a result like any other
    :param on_error: ``fail``, or ``null`` for rows whose call raises; errors are never kept
    :param retries: attempts after an exception, after waits of ``back_off`` seconds that double
    :param lease: seconds after which other processes no longer wait for a call
    """
    if func is None:
        return functools.partial(
            memoize, return_type=return_type, name=name, version=version, tag=tag, ttl=ttl, params=params,
            price=price, cache_nulls=cache_nulls, on_error=on_error, retries=retries, back_off=back_off,
            lease=lease,
        )  # fmt: skip
    if on_error not in _ON_ERROR:
        raise DiskCacheError(f"Cannot memoize with on_error={on_error!r}: use one of {', '.join(_ON_ERROR)}.")
    seconds = ttl.total_seconds() if isinstance(ttl, datetime.timedelta) else ttl
    if seconds is not None and seconds <= 0 or lease <= 0 or retries < 0 or back_off < 0:
        raise DiskCacheError(
            f"Cannot memoize with ttl={ttl}, lease={lease}, retries={retries}, back_off={back_off}: ttl and"
            " lease must be more than zero, and the others not negative."
        )
    options = _Options(
        name or getattr(func, "__name__", type(func).__name__),
        version or "",
        tag or "",
        NEVER if seconds is None else int(seconds * 1000),
        tuple(sorted((str(k), str(v)) for k, v in (params or {}).items())),
        price,
        cache_nulls,
        on_error,
        retries,
        back_off,
        int(lease * 1000),
    )
    return Memoized(func, return_type, options)


class Memoized:
    """What :func:`memoize` makes: call it with columns, or register it."""

    def __init__(self, func: Callable[..., Any], return_type: str | t.DataType, options: _Options) -> None:
        self._function = func
        self._return_type = return_type
        self._options = options
        self.deterministic = True
        functools.update_wrapper(self, func)

    def __call__(self, *columns: Column | str) -> Column:
        udf = self._udf()
        column: Column = udf(*columns)
        return column

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
            from pyspark.sql.functions import ArrowUDFType, arrow_udf
        except ImportError as e:
            raise DiskCacheError("Cannot memoize: pyarrow is missing; pip install pyarrow.") from e
        declared = self.returnType
        if not values.supported(declared):
            raise DiskCacheError(
                f"Cannot memoize {self._options.name}: values of type {declared.simpleString()} cannot be kept;"
                " return a string, number, date, timestamp, binary, or an array, map or struct of these."
            )
        calls = _Calls(*self._identified(), declared, self._options, _directory())
        return arrow_udf(_evaluator(calls, self._options.name), declared, ArrowUDFType.SCALAR)

    def _identified(self) -> tuple[bytes, str, str]:
        """The pickled function, its digest, and the names of what it is made of."""
        from pyspark import SparkContext

        sc = SparkContext._active_spark_context
        if sc is None:
            raise DiskCacheError(f"Cannot use {self._options.name}: no Spark session is running.")
        before, parts = self._hash(sc)
        pickled: bytes = cloudpickle.dumps(self._function)
        after, _ = self._hash(sc)
        if before != after:
            raise DiskCacheError(
                f"Cannot memoize {self._options.name}: a captured value changed meanwhile."
            )
        return pickled, before, "\n".join(parts)

    def _hash(self, sc: SparkContext) -> tuple[str, list[str]]:
        try:
            found = hash_function(self._function, _hooks._environment_of(sc), of_service=True)
        except FunctionRefused as e:
            raise DiskCacheError(f"Cannot memoize {self._options.name}: {e}") from e
        digest = f"{found.digest}-{os.environ.get('PYTHONHASHSEED')}" if found.depends_on_hash_seed else ""
        return digest or found.digest, [p for p in found.parts if not p.startswith("version.")]


def _directory() -> str:
    """The cache directory; empty where the cache is off or cannot be used."""
    from pyspark.sql import SparkSession

    session = SparkSession.getActiveSession()
    if session is None:
        return ""
    bridge = _hooks.bridge_class(session.sparkContext)
    if bridge is None:
        raise DiskCacheError(
            "Cannot memoize: spark-diskcache's jar is not on the class path of this session; build it with"
            " sparkdiskcache.configure(SparkSession.builder).getOrCreate()."
        )
    return str(bridge.memoDirectory(session._jsparkSession))  # type: ignore[attr-defined]


def _evaluator(calls: _Calls, name: str) -> Callable[..., pa.Array]:
    def evaluate(*columns: pa.Array) -> pa.Array:
        return calls.evaluate(columns)

    evaluate.__name__ = evaluate.__qualname__ = name
    setattr(evaluate, _hooks.MEMOIZED, True)
    return evaluate


@dataclass
class _Calls:
    """The memoised function in a worker."""

    pickled: bytes
    digest: str
    code: str
    declared: t.DataType
    options: _Options
    directory: str
    _here: dict[str, Any] = field(default_factory=dict, compare=False)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_here": {}}

    def evaluate(self, columns: Sequence[pa.Array]) -> pa.Array:
        import pyarrow as pa
        from pyspark.sql.pandas.types import to_arrow_type

        return pa.array(self.answers(columns), to_arrow_type(self.declared, timezone="UTC"))

    def answers(self, columns: Sequence[pa.Array]) -> list[Any]:
        """One a row."""
        lists = [_python_values(column) for column in columns]
        # A single argument is looked up as it is, several as a tuple.
        rows: list[Any] = lists[0] if len(lists) == 1 else list(zip(*lists))
        batch = _Batch(self, self._store(), len(lists) == 1)
        known = None
        if self.directory:
            front().forget_evicted(self.directory)
            known = front().of(self.prefix, columns)
        return batch.answers(rows, known)

    @property
    def function(self) -> Callable[..., Any]:
        if "function" not in self._here:
            self._here["function"] = cloudpickle.loads(self.pickled)
        loaded: Callable[..., Any] = self._here["function"]
        return loaded

    @property
    def identity(self) -> Function:
        return Function(self.digest, self.options.name, self.options.version, self.options.tag, self.code)

    @functools.cached_property
    def prefix(self) -> bytes:
        """All of the key but the arguments."""
        o = self.options
        parts = [_KEY_FORMAT, self.digest, o.version, self.declared.json(), str(len(o.params))]
        parts += [text for param in o.params for text in param]
        return hashlib.sha256(b"".join(values.argument(part) for part in parts)).digest()

    def _store(self) -> Store | None:
        known = self._here.get("store")
        if known is not None and known[0] == os.getpid():
            store: Store | None = known[1]
            return store
        store = None
        if self.directory:
            try:
                store = Store(self.directory)
            except OSError as e:
                _log.warning("Cannot keep results of %s: %s. It is called for all rows", self.options.name, e)
        self._here["store"] = (os.getpid(), store)
        return store


class _Batch:
    """The rows of one batch."""

    def __init__(self, calls: _Calls, store: Store | None, single: bool) -> None:
        self._calls = calls
        self._options = calls.options
        self._store = store
        self._single = single
        self._counts = Counts()
        self._answers: dict[bytes, Any] = {}
        self._rows: dict[bytes, Any] = {}
        self._kept: dict[bytes, Result] = {}
        self._called: set[bytes] = set()
        self._waiting: dict[bytes, Result] = {}
        self._unkept: list[bytes] = []
        self._committed = time.monotonic()

    def answers(self, rows: list[Any], known: dict[Any, Answer] | None) -> list[Any]:
        """
        :param rows: arguments, or tuples of them if there are several
        :param known: what this process has in memory, of such rows
        """
        try:
            if not known:
                return self._asked(rows, known)
            now = now_millis()
            hits = [known.get(row) for row in rows]
            missing = [i for i, hit in enumerate(hits) if hit is None or hit.until <= now]
            if not missing:
                return self._hit(hits)
            asked = dict(zip(missing, self._asked([rows[i] for i in missing], known)))
            self._hit([hit for i, hit in enumerate(hits) if i not in asked])
            return [asked[i] if i in asked else hit.value for i, hit in enumerate(hits)]  # type: ignore[union-attr]
        finally:
            if self._store is not None:
                self._commit()
                self._store.count(self._calls.identity, self._counts)

    def _hit(self, hits: list[Any]) -> list[Any]:
        self._counts.hits += len(hits)
        self._counts.nanos_saved += sum(hit.nanos for hit in hits)
        self._counts.saved += sum(hit.price for hit in hits)
        return [hit.value for hit in hits]

    def _asked(self, rows: list[Any], known: dict[Any, Answer] | None) -> list[Any]:
        """Of the store, and where that has none, of the function."""
        keys = [self._key(row) for row in rows]
        self._rows = {key: row for key, row in zip(keys, rows) if key is not None}
        self._find(list(self._rows))
        self._call_for([key for key in self._rows if key not in self._answers])
        if known is not None:
            self._remember(known)
        return [self._answer(key, row) for key, row in zip(keys, rows)]

    def _remember(self, known: dict[Any, Answer]) -> None:
        for key, result in self._kept.items():
            until = min(result.expires, result.created + self._options.ttl_millis)
            answer = Answer(self._answers[key], until, result.nanos, result.price)
            front().put(known, self._rows[key], answer, len(result.value))

    def _answer(self, key: bytes | None, row: Any) -> Any:
        if key is None:
            self._counts.unkept += 1
            return self._value(row)[0]
        if key in self._called:
            self._called.remove(key)  # the first of its rows has paid
        else:
            self._counts.hits += 1
            if key in self._kept:
                self._counts.nanos_saved += self._kept[key].nanos
                self._counts.saved += self._kept[key].price
        return self._answers[key]

    def _arguments(self, row: Any) -> tuple[Any, ...]:
        return (row,) if self._single else row

    def _key(self, row: Any) -> bytes | None:
        try:
            encoded = b"".join(map(values.argument, self._arguments(row)))
        except Unkeyed as e:
            _log.debug("%s is called for a row without a key: %s", self._options.name, e)
            return None
        return hashlib.sha256(self._calls.prefix + encoded).digest()

    def _usable(self, result: Result) -> bool:
        now = now_millis()
        return now < result.expires and now - result.created < self._options.ttl_millis

    def _find(self, keys: list[bytes]) -> None:
        if self._store is None:
            return
        for key, result in self._store.find(keys).items():
            if self._usable(result):
                try:
                    self._answers[key] = values.decode(result.value, self._calls.declared)
                except ValueError as e:
                    _log.warning("A kept result of %s is computed anew: %s", self._options.name, e)
                    continue
                self._kept[key] = result

    def _call_for(self, keys: list[bytes]) -> None:
        if self._store is None:
            for key in keys:
                self._call(key)
            return
        pause = _FIRST_PAUSE
        deadline = time.monotonic() + self._options.lease_millis / 1000
        while keys:
            mine, others = self._store.take_turns(keys, self._options.lease_millis, self._usable)
            if time.monotonic() > deadline:  # also for results that cannot be read
                mine = set(keys)
            self._call_all([key for key in keys if key in mine])
            if others and not mine:
                time.sleep(pause)  # nothing is held while waiting, so nobody waits for this in turn
                pause = min(2 * pause, _LONGEST_PAUSE)
            keys = [key for key in keys if key not in self._answers]
            self._find(keys)
            keys = [key for key in keys if key not in self._answers]

    def _call_all(self, keys: list[bytes]) -> None:
        done = 0
        try:
            for key in keys:
                self._call(key)
                done += 1
                if time.monotonic() - self._committed > _COMMIT_SECONDS:
                    self._commit()
        finally:
            self._unkept += keys[done:]  # their leases end with the next commit
            self._commit()

    def _commit(self) -> None:
        if self._store is not None and (self._waiting or self._unkept):
            self._store.commit(self._calls.identity, self._waiting, self._unkept)
        self._waiting, self._unkept = {}, []
        self._committed = time.monotonic()

    def _call(self, key: bytes) -> None:
        row = self._rows[key]
        value, result = self._value(row)
        self._answers[key] = value
        self._called.add(key)
        if result is not None and result.expires > result.created:
            arguments = "\x1f".join(shown(_text(argument)) for argument in self._arguments(row))
            self._kept[key] = self._waiting[key] = dataclasses.replace(result, arguments=arguments)
        else:
            self._unkept.append(key)

    def _value(self, row: Any) -> tuple[Any, Result | None]:
        """Calls, and counts; no result where an error became null."""
        start = time.perf_counter_ns()
        try:
            returned = self._attempt(self._arguments(row))
            # As it will be read back, so that the first row is no other than the second.
            content = values.encode(returned, self._calls.declared)
            value = values.decode(content, self._calls.declared)
        except Exception as e:
            self._counts.errors += 1
            self._counts.nanos_spent += time.perf_counter_ns() - start
            if self._options.on_error == "fail":
                raise
            _log.warning("%s failed, the row gets null: %r", self._options.name, e)
            return None, None
        nanos = time.perf_counter_ns() - start
        price = self._price(value)
        created = now_millis()
        kept = self._options.cache_nulls or value is not None
        expires = min(created + self._options.ttl_millis, NEVER) if kept else created
        self._counts.calls += 1
        self._counts.nanos_spent += nanos
        self._counts.spent += price
        return value, Result(content, created, expires, nanos, price)

    def _price(self, value: Any) -> float:
        price = self._options.price
        if not callable(price):
            return float(price)
        try:
            return float(price(value))
        except Exception as e:  # the call has been paid for: its result is kept all the same
            _log.warning("The price of a result of %s cannot be told: %r", self._options.name, e)
            return 0.0

    def _attempt(self, row: tuple[Any, ...]) -> Any:
        back_off = self._options.back_off
        for _ in range(self._options.retries):
            try:
                return self._calls.function(*row)
            except Exception as e:
                _log.debug("An attempt at %s failed: %r", self._options.name, e)
            time.sleep(back_off)
            back_off = min(2 * back_off, _LONGEST_BACK_OFF)
        return self._calls.function(*row)


def _text(argument: Any) -> str:
    return argument.hex() if isinstance(argument, (bytes, bytearray)) else str(argument)


def _python_values(column: pa.Array) -> list[Any]:
    """As a plain function of Spark's gets them: local times without a zone, rows, dicts."""
    import pyarrow as pa

    kind = column.type
    if pa.types.is_string(kind) or pa.types.is_integer(kind) and not column.null_count:
        plain: list[Any] = column.to_numpy(zero_copy_only=False).tolist()  # a tenth of to_pylist's time
        return plain
    convert = _converter(kind)
    listed: list[Any] = column.to_pylist()
    return listed if convert is None else [convert(value) for value in listed]


def _converter(kind: pa.DataType) -> Callable[[Any], Any] | None:
    import pyarrow as pa

    if pa.types.is_timestamp(kind) and kind.tz is not None:
        return _unless_none(lambda v: v.astimezone().replace(tzinfo=None))
    if pa.types.is_struct(kind):
        fields = [(f.name, _converter(f.type) or _same) for f in kind]
        return _unless_none(lambda v: t.Row(**{n: convert(v[n]) for n, convert in fields}))
    if pa.types.is_map(kind):
        key, item = _converter(kind.key_type) or _same, _converter(kind.item_type) or _same
        return _unless_none(lambda v: {key(k): item(x) for k, x in v})
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        inner = _converter(kind.value_type)
        return None if inner is None else _unless_none(lambda v: [inner(x) for x in v])
    return None


def _same(value: Any) -> Any:
    return value


def _unless_none(convert: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda value: None if value is None else convert(value)
