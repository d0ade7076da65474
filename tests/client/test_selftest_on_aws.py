"""`sweep selftest` on a stack whose trials and jobs do as they are told."""

import re
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders

from stepsweep.client.checks.machine import tool_finding
from stepsweep.client.operations import selftest as operation
from stepsweep.client.operations.follow import POLL_SECONDS
from stepsweep.client.operations.selftest import SelfTest, announced, heading
from stepsweep.client.running import stopping
from stepsweep.client.running.control import Control
from stepsweep.contract import keys
from stepsweep.contract.errors import InvalidInput
from stepsweep.contract.marks import is_output
from stepsweep.contract.spec import SweepSpec
from stepsweep.contract.trial import Trial
from tests.support.batch_queue import Job, Queue, served
from tests.support.command import Sweep
from tests.support.findings import told
from tests.support.stack import LOG_GROUP, REGION, Stack

ASKED = {"name": "mine", "parameters": {"lr": [0.1, 0.2]}, "epochs": 3}
NO_TYPE = "MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT - no instance type fits"

WELL = {
    "submission": "ok: a job was submitted",
    "end of a job": "ok: Step Functions was told of its job's end, and recorded 2 attempts",
    "trial": "ok: trained 1 epoch in 2 attempts, and wrote its metrics",
    "region of a job": f"ok: AWS_REGION is {REGION}, AWS_DEFAULT_REGION is {REGION}",
    "exit code 75": "ok: was tried again: the attempts ended with 75, 0",
    "log": "ok: read 2 lines of the last attempt",
    "GPU driver": "ok: the image found it: trained on Tesla T4",
    "conditional write": "ok: of metrics that are there: PreconditionFailed",
    "unconditional write": "ok: of metrics that are there: AccessDenied",
    "stop ends jobs": "ok: a job that was RUNNING is FAILED (Task stopped) after N s",
    "a job that cannot start": f"ok: was RUNNABLE: {NO_TYPE}",
    "left": "ok: no execution and no job of its 3 sweeps; 13 records were removed",
    "reclaimed Spot machine": "unknown: not checked: it takes a machine that AWS takes back while a trial runs",
    "sweep that never starts": "unknown: not checked: it takes `start_within_minutes`, two hours unless the stack has "
    "less",
    "machine's credentials": "unknown: not checked: it takes a command in a trial's container: `curl -m 2 "
    "http://169.254.169.254/` must fail",
    "destroy": "unknown: not checked: `sweep teardown --check --on aws` shows what is left after `sweep destroy`",
}
REPORT = "`sweep stop` ends such jobs; report it"


