"""An embedded cloud in a process of its own, as `sweep serve` runs one, with a trainer that does what it is told."""

import contextlib
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

import psutil
from filelock import FileLock

from stepsweep.local import template
from stepsweep.local.preload import FORK_IS_SAFE
from tests.support import forked
from tests.support.clients import client_of

REPOSITORY = Path(__file__).resolve().parents[2]
SCRIPTED = REPOSITORY / "tests" / "trainers" / "scripted"

SERVING = "tests.support.serving"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cloud:
    """A running embedded cloud, reached as AWS is: over HTTP."""

    process: subprocess.Popen[str] | forked.Process
    directory: Path
    environment: Mapping[str, str]
    outputs: Mapping[str, str]

    def with_outputs(self) -> "Cloud":
        """Returns this cloud with the outputs of the stack that is in it now."""
        stack = self.client("cloudformation").describe_stacks(StackName="Stepsweep")["Stacks"][0]
        return replace(self, outputs={output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]})

    def client(self, service: str) -> Any:
        return client_of(service, self.environment)

    def start(self, spec: object, **kwargs: Any) -> str:
        """Starts an execution and returns its ARN."""
        answer = self.client("stepfunctions").start_execution(
            stateMachineArn=self.outputs["StateMachineArn"], input=json.dumps(spec), **kwargs
        )
        return str(answer["executionArn"])

    def ended(self, execution: str, timeout_seconds: float = 120) -> dict[str, Any]:
        """Returns the description of an execution once it is no longer running."""
        states = self.client("stepfunctions")

        def description() -> dict[str, Any] | None:
            answer: dict[str, Any] = states.describe_execution(executionArn=execution)
            return None if answer["status"] == "RUNNING" else answer

        ended: dict[str, Any] = eventually(description, timeout_seconds)
        return ended

    def run(self, spec: object, **kwargs: Any) -> dict[str, Any]:
        """Runs a sweep to its end; returns the execution's output, or its `error` and `cause`."""
        answer = self.ended(self.start(spec, **kwargs))
        if answer["status"] == "SUCCEEDED":
            output: dict[str, Any] = json.loads(answer["output"])
            return output
        return {"status": answer["status"], "error": answer.get("error"), "cause": answer.get("cause")}

    def objects(self, prefix: str) -> dict[str, bytes]:
        s3 = self.client("s3")
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket=self.outputs["Bucket"], Prefix=prefix)
        names = [item["Key"] for page in pages for item in page.get("Contents", [])]
        return {name: s3.get_object(Bucket=self.outputs["Bucket"], Key=name)["Body"].read() for name in names}

    def jobs(self, status: str) -> list[dict[str, Any]]:
        """Returns the jobs of a status, or of all for an empty text, described."""
        batch = self.client("batch")
        statuses = [status] if status else ["RUNNABLE", "RUNNING", "SUCCEEDED", "FAILED"]
        ids = [
            job["jobId"]
            for queue in filter(None, map(self.outputs.get, ("JobQueue", "SweepQueue")))
            for status in statuses
            for job in batch.list_jobs(jobQueue=queue, jobStatus=status)["jobSummaryList"]
        ]
        described: list[dict[str, Any]] = batch.describe_jobs(jobs=ids)["jobs"] if ids else []
        return described

    def processes(self) -> list[psutil.Process]:
        """Returns all processes of this cloud but its own."""
        return psutil.Process(self.process.pid).children(recursive=True)


@contextlib.contextmanager
def running_cloud(directory: Path, *, first: str = "", **options: Any) -> Iterator[Cloud]:
    """Runs an embedded cloud. Options are those of `embedded_cloud`; the trainer is the scripted one by default.

    Args:
        first: Python that the cloud's process runs before it starts.
    """
    options.setdefault("context", {"trainer": str(SCRIPTED)})
    if "app" not in options and Path(options["context"].get("trainer", SCRIPTED)).is_relative_to(REPOSITORY):
        keep_template(directory, options["context"])
    with contextlib.ExitStack() as until_it_ends:
        ends, is_asked = map(until_it_ends.enter_context, _pipe())
        answers, said = map(until_it_ends.enter_context, _pipe())
        process = _serving((json.dumps({"directory": str(directory), **options}), first), (ends, said))
        ends.close()
        said.close()
        line = answers.readline()
        assert line, "the embedded cloud did not start"
        environment = json.loads(line)["environment"]
        cloud = Cloud(process=process, directory=directory, environment=environment, outputs={})
        try:
            yield cloud if options.get("is_empty") else cloud.with_outputs()
        finally:
            is_asked.close()
            process.wait(60)


def _pipe() -> tuple[IO[str], IO[str]]:
    """Returns a pipe's ends: to read from, and to write to."""
    read, write = os.pipe()
    return os.fdopen(read), os.fdopen(write, "w")


def _serving(arguments: tuple[str, str], files: tuple[IO[str], IO[str]]) -> "subprocess.Popen[str] | forked.Process":
    """Starts the process of a cloud, which ends when its standard input does.

    It is a fork, if nothing is asked for that a Python reads at its start.
    """
    given, said = (file.fileno() for file in files)
    if FORK_IS_SAFE and not forked.VARIABLES.keys() & os.environ.keys():
        environment = {**os.environ, **forked.VARIABLES}
        return forked.start((SERVING, *arguments), (given, said, 2), folder=REPOSITORY, environment=environment)
    words = [sys.executable, "-m", SERVING, *arguments]
    return subprocess.Popen(words, cwd=REPOSITORY, stdin=given, stdout=said, text=True)


def keep_template(directory: Path, context: Mapping[str, Any]) -> None:
    """Puts the template of our own stack where a cloud in `directory` keeps it: to synthesize it takes seconds.

    Whoever starts a cloud from other sources or with another context makes a template anew.
    """
    assembly = kept_template(context)
    own = directory / "templates" / assembly.name
    if not own.exists():
        shutil.copytree(assembly, own)


def kept_template(context: Mapping[str, Any]) -> Path:
    """Returns the cloud assembly of our own stack as an embedded cloud synthesizes it, which is done once."""
    kept = REPOSITORY / ".stepsweep" / "tests" / hashlib.sha256(repr(sorted(context.items())).encode()).hexdigest()[:16]
    kept.mkdir(parents=True, exist_ok=True)
    with FileLock(kept / "lock"):
        return template.synthesized(kept, context=context)


def is_function(process: psutil.Process) -> bool:
    """Whether it runs in the folder of a function's code, as a function does, and its parent, which ends it."""
    try:
        return "/unpacked/" in process.cwd()
    except psutil.NoSuchProcess:
        return False


def eventually(condition: Callable[[], Any], timeout_seconds: float = 60) -> Any:
    """Returns the first value of `condition` that is true. Asks less often the longer it has waited."""
    began = time.monotonic()
    while (waited := time.monotonic() - began) < timeout_seconds:
        if value := condition():
            return value
        time.sleep(min(0.5, max(0.1, waited / 10)))
    raise AssertionError(f"it did not come to pass in {timeout_seconds} s")
