"""A stack on a moto server: found, started and read over HTTP, as the deployed one is."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from stepsweep.client.deployment import DEFAULT_STACK
from tests.support.clients import client_of
from tests.support.command import Sweep
from tests.support.moto_server import running_moto
from tests.support.stack import LOG_GROUP, QUEUE, Stack, environment_of, make_stack


@pytest.fixture(scope="session")
def moto_server() -> Iterator[str]:
    with running_moto() as url:
        yield url


@pytest.fixture(scope="module")
def server(moto_server: str) -> str:
    """A moto server with what all stacks have in common: a log group, and a queue in which no job ever is.

    Made anew where it is gone: moto's state is one for a process, and other files' tests empty it.
    """
    settings = {"stepfunctions": {"execute_state_machine": True}}
    requests.post(f"{moto_server}/moto-api/config", json=settings, timeout=10).raise_for_status()
    environment = environment_of(moto_server)
    logs = client_of("logs", environment)
    if logs.describe_log_groups(logGroupNamePrefix=LOG_GROUP)["logGroups"]:
        return moto_server
    logs.create_log_group(logGroupName=LOG_GROUP)
    iam, batch = client_of("iam", environment), client_of("batch", environment)
    role = iam.create_role(RoleName="batch", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    batch.create_compute_environment(computeEnvironmentName="gpus", type="UNMANAGED", serviceRole=role)
    batch.create_job_queue(
        jobQueueName=QUEUE,
        state="ENABLED",
        priority=1,
        computeEnvironmentOrder=[{"order": 1, "computeEnvironment": "gpus"}],
    )
    return moto_server


_made: list[str] = []


@pytest.fixture
def stack(server: str, request: pytest.FixtureRequest) -> Stack:
    """A stack for one test, named after it."""
    number = len(_made)
    _made.append(request.node.name)
    return make_stack(server, name=f"{DEFAULT_STACK}-{number}")


@pytest.fixture
def sweep(tmp_path: Path) -> Sweep:
    return Sweep(folder=tmp_path)
