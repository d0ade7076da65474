"""Answers HTTP requests to the embedded cloud, many on one connection.

werkzeug's server closes each connection after its answer, since it does not know whether a request's body was read. A
request then costs a connection and a thread: half of what the server does for a small object. Here the check of its
signature has read the body of nearly every request (`signatures.read_body`), so the connection can stay.
"""

import contextlib
import io
import logging
import resource
import selectors
import socket
import threading
from collections.abc import Iterable
from typing import Any

from moto.moto_server.werkzeug_app import MotoRequestHandler
from werkzeug.exceptions import InternalServerError

from stepsweep.local.signatures import IS_SIGNED

DISCARD_SECONDS = 0.01
"""How long a client that sends more than was read may pause."""

MOST_STRANGERS = 200
"""Most connections on which no signed request has come. Each takes an open file and a thread, and every process of this
machine may connect, those of other users too."""


class _Strangers:
    """The connections on which no signed request has come. Of too many, the oldest one ends: whoever means it sends a
    request at once."""

    def __init__(self) -> None:
        self._most = min(MOST_STRANGERS, resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 4)
        self._lock = threading.Lock()
        self._open: dict[socket.socket, None] = {}

    def add(self, connection: socket.socket) -> None:
        with self._lock:
            self._open[connection] = None
            oldest = next(iter(self._open)) if len(self._open) > self._most else None
            if oldest is not None:
                del self._open[oldest]
        if oldest is not None:
            with contextlib.suppress(OSError):  # it has ended itself
                oldest.shutdown(socket.SHUT_RDWR)

    def remove(self, connection: socket.socket) -> None:
        with self._lock:
            self._open.pop(connection, None)


class KeepingHandler(MotoRequestHandler):  # type: ignore[misc]  # moto's is untyped
    """Handles the requests of a connection until the client closes it, or a body was left unread."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # an answer's head and body leave together
    strangers = _Strangers()

    def setup(self) -> None:
        super().setup()
        self.strangers.add(self.connection)

    def finish(self) -> None:
        self.strangers.remove(self.connection)
        super().finish()

    def run_wsgi(self) -> None:
        if self.headers.get("Expect", "").strip().lower() == "100-continue":
            self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            self.wfile.flush()
        environ = self.make_environ()
        environ[IS_SIGNED] = lambda: self.strangers.remove(self.connection)
        try:
            status, headers, body = _answered(self.server.app, environ)
        except Exception:  # whatever it is, the client gets an answer
            logging.getLogger("moto").exception("%s %s", self.command, self.path)
            status, headers, body = _answered(InternalServerError(), environ)
        is_read = _is_read(environ)
        code, _, reason = status.partition(" ")
        self.send_response(int(code), reason)
        for name, value in headers:
            self.send_header(name, value)
        has_length = any(name.lower() == "content-length" for name, _ in headers)
        if not has_length and self.command != "HEAD" and code not in ("204", "304"):
            self.send_header("Content-Length", str(len(body)))
        if not is_read:
            self.send_header("Connection", "close")  # which also sets `close_connection`
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
        self.wfile.flush()
        if not is_read:
            self._discard()

    def _discard(self) -> None:
        """Reads what the client still sends: many read no answer before they have sent all."""
        with selectors.DefaultSelector() as selector:
            selector.register(self.connection, selectors.EVENT_READ)
            while selector.select(DISCARD_SECONDS) and self.rfile.read1(1 << 20):
                pass


def _answered(app: Any, environ: dict[str, Any]) -> tuple[str, list[tuple[str, str]], bytes]:
    """Returns an application's answer: status, headers, body."""
    started: list[tuple[str, list[tuple[str, str]]]] = []

    def start_response(status: str, headers: list[tuple[str, str]], _exc_info: object = None) -> None:
        started.append((status, headers))

    parts: Iterable[bytes] = app(environ, start_response)
    try:
        body = b"".join(parts)
    finally:
        if hasattr(parts, "close"):
            parts.close()
    return *started[-1], body


def _is_read(environ: dict[str, Any]) -> bool:
    """Whether nothing of the request's body can still come."""
    if environ.get("CONTENT_LENGTH", "") in ("", "0") and "HTTP_TRANSFER_ENCODING" not in environ:
        return True
    return isinstance(environ["wsgi.input"], io.BytesIO) and bool(environ["wsgi.input_terminated"])
