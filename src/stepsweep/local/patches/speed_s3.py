"""Requests for objects that need nothing of moto but its records: faster, and with the same answers."""

import re
import uuid
from collections.abc import Callable, Iterable
from typing import Any
from xml.sax.saxutils import escape

from moto.core.responses import ActionResult
from moto.iam.access_control import PermissionResult
from moto.moto_server.werkzeug_app import DomainDispatcherApplication
from moto.s3 import models as s3_models
from moto.s3.exceptions import S3ClientError
from moto.s3.responses import S3Response
from werkzeug.exceptions import HTTPException

from stepsweep.local.endpoint import ACCOUNT
from stepsweep.local.patches.patching import patch
from stepsweep.local.patches.s3 import reading, writing
from stepsweep.local.signatures import read_body

_OBJECT = re.compile(r"/(?P<bucket>[a-z0-9.-]+)/(?P<key>[A-Za-z0-9_./-]+)")
"""The path of a request for an object whose key needs no decoding, without a query."""

_CONDITIONS = ("RANGE", "IF_MATCH", "IF_NONE_MATCH", "IF_MODIFIED_SINCE", "IF_UNMODIFIED_SINCE", "ORIGIN")

_OF_A_PLAIN_PUT = frozenset(
    f"HTTP_{name}"
    for name in (
        "HOST", "CONNECTION", "USER_AGENT", "ACCEPT", "ACCEPT_ENCODING", "AUTHORIZATION", "EXPECT",
        "IF_NONE_MATCH", "X_AMZ_DATE", "X_AMZ_CONTENT_SHA256", "X_AMZ_SECURITY_TOKEN", "AMZ_SDK_INVOCATION_ID",
        "AMZ_SDK_REQUEST", "X_AMZ_SDK_CHECKSUM_ALGORITHM", "X_AMZ_CHECKSUM_CRC32",
    )
)  # fmt: skip
"""The headers that a function's or a trainer's put may have. moto keeps two of them with the object, see `_kept`."""


def plain_requests_bypass_flask() -> None:
    """moto sends a request for an object through Flask, a long chain of checks, and a random id of 52 letters: two
    thirds of the server's work. A reducer of thousands of trials waits for it, and each trial writes four objects.

    A plain request for a whole object is answered directly, also if there is none: each question of a free-running
    search asks for two that are missing. So is a plain put. Every other request takes moto's way, and so does what
    fails.
    """
    patch(DomainDispatcherApplication, "__call__", _answer, with_original=True)


def listings_are_written_directly() -> None:
    """moto writes the XML of a listing by the API's model, which takes 0.3 ms for each object in it. A sweep lists
    its objects several times."""

    def serialized(original: Callable[..., Any], self: S3Response, result: ActionResult) -> Any:
        if self.data.get("Action") != "ListObjectsV2" or not isinstance(result.result, dict):
            return original(self, result)
        body = f'<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">{_xml(result.result)}'
        return 200, {"Content-Type": "application/xml"}, f"{body}</ListBucketResult>"

    patch(S3Response, "serialized", serialized, with_original=True)


def _xml(members: dict[str, Any]) -> str:
    return "".join(
        f"<{name}>{_xml(each) if isinstance(each, dict) else _text(each)}</{name}>"
        for name, value in members.items()
        for each in (value if isinstance(value, list) else (value,))
    )


def _text(value: str | int) -> str:
    return str(value).lower() if isinstance(value, bool) else escape(str(value))


