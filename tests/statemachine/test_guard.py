"""Whether any job of a sweep starts: what the function answers to what Batch says, and which jobs it ends."""

from dataclasses import dataclass, field
from typing import Any

import pytest

from stepsweep.contract import keys
from stepsweep.contract.jobs import NO_JOB_STARTED, NOTHING_RUNS, NOTHING_STARTS, OTHERS_RUN, SEARCH_STOPPED, STARTED
from stepsweep.statemachine import guard
from tests.support.clients import PATIENT
from tests.support.functions import as_lambda_does

QUEUES = {keys.SWEEP_QUEUE: "sweeps", keys.JOB_QUEUE: "by-hand"}
PLANNED_AT = 1_790_000_000_000


@dataclass
class Batch:
    """Batch's API, as far as the function asks it: jobs in two queues."""

    jobs: dict[str, dict[str, Any]] = field(default_factory=dict)
    ended: dict[str, str] = field(default_factory=dict)

    def add(self, name: str, *, sweep: str, status: str, queue: str = "sweeps", **more: Any) -> None:
        self.jobs[name] = {"queue": queue, "status": status, "tags": {"sweep": sweep}, "at": PLANNED_AT + 1, **more}

    def get_paginator(self, name: str) -> "Batch":
        assert name == "list_jobs"
        return self

    def paginate(self, **asked: Any) -> list[dict[str, Any]]:
        return [self.list_jobs(**asked)]

    def list_jobs(
        self,
        jobQueue: str,  # noqa: N803
        jobStatus: str = "",  # noqa: N803
        filters: Any = (),
        maxResults: int = 1_000,  # noqa: N803
    ) -> dict[str, Any]:
        found = [name for name, job in self.jobs.items() if job["queue"] == jobQueue]
        if filters:  # Batch then heeds no status
            (created,) = filters
            assert created["name"] == "AFTER_CREATED_AT"
            found = [name for name in found if self.jobs[name]["at"] > int(created["values"][0])]
        else:
            found = [name for name in found if self.jobs[name]["status"] == jobStatus]
        return {"jobSummaryList": [{"jobId": name} for name in found[:maxResults]]}

    def describe_jobs(self, jobs: list[str]) -> dict[str, Any]:
        return {"jobs": [{"jobId": name, **self.jobs[name]} for name in jobs]}

    def terminate_job(self, jobId: str, reason: str) -> None:  # noqa: N803
        self.ended[jobId] = reason


@pytest.fixture
def batch(monkeypatch: pytest.MonkeyPatch) -> Batch:
    there = Batch()
    monkeypatch.setattr(guard, "batch_client", lambda: there)
    for name, queue in QUEUES.items():
        monkeypatch.setenv(name, queue)
    monkeypatch.setenv(keys.START_WITHIN_MINUTES, "120")
    return there


def look(event: dict[str, Any] | None = None) -> dict[str, Any]:
    """Looks as the state machine does: a second look is given what the first one answered."""
    return as_lambda_does(
        guard.handler, event or {"sweep": "mine", "round": 0, "planned_at": PLANNED_AT, "ended": {}, "leg": None}
    )


def test_a_sweep_ends_when_two_looks_find_that_nothing_runs(batch: Batch) -> None:
    batch.add("waits", sweep="mine", status="RUNNABLE", statusReason="MISCONFIGURATION:  JOB_RESOURCE_REQUIREMENT")
    first = look()
    assert first["verdict"] == NOTHING_RUNS
    second = look(first)
    assert second["verdict"] == NOTHING_STARTS
    assert second["why"] == "no job started within 120 minutes: MISCONFIGURATION: JOB_RESOURCE_REQUIREMENT"


def test_a_sweep_whose_turn_has_just_come_is_given_time_for_a_machine(batch: Batch) -> None:
    """The others' last job has ended a moment before the look, and ours gets its machine a moment later."""
    batch.add("ours", sweep="mine", status="RUNNABLE")
    batch.add("theirs", sweep="theirs", status="RUNNING")
    waits = look()
    assert waits["verdict"] == OTHERS_RUN
    batch.jobs["theirs"]["status"] = "SUCCEEDED"
    waits = look(waits)
    assert waits["verdict"] == NOTHING_RUNS
    batch.jobs["ours"]["status"] = "STARTING"
    assert look(waits)["verdict"] == STARTED


