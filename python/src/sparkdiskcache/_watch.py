# SPDX-License-Identifier: Apache-2.0
"""The audit hook of a worker, and wrappers of what Python does not announce."""

from __future__ import annotations

import contextlib
import dis
import functools
import importlib.metadata
import os
import sys
import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from . import _events, _patches
from ._events import Kind
from ._frames import Caller, below_libraries, caller

if TYPE_CHECKING:
    from ._observe import Observation

_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_WITHOUT_NAME = getattr(os, "O_TMPFILE", -1)
_MACHINE = ("/proc/", "/sys/")  # libraries look there for processors and memory
_CONSTANT = "/zoneinfo/UTC"
_METADATA = importlib.metadata.__file__
_ENTROPY = ("/dev/urandom", "/dev/random")

current: Observation | None = None
"""Of the task at hand; between tasks reads are still remembered."""

remember: Callable[[str | None, str, Caller], None] | None = None

_inside = threading.local()
_installed = False


def install() -> None:
    """Once in a process."""
    global _installed
    if not _installed:
        _installed = True
        sys.addaudithook(_hook)
        _wrap_looks()
        _patches.install(_patches.Tell(unwatched, _native_read, _drawn, _asked_time))


@contextlib.contextmanager
def unwatched() -> Iterator[None]:
    """Work of this thread for the cache is no work of functions."""
    before = getattr(_inside, "busy", False)
    _inside.busy = True
    try:
        yield
    finally:
        _inside.busy = before


def _hook(event: str, args: tuple[Any, ...]) -> None:
    if event not in _events.WATCHED or getattr(_inside, "busy", False):
        return
    _inside.busy = True
    try:
        _event(event, args)
    except Exception as e:
        # An event that cannot be judged must not pass for pure, and an exception would fail the user's call.
        if current is not None:
            current.impure_unknown(event, e)
    finally:
        _inside.busy = False


def _event(event: str, args: tuple[Any, ...]) -> None:
    by = caller()
    if by.is_spark or by.is_import_system and not (event == "open" and by.is_asked_loader):
        return
    if event == "open":
        _opened(args, by)
        return
    task = current
    if task is None or task.is_pure(by.user):
        return
    kind = _events.kind_of(event, not by.libraries)
    if kind is None or _is_harmless(event, args, by, task):
        return
    task.impure(kind, _shown(event, args), by)


def _is_harmless(event: str, args: tuple[Any, ...], by: Caller, task: Observation) -> bool:
    first = args[0] if args else None
    if kind_is_listing(event) and by.libraries and (by.importing or by.direct[0] == _METADATA):
        return True  # the content of what is installed counts
    if event == "sqlite3.connect":
        return first in (":memory:", "")
    if event in _events.CHANGES_OF_PATHS and isinstance(first, (str, os.PathLike)):
        return task.is_own_file(os.path.abspath(os.fspath(first)))
    return False


def kind_is_listing(event: str) -> bool:
    return event in ("os.listdir", "os.scandir", "os.walk", "glob.glob", "pathlib.Path.glob")


def _opened(args: tuple[Any, ...], by: Caller) -> None:
    name, mode, flags = (*args, None, None, None)[:3]
    if isinstance(name, int) or name is None:
        return  # of a descriptor that somebody has opened
    path = os.path.join(os.getcwd(), os.fsdecode(name))
    task = current
    if path == os.devnull or task is not None and task.is_pure(by.user):
        return
    if isinstance(flags, int) and flags & _WITHOUT_NAME == _WITHOUT_NAME:
        return
    writes = isinstance(flags, int) and bool(flags & _WRITES)
    writes = writes or isinstance(mode, str) and any(letter in mode for letter in "wax+")
    if writes:
        if task is not None and not (by.importing and by.libraries):
            task.created(os.path.abspath(path), by)
        return
    if path in _ENTROPY:
        if task is not None:
            task.impure(Kind.RANDOM, f"open({path!r})", by)
        return
    if path.startswith(_MACHINE):
        if task is not None and not by.libraries:
            task.impure(Kind.PROCESS, f"open({path!r})", by)
        return
    _read(path, by)


def _read(path: str, by: Caller) -> None:
    task = current
    if by.importing and by.libraries and (below_libraries(path) or path.endswith(_CONSTANT)):
        return  # the content of libraries counts
    if task is not None and task.is_own_file(os.path.abspath(path)):
        return
    if task is not None:
        task.read(path, by)
    if remember is not None:
        remember(task.function(by) if task is not None else None, path, by)


