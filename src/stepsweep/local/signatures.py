"""Says who has signed a request to the embedded cloud, and refuses a request that nobody known has signed.

Every process of this machine can connect to the endpoint, those of other users and of web pages too. So only the
signature tells the person's requests from theirs, as on AWS. botocore's signer computes what the signature must be.
"""

import hashlib
import hmac
import io
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from botocore.auth import SIGV4_TIMESTAMP, S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.compat import HTTPHeaders
from botocore.credentials import Credentials

from stepsweep.local.endpoint import KeyPair
from stepsweep.local.refused import Refused

Environ = dict[str, Any]

_SCOPE = r"(?P<key>[^/,\s]+)/(?P<date>\d{8})/(?P<region>[^/,\s]+)/(?P<service>[a-z0-9-]+)/aws4_request"
_HEADER = re.compile(
    rf"AWS4-HMAC-SHA256 Credential={_SCOPE},\s*SignedHeaders=(?P<headers>[^,\s]+),\s*Signature=(?P<signature>[0-9a-f]+)"
)
_CREDENTIAL = re.compile(_SCOPE)

MOST_SKEW = timedelta(minutes=15)
LONGEST_PRESIGNED = timedelta(days=7)
"""https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html"""

NOT_AWS = ("/moto-api", "/latest/meta-data/", "/latest/api/", "/favicon.ico")
"""Paths at which moto answers anybody, with its own controls or as the metadata service of a machine."""

IS_SIGNED = "stepsweep.is_signed"
"""Where a request has what to call once its signature is known to be right."""

UNSIGNED = "UNSIGNED-PAYLOAD"
_HASH = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Signer:
    """Whose key a request is signed with.

    Attributes:
        role: ARN of a role; empty for the person whose cloud it is.
        token: the session token of temporary credentials; empty for others.
    """

    key: KeyPair
    role: str = ""
    token: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """A request whose signature is right."""

    signer: Signer
    service: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Claim:
    """What a request says of its signature."""

    key: str
    date: str
    region: str
    service: str
    headers: tuple[str, ...]
    signature: str
    timestamp: str
    token: str
    query: str
    body_hash: str | None
    is_presigned: bool


class Signatures:
    """Checks the signatures of requests.

    Args:
        signer_of: returns who has an access key id; None if nobody has.
        url: the endpoint.
        seen_at: URL at which jobs reach it; a proxy there may put the endpoint's name in place of its own.
    """

    def __init__(self, signer_of: Callable[[str], Signer | None], *, url: str, seen_at: str) -> None:
        self._signer_of = signer_of
        here, proxy = urlsplit(url), urlsplit(seen_at).netloc
        self._hosts = {here.netloc, f"localhost:{here.port}", proxy}
        self._proxy = () if proxy == here.netloc else (proxy,)

    def check(self, environ: Environ) -> Signed:
        """Returns who has signed the request, whose body is in memory afterwards.

        Raises:
            Refused: nobody known has, or a web page has sent it.
        """
        self._is_no_page(environ)
        claim = _claim(environ)
        signer = self._signer_of(claim.key)
        if signer is None or not _same(claim.token, signer.token):
            raise Refused(403, "InvalidAccessKeyId", "No role or person of this cloud has this access key.")
        _is_in_time(claim, environ)
        if claim.body_hash is None or _HASH.fullmatch(claim.body_hash):
            # The key is known, so it is not just anybody who fills the memory.
            found = hashlib.sha256(read_body(environ)).hexdigest()
            if claim.body_hash is not None and not _same(found, claim.body_hash):
                raise Refused(400, "XAmzContentSHA256Mismatch", "The body is not the one that was signed.")
        else:
            found = claim.body_hash
        # Not the parts of a streamed upload: each has a signature too, but only who has the key can begin one.
        for host in (environ["HTTP_HOST"], *self._proxy):
            expected = _expected(claim, environ, signer.key, host=host, body_hash=found)
            if _same(expected, claim.signature):
                environ.get(IS_SIGNED, lambda: None)()
                read_body(environ)
                return Signed(signer=signer, service=claim.service)
        raise Refused(403, "SignatureDoesNotMatch", "The signature is not that of this request with this access key.")

    def _is_no_page(self, environ: Environ) -> None:
        """Refuses what a browser sends for a web page, whose names can be made to lead here too (DNS rebinding)."""
        if (host := environ.get("HTTP_HOST", "")) not in self._hosts:
            raise Refused(403, "AccessDenied", f"The embedded cloud is not at {host or 'no host'}.")
        if "HTTP_ORIGIN" in environ or environ.get("HTTP_SEC_FETCH_SITE", "none") != "none":
            raise Refused(403, "AccessDenied", "The embedded cloud does not answer web pages.")
        target = environ["RAW_URI"].partition("?")[0]
        # moto reads a key from the one and a service from the other.
        if not target.startswith("/") or unquote(target) != path_of(environ):
            raise Refused(400, "InvalidURI", "The target of the request is not a path.")
        if path_of(environ).startswith(NOT_AWS):
            raise Refused(404, "NotFound", "AWS has no such path.")


def path_of(environ: Environ) -> str:
    """Returns the decoded path of a request."""
    path: str = environ["PATH_INFO"]
    return path.encode("latin-1").decode("utf-8", "replace")


