"""A sweep none of whose jobs starts ends: beside the training a branch waits, looks, and ends it with an error.

Step Functions ends a Parallel when one of its branches fails, and otherwise waits for all of them. So the training ends
with an error as well, or a sweep of ten minutes would take as long as its jobs have time to start.
"""

from typing import Any

from stepsweep.contract.jobs import NO_JOB_STARTED, TRAINING_ENDED
from tests.proof.checks.check import Findings
from tests.proof.subject import Subject

LONGEST_WAIT_SECONDS = 7 * 24 * 60 * 60


def findings(subject: Subject) -> Findings:
    parallels = {name: state for name, state, _ in subject.states() if state["Type"] == "Parallel"}
    guarded = {name: state for name, state in parallels.items() if any(_maps(each) for each in state["Branches"])}
    if len(guarded) != 1:
        yield f"{sorted(guarded)} watch the training, not one state"
        return
    ((name, state),) = guarded.items()
    training = [branch for branch in state["Branches"] if _maps(branch)]
    watching = [branch for branch in state["Branches"] if not _maps(branch)]
    if len(_maps(training[0])) != 2 or len(watching) != 1:
        yield f"{name}: one branch must train, in rounds and freely, and one must watch it"
        return
    yield from (f"{name}: {fault}" for fault in _faults_of_training(training[0]))
    yield from (f"{name}: {fault}" for fault in _faults_of_watching(watching[0]))
    yield from (f"{name}: {fault}" for fault in _faults_of_catchers(subject, state))


def _maps(branch: dict[str, Any]) -> list[dict[str, Any]]:
    return [state for state in branch["States"].values() if state["Type"] == "Map"]


def _faults_of_training(branch: dict[str, Any]) -> Findings:
    for each in _maps(branch):
        after = branch["States"].get(each.get("Next"), {})
        if (after.get("Type"), after.get("Error")) != ("Fail", TRAINING_ENDED):
            yield "a training that has ended must end the branch that watches it"


def _faults_of_watching(branch: dict[str, Any]) -> Findings:
    first = branch["States"][branch["StartAt"]]
    if first["Type"] != "Wait" or not 0 < first.get("Seconds", 0) <= LONGEST_WAIT_SECONDS:
        yield "jobs must be given time to start, and not for ever"
    for each in branch["States"].values():
        if each["Type"] == "Task" and not any(
            catch["ErrorEquals"] == ["States.ALL"] for catch in each.get("Catch", [])
        ):
            yield "when nobody can look, the training must go on"
    if NO_JOB_STARTED not in [each.get("Error") for each in branch["States"].values()]:
        yield "nothing ends the training when no job starts"


def _faults_of_catchers(subject: Subject, state: dict[str, Any]) -> Findings:
    caught = {error: catcher for catcher in state.get("Catch", []) for error in catcher["ErrorEquals"]}
    if caught.keys() != {TRAINING_ENDED, NO_JOB_STARTED}:
        yield f"it ends with two errors that are none of the sweep, and {sorted(caught)} are caught"
        return
    reduce = caught[TRAINING_ENDED]["Next"]
    end_jobs = subject.definition["States"].get(caught[NO_JOB_STARTED]["Next"], {})
    if end_jobs.get("Next") != reduce or [each["Next"] for each in end_jobs.get("Catch", [])] != [reduce]:
        yield "jobs that never started must be ended before a winner is picked, which is picked whatever happens"
    payload = subject.definition["States"].get(reduce, {}).get("Parameters", {}).get("Payload", {})
    for error, catcher in caught.items():
        if catcher.get("ResultPath", "$") == "$":
            yield f"{error} takes the place of the sweep"
        elif catcher["ResultPath"] not in payload.values():
            yield f"who picks the winner is not told of {error}"
