# SPDX-License-Identifier: Apache-2.0
"""Libraries by content: the distributions that installed them, and what was changed since.

A distribution counts as its name, its version, the hashes in its ``RECORD``, and every file that is no longer
what ``RECORD`` says. Files that are older than ``RECORD`` and of the length it gives are taken to be unchanged;
others are read, once for each state of the file on a machine: the hashes are remembered in
``~/.cache/sparkdiskcache``.
"""

from __future__ import annotations

import base64
import contextlib
import csv
import hashlib
import json
import os
import re
import stat
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import _jsonfile
from ._digest import hexdigest_of
from ._sources import is_settled, stamp

_FORMAT = 5
# Extras of these names are for who develops the library.
_FOR_DEVELOPERS = (
    "all",
    "test",
    "dev",
    "doc",
    "lint",
    "typ",
    "check",
    "cov",
    "enabler",
    "mypy",
    "ci",
    "build",
)
_REQUIREMENT = re.compile(r"^([A-Za-z0-9][\w.\-]*)[^;]*(?:;(.*))?$")
_EXTRA = re.compile(r"extra\s*==\s*['\"]([\w.\-]+)['\"]")
_NOT_USED = (".pyc", ".pyi", ".h", ".hpp", ".c", ".cpp", ".pyx", ".pxd", ".a", ".lib", ".md", ".rst")
_IMPORTED = re.compile(r"(?:\bimport\s+|__import__\(['\"])([A-Za-z_]\w*)")
_LOOK_AGAIN_SECONDS = 5.0


@dataclass(frozen=True)
class Distribution:
    """The content of a ``.dist-info`` directory.

    :param record: of the names, lengths and hashes in ``RECORD``
    :param tops: top-level modules that it installed
    :param requires: normalized names of what it needs
    :param may_use: and of what it uses if it is there
    """

    path: str
    name: str
    version: str
    record: str
    tops: tuple[str, ...]
    requires: tuple[str, ...]
    may_use: tuple[str, ...]


