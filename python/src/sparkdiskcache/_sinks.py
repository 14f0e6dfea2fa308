# SPDX-License-Identifier: Apache-2.0
"""The uses that a function may not make, because its rows would depend on more than its arguments.

Names of libraries are judged by the table of :mod:`._names`, and attributes of objects whose type is not
known by their name alone. Most of what is refused here would be seen by :mod:`._observe` while it
computes, too; clocks, native readers and entropy would not.
"""

from __future__ import annotations

from collections.abc import Iterable

from . import _names
from ._events import Kind
from ._refusal import CODE, FunctionRefused

_CLOCK = Kind.CLOCK.value
_RANDOM = Kind.RANDOM.value
_PROCESS = Kind.PROCESS.value
_FILES = Kind.FILES.value
_NETWORK = Kind.NETWORK.value
_HIDDEN = Kind.HIDDEN.value
_NATIVE = "reads files by native code, which Python does not see"
_REASONS = {
    "clock": _CLOCK,
    "random": _RANDOM,
    "process": _PROCESS,
    "settings": _PROCESS,
    "files": _FILES,
    "native": _NATIVE,
    "network": _NETWORK,
    "hidden": _HIDDEN,
    "module": "has names that read clocks, files or random numbers, and is used as a value; name what you use of it",
    _names.UNKNOWN: "may read a file, a clock or random numbers, and is in no table",
}

_BUILTINS: dict[str, str] = {
    **dict.fromkeys(["input"], _FILES),
    **dict.fromkeys(["eval", "exec", "compile", "__import__", "breakpoint"], _HIDDEN),
    **dict.fromkeys(["globals", "locals", "vars"], _PROCESS),
    **dict.fromkeys(["id"], _PROCESS),
    **dict.fromkeys(["hash"], "depends on the hash seed of the process"),
}

# On whatever object: nothing that is data is called so.
_ATTRIBUTES: dict[str, str] = {
    **dict.fromkeys(
        [
            "now",
            "today",
            "utcnow",
            "time_ns",
            "perf_counter",
            "perf_counter_ns",
            "monotonic",
            "monotonic_ns",
            "process_time",
            "localtime",
            "gmtime",
        ],
        _CLOCK,
    ),
    **dict.fromkeys(["urandom", "uuid1", "uuid4"], _RANDOM),
    **dict.fromkeys(["set_option", "reset_option", "option_context"], _PROCESS),
    **dict.fromkeys(["getenv", "environ", "expanduser", "_getframe", "f_globals"], _PROCESS),
    **dict.fromkeys(
        [
            "read_parquet",
            "read_feather",
            "read_orc",
            "read_hdf",
            "HDFStore",
            "read_sas",
            "read_stata",
            "read_spss",
            "scan_parquet",
            "scan_csv",
            "imread",
        ],
        _NATIVE,
    ),
    **dict.fromkeys(["__globals__", "__code__", "__builtins__", "__subclasses__", "__file__"], _HIDDEN),
}


OF_SERVICES = frozenset([_NETWORK, _CLOCK, _RANDOM, _PROCESS])
"""The uses that are allowed to a function whose answers are kept on its author's word: of a service, and
of what belongs to that, such as credentials from the environment, time-outs and threads."""


def check_dotted(dotted: str, place: str, excused: frozenset[str] = frozenset()) -> None:
    """Refuses a library name such as ``time.time``.

    :param excused: reasons that do not count
    """
    top = dotted.partition(".")[0]
    if top == "pyspark":
        _check_spark(dotted, place, excused)
        return
    if dotted == "builtins":
        raise FunctionRefused(CODE, place, f"uses {dotted}, which {_REASONS['module']}")
    if top == "builtins":
        check_builtin(dotted.partition(".")[2], place)
        return
    kind = _names.kind(dotted)
    if kind == "module" and _names.unseen(dotted) <= _ATTRIBUTES.keys():
        kind = _names.PURE  # each of them is refused by its own name, wherever it is used
    reason = _REASONS.get(kind)
    if reason is not None and reason not in excused:
        if not (excused and kind in ("module", _names.UNKNOWN)):
            raise FunctionRefused(CODE, place, f"uses {dotted}, which {reason}{_cure(reason)}")
    for name in _names.beyond(dotted):
        check_attribute(name, place, dotted, excused)


def _check_spark(dotted: str, place: str, excused: frozenset[str]) -> None:
    harmless = ("pyspark.sql.Row", "pyspark.sql.types", "pyspark.errors", "pyspark.ml.linalg")
    if (
        dotted not in ("pyspark", "pyspark.sql")
        and not dotted.startswith(harmless)
        and _PROCESS not in excused
    ):
        raise FunctionRefused(CODE, place, f"uses {dotted}, which {_PROCESS}{_cure(_PROCESS)}")


_MOMENTS = frozenset(["now", "today", "NOW", "TODAY", "Now", "Today"])
_TAKES_MOMENTS = frozenset(
    ["datetime64", "Timestamp", "to_datetime", "DatetimeIndex", "Period", "date_range", "array", "asarray", "Series",
     "astype", "period_range", "to_timestamp", "timestamp", "cast"]
)  # fmt: skip


def check_text(text: str, names: Iterable[str], place: str, excused: frozenset[str] = frozenset()) -> None:
    """Refuses a text in code that NumPy or pandas take for the time of the call.

    :param names: that the code uses
    """
    if text.strip() in _MOMENTS and _CLOCK not in excused and not _TAKES_MOMENTS.isdisjoint(names):
        raise FunctionRefused(CODE, place, f"uses the text {text!r} as a time, which {_CLOCK}{_cure(_CLOCK)}")


def check_builtin(name: str, place: str) -> None:
    reason = _BUILTINS.get(name)
    if reason is not None:
        raise FunctionRefused(CODE, place, f"uses {name}(), which {reason}{_cure(reason)}")


def check_attribute(
    name: str, place: str, dotted: str | None = None, excused: frozenset[str] = frozenset()
) -> None:
    """Refuses an attribute by its name alone, of an object whose type is not known."""
    reason = _ATTRIBUTES.get(name)
    if reason is not None and reason not in excused:
        shown = dotted if dotted is not None else "." + name
        raise FunctionRefused(CODE, place, f"uses {shown}, which {reason}{_cure(reason)}")


def _cure(reason: str) -> str:
    return {
        _CLOCK: "; pass the time as a column or a captured constant",
        _RANDOM: "; compute random values before, and pass them as a column",
        _PROCESS: "; capture the value in a variable",
        _FILES: "; read the data as a DataFrame or capture it in a variable",
        _NATIVE: "; read the data as a DataFrame, or open the file in Python and pass its content",
        _REASONS[
            _names.UNKNOWN
        ]: "; if its result depends on its arguments only, say so by @sparkdiskcache.pure"
        " on the function that calls it",
    }.get(reason, "")