def _shown(event: str, args: tuple[Any, ...]) -> str:
    shown = ", ".join(repr(a)[:80] for a in args[:2] if isinstance(a, (str, bytes, int, tuple)))
    return f"{event}({shown})"


# ---- looks at files

# Where the answer follows from the content, or from its absence.
_TOLD_BY_CONTENT = frozenset(["exists", "isfile", "getsize", "isdir", "islink", "lexists"])
_PATHS = frozenset(["_joinrealpath", "realpath", "ismount"])  # names, not files


def _wrap_looks() -> None:
    for name in ("stat", "lstat", "access", "readlink", "statvfs"):
        original = getattr(os, name, None)
        if original is not None:
            setattr(os, name, _looking(original))


def _looking(original: Callable[..., Any]) -> Callable[..., Any]:
    name = original.__name__

    @functools.wraps(original)
    def wrapper(*args: Any, **keywords: Any) -> Any:
        if current is not None and not getattr(_inside, "busy", False):
            _inside.busy = True
            try:
                _looked(name, args[0] if args else keywords.get("path"))
            except Exception as e:
                current.impure_unknown(f"os.{name}", e)
            finally:
                _inside.busy = False
        return original(*args, **keywords)

    for supported in (
        os.supports_fd,
        os.supports_dir_fd,
        os.supports_follow_symlinks,
        os.supports_effective_ids,
    ):
        if original in supported:
            supported.add(wrapper)
    return wrapper


def _looked(name: str, looked_at: Any) -> None:
    task = current
    by = caller()
    if (
        task is None
        or isinstance(looked_at, int)
        or by.is_import_system
        or by.is_spark
        or task.is_pure(by.user)
    ):
        return
    path = os.path.join(os.getcwd(), os.fsdecode(looked_at))
    if by.direct[1] in _PATHS or below_libraries(path) or task.is_own_file(os.path.abspath(path)):
        return
    if by.importing and by.libraries or path.startswith((*_MACHINE, "/dev/")) and by.libraries:
        return
    by_content = by.direct[1] in _TOLD_BY_CONTENT and by.direct[0].rstrip(">").removesuffix(".py").endswith(
        ("genericpath", "posixpath")
    )
    if by.libraries and _is_directory(path):
        return
    if by_content or by.libraries:
        _read(path, by)
    else:
        task.impure(Kind.FILES, f"os.{name}({path!r})", by)


def _is_directory(path: str) -> bool:
    import posix
    import stat

    try:
        return stat.S_ISDIR(posix.stat(path).st_mode)
    except OSError:
        return False


# ---- what _patches tells


def _told(what: str, judge: Callable[[Observation, Caller], None]) -> None:
    task = current
    if task is None or getattr(_inside, "busy", False):
        return
    _inside.busy = True
    try:
        by = caller()
        if not (by.is_spark or by.is_import_system or by.importing and by.libraries or task.is_pure(by.user)):
            judge(task, by)
    except Exception as e:
        task.impure_unknown(what, e)
    finally:
        _inside.busy = False


def _drawn(what: str) -> None:
    def judge(task: Observation, by: Caller) -> None:
        names_a_file = by.direct[0].endswith("tempfile.py")
        if not names_a_file and not (what.startswith("numpy") and _seeds_after(by)):
            task.impure(Kind.RANDOM, what, by)

    _told(what, judge)


def _seeds_after(by: Caller) -> bool:
    """Whether it is ``RandomState(seed)``, which draws a seed before it takes the one it was given."""
    frame = by.caller
    if frame is None or "RandomState" not in frame.f_code.co_names:
        return False
    code, at = frame.f_code.co_code, frame.f_lasti
    return "EX" in dis.opname[code[at]] or code[at + 1] > 0


def _asked_time(what: str) -> None:
    def judge(task: Observation, by: Caller) -> None:
        # Libraries measure, and write logs.
        if by.user is not None and by.direct[0] == by.user.f_code.co_filename:
            task.impure(Kind.CLOCK, what, by)

    _told(what, judge)


def _native_read(path: Any) -> None:
    _told("a native reader", lambda task, by: _read(os.path.join(os.getcwd(), os.fsdecode(path)), by))
