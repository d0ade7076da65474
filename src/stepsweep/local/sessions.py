"""AWS clients that talk to an embedded cloud and read nothing of the person's AWS configuration.

Profiles, regions, proxies, endpoints and retries that are set for the real AWS, in the environment or in ~/.aws, must
neither change a sweep on this machine, nor break it, nor send a request of it to somebody else.
"""

import contextlib
import functools
import os
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any

import boto3
import botocore.session
from botocore.config import Config
from botocore.configprovider import BOTOCORE_DEFAUT_SESSION_VARIABLES

ISOLATED = Config(
    proxies={},
    use_fips_endpoint=False,
    use_dualstack_endpoint=False,
    s3={"addressing_style": "path"},
    user_agent="stepsweep",  # botocore builds its own anew for each request: a tenth of a state machine's work for one
)
"""The configuration of every client; `merge` adds to it."""

_hidden = ContextVar("whether the configuration is hidden", default=False)


def isolated(region: str | None = None) -> botocore.session.Session:
    """Returns a session in which each variable has botocore's default, whatever the environment and ~/.aws say."""
    defaults = {
        name: (None, None, default, converted)
        for name, (_, _, default, converted) in BOTOCORE_DEFAUT_SESSION_VARIABLES.items()
    }
    files = dict.fromkeys(("config_file", "credentials_file"), (None, None, os.devnull, None))
    return botocore.session.Session(session_vars={**defaults, **files, "region": (None, None, region, None)})


@contextlib.contextmanager
def without_configuration() -> Iterator[None]:
    """Hides ~/.aws and the profile from what this thread does in the context: moto makes sessions of its own.

    It needs `make_configuration_hidable`.
    """
    before = _hidden.set(True)
    try:
        yield
    finally:
        _hidden.reset(before)


def make_configuration_hidable() -> None:
    """Makes this process's botocore heed `without_configuration`. Other threads read their configuration as before."""
    scoped = botocore.session.Session.get_scoped_config

    @functools.wraps(scoped)
    def scoped_or_hidden(session: botocore.session.Session) -> Any:
        return {} if _hidden.get() else scoped(session)

    botocore.session.Session.get_scoped_config = scoped_or_hidden  # type: ignore[method-assign, assignment]


def session_of(*, region: str, key: str, secret: str) -> boto3.Session:
    """Returns a session for an embedded cloud with these credentials. Its clients need `config=ISOLATED`."""
    return boto3.Session(
        aws_access_key_id=key, aws_secret_access_key=secret, region_name=region, botocore_session=isolated(region)
    )
