# SPDX-License-Identifier: Apache-2.0
"""Hashes every function at the moment PySpark pickles it, and tells which frames are made of lists.

Classic PySpark makes the JVM's object for a function of any kind in ``_wrap_function``: its bytes
are fixed there, and the plans carry that very object. So that is the one place to register a hash,
and what a variable holds later does not matter to either.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pyspark.sql.session
import pyspark.sql.udf
import pyspark.sql.udtf
from pyspark.core.rdd import RDD

from . import _environment, _observe
from ._environment import Environment
from ._pure import is_declared
from ._refusal import CODE, STATE, FunctionRefused
from ._sent import Sent, Spoiling
from .fnhash import FunctionHash, hash_function

if TYPE_CHECKING:
    from py4j.java_gateway import JavaObject
    from pyspark.core.context import SparkContext
    from pyspark.sql import SparkSession

_log = logging.getLogger(__name__)
_BRIDGE = "io.sparkdiskcache.PythonBridge"
_INSTALLED = "_sparkdiskcache_original"
MEMOIZED = "_sparkdiskcache_memoized"


def install() -> None:
    """Wraps PySpark's own function; once, however often it is called."""
    modules: list[Any] = [pyspark.sql.udf, pyspark.sql.udtf]
    for module in modules:
        original = module._wrap_function
        if not hasattr(original, _INSTALLED):
            module._wrap_function = _hashing(original)
    session: Any = pyspark.sql.session.SparkSession
    if not hasattr(session._create_dataframe, _INSTALLED):
        session._create_dataframe = _noting(session._create_dataframe)


def _hashing(original: Callable[..., JavaObject]) -> Callable[..., JavaObject]:
    @functools.wraps(original)
    def wrap(sc: SparkContext, func: Any, *arguments: Any, **keywords: Any) -> JavaObject:
        bridge = _bridge(sc)
        if bridge is None:
            return original(sc, func, *arguments, **keywords)
        before = _identify(sc, func)
        if isinstance(before, FunctionHash):
            before = _seen_to_be_impure(bridge, before, func) or before
        sent = _sent(func, before)
        function = original(sc, sent, *arguments, **keywords)
        if isinstance(before, FunctionHash):
            function = bridge.proven(sc._jsc.sc(), function, before.digest)
        _register(sc, bridge, function, func, before)
        return function

    setattr(wrap, _INSTALLED, original)
    return wrap


def _noting(original: Callable[..., Any]) -> Callable[..., Any]:
    """Tells the JVM which frames PySpark has made of lists: their rows have an identity, those of RDDs have none."""

    @functools.wraps(original)
    def create(self: SparkSession, data: Any, *arguments: Any, **keywords: Any) -> Any:
        df = original(self, data, *arguments, **keywords)
        if not isinstance(data, RDD):
            try:
                bridge = _bridge(self._sc)
                if bridge is not None:
                    bridge.madeOfList(df._jdf)
            except Exception:  # an RDD that nobody has registered is refused, so the query still computes
                _log.warning("Cannot register a local list; it is not cached", exc_info=True)
        return df

    setattr(create, _INSTALLED, original)
    return create


def bridge_class(sc: SparkContext) -> Any:
    """The Java side, or ``None`` if its jar is not there."""
    found: Any = sc._jvm
    for name in _BRIDGE.split("."):
        found = getattr(found, name)
    return found if type(found).__name__ == "JavaClass" else None


def _bridge(sc: SparkContext) -> Any:
    # Asked for once per context: the answer cannot change.
    known = getattr(sc, "_sparkdiskcache_bridge", False)
    if known is False:
        known = bridge_class(sc)
        sc._sparkdiskcache_bridge = known  # type: ignore[attr-defined]
    return known


