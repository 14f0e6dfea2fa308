# SPDX-License-Identifier: Apache-2.0
"""Results of memoised functions in the remote tier, which the JVM reads and writes as well.

An object each, ``v1/memo/ab/KEY.memo``; docs/design/format-memo.md has its bytes. Whatever goes wrong means that nothing is
known there: the function is called, and the query goes on.
"""

from __future__ import annotations

import concurrent.futures
import logging
import os
import struct
import time
import zlib
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from ._memofile import Function
from ._memostore import Result

if TYPE_CHECKING:
    from pyarrow.fs import FileSystem

_log = logging.getLogger(__name__)
_MAGIC = b"SDCMEMO1"
_HEAD = struct.Struct(">32sqqqd")
_LENGTH = struct.Struct(">i")
_CRC = struct.Struct(">I")
_TEXTS = 6  # digest, name, version, tag, code, arguments
_THREADS = 16
_STALLED_SECONDS = 20.0  # of a batch of requests without an answer
_FAILURES = 3  # in a row, after which it is left alone
_PAUSE_SECONDS = 30.0
_SCHEMES = {"s3a": "s3", "s3n": "s3", "gcs": "gs", "wasbs": "abfss"}  # Hadoop's names and Arrow's

_T = TypeVar("_T")


def encode(key: bytes, function: Function, result: Result) -> bytes:
    f = function
    parts = [_MAGIC, _HEAD.pack(key, result.created, result.expires, result.nanos, result.price)]
    texts = [f.digest, f.name, f.version, f.tag, f.code, result.arguments]
    for field in [text.encode() for text in texts] + [result.value]:
        parts += [_LENGTH.pack(len(field)), field]
    content = b"".join(parts)
    return content + _CRC.pack(zlib.crc32(content))


def decode(key: bytes, content: bytes) -> Result | None:
    """None if it is damaged, only a part, or that of another key."""
    end = len(content) - _CRC.size
    if end < len(_MAGIC) + _HEAD.size or not content.startswith(_MAGIC):
        return None
    if _CRC.unpack_from(content, end)[0] != zlib.crc32(content[:end]):
        return None
    of, created, expires, nanos, price = _HEAD.unpack_from(content, len(_MAGIC))
    at, fields = len(_MAGIC) + _HEAD.size, []
    for _ in range(_TEXTS + 1):
        (length,) = _LENGTH.unpack_from(content, at)
        at += _LENGTH.size
        fields.append(content[at : at + length])
        at += length
    if of != key or at != end:
        return None
    return Result(fields[-1], created, expires, nanos, price, fields[-2].decode())


class Remote:
    """The remote tier, as one process sees it.

    :param directory: ``spark.diskcache.remote.dir``, a URI as Hadoop has it
    """

    def __init__(self, directory: str) -> None:
        self._directory = directory
        self._found: tuple[FileSystem, str] | None = None
        self._folders: set[str] = set()
        self._pool = concurrent.futures.ThreadPoolExecutor(_THREADS, "diskcache-remote")
        self._failures = 0
        self._paused_until = 0.0

    def find(self, keys: Iterable[bytes]) -> dict[bytes, Result]:
        """The results there are, expired or not."""
        found = self._each(list(keys), self._read, "fetch memoised results from")
        return {key: result for key, result in found.items() if result is not None}

    def put(self, function: Function, results: Mapping[bytes, Result]) -> None:
        """Writes them in the place of older ones; returns when that is done, or has failed."""
        self._each(
            list(results), lambda key: self._write(key, encode(key, function, results[key])),
            "write memoised results to",
        )  # fmt: skip

    def _each(self, keys: list[bytes], request: Callable[[bytes], _T], doing: str) -> dict[bytes, _T]:
        done: dict[bytes, _T] = {}
        if not keys or time.monotonic() < self._paused_until:
            return done
        futures = {self._pool.submit(request, key): key for key in keys}
        pending = set(futures)
        try:
            while pending:
                ended, pending = concurrent.futures.wait(
                    pending, _STALLED_SECONDS, concurrent.futures.FIRST_COMPLETED
                )
                if not ended:
                    raise TimeoutError(f"no answer for {_STALLED_SECONDS:.0f} s")
                for future in ended:
                    done[futures[future]] = future.result()
            self._failures = 0
        except Exception as e:  # file systems are other people's code
            self._failed(doing, e)
            for future in pending:
                future.cancel()
        return done

    def _failed(self, doing: str, error: Exception) -> None:
        _log.warning("Cannot %s %s: %s. The query goes on without them", doing, self._directory, error)
        self._failures += 1
        if self._failures >= _FAILURES:
            self._paused_until = time.monotonic() + _PAUSE_SECONDS

    def _file_system(self) -> tuple[FileSystem, str]:
        """That of the directory, and the path of the results on it."""
        if self._found is None:
            from pyarrow.fs import FileSystem, LocalFileSystem

            uri = urlsplit(self._directory)
            if uri.scheme == "file":
                self._found = LocalFileSystem(), uri.path + "/v1/memo"
            else:
                scheme = _SCHEMES.get(uri.scheme, uri.scheme)
                system, path = FileSystem.from_uri(uri._replace(scheme=scheme).geturl())
                self._found = system, path + "/v1/memo"
        return self._found

    def _path(self, key: bytes) -> tuple[str, str]:
        name = key.hex()
        return f"{self._file_system()[1]}/{name[:2]}", f"{name}.memo"

    def _read(self, key: bytes) -> Result | None:
        folder, name = self._path(key)
        try:
            with self._file_system()[0].open_input_stream(f"{folder}/{name}") as stream:
                content: Any = stream.read()
        except FileNotFoundError:
            return None
        result = decode(key, content)
        if result is None:
            _log.warning("%s/%s is damaged; the function is called, and it is written anew", folder, name)
        return result

    def _write(self, key: bytes, content: bytes) -> None:
        folder, name = self._path(key)
        system, memo = self._file_system()
        if folder not in self._folders:
            if system.type_name == "local":  # for this user alone, as the JVM makes them
                for private in (os.path.dirname(memo), memo, folder):
                    os.makedirs(private, mode=0o700, exist_ok=True)
            else:
                system.create_dir(folder, recursive=True)
            self._folders.add(folder)
        with system.open_output_stream(f"{folder}/{name}") as stream:
            stream.write(content)