@dataclass(kw_only=True)
class Account:
    """Does what the state machine, the jobs and Batch do, once the self-test says what it does next.

    Attributes:
        jobs: those of each of the three sweeps; their sweep and trial are filled in.
        puts: S3's answers to a write with a condition, and to one without: an error's code, or nothing.
        trial: what the first sweep's trial leaves.
        refused: the sweep that may not be started.
        does: whether it does anything.
    """

    stack: Stack
    queue: Queue = field(default_factory=lambda: Queue({}))
    jobs: dict[str, Job]
    puts: tuple[str, str] = ("PreconditionFailed", "AccessDenied")
    trial: frozenset[str] = frozenset({"end", "outcome", "metrics", "summary", "log"})
    refused: str = ""
    does: bool = True
    said: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        def put(params: Mapping[str, Any], **_: Any) -> Any:
            code = self.puts[0] if "If-None-Match" in params["headers"] else self.puts[1]
            return _answer(code, 412 if code == "PreconditionFailed" else 403)

        def stop(**_: Any) -> None:
            if (job := self.queue.jobs.get("stop")) and job.ends:
                job.status, job.reason = "FAILED", "Task\n stopped"

        def start(params: Mapping[str, Any], **_: Any) -> Any:
            if self.refused and self.refused in params["body"].decode():
                return _answer("AccessDeniedException", 400)
            return None

        def describe(parsed: dict[str, Any], **_: Any) -> None:
            if parsed["status"] == "ABORTED":  # moto forgets them
                parsed |= {"error": "Refused", "cause": "it is gone"}

        deployment = self.stack.deployment
        self.s3: Any = deployment.session.client("s3", endpoint_url=deployment.s3.meta.endpoint_url)
        self.s3.meta.events.register("before-call.s3.PutObject", put)
        states = deployment.step_functions.meta.events
        states.register("after-call.stepfunctions.StopExecution", stop)
        states.register("before-call.stepfunctions.StartExecution", start)
        states.register("after-call.stepfunctions.DescribeExecution", describe)

    def on_status(self, status: str) -> None:
        self.said.append(status)
        if not self.does:
            return
        if "Training" in status:
            self._train()
        elif "Starting a" in status:
            self._planned("stop" if "to stop it" in status else "large")

    def _planned(self, name: str) -> Trial:
        """Plans the running sweep, and submits its job; without a job, the sweep fails."""
        control = Control(self.stack.deployment)
        execution = control.execution(f"test-{name}")
        assert execution is not None
        (trial,) = self.stack.planned(**execution.spec.to_json())
        if job := self.jobs.get(name):
            self.queue.jobs[name] = replace(job, sweep=f"test-{name}", name=trial.trial_id)
        else:
            self._ended(execution.arn)
        return trial

    def _ended(self, arn: str) -> None:
        self.stack.stop(arn)

    def _train(self) -> None:
        trial, sweep = self._planned("train"), "test-train"
        attempts = [{"StartedAt": 1, "StoppedAt": 2}] * 2
        if "metrics" in self.trial:
            self.stack.succeeded(sweep, trial, [0.5], attempts if "outcome" in self.trial else ())
        if "summary" in self.trial:
            summary = {"options": {"device": "cuda"}, "devices": ["Tesla T4"]}
            self.stack.bucket.put_json(keys.summary_key(trial.trial_id, 1), summary)
        logs, stream = self.stack.deployment.logs, f"{self.stack.name}/train"
        logs.create_log_stream(logGroupName=LOG_GROUP, logStreamName=stream)
        if "log" in self.trial:
            now = int(time.time() * 1000)
            events: list[Any] = [{"timestamp": now, "message": text} for text in ("one", "two")]
            logs.put_log_events(logGroupName=LOG_GROUP, logStreamName=stream, logEvents=events)
        if "end" in self.trial:
            for arn in Control(self.stack.deployment).running(sweep):
                self._ended(arn)

    def job(self, *codes: int, region: str = REGION) -> Job:
        """Returns the job of the first sweep's trial."""
        variables = [{"name": name, "value": region} for name in ("AWS_REGION", "AWS_DEFAULT_REGION")]
        container = {"environment": variables, "logStreamName": f"{self.stack.name}/train"}
        attempts = [{"container": {"exitCode": code}} for code in codes]
        described = {"container": container, "attempts": attempts, "retryStrategy": {"attempts": 5}}
        return Job(sweep="", status="FAILED" if any(codes[-1:]) else "SUCCEEDED", described=described)


def _answer(code: str, status: int) -> tuple[AWSResponse, dict[str, Any]]:
    """Returns what botocore makes of an answer, in place of one over the wire."""
    http = AWSResponse("", status if code else 200, HTTPHeaders(), None)
    return http, {"Error": {"Code": code, "Message": "no"}, "ResponseMetadata": {}} if code else {}


@pytest.fixture(autouse=True)
def without_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(POLL_SECONDS, "aws", 0.01)
    for module in (stopping, operation):
        monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=time.monotonic, sleep=lambda _seconds: None))


@pytest.fixture
def account(stack: Stack) -> Account:
    account = Account(stack=stack, jobs={})
    account.jobs = {
        "train": account.job(75, 0),
        "stop": Job(sweep="", status="RUNNING"),
        "large": Job(sweep="", status="RUNNABLE", reason=NO_TYPE),
    }
    return account


def found(account: Account, spec: Mapping[str, Any] = ASKED) -> dict[str, str]:
    """Returns what a self-test finds, in its order; how long it waited is `N s`."""
    with served(account.queue) as url:
        deployment = replace(account.stack.with_batch(url), s3=account.s3)
        selftest = SelfTest(
            control=Control(deployment), spec=SweepSpec.from_json(spec), name="test", on_status=account.on_status
        )
        findings = told(selftest.run())
    assert Control(account.stack.deployment).executions() == []
    return {check: re.sub(r"\b\d+ s\b", "N s", text) for check, text in findings.items()}


