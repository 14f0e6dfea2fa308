# SPDX-License-Identifier: Apache-2.0
"""The Python that will run a function: its versions, and where it imports modules from."""

from __future__ import annotations

import importlib
import json
import locale
import os
import platform
import site
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.machinery import BuiltinImporter, FrozenImporter, ModuleSpec, PathFinder

from ._digest import hexdigest_of
from ._libraries import Machine
from ._refusal import CODE, FunctionRefused

# The local time zone of a process: conversions of timestamps to Python depend on it.
_ZONE = "[os.environ.get('TZ'), os.path.realpath('/etc/localtime'), time.tzname, time.timezone, time.altzone]"
# What variables of the environment and options have made of a process.
_PROCESS = (
    "[sys.flags.dev_mode, sys.flags.utf8_mode, sys.flags.bytes_warning, sys.warnoptions,"
    " sys.getrecursionlimit(),"
    " getattr(sys, 'get_int_max_str_digits', int)(), sys.getfilesystemencoding(),"
    " locale.getpreferredencoding(False)]"
)
_FACTS = (
    "import json, locale, os, platform, sys, time; print(json.dumps([sys.prefix,"
    f" platform.python_implementation(), platform.python_version(), sys.path, str({_ZONE}), str({_PROCESS})]))"
)
_ALWAYS = ("pandas", "numpy", "pyarrow")
# Behaviour does not depend on the hash seed, however they are used.
ORDERLY_LIBRARIES = frozenset(_ALWAYS)
# Spark adds them to the path of workers, from its own directory; they are what the driver has.
_OF_SPARK = ("pyspark", "py4j", "sparkdiskcache")
_AT_START = ("sitecustomize", "usercustomize")
_PROBE_SECONDS = 60


def process() -> str:
    """Of this process: what the environment and options have made of Python."""
    return str(eval(_PROCESS, {"sys": sys, "locale": locale}))


@dataclass(frozen=True)
class Environment:
    """The modules that the workers of an application import.

    :param path: where they look for modules, in order
    :param zone: their local time zone
    :param process: as :func:`process` has it in them
    :param directory: that they are started in
    """

    path: tuple[str, ...]
    zone: str
    process: str = field(default_factory=process)
    directory: str = field(default_factory=os.getcwd)
    _specs: dict[str, ModuleSpec | None] = field(default_factory=dict, compare=False, repr=False)
    _kinds: dict[str, str] = field(default_factory=dict, compare=False, repr=False)

    def facts(self) -> dict[str, str]:
        """Of Python, and of what runs whenever it starts."""
        import pyspark

        return {
            "python": f"{platform.python_implementation()} {sys.version} -O{sys.flags.optimize}",
            "timezone": self.zone,
            "process": self.process,
            "pyspark": pyspark.__version__,
            "start": self._at_start(),
        }

    def _at_start(self) -> str:
        """The modules that site runs when Python starts."""
        found = []
        for name in (*_AT_START, *self.machine.imported_at_start()):
            spec = self.spec(name)
            if spec is not None and spec.origin is not None and os.path.isfile(spec.origin):
                found.append((name, self.machine.sha256(spec.origin)))
        return hexdigest_of(*(text for pair in found for text in pair)) if found else "plain"

    def library_digests(self, tops: Iterable[str]) -> dict[str, str]:
        """Of the distributions of libraries, and of those that Spark's workers use themselves."""
        return self.machine.digests({*_ALWAYS, *tops})

    @property
    def machine(self) -> Machine:
        return _machine(self.path)

    def spec(self, module: str) -> ModuleSpec | None:
        """Where a worker finds a module; nothing is imported."""
        if module not in self._specs:
            parent, _, _ = module.rpartition(".")
            if not parent:
                self._specs[module] = _top_spec(module, list(self.path))
            else:
                package = self.spec(parent)
                locations = package.submodule_search_locations if package is not None else None
                self._specs[module] = (
                    None if locations is None else PathFinder.find_spec(module, list(locations))
                )
        return self._specs[module]

    def kind(self, module: str) -> str:
        """``python``, ``library``, ``user`` or ``absent``, by where a worker finds it."""
        if "." in module:
            top = self.kind(module.partition(".")[0])
            return top if top != "user" else "user" if self.spec(module) is not None else "absent"
        if module not in self._kinds:
            self._kinds[module] = self._kind_of_top(module)
        return self._kinds[module]

    def _kind_of_top(self, module: str) -> str:
        if module in _OF_SPARK:
            return "python"
        spec = self.spec(module)
        if spec is None:
            return "absent"
        if spec.origin in ("built-in", "frozen"):
            return "python"
        places = [spec.origin] if spec.has_location and spec.origin else spec.submodule_search_locations or []
        for place in map(os.path.realpath, places):
            if any(place.startswith(root + os.sep) for root in self.machine.roots):
                return "library" if self.machine.owners(module) else "user"
            if any(place.startswith(root + os.sep) for root in _roots("stdlib", "platstdlib")):
                return "python"
        return "user"


