"""Requests as no SDK sends them, with a right signature all the same."""

from collections.abc import Mapping

from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials


def signed_headers(
    environment: Mapping[str, str],
    method: str,
    path: str,
    *,
    service: str = "s3",
    body: bytes = b"",
    headers: Mapping[str, str] | None = None,
    trailer: bool = False,
) -> dict[str, str]:
    """Returns all headers of a signed request to a cloud with this environment.

    Args:
        trailer: whether the checksum follows the body, which then is not signed.
    """
    request = AWSRequest(method, environment["AWS_ENDPOINT_URL"] + path, headers=dict(headers or {}), data=body)
    request.context["checksum"] = {"request_algorithm": {"in": "trailer"}} if trailer else {}
    key = Credentials(environment["AWS_ACCESS_KEY_ID"], environment["AWS_SECRET_ACCESS_KEY"])
    (S3SigV4Auth if service == "s3" else SigV4Auth)(key, service, "us-east-1").add_auth(request)
    return {name: str(value) for name, value in request.headers.items()}
