"""An embedded cloud in a background process, for sweeps in the background. It ends when nothing runs in it."""

import contextlib
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from filelock import Timeout

from stepsweep.client.deployment import CloudError, on_endpoint
from stepsweep.client.running.control import Control
from stepsweep.local.cloud import embedded_cloud
from stepsweep.local.endpoint import Endpoint
from stepsweep.local.joining import ADDRESS, joined, starting
from stepsweep.local.machine import Machines

LOG = "background.log"
LINGER_SECONDS = 2.0
"""Delay before the end, so that a client that watches the last sweep sees how it ended."""
LOOK_SECONDS = 0.5


def up(
    directory: Path,
    on_status: Callable[[str], None],
    *,
    trainer: Path | None,
    job_vcpus: int | None,
    container: bool,
) -> Endpoint:
    """Returns the endpoint of the cloud of `directory`. Starts the cloud in the background if it is not up.

    The caller must hold `local.joining.starting` until it has started an execution: a cloud without one ends.

    Raises:
        CloudError: the cloud did not start; the message has its output.
    """
    if (endpoint := joined(directory)) is not None:
        return endpoint
    on_status("Starting the embedded cloud in the background …")
    log = directory / LOG
    with log.open("wb") as output:
        process = subprocess.Popen(
            # -P keeps the current folder out of the search path.
            [sys.executable, "-P", "-m", "stepsweep", "serve", "--until-idle"]
            + ["--dir", str(directory.resolve())]
            + (["--trainer", str(trainer.resolve())] if trainer else [])
            + (["--job-vcpus", str(job_vcpus)] if job_vcpus else [])
            + (["--container"] if container else []),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # neither Ctrl-C nor a closed terminal reaches it
        )
    try:
        while process.poll() is None:
            if (directory / ADDRESS).exists() and (endpoint := joined(directory)) is not None:
                process.returncode = 0  # nobody waits for it
                return endpoint
            time.sleep(0.1)
    except BaseException:
        process.terminate()
        process.wait()
        raise
    said = log.read_text(errors="replace").strip().splitlines()
    raise CloudError("\n".join(["the embedded cloud did not start in the background:", *said[-5:]]))


def keep_up(
    directory: Path,
    on_status: Callable[[str], None],
    *,
    trainer: Path | None,
    job_vcpus: int | None,
    container: bool,
    machines: Machines | None,
) -> None:
    """Runs the embedded cloud until nothing runs in it."""
    with (
        contextlib.ExitStack() as until_it_is_down,
        embedded_cloud(
            directory,
            on_status=on_status,
            trainer=trainer,
            job_vcpus=job_vcpus,
            container=container,
            machines=machines,
            ends_when_idle=True,
        ) as endpoint,
    ):
        if endpoint.started_here:
            control = Control(on_endpoint(endpoint.environment()))
            wait_until_idle(until_it_is_down, directory, control, linger_seconds=LINGER_SECONDS)


def wait_until_idle(
    until_it_is_down: contextlib.ExitStack,
    directory: Path,
    control: Control,
    *,
    linger_seconds: float = 0.0,
    on_busy: Callable[[Sequence[str]], None] = lambda _: None,
) -> None:
    """Waits until no execution runs, and prevents new ones until the cloud is down.

    Args:
        until_it_is_down: context that lasts until the cloud is down; it holds the lock against new executions.
        on_busy: receives the ARNs of the running executions.
    """
    lock = starting(directory)
    idle_since: float | None = None
    while True:
        try:
            lock.acquire(timeout=0)
        except Timeout:
            idle_since = None
        else:
            running = control.executions()
            if not running:
                idle_since = idle_since or time.monotonic()
                if time.monotonic() - idle_since >= linger_seconds:
                    until_it_is_down.callback(lock.release)
                    return
            else:
                idle_since = None
                on_busy(running)
            lock.release()
        time.sleep(LOOK_SECONDS)
