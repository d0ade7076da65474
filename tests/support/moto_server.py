"""A moto server in this process, as moto is but for what makes it faster."""

import logging
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import boto3
import pytest
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server

from stepsweep.local.patches import speed
from stepsweep.local.server import KeepingHandler
from stepsweep.local.signatures import read_body

POLL_SECONDS = 0.02
"""How often a server looks whether it is to end."""


@contextmanager
def running_moto() -> Iterator[str]:
    """Runs a server while the context lasts; gives its URL. All servers of a process have one state.

    It answers many requests on one connection, like the embedded cloud: moto's own opens one for each, and a thread.
    """
    _hasten()
    moto = DomainDispatcherApplication(create_backend_app)

    def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        read_body(environ)  # so that the connection can stay
        answer: Iterable[bytes] = moto(environ, start_response)
        return answer

    server = make_server("127.0.0.1", 0, application, threaded=True, request_handler=KeepingHandler)
    threading.Thread(target=server.serve_forever, args=(POLL_SECONDS,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def moto_as_aws() -> Iterator[None]:
    """Runs a server while the context lasts, which boto3 finds as AWS by this process's environment."""
    with running_moto() as url, pytest.MonkeyPatch.context() as patch:
        for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL_LOGS"):
            patch.delenv(name, raising=False)
        for name, value in {
            "AWS_ENDPOINT_URL": url,
            "AWS_REGION": "us-east-1",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
        }.items():
            patch.setenv(name, value)
        patch.setattr(boto3, "DEFAULT_SESSION", None)  # it keeps the credentials that another test's client found
        yield


@cache
def _hasten() -> None:
    speed.services_are_found_once()
    speed.actions_are_listed_once()
    speed.request_ids_are_short()
    logging.getLogger("werkzeug").setLevel(logging.WARNING)  # a test that reads the log of requests asks for it
