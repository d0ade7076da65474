"""Walks the state machine with what the deployed functions really answer, on a bucket of moto's.

It knows the part of Amazon States Language that this state machine is made of; all else is a finding, so that it never
passes what it did not understand. Batch is played: a job's description has the fields of DescribeJobs. That the
same definition runs on an interpreter that somebody else wrote is what tests/local is for.
"""

import copy
import importlib
import json
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from unittest import mock

import boto3
from moto import mock_aws

from stepsweep.contract import keys
from stepsweep.contract.metrics import to_csv
from stepsweep.statemachine import guard, kept
from tests.proof.checks.check import Findings
from tests.proof.checks.requests import operation_of
from tests.proof.subject import REGION, Subject

EXECUTION = "rehearsal"
INPUT = {"parameters": {"lr": [0.1, 0.01]}, "epochs": 1}
MODEL = {
    "parameters": {"lr": {"low": 0.001, "high": 1, "log": True}},
    "epochs": 1,
    "search": {"method": "tpe", "trials": 12, "batch": 9},
}
FREE = {**INPUT, "rounds": False}
STUCK = "MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT"
MOST_STEPS = 40
LEAST_AT_ONCE = {"Trials": 2, "Workers": 1}
"""Of a Map: the stack's own, or a worker for each trial that is left."""


class NotAsAws(Exception):
    """The state machine asks for something that would fail, or that the rehearsal does not know."""


class Waits(Exception):
    """A state goes on later only: what it waits for has not happened."""


class Failed(Exception):
    """A task, or the execution, failed with an error that has a name."""

    def __init__(self, error: str, cause: str) -> None:
        super().__init__(f"{error}: {cause}")
        self.error, self.cause = error, cause


@dataclass(kw_only=True)
class Stage:
    """What a rehearsal plays on.

    Attributes:
        succeeds: whether the job of the n-th trial does.
        jobs: the requests to Batch.
        keeps: what is kept of how jobs ended: their outcomes and the Map's own record, or one of the two.
        starts: whether there are machines for jobs.
        others: how often another sweep's jobs are found running.
        time_passes: whether states that wait have waited.
        terminated: the jobs that were.
    """

    subject: Subject
    s3: Any
    bucket: str
    succeeds: Callable[[int], bool]
    jobs: list[dict[str, Any]] = field(default_factory=list)
    keeps: tuple[str, ...] = ("outcomes", "record")
    executions: int = 0
    starts: bool = True
    others: int = 0
    time_passes: bool = False
    terminated: list[str] = field(default_factory=list)

    def keys(self, prefix: str) -> list[str]:
        return [
            found["Key"] for found in self.s3.list_objects_v2(Bucket=self.bucket, Prefix=prefix).get("Contents", [])
        ]

    def document(self, key: str) -> Any:
        return json.loads(self.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read())


def findings(subject: Subject) -> Findings:
    """Yields the faults of the first scene that has any: the scenes after it mostly meet them again.

    Subjects that differ in nothing that is played are played once: most seeded faults are elsewhere in the template.
    """
    kinds = ("AWS::S3::Bucket", "AWS::Batch::JobQueue", "AWS::Batch::JobDefinition")
    same = [subject.definition, *map(subject.all, ("AWS::Lambda::Function", "AWS::Batch::SchedulingPolicy"))]
    played = json.dumps([*same, *map(subject.ids, kinds)], sort_keys=True)
    if played not in _KNOWN:
        _KNOWN[played] = _played(subject)
    yield from _KNOWN[played]


_KNOWN: dict[str, list[str]] = {}
"""Findings by what is played."""


def _played(subject: Subject) -> list[str]:
    for scene in (
        one_fails,
        from_the_record,
        without_a_record,
        all_fail,
        wrong_input,
        again,
        in_rounds,
        freely,
        nothing_starts,
        nothing_starts_freely,
    ):
        faults: list[str] = []
        try:
            with stage(subject, succeeds=lambda number: number == 0) as empty:
                faults.extend(scene(empty))
        except (NotAsAws, Failed, Waits) as error:
            faults.append(str(error))
        if faults:
            return [f"{scene.__doc__} {fault}" for fault in faults]
    return []


