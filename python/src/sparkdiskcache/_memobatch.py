# SPDX-License-Identifier: Apache-2.0
"""One batch of rows of a memoised function.

The distinct inputs are looked up together, those that nobody has an answer for reach the function, and
answers are committed while it goes on; rows keep their order.
"""

from __future__ import annotations

import functools
import hashlib
import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from . import _memocolumns as columns_
from . import _memoreads
from . import _memovalues as values
from ._memofront import Answer, front
from ._memostore import NEVER, Counts, Result, Store, now_millis, shown
from ._memovalues import Unkeyed
from .errors import DiskCacheError

if TYPE_CHECKING:
    from ._memocalls import Calls

_log = logging.getLogger(__name__)
_COMMIT_SECONDS = 0.5
_FIRST_PAUSE = 0.005
_LONGEST_PAUSE = 0.1
_LONGEST_BACK_OFF = 60.0


class Batch:
    """Of a function of single values.

    :param prefix: all of the keys but the arguments
    :param single: whether rows are values, not tuples of them
    :param plain: of which ``prefix`` was made
    :param files: contents of the files that the function is known to read, which are in ``prefix``
    """

    def __init__(
        self,
        calls: Calls,
        store: Store | None,
        prefix: bytes,
        single: bool,
        plain: bytes,
        files: Mapping[str, str],
    ) -> None:
        self._calls = calls
        self._prefix = prefix
        self._plain = plain
        self._files = files
        self._options = calls.options
        self._store = store
        self._single = single
        self._counts = Counts()
        self._answers: dict[bytes, Any] = {}
        self._rows: dict[bytes, Any] = {}
        self._kept: dict[bytes, Result] = {}
        self._called: set[bytes] = set()
        self._waiting: dict[bytes, Result] = {}
        self._made: set[bytes] = set()  # of those that wait: not fetched
        self._moved: set[bytes] = set()
        """Of those that are kept: by other keys than these."""
        self._unkept: list[bytes] = []
        self._failures: list[Exception] = []
        self._nanos = 0  # of the last call that returned
        self._raised: Exception | None = None  # by the last call that did not
        self._committed = time.monotonic()

    def answers(self, rows: list[Any], known: dict[Any, Answer] | None) -> list[Any]:
        """
        :param rows: arguments, or tuples of them if there are several
        :param known: what this process has in memory, of such rows
        """
        answers = self._all(rows, known)
        if self._failures:
            raise DiskCacheError(
                f"{len(self._failures)} calls of {self._options.name} failed, and the results of the others are"
                f" kept; the first error: {self._failures[0]!r}"
            ) from self._failures[0]
        return answers

    def _all(self, rows: list[Any], known: dict[Any, Answer] | None) -> list[Any]:
        try:
            if not known:
                return self._asked(rows, known, range(len(rows)))
            now = now_millis()
            hits = [known.get(row) for row in rows]
            missing = [i for i, hit in enumerate(hits) if hit is None or hit.until <= now]
            if not missing:
                return self._hit(hits)
            asked = dict(zip(missing, self._asked([rows[i] for i in missing], known, missing)))
            self._hit([hit for i, hit in enumerate(hits) if i not in asked])
            return [asked[i] if i in asked else hit.value for i, hit in enumerate(hits)]  # type: ignore[union-attr] # noqa: SIM401
        finally:
            if self._store is not None:
                self._commit()
                self._store.count(self._calls.identity, self._counts)

    def _hit(self, hits: list[Any]) -> list[Any]:
        self._counts.hits += len(hits)
        self._counts.nanos_saved += sum(hit.nanos for hit in hits)
        self._counts.saved += sum(hit.price for hit in hits)
        return [hit.value for hit in hits]

    def _asked(self, rows: list[Any], known: dict[Any, Answer] | None, places: Sequence[int]) -> list[Any]:
        """Of the store, and where that has none, of the function.

        :param places: of the rows in the batch
        """
        keys = self._keys(rows)
        self._placed(keys, places)
        self._rows = {key: row for key, row in zip(keys, rows) if key is not None}
        self._find(list(self._rows))
        self._call_for([key for key in self._rows if key not in self._answers])
        if known is not None:
            self._remember(known)
        if len(self._kept) == len(self._answers) and not self._called and None not in keys:
            return self._found(keys)  # type: ignore[arg-type]
        return [self._answer(key, row) for key, row in zip(keys, rows)]

    def _placed(self, keys: list[bytes | None], places: Sequence[int]) -> None:
        """For those who need to know where a row stands."""

    def _remember(self, known: dict[Any, Answer]) -> None:
        ttl_millis, answers, rows = self._options.ttl_millis, self._answers, self._rows
        fresh = {
            rows[key]: Answer(
                answers[key],
                result.expires
                if result.expires < result.created + ttl_millis
                else result.created + ttl_millis,
                result.nanos,
                result.price,
            )
            for key, result in self._kept.items()
            if key not in self._moved
        }
        front().put(known, fresh, sum(len(result.value) for result in self._kept.values()))

    def _found(self, keys: list[bytes]) -> list[Any]:
        """As :meth:`_answer` of each, where nothing had to be called for."""
        results = [self._kept[key] for key in keys]
        self._counts.hits += len(keys)
        self._counts.nanos_saved += sum(result.nanos for result in results)
        self._counts.saved += sum(result.price for result in results)
        return [self._answers[key] for key in keys]

    def _answer(self, key: bytes | None, row: Any) -> Any:
        if key is None:
            self._counts.unkept += 1
            return self._unkeyed(row)
        if key in self._called:
            self._called.remove(key)  # the first of its rows has paid
        else:
            self._counts.hits += 1
            if key in self._kept:
                self._counts.nanos_saved += self._kept[key].nanos
                self._counts.saved += self._kept[key].price
        return self._answers[key]

    def _unkeyed(self, row: Any) -> Any:
        return self._value(row)[0]

    def _arguments(self, row: Any) -> tuple[Any, ...]:
        return (row,) if self._single else row

    def _keys(self, rows: list[Any]) -> list[bytes | None]:
        """None for a row without an encoding."""
        sha256, prefix = hashlib.sha256, self._prefix
        encode = values.argument if self._single else values.arguments
        keys: list[bytes | None] = []
        for row in rows:
            try:
                keys.append(sha256(prefix + encode(row)).digest())
            except Unkeyed as e:
                _log.debug("%s is called for a row without a key: %s", self._options.name, e)
                keys.append(None)
        return keys

    def _usable(self, result: Result) -> bool:
        now = now_millis()
        return now < result.expires and now - result.created < self._options.ttl_millis

    def _find(self, keys: list[bytes]) -> None:
        if self._store is not None:
            self._take(self._store.find(keys))

    def _take(self, found: Mapping[bytes, Result]) -> None:
        now, ttl_millis = now_millis(), self._options.ttl_millis
        decode = values.decoder(self._calls.declared)
        for key, result in found.items():
            if now < result.expires and now - result.created < ttl_millis:
                try:
                    self._answers[key] = decode(result.value)
                except ValueError as e:
                    _log.warning("A kept result of %s is computed anew: %s", self._options.name, e)
                    continue
                self._kept[key] = result

    def _call_for(self, keys: list[bytes]) -> None:
        if self._store is None:
            self._call_all(keys)
            return
        pause = _FIRST_PAUSE
        deadline = time.monotonic() + self._options.lease_millis / 1000
        while keys:
            turns, others = self._store.take_turns(keys, self._options.lease_millis, self._usable)
            # Past the deadline also for results that cannot be read.
            mine = set(keys) if time.monotonic() > deadline else turns
            try:
                mine = mine.difference(self._fetch([key for key in keys if key in mine]))
                mine -= self._find_moved(mine)
                self._call_all([key for key in keys if key in mine])
            finally:
                self._store.end_turns(turns)
            if others and not mine:
                self._store.await_turn(others, pause)  # while waiting nothing is held: nobody waits in turn
                pause = min(2 * pause, _LONGEST_PAUSE)
            keys = [key for key in keys if key not in self._answers]
            self._find(keys)
            keys = [key for key in keys if key not in self._answers]

    def _fetch(self, keys: list[bytes]) -> set[bytes]:
        """Those of them that another host has written to the remote tier; they are kept here, too."""
        remote = self._calls.remote() if keys else None
        if remote is None:
            return set()
        before = set(self._kept)
        found = remote.find(keys)
        self._take(found)
        fetched = self._kept.keys() - before
        self._waiting.update((key, found[key]) for key in fetched)
        return fetched

    def _call_all(self, keys: list[bytes]) -> None:
        done = 0
        try:
            for key in keys:
                self._answered(key, *self._value(self._rows[key]))
                done += 1
                if time.monotonic() - self._committed > _COMMIT_SECONDS:
                    self._commit()
        finally:
            self._unkept += keys[done:]  # their leases end with the next commit
            self._commit()

    def _commit(self) -> None:
        names = self._names() if self._made else {}
        unnamed = self._made - names.keys()
        for key in unnamed:
            del self._waiting[key], self._kept[key]
        self._unkept += unnamed
        self._counts.unkept += len(unnamed)
        if self._store is not None and (self._waiting or self._unkept):
            results = {names.get(key, key): result for key, result in self._waiting.items()}
            identity = self._calls.identity
            self._counts.unkept += self._store.commit(
                identity, results, self._unkept, self._options.max_bytes
            )
            moved = {key for key, name in names.items() if key != name}
            if moved:
                self._moved |= moved
                self._store.commit(identity, {}, moved)  # who waits for these finds the results now
            remote = self._calls.remote() if names else None
            if remote is not None:
                remote.put(identity, {name: results[name] for name in names.values()})
        self._waiting, self._unkept, self._made = {}, [], set()
        self._committed = time.monotonic()

    def _names(self) -> dict[bytes, bytes]:
        """The keys that the results of this process are kept by: those of all files that were read. Empty if a file
        is not what it was."""
        if not self._calls.proof.holds():
            return {}
        read = self._calls.proof.reads
        if any(self._files.get(path, content) != content for path, content in read.items()):
            return {}
        if read.keys() <= self._files.keys():
            return {key: key for key in self._made}
        known = self._calls.reads
        if known is None or not known.add(read):
            return {}
        files = _memoreads.contents(known.paths())
        if any(files.get(path) != content for path, content in {**self._files, **read}.items()):
            return {}
        return self._keys_with(files, self._made)

    def _keys_with(self, files: dict[str, str], keys: Iterable[bytes]) -> dict[bytes, bytes]:
        """What keys are if the function reads these files."""
        prefix = _memoreads.prefix(self._plain, files)
        encode = values.argument if self._single else values.arguments
        return {key: hashlib.sha256(prefix + encode(self._rows[key])).digest() for key in keys}

    def _find_moved(self, keys: set[bytes]) -> set[bytes]:
        """Those of them that somebody has kept by the keys of files that nobody knew of when this batch began."""
        known = self._calls.reads
        if not keys or self._store is None or known is None or self._files.keys() >= set(known.paths()):
            return set()
        files = _memoreads.contents(known.paths())
        if any(files.get(path) != content for path, content in self._files.items()):
            return set()
        names = self._keys_with(files, keys)
        found = self._store.find(names.values())
        self._take({key: found[name] for key, name in names.items() if name in found})
        moved = keys & self._answers.keys()
        self._moved |= moved
        return moved

    def _answered(self, key: bytes, value: Any, result: Result | None) -> None:
        row = self._rows[key]
        self._answers[key] = value
        self._called.add(key)
        if result is not None and result.expires > result.created:
            arguments = "\x1f".join(shown(_text(argument)) for argument in self._arguments(row))
            self._kept[key] = self._waiting[key] = result._replace(arguments=arguments)
            self._made.add(key)
        else:
            self._unkept.append(key)

    def _value(self, row: Any) -> tuple[Any, Result | None]:
        """Calls, and counts; no result where an error became null."""
        call = functools.partial(self._calls.function, *self._arguments(row))
        return self._values(lambda: [self._encoded(self._attempt(call, 1))], 1)[0]

    def _encoded(self, returned: Any) -> tuple[bytes, Any]:
        """As it will be read back, so that the first row is no other than the second."""
        content = values.encode(returned, self._calls.declared)
        return content, values.decode(content, self._calls.declared)

    def _values(
        self, call: Callable[[], list[tuple[bytes, Any]]], rows: int
    ) -> list[tuple[Any, Result | None]]:
        try:
            with self._calls.proof.calling():
                returned = call()
        except Exception as e:
            if e is not self._raised:  # the function returned what is no result
                self._failed(rows, self._nanos)
            if self._options.on_error == "fail":
                raise
            if self._options.on_error == "report":
                self._failures.append(e)
            _log.warning("%s failed, %d rows get null: %r", self._options.name, rows, e)
            return [(None, None)] * rows
        nanos = self._nanos // rows
        created = now_millis()
        return [(value, self._result(content, value, created, nanos)) for content, value in returned]

    def _result(self, content: bytes, value: Any, created: int, nanos: int) -> Result:
        price = self._price(value)
        kept = self._options.cache_nulls or value is not None
        expires = min(created + self._options.ttl_millis, NEVER) if kept else created
        self._counts.calls += 1
        self._counts.nanos_spent += nanos
        self._counts.spent += price
        return Result(content, created, expires, nanos, price)

    def _price(self, value: Any) -> float:
        price = self._options.price
        if not callable(price):
            return float(price)
        try:
            return float(price(value))
        except Exception as e:  # the call has been paid for: its result is kept all the same
            _log.warning("The price of a result of %s cannot be told: %r", self._options.name, e)
            return 0.0

    def _attempt(self, call: Callable[[], Any], rows: int) -> Any:
        """Every attempt that raises is an error of the ledger; waiting between them is no time in calls."""
        back_off = self._options.back_off
        for left in range(self._options.retries, -1, -1):
            start = time.perf_counter_ns()
            try:
                returned = call()
                self._nanos = time.perf_counter_ns() - start
                return returned
            except Exception as e:
                self._failed(rows, time.perf_counter_ns() - start)
                if left == 0:
                    self._raised = e
                    raise
                _log.debug("An attempt at %s failed: %r", self._options.name, e)
            time.sleep(back_off)
            back_off = min(2 * back_off, _LONGEST_BACK_OFF)
        raise AssertionError("the last attempt returns or raises")

    def _failed(self, rows: int, nanos: int) -> None:
        self._counts.errors += rows
        self._counts.nanos_spent += nanos


