# SPDX-License-Identifier: Apache-2.0
"""The Python that will run a function: its versions, and where it imports modules from."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import site
import subprocess
import sys
import sysconfig
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.machinery import ModuleSpec, PathFinder

from ._refusal import CODE, FunctionRefused

# What the local time zone of a process is: conversions of timestamps to Python depend on it.
_ZONE = "[os.environ.get('TZ'), os.path.realpath('/etc/localtime'), time.tzname, time.timezone, time.altzone]"
_FACTS = (
    "import json, os, platform, sys, time; print(json.dumps([sys.prefix,"
    f" platform.python_implementation(), platform.python_version(), sys.path, str({_ZONE})]))"
)
_ALWAYS = ("pyspark", "pandas", "numpy", "pyarrow")
_PROBE_SECONDS = 60


@dataclass(frozen=True)
class Environment:
    """What the workers of an application import, known on the driver.

    :param path: where workers look for modules, in order
    :param zone: their local time zone
    """

    path: tuple[str, ...]
    zone: str
    _specs: dict[str, ModuleSpec | None] = field(default_factory=dict, compare=False, repr=False)

    def versions(self) -> dict[str, str]:
        """Of Python and of the libraries that Spark's workers use themselves."""
        found = {
            "python": f"{platform.python_implementation()} {platform.python_version()}",
            "timezone": self.zone,
        }
        for name in _ALWAYS:
            try:
                found[name] = importlib.metadata.version(name)
            except importlib.metadata.PackageNotFoundError:
                found[name] = "none"
        return found

    def spec(self, module: str) -> ModuleSpec | None:
        """Where a worker finds a module; nothing is imported."""
        if module not in self._specs:
            parent, _, _ = module.rpartition(".")
            if not parent:
                self._specs[module] = PathFinder.find_spec(module, list(self.path))
            else:
                package = self.spec(parent)
                locations = package.submodule_search_locations if package is not None else None
                self._specs[module] = (
                    None if locations is None else PathFinder.find_spec(module, list(locations))
                )
        return self._specs[module]


def is_library(module: str) -> bool:
    """Whether a module, loaded here or not, is covered by the version of a distribution or of Python."""
    top = module.split(".")[0]
    if top in ("__main__", "__mp_main__"):
        return False  # in a notebook it is the kernel's launcher that says where it comes from
    if top in sys.stdlib_module_names or top in sys.builtin_module_names:
        return True
    origin = _origin(top)
    return origin is not None and any(origin.startswith(root + os.sep) for root in _library_roots())


def _origin(top: str) -> str | None:
    loaded = sys.modules.get(top)
    spec: ModuleSpec | None = getattr(loaded, "__spec__", None)
    if spec is None and loaded is None:
        spec = PathFinder.find_spec(top)
    if spec is None:
        return None
    if spec.origin is not None and spec.has_location:
        return os.path.realpath(spec.origin)
    locations = list(spec.submodule_search_locations or ())
    return os.path.realpath(locations[0]) + os.sep if locations else None


@cache
def _library_roots() -> frozenset[str]:
    paths = sysconfig.get_paths()
    roots = {paths[k] for k in ("purelib", "platlib", "stdlib", "platstdlib")}
    roots.update(site.getsitepackages())
    roots.add(site.getusersitepackages())
    return frozenset(os.path.realpath(root) for root in roots)


@cache
def distributions(module: str) -> str | None:
    """``name==version`` of what installed a library module."""
    names = _packages().get(module.split(".")[0])
    if not names:
        return None
    return ";".join(sorted({f"{name}=={importlib.metadata.version(name)}" for name in names}))


@cache
def _packages() -> Mapping[str, Sequence[str]]:
    return importlib.metadata.packages_distributions()


def of_driver() -> Environment:
    """As if workers imported exactly what this process imports."""
    zone = [
        os.environ.get("TZ"),
        os.path.realpath("/etc/localtime"),
        time.tzname,
        time.timezone,
        time.altzone,
    ]
    return Environment(tuple(sys.path), str(zone))


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
    prefix, implementation, version, path, zone = _facts(executable, directory, python_path, time_zone)
    same = os.path.realpath(prefix) == os.path.realpath(sys.prefix)
    if not same or (implementation, version) != (platform.python_implementation(), platform.python_version()):
        raise FunctionRefused(
            CODE,
            executable,
            f"Python workers run {executable} ({implementation} {version} in {prefix}), the driver"
            f" {sys.executable} ({platform.python_version()} in {sys.prefix}); set PYSPARK_PYTHON to"
            " the interpreter of the driver before Spark starts",
        )
    return Environment((path[0], *spark_files, *path[1:]), zone)


@cache
def _facts(
    executable: str, directory: str, python_path: str, time_zone: str | None
) -> tuple[str, str, str, list[str], str]:
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
        prefix, implementation, version, path, zone = json.loads(done.stdout.splitlines()[-1])
    except (OSError, subprocess.SubprocessError, ValueError, IndexError) as e:
        raise FunctionRefused(
            CODE,
            executable,
            f"the interpreter of the Python workers, {executable}, cannot be asked for its version: {e}",
        ) from e
    return prefix, implementation, version, [directory if entry == "" else entry for entry in path], zone