def one_fails(stage: Stage) -> Iterator[str]:
    """One trial of two fails:"""
    output = play(stage, INPUT)
    outcomes = [stage.document(key) for key in stage.keys(keys.outcomes_prefix(EXECUTION, 0))]
    if sorted(outcome["status"] for outcome in outcomes) != ["FAILED", "SUCCEEDED"]:
        yield f"the outcomes are {outcomes}"
    yield from _one_of_two_won(output)
    for job in stage.jobs:
        if job["Tags"] != {"sweep": EXECUTION, "trial": job["JobName"]}:
            yield f"the job's tags are {job['Tags']}"
        if not job.get("PropagateTags"):
            yield "the job's machine time cannot be told from others'"
    if len({job["JobName"] for job in stage.jobs}) != 2:
        yield f"{len(stage.jobs)} jobs for two trials"
    if not stage.keys(keys.map_results_prefix(EXECUTION, 0)):
        yield "the results of the Map are not where the sweep's other files are"


def from_the_record(stage: Stage) -> Iterator[str]:
    """The outcomes of trials cannot be read, and the Map's own record can:"""
    stage.keeps = ("record",)
    yield from _one_of_two_won(play(stage, INPUT))


def without_a_record(stage: Stage) -> Iterator[str]:
    """The Map's own record cannot be written:"""
    stage.keeps = ("outcomes",)
    yield from _one_of_two_won(play(stage, INPUT))


def all_fail(stage: Stage) -> Iterator[str]:
    """All trials fail:"""
    stage.succeeds = lambda _: False
    yield from _ends_with(stage, INPUT, "NoTrialSucceeded", "exit code 3")


def wrong_input(stage: Stage) -> Iterator[str]:
    """Wrong input:"""
    yield from _ends_with(stage, {"parameters": {"lr": []}, "round": "x"}, "InvalidSweep", "round")
    if stage.jobs:
        yield "jobs were started"


def again(stage: Stage) -> Iterator[str]:
    """Started again when all is trained:"""
    stage.succeeds = lambda _: True
    first = play(stage, INPUT)
    jobs = len(stage.jobs)
    if {**play(stage, INPUT), "execution": first["execution"]} != first:
        yield "the output is another one"
    if len(stage.jobs) != jobs:
        yield "trials are trained again"


def in_rounds(stage: Stage) -> Iterator[str]:
    """A model searches:"""
    stage.succeeds = lambda _: True
    output = play(stage, MODEL)
    if output.get("rounds") != 2 or output.get("outcomes", {}).get("SUCCEEDED") != 12:
        yield f"the output tells of {output.get('rounds')} rounds and {output.get('outcomes')}"
    asked = stage.document(keys.proposed_key(EXECUTION, 1))
    planned = stage.document(keys.plan_key(EXECUTION, 1))["trials"]
    if len(asked) != 3 or [trial["params"] for trial in planned[9:]] != asked:
        yield f"the model proposes {asked}, and planned are {planned}"


def freely(stage: Stage) -> Iterator[str]:
    """Workers ask for their trials, and one of two trials fails:"""
    output = play(stage, FREE)
    yield from _one_of_two_won(output)
    outcomes = [stage.document(key) for key in stage.keys(keys.outcomes_prefix(EXECUTION, 0))]
    if sorted(outcome["status"] for outcome in outcomes) != ["FAILED", "SUCCEEDED"]:
        yield f"the outcomes are {outcomes}"
    log = [stage.document(key) for key in stage.keys(keys.events_prefix(EXECUTION))]
    if [event["event"] for event in log] != ["began", "asked", "asked"]:
        yield f"the log has {log}"
    if play(stage, FREE)["winner"] != output["winner"] or len(stage.jobs) != 3:
        yield f"started again, {len(stage.jobs) - 2} jobs run, not that of the trial that failed"


def nothing_starts(stage: Stage) -> Iterator[str]:
    """No job starts, at first while the jobs of others run:"""
    stage.starts, stage.others = False, 2
    yield from _ends_with(stage, INPUT, "NoTrialSucceeded", f"2x no job started within 120 minutes: {STUCK}")
    yield from _ended_its_jobs(stage)
    key = keys.results_key(EXECUTION, 0)
    results = stage.document(key)["results"] if stage.keys(key) else []
    if not results or any(STUCK not in each["reason"] for each in results):
        yield f"not every outcome has the reason: {results}"
    if stage.others:
        yield "the sweep ends while the machines are others'"


