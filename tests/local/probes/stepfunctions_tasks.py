"""Tasks of state machines."""

import threading
from collections.abc import Mapping
from concurrent.futures import Future
from types import SimpleNamespace
from typing import Any

import boto3
from botocore.exceptions import ConnectionClosedError
from botocore.httpsession import URLLib3Session

from tests.local.probes.world import World, calls_of, outcome, probe


@probe
def batch_task(world: World) -> Any:
    """Submits a job and does not wait for it."""
    return world.executed({"It": _job_task(world, "submitJob")})


@probe
def batch_task_with_a_share(world: World) -> Any:
    """Submits a job with a share to a queue without a policy, which AWS refuses."""
    share = {"ShareIdentifier": "mine", "SchedulingPriorityOverride": 0}
    return world.executed({"It": _job_task(world, "submitJob", share)})


def _job_task(world: World, action: str, more: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Returns a state that submits a job which ends at once, with more parameters."""
    world.submit("exit 0")  # makes the definition
    definition = world.client("batch").describe_job_definitions()["jobDefinitions"][-1]["jobDefinitionArn"]
    parameters = {"JobName": "task", "JobQueue": world.queue(), "JobDefinition": definition, **(more or {})}
    return {"Type": "Task", "Resource": f"arn:aws:states:::batch:{action}", "Parameters": parameters, "End": True}


@probe
def put_object_task(world: World) -> Any:
    """Puts a structured body; returns what is in the bucket then."""
    parameters = {"Bucket": world.bucket(), "Key": "put.json", "Body": {"lr": 0.1, "text": "ü"}}
    task = {"Type": "Task", "Resource": "arn:aws:states:::aws-sdk:s3:putObject", "Parameters": parameters, "End": True}
    ended = world.executed({"It": task})
    found = world.client("s3").list_objects_v2(Bucket=world.bucket(), Prefix="put.json").get("KeyCount")
    body = world.client("s3").get_object(Bucket=world.bucket(), Key="put.json")["Body"].read() if found else b""
    return {**ended, "body": body.decode()}


@probe
def sdk_task_answer(world: World) -> Any:
    """The names in the answer of an SDK integration; Step Functions shows all of them with a capital."""
    task = {"Type": "Task", "Resource": "arn:aws:states:::aws-sdk:batch:describeJobQueues", "End": True}
    world.queue()
    ended = world.executed({"It": {**task, "Parameters": {}}})
    return sorted(ended["output"]) if "output" in ended else ended


@probe
def time_in_an_answer(world: World) -> Any:
    world.bucket()
    task = {"Type": "Task", "Resource": "arn:aws:states:::aws-sdk:s3:listBuckets", "Parameters": {}, "End": True}
    return outcome(lambda: world.executed({"It": task})["output"]["Buckets"][0]["CreationDate"])


@probe
def task_without_an_answer(world: World) -> Any:
    """The error of a task whose request's connection ends before there is an answer."""
    send = URLLib3Session.send

    def send_or_lose(self: Any, request: Any) -> Any:
        if "/nobody-answers/" in request.url:
            raise ConnectionClosedError(endpoint_url=request.url)
        return send(self, request)

    parameters = {"Bucket": "nobody-answers", "Key": "it"}
    task = {"Type": "Task", "Resource": "arn:aws:states:::aws-sdk:s3:getObject", "Parameters": parameters, "End": True}
    URLLib3Session.send = send_or_lose  # type: ignore[method-assign]
    try:
        return world.executed({"It": task})["error"]
    finally:
        URLLib3Session.send = send  # type: ignore[method-assign]


@probe
def task_refused_without_a_request_id(world: World) -> Any:
    """The error of a task that S3 refuses, in an answer that names no request."""
    send = URLLib3Session.send

    def without_an_id(self: Any, request: Any) -> Any:
        response = send(self, request)
        if "/no-such-bucket/" in request.url:
            response.headers.pop("x-amzn-requestid")
        return response

    parameters = {"Bucket": "no-such-bucket", "Key": "it"}
    task = {"Type": "Task", "Resource": "arn:aws:states:::aws-sdk:s3:getObject", "Parameters": parameters, "End": True}
    URLLib3Session.send = without_an_id  # type: ignore[method-assign]
    try:
        return world.executed({"It": task})["error"]
    finally:
        URLLib3Session.send = send  # type: ignore[method-assign]


@probe
def clients_of_ten_tasks(world: World) -> int:
    """How many clients are made for ten tasks of one kind."""
    world.bucket()
    made: list[str] = []
    session: Any = boto3.Session  # mypy compares hundreds of overloads of `client` for seconds
    original = session.client

    def counted(self: Any, service_name: Any, *args: Any, **kwargs: Any) -> Any:
        made.append(service_name)
        return original(self, service_name, *args, **kwargs)

    session.client = counted
    try:
        task = {"Type": "Task", "Resource": "arn:aws:states:::aws-sdk:batch:describeJobQueues", "Parameters": {}}
        states = {f"S{number}": {**task, "Next": f"S{number + 1}"} for number in range(9)}
        ended = world.executed({**states, "S9": {**task, "End": True}})
        assert ended["status"] == "SUCCEEDED", ended
    finally:
        session.client = original
    return made.count("batch")  # others are made by the probe


@probe
def description_of_a_sync_tasks_job(world: World) -> Any:
    """How often a `.sync` task asks Batch about its job, and whether its output is what Batch says of it."""
    from moto.batch.responses import BatchResponse

    task = _job_task(world, "submitJob.sync")
    with calls_of(BatchResponse, "describejobs") as made:
        ended = world.executed({"It": task})
    if "output" not in ended:
        return ended["status"]
    said = world.job(ended["output"]["JobId"])
    return {"asked": len(made), "same": _small(ended["output"]) == _small(said)}


def _small(value: Any) -> Any:
    """Returns a document with the names of its members in small letters."""
    if isinstance(value, dict):
        return {name.lower(): _small(item) for name, item in value.items()}
    return [_small(item) for item in value] if isinstance(value, list) else value


@probe
def sync_task_that_is_stopped(world: World) -> Any:
    """Whether a `.sync` task asks again and again, and whether it does anything when it is stopped."""
    from moto.stepfunctions.parser.api import StateMachineType
    from moto.stepfunctions.parser.asl.component.state.exec.state_task.service import (
        state_task_service_batch,
        state_task_service_callback,
    )
    from moto.stepfunctions.parser.asl.eval.environment import Environment
    from moto.stepfunctions.parser.asl.eval.event.event_manager import EventHistoryContext

    asked: list[bool] = []
    terminated: list[bool] = []

    def ask() -> None:
        asked.append(True)

    ask.terminate = lambda: terminated.append(True)  # type: ignore[attr-defined]
    ask.ended = Future()  # type: ignore[attr-defined]
    execution: Any = Environment(
        aws_execution_details=None,
        execution_type=StateMachineType.STANDARD,
        context={"Execution": {"Input": {}}, "StateMachine": {}},
        event_history_context=EventHistoryContext.of_program_start(),
        cloud_watch_logging_session=None,
        activity_store={},
    )
    execution.next_state_name = "Train"
    sleep = state_task_service_callback.time.sleep
    state_task_service_callback.time = SimpleNamespace(sleep=lambda _: sleep(0.01))
    stop = threading.Timer(0.5, execution.set_stop, [None, None, None])
    stop.start()
    try:
        state_task_service_batch.StateTaskServiceBatch()._eval_sync(
            execution.open_frame(),
            sync_resolver=ask,
            timeout_seconds=None,
            callback_endpoint=None,
            heartbeat_endpoint=None,
        )
    finally:
        state_task_service_callback.time = SimpleNamespace(sleep=sleep)
        stop.join()
    return {"asks again and again": len(asked) > 1, "terminated": terminated}
