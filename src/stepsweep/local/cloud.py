"""Starts and ends the embedded cloud of a folder: an endpoint that answers like AWS."""

import contextlib
import gc
import logging
import os
import shutil
import socket
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stepsweep.bucket.folder import remove_unfinished
from stepsweep.contract.jobs import TRIAL_MEMORY_MIB
from stepsweep.local.endpoint import Endpoint, KeyPair
from stepsweep.local.joining import ADDRESS, held, publishing
from stepsweep.local.limits import CloudFailed, check_limits
from stepsweep.local.owner import checked
from stepsweep.local.preparing import built, context_of, data_folder, machines_for

if TYPE_CHECKING:
    from stepsweep.local.machine import Machines

REGION = "us-east-1"

_has_run = threading.Event()
"""Set once a cloud has started in this process: moto's state belongs to the process, and cannot be reset safely."""


@contextlib.contextmanager
def embedded_cloud(
    directory: Path,
    *,
    on_status: Callable[[str], None] = lambda _: None,
    context: Mapping[str, Any] | None = None,
    app: Path | None = None,
    port: int = 0,
    vcpus: int | None = None,
    job_vcpus: int | None = None,
    container: bool = False,
    is_empty: bool = False,
    trainer: Path | None = None,
    ends_when_idle: bool = False,
    seen_at: str | None = None,
    machines: "Machines | None" = None,
) -> Iterator[Endpoint]:
    """Runs the cloud of `directory` during the context, or joins it if another process runs it.

    Args:
        directory: the cloud's folder; created if missing. Deleting it deletes the cloud.
        on_status: receives one line about each step that takes time.
        context: CDK context, as for `sweep deploy -c`.
        app: the Python file of the CDK app; by default this package's.
        port: port to listen on; 0 takes a free one.
        vcpus: vCPUs of all running jobs; by default as many as the machine has cores, and memory for one job each.
        job_vcpus: vCPUs and threads of a job that does not ask for some itself; by default one.
        container: whether jobs run as containers of Docker or Podman.
        is_empty: whether the account starts without the stack, for the CDK CLI to deploy it.
        trainer: folder with the trainer's Dockerfile; sets `trainer` in `context`.
        ends_when_idle: whether the caller ends the cloud when nothing runs in it; tells clients that join.
        seen_at: URL at which jobs, functions and the state machine reach the cloud, such as a proxy's; by default its
            endpoint.
        machines: machines from `machines_ahead` for its jobs and functions; by default it starts its own.

    Raises:
        CloudFailed: the cloud cannot start.
        InvalidInput: `container`, but neither Docker nor Podman answers; or a stranger made the folder.
        BuildFailed: an image cannot be built.
        SynthFailed: the stack could not be synthesized.
    """
    check_limits()
    directory.mkdir(parents=True, exist_ok=True)
    directory = checked(directory)
    with held(directory) as other:
        if other is not None:
            yield other
            return
        from stepsweep.local import template

        context = {**(context or {}), **context_of(trainer)}
        (directory / ADDRESS).unlink(missing_ok=True)
        with (
            _running(
                directory,
                on_status=on_status,
                context=context,
                app=app or template.APP,
                port=port,
                vcpus=vcpus or default_vcpus(),
                job_vcpus=job_vcpus or 1,
                container=container,
                is_empty=is_empty,
                ends_when_idle=ends_when_idle,
                seen_at=seen_at,
                machines=machines,
            ) as endpoint,
            publishing(endpoint, directory),
        ):
            yield endpoint


@contextlib.contextmanager
def _running(
    directory: Path,
    *,
    on_status: Callable[[str], None],
    context: Mapping[str, Any] | None,
    app: Path,
    port: int,
    vcpus: int,
    job_vcpus: int,
    container: bool,
    is_empty: bool,
    ends_when_idle: bool,
    seen_at: str | None,
    machines: "Machines | None",
) -> Iterator[Endpoint]:
    from stepsweep.local import template
    from stepsweep.local.expiry import expire
    from stepsweep.local.images import images_of
    from stepsweep.local.moto_imports import leave_out_what_nothing_asks_for
    from stepsweep.local.preload import share_what_botocore_reads
    from stepsweep.local.sessions import isolated, make_configuration_hidable, without_configuration

    if _has_run.is_set():
        raise CloudFailed("this process has run an embedded cloud already; start the next one in a new process")
    assembly = template.synthesized(
        directory / "templates", app=app, context=context, container=container, on_status=on_status
    )
    code = template.code_of(context or {})
    stack = template.stack_of(assembly)
    engine_of_jobs = built(assembly, directory, on_status=on_status) if container else None
    on_status("Starting the embedded cloud …")
    scratch = directory / "run"
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(exist_ok=True)
    _log_to(scratch / "cloud.log")
    with contextlib.ExitStack() as until_it_ends:
        listening = until_it_ends.enter_context(_listening(port))
        images = images_of(assembly, stack)
        remove_unfinished(directory / "s3")
        expire(directory / "s3", assembly, stack, now=time.time())
        # They import their modules on another core, while this process imports moto.
        machines = machines or until_it_ends.enter_context(
            contextlib.closing(machines_for({} if container else images))
        )
        make_configuration_hidable()
        share_what_botocore_reads(isolated(REGION))  # moto makes several sessions
        with _without_garbage_collection(), without_configuration():
            leave_out_what_nothing_asks_for()
            from stepsweep.local import engine

        endpoint = Endpoint(
            url=f"http://127.0.0.1:{listening.getsockname()[1]}",
            region=REGION,
            **asdict(KeyPair.random()),
            pid=os.getpid(),
            assembly=str(assembly),
            trainer=str((context or {}).get("trainer", "")),
            code=code,
            job_vcpus=job_vcpus,
            container=container,
            ends_when_idle=ends_when_idle,
            started_here=True,
        )
        _has_run.set()
        until_it_ends.enter_context(
            engine.serving(
                endpoint,
                listening,
                machines,
                directory=directory,
                data=data_folder(directory),
                images=images,
                vcpus=vcpus,
                seen_at=seen_at or endpoint.url,
                engine=engine_of_jobs,
            )
        )
        if not is_empty:
            engine.deploy(endpoint, stack)
        yield endpoint


@contextlib.contextmanager
def _without_garbage_collection() -> Iterator[None]:
    """Keeps the garbage collector off the thousand modules imported in the context, for good."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        gc.freeze()


def _listening(port: int) -> socket.socket:
    try:
        return socket.create_server(("127.0.0.1", port))
    except (OSError, OverflowError) as error:
        raise CloudFailed(f"the embedded cloud cannot listen on port {port}: {error}") from error


class _LogFile(logging.FileHandler):
    """A log file that loses what its disk has no room for: the usual one shows each record on the terminal then."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802
        pass


def _log_to(file: Path) -> None:
    """Sends the log of moto and its server to a file: a person who runs a sweep can do nothing about it."""
    # About bucket policies, which moto's CloudFormation does not support.
    warnings.filterwarnings("ignore", message="Tried to parse", module="moto")
    handler = _LogFile(file)
    for name in ("werkzeug", "moto"):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [handler], False
        logger.setLevel(logging.WARNING)


def default_vcpus() -> int:
    import psutil

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(cores, psutil.virtual_memory().total // 2**20 // TRIAL_MEMORY_MIB))