def others(**texts: str | None) -> dict[str, str]:
    """Returns what is found where all is well, apart from some; names have `_` in place of spaces."""
    every = WELL | {check.replace("_", " "): text for check, text in texts.items()}
    return {check: text for check, text in every.items() if text is not None}


def test_where_all_is_well_all_is_seen_and_nothing_is_left(account: Account) -> None:
    assert list(found(account).items()) == list(WELL.items())
    assert [line for line in account.said if "Ending" not in line] == [
        "Training one trial for one epoch …",
        "Starting a sweep, to stop it …",
        "Starting a job that fits no machine, to read Batch's reason, which takes minutes …",
    ]


def test_a_sweep_whose_jobs_are_not_submitted(account: Account) -> None:
    account.jobs = {}
    assert found(account) == {
        "submission": "problem: no job was submitted: Refused: it is gone",
        "stop ends jobs": "unknown: not checked: its execution submitted no job",
        "a job that cannot start": "unknown: not checked: its execution submitted no job",
        "left": WELL["left"],
        **{check: WELL[check] for check in list(WELL)[-4:]},
    }


NO_WRITES = {"GPU_driver": None, "conditional_write": None, "unconditional_write": None}


def test_a_trial_that_fails(account: Account) -> None:
    account.jobs["train"] = account.job(1, region="us-east-1")
    account.trial = frozenset({"end"})
    assert found(account) == others(
        **NO_WRITES,
        end_of_a_job="problem: its job is FAILED, and no end of it with attempts was recorded: Refused: it is gone",
        trial="problem: left no metrics: Refused: it is gone",
        region_of_a_job="problem: AWS_REGION is us-east-1, AWS_DEFAULT_REGION is us-east-1",
        log="unknown: read 0 lines of the last attempt",
        left="ok: no execution and no job of its 3 sweeps; 12 records were removed",
    ) | {
        "exit code 75": "unknown: not checked: no attempt ended so (1); name a spec whose trial does on its first "
        "attempt"
    }


def test_a_trial_that_takes_too_long(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operation, "TRAIN_MINUTES", 0)
    account.jobs["train"] = Job(sweep="", status="RUNNING")
    account.trial = frozenset()
    assert found(account) == others(
        **NO_WRITES,
        end_of_a_job=None,
        trial="problem: did not end within 0 minutes; its job is RUNNING\n-> `sweep doctor --on aws`",
        region_of_a_job="problem: AWS_REGION is not set, AWS_DEFAULT_REGION is not set",
        log="problem: Batch names no log stream of the job",
        left="ok: no execution and no job of its 3 sweeps; 12 records were removed",
    ) | {
        "exit code 75": "unknown: not checked: no attempt ended so (none ended); name a spec whose trial does on its "
        "first attempt"
    }


def test_a_bucket_that_takes_metrics_twice_and_a_summary_that_is_none(account: Account) -> None:
    account.puts = ("", "")
    account.trial -= {"summary", "outcome"}
    assert found(account) == others(
        end_of_a_job="problem: its job is SUCCEEDED, and no end of it with attempts was recorded: Refused: it is gone",
        GPU_driver="unknown: not checked: the trainer writes no summary that names its device",
        conditional_write="problem: of metrics that are there: was accepted",
        unconditional_write="problem: of metrics that are there: was accepted",
    )


def test_credentials_that_may_not_write_show_nothing_of_the_condition(account: Account) -> None:
    account.puts = ("AccessDenied", "AccessDenied")
    why = "unknown: not checked: these credentials may not s3:PutObject"
    assert found(account) == others(conditional_write=why, unconditional_write=why)