class ColumnBatch(Batch):
    """Of a function of columns: one call for all rows that nobody has an answer for."""

    def __init__(
        self,
        calls: Calls,
        store: Store | None,
        prefix: bytes,
        columns: Sequence[Any],
        plain: bytes,
        files: Mapping[str, str],
    ) -> None:
        super().__init__(calls, store, prefix, len(columns) == 1, plain, files)
        self._columns = columns
        self._places: dict[bytes | None, int] = {}
        self._unkeyed_answers: Iterator[Any] = iter(())

    def _placed(self, keys: list[bytes | None], places: Sequence[int]) -> None:
        self._places = dict(zip(keys, places))
        unkeyed = [place for key, place in zip(keys, places) if key is None]
        self._unkeyed_answers = (value for value, _ in self._called_with(unkeyed))

    def _unkeyed(self, row: Any) -> Any:
        return next(self._unkeyed_answers)

    def _call_all(self, keys: list[bytes]) -> None:
        try:
            answers = self._called_with([self._places[key] for key in keys])
        except BaseException:
            self._unkept += keys
            raise
        else:
            for key, (value, result) in zip(keys, answers):
                self._answered(key, value, result)
        finally:
            self._commit()

    def _called_with(self, places: list[int]) -> list[tuple[Any, Result | None]]:
        if not places:
            return []
        arguments = [columns_.picked(column, places) for column in self._columns]

        def call() -> list[tuple[bytes, Any]]:
            column = self._attempt(lambda: self._calls.function(*arguments), len(places))
            returned = columns_.returned(column, self._calls.declared)
            if len(returned) != len(places):
                raise ValueError(f"{self._options.name} returned {len(returned)} rows for {len(places)}")
            return [self._encoded(value) for value in returned]

        return self._values(call, len(places))


def _text(argument: Any) -> str:
    return argument.hex() if isinstance(argument, (bytes, bytearray)) else str(argument)
