# SPDX-License-Identifier: Apache-2.0
"""The modules that a Python worker has loaded: the code that it executed, not what the files say by now.

:func:`install` has to come before the worker imports anything of the user's. From then on the code of every user
module is taken when it is executed, from bytecode files or not, and the values of its global variables when the
import is over. A module that was imported before, reloaded, or whose variables were changed cannot be told, so a
function that uses it has no proof in this worker.

Files of libraries count as they are on the disk now, if they are no younger than the moment they were loaded.
"""

from __future__ import annotations

import functools
import hashlib
import importlib
import os
import sys
import threading
import time
import types
from collections.abc import Iterable
from importlib.machinery import ModuleSpec
from typing import Any

from . import _environment, _frames, _modules, _sources, _state, _watch
from ._digest import ATOMS
from ._environment import Environment
from ._functions import Walk, is_whole
from ._loadedlibraries import Libraries, started_at
from ._modules import Closure
from ._patching import may_patch, patches_libraries
from ._refusal import CODE, STATE, FunctionRefused
from ._sources import Module
from ._values import Values

bootstrap: Any = importlib._bootstrap_external
_CLOSURES = 1000
_LIBRARIES = ""
"""In the place of a module: what libraries do, for whoever uses them."""
_CHANGED = "was changed after its import, so that a row depends on the rows before it"


class Worker(Environment):
    """The modules that this process imports, and has imported."""

    def spec(self, module: str) -> ModuleSpec | None:
        if module not in self._specs:
            spec = getattr(sys.modules.get(module), "__spec__", None)
            self._specs[module] = spec if spec is not None else super().spec(module)
        return self._specs[module]

    def _at_start(self) -> str:
        # That is over, whatever the files say by now.
        if not _libraries.at_start:
            _libraries.at_start = super()._at_start()
        return _libraries.at_start

    def library_digests(self, tops: Iterable[str]) -> dict[str, str]:
        # Loaded libraries stay what they were; only those that are loaded since have to be looked at.
        wanted = frozenset(tops)
        at = (len(sys.modules), _recorder.imports)
        known = _libraries.answers.get(wanted)
        if known is None or known[0] != at:
            known = at, _libraries.proven(super().library_digests(wanted), self.machine)
            _libraries.answers[wanted] = known
        return known[1]


def environment() -> Worker:
    return Worker(tuple(sys.path), _environment.zone_of_process())


