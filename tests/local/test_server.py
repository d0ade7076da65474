"""The server of the embedded cloud, by a client that keeps its connection."""

import contextlib
import http.client
import selectors
import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest
from werkzeug.serving import make_server

from stepsweep.local.server import MOST_STRANGERS, KeepingHandler
from stepsweep.local.signatures import IS_SIGNED, read_body

Environ = dict[str, Any]
Start = Callable[..., Any]


def application(environ: Environ, start_response: Start) -> Iterable[bytes]:
    """Answers with the method and the body; of a path with `unread` it reads no body, and of `fails` it raises. A
    request of `signed` is taken for a signed one."""
    if environ["PATH_INFO"] == "/signed":
        environ[IS_SIGNED]()
    if environ["PATH_INFO"] == "/fails":
        raise ValueError("a fault of the application")
    body = b"" if environ["PATH_INFO"] == "/unread" else read_body(environ)
    if environ["PATH_INFO"] == "/nothing":
        start_response("204 No Content", [])
        return []
    length = [("Content-Length", "7")] if environ["REQUEST_METHOD"] == "HEAD" else []
    start_response("200 OK", [("Content-Type", "text/plain"), *length])
    return [environ["REQUEST_METHOD"].encode(), b" ", body]


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    server = make_server("127.0.0.1", 0, application, threaded=True, request_handler=KeepingHandler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield server.server_port
    server.shutdown()
    server.server_close()


@pytest.fixture
def connection(port: int) -> Iterator[http.client.HTTPConnection]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.connect()
    yield connection
    connection.close()


def asked(connection: http.client.HTTPConnection, method: str, path: str, **more: Any) -> tuple[int, bytes]:
    connection.request(method, path, **more)
    answer = connection.getresponse()
    return answer.status, answer.read()


def test_all_requests_of_a_client_have_one_connection(
    connection: http.client.HTTPConnection, caplog: pytest.LogCaptureFixture
) -> None:
    first = connection.sock
    assert asked(connection, "GET", "/") == (200, b"GET ")
    assert asked(connection, "PUT", "/", body=b"whole") == (200, b"PUT whole")
    assert asked(connection, "PUT", "/", body=iter([b"in ", b"chunks"]), encode_chunked=True) == (200, b"PUT in chunks")
    assert asked(connection, "HEAD", "/") == (200, b"")
    assert asked(connection, "DELETE", "/nothing") == (204, b"")
    assert asked(connection, "PUT", "/", body=b"", headers={"Expect": "100-continue"}) == (200, b"PUT ")
    status, body = asked(connection, "GET", "/fails")
    assert status == 500
    assert b"Internal Server Error" in body
    (record,) = (each for each in caplog.records if each.exc_info)
    assert (record.name, record.getMessage()) == ("moto", "GET /fails"), "in the file of moto's log"
    assert str(record.exc_info and record.exc_info[1]) == "a fault of the application"
    assert asked(connection, "GET", "/") == (200, b"GET ")
    assert connection.sock is first


@pytest.mark.parametrize("size", [1, 20_000_000])
def test_a_body_that_was_not_read_is_no_next_request(connection: http.client.HTTPConnection, size: int) -> None:
    first = connection.sock
    assert asked(connection, "PUT", "/unread", body=b"G" * size) == (200, b"PUT ")
    assert asked(connection, "GET", "/") == (200, b"GET ")
    assert connection.sock is not first


def test_a_body_that_was_cut_off_is_answered_once(connection: http.client.HTTPConnection) -> None:
    assert connection.sock is not None
    connection.sock.sendall(b"PUT / HTTP/1.1\r\nHost: here\r\nContent-Length: 9\r\n\r\nhalf")
    connection.sock.shutdown(1)
    received = b"".join(iter(lambda: connection.sock.recv(1000) if connection.sock else b"", b""))
    assert received.count(b"HTTP/1.1 200 OK") == 1
    assert b"Connection: close" in received
    assert received.endswith(b"PUT half")


def test_connections_that_send_nothing_signed_do_not_keep_others_out(
    port: int, connection: http.client.HTTPConnection
) -> None:
    """Any user of the machine may open them, half a request on each."""
    first = connection.sock
    assert asked(connection, "GET", "/signed") == (200, b"GET ")
    with contextlib.ExitStack() as until_the_end:
        idle = [
            until_the_end.enter_context(socket.create_connection(("127.0.0.1", port), timeout=30))
            for _ in range(MOST_STRANGERS + 1)
        ]
        for each in idle:
            each.sendall(b"GET / HTTP/1.1\r\n")
        with selectors.DefaultSelector() as ended:
            for each in idle:
                ended.register(each, selectors.EVENT_READ)
            assert ended.select(30), "none was ended"
        assert asked(connection, "GET", "/") == (200, b"GET ")
        assert connection.sock is first