def nothing_starts_freely(stage: Stage) -> Iterator[str]:
    """No job of a free-running search starts:"""
    stage.starts = False
    yield from _ends_with(stage, FREE, "NoTrialSucceeded", STUCK)
    yield from _ended_its_jobs(stage)


def _ended_its_jobs(stage: Stage) -> Iterator[str]:
    waiting = [_job_id(job) for job in stage.jobs]
    if not waiting or sorted(stage.terminated) != sorted(waiting):
        yield f"of the jobs {waiting}, which wait, {stage.terminated} are ended"


def _one_of_two_won(output: dict[str, Any]) -> Iterator[str]:
    if output.get("outcomes") != {"SUCCEEDED": 1, "FAILED": 1, "MISSING": 0, "INVALID": 0}:
        yield f"the output counts {output.get('outcomes')}"
    if output.get("winner", {}).get("params") != {"lr": 0.1}:
        yield f"the winner is {output.get('winner')}"
    if not any("exit code 3" in reason["reason"] for reason in output.get("reasons", [])):
        yield f"why the trial failed is lost: {output.get('reasons')}"
    if not output.get("cost", {}).get("job_seconds"):
        yield f"what the jobs took is lost: {output.get('cost')}"


def _ends_with(stage: Stage, document: dict[str, Any], error: str, cause: str) -> Iterator[str]:
    try:
        output = play(stage, document)
    except Failed as failed:
        if failed.error != error or cause not in failed.cause:
            yield f"the execution fails with {failed}"
    else:
        yield f"the execution succeeds with {output}"


@contextmanager
def stage(subject: Subject, *, succeeds: Callable[[int], bool]) -> Iterator[Stage]:
    with mock_aws(), mock.patch.object(boto3, "DEFAULT_SESSION", _session()):
        s3 = boto3.client("s3")
        bucket = subject.ids("AWS::S3::Bucket")[0].lower()
        s3.create_bucket(Bucket=bucket)
        _forget()
        try:
            yield Stage(subject=subject, s3=s3, bucket=bucket, succeeds=succeeds)
        finally:
            _forget()


def _forget() -> None:
    """Has the functions begin as new processes: each stage is another cloud, with a bucket of the same name."""
    kept.s3.cache_clear()
    kept.logs.cache_clear()


class _Session(boto3.Session):
    """One session for all stages, with one client per service: to make them takes longer than all that they do. What a
    function configures, such as retries, makes no difference to moto."""

    @cache  # noqa: B019  there is one session
    def _kept(self, service: str) -> Any:
        return super().client(service)  # type: ignore[call-overload]

    def client(self, service_name: str, *_: Any, **__: Any) -> Any:
        return self._kept(service_name)


@cache
def _session() -> boto3.Session:
    return _Session(aws_access_key_id="test", aws_secret_access_key="test", region_name=REGION)  # noqa: S106


def play(stage: Stage, document: Any) -> Any:
    """Returns the output of an execution. Raises Failed where it fails."""
    stage.executions += 1
    name = EXECUTION if stage.executions == 1 else f"{EXECUTION}-{stage.executions}"
    document = {"name": EXECUTION, **document}
    context = {
        "Execution": {"Input": document, "Name": name, "StartTime": "2026-11-23T05:30:12.345Z"},
        "State": {"EnteredTime": "2026-11-23T05:40:12.345Z"},
    }
    return _run(stage, stage.subject.definition, document, context)


def _run(stage: Stage, machine: dict[str, Any], data: Any, context: dict[str, Any]) -> Any:
    name: str | None = machine["StartAt"]
    for _ in range(MOST_STEPS):
        state = machine["States"].get(name)
        if state is None:
            raise NotAsAws(f"there is no state {name}")
        try:
            name, data = _step(stage, state, data, context)
        except Failed as failed:
            catching = (["States.ALL"], [failed.error])
            catcher = next((c for c in state.get("Catch", []) if c["ErrorEquals"] in catching), None)
            if catcher is None:
                raise
            data = _put(data, catcher.get("ResultPath", "$"), {"Error": failed.error, "Cause": failed.cause})
            name = catcher["Next"]
        if name is None:
            return data
    raise NotAsAws(f"is still running after {MOST_STEPS} states, in {name}")


