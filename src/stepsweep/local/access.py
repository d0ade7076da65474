"""Checks every request to the embedded cloud: who has signed it, and whether the synthesized policies allow it.

Jobs, functions and the state machine sign with the key of their role, which is valid as long as the cloud's process
lives. A request with the key of the person whose cloud it is may do everything here, and any other is refused. As on
AWS, a denied request gets 403, with the action, the resource and the role in the message.

moto's `IAMPolicy` evaluates the policies. It knows actions, resources and effects, but few conditions; this stack's
roles use none. moto determines action and resource for few services (it takes `*` for most), so this module does so
for the requests that roles send.
"""

import json
import re
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any
from urllib.parse import parse_qs, parse_qsl, unquote, urlsplit

from moto.iam.access_control import IAMPolicy, PermissionResult
from moto.iam.models import iam_backends
from moto.s3.responses import ACTION_MAP
from moto.sts.models import sts_backends

from stepsweep.contract import keys
from stepsweep.local import hosts
from stepsweep.local.endpoint import KeyPair
from stepsweep.local.refused import Refused
from stepsweep.local.signatures import Signatures, Signer, path_of, read_body

Wsgi = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


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
    """The keys of the person and of roles, and the check of signed requests.

    Args:
        person: the key of the person whose cloud it is.
        url: the endpoint.
        seen_at: URL at which jobs, functions and the state machine reach it.
        silent_hosts: returns the names of the hosts that do not answer.
    """

    def __init__(
        self,
        account: str,
        region: str,
        *,
        person: KeyPair,
        url: str,
        seen_at: str,
        silent_hosts: Callable[[], list[str]],
    ) -> None:
        self._silent_hosts = silent_hosts
        self._account = account
        self._region = region
        self._signers = {person.access_key_id: Signer(key=person)}
        self._keys = {"": person}
        self._lock = threading.Lock()
        self._signatures = Signatures(self._signer_of, url=url, seen_at=seen_at)

    def key_of(self, role_arn: str) -> KeyPair:
        """Returns the key of a role, which is always the same one; for an empty ARN, the person's."""
        with self._lock:
            if role_arn not in self._keys:
                key = self._keys[role_arn] = KeyPair.random()
                self._signers[key.access_key_id] = Signer(key=key, role=role_arn)
            return self._keys[role_arn]

    def role_of(self, access_key_id: str) -> str:
        """Returns the ARN of the role that has a key; empty if none has."""
        signer = self._signer_of(access_key_id)
        return signer.role if signer else ""

    def _signer_of(self, access_key_id: str) -> Signer | None:
        if (signer := self._signers.get(access_key_id)) is not None:
            return signer
        assumed = sts_backends[self._account]["aws"].get_assumed_role_from_access_key(access_key_id)
        if assumed is None:
            return None
        key = KeyPair(access_key_id=access_key_id, secret_access_key=assumed.secret_access_key)
        # Of the roles that the CDK CLI assumes, policies have conditions and resources that are not modelled here. Only
        # the person can assume one: no role of the stack may.
        role = "" if "role/cdk-" in assumed.role_arn else assumed.role_arn
        return Signer(key=key, role=role, token=assumed.session_token)

    def check(self, role_arn: str, action: str, resource: str) -> None:
        """Raises Denied unless a policy of the role allows the action on the resource, and none denies it."""
        role = iam_backends[self._account]["aws"].get_role_by_arn(role_arn)
        inline = (text if isinstance(text, str) else json.dumps(text) for text in role.policies.values())
        verdicts = [_verdict(text, action, resource) for text in inline]
        verdicts += [
            IAMPolicy(policy).is_action_permitted(action, resource) for policy in role.managed_policies.values()
        ]
        if PermissionResult.DENIED in verdicts or PermissionResult.PERMITTED not in verdicts:
            raise Denied(role_arn, action, resource)

    def middleware(self, server: Wsgi) -> Wsgi:
        """Returns the server with the check in front."""

        def checked(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
            try:
                signed = self._signatures.check(environ)
                if signed.service == "s3":
                    _keep_metrics(environ)
                role = signed.signer.role
                # With it moto would look in another account.
                environ.pop("HTTP_X_MOTO_ACCOUNT_ID", None)
                if not role:
                    if signed.service == hosts.SERVICE:
                        return hosts.answer(self._silent_hosts(), start_response)
                    return server(environ, start_response)
                for action, resource in self._asked(signed.service, environ):
                    self.check(role, action, resource)
                if signed.service == "s3" and environ["REQUEST_METHOD"] in ("GET", "HEAD"):
                    return self._unlisted(role, server, environ, start_response)
            except Denied as denied:
                return Refused(403, "AccessDenied", str(denied)).answer(environ, start_response)
            except Refused as refused:
                return refused.answer(environ, start_response)
            return server(environ, start_response)

        return checked

    def _unlisted(
        self, role: str, server: Wsgi, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        """Raises Denied instead of a 404 for a missing object, unless the role may list the bucket.

        https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html
        """
        answer: list[Any] = []
        body = server(environ, lambda *status_and_headers: answer.extend(status_and_headers))
        if answer[0].startswith("404"):
            bucket = path_of(environ).lstrip("/").partition("/")[0]
            self.check(role, "s3:ListBucket", f"arn:aws:s3:::{bucket}")
        start_response(*answer)
        return body

    def _asked(self, service: str, environ: dict[str, Any]) -> Iterator[tuple[str, str]]:
        """Yields the IAM actions of a request, each with its resource."""
        method, path = environ["REQUEST_METHOD"], path_of(environ)
        named = [] if service == "s3" else list(_named_actions(environ))
        yield from ((f"{service}:{action}", "*") for action in named)
        match service:
            case "s3":
                yield from _s3(environ, method, path)
            case "batch":
                yield from self._batch(path, _body(environ))
            case "lambda":
                name = path.split("/functions/", 1)[-1].split("/", 1)[0]
                arn = name if name.startswith("arn:") else self._arn("lambda", f"function:{name}")
                yield ("lambda:InvokeFunction" if path.endswith("/invocations") else f"lambda:{method} {path}", arn)
            case "logs":
                body = _body(environ)
                stream = f"log-group:{body.get('logGroupName')}:log-stream:{body.get('logStreamName')}"
                yield (f"logs:{_target(environ)}", self._arn("logs", stream))
            case _ if "HTTP_X_AMZ_TARGET" in environ or not named:
                yield (f"{service}:{_target(environ)}", "*")

    def _batch(self, path: str, body: dict[str, Any]) -> Iterator[tuple[str, str]]:
        # moto takes the second part of the path, whatever follows.
        match [*path.lstrip("/").split("/"), ""][1]:
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
            case "listjobs":
                yield ("batch:ListJobs", "*")
            case other:
                yield (f"batch:{other}", "*")

    def _arn(self, service: str, resource: str) -> str:
        return f"arn:aws:{service}:{self._region}:{self._account}:{resource}"


@cache
def _parsed(document: str) -> IAMPolicy:
    return IAMPolicy(document)


@lru_cache(maxsize=1_000)
def _verdict(document: str, action: str, resource: str) -> PermissionResult:
    """Returns what a policy says. Most of what a trial asks for, every trial does."""
    return _parsed(document).is_action_permitted(action, resource)


PLAIN = {
    "key": {"x-id", "partNumber", "uploadId", "uploads"},
    "bucket": {
        "x-id", "list-type", "prefix", "delimiter", "max-keys", "marker", "continuation-token", "start-after",
        "encoding-type", "fetch-owner",
    },
}  # fmt: skip
"""Parameters of S3 that change nothing about which action is asked for, but for those in moto's map of actions."""


_METRICS = re.compile(rf"/[^/]+/{keys.TRIALS}.*/{keys.METRICS_NAME}", re.DOTALL)


def _keep_metrics(environ: dict[str, Any]) -> None:
    """Refuses to replace metrics, as the bucket's policy does on AWS (`stack/storage.py`), which moto does not deploy.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes-enforce.html
    """
    method, query = environ["REQUEST_METHOD"], parse_qs(environ.get("QUERY_STRING", ""), keep_blank_values=True)
    # Neither a part of an upload nor its beginning makes an object. A part's number alone is none to moto.
    is_part = {"uploadId", "partNumber"} <= query.keys()
    makes_one = (method == "PUT" and not is_part and not {"acl", "tagging"} & query.keys()) or (
        method == "POST" and "uploadId" in query
    )
    if makes_one and _METRICS.match(path_of(environ)) and "HTTP_IF_NONE_MATCH" not in environ:
        raise Refused(
            403, "AccessDenied", "The policy of the bucket denies s3:PutObject of metrics without If-None-Match: *"
        )


def _s3(environ: dict[str, Any], method: str, path: str) -> Iterator[tuple[str, str]]:
    """https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html"""
    bucket, _, key = path.lstrip("/").partition("/")
    query = parse_qs(environ.get("QUERY_STRING", ""), keep_blank_values=True)
    resource = f"arn:aws:s3:::{bucket}/{key}" if key else f"arn:aws:s3:::{bucket}"
    if not bucket:
        yield "s3:ListAllMyBuckets", "*"
    elif method == "POST" and not key:
        # It deletes objects, which no role here may. A form of a page has no key that is known.
        yield "s3:DeleteObject", resource
    else:
        of = ACTION_MAP["KEY" if key else "BUCKET"].get(method, {})
        named = [of[name] for name in query if name in of]
        # What neither the map nor this module knows is allowed to nobody but who may do everything.
        named += [
            f"{method} {name}"
            for name in query
            if name not in of
            and name not in PLAIN["key" if key else "bucket"]
            and not name.lower().startswith(("x-amz-", "response-"))
        ]
        default = "PutObject" if key else "ListBucket"
        usual = default if (method, key) == ("HEAD", "") else of.get("DEFAULT", default)
        yield from ((f"s3:{action}", resource) for action in named or [usual])
    if source := environ.get("HTTP_X_AMZ_COPY_SOURCE"):
        # Read as moto reads it.
        yield "s3:GetObject", f"arn:aws:s3:::{unquote(urlsplit(source).path).lstrip('/')}"


def _named_actions(environ: dict[str, Any]) -> Iterator[str]:
    """Yields actions that the request names as a parameter. moto does such an action, wherever the name is found: in
    the query, in a header, or between two `&` in the text of a JSON document."""
    yield from parse_qs(environ.get("QUERY_STRING", "")).get("Action", [])
    if "HTTP_ACTION" in environ:
        yield environ["HTTP_ACTION"]
    yield from (value for name, value in parse_qsl(read_body(environ).decode(errors="replace")) if name == "Action")


def _target(environ: dict[str, Any]) -> str:
    return str(environ.get("HTTP_X_AMZ_TARGET", "")).rpartition(".")[2] or "unknown"


def _body(environ: dict[str, Any]) -> dict[str, Any]:
    """Returns the request's JSON; empty for a body that is none."""
    try:
        document = json.loads(read_body(environ) or b"{}")
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}
