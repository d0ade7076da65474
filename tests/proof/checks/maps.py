"""The Map over the trials: each in an execution of its own, none that fails it, all of them recorded. The Map over the
workers of a free-running search: each in an execution of its own, which asks after each trial until nothing is left."""

from typing import Any

from tests.proof.checks.check import Findings
from tests.proof.subject import Subject


def findings(subject: Subject) -> Findings:
    maps = {state.get("Label"): (name, state) for name, state, _ in subject.states() if state["Type"] == "Map"}
    if maps.keys() != {"Trials", "Workers"}:
        yield f"there are the Maps {sorted(map(str, maps))}, not one of trials and one of workers"
        return
    for name, state in maps.values():
        yield from (f"{name}: {fault}" for fault in _faults(state))
    name, state = maps["Trials"]
    after = {name: each for name, each, _ in subject.states()}.get(str(state.get("Next")), {})
    yield from (f"{name}: {fault}" for fault in _faults_of_record(state, after))
    yield from (f"{name}: {fault}" for fault in _faults_of_trials(state["ItemProcessor"]))
    name, state = maps["Workers"]
    if "ResultWriter" in state or state.get("ResultPath", "$") is not None:
        yield f"{name}: what workers return says nothing, and takes the place of the sweep"
    yield from (f"{name}: {fault}" for fault in _faults_of_workers(state["ItemProcessor"]))


def _faults(state: dict[str, Any]) -> Findings:
    config = state["ItemProcessor"].get("ProcessorConfig", {})
    if config.get("Mode") != "DISTRIBUTED":
        yield "an inline Map runs 40 trials at once and fills the execution's history"
    if config.get("ExecutionType") != "STANDARD":
        yield "batch:submitJob.sync needs STANDARD executions"
    if state.get("ItemReader", {}).get("ReaderConfig", {}).get("InputType") != "JSON":
        yield "trials must come from one JSON document in S3: 256 KiB of them fit into the state's input"
    if state.get("ToleratedFailurePercentage") != 100:
        yield "one that fails must not fail the others"
    if "MaxConcurrency" not in state and "MaxConcurrencyPath" not in state:
        yield "without MaxConcurrency 10,000 jobs are submitted at once, of 50 a second"
    retried = [error for retrier in state.get("Retry", []) for error in retrier["ErrorEquals"]]
    if retried != ["States.ItemReaderFailed"]:
        yield f"a Map may be tried again before it has started anything only, and then must be, is on {retried}"
    if "ItemBatcher" in state:
        yield "several in one execution share its fate"
    for name, inner in state["ItemProcessor"]["States"].items():
        if inner["Type"] == "Fail":
            yield f"{name}: a trial that ends in Fail is recorded nowhere"
        if inner.get("Resource", "").endswith(".sync") and "TimeoutSeconds" in inner:
            yield f"{name}: its time runs while the job is queued, so a sweep of many trials loses the last"


def _faults_of_record(state: dict[str, Any], after: dict[str, Any]) -> Findings:
    if "ResultWriter" not in state:
        yield "without a ResultWriter the results of all trials together must fit into 256 KiB"
    place = state.get("ResultPath", "$")
    if not place or place == "$":
        yield "where its own record is must be kept beside the sweep: what follows reads both"
    elif after.get("CausePath") != f"States.JsonToString({place})":
        yield "nobody is told where its own record is, so that the reducer asks for each trial's outcome"
    caught = {error: catcher for catcher in state.get("Catch", []) for error in catcher["ErrorEquals"]}
    if caught.keys() != {"States.ResultWriterFailed"} or caught["States.ResultWriterFailed"]["Next"] != state["Next"]:
        yield "when its own record cannot be written the winner must be picked all the same"
    elif caught["States.ResultWriterFailed"].get("ResultPath", "$") is not None:
        yield "what is caught takes the place of the sweep"


def _faults_of_trials(processor: dict[str, Any]) -> Findings:
    states = processor["States"]
    for name, state in states.items():
        records = state.get("Resource", "").endswith(":s3:putObject")
        if state.get("End") and not records:
            yield f"{name}: a trial may end here without a recorded outcome"
        if records and (
            state.get("ResultPath", "$") is not None
            or state["Parameters"].get("Body.$") is None
            or state.get("OutputPath") != state["Parameters"]["Body.$"]
        ):
            yield f"{name}: what a trial returns must be the outcome that it writes, for the Map's own record"
        if state["Type"] == "Task" and not records:
            catchers = [catcher for catcher in state.get("Catch", []) if catcher["ErrorEquals"] == ["States.ALL"]]
            if not catchers:
                yield f"{name}: a failure that is not caught is not recorded"
            if any(catcher.get("ResultPath", "$") == "$" for catcher in catchers):
                yield f"{name}: what is caught takes the place of the trial, so nobody knows whose failure it is"


def _faults_of_workers(processor: dict[str, Any]) -> Findings:
    states = processor["States"]
    invoking = {name for name, state in states.items() if state.get("Resource", "").endswith(":lambda:invoke")}
    after_jobs = {state.get("Next") for state in states.values() if state.get("Resource", "").endswith(".sync")}
    if len(asking := invoking & after_jobs) != 1:
        yield f"{sorted(asking)} ask what is next after a job, not one state"
        return
    (ask,) = asking
    for name in invoking - asking:
        if not any(catcher["ErrorEquals"] == ["States.ALL"] for catcher in states[name].get("Catch", [])):
            yield f"{name}: a worker that cannot end the others must end all the same"
    if states[ask]["Parameters"].get("Payload.$") is None or states[ask].get("OutputPath") != "$.Payload":
        yield f"{ask}: the answer must take the place of the state, or it grows from turn to turn"
    for name, state in states.items():
        if state.get("End") or (state["Type"] == "Succeed" and state.get("OutputPath", "$") is not None):
            yield f"{name}: what all workers return must fit into 256 KiB"
        if state.get("Resource", "").endswith(".sync"):
            catchers = [catcher for catcher in state.get("Catch", []) if catcher["ErrorEquals"] == ["States.ALL"]]
            if not catchers or state.get("Next") != ask or any(catcher["Next"] != ask for catcher in catchers):
                yield f"{name}: however a job ends, its worker must ask what is next"
            if any(catcher.get("ResultPath", "$") == "$" for catcher in catchers):
                yield f"{name}: what is caught takes the place of the question"