class _Recorder:
    """The user modules of this process."""

    def __init__(self) -> None:
        self.records: dict[str, tuple[types.ModuleType, Module]] = {}
        self.problems: dict[str, str] = {}
        self.states: dict[str, tuple[str, _ModuleWalk]] = {}
        """And what keeps the objects alive whose addresses are in it."""
        self.promised: dict[str, str] = {}
        self.imports = 0
        self.libraries: list[str] = []
        """Top-level names of libraries, as functions or their modules imported them."""
        self.strange: dict[str, str] = {}
        """Modules that were executed from files where nobody looks for them."""
        self.changed = ""
        """What a refused function may have done to this process."""
        self.influences: dict[str, set[str]] = {}
        """Modules whose import changed a module, or what libraries do: then by :data:`_LIBRARIES`."""
        self._own: dict[str, str] = {}
        self._batch: list[str] = []
        self.found: set[str] = set()
        """Modules of which an unpickler has taken something by name."""
        self._new: set[str] = set()
        self._kinds: dict[str, str] = {}
        self._closures: dict[object, Closure] = {}
        self._depth = threading.local()
        self._lock = threading.RLock()

    def execute(self, loader: Any, module: types.ModuleType) -> bool:
        """Executes a user module; of any other it says no."""
        name = module.__name__
        self.imports += 1
        with _watch.unwatched():
            code = self._code_of(loader, module)
            if code is None:
                return False
            one = self._taken_down(loader, module, code)
        depth = getattr(self._depth, "value", 0)
        self._depth.value = depth + 1
        try:
            self.records[name] = module, one
            exec(code, module.__dict__)
            with _watch.unwatched():
                self._own[name] = _digest_of(module, one)
                if patches_libraries(module, code):
                    self.influences.setdefault(_LIBRARIES, set()).add(name)
        finally:
            self._depth.value = depth
            if depth == 0:
                with _watch.unwatched():
                    self._settle()
        return True

    def look_back(self) -> None:
        """At modules that functions without a proof have imported here before."""
        for name, module in list(sys.modules.items()):
            spec = getattr(module, "__spec__", None)
            if spec is None or spec.origin is None or name in ("__main__", "__mp_main__"):
                continue  # what workers are started with
            if self._kind(name.partition(".")[0]) != "user":
                continue
            try:
                code = spec.loader.get_code(spec.name) if hasattr(spec.loader, "get_code") else None
                patches = code is not None and patches_libraries(module, code)
            except Exception:  # nobody can tell
                patches = True
            if patches:
                self.influences.setdefault(_LIBRARIES, set()).add(name)

    def _code_of(self, loader: Any, module: types.ModuleType) -> types.CodeType | None:
        """None for what is not the user's."""
        name = module.__name__
        top = name.partition(".")[0]
        origin = getattr(module.__spec__, "origin", None)
        if origin is not None and self._kind(top) == "user":
            code: types.CodeType | None = loader.get_code(name)
            return code
        _libraries.loaded_at[name] = time.time_ns()
        if self._kind(top) == "library":
            self.libraries.append(top)
        if origin is not None and os.path.isabs(origin) and self._is_strange(top, origin):
            self.strange[name] = origin
        return None

    def _taken_down(self, loader: Any, module: types.ModuleType, code: types.CodeType) -> Module:
        """What is about to be executed."""
        name = module.__name__
        spec: Any = module.__spec__
        may_patch(code)
        text = _text(loader, spec.origin)
        one = _sources.of_code(name, code, None, tuple(spec.submodule_search_locations or ()), text)
        if name in self.records:
            self.problems[name] = "was imported again"
        if self.promised.pop(name, one.digest) != one.digest:
            self.problems[name] = "was edited before it was imported"
        if getattr(self._depth, "value", 0) == 0:
            self._verify(self.records)
            self._batch = []
            self._clean = not _state.changed_by_rows()
        self._batch.append(name)
        return one

    def _kind(self, top: str) -> str:
        if self._kinds.get(top, "absent") == "absent":
            self._kinds[top] = environment().kind(top)
        return self._kinds[top]

    def _is_strange(self, top: str, origin: str) -> bool:
        if _frames.below_libraries(origin) or ".zip" in origin:
            return False
        real = os.path.realpath(origin)
        known = any(real.startswith(root + os.sep) for root in environment().machine.roots)
        return not known or self._kind(top) == "absent"

    def _verify(self, names: Iterable[str]) -> None:
        with self._lock:
            for name in list(names):
                known = self.states.get(name)
                if known is not None and name not in self.problems:
                    problem = self._problem(name, known[0])
                    if problem is not None:
                        self.problems[name] = problem

    def _problem(self, name: str, known: str) -> str | None:
        try:
            return None if _state_of(*self.records[name])[0] == known else _CHANGED
        except FunctionRefused as e:
            return e.sentence

    def _settle(self) -> None:
        """After an import, which may have changed the modules before it: registries are filled so."""
        with self._lock:
            for name, (module, one) in list(self.records.items()):
                before = self._own.pop(name, None) or self.states.get(name, ("",))[0]
                try:
                    self.states[name] = _state_of(module, one)
                    if before and before != self.states[name][0]:
                        self.influences.setdefault(name, set()).update(self._batch)
                except FunctionRefused as e:
                    self.problems.setdefault(name, e.sentence)
                except RecursionError:
                    self.problems.setdefault(name, "holds values that are nested too deeply")
            if self._clean and _state.adopt():
                self.influences.setdefault(_LIBRARIES, set()).update(self._batch)

    def require_own(self, names: Iterable[str]) -> None:
        """That what the modules hold, and how libraries are set, comes from modules of this function.

        :raises FunctionRefused: where other modules of this worker have changed it
        """
        if self.changed:
            raise FunctionRefused(
                STATE,
                "worker",
                f"runs in a worker in which a function {self.changed}, so that others find it changed",
            )
        for name, origin in self.strange.items():
            raise _refused(name, f"was executed from {origin}, where no import finds it; put it on the path")
        known = set(names)
        for name in [*known & self.influences.keys(), _LIBRARIES]:
            others = sorted(self.influences.get(name, set()) - known)
            if others:
                what = "what libraries do" if name == _LIBRARIES else f"module {name}"
                raise FunctionRefused(
                    STATE,
                    f"module {others[0]}",
                    f"module {others[0]} of this worker has changed {what}, and this function does not import it",
                )

    def module(self, name: str) -> Module:
        """:raises FunctionRefused: if it cannot be told"""
        loaded = sys.modules.get(name)
        if loaded is None:
            spec = environment().spec(name)
            if spec is None:
                raise FunctionRefused(CODE, f"module {name}", f"module {name} is not there any more")
            one = _sources.of_spec(spec)
            self.promised[name] = one.digest
            return one
        spec = getattr(loaded, "__spec__", None)
        known = self.records.get(name)
        if known is not None and known[0] is loaded:
            if name in self.problems:
                raise _refused(name, self.problems[name])
            return known[1]
        if spec is not None and (spec.origin is None or not hasattr(spec.loader, "get_code")):
            return _sources.of_spec(spec)  # a package without code
        if spec is not None and not isinstance(spec.loader, bootstrap._LoaderBasics):
            problem = _libraries.younger(name, loaded, started_at())  # machine code
            if problem is None:
                return _sources.of_spec(spec)
            raise _refused(name, problem)
        raise _refused(name, "was imported before anybody looked")

    def audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "pickle.find_class" and arguments[0] not in self.found:
            self._new.add(arguments[0])

    def take_found(self, sent: set[str]) -> None:
        """Functions themselves are unpickled before their rows: what they were sent with is no news."""
        self.found |= self._new - sent
        self._new.clear()

    def require_named(self, closure: Closure) -> None:
        """That a function names the modules whose classes it may get out of files or bytes."""
        if not closure.imports_by_name and not closure.loads:
            return
        named = self.records.keys() if closure.imports_by_name else self.found & self.records.keys()
        strangers = sorted(named - closure.user.keys())
        if strangers:
            raise FunctionRefused(
                CODE,
                f"module {strangers[0]}",
                f"may use module {strangers[0]} of this worker by a name that is in no code of it; import it inside of"
                " the function, so that it counts",
            )

    def closure(self, walk: Walk) -> Closure:
        """As :func:`_modules.closure`, which is the same until something is imported."""
        at = (len(sys.modules), self.imports, len(self.problems))
        key = (frozenset(walk.sent), frozenset(walk.modules), frozenset(walk.tokens), at)
        if key not in self._closures:
            if len(self._closures) > _CLOSURES:
                self._closures.clear()
            found = self._closures[key] = _modules.closure(walk, environment(), self.module)
            for name in found.absent:
                self.promised[name] = ""
        return self._closures[key]

    def require_unchanged(self, names: Iterable[str]) -> None:
        names = [name for name in names if name in self.records]
        self._verify(names)
        for name in names:
            if name in self.problems:
                raise _refused(name, self.problems[name])


