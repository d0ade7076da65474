"""The Map over the trials: each in an execution of its own, none that fails it, all of them recorded."""

from typing import Any

from tests.proof.checks.check import Findings
from tests.proof.subject import Subject


def findings(subject: Subject) -> Findings:
    maps = [(name, state) for name, state, _ in subject.states() if state["Type"] == "Map"]
    if len(maps) != 1:
        yield f"there are {len(maps)} Maps, not one"
    for name, state in maps:
        following = subject.definition["States"].get(state.get("Next"), {})
        yield from (f"{name}: {fault}" for fault in _faults(state, following))
        yield from (f"{name}: {fault}" for fault in _faults_of_trials(state["ItemProcessor"]))


def _faults(state: dict[str, Any], following: dict[str, Any]) -> Findings:
    config = state["ItemProcessor"].get("ProcessorConfig", {})
    if config.get("Mode") != "DISTRIBUTED":
        yield "an inline Map runs 40 trials at once and fills the execution's history"
    if config.get("ExecutionType") != "STANDARD":
        yield "batch:submitJob.sync needs STANDARD executions"
    if state.get("ItemReader", {}).get("ReaderConfig", {}).get("InputType") != "JSON":
        yield "trials must come from one JSON document in S3: 256 KiB of them fit into the state's input"
    if "ResultWriter" not in state:
        yield "without a ResultWriter the results of all trials together must fit into 256 KiB"
    place = state.get("ResultPath", "$")
    if not place or place == "$":
        yield "where its own record is must be kept beside the sweep: what follows reads both"
    elif place not in following.get("Parameters", {}).get("Payload", {}).values():
        yield "nobody is told where its own record is, so that the reducer asks for each trial's outcome"
    if state.get("ToleratedFailurePercentage") != 100:
        yield "a trial that fails must not fail the others"
    if "MaxConcurrency" not in state and "MaxConcurrencyPath" not in state:
        yield "without MaxConcurrency 10,000 jobs are submitted at once, of 50 a second"
    retried = [error for retrier in state.get("Retry", []) for error in retrier["ErrorEquals"]]
    if retried != ["States.ItemReaderFailed"]:
        yield f"a Map may be tried again before it has started anything only, and then must be, is on {retried}"
    caught = {error: catcher for catcher in state.get("Catch", []) for error in catcher["ErrorEquals"]}
    if caught.keys() != {"States.ResultWriterFailed"} or caught["States.ResultWriterFailed"]["Next"] != state["Next"]:
        yield "when its own record cannot be written the winner must be picked all the same"
    elif caught["States.ResultWriterFailed"].get("ResultPath", "$") is not None:
        yield "what is caught takes the place of the sweep"
    if "ItemBatcher" in state:
        yield "several trials in one execution share its fate"


def _faults_of_trials(processor: dict[str, Any]) -> Findings:
    states = processor["States"]
    for name, state in states.items():
        if state["Type"] == "Fail":
            yield f"{name}: a trial that ends in Fail is recorded nowhere"
        records = state.get("Resource", "").endswith(":s3:putObject")
        if state.get("End") and not records:
            yield f"{name}: a trial may end here without a recorded outcome"
        if records and (
            state.get("ResultPath", "$") is not None
            or state["Parameters"].get("Body.$") is None
            or state.get("OutputPath") != state["Parameters"]["Body.$"]
        ):
            yield f"{name}: what a trial returns must be the outcome that it writes, for the Map's own record"
        if state.get("Resource", "").endswith(".sync") and "TimeoutSeconds" in state:
            yield f"{name}: its time runs while the job is queued, so a sweep of many trials loses the last"
        if state["Type"] == "Task" and not records:
            catchers = [catcher for catcher in state.get("Catch", []) if catcher["ErrorEquals"] == ["States.ALL"]]
            if not catchers:
                yield f"{name}: a failure that is not caught is not recorded"
            if any(catcher.get("ResultPath", "$") == "$" for catcher in catchers):
                yield f"{name}: what is caught takes the place of the trial, so nobody knows whose failure it is"
