# SPDX-License-Identifier: Apache-2.0
"""What a function may not use, because its rows would depend on more than its arguments."""

from __future__ import annotations

import re

from ._refusal import CODE, FunctionRefused

_CLOCK = "reads the clock"
_RANDOM = "draws random values"
_PROCESS = "reads or changes the state of the process"
_FILES = "reads or writes files"
_NETWORK = "uses the network"
_HIDDEN = "runs code that cannot be followed"

_MODULES: dict[str, str] = {
    **dict.fromkeys(["time", "sched"], _CLOCK),
    **dict.fromkeys(["random", "secrets", "uuid", "_random", "numpy.random", "faker"], _RANDOM),
    **dict.fromkeys(
        [
            "os",
            "posix",
            "nt",
            "sys",
            "signal",
            "resource",
            "threading",
            "_thread",
            "multiprocessing",
            "concurrent",
            "asyncio",
            "subprocess",
            "platform",
            "getpass",
            "gc",
            "inspect",
            "atexit",
            "contextvars",
            "locale",
            "socketserver",
            "tracemalloc",
            "pyspark",
        ],
        _PROCESS,
    ),
    **dict.fromkeys(
        [
            "_io",
            "io",
            "pathlib",
            "tempfile",
            "shutil",
            "glob",
            "fileinput",
            "linecache",
            "mmap",
            "sqlite3",
            "dbm",
            "shelve",
            "zipfile",
            "tarfile",
            "pyarrow.fs",
            "pyarrow.parquet",
            "pyarrow.csv",
            "pyarrow.dataset",
            "pyarrow.feather",
            "fsspec",
            "s3fs",
        ],
        _FILES,
    ),
    **dict.fromkeys(
        [
            "socket",
            "ssl",
            "select",
            "selectors",
            "http",
            "urllib",
            "ftplib",
            "smtplib",
            "imaplib",
            "poplib",
            "telnetlib",
            "xmlrpc",
            "webbrowser",
            "requests",
            "httpx",
            "aiohttp",
            "urllib3",
            "boto3",
            "botocore",
            "openai",
            "anthropic",
            "redis",
            "psycopg",
            "psycopg2",
            "pymongo",
            "sqlalchemy",
            "grpc",
        ],
        _NETWORK,
    ),
    **dict.fromkeys(["importlib", "imp", "runpy", "ctypes", "cffi", "code", "codeop", "pdb"], _HIDDEN),
}

_HARMLESS = re.compile(
    r"(time\.(sleep|struct_time)"
    r"|uuid\.(UUID|uuid3|uuid5|NAMESPACE_\w+)"
    r"|os\.path|os\.path\.(join|basename|dirname|split|splitext|normpath|commonprefix|isabs|sep)"
    r"|os\.(sep|fspath)|posixpath\.(join|basename|dirname|split|splitext|normpath|commonprefix|isabs)"
    r"|sys\.(maxsize|float_info|int_info|maxunicode|byteorder|intern)"
    r"|io\.(StringIO|BytesIO|TextIOWrapper)|_io\.(StringIO|BytesIO|TextIOWrapper)"
    r"|pathlib\.Pure\w*Path|urllib\.parse|http\.HTTPStatus"
    r"|pyspark\.sql|pyspark\.sql\.Row|pyspark\.sql\.types)(\..*)?"
)

_BUILTINS: dict[str, str] = {
    **dict.fromkeys(["open", "input"], _FILES),
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
    **dict.fromkeys(
        [
            "rand",
            "randn",
            "randint",
            "randrange",
            "getrandbits",
            "default_rng",
            "urandom",
            "uuid1",
            "uuid4",
            "RandomState",
            "shuffle",
        ],
        _RANDOM,
    ),
    **dict.fromkeys(["getenv", "environ", "getcwd", "_getframe", "f_globals"], _PROCESS),
    **dict.fromkeys(
        [
            "read_text",
            "read_bytes",
            "write_text",
            "write_bytes",
            "read_csv",
            "read_parquet",
            "read_json",
            "read_excel",
            "read_sql",
            "read_table",
            "read_pickle",
            "read_feather",
            "to_csv",
            "to_parquet",
            "to_pickle",
            "to_excel",
            "to_sql",
            "loadtxt",
            "genfromtxt",
            "fromfile",
            "tofile",
            "memmap",
            "savetxt",
        ],
        _FILES,
    ),
    **dict.fromkeys(
        ["__globals__", "__code__", "__builtins__", "__subclasses__", "__doc__", "__file__"], _HIDDEN
    ),
}


OF_SERVICES = frozenset([_NETWORK, _CLOCK, _RANDOM, _PROCESS])
"""What a function may do whose answers are kept on its author's word: ask a service, with what belongs to
that, such as credentials from the environment, time-outs and threads."""


def check_dotted(dotted: str, place: str, excused: frozenset[str] = frozenset()) -> None:
    """Refuses a library name such as ``time.time``.

    :param excused: reasons that do not count
    """
    if _HARMLESS.fullmatch(dotted):
        return
    parts = dotted.split(".")
    for length in range(len(parts), 0, -1):
        reason = _MODULES.get(".".join(parts[:length]))
        if reason is not None:
            if reason in excused:
                break
            raise FunctionRefused(CODE, place, f"uses {dotted}, which {reason}{_cure(reason)}")
    for name in parts[1:]:
        check_attribute(name, place, dotted, excused)


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
        _NETWORK: "",
        _HIDDEN: "",
    }.get(reason, "")