def _identify(sc: SparkContext, func: Any) -> FunctionHash | FunctionRefused:
    if hasattr(func, MEMOIZED):
        return FunctionRefused(CODE, func.__name__, "is memoised: its results are kept one by one")
    try:
        return hash_function(func, _environment_of(sc))
    except FunctionRefused as e:
        return e
    except Exception as e:  # a defect here must not fail the query: nothing is cached
        _log.warning("Cannot hash %r: %r", func, e, exc_info=True)
        return FunctionRefused(STATE, getattr(func, "__name__", "function"), f"could not be hashed: {e!r}")


def _sent(func: Any, identity: FunctionHash | FunctionRefused) -> Any:
    """The object to pickle, so that workers prove what they run, or know that nothing is to be proven any more."""
    if isinstance(identity, FunctionRefused):
        return Spoiling(func, identity.sentence) if identity.spoils else func
    sources = [source.path for source in identity.sources]
    return Sent(
        func,
        digest=identity.digest,
        proof=identity.proof,
        parts=identity.parts,
        name=_name(func),
        sources=sources,
    )


def _name(func: Any) -> str:
    return str(getattr(func, "__name__", type(func).__name__))


def _seen_to_be_impure(bridge: Any, identity: FunctionHash, func: Any) -> FunctionRefused | None:
    """By any application that computed it for this cache directory."""
    session = _session()
    done = bridge.impure(session, identity.digest) if session is not None else ""
    # What it changed for good was seen after the rows, where nobody knows which call it was.
    restored = ("random", "decimal.setcontext", "locale.setlocale")
    spoils = _observe.SOMEWHERE in done and not any(name in done for name in restored)
    return FunctionRefused(CODE, _name(func), done, spoils) if done else None


def _session() -> Any:
    from pyspark.sql import SparkSession

    session = SparkSession._instantiatedSession
    return getattr(session, "_jsparkSession", None)


def _register(
    sc: SparkContext,
    bridge: Any,
    function: JavaObject,
    func: Any,
    before: FunctionHash | FunctionRefused | None,
) -> None:
    try:
        if isinstance(before, FunctionHash):
            # The bytes were made in between: equal before and after, so equal to them.
            after = _identify(sc, func)
            if isinstance(after, FunctionRefused) or after.digest != before.digest:
                before = FunctionRefused(
                    STATE, func.__name__, "a captured value changed while the function was pickled"
                )
        if isinstance(before, FunctionRefused):
            bridge.refuse(function, before.code, str(before))
        elif before is not None:
            sources = [[s.path, s.sha256, s.length] for s in before.sources]
            bridge.register(
                function,
                before.digest,
                _java(sc, {**before.parts, **({_name(func): "declared pure"} if is_declared(func) else {})}),
                _java(sc, sources),
                before.depends_on_hash_seed,
            )
    except Exception:  # unregistered is refused, so the query still computes
        _log.warning("Cannot register the hash of %r; its results are not cached", func, exc_info=True)


def _java(sc: SparkContext, value: Any) -> Any:
    from py4j.java_collections import ListConverter, MapConverter

    client = sc._gateway._gateway_client  # type: ignore[union-attr]
    if isinstance(value, dict):
        return MapConverter().convert(value, client)
    return ListConverter().convert([_java(sc, v) if isinstance(v, list) else v for v in value], client)


def _environment_of(sc: SparkContext) -> Environment:
    """Of the workers that this application starts."""
    jvm: Any = sc._jvm
    utils = jvm.org.apache.spark.api.python.PythonUtils
    system = jvm.java.lang.System
    paths = [utils.sparkPythonPath(), sc.environment.get("PYTHONPATH"), system.getenv("PYTHONPATH")]
    # As in pyspark.worker_util.setup_spark_files.
    root = jvm.org.apache.spark.SparkFiles.getRootDirectory()
    files = [*(f"{root}/{name}" for name in reversed(sc._python_includes or ())), root]
    return _environment.of_workers(
        sc.pythonExec,
        system.getProperty("user.dir"),
        ":".join(p for p in paths if p),
        sc.environment.get("TZ", system.getenv("TZ")),
        files,
    )
