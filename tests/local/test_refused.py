"""A refusal is an answer that the SDK of the service understands: its status, headers and body as wholes."""

import io
import json
from typing import Any

import pytest

from stepsweep.local import refused
from stepsweep.local.patches.lambda_ import _ServiceError
from stepsweep.local.patches.s3 import _InternalError
from stepsweep.local.refused import Refused

MESSAGE = "Who asks for <a> & b?"
ERROR = "<Code>Odd</Code><Message>Who asks for &lt;a&gt; &amp; b?</Message>"
FORM = {"CONTENT_TYPE": "application/x-www-form-urlencoded; charset=utf-8"}
JSON = {"__type": "OddException", "message": MESSAGE}


def signed(service: str) -> dict[str, str]:
    return {"HTTP_AUTHORIZATION": f"AWS4-HMAC-SHA256 Credential=me/20260101/us-east-1/{service}/aws4_request, x"}


def answered(refusal: Refused, environ: dict[str, Any]) -> tuple[str, dict[str, str], str]:
    started: list[tuple[str, list[tuple[str, str]]]] = []
    (body,) = refusal.answer(environ, lambda status, headers: started.append((status, headers)))
    ((status, headers),) = started
    return status, dict(headers), body.decode()


@pytest.mark.parametrize(
    ("environ", "kind", "body"),
    [
        ({}, "application/xml", f"<Error>{ERROR}</Error>"),
        (signed("s3"), "application/xml", f"<Error>{ERROR}</Error>"),
        (FORM, "text/xml", f"<ErrorResponse><Error>{ERROR}</Error></ErrorResponse>"),
        ({**FORM, **signed("iam")}, "text/xml", f"<ErrorResponse><Error>{ERROR}</Error></ErrorResponse>"),
        ({**FORM, **signed("ec2")}, "text/xml", f"<Response><Errors><Error>{ERROR}</Error></Errors></Response>"),
        (signed("batch"), "application/json", json.dumps(JSON)),
    ],
)
def test_each_kind_of_service_has_its_own_form(environ: dict[str, Any], kind: str, body: str) -> None:
    named = {"x-amzn-ErrorType": "OddException"} if kind == "application/json" else {}
    for code in ("Odd", "OddException"):
        expected = body if kind == "application/json" else body.replace("Odd", code)
        assert answered(Refused(403, code, MESSAGE), environ) == (
            "403 Forbidden",
            {"Content-Type": kind, "Content-Length": str(len(expected)), **named},
            expected,
        )
    assert answered(Refused(404, "Odd", MESSAGE), environ)[0] == "404 Not Found"


@pytest.mark.parametrize(
    ("length", "left"),
    [("4", b"rest"), ("", b"bodyrest"), ("-1", b"bodyrest"), ("9" * 9, b"")],
)
def test_a_body_is_read_before_the_answer_as_far_as_its_length_says(length: str, left: bytes) -> None:
    """Many clients read no answer before they have sent all."""
    body = io.BytesIO(b"bodyrest")
    answered(Refused(403, "Odd", MESSAGE), {"CONTENT_LENGTH": length, "wsgi.input": body})
    assert body.read() == left


def test_no_more_of_a_body_is_read_than_a_limit_and_none_that_was_read_already(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(refused, "MOST_DRAINED", 3)
    body = io.BytesIO(b"bodyrest")
    for read, left in (({}, b"yrest"), ({"wsgi.input_terminated": True}, b"bodyrest")):
        body.seek(0)
        answered(Refused(403, "Odd", MESSAGE), {"CONTENT_LENGTH": "8", "wsgi.input": body, **read})
        assert body.read() == left


def test_a_client_that_has_gone_is_answered_all_the_same() -> None:
    class Gone(io.BytesIO):
        def read(self, _size: int | None = -1) -> bytes:
            raise ConnectionResetError

    assert answered(Refused(403, "Odd", MESSAGE), {"CONTENT_LENGTH": "8", "wsgi.input": Gone()})[0] == "403 Forbidden"


def test_what_a_full_disk_forbids_is_an_error_that_sdks_try_again() -> None:
    """Other tests fill a disk; this is the form of what they get."""
    of_s3 = _InternalError(MESSAGE).get_response({})
    assert (of_s3.status_code, of_s3.headers.to_wsgi_list()[:1], of_s3.get_data(as_text=True)) == (
        500,
        [("Content-Type", "application/xml")],
        "<Error><Code>InternalError</Code><Message>Who asks for &lt;a&gt; &amp; b?</Message></Error>",
    )
    said = {"__type": "ServiceException", "message": "The embedded cloud cannot run the function: no room"}
    of_lambda = _ServiceError(OSError("no room")).get_response({})
    assert (of_lambda.status_code, of_lambda.headers["X-Amzn-ErrorType"], of_lambda.json) == (
        500,
        "ServiceException",
        said,
    )
