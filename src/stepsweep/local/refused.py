"""The refusal of a request to the embedded cloud, in the form in which the service that was asked answers on AWS."""

import contextlib
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from xml.sax.saxutils import escape

MOST_DRAINED = 1 << 20
"""Bytes of an unread body that are read before a refusal: many clients read no answer before they have sent it."""


@dataclass(frozen=True, slots=True)
class Refused(Exception):
    """A request is not answered."""

    status: int
    code: str
    message: str

    def __str__(self) -> str:
        return self.message

    def answer(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Sends the refusal."""
        length = environ.get("CONTENT_LENGTH") or ""
        if length.isdecimal() and not environ.get("wsgi.input_terminated"):
            with contextlib.suppress(OSError):
                environ["wsgi.input"].read(min(int(length), MOST_DRAINED))
        kind, body = self._document(environ)
        headers = [("Content-Type", kind), ("Content-Length", str(len(body)))]
        if kind == "application/json":
            headers.append(("x-amzn-ErrorType", self._name))
        start_response(f"{self.status} {HTTPStatus(self.status).phrase}", headers)
        return [body]

    @property
    def _name(self) -> str:
        """The code as services with JSON have it."""
        return self.code if self.code.endswith("Exception") else f"{self.code}Exception"

    def _document(self, environ: dict[str, Any]) -> tuple[str, bytes]:
        authorization = environ.get("HTTP_AUTHORIZATION", "")
        error = f"<Code>{escape(self.code)}</Code><Message>{escape(self.message)}</Message>"
        if environ.get("CONTENT_TYPE", "").startswith("application/x-www-form-urlencoded"):
            if "/ec2/aws4_request" in authorization:
                return "text/xml", f"<Response><Errors><Error>{error}</Error></Errors></Response>".encode()
            return "text/xml", f"<ErrorResponse><Error>{error}</Error></ErrorResponse>".encode()
        if "aws4_request" in authorization and "/s3/aws4_request" not in authorization:
            return "application/json", json.dumps({"__type": self._name, "message": self.message}).encode()
        return "application/xml", f"<Error>{error}</Error>".encode()
