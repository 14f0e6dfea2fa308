# SPDX-License-Identifier: Apache-2.0
"""Who asks: the user's code, a library, or an import."""

from __future__ import annotations

import os
import sys
import sysconfig
import types
from collections.abc import Iterable
from typing import NamedTuple

import pyspark

_IMPORTS = ("<frozen importlib", "<frozen zipimport")
_OWN = os.path.dirname(os.path.abspath(__file__)) + os.sep
_LOADED = os.path.join(_OWN, "_loaded.py")  # executes user modules
_PYSPARK = os.path.dirname(os.path.abspath(pyspark.__file__)) + os.sep
_STDLIB = tuple(
    {os.path.realpath(sysconfig.get_paths()[k]) + os.sep for k in ("stdlib", "platstdlib")}
    | {sysconfig.get_paths()[k] + os.sep for k in ("stdlib", "platstdlib")}
)
_SITE = tuple(
    {
        os.sep.join((p, "")) if not p.endswith(os.sep) else p
        for key in ("purelib", "platlib")
        for p in (sysconfig.get_paths()[key], os.path.realpath(sysconfig.get_paths()[key]))
    }
    | {os.path.join(p, "") for p in sys.path if p.rstrip(os.sep).endswith(("site-packages", "dist-packages"))}
)


class Caller(NamedTuple):
    """
    :param direct: file and function of the innermost frame
    :param libraries: top-level names of the installed packages between there and the user's code
    :param importing: whether a library is being imported
    :param user: the innermost frame of user code, if there is one
    :param frame: file and line to show
    :param caller: the innermost frame
    """

    direct: tuple[str, str]
    libraries: frozenset[str]
    importing: bool
    user: types.FrameType | None
    frame: str
    caller: types.FrameType | None

    @property
    def is_import_system(self) -> bool:
        return self.direct[0].startswith(_IMPORTS)

    @property
    def is_asked_loader(self) -> bool:
        """Whether somebody has asked a loader for data, as :func:`pkgutil.get_data` does: that is no import."""
        frame, last = self.caller, ""
        while frame is not None and frame.f_code.co_filename.startswith(_IMPORTS):
            last, frame = frame.f_code.co_name, frame.f_back
        ours = frame is None or frame.f_code.co_filename.startswith(_OWN)
        return last in ("get_data", "get_source", "get_code") and not ours

    @property
    def is_spark(self) -> bool:
        """Whether it is PySpark's worker itself, which no function has asked to."""
        return self.user is None and not self.libraries and not self.importing


def below_libraries(path: str) -> bool:
    """Whether a file belongs to an installed package or to Python."""
    return path.startswith(_SITE) or path.startswith(_STDLIB) or path.startswith(_PYSPARK)


def caller() -> Caller:
    """Of the frame above those of this package."""
    frame: types.FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_code.co_filename.startswith(_OWN):
        frame = frame.f_back
    innermost = frame
    direct = (frame.f_code.co_filename, frame.f_code.co_name) if frame is not None else ("", "")
    libraries: set[str] = set()
    importing = False
    shown = ""
    while frame is not None:
        name = frame.f_code.co_filename
        if name.startswith(("<frozen importlib", _LOADED)):
            importing = True
        elif name.startswith(_OWN):
            pass  # between Spark and the user's code
        elif name.startswith(_PYSPARK):
            break
        elif name.startswith(_SITE):
            libraries.add(_package(name))
            shown = shown or f"{name}:{frame.f_lineno} ({frame.f_code.co_name})"
        elif not name.startswith((*_STDLIB, "<frozen ", "<__array_function__")):
            break
        frame = frame.f_back
    else:
        return Caller(direct, frozenset(libraries), importing, None, shown, innermost)
    if frame.f_code.co_filename.startswith(_PYSPARK):
        return Caller(direct, frozenset(libraries), importing, None, shown, innermost)
    shown = shown or f"{frame.f_code.co_filename}:{frame.f_lineno} ({frame.f_code.co_name})"
    return Caller(direct, frozenset(libraries), importing, frame, shown, innermost)


def _package(filename: str) -> str:
    root = max((r for r in _SITE if filename.startswith(r)), key=len)
    return filename[len(root) :].split(os.sep)[0].removesuffix(".py")


def user_files(frame: types.FrameType | None) -> Iterable[str]:
    """Files of user modules on the stack, from the innermost outwards."""
    while frame is not None:
        name = frame.f_code.co_filename
        if not below_libraries(name) and not name.startswith(("<", _OWN)):
            yield name
        frame = frame.f_back


def codes(function: object) -> Iterable[types.CodeType]:
    """Code objects that run when Spark calls what it was given."""
    for _ in range(20):
        if isinstance(function, types.MethodType):
            function = function.__func__
        elif hasattr(function, "func") and not isinstance(function, type):
            function = function.func
        else:
            break
    if isinstance(function, types.FunctionType):
        yield function.__code__
        return
    owner = function if isinstance(function, type) else type(function)
    for base in owner.__mro__[:-1]:
        for member in vars(base).values():
            code = getattr(getattr(member, "__func__", member), "__code__", None)
            if isinstance(code, types.CodeType):
                yield code