def _refused(name: str, problem: str) -> FunctionRefused:
    return FunctionRefused(STATE, f"module {name}", f"module {name} of this worker {problem}")


def _text(loader: Any, origin: str) -> str:
    try:
        return hashlib.sha256(loader.get_data(origin)).hexdigest()
    except OSError:
        return ""


def _is_plain(v: Any) -> bool:
    """Of a function: whether nothing of it can be changed but by setting attributes, of which it has none."""
    return (
        type(v) is types.FunctionType
        and v.__closure__ is None
        and v.__kwdefaults__ is None
        and (v.__defaults__ is None or ATOMS.issuperset(map(type, v.__defaults__)))
        and not v.__dict__
    )


class _ModuleWalk(Walk):
    """The values that a module holds, in all that is defined in it."""

    def __init__(self, module: types.ModuleType, once: frozenset[str]) -> None:
        super().__init__(raw=True)
        self._module_name = module.__name__
        self._once = once

    def of(self, module: types.ModuleType) -> str:
        plain: list[Any] = []
        for name, content in list(module.__dict__.items()):
            if type(content) in ATOMS and name not in self._once:
                plain += (name, content)
                continue
            if _is_plain(content):
                plain += (name, id(content), id(content.__code__), content.__defaults__)
                self._alive.append((content, content.__code__))
                continue
            if getattr(content, "__name__", "") == f"{self._module_name}.{name}" and isinstance(
                content, types.ModuleType
            ):
                continue  # a submodule, which is bound when its own import is over
            if name in self._once and (content is None or is_whole(content)):
                continue
            if not name.startswith("__") or name == "__all__":
                self.out.put("variable", name)
                self.within(f"variable {name}", content)
        self.out.put("plain", *plain)
        return self.out.hexdigest()

    def _function(self, f: types.FunctionType) -> None:
        self.out.put("function", id(f.__code__))
        if f.__module__ == self._module_name:
            generic = f.__code__.co_filename == functools.__file__ and hasattr(f, "registry")
            attributes = {k: x for k, x in f.__dict__.items() if not generic or k != "_clear_cache"}
            for content in (f.__defaults__, f.__kwdefaults__, attributes):
                self.value(content)
            for cell in f.__closure__ or ():
                self.value(cell)

    def _class(self, c: type) -> None:
        self.out.put("class", id(c))
        if c.__module__ == self._module_name:
            for name, content in list(vars(c).items()):
                if name not in ("__dict__", "__weakref__", "__doc__", "_abc_impl", "__slotnames__"):
                    self.out.put("member", name)
                    self.within(f".{name}", content)

    def _module(self, v: types.ModuleType) -> None:
        self.out.put("module", id(v))

    def by_reference(self, module: str, qualname: str) -> None:
        self.out.put("reference", module, qualname)

    def _foreign(self, v: Any) -> bool:
        if isinstance(v, (types.GetSetDescriptorType, types.MemberDescriptorType)):
            self.out.put("descriptor", v.__name__)
            return True
        return Values._foreign(self, v)