class Machine:
    """The table of hashes of this machine, and the distributions in some directories."""

    def __init__(self, roots: Sequence[str], table: Path | None = None) -> None:
        self.roots = tuple(dict.fromkeys(roots))
        self._table = table if table is not None else _default_table()
        self._known: dict[str, Any] | None = None
        self._dirty = False
        self._listed: tuple[object, dict[str, Distribution]] = (None, {})
        self._tops: dict[str, list[str]] = {}
        self._stamps: dict[str, tuple[int, ...]] = {}
        self._answers: dict[
            frozenset[str], tuple[float, list[tuple[str, tuple[int, ...]]], dict[str, str]]
        ] = {}

    def imported_at_start(self) -> list[str]:
        """Modules that files ``.pth`` have imported whenever Python starts."""
        found: set[str] = set()
        for root in self.roots:
            try:
                names = [entry.path for entry in os.scandir(root) if entry.name.endswith(".pth")]
            except OSError:
                continue
            for path in names:
                with contextlib.suppress(OSError), open(path, encoding="utf-8", errors="replace") as file:
                    for line in file:
                        if line.startswith(("import ", "import\t")):
                            found.update(_IMPORTED.findall(line))
        return sorted(found - sys.stdlib_module_names)

    def owners(self, top: str) -> list[str]:
        """Names of the distributions that installed a top-level module; several have parts of a namespace."""
        self.distributions()
        return self._tops.get(top, [])

    def digests(self, tops: Iterable[str]) -> dict[str, str]:
        """Of all distributions that the modules and what they require come from, by name."""
        wanted = frozenset(tops)
        known = self.distributions()
        last = self._answers.get(wanted)
        if last is not None and last[0] > time.monotonic() and all(_stamp(p) == at for p, at in last[1]):
            return last[2]
        found: dict[str, str] = {}
        records: list[tuple[str, tuple[int, ...]]] = []
        todo = [name for top in sorted(wanted) for name in self.owners(top)]
        todo += [used for name in todo for used in known[name].may_use]
        while todo:
            name = todo.pop()
            one = known.get(name)
            if one is not None and name not in found:
                record = os.path.join(one.path, "RECORD")
                records.append((record, _stamp(record)))
                if records[-1][1] != self._stamps.get(one.path):
                    one = self._described(one.path, records[-1][1]) or one
                found[name] = f"{one.version} {hexdigest_of(one.record, self._changed(one))[:16]}"
                todo.extend(one.requires)
        self._save()
        found = dict(sorted(found.items()))
        self._answers[wanted] = time.monotonic() + _LOOK_AGAIN_SECONDS, records, found
        return found

    def distributions(self) -> dict[str, Distribution]:
        """By normalized name; the first directory wins."""
        roots = [_stamp(root) for root in self.roots]
        if self._listed[0] == roots and all(roots):
            return self._listed[1]
        infos: list[tuple[str, tuple[int, ...]]] = []
        for root in self.roots:
            try:
                names = [e.name for e in os.scandir(root) if e.name.endswith(".dist-info")]
            except OSError:
                continue
            for name in sorted(names):
                path = os.path.join(root, name)
                try:
                    infos.append((path, stamp(os.path.join(path, "RECORD"))))
                except OSError:
                    infos.append((path, ()))
        found: dict[str, Distribution] = {}
        self._stamps = dict(infos)
        for path, at in infos:
            one = self._described(path, at)
            if one is not None:
                found.setdefault(one.name, one)
        self._tops = {}
        for one in found.values():
            for top in one.tops:
                self._tops.setdefault(top, []).append(one.name)
        self._answers.clear()
        self._listed = roots, found
        self._save()
        return found

    def _described(self, path: str, at: tuple[int, ...]) -> Distribution | None:
        table: dict[str, Any] = self._hashes()["distributions"]
        entry = table.get(path)
        if entry is None or entry["at"] != list(at) or not at:
            one = _describe(path)
            if one is None:
                return None
            if at and is_settled(at):
                table[path] = {"at": list(at), "is": [*one.__dict__.values()]}
                self._dirty = True
            return one
        path_, name, version, record, tops, requires, may_use = entry["is"]
        return Distribution(path_, name, version, record, tuple(tops), tuple(requires), tuple(may_use))

    def _changed(self, one: Distribution) -> str:
        """Files that differ from ``RECORD``."""
        record = os.path.join(one.path, "RECORD")
        at = _stamp(record)
        if not at:
            return "no RECORD"
        newest = max(at[1], at[2])
        root = os.path.dirname(one.path)
        suspects = [
            f"{directory}/{name}" if directory else name
            for directory, files in self._installed(one, at)
            for name in _suspects(os.path.join(root, directory), files, newest)
        ]
        changed = []
        expected = {name: hashed for name, _, hashed in _files(record)} if suspects else {}
        for name in suspects:
            try:
                content = self.sha256(os.path.join(root, name))
            except OSError:
                changed.append(f"{name} is missing")
                continue
            if content != _hexadecimal(expected[name]):
                changed.append(f"{name} {content}")
        for path in self._beside(one):
            try:
                changed.append(f"{os.path.relpath(path, root)} {self.sha256(path)}")
            except OSError as e:
                changed.append(f"{path} {e}")
        return hexdigest_of(*sorted(changed)) if changed else ""

    def _installed(self, one: Distribution, at: tuple[int, ...]) -> list[tuple[str, list[tuple[str, int]]]]:
        """Names and lengths of the files in ``RECORD``, by directory."""
        table: dict[str, Any] = self._hashes()["installed"]
        known = table.get(one.path)
        if known is None or known[0] != list(at):
            directories: dict[str, list[tuple[str, int]]] = {}
            for path, size, _ in _files(os.path.join(one.path, "RECORD")):
                directory, _, name = path.rpartition("/")
                directories.setdefault(directory, []).append((name, size))
            known = [list(at), list(directories.items())]
            if is_settled(at):
                table[one.path] = known
                self._dirty = True
        found: list[tuple[str, list[tuple[str, int]]]] = known[1]
        return found

    def _beside(self, one: Distribution) -> list[str]:
        """Files in the directories of a distribution that it has not installed: a library may import or read them."""
        root = os.path.dirname(one.path)
        tops = [os.path.join(root, top) for top in one.tops]
        known = self._hashes()["beside"].get(one.path)
        if known is not None and known[0] == [[d, *_stamp(d)] for d, *_ in known[0]]:
            return list(known[1])
        listed = {name for name, _, _ in _files(os.path.join(one.path, "RECORD"))}
        directories: list[list[Any]] = []
        found: list[str] = []
        todo = [top for top in tops if os.path.isdir(top)]
        seen: set[str] = set()
        while todo:
            directory = todo.pop()
            if os.path.realpath(directory) in seen:
                continue
            seen.add(os.path.realpath(directory))
            directories.append([directory, *_stamp(directory)])
            try:
                entries = sorted(os.scandir(directory), key=lambda entry: entry.name)
            except OSError:
                continue
            for entry in entries:
                if entry.is_dir():
                    todo += [entry.path] if entry.name != "__pycache__" else []
                elif os.path.relpath(entry.path, root) not in listed and not entry.name.endswith(_NOT_USED):
                    found.append(entry.path)
        if all(len(d) > 1 and is_settled(tuple(d[1:])) for d in directories):
            self._hashes()["beside"][one.path] = [directories, found]
            self._dirty = True
        return found

    def sha256(self, path: str) -> str:
        """Of the content of a file, read only if it is not known in its present state."""
        files: dict[str, Any] = self._hashes()["files"]
        at = list(stamp(path))
        known = files.get(path)
        if known is None or known[0] != at:
            with open(path, "rb") as file:
                content = (
                    hashlib.file_digest(file, "sha256")
                    if hasattr(hashlib, "file_digest")
                    else hashlib.sha256(file.read())
                )
            known = [at, content.hexdigest()]
            if is_settled(tuple(at)):
                files[path] = known
                self._dirty = True
        return str(known[1])

    # ---- the table

    def _hashes(self) -> dict[str, Any]:
        if self._known is None:
            self._known = self._read() or {
                "format": _FORMAT, "distributions": {}, "installed": {}, "files": {}, "beside": {},
            }  # fmt: skip
        return self._known

    def _read(self) -> dict[str, Any] | None:
        try:
            with open(self._table, encoding="utf-8") as file:
                facts = os.fstat(file.fileno())
                if facts.st_uid != os.geteuid() or facts.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
                    return None  # others could tell us anything
                table: dict[str, Any] = json.load(file)
        except (OSError, ValueError):
            return None  # made anew
        return table if isinstance(table, dict) and table.get("format") == _FORMAT else None

    def _save(self) -> None:
        if not self._dirty:
            return
        self._dirty = False
        try:
            _jsonfile.replace(self._table, self._hashes())
        except OSError:
            pass  # then the next process reads the files again


