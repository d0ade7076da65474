"""Distributed Maps."""

import contextlib
import json
import sys
import threading
from collections.abc import Mapping
from typing import Any

from tests.local.probes.world import World, outcome, probe
from tests.support.embedded import eventually


def distributed(states: Mapping[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """Returns a Map state over the items of the input."""
    states = states or {"It": {"Type": "Pass", "End": True}}
    processor = {
        "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
        "StartAt": next(iter(states)),
        "States": states,
    }
    return {"Type": "Map", "ItemsPath": "$.items", "ItemProcessor": processor, "End": True, **more}


@probe
def whole_percentage(world: World) -> Any:
    return outcome(lambda: bool(world.state_machine({"All": distributed(ToleratedFailurePercentage=100)})))


@probe
def threads_for_two_items(world: World) -> int:
    started: list[str] = []
    start = threading.Thread.start

    def counted(self: threading.Thread) -> None:
        if "process_request" not in self.name:
            started.append(self.name)
        start(self)

    threading.Thread.start = counted  # type: ignore[method-assign]
    try:
        ended = world.executed({"All": distributed(MaxConcurrency=200)}, {"items": [1, 2]})
        assert ended["status"] == "SUCCEEDED", ended
    finally:
        threading.Thread.start = start  # type: ignore[method-assign]
    return len(started)


@probe
def many_items_for_one_worker(world: World) -> Any:
    failures: list[str] = []
    hook, threading.excepthook = threading.excepthook, lambda failed: failures.append(failed.exc_type.__name__)
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(300)  # so that hundreds of items show what thousands do
    items = list(range(300))
    states = world.client("stepfunctions")
    try:
        execution = states.start_execution(
            stateMachineArn=world.state_machine({"All": distributed(MaxConcurrency=1)}),
            input=json.dumps({"items": items}),
            name="one",
        )["executionArn"]

        def ended() -> Any:
            described = states.describe_execution(executionArn=execution)
            return described if failures or described["status"] != "RUNNING" else None

        end = eventually(ended)
    finally:
        sys.setrecursionlimit(limit)
        threading.excepthook = hook
    return {"failures": sorted(set(failures)), "all": json.loads(end.get("output", "null")) == items}


@probe
def stopped_map(world: World) -> Any:
    """Whether the Map of a stopped execution comes to an end, though items are left."""
    before = set(threading.enumerate())
    states = world.client("stepfunctions")
    wait = {"It": {"Type": "Wait", "Seconds": 1, "End": True}}
    machine = world.state_machine({"All": distributed(wait, MaxConcurrency=1)})
    execution = states.start_execution(
        stateMachineArn=machine, name="one", input=json.dumps({"items": list(range(50))})
    )["executionArn"]
    run = eventually(lambda: states.list_map_runs(executionArn=execution)["mapRuns"])[0]["mapRunArn"]
    eventually(lambda: states.describe_map_run(mapRunArn=run)["itemCounts"]["running"])
    states.stop_execution(executionArn=execution)

    def left() -> list[threading.Thread]:
        new = set(threading.enumerate()) - before
        return [thread for thread in new if thread.is_alive() and "process_request" not in thread.name]

    with contextlib.suppress(AssertionError):
        eventually(lambda: not left(), 8)
    return {"threads": len(left()), **states.describe_map_run(mapRunArn=run)["itemCounts"]}


@probe
def result_writer(world: World) -> Any:
    """The ResultWriter's paths, which AWS reads from the state's input."""
    writer = {
        "Resource": "arn:aws:states:::s3:putObject",
        "Parameters": {"Bucket.$": "$.bucket", "Prefix.$": "$.prefix"},
    }
    given = {"items": [1, 2], "bucket": world.bucket(), "prefix": "results"}
    ended = world.executed({"All": distributed(ResultWriter=writer)}, given)
    listed = world.client("s3").list_objects_v2(Bucket=world.bucket(), Prefix="results/")
    return {"status": ended["status"], "files": listed["KeyCount"]}


@probe
def files_of_a_maps_results(world: World) -> Any:
    """What a Map's result names, and what is in the files that are named there; the second of two children fails."""
    states = {
        "Which?": {
            "Type": "Choice",
            "Choices": [{"Variable": "$", "NumericEquals": 2, "Next": "No"}],
            "Default": "Yes",
        },
        "Yes": {"Type": "Pass", "Result": {"text": "ü"}, "End": True},
        "No": {"Type": "Fail", "Error": "Two", "Cause": "is not one"},
    }
    writer = {
        "Resource": "arn:aws:states:::s3:putObject",
        "Parameters": {"Bucket": world.bucket(), "Prefix": "files/of"},
    }
    all_of_them = distributed(states, ResultWriter=writer, ToleratedFailureCount=2, Label="Trials")
    output = world.executed({"All": all_of_them}, {"items": [1, 2]})["output"]
    s3 = world.client("s3")

    def read(key: str) -> bytes:
        data: bytes = s3.get_object(Bucket=world.bucket(), Key=key)["Body"].read()
        return data

    details = output["ResultWriterDetails"]
    files = json.loads(read(details["Key"]))["ResultFiles"]
    named = [file for status in files.values() for file in status]
    return {
        "result": sorted(output),
        "manifest": details["Key"],
        "files": {status: [file["Key"].rpartition("/")[2] for file in of_it] for status, of_it in files.items()},
        "sizes are right": all(file["Size"] == len(read(file["Key"])) for file in named),
        "children": [child for file in named for child in json.loads(read(file["Key"]))],
    }


@probe
def map_of_a_bucket_that_is_not_there(world: World) -> Any:
    """The errors of a Map that cannot read its items, and of one that cannot write its results."""
    nowhere = {"Bucket": "not-there", "Key": "items.json"}
    reader = {
        "Resource": "arn:aws:states:::s3:getObject",
        "ReaderConfig": {"InputType": "JSON"},
        "Parameters": nowhere,
    }
    writer = {"Resource": "arn:aws:states:::s3:putObject", "Parameters": {"Bucket": "not-there", "Prefix": "results"}}
    reading = distributed(ItemReader=reader)
    del reading["ItemsPath"]
    branch = {"StartAt": "In the branch", "States": {"In the branch": reading}}
    return [
        world.executed({"All": state}, {"items": [1, 2]})["error"]
        for state in (
            reading,
            distributed(ResultWriter=writer),
            {"Type": "Parallel", "Branches": [branch], "End": True},
        )
    ]