def read_body(environ: Environ) -> bytes:
    """Returns the body of a request, and keeps it in memory: to read it in pieces, as moto does it, takes longer."""
    source = environ["wsgi.input"]
    if isinstance(source, io.BytesIO):
        return source.getvalue()
    length = environ.get("CONTENT_LENGTH") or ""
    if environ.get("HTTP_TRANSFER_ENCODING"):
        body = source.read()
        del environ["HTTP_TRANSFER_ENCODING"]
        environ["CONTENT_LENGTH"] = str(len(body))
    else:
        body = source.read(int(length)) if length.isdecimal() else b""
    environ["wsgi.input"] = io.BytesIO(body)
    # A shorter body was cut off; whoever expects all of it refuses it.
    environ["wsgi.input_terminated"] = str(len(body)) == environ.get("CONTENT_LENGTH")
    return bytes(body)


def _claim(environ: Environ) -> _Claim:
    query = environ.get("QUERY_STRING", "")
    authorization = environ.get("HTTP_AUTHORIZATION")
    if authorization is None:
        return _presigned_claim(environ, parse_qs(query, keep_blank_values=True))
    found = _HEADER.fullmatch(authorization.strip())
    if found is None or "X-Amz-Signature" in query:
        raise Refused(400, "InvalidRequest", "Sign requests once, with AWS4-HMAC-SHA256.")
    parts = found.groupdict()
    return _Claim(
        **{name: parts[name] for name in ("key", "date", "region", "service", "signature")},
        headers=tuple(parts["headers"].split(";")),
        timestamp=_header(environ, "x-amz-date") or "",
        token=_header(environ, "x-amz-security-token") or "",
        query=query,
        body_hash=_header(environ, "x-amz-content-sha256"),
        is_presigned=False,
    )


def _presigned_claim(environ: Environ, query: dict[str, list[str]]) -> _Claim:
    if "X-Amz-Signature" not in query:
        raise Refused(403, "MissingAuthenticationToken", "The request is not signed.")
    parts = {name: value for name, (value, *_) in query.items()}
    scope = _CREDENTIAL.fullmatch(parts.get("X-Amz-Credential", ""))
    try:
        claim = _Claim(
            **(scope.groupdict() if scope else {}),
            headers=tuple(parts["X-Amz-SignedHeaders"].split(";")),
            signature=parts["X-Amz-Signature"],
            timestamp=parts["X-Amz-Date"],
            token=parts.get("X-Amz-Security-Token", ""),
            query="&".join(
                each for each in environ["QUERY_STRING"].split("&") if not each.startswith("X-Amz-Signature=")
            ),
            body_hash=_header(environ, "x-amz-content-sha256") or UNSIGNED,
            is_presigned=True,
        )
    except (KeyError, TypeError) as error:
        raise Refused(400, "AuthorizationQueryParametersError", "The presigned URL is not one of AWS4.") from error
    if claim.service != "s3":
        # moto takes a request without the header for one to S3, whatever it was signed for.
        raise Refused(403, "AccessDenied", "Only URLs of S3 can be presigned here.")
    return claim


def _is_in_time(claim: _Claim, environ: Environ) -> None:
    try:
        signed_at = datetime.strptime(claim.timestamp, SIGV4_TIMESTAMP).replace(tzinfo=UTC)
        seconds = parse_qs(environ["QUERY_STRING"])["X-Amz-Expires"][0] if claim.is_presigned else "0"
        lasts = timedelta(seconds=int(seconds)) if claim.is_presigned else MOST_SKEW
    except (ValueError, KeyError, OverflowError) as error:
        raise Refused(403, "AccessDenied", "The request says not when it was signed.") from error
    now = datetime.now(UTC)
    if lasts > LONGEST_PRESIGNED or not signed_at - MOST_SKEW <= now <= signed_at + lasts:
        raise Refused(403, "AccessDenied", "The signature has expired, or is not valid yet.")


class _Auth(SigV4Auth):
    """Signs the headers that a request says are signed."""

    def headers_to_sign(self, request: AWSRequest) -> HTTPHeaders:
        signed: HTTPHeaders = request.context["signed"]
        return signed


class _S3Auth(_Auth, S3SigV4Auth):
    """Signs a path as it is sent."""


def _expected(claim: _Claim, environ: Environ, key: KeyPair, *, host: str, body_hash: str) -> str:
    """Returns the signature that the request must have."""
    signed = HTTPHeaders()
    for name in claim.headers:
        value = host if name == "host" else _header(environ, name)
        if value is not None:
            signed[name] = value
    request = AWSRequest(
        method=environ["REQUEST_METHOD"],
        url=f"http://{host}{environ['RAW_URI'].partition('?')[0]}{'?' * bool(claim.query)}{claim.query}",
        headers={"X-Amz-Content-SHA256": body_hash},
    )
    request.context.update(timestamp=claim.timestamp, signed=signed)
    kind = _S3Auth if claim.service == "s3" else _Auth
    auth = kind(Credentials(key.access_key_id, key.secret_access_key), claim.service, claim.region)
    text = auth.string_to_sign(request, auth.canonical_request(request))
    signature: str = auth.signature(text, request)
    return signature


def _header(environ: Environ, name: str) -> str | None:
    variable = name.upper().replace("-", "_")
    value: str | None = environ.get(variable if variable in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{variable}")
    return value


def _same(one: str, other: str) -> bool:
    """Compares in a time that tells nothing of where they differ."""
    return hmac.compare_digest(one.encode(), other.encode())