def _stamp(path: str) -> tuple[int, ...]:
    try:
        return stamp(path)
    except OSError:
        return ()


def _default_table() -> Path:
    home = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return Path(home) / "sparkdiskcache" / "libraries.json"


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _describe(path: str) -> Distribution | None:
    name = version = ""
    requires: set[str] = set()
    may_use: set[str] = set()
    try:
        with open(os.path.join(path, "METADATA"), encoding="utf-8", errors="replace") as file:
            for line in file:
                if line in ("\n", "\r\n"):
                    break  # the description; lines of a license text begin with spaces
                key, _, value = line.rstrip().partition(": ")
                if key == "Name":
                    name = _normal(value)
                elif key == "Version":
                    version = value
                elif key == "Requires-Dist":
                    found = _REQUIREMENT.match(value)
                    extras = _EXTRA.findall(found.group(2) or "") if found else []
                    if found and not extras:
                        requires.add(_normal(found.group(1)))
                    elif found and not any(extra.startswith(_FOR_DEVELOPERS) for extra in extras):
                        may_use.add(_normal(found.group(1)))
    except OSError:
        return None
    record = os.path.join(path, "RECORD")
    tops: set[str] = set()
    counted: list[tuple[str, ...]] = []
    try:
        rows = list(_rows(record))
    except OSError:
        rows = []  # installed by other means: by its name and version
    for file_name, hashed, size in rows:
        first, slash, _ = file_name.partition("/")
        if slash and not first.endswith((".dist-info", ".data")) and first not in ("..", "__pycache__"):
            tops.add(first)
        elif not slash and first.endswith((".py", ".so", ".pyd")):
            tops.add(first.partition(".")[0])
        # Scripts name the interpreter, and some files of the installation say who made it.
        if not file_name.endswith(".pyc") and ".dist-info/" not in file_name and "/bin/" not in file_name:
            counted.append((file_name, hashed, size))
    return Distribution(
        path,
        name,
        version,
        hexdigest_of(*(text for row in sorted(counted) for text in row)),
        tuple(sorted(tops)),
        tuple(sorted(requires)),
        tuple(sorted(may_use)),
    )


def _rows(record: str) -> Iterable[tuple[str, str, str]]:
    with open(record, encoding="utf-8", newline="") as file:
        for row in csv.reader(file):
            if len(row) >= 3:
                yield row[0], row[1], row[2]


def _files(record: str) -> Iterable[tuple[str, int, str]]:
    """Name, length and SHA-256, as ``RECORD`` writes it, of installed files that a program can be made of."""
    for name, hashed, size in _rows(record):
        if (
            hashed.startswith("sha256=")
            and size.isdigit()
            and not name.endswith(_NOT_USED)
            and ".dist-info/" not in name
        ):
            yield name, int(size), hashed[7:]


def _suspects(directory: str, files: Iterable[tuple[str, int]], newest: int) -> list[str]:
    """Of the files in a directory, those that are not there, of another length, or newer."""
    try:
        # Names relative to an open directory: thousands of paths take the kernel much longer.
        handle = os.open(directory, os.O_RDONLY | getattr(os, "O_DIRECTORY", 0))
    except OSError:
        return [name for name, _ in files]
    found = []
    try:
        for name, size in files:
            try:
                s = os.stat(name, dir_fd=handle)
            except OSError:
                found.append(name)
                continue
            if s.st_size != size or s.st_mtime_ns > newest or s.st_ctime_ns > newest:
                found.append(name)
    finally:
        os.close(handle)
    return found


def _hexadecimal(digest: str) -> str:
    return base64.urlsafe_b64decode(digest + "=" * (-len(digest) % 4)).hex()
