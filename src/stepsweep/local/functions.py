"""Runs Lambda functions as local processes, with their uploaded code, environment, timeout and errors."""

import compileall
import io
import json
import os
import tempfile
import threading
import time
import zipfile
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from stepsweep.bucket.disk import told
from stepsweep.contract.keys import JOBS_AT_ONCE, SECRETS
from stepsweep.local.environments import Environment, Environments, Exited, Made, TimedOut
from stepsweep.local.machine import Machine
from stepsweep.local.preload import Preload

if TYPE_CHECKING:
    from moto.awslambda.models import LambdaFunction

OURS = f"{__name__.partition('.')[0]}."

PRELOAD = Preload(modules=("boto3",))
"""Modules that Lambda's runtime provides too."""

AT_ONCE = max(1, (os.cpu_count() or 1) // 2)
"""Invocations of a function at once, and so its environments; others wait for their turn, and their timeout begins
with it. The other cores are for the cloud, which answers their requests, and for jobs. More only take the cores from
each other, and find the number that they want in a search's log taken by another one: of 64 workers on two cores, 200
questions had 194 writes refused with two at once, and none with one."""


class Functions:
    """Invokes functions, in environments that stay for the next invocation (`environments.py`).

    Args:
        jobs_at_once: how many jobs this machine holds.
        held: returns the names of the secrets for jobs, which on this machine are not the template's.
        packages: folder for unpacked code, which the next cloud uses again; created if missing.
        folder: folder for the logs of the functions and temporary files.
    """

    def __init__(
        self,
        machine: Machine,
        *,
        environment: Callable[[str], Mapping[str, str]],
        jobs_at_once: int,
        held: Callable[[], list[str]],
        packages: Path,
        folder: Path,
    ) -> None:
        self._held = held
        self._jobs_at_once = str(jobs_at_once)
        self._machine = machine
        self._environment = environment
        self._packages = packages
        self._folder = folder
        self._lock = threading.Lock()
        self._environments = Environments(self._started)
        self._turns: dict[str, threading.Semaphore] = defaultdict(lambda: threading.Semaphore(AT_ONCE))

    def invoke(self, function: "LambdaFunction", payload: bytes) -> tuple[bytes, bool]:
        """Returns the function's answer, and whether it is an error in Lambda's form.

        Raises:
            OSError: it cannot be run, as on a full disk; the error has the reason.
        """
        try:
            return self._invoked(function, payload)
        except OSError as error:
            raise OSError(told(error, self._folder)) from error

    def _invoked(self, function: "LambdaFunction", payload: bytes) -> tuple[bytes, bool]:
        made = Made(
            function=function,
            code=self._unpacked(function),
            handler=function.handler,
            variables={
                **self._environment(function.role),
                **function.environment_vars,
                **({SECRETS: json.dumps(self._held())} if SECRETS in function.environment_vars else {}),
                **({JOBS_AT_ONCE: self._jobs_at_once} if JOBS_AT_ONCE in function.environment_vars else {}),
                "AWS_LAMBDA_FUNCTION_NAME": function.function_name,
                "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory_size),
            },
        )
        with self._lock:
            turn = self._turns[function.function_name]
        with turn:
            try:
                return self._environments.invoke(made, payload, until=time.monotonic() + function.timeout)
            except TimedOut:
                return _error("Sandbox.Timedout", f"Error: Task timed out after {function.timeout}.00 seconds"), True
            except Exited as how:
                return _error("Runtime.ExitError", f"Error: Runtime exited with error: {how}"), True

    def _started(self, made: Made, until: float) -> Environment:
        return Environment.started(
            made,
            self._machine,
            log=self._folder / f"{made.function.function_name}.log",
            preload=_preload(made.handler, made.code),
            until=until,
        )

    def _unpacked(self, function: "LambdaFunction") -> Path:
        target: Path = self._packages / function.code_digest[:16]
        with self._lock:
            if not target.exists():
                self._packages.mkdir(parents=True, exist_ok=True)
                # Renamed once it is complete, so there may be nothing to clean up.
                with tempfile.TemporaryDirectory(dir=self._packages, ignore_cleanup_errors=True) as scratch:
                    zipfile.ZipFile(io.BytesIO(function.code_bytes)).extractall(scratch)
                    # The environment may forbid Python to write bytecode: then each invocation would compile it.
                    compileall.compile_dir(scratch, quiet=2)
                    Path(scratch).rename(target)
        return target


def _preload(handler: str, code: Path) -> Preload:
    """Returns what the invocations of a function have in common. Of our own its modules too, whose import takes longer
    than most answers: none of them does anything when it is imported, nor looks at the environment."""
    module = handler.rpartition(".")[0]
    if not module.startswith(OURS):
        return PRELOAD
    return replace(PRELOAD, handler=module, package=str(code))


def _error(error_type: str, message: str) -> bytes:
    return json.dumps({"errorType": error_type, "errorMessage": message}).encode()