def _step(stage: Stage, state: dict[str, Any], data: Any, context: dict[str, Any]) -> tuple[str | None, Any]:
    """Returns the next state, None where this was the last, and its input."""
    given = _at(data, state.get("InputPath", "$"), context)
    match state["Type"]:
        case "Pass":
            result = state.get("Result", given)
        case "Task":
            result = _task(stage, state, given, context)
        case "Map":
            result = _map(stage, state, given, context)
        case "Parallel":
            result = _parallel(stage, state, given, context)
        case "Wait":
            if not stage.time_passes:
                raise Waits("a state waits")
            result = given
        case "Choice":
            return next((c["Next"] for c in state["Choices"] if _holds(c, given)), state.get("Default")), data
        case "Succeed":
            return None, _at(given, state.get("OutputPath", "$"), context)
        case "Fail":
            raise Failed(state["Error"], str(_at(given, state["CausePath"], context)))
        case other:
            raise NotAsAws(f"the rehearsal knows no {other}")
    if "ResultSelector" in state:
        result = _filled(state["ResultSelector"], result, context)
    output = _at(_put(data, state.get("ResultPath", "$"), result), state.get("OutputPath", "$"), context)
    return None if state.get("End") else state["Next"], output


def _task(stage: Stage, state: dict[str, Any], given: Any, context: dict[str, Any]) -> Any:
    request = _filled(state["Parameters"], given, context)
    match state["Resource"].rpartition(":::")[2]:
        case "lambda:invoke":
            answer = _invoke(stage, request["FunctionName"], request["Payload"])
            return {"ExecutedVersion": "$LATEST", "StatusCode": 200, "Payload": answer}
        case "batch:submitJob.sync":
            return _job(stage, request)
        case "aws-sdk:s3:putObject":
            if request["Bucket"] != stage.bucket:
                raise NotAsAws(f"there is no bucket {request['Bucket']}")
            body = json.dumps(request["Body"]).encode()
            stage.s3.put_object(Bucket=stage.bucket, Key=request["Key"], Body=body)
            return {"ETag": '"0"'}
        case other:
            raise NotAsAws(f"the rehearsal knows no {other}")


def _invoke(stage: Stage, arn: str, payload: dict[str, Any]) -> Any:
    """Returns what the handler that the template names answers, in the environment that the template gives it."""
    functions = {stage.subject.arn(name): found for name, found in stage.subject.all("AWS::Lambda::Function").items()}
    if arn not in functions:
        raise NotAsAws(f"there is no function {arn}")
    module, _, handler = functions[arn]["Handler"].rpartition(".")
    environment = {name: str(value) for name, value in functions[arn]["Environment"]["Variables"].items()}
    with mock.patch.dict(os.environ, environment), mock.patch.object(guard, "batch_client", return_value=_Batch(stage)):
        try:
            return getattr(importlib.import_module(module), handler)(payload)
        except Exception as error:  # as Lambda does
            raise Failed(type(error).__name__, str(error)) from error


def _parallel(stage: Stage, state: dict[str, Any], given: Any, context: dict[str, Any]) -> Any:
    """Plays what takes no time first. A branch that fails ends the others; else all must end."""
    ended: dict[int, Any] = {}
    for stage.time_passes in (False, True):
        for number, branch in enumerate(state["Branches"]):
            if number not in ended:
                with suppress(Waits):
                    ended[number] = _run(stage, branch, given, context)
    stage.time_passes = False
    if len(ended) < len(state["Branches"]):
        raise Waits("a branch waits for ever")
    return [ended[number] for number in sorted(ended)]


