"""A server between a client and moto that gives the answers that moto cannot, as the services write them."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

import requests

JSON = "application/x-amz-json-1.1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    status: int = 400
    type: str = JSON
    body: str

    @classmethod
    def json_error(cls, code: str, message: str) -> "Answer":
        """Returns an error as services that speak JSON write it."""
        return cls(body=f'{{"__type":"{code}","Message":"{message}","message":"{message}"}}')

    @classmethod
    def query_error(cls, code: str, message: str, status: int = 403) -> "Answer":
        """Returns an error as STS and CloudFormation write it."""
        body = (
            f'<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type>'
            f"<Code>{code}</Code><Message>{message}</Message></Error>"
            "<RequestId>0b9a5f6e-3d2c-4c55-9e0e-1f2a3b4c5d6e</RequestId></ErrorResponse>"
        )
        return cls(status=status, type="text/xml", body=body)


Change = Callable[[str], str]
"""Makes another answer of moto's own."""


@contextmanager
def answering(moto: str, answers: Mapping[str, Answer | Change]) -> Iterator[str]:
    """Serves at the URL that it yields; what is not among `answers`, moto answers.

    Args:
        answers: by what names an operation on the wire: `GetServiceQuota`, or for Batch and S3 a path, `/v1/listjobs`.
    """

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            sent = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            changed = answers.get(self.operation(sent))
            if isinstance(changed, Answer):
                self.respond(changed.status, {"Content-Type": changed.type}, changed.body.encode())
                return
            headers = {name: value for name, value in self.headers.items() if name.lower() != "accept-encoding"}
            response = requests.request(
                self.command,
                moto + self.path,
                data=sent,
                headers={**headers, "Accept-Encoding": "identity"},
                timeout=30,
            )
            body = changed(response.text).encode() if changed else response.content
            dropped = ("content-length", "connection", "date", "server", "transfer-encoding", "x-amz-crc32")
            kept = {name: value for name, value in response.headers.items() if name.lower() not in dropped}
            self.respond(response.status_code, kept, body)

        do_GET = do_POST = do_PUT = do_HEAD = answer  # noqa: N815

        def operation(self, sent: bytes) -> str:
            if target := self.headers.get("X-Amz-Target"):
                return target.rpartition(".")[2]
            form = parse_qs(sent.decode(errors="replace"))
            return form["Action"][0] if "Action" in form else self.path.partition("?")[0]

        def respond(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)