def test_others_that_begin_between_two_looks_are_waited_for(batch: Batch) -> None:
    batch.add("ours", sweep="mine", status="RUNNABLE")
    waits = look()
    batch.add("theirs", sweep="", status="STARTING", queue="by-hand")
    waits = look(waits)
    assert waits["verdict"] == OTHERS_RUN
    batch.jobs["theirs"]["status"] = "FAILED"
    assert look(waits)["verdict"] == NOTHING_RUNS


@pytest.mark.parametrize(
    "job",
    [
        {"status": "STARTING"},
        {"status": "RUNNING"},
        {"status": "SUCCEEDED", "startedAt": 1},
        {"status": "RUNNABLE", "attempts": [{}]},  # its machine was lost
    ],
)
def test_one_job_that_has_started_is_enough(batch: Batch, job: dict[str, Any]) -> None:
    for number in range(150):
        batch.add(f"waits-{number}", sweep="mine", status="RUNNABLE")
    batch.add("started", sweep="mine", **job)
    assert look()["verdict"] == STARTED


def test_jobs_of_an_earlier_round_do_not_count(batch: Batch) -> None:
    batch.add("earlier", sweep="mine", status="SUCCEEDED", startedAt=1, at=PLANNED_AT - 60_000)
    batch.add("now", sweep="mine", status="RUNNABLE")
    assert look()["verdict"] == NOTHING_RUNS


def test_clocks_that_differ_hide_no_job(batch: Batch) -> None:
    """The planner's clock is ahead of Batch's by some seconds. The first job has trained well."""
    batch.add("first", sweep="mine", status="SUCCEEDED", startedAt=1, at=PLANNED_AT - 5_000)
    batch.add("second", sweep="mine", status="RUNNABLE", at=PLANNED_AT - 4_000)
    assert look()["verdict"] == STARTED


def test_the_most_frequent_reason_of_batch_is_told(batch: Batch) -> None:
    for number, reason in enumerate(["a", "b", "b", None, None, None]):
        batch.add(f"{number}", sweep="mine", status="RUNNABLE", **({"statusReason": reason} if reason else {}))
    assert look(look())["why"].endswith(": b")


@pytest.mark.parametrize("error", [NO_JOB_STARTED, SEARCH_STOPPED])
def test_what_it_ends_is_of_this_sweep_and_alive(batch: Batch, error: str) -> None:
    batch.add("waits", sweep="mine", status="RUNNABLE")
    batch.add("runs", sweep="mine", status="RUNNING")
    batch.add("done", sweep="mine", status="SUCCEEDED")
    batch.add("theirs", sweep="Mine", status="RUNNING")
    event = {"sweep": "mine", "round": 0, "ended": {"Error": error, "Cause": "why"}}
    assert as_lambda_does(guard.handler, event) == event
    assert batch.ended == {"waits": "why", "runs": "why"}


@pytest.mark.parametrize("others", [0, 1])
def test_a_job_that_loses_its_machine_while_jobs_are_listed_ends_too(
    batch: Batch, monkeypatch: pytest.MonkeyPatch, others: int
) -> None:
    batch.add("reclaimed", sweep="mine", status="RUNNING")
    for number in range(others):
        batch.add(f"waits-{number}", sweep="mine", status="RUNNABLE")
    listed = batch.list_jobs

    def list_jobs(**asked: Any) -> dict[str, Any]:
        found = listed(**asked)
        if asked["jobStatus"] == "STARTING":  # after RUNNABLE, and before RUNNING
            batch.jobs["reclaimed"]["status"] = "RUNNABLE"
        return found

    monkeypatch.setattr(batch, "list_jobs", list_jobs)
    look({"sweep": "mine", "round": 0, "ended": {"Error": SEARCH_STOPPED, "Cause": "why"}})
    assert batch.ended.keys() == batch.jobs.keys()


def test_a_batch_that_throttles_is_asked_for_about_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    client = guard.batch_client()
    assert client.meta.service_model.service_name == "batch"
    assert client.meta.config.retries == PATIENT  # type: ignore[attr-defined]