def _top_spec(module: str, path: list[str]) -> ModuleSpec | None:
    """As the finders of a worker would have it: those of the driver alone, of pytest or IPython, do not count."""
    for finder in (BuiltinImporter, FrozenImporter):
        spec = finder.find_spec(module)
        if spec is not None:
            return spec
    spec = PathFinder.find_spec(module, path)
    if spec is not None:
        return spec
    for installed in sys.meta_path:
        if type(installed).__module__.startswith("__editable__") or getattr(
            installed, "__module__", ""
        ).startswith("__editable__"):
            spec = installed.find_spec(module, None)
            if spec is not None:
                return spec
    return None


def is_library(module: str) -> bool:
    """Whether a module is not the user's own, as this process would import it."""
    if module.partition(".")[0] in ("__main__", "__mp_main__"):
        return False  # in a notebook it is the kernel's launcher that says where it comes from
    return _here().kind(module) in ("python", "library")


@cache
def _here() -> Environment:
    return Environment(tuple(sys.path), "")


@cache
def _roots(*names: str) -> tuple[str, ...]:
    paths = sysconfig.get_paths()
    roots = {paths[name] for name in names}
    if "purelib" in names:
        roots.update(site.getsitepackages())
        roots.add(site.getusersitepackages())
    return tuple(os.path.realpath(root) for root in roots)


@cache
def _machine(path: tuple[str, ...]) -> Machine:
    """Distributions may be in any directory of the path, of ``pip install --target`` or of an archive."""
    known = _roots("purelib", "platlib")
    real = [os.path.realpath(entry) for entry in path]
    return Machine([root for root in real if root in known or _has_distributions(root)] or known)


def _has_distributions(directory: str) -> bool:
    try:
        return any(entry.name.endswith(".dist-info") for entry in os.scandir(directory))
    except OSError:
        return False


def zone_of_process() -> str:
    return str(
        [
            os.environ.get("TZ"),
            os.path.realpath("/etc/localtime"),
            time.tzname,
            time.timezone,
            time.altzone,
        ]
    )


def of_driver() -> Environment:
    """As if workers imported exactly what this process imports."""
    importlib.invalidate_caches()
    return Environment(tuple(sys.path), zone_of_process())


def of_workers(
    executable: str, directory: str, python_path: str, time_zone: str | None, spark_files: Sequence[str]
) -> Environment:
    """The environment of workers started by ``executable`` in ``directory``.

    :param python_path: the ``PYTHONPATH`` they are started with
    :param time_zone: their ``TZ``, if it is set
    :param spark_files: directories and archives that Spark adds
    :raises FunctionRefused: if it is not this process's environment, so that the versions of
        libraries would be those of another
    """
    prefix, implementation, version, path, zone, state = _facts(executable, directory, python_path, time_zone)
    same = os.path.realpath(prefix) == os.path.realpath(sys.prefix)
    if not same or (implementation, version) != (platform.python_implementation(), platform.python_version()):
        raise FunctionRefused(
            CODE,
            executable,
            f"Python workers run {executable} ({implementation} {version} in {prefix}), the driver"
            f" {sys.executable} ({platform.python_version()} in {sys.prefix}); set PYSPARK_PYTHON to"
            " the interpreter of the driver before Spark starts",
        )
    importlib.invalidate_caches()
    return Environment((path[0], *spark_files, *path[1:]), zone, state, directory)


@cache
def _facts(
    executable: str, directory: str, python_path: str, time_zone: str | None
) -> tuple[str, str, str, list[str], str, str]:
    environment = {k: v for k, v in os.environ.items() if k != "TZ"} | {"PYTHONPATH": python_path}
    if time_zone is not None:
        environment["TZ"] = time_zone
    try:
        done = subprocess.run(
            [executable, "-c", _FACTS],
            cwd=directory,
            env=environment,
            capture_output=True,
            text=True,
            check=True,
            timeout=_PROBE_SECONDS,
        )
        prefix, implementation, version, path, zone, state = json.loads(done.stdout.splitlines()[-1])
    except (OSError, subprocess.SubprocessError, ValueError, IndexError) as e:
        raise FunctionRefused(
            CODE,
            executable,
            f"the interpreter of the Python workers, {executable}, cannot be asked for its version: {e}",
        ) from e
    path = [directory if entry == "" else entry for entry in path]
    return prefix, implementation, version, path, zone, state
