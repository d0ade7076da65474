"""Reads the name of one probe per line, and prints its answer as one line of JSON."""

import contextlib
import json
import os
import sys
import tempfile
import traceback
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from tests.local.probes import (  # noqa: F401  each adds its probes
    batch,
    cloudformation,
    ec2,
    imports,
    lambda_,
    s3,
    speed,
    stepfunctions,
    stepfunctions_map,
    stepfunctions_tasks,
)
from tests.local.probes.world import PROBES, World, outcome, probe
from tests.support import tiny


@probe
def another_cloud_in_this_process(world: World) -> Any:
    """Asked of the embedded cloud only: it would make plain moto one."""
    from stepsweep.local.cloud import embedded_cloud

    if "MOTO_PORT" in os.environ:
        return None
    with tempfile.TemporaryDirectory() as folder:
        app = tiny.tiny_app(Path(folder) / "app")
        return outcome(lambda: embedded_cloud(Path(folder) / "cloud", app=app).__enter__().url)


@contextlib.contextmanager
def plain_moto() -> Iterator[dict[str, str]]:
    from moto.core.config import default_user_config
    from moto.server import ThreadedMotoServer

    default_user_config["stepfunctions"] = {"execute_state_machine": True}
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    os.environ.update(
        MOTO_PORT=str(port),  # where its states look for it
        DOCKER_HOST="unix:///nowhere/docker.sock",  # the same on a machine with Docker
    )
    yield {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "me",
        "AWS_SECRET_ACCESS_KEY": "mine",
    }
    server.stop()


@contextlib.contextmanager
def embedded(folder: Path) -> Iterator[dict[str, str]]:
    from stepsweep.local.cloud import embedded_cloud

    with embedded_cloud(folder / "cloud", app=tiny.tiny_app(folder / "app"), vcpus=4) as endpoint:
        yield endpoint.environment()


def main() -> None:
    kind, folder = sys.argv[1:]
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    warnings.simplefilter("ignore")
    with plain_moto() if kind == "plain" else embedded(Path(folder)) as environment:
        world = World(environment, is_plain=kind == "plain")
        print(json.dumps("ready"), file=answers)
        for line in sys.stdin:
            try:
                answer = PROBES[line.strip()](world)
            except (Exception, ClientError) as error:  # noqa: BLE001  the test shows it
                traceback.print_exc()
                answer = {"the probe failed": f"{type(error).__name__}: {error}"}
            print(json.dumps(answer, default=str), file=answers)


if __name__ == "__main__":
    main()
