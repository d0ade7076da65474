"""What runs in the process of an embedded cloud: moto's server, made to behave as AWS, and the stack in it.

Imported by that process only, when it starts: moto is a thousand modules.
"""

import contextlib
import os
import socket
import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path

import boto3
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import make_server

from stepsweep.contract import keys
from stepsweep.local import template
from stepsweep.local.access import Access
from stepsweep.local.batch import JobQueue
from stepsweep.local.endpoint import ACCOUNT, Endpoint
from stepsweep.local.functions import Functions
from stepsweep.local.held_secrets import HeldSecrets
from stepsweep.local.images import Image
from stepsweep.local.machine import Machines
from stepsweep.local.patches import install
from stepsweep.local.share import Shares, visible_gpus

SHUTDOWN_POLL_SECONDS = 0.1
"""How often the server looks whether it is to end."""


@contextlib.contextmanager
def serving(
    endpoint: Endpoint,
    listening: socket.socket,
    machines: Machines,
    *,
    directory: Path,
    data: Path,
    images: Mapping[str, Image],
    vcpus: int,
    seen_at: str,
) -> Iterator[None]:
    """Serves an empty account while the context lasts; its jobs and functions run on the machines, which it closes.

    Once a process, since moto's state is one for the process and cannot be emptied safely.

    Args:
        directory: of the cloud.
        data: where jobs find data sets.
        images: of the jobs, by tag.
        vcpus: of all jobs at once.
        seen_at: where jobs, functions and the state machine reach it.
    """
    access = Access(ACCOUNT, endpoint.region)

    def environment(role_arn: str) -> dict[str, str]:
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
        # `python` that a job starts is the one that runs here, as the first word of an entrypoint is.
        own_python = str(Path(sys.executable).parent)
        path = kept.get("PATH", os.defpath).split(os.pathsep)
        kept["PATH"] = os.pathsep.join([own_python, *(folder for folder in path if folder != own_python)])
        own = {
            "AWS_ENDPOINT_URL": seen_at,
            "AWS_ACCESS_KEY_ID": access.key_of(role_arn),
            keys.DATA_DIR: str(data),
            "PYTHONUNBUFFERED": "1",
        }
        return {**kept, **endpoint.environment(), **own}

    server = make_server(
        "127.0.0.1",
        listening.getsockname()[1],
        access.middleware(DomainDispatcherApplication(create_backend_app)),
        threaded=True,
        request_handler=MotoRequestHandler,
        fd=listening.fileno(),
    )
    threading.Thread(target=server.serve_forever, args=(SHUTDOWN_POLL_SECONDS,), name="server", daemon=True).start()
    secrets = HeldSecrets(endpoint.region)
    with contextlib.ExitStack() as until_it_ends:
        # Closed in the reverse order: what jobs save when they are told to end reaches a server that is still there.
        until_it_ends.callback(server.shutdown)
        until_it_ends.callback(machines.close)
        jobs = JobQueue(
            machines.jobs,
            images=images,
            environment=environment,
            secrets=secrets,
            folders=directory / "run" / "attempts",
            logs=directory / "logs",
            shares=Shares(vcpus=vcpus, visible_gpus=lambda: visible_gpus(os.environ)),
            job_vcpus=endpoint.job_vcpus,
        )
        until_it_ends.callback(jobs.close)
        install(
            endpoint_url=seen_at,
            region=endpoint.region,
            objects=directory / "s3",
            jobs=jobs,
            # Code is known by its hash, so it can stay with the template that it came with, compiled.
            functions=Functions(
                machines.functions,
                environment=environment,
                held=secrets.names,
                packages=Path(endpoint.assembly) / "unpacked",
                folder=directory / "run",
            ),
            access=access,
        )
        yield


def deploy(endpoint: Endpoint, stack: str) -> None:
    """Does what `sweep deploy` does with the assembly of the cloud."""
    session = boto3.Session(
        aws_access_key_id="embedded",
        aws_secret_access_key="embedded",  # noqa: S106
        region_name=endpoint.region,
    )
    template.deploy(session, endpoint.url, Path(endpoint.assembly), stack)
