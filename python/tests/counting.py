# SPDX-License-Identifier: Apache-2.0
"""An expensive service on 127.0.0.1."""

from __future__ import annotations

from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Lock, Thread
from typing import Any


class Service:
    """Counts what it is asked: ``/?x`` answers ``X``, ``fail`` is an error."""

    def __init__(self) -> None:
        self._asked: list[str] = []
        self._lock = Lock()
        self.hang = 0  # how many of the next requests wait for the end of the test
        self.gate = Event()
        self.gate.set()
        self._end = Event()
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:  # noqa: N802
                query = self.path.partition("?")[2]
                with service._lock:
                    service._asked.append(query)
                    hangs = service.hang > 0
                    service.hang -= 1
                service.gate.wait()
                if hangs:
                    service._end.wait()
                    return
                self.send_response(500 if query.startswith("fail") else 200)
                self.end_headers()
                self.wfile.write(query.upper().encode())

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/?"
        Thread(target=self._server.serve_forever, daemon=True).start()

    def asked(self) -> list[str]:
        """Since the last time."""
        with self._lock:
            asked, self._asked = self._asked, []
        return sorted(asked)

    def close(self) -> None:
        self._end.set()
        self.gate.set()
        self._server.shutdown()
        self._server.server_close()