def _digest_of(module: types.ModuleType, one: Module) -> str:
    try:
        return _state_of(module, one)[0]
    except (FunctionRefused, RecursionError):
        return ""  # told when the import is over


def _state_of(module: types.ModuleType, one: Module) -> tuple[str, _ModuleWalk]:
    facts = one.facts
    walk = _ModuleWalk(module, facts.loaded_once if facts is not None else frozenset())
    return walk.of(module), walk


_libraries = Libraries()
_recorder = _Recorder()
_original = bootstrap._LoaderBasics.exec_module


def install() -> None:
    """Takes down what is imported from now on; once, however often it is called."""
    if bootstrap._LoaderBasics.exec_module is _original:
        sys.addaudithook(_recorder.audit)

        def exec_module(self: Any, module: types.ModuleType) -> None:
            if not _recorder.execute(self, module):
                _original(self, module)

        bootstrap._LoaderBasics.exec_module = exec_module
        _recorder.look_back()


def distrust(sentence: str) -> None:
    """From now on no function has a proof in this worker."""
    _recorder.changed = sentence


def imported() -> int:
    """How many modules of libraries were imported up to now."""
    return len(_recorder.libraries)


def imported_since(number: int, known: set[str]) -> tuple[set[str], set[str]]:
    """Of distributions that were imported since then and are not among those that are known: where each says what it
    has installed, and the names of those that do not say it."""
    machine = environment().machine
    found: set[str] = set()
    silent: set[str] = set()
    for top in set(_recorder.libraries[number:]):
        owners = machine.owners(top)
        for owner in owners if known.isdisjoint(owners) else ():
            record = os.path.join(machine.distributions()[owner].path, "RECORD")
            found.add(record) if os.path.isfile(record) else silent.add(owner)
    return found, silent


def closure(walk: Walk) -> Closure:
    """The modules that are imported for a function, as this process has them."""
    _recorder.take_found(walk.sent)
    return _recorder.closure(walk)


def require_unchanged(walk: Walk) -> None:
    """That the modules which a function uses are as they were when the import was over.

    :raises FunctionRefused: if one is not
    """
    found = _recorder.closure(walk)
    _recorder.require_own(found.user)
    _recorder.require_unchanged(found.user)
    _recorder.take_found(set())
    _recorder.require_named(found)
    environment().library_digests(found.libraries)
