"""Runs moto's server with our patches, and deploys the stack into it.

Only an embedded cloud's process imports this module, at its start: moto has a thousand modules.
"""

import contextlib
import functools
import os
import signal
import site
import socket
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from secrets import token_hex
from typing import Any

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server

from stepsweep.contract import keys
from stepsweep.local import deploying
from stepsweep.local.access import Access, Wsgi
from stepsweep.local.attempts import Attempts, ProcessAttempts
from stepsweep.local.batch import JobQueue
from stepsweep.local.container_engine import Engine
from stepsweep.local.containers import ContainerAttempts
from stepsweep.local.endpoint import ACCOUNT, WITHOUT_FILES, Endpoint
from stepsweep.local.functions import Functions
from stepsweep.local.held_secrets import HeldSecrets
from stepsweep.local.hosts import HOST_SECONDS
from stepsweep.local.images import Image
from stepsweep.local.machine import Machines
from stepsweep.local.patches import install
from stepsweep.local.server import KeepingHandler
from stepsweep.local.sessions import ISOLATED, session_of, without_configuration
from stepsweep.local.share import Shares, visible_gpus

SHUTDOWN_POLL_SECONDS = 0.1
"""How often the server checks whether it should end."""


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
    engine: Engine | None,
) -> Iterator[None]:
    """Serves an empty account during the context. Its jobs and functions run on the machines, which it closes.

    Call it once per process: moto's state belongs to the process, and cannot be reset safely.

    Args:
        directory: the cloud's folder.
        data: the folder of the jobs' data sets.
        images: the images of the jobs, by tag.
        vcpus: vCPUs of all running jobs.
        seen_at: URL at which jobs, functions and the state machine reach the cloud.
        engine: runs the jobs as containers; None for processes.
    """
    access = Access(
        ACCOUNT,
        endpoint.region,
        person=endpoint.key,
        url=endpoint.url,
        seen_at=seen_at,
        silent_hosts=lambda: machines.silent(timeout_seconds=HOST_SECONDS),
    )

    def of_container(role_arn: str) -> dict[str, str]:
        """Returns the variables that AWS gives jobs and functions with a role."""
        return {
            "AWS_ENDPOINT_URL": seen_at,
            **(access.key_of(role_arn).environment() if role_arn else {}),
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def of_process(role_arn: str) -> dict[str, str]:
        """Returns these, and the variables of a machine's image."""
        # The machine's programs are what an image has installed. `python` is this Python, as for the first word of an
        # entrypoint.
        own_python = str(Path(sys.executable).parent)
        path = os.environ.get("PATH", os.defpath).split(os.pathsep)
        programs = os.pathsep.join([own_python, *(folder for folder in path if folder != own_python)])
        return {"PATH": programs, **of_container(role_arn)}

    def of_job(role_arn: str) -> dict[str, str]:
        # A job's home folder is a new one, which hides packages that were installed for the user alone.
        packages = {"PYTHONUSERBASE": site.getuserbase()} if site.ENABLE_USER_SITE else {}
        return {**of_process(role_arn), **packages, keys.DATA_DIR: str(data)}

    def of_function(role_arn: str) -> dict[str, str]:
        temporary = {name: os.environ[name] for name in ("TMPDIR",) if name in os.environ}
        return {**temporary, **of_process(role_arn), **endpoint.region_environment(), **WITHOUT_FILES}

    server = make_server(
        "127.0.0.1",
        listening.getsockname()[1],
        access.middleware(_unconfigured(DomainDispatcherApplication(create_backend_app))),
        threaded=True,
        request_handler=KeepingHandler,
        fd=listening.fileno(),
    )
    threading.Thread(target=server.serve_forever, args=(SHUTDOWN_POLL_SECONDS,), name="server", daemon=True).start()
    secrets = HeldSecrets(endpoint.region)
    with contextlib.ExitStack() as until_it_ends:
        # Closed in reverse order: jobs that are told to end can still save to the running server.
        until_it_ends.callback(server.shutdown)
        until_it_ends.callback(machines.close)
        # A cloud that can run nothing ends like one that is told to: its sweeps are interrupted, and can go on later.
        machines.jobs.on_gone = machines.functions.on_gone = lambda: os.kill(os.getpid(), signal.SIGTERM)
        folders = directory / "run" / "attempts"
        attempts: Attempts = (
            ProcessAttempts(machines.jobs, environment=of_job, folders=folders)
            if engine is None
            else ContainerAttempts(
                machines.jobs, engine, environment=of_container, directory=directory, folders=folders
            )
        )
        jobs = JobQueue(
            machines.jobs,
            attempts,
            images=images,
            secrets=secrets,
            logs=directory / "logs",
            shares=Shares(vcpus=vcpus, visible_gpus=lambda: visible_gpus(os.environ)),
            job_vcpus=endpoint.job_vcpus,
        )
        until_it_ends.callback(jobs.close)
        install(
            endpoint_url=seen_at,
            region=endpoint.region,
            identity=_identity(directory),
            objects=directory / "s3",
            jobs=jobs,
            # Folders of code are named by hash, so unpacked and compiled code can stay beside its template.
            functions=Functions(
                machines.functions,
                environment=of_function,
                jobs_at_once=max(1, vcpus // endpoint.job_vcpus),
                held=secrets.names,
                packages=Path(endpoint.assembly) / "unpacked",
                folder=directory / "run",
            ),
            access=access,
        )
        yield


def _unconfigured(server: Wsgi) -> Wsgi:
    def answer(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        with without_configuration():
            return server(environ, start_response)

    return answer


def _identity(directory: Path) -> str:
    """Returns a random text that stays the same for a folder, and goes with its copies."""
    file = directory / "identity"
    if not file.is_file():
        file.write_text(token_hex(16))
    return file.read_text()


def deploy(endpoint: Endpoint, stack: str) -> None:
    """Deploys the cloud's assembly, as `sweep deploy` does."""
    key = endpoint.key
    session = session_of(region=endpoint.region, key=key.access_key_id, secret=key.secret_access_key)
    client = functools.partial(session.client, endpoint_url=endpoint.url, config=ISOLATED)
    deploying.deploy(client, endpoint.region, Path(endpoint.assembly), stack)
