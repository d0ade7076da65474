"""When, and under which name of the cloud, a signature is right: requests as the server hands them on."""

import io
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import boto3
import pytest
from botocore.config import Config

from stepsweep.local import signatures
from stepsweep.local.endpoint import KeyPair
from stepsweep.local.refused import Refused
from stepsweep.local.signatures import IS_SIGNED, Signatures, Signed, Signer
from tests.support.signing import signed_headers

URL, SEEN_AT = "http://127.0.0.1:4000", "http://proxy.example:81"
KEY = KeyPair(access_key_id="AKIA", secret_access_key="hidden")  # noqa: S106  nobody's
ROLE = Signer(key=KEY, role="arn:aws:iam::1:role/a")
ENVIRONMENT = KEY.environment()
LATE = Refused(403, "AccessDenied", "The signature has expired, or is not valid yet.")
OTHERS = Refused(403, "SignatureDoesNotMatch", "The signature is not that of this request with this access key.")


def environ_of(method: str, target: str, headers: Mapping[str, str], body: bytes = b"", *, host: str) -> dict[str, Any]:
    path, _, query = target.partition("?")
    given = {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in headers.items()}
    about = {"REQUEST_METHOD": method, "RAW_URI": target, "PATH_INFO": path, "QUERY_STRING": query, "HTTP_HOST": host}
    return {**given, **about, "CONTENT_LENGTH": str(len(body)), "wsgi.input": io.BufferedReader(io.BytesIO(body))}


def checked(environ: dict[str, Any], *, seen_at: str = SEEN_AT) -> Signed | Refused:
    """Returns who has signed a request, or the refusal; of what was signed the server is told, and of nothing else."""
    told: list[None] = []
    environ[IS_SIGNED] = lambda: told.append(None)
    signed: Signed | Refused
    try:
        signed = Signatures({"AKIA": ROLE}.get, url=URL, seen_at=seen_at).check(environ)
    except Refused as refused:
        signed = refused
    assert len(told) == isinstance(signed, Signed)
    return signed


@pytest.mark.parametrize(
    ("signed_for", "host", "is_right"),
    [
        (URL, "127.0.0.1:4000", True),
        ("http://localhost:4000", "localhost:4000", True),
        (SEEN_AT, "proxy.example:81", True),
        (SEEN_AT, "127.0.0.1:4000", True),  # the proxy has put the endpoint's name in place of its own
        (URL, "localhost:4000", False),
        ("http://another:81", "127.0.0.1:4000", False),
    ],
)
def test_a_request_is_signed_for_the_cloud_under_one_of_its_names(
    signed_for: str, host: str, *, is_right: bool
) -> None:
    headers = signed_headers({**ENVIRONMENT, "AWS_ENDPOINT_URL": signed_for}, "PUT", "/bucket/key", body=b"body")
    environ = environ_of("PUT", "/bucket/key", headers, b"body", host=host)
    assert checked(environ) == (Signed(signer=ROLE, service="s3") if is_right else OTHERS)
    assert environ["wsgi.input"].read() == b"body"


def test_without_a_proxy_no_other_name_is_taken() -> None:
    headers = signed_headers({**ENVIRONMENT, "AWS_ENDPOINT_URL": SEEN_AT}, "GET", "/bucket")
    elsewhere = Refused(403, "AccessDenied", "The embedded cloud is not at proxy.example:81.")
    assert checked(environ_of("GET", "/bucket", headers, host="proxy.example:81"), seen_at=URL) == elsewhere
    assert checked(environ_of("GET", "/bucket", headers, host="127.0.0.1:4000"), seen_at=URL) == OTHERS


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Sets the cloud's time."""

    def set_to(moment: datetime) -> None:
        class Clock(datetime):
            @classmethod
            def now(cls, tz: Any = None) -> Any:
                return moment.astimezone(tz)

        monkeypatch.setattr(signatures, "datetime", Clock)

    return set_to


def signed_at(text: str) -> datetime:
    return datetime.strptime(text, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)


@pytest.mark.parametrize(("seconds", "is_right"), [(900, True), (901, False), (-900, True), (-901, False)])
def test_a_signature_is_right_for_a_quarter_of_an_hour(at: Any, seconds: int, *, is_right: bool) -> None:
    headers = signed_headers({**ENVIRONMENT, "AWS_ENDPOINT_URL": URL}, "GET", "/bucket")
    at(signed_at(headers["X-Amz-Date"]) + timedelta(seconds=seconds))
    found = checked(environ_of("GET", "/bucket", headers, host="127.0.0.1:4000"))
    assert found == (Signed(signer=ROLE, service="s3") if is_right else LATE)


@pytest.mark.parametrize(
    ("lasts", "seconds", "is_right"),
    [
        (60, 60, True),
        (60, 61, False),
        (60, -900, True),
        (60, -901, False),
        (7 * 24 * 3600, 7 * 24 * 3600, True),
        (7 * 24 * 3600 + 1, 0, False),
    ],
)
def test_a_presigned_url_is_right_as_long_as_it_says_and_a_week_at_most(
    at: Any, lasts: int, seconds: int, *, is_right: bool
) -> None:
    s3 = boto3.client(
        "s3",
        region_name="us-east-1",
        endpoint_url=URL,
        aws_access_key_id=KEY.access_key_id,
        aws_secret_access_key=KEY.secret_access_key,
        config=Config(signature_version="s3v4", s3={"addressing_style": "path"}),
    )
    url = urlsplit(s3.generate_presigned_url("get_object", {"Bucket": "bucket", "Key": "key"}, lasts))
    at(signed_at(parse_qs(url.query)["X-Amz-Date"][0]) + timedelta(seconds=seconds))
    environ = environ_of("GET", f"{url.path}?{url.query}", {}, b"unsigned", host=url.netloc)
    assert checked(environ) == (Signed(signer=ROLE, service="s3") if is_right else LATE)
    assert isinstance(environ["wsgi.input"], io.BytesIO) == is_right, "only who has signed fills the memory"
    assert environ["wsgi.input"].read() == b"unsigned"