def _answer(original: Callable[..., Any], self: Any, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    answered = _put(environ) if environ["REQUEST_METHOD"] == "PUT" else _get(environ)
    if answered is None:
        way: Iterable[bytes] = original(self, environ, start_response)
        return way
    status, headers, body = answered
    headers = {**headers, "x-amzn-RequestId": uuid.uuid4().hex}
    start_response(status, [(name, str(value)) for name, value in headers.items()])
    return [body]


_Answer = tuple[str, dict[str, Any], bytes]


def _get(environ: dict[str, Any]) -> _Answer | None:
    """Answers a plain request for a whole object, or for one that is missing; None for every other request."""
    if (
        environ["REQUEST_METHOD"] not in ("GET", "HEAD")
        or any(f"HTTP_{name}" in environ for name in _CONDITIONS)
        or (asked := _asked(environ, "s3:GetObject")) is None
    ):
        return None
    bucket, name = asked
    if name not in bucket.keys:
        return _missing(environ, name)
    if environ["REQUEST_METHOD"] == "HEAD":
        return None
    with reading(bucket.name, name):
        key = s3_models.s3_backends[ACCOUNT]["aws"].get_object(bucket.name, name)
        if not isinstance(key, s3_models.FakeKey) or key.storage_class != "STANDARD":
            return None
        headers = {**key.response_dict, **key.metadata, "Accept-Ranges": "bytes"}
        if key.version_id != "null":
            headers["x-amz-version-id"] = key.version_id
        if environ.get("HTTP_X_AMZ_CHECKSUM_MODE") == "ENABLED" and key.checksum_algorithm:
            parts = f"-{key.checksum_parts}" if key.checksum_type == "COMPOSITE" else ""
            headers[f"x-amz-checksum-{key.checksum_algorithm.lower()}"] = f"{key.checksum_value}{parts}"
            if key.checksum_type:
                headers["x-amz-checksum-type"] = key.checksum_type
        return "200 OK", headers, key.value


def _missing(environ: dict[str, Any], name: str) -> _Answer:
    body = b""
    if environ["REQUEST_METHOD"] == "GET":  # the name has only letters that mean nothing in XML
        message = "<Code>NoSuchKey</Code><Message>The specified key does not exist.</Message>"
        body = f"<Error>{message}<Key>{name}</Key><RequestId>{uuid.uuid4().hex}</RequestId></Error>".encode()
    return "404 NOT FOUND", {"Content-Type": "application/xml", "Content-Length": len(body)}, body


def _put(environ: dict[str, Any]) -> _Answer | None:
    """Answers a plain put of a whole object that nothing speaks against; None for every other request.

    Its only condition can be that there is no such object.
    """
    if (
        any(name.startswith("HTTP_") and name not in _OF_A_PLAIN_PUT for name in environ)
        or environ.get("HTTP_IF_NONE_MATCH", "*") != "*"
        or environ.get("HTTP_X_AMZ_SDK_CHECKSUM_ALGORITHM", "CRC32") != "CRC32"
        or ("HTTP_X_AMZ_SDK_CHECKSUM_ALGORITHM" in environ) != ("HTTP_X_AMZ_CHECKSUM_CRC32" in environ)
        or not environ.get("wsgi.input_terminated")  # the body broke off
        or (asked := _asked(environ, "s3:PutObject")) is None
    ):
        return None
    bucket, name = asked
    if bucket.object_lock_enabled:
        return None
    backend = s3_models.s3_backends[ACCOUNT]["aws"]
    checksum = environ.get("HTTP_X_AMZ_CHECKSUM_CRC32")
    try:
        with writing(bucket.name, name):
            if "HTTP_IF_NONE_MATCH" in environ and backend.get_object(bucket.name, name) is not None:
                return None
            body = read_body(environ)
            key = backend.put_object(bucket.name, name, body, storage="STANDARD", checksum_value=checksum)
            key.set_metadata(_kept(environ))
            key.set_acl(bucket.acl)
            key.checksum_algorithm = checksum and "CRC32"
    except (HTTPException, S3ClientError):  # a full disk, or a bucket that is deleted
        return None
    headers = {**key.response_dict, **({"x-amz-checksum-crc32": checksum} if checksum else {})}
    headers["content-length"] = 0
    return "200 OK", headers, b""


def _kept(environ: dict[str, Any]) -> dict[str, str]:
    """Returns the headers of a plain put that moto keeps with the object."""
    named = {"content-type": environ.get("CONTENT_TYPE"), "x-amz-content-sha256": environ["HTTP_X_AMZ_CONTENT_SHA256"]}
    return {name: value for name, value in named.items() if value}


def _asked(environ: dict[str, Any], action: str) -> tuple[s3_models.FakeBucket, str] | None:
    """Returns the bucket and the key of a plain request that no policy denies; None for every other request."""
    path = _OBJECT.fullmatch(environ.get("REQUEST_URI", ""))
    if (
        path is None
        or "/s3/aws4_request" not in environ.get("HTTP_AUTHORIZATION", "")
        or not environ.get("HTTP_HOST", "").startswith("127.0.0.1:")  # the host name holds no bucket
        or (bucket := s3_models.s3_backends[ACCOUNT]["aws"].buckets.get(path["bucket"])) is None
    ):
        return None
    denied = bucket.get_permission(action, f"arn:aws:s3:::{path['bucket']}/{path['key']}")
    return None if denied is PermissionResult.DENIED else (bucket, path["key"])
