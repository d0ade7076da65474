"""boto3 clients for tests. Each is made once: that takes a tenth of a second of a core, and tests ask often."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any

import boto3
import pytest

PATIENT = {"mode": "standard", "total_max_attempts": 9}
"""How a client that AWS throttles tries again, for about a minute; a test that saw it happen would take that minute."""

_making = threading.Lock()


def client_of(service: str, environment: Mapping[str, str]) -> Any:
    """Returns the client of a service, for the endpoint, the keys and the region that the variables name."""
    names = ("AWS_ENDPOINT_URL", "AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
    with _making:  # a session makes one client at a time
        return _client(service, *map(environment.get, names))


@contextmanager
def retries_of_new() -> Iterator[dict[str, Any]]:
    """Notes how the clients that are made meanwhile try again, by their service."""
    found: dict[str, Any] = {}
    make: Any = boto3.client

    def noted(service: str, *given: Any, **more: Any) -> Any:
        client = make(service, *given, **more)
        found[service] = client.meta.config.retries
        return client

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(boto3, "client", noted)
        yield found


@cache
def _client(
    service: str, endpoint: str | None, region: str | None, key: str | None, secret: str | None, token: str | None
) -> Any:
    return _session(region, key, secret, token).client(service, endpoint_url=endpoint)


@cache
def _session(region: str | None, key: str | None, secret: str | None, token: str | None) -> Any:
    return boto3.Session(
        aws_access_key_id=key, aws_secret_access_key=secret, aws_session_token=token, region_name=region
    )
