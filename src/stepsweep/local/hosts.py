"""Which hosts of an embedded cloud do not answer: a question that AWS does not have, signed as its requests are."""

import json
from collections.abc import Callable, Iterable
from typing import Any

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.httpsession import URLLib3Session

from stepsweep.local.endpoint import Endpoint

SERVICE = "stepsweep"
"""In place of a service of AWS, in the signature of the request."""

HOST_SECONDS = 5
"""How long a host may take to answer. It imports a trainer's modules meanwhile, if it has just started."""


def silent_hosts(endpoint: Endpoint) -> list[str]:
    """Returns the names of the hosts that do not answer the cloud.

    Raises:
        OSError, ValueError, botocore's errors: the cloud itself does not answer.
    """
    request = AWSRequest(method="GET", url=f"{endpoint.url}/hosts")
    credentials = Credentials(endpoint.access_key_id, endpoint.secret_access_key)
    SigV4Auth(credentials, SERVICE, endpoint.region).add_auth(request)
    answer = URLLib3Session(timeout=HOST_SECONDS + 10).send(request.prepare())
    found = json.loads(answer.content)
    if answer.status_code != 200 or not isinstance(found, list):
        raise ValueError(f"the cloud answers with {answer.status_code}")
    return [str(name) for name in found]


def answer(silent: list[str], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Answers the question, for the cloud's server."""
    body = json.dumps(silent).encode()
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [body]
