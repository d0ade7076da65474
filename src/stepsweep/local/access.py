"""Checks every request to the embedded cloud against the synthesized policies of its sender.

Jobs, functions and the state machine sign with the key of their role. Any other request comes from the person, who
may do everything here. As on AWS, a denied request gets 403, with the action, the resource and the role in the message.

moto's `IAMPolicy` evaluates the policies. It knows actions, resources and effects, but few conditions; this stack's
roles use none. moto determines action and resource for few services (it takes `*` for most), so this module does so
for the requests that roles send.
"""

import io
import json
import re
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import parse_qs, unquote

from moto.iam.access_control import IAMPolicy, PermissionResult
from moto.iam.models import iam_backends

Wsgi = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

_CREDENTIAL = re.compile(r"Credential=(?P<key>[^/]+)/\d+/(?P<region>[^/]+)/(?P<service>[^/]+)/aws4_request")


@dataclass(frozen=True, slots=True)
class Denied(Exception):
    """A role's policies do not allow its request."""

    role: str
    action: str
    resource: str

    def __str__(self) -> str:
        return (
            f"{self.role} is not authorized to perform: {self.action} on resource: {self.resource} "
            "because no identity-based policy allows the action"
        )


class Access:
    """The keys of roles, and the check of signed requests."""

    def __init__(self, account: str, region: str) -> None:
        self._account = account
        self._region = region
        self._roles: dict[str, str] = {}
        self._lock = threading.Lock()

    def key_of(self, role_arn: str) -> str:
        """Returns the access key id of a role; always the same one."""
        key = "ROLE" + re.sub(r"[^A-Za-z0-9]", "", role_arn.rsplit("/", 1)[-1])[:60]
        with self._lock:
            self._roles[key] = role_arn
        return key

    def check(self, role_arn: str, action: str, resource: str) -> None:
        """Raises Denied unless a policy of the role allows the action on the resource, and none denies it."""
        verdicts = [policy.is_action_permitted(action, resource) for policy in self._policies_of(role_arn)]
        if PermissionResult.DENIED in verdicts or PermissionResult.PERMITTED not in verdicts:
            raise Denied(role_arn, action, resource)

    def middleware(self, server: Wsgi) -> Wsgi:
        """Returns the server with the check in front."""

        def checked(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
            signed = _CREDENTIAL.search(environ.get("HTTP_AUTHORIZATION", ""))
            role = self._roles.get(signed["key"]) if signed else None
            if signed and role:
                try:
                    for action, resource in self._asked(signed["service"], environ):
                        self.check(role, action, resource)
                except Denied as denied:
                    return _refusal(signed["service"], str(denied), start_response)
            if signed and role and signed["service"] == "s3" and environ["REQUEST_METHOD"] in ("GET", "HEAD"):
                return self._unlisted(role, server, environ, start_response)
            return server(environ, start_response)

        return checked

    def _unlisted(
        self, role: str, server: Wsgi, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        """Turns a 404 for a missing object into 403, unless the role may list the bucket.

        https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html
        """
        answer: list[Any] = []
        body = server(environ, lambda *status_and_headers: answer.extend(status_and_headers))
        if answer[0].startswith("404"):
            bucket = unquote(environ["PATH_INFO"]).lstrip("/").partition("/")[0]
            try:
                self.check(role, "s3:ListBucket", f"arn:aws:s3:::{bucket}")
            except Denied as denied:
                return _refusal("s3", str(denied), start_response)
        start_response(*answer)
        return body

    def _policies_of(self, role_arn: str) -> list[IAMPolicy]:
        role = iam_backends[self._account]["aws"].get_role_by_arn(role_arn)
        inline = (text if isinstance(text, str) else json.dumps(text) for text in role.policies.values())
        return [*map(_parsed, inline), *map(IAMPolicy, role.managed_policies.values())]

    def _asked(self, service: str, environ: dict[str, Any]) -> Iterator[tuple[str, str]]:
        """Yields the IAM actions of a request, each with its resource."""
        method, path = environ["REQUEST_METHOD"], unquote(environ["PATH_INFO"])
        match service:
            case "s3":
                yield _s3(method, path, parse_qs(environ.get("QUERY_STRING", ""), keep_blank_values=True))
            case "batch":
                yield from self._batch(path, _body(environ))
            case "lambda":
                name = path.split("/functions/", 1)[-1].split("/", 1)[0]
                arn = name if name.startswith("arn:") else self._arn("lambda", f"function:{name}")
                yield ("lambda:InvokeFunction" if path.endswith("/invocations") else "lambda:GetFunction", arn)
            case "logs":
                body = _body(environ)
                stream = f"log-group:{body.get('logGroupName')}:log-stream:{body.get('logStreamName')}"
                yield (f"logs:{_target(environ)}", self._arn("logs", stream))
            case _:
                yield (f"{service}:{_target(environ)}", "*")

    def _batch(self, path: str, body: dict[str, Any]) -> Iterator[tuple[str, str]]:
        match path.rsplit("/", 1)[-1]:
            case "submitjob":
                for resource in (body["jobQueue"], body["jobDefinition"]):
                    yield ("batch:SubmitJob", resource)
                if body.get("tags"):
                    yield ("batch:TagResource", self._arn("batch", "job/new"))
            case "terminatejob":
                yield ("batch:TerminateJob", self._arn("batch", f"job/{body['jobId']}"))
            case "terminatejobs":
                for job in body["jobs"]:
                    yield ("batch:TerminateJob", self._arn("batch", f"job/{job}"))
            case "describejobs":
                yield ("batch:DescribeJobs", "*")
            case other:
                yield (f"batch:{other}", "*")

    def _arn(self, service: str, resource: str) -> str:
        return f"arn:aws:{service}:{self._region}:{self._account}:{resource}"


@cache
def _parsed(document: str) -> IAMPolicy:
    return IAMPolicy(document)


def _s3(method: str, path: str, query: dict[str, list[str]]) -> tuple[str, str]:
    """https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html"""
    bucket, _, key = path.lstrip("/").partition("/")
    if not key:
        actions = {
            "GET": "s3:ListBucket",
            "HEAD": "s3:ListBucket",
            "PUT": "s3:CreateBucket",
            "DELETE": "s3:DeleteBucket",
        }
        # DeleteObjects is a POST to the bucket.
        return actions.get(method, "s3:DeleteObject"), f"arn:aws:s3:::{bucket}"
    actions = {"GET": "s3:GetObject", "HEAD": "s3:GetObject", "DELETE": "s3:DeleteObject"}
    action = actions.get(method, "s3:PutObject")
    if method == "DELETE" and "uploadId" in query:
        action = "s3:AbortMultipartUpload"
    return action, f"arn:aws:s3:::{bucket}/{key}"


def _target(environ: dict[str, Any]) -> str:
    return str(environ.get("HTTP_X_AMZ_TARGET", "")).rpartition(".")[2] or "unknown"


def _body(environ: dict[str, Any]) -> dict[str, Any]:
    """Returns the request's JSON, and rewinds the body."""
    data = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    environ["wsgi.input"] = io.BytesIO(data)
    document = json.loads(data or b"{}")
    return document if isinstance(document, dict) else {}


def _refusal(service: str, message: str, start_response: Callable[..., Any]) -> Iterable[bytes]:
    if service == "s3":
        body = f"<Error><Code>AccessDenied</Code><Message>{message}</Message></Error>".encode()
        headers = [("Content-Type", "application/xml")]
    else:
        body = json.dumps({"__type": "AccessDeniedException", "message": message}).encode()
        headers = [("Content-Type", "application/json"), ("x-amzn-ErrorType", "AccessDeniedException")]
    start_response("403 Forbidden", [*headers, ("Content-Length", str(len(body)))])
    return [body]
