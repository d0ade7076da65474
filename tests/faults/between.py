"""What stands between a sweep and its cloud: two proxies that real requests go through, and in which they go wrong.

microburst answers as AWS does when it fails. What it cannot do, a hop in front of it does: lose the answer to a request
that was carried out, and hold a request half way.
"""

import contextlib
import http.client
import json
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from tests.support.embedded import eventually


class Do(Enum):
    """What becomes of a request.

    LOSE: it is carried out, and its connection ends without an answer.
    FAIL: it is carried out, and answered with an error all the same.
    HOLD: half of its body is read; then it waits until it is let go, or whoever sent it is gone.
    """

    LOSE = auto()
    FAIL = auto()
    HOLD = auto()


@dataclass(slots=True)
class Rule:
    """Which requests something is done to.

    Attributes:
        path: a part of it.
        times: how often.
        seen: set when there was one; done: how many there were.
    """

    do: Do
    method: str
    path: str
    times: int = 1
    seen: threading.Event = field(default_factory=threading.Event)
    let_go: threading.Event = field(default_factory=threading.Event)
    done: int = 0


class Hop:
    """An HTTP proxy on this machine.

    Attributes:
        upstream: host and port that it sends to; set before the first request.
    """

    def __init__(self) -> None:
        self.upstream = ""
        self._rules: list[Rule] = []
        self._lock = threading.Lock()
        hop = self

        class Handler(_Handler):
            def hop(self) -> Hop:
                return hop

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, name="hop", daemon=True).start()

    def add(self, rule: Rule) -> Rule:
        with self._lock:
            self._rules.append(rule)
        return rule

    def clear(self) -> None:
        with self._lock:
            for rule in self._rules:
                rule.let_go.set()
            self._rules.clear()

    def taken(self, method: str, path: str) -> Rule | None:
        """Returns the rule that holds for a request, which it then was applied to."""
        with self._lock:
            for rule in self._rules:
                if rule.method == method and rule.path in path and rule.done < rule.times:
                    rule.done += 1
                    return rule
        return None

    def close(self) -> None:
        self.clear()
        self._server.shutdown()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def hop(self) -> Hop:
        raise NotImplementedError

    def pass_on(self) -> None:
        try:
            self._pass_on()
        except (ConnectionError, http.client.HTTPException):  # on one side or the other, so on both
            self.close_connection = True

    def _pass_on(self) -> None:
        rule = self.hop().taken(self.command, self.path)
        length = int(self.headers.get("Content-Length", 0))
        if rule and rule.do is Do.HOLD:
            body = self.rfile.read(length // 2)
            rule.seen.set()
            rule.let_go.wait()
            body += self.rfile.read(length - len(body))
        else:
            body = self.rfile.read(length)
        if len(body) < length:
            self.close_connection = True
            return
        status, headers, answer = self._asked(body)
        if rule:
            rule.seen.set()
        if rule and rule.do is Do.LOSE:
            self.close_connection = True
            return
        if rule and rule.do is Do.FAIL:
            status, answer = 500, b'{"message": "a fault"}'
            headers = [
                ("x-amzn-ErrorType", "ServerException"),
                ("x-amzn-RequestId", "0"),
                ("Content-Length", str(len(answer))),
            ]
        self.send_response_only(status)
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(answer)

    def _asked(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        """Sends the request on and returns status, headers and body of the answer."""
        connection = http.client.HTTPConnection(self.hop().upstream)
        try:
            connection.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                if name.lower() not in ("connection", "expect"):
                    connection.putheader(name, value)
            connection.endheaders(body)
            answer = connection.getresponse()
            data = answer.read()
        finally:
            connection.close()
        left_out = ("connection", "transfer-encoding", *(() if self.command == "HEAD" else ("content-length",)))
        headers = [(name, value) for name, value in answer.getheaders() if name.lower() not in left_out]
        if self.command != "HEAD" and answer.status != 204:
            headers.append(("Content-Length", str(len(data))))
        return answer.status, headers, data

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = pass_on  # noqa: N815  http.server's names

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  http.server's name
        """Says nothing."""


_MICROBURST = """
import sys
from aiohttp import ClientSession
from microburst.cli import main
from microburst.detection import host
from yarl import URL
host._endpoint_prefix_map = dict
ClientSession._build_url = lambda session, url: URL(url, encoded=True)
sys.exit(main())
"""
"""microburst, which sends a path on as it was signed; its HTTP client would write the `%3A` of an ARN as `:`.

It looks for no service in the name of the host, which is an address here: for that it would read the models of 417
services, in four seconds."""


class Microburst:
    """A proxy that answers as AWS does when it fails: https://pypi.org/project/microburst."""

    def __init__(self, *, upstream: str, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self._process = subprocess.Popen(
            [sys.executable, "-c", _MICROBURST, "--upstream", upstream, "--port", str(port), "--no-resign"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        eventually(self._is_up)

    def set_rules(self, *rules: Mapping[str, Any]) -> None:
        """Replaces all rules; none means that everything goes well."""
        self._ask("rules", list(rules))
        self._ask("fired", method="DELETE")

    def fired(self) -> list[dict[str, Any]]:
        """Returns the faults that came to pass since the rules were made."""
        return list(self._ask("fired?limit=10000"))

    def close(self) -> None:
        self._process.terminate()
        self._process.wait(30)

    def _is_up(self) -> bool:
        assert self._process.poll() is None, "microburst did not start"
        with contextlib.suppress(urllib.error.URLError):
            self._ask("health")
            return True
        return False

    def _ask(self, what: str, document: object = None, *, method: str | None = None) -> Any:
        data = None if document is None else json.dumps(document).encode()
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(f"{self.url}/_microburst/{what}", data=data, headers=headers, method=method)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.loads(answer.read())


@contextlib.contextmanager
def hop() -> Iterator[Hop]:
    made = Hop()
    try:
        yield made
    finally:
        made.close()


def address(url: str) -> str:
    return urlsplit(url).netloc