class _Batch:
    """What the functions ask of Batch."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage

    def get_paginator(self, _operation: str) -> "_Batch":
        return self

    def paginate(self, *, jobQueue: str, **_: Any) -> list[dict[str, Any]]:  # noqa: N803
        if jobQueue not in map(self._stage.subject.arn, self._stage.subject.ids("AWS::Batch::JobQueue")):
            raise NotAsAws(f"there is no queue {jobQueue}")
        return [{"jobSummaryList": [{"jobId": _job_id(job)} for job in self._stage.jobs]}]

    def list_jobs(self, *, jobStatus: str, **_: Any) -> dict[str, Any]:  # noqa: N803
        found = self._stage.others > 0 and jobStatus == "RUNNING"
        self._stage.others -= found
        return {"jobSummaryList": [{"jobId": "another"}] * found}

    def describe_jobs(self, *, jobs: list[str]) -> dict[str, Any]:
        waiting = {"status": "RUNNABLE", "statusReason": STUCK}
        known = {_job_id(job): {"jobId": _job_id(job), "tags": job["Tags"], **waiting} for job in self._stage.jobs}
        return {"jobs": [known[job] for job in jobs]}

    def terminate_job(self, *, jobId: str, reason: str) -> None:  # noqa: N803
        assert reason
        self._stage.terminated.append(jobId)


def _job_id(request: dict[str, Any]) -> str:
    return f"job-{request['JobName']}"


def _job(stage: Stage, request: dict[str, Any]) -> dict[str, Any]:
    """Plays a job: what the trainer writes, and the description that Step Functions returns of it."""
    if request["JobQueue"] not in map(stage.subject.arn, stage.subject.ids("AWS::Batch::JobQueue")):
        raise NotAsAws(f"there is no queue {request['JobQueue']}")
    _check_share(stage, request)
    if request["JobDefinition"] not in map(stage.subject.arn, stage.subject.ids("AWS::Batch::JobDefinition")):
        raise NotAsAws(f"there is no job definition {request['JobDefinition']}")
    overrides = request["ContainerOverrides"]
    command = overrides["Command"]
    if not all(isinstance(word, str) for word in command) or "--lr" not in command:
        raise NotAsAws(f"the trainer is given {command}")
    environment = {variable["Name"]: variable["Value"] for variable in overrides.get("Environment", [])}
    if not environment.get(keys.CHECKPOINT_URI, "").startswith(keys.uri(stage.bucket, keys.CHECKPOINTS)):
        raise NotAsAws(f"the trainer is not told where checkpoints go: {environment}")
    number = int(command[command.index("--lr") + 1] == "0.01")
    if request not in stage.jobs or stage.starts:
        stage.jobs.append(request)
    if not stage.starts:
        raise Waits("a job waits")
    exit_code = 0 if stage.succeeds(number) else 3
    description = {
        "JobId": f"job-{number}",
        "JobName": request["JobName"],
        "StartedAt": 1_000,
        "StoppedAt": 61_000,
        "Attempts": [{"Container": {"ExitCode": exit_code}, "StartedAt": 1_000, "StoppedAt": 61_000}],
    }
    unknown = description.keys() - _fields_of_a_job()
    assert not unknown, unknown
    if exit_code:
        raise Failed("States.TaskFailed", json.dumps(description))
    prefix = keys.uri(stage.bucket, "")
    if not environment.get(keys.METRICS_URI, "").startswith(f"{prefix}{keys.TRIALS}"):
        raise NotAsAws(f"the trainer is not told where its metrics go: {environment}")
    metrics = to_csv([{"epoch": 1, "val_accuracy": 0.5, "seconds": 1.0}])
    key = environment[keys.METRICS_URI].removeprefix(prefix)
    stage.s3.put_object(Bucket=stage.bucket, Key=key, Body=metrics)
    return description


def _check_share(stage: Stage, request: dict[str, Any]) -> None:
    """Each share is one whose weight the queue's policy says."""
    fair = [policy["FairsharePolicy"] for policy in stage.subject.all("AWS::Batch::SchedulingPolicy").values()]
    known = [each["ShareIdentifier"].removesuffix("*") for policy in fair for each in policy["ShareDistribution"]]
    share = request.get("ShareIdentifier", "")
    if not re.fullmatch("[A-Za-z0-9]{1,255}", share) or not share.startswith(tuple(known)):
        raise NotAsAws(f"the share of a job is {share!r}, and those with a weight are {known}")


def _fields_of_a_job() -> set[str]:
    operation = operation_of("batch", "describeJobs")
    assert operation is not None
    members = operation.output_shape.members["jobs"].member.members  # type: ignore[union-attr]
    return {name[:1].upper() + name[1:] for name in members}