def test_jobs_that_stay(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (operation, stopping):
        monkeypatch.setattr(module, "PATIENCE_SECONDS", 0)
    monkeypatch.setattr(operation, "REASON_MINUTES", 0)
    account.jobs["stop"].ends = False
    account.jobs["large"] = Job(sweep="", status="RUNNABLE", refusals=10**9)
    alive = "\n".join(
        f"problem: test-{name}: a job is alive\n"
        f"-> `sweep stop test-{name} --on aws`, then `sweep rm test-{name} --on aws`"
        for name in ("stop", "large")
    )
    assert found(account) == others(
        stop_ends_jobs=f"problem: a job that was RUNNING is RUNNING (no reason) N s after StopExecution\n-> {REPORT}",
        a_job_that_cannot_start="problem: was RUNNABLE for 0 minutes, and Batch gave no reason\n"
        "-> report it; `sweep doctor` asks EC2 for one",
        left=alive,
    )


def test_a_cloud_that_refuses_in_the_middle(account: Account) -> None:
    account.refused = "test-stop"
    assert found(account) == others(
        stop_ends_jobs=None,
        a_job_that_cannot_start=None,
        cloud="problem: the rest was not checked: AWS does not allow this: An error occurred (AccessDeniedException) "
        "when calling the StartExecution operation: no",
        left="ok: no execution and no job of its 2 sweeps; 5 records were removed",
    )


def test_where_sweeps_run_nothing_is_begun_and_they_are_named(stack: Stack) -> None:
    selftest = SelfTest(
        control=Control(stack.deployment), spec=SweepSpec.from_json(ASKED), name="test", on_status=lambda _: None
    )
    for name in ("one", "two"):
        selftest.control.start(SweepSpec.from_json({**ASKED, "name": name}))
    with pytest.raises(InvalidInput, match=r"sweeps run in this stack \(\w+-[\w-]+, \w+-[\w-]+\), and would wait; run"):
        selftest.run()
    assert selftest.begun == []
    assert len(selftest.control.executions()) == 2


def test_a_sweep_that_is_not_planned_is_a_problem_with_its_cause(account: Account) -> None:
    account.stack.fails_with("Refused", "the trainer is gone")
    account.does = False
    assert found(account) == {
        "submission": "problem: the sweep was not planned: Refused: the trainer is gone",
        "stop ends jobs": "unknown: not checked: its execution submitted no job",
        "a job that cannot start": "unknown: not checked: its execution submitted no job",
        "left": "ok: no execution and no job of its 3 sweeps; 0 records were removed",
        **{check: WELL[check] for check in list(WELL)[-4:]},
    }


def test_the_command_writes_what_was_seen_to_a_file(stack: Stack, tmp_path: Path) -> None:
    stack.fails_with("Refused", "the trainer is gone")
    words = ("selftest", "--yes", "--on", "aws", "--stack", stack.name)
    ended = Sweep(folder=tmp_path)(*words, environment=stack.environment)
    assert ended.returncode == 1, ended.stderr
    (record,) = tmp_path.iterdir()
    assert is_output(record.read_bytes()), "no part of a trainer that lies there"
    assert f"Wrote {record.name}. Read it before you attach it to an issue." in ended.stderr
    for text in (record.read_text(), ended.stdout):
        assert "submission: the sweep was not planned: Refused" in " ".join(text.split())


def test_what_it_will_do_and_cost_is_announced(stack: Stack) -> None:
    assert announced(SweepSpec.from_json(ASKED), stack.deployment) == [
        f"In the stack {stack.name} in {REGION}, a self-test",
        "  - trains one trial for one epoch, and reads its job, its log and its metrics back;",
        "  - tries to write these metrics again, with the same bytes, which the bucket must refuse;",
        "  - starts a second sweep, and stops its execution;",
        "  - starts a third one, whose job asks for more memory than the machines have, and reads why it waits.",
        "It takes at most 87 minutes, and costs at most 0.80 USD by the stack's price. Sweeps that start meanwhile may "
        "wait.",
        "At the end nothing of it runs, and its records are removed; the metrics of the one trial are kept.",
    ]


def test_the_record_begins_with_what_ran_where(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)  # of a server that other tests share
    lines = [
        "sweep selftest --on aws, 2026-11-28 06:07 UTC",
        f"{tool_finding().found}, boto3 {version('boto3')}, {sys.platform}",
        f"Region {REGION}, NOT AWS: another endpoint answered",
        "Machines g4dn.xlarge, g5.xlarge, on-demand; per trial 4 vCPUs, 12,000 MiB, 1 GPUs",
    ]
    deployment = replace(stack.deployment, instance_types=("g4dn.xlarge", "g5.xlarge"))
    now = datetime(2026, 11, 28, 6, 7, tzinfo=UTC)
    assert heading(deployment, now) == lines
    lines[2] = f"Region {REGION}, AWS"
    assert heading(replace(deployment, s3=deployment.session.client("s3")), now) == lines
