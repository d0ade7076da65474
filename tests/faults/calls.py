"""Faults of AWS calls, by proxies between the cloud and all that runs in it: jobs, functions, the state machine."""

from collections.abc import Callable, Mapping
from typing import Any

from tests.faults.between import Do, Rule
from tests.faults.cases import Case
from tests.faults.jobs import last_log, outcomes
from tests.faults.world import WINNER, World

FAULTS: dict[str, tuple[str, dict[str, Any]]] = {
    "500": ("answered with 500 InternalError", {"error": {"code": "InternalError", "status": 500}}),
    "503": ("answered with 503 SlowDown", {"error": {"code": "SlowDown", "status": 503}}),
    "slow": ("answered 1.5 s late", {"latency": 1500}),
    "reset": ("without an answer: the connection is reset", {"reset": True}),
}


def s3(operation: str, fault: Mapping[str, Any]) -> Callable[[World, str], dict[str, Any]]:
    """Returns a case in which each third request of a kind fails, from the sweep's first to its last."""

    def run(world: World, name: str) -> dict[str, Any]:
        spec = world.spec(name)
        rule = {"service": "s3", "operation": operation, "sequence": {"fail": 1, "pass": 2}, **fault}
        world.microburst.set_rules(rule)
        output = world.cloud.run(spec)
        assert len(world.microburst.fired()) >= 4
        assert output.get("outcomes") == {"SUCCEEDED": 4, "FAILED": 0, "MISSING": 0, "INVALID": 0}, output
        assert output["winner"]["params"] == WINNER
        return spec

    return run


def put_without_an_answer(world: World, name: str) -> dict[str, Any]:
    spec = world.spec(name)
    lost = world.hop.add(Rule(Do.LOSE, "PUT", "/metrics-e", times=2))
    assert outcomes(world, world.cloud.start(spec)) == {"SUCCEEDED": 4}
    assert lost.done == 2
    said = [last_log(attempt) for attempt in world.attempts(name)]
    assert all("\nwrote s3://" in text for text in said), said  # and none that another job finished first
    return spec


def throttled(world: World, name: str) -> dict[str, Any]:
    spec = world.spec(name, parameters={"lr": [n / 100 for n in range(1, 11)], "momentum": [0.9]}, epochs=1)
    rule = {
        "service": "batch",
        "operation": "SubmitJob",
        "sequence": {"fail": 3, "pass": 7},
        "error": {"code": "TooManyRequestsException", "status": 429},
    }
    world.microburst.set_rules(rule)
    assert outcomes(world, world.cloud.start(spec)) == {"SUCCEEDED": 10}
    assert len(world.microburst.fired()) >= 3
    return spec


def fails_after_acceptance(do: Do) -> Callable[[World, str], dict[str, Any]]:
    def run(world: World, name: str) -> dict[str, Any]:
        spec = world.spec(name, fixed={"sleep": 0.2})
        accepted = world.hop.add(Rule(do, "POST", "/v1/submitjob", times=2))
        assert outcomes(world, world.cloud.start(spec)) == {"SUCCEEDED": 4}
        assert accepted.done == 2
        jobs = {attempt.job_id for attempt in world.attempts(name)}
        assert len(jobs) == 6, f"two of four trials have a second job, or one has three: {len(jobs)} jobs"
        return spec

    return run


CASES = [
    *(
        Case(
            name=f"S3 {fault} on {verb}",
            injected=f"every third {operation} request is {said}",
            run=s3(operation, rule),
            is_slow=True,
        )
        for verb, operation in (("get", "GetObject"), ("put", "PutObject"))
        for fault, (said, rule) in FAULTS.items()
    ),
    Case(
        name="a put whose answer is lost",
        injected="S3 stores the metrics, but closes the connection without an answer; twice",
        run=put_without_an_answer,
        is_slow=True,
    ),
    Case(
        name="SubmitJob throttled",
        injected="Batch answers 30 % of ten trials' SubmitJob requests with 429 TooManyRequestsException",
        run=throttled,
        is_slow=True,
    ),
    Case(
        name="SubmitJob fails after acceptance",
        injected="Batch accepts two jobs but answers 500 ServerException, so each trial is submitted again",
        run=fails_after_acceptance(Do.FAIL),
        is_slow=True,
    ),
    Case(
        name="SubmitJob's answer is lost",
        injected="Batch accepts two jobs, but closes the connection without an answer",
        run=fails_after_acceptance(Do.LOSE),
        is_slow=True,
    ),
]