def _map(stage: Stage, state: dict[str, Any], given: Any, context: dict[str, Any]) -> Any:
    source = _filled(state["ItemReader"]["Parameters"], given, context)
    if "MaxConcurrencyPath" in state:
        concurrency = _at(given, state["MaxConcurrencyPath"], context)
        if not isinstance(concurrency, int) or not LEAST_AT_ONCE[state["Label"]] <= concurrency <= 10_000:
            raise NotAsAws(f"{concurrency!r} trials at once")
    if source["Bucket"] != stage.bucket or source["Key"] not in stage.keys(source["Key"]):
        raise NotAsAws(f"there are no items in {source}")
    results, waits = [], False
    for item in stage.document(source["Key"]):
        try:
            results.append(_run(stage, state["ItemProcessor"], item, context))
        except Waits:
            waits = True
    if waits:
        raise Waits("jobs wait")
    if "ResultWriter" not in state:
        return results
    if "outcomes" not in stage.keeps:
        for key in stage.keys(keys.outcomes_prefix(EXECUTION, 0)):
            stage.s3.put_object(Bucket=stage.bucket, Key=key, Body=b"")
    if "record" not in stage.keeps:
        raise Failed("States.ResultWriterFailed", "it cannot be written")
    target = _filled(state["ResultWriter"]["Parameters"], given, context)
    return _written(stage, f"{target['Prefix']}/run", results)


def _written(stage: Stage, folder: str, results: list[Any]) -> dict[str, Any]:
    """Writes a Map's own record, as a ResultWriter does, and returns what the Map returns then.

    https://docs.aws.amazon.com/step-functions/latest/dg/input-output-resultwriter.html
    """
    children = json.dumps([{"Status": "SUCCEEDED", "Output": json.dumps(result)} for result in results]).encode()
    file = {"Key": f"{folder}/SUCCEEDED_0.json", "Size": len(children)}
    manifest = {"ResultFiles": {"SUCCEEDED": [file], "FAILED": [], "PENDING": []}}
    stage.s3.put_object(Bucket=stage.bucket, Key=file["Key"], Body=children)
    stage.s3.put_object(Bucket=stage.bucket, Key=f"{folder}/manifest.json", Body=json.dumps(manifest).encode())
    details = {"Bucket": stage.bucket, "Key": f"{folder}/manifest.json"}
    return {"MapRunArn": "arn", "ResultWriterDetails": details}


def _holds(choice: dict[str, Any], data: Any) -> bool:
    match {key: value for key, value in choice.items() if key not in ("Next", "Comment")}:
        case {"Variable": path, "IsPresent": wanted}:
            try:
                _at(data, path, {})
            except NotAsAws:
                return wanted is False
            return wanted is True
        case {"Variable": path, "NumericEquals": wanted}:
            return bool(_at(data, path, {}) == wanted)
        case {"Variable": path, "StringEquals": wanted}:
            return bool(_at(data, path, {}) == wanted)
        case {"Variable": path, "IsNumeric": wanted}:
            return isinstance(_at(data, path, {}), int | float) is wanted
        case {"Variable": path, "BooleanEquals": wanted}:
            return _at(data, path, {}) is wanted
        case other:
            raise NotAsAws(f"the rehearsal knows no choice by {other}")


def _filled(template: Any, data: Any, context: dict[str, Any]) -> Any:
    """Returns a payload template with its paths resolved."""
    if isinstance(template, list):
        return [_filled(item, data, context) for item in template]
    if not isinstance(template, dict):
        return template
    return {
        key.removesuffix(".$"): _at(data, value, context) if key.endswith(".$") else _filled(value, data, context)
        for key, value in template.items()
    }


def _at(data: Any, path: str | None, context: dict[str, Any]) -> Any:
    if path is None:
        return {}
    if path.startswith("States.JsonToString(") and path.endswith(")"):
        return json.dumps(_at(data, path.removeprefix("States.JsonToString(").removesuffix(")"), context))
    if path.startswith("States.ArrayLength(") and path.endswith(")"):
        return len(_at(data, path.removeprefix("States.ArrayLength(").removesuffix(")"), context))
    value = context if path.startswith("$$") else data
    for name in path.removeprefix("$$").removeprefix("$").split(".")[1:]:
        if not isinstance(value, dict) or name not in value:
            raise NotAsAws(f"{path} is not in {json.dumps(data)[:200]}")
        value = value[name]
    return value


def _put(data: Any, path: str | None, result: Any) -> Any:
    if path is None:
        return data
    if path == "$":
        return result
    data = copy.deepcopy(data)
    place = data
    *outer, last = path.removeprefix("$.").split(".")
    for name in outer:
        place = place.setdefault(name, {})
    place[last] = result
    return data
