"""Runs an embedded cloud in this process, with a trainer that does nothing, and counts its requests."""

import json
import os
import re
import resource
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import boto3
import psutil
from botocore.config import Config

from benchmarks.timing import ROOT, WORK
from stepsweep.local.access import Access, Wsgi
from stepsweep.local.cloud import embedded_cloud
from stepsweep.local.endpoint import Endpoint

NOTHING = ROOT / "benchmarks" / "nothing"

_CREDENTIAL = re.compile(r"Credential=(?P<key>[^/]+)/\d+/[^/]+/s3/aws4_request")
_ROLES = {"Planner": "planner", "Reducer": "reducer", "Asker": "asker", "Sweep": "state machine", "ComputeJob": "job"}


class Requests:
    """Counts the S3 requests of each role, by method."""

    def __init__(self) -> None:
        self.of: Counter[tuple[str, str]] = Counter()
        self._lock = threading.Lock()

    def install(self) -> None:
        """Starts counting. Call it in the cloud's process, before the cloud starts."""
        checked = Access.middleware

        def counted(access: Access, server: Wsgi) -> Wsgi:
            inner = checked(access, server)

            def count(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
                if (signed := _CREDENTIAL.search(environ.get("HTTP_AUTHORIZATION", ""))) is not None:
                    arn = access.role_of(signed["key"])
                    role = next((role for name, role in _ROLES.items() if f"{name}Role" in arn), "person")
                    method = environ["REQUEST_METHOD"]
                    kind = "LIST" if "list-type=2" in environ.get("QUERY_STRING", "") else method
                    with self._lock:
                        self.of[role, kind] += 1

                    def answered(status: str, *more: Any) -> Any:
                        if status.startswith("412"):
                            with self._lock:
                                self.of[role, f"{kind} refused"] += 1
                        return start_response(status, *more)

                    return inner(environ, answered)
                return inner(environ, start_response)

            return count

        Access.middleware = counted  # type: ignore[assignment,method-assign]

    def told(self, role: str, *, of: int = 1) -> str:
        """Returns the requests of a role in words, `10,000 GET, 3 PUT`, divided by the number of equal runs."""
        return ", ".join(f"{number // of:,} {kind}" for (who, kind), number in sorted(self.of.items()) if who == role)


@dataclass(frozen=True, slots=False, kw_only=True)
class Cloud:
    endpoint: Endpoint

    def client(self, service: str, config: Config | None = None) -> Any:
        session: Any = boto3.Session(
            aws_access_key_id=self.endpoint.access_key_id,
            aws_secret_access_key=self.endpoint.secret_access_key,
            region_name=self.endpoint.region,
        )
        return session.client(service, endpoint_url=self.endpoint.url, config=config)

    @cached_property
    def outputs(self) -> dict[str, str]:
        (stack,) = self.client("cloudformation").describe_stacks(StackName="Stepsweep")["Stacks"]
        return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}

    def start(self, spec: dict[str, Any]) -> str:
        """Starts a sweep; returns the execution's ARN."""
        answer = self.client("stepfunctions").start_execution(
            stateMachineArn=self.outputs["StateMachineArn"], input=json.dumps(spec)
        )
        return str(answer["executionArn"])

    def ended(self, execution: str) -> dict[str, Any]:
        """Returns the description of an execution once it has succeeded. Raises RuntimeError if it ends otherwise."""
        states = self.client("stepfunctions")
        while (description := states.describe_execution(executionArn=execution))["status"] == "RUNNING":
            time.sleep(0.2)
        if description["status"] != "SUCCEEDED":
            raise RuntimeError(f"{description['status']}: {description.get('cause', '')[:2000]}")
        found: dict[str, Any] = description
        return found


@contextmanager
def nothing_trains(folder: Path, *, vcpus: int | None = None) -> Iterator[Cloud]:
    """Runs a cloud in a folder, with the trainer that does nothing. Call it once per process."""
    folder.mkdir(parents=True, exist_ok=True)
    templates = WORK / "templates"
    templates.mkdir(exist_ok=True)
    if not (folder / "templates").exists():
        (folder / "templates").symlink_to(templates)
    with embedded_cloud(folder, trainer=NOTHING, vcpus=vcpus) as endpoint:
        yield Cloud(endpoint=endpoint)


def peak_mib() -> float:
    """Returns this process's peak memory so far."""
    # On Linux getrusage starts at the peak of the parent process.
    status = Path("/proc/self/status")
    if status.exists():
        (kilobytes,) = re.findall(r"^VmHWM:\s+(\d+) kB$", status.read_text(), re.MULTILINE)
        return int(kilobytes) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def cpu_seconds() -> tuple[float, float]:
    """Returns the CPU time of this process so far, and of its descendants."""
    own = os.times()
    children = 0.0
    for child in psutil.Process().children(recursive=True):
        times = child.cpu_times()
        children += times.user + times.system + times.children_user + times.children_system
    return own.user + own.system, children
