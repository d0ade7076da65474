"""What one step of a sweep writes, the next one reads; and what is not that names the object and the field."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepsweep.contract.artifacts import Kept
from stepsweep.contract.attempts import Attempt, attempts_of
from stepsweep.contract.documents import Latest, RoundPlan, RoundResults, TrialItem, items_from_json
from stepsweep.contract.errors import InvalidDocument
from stepsweep.contract.events import Asked, Began, Choice, Task, TaskEnd, event_from_json
from stepsweep.contract.fleet import Fleet
from stepsweep.contract.job_outcome import CONTAINER_EXITED, JobOutcome, begun
from stepsweep.contract.jobs import ENDED_WITH_THE_SEARCH
from stepsweep.contract.means import Capacity, StackJob
from stepsweep.contract.median import Ended, Medians
from stepsweep.contract.objective import At, Direction, Objective, When
from stepsweep.contract.output import Cost, Output, Place
from stepsweep.contract.priority import Priority
from stepsweep.contract.results import Result
from stepsweep.contract.rounds import first_round
from stepsweep.contract.spec import SweepSpec
from stepsweep.contract.spent import Spent
from stepsweep.contract.trial import Cause, Outcome, Status
from stepsweep.contract.worker import worker_state
from tests.support.life import life_of
from tests.support.strategies import documents

SPEC = SweepSpec.from_json({"parameters": {"lr": [0.1, 0.2]}, "epochs": 2, "name": "s", "repeats": 2})
TRIALS = tuple(first_round(SPEC, trainer_version="1"))
PLAN = RoundPlan(
    execution="s-1",
    is_resumed=True,
    recorded_before=(TRIALS[1].trial_id,),
    spec=SPEC,
    round_number=0,
    trainer_version="1",
    trainer_name="mine",
    trials=TRIALS,
)
RESULTS = RoundResults(
    execution="s-1",
    round_number=1,
    spent=Spent(job_seconds=1.5, epochs=4, jobs=2, starts=1, slowest=0.5),
    results=(
        Result(
            trial=TRIALS[0],
            outcome=Outcome(trial_id=TRIALS[0].trial_id, status=Status.SUCCEEDED),
            value=0.5,
            epoch=1,
            epochs_trained=2,
        ),
        Result(
            trial=TRIALS[1],
            outcome=Outcome(trial_id=TRIALS[1].trial_id, status=Status.MISSING, reason="no", cause=Cause.MEDIAN_RULE),
        ),
    ),
)
ITEMS = [TrialItem.of(trial, execution="s-1", spec=SPEC, bucket="b", job=StackJob()) for trial in TRIALS]


NAMES = ("attempts", "Container", "LogStreamName", "StartedAt", "StoppedAt")


def stored(document: object) -> Any:
    return json.loads(json.dumps(document, allow_nan=False))


@given(documents())
def test_any_plan_and_its_items_survive(document: Any) -> None:
    # The largest seed leaves no room for the seeds of repeats.
    spec = SweepSpec.from_json({**document, "seed": 0})
    plan = RoundPlan(
        execution="s-1",
        is_resumed=False,
        recorded_before=(),
        spec=spec,
        round_number=3,
        trainer_version="v",
        trainer_name="mine",
        trials=tuple(first_round(spec, trainer_version="v")),
    )
    assert RoundPlan.from_json(stored(plan.to_json()), where="plan.json") == plan
    items = [TrialItem.of(trial, execution="s-1", spec=spec, bucket="b", job=StackJob()) for trial in plan.trials]
    assert items_from_json(stored([item.to_json() for item in items]), where="to-run.json") == items


def test_results_survive() -> None:
    assert RoundResults.from_json(stored(RESULTS.to_json()), where="results.json") == RESULTS


TASK = Task(candidate=3, member=1, rung=2, params={"lr": 0.1, "sizes": (1, 2)}, medians={1: 0.5, 3: 0.25})
END = TaskEnd(
    status=Status.SUCCEEDED, reason="why", cause=Cause.DIVERGED, value=0.5, epoch=2, epochs_trained=3, job_seconds=1.5,
    by_objective=(0.5, 7.0), ended=Ended(epoch=1, value=0.25), averages={1: 0.5, 2: 0.75},
)  # fmt: skip


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (
            replace(RESULTS.results[0], epoch=2, best=0.75, last=0.25, epochs_trained=3, by_objective=(0.5, 7.0)),
            Result.from_json,
        ),
        (Asked(leg=1, worker=2, turn=3, ended=END, choice=Choice(task=TASK, passed=(4, 5)), seen=6), event_from_json),
        (Asked(leg=1, worker=2, turn=3, ended=None, choice=Choice(ended_by="a rule")), event_from_json),
        (
            Began(
                leg=1, execution="s-2", part=2, started=3.5, spec=SPEC, trainer_version="v", trainer_name="mine",
                fleet=Fleet(usd_per_hour=0.5, at_once=4, per_machine=2, capacity=Capacity.SPOT), workers=2,
                first=(Choice(task=TASK), Choice()),
            ),
            event_from_json,
        ),
    ],
    ids=["result", "asked", "told of the end", "began"],
)  # fmt: skip
def test_all_that_may_be_in_a_document_survives(written: Any, read: Any) -> None:
    assert read(stored(written.to_json()), where="here") == written


def test_an_item_begins_the_outcomes_that_the_state_machine_completes() -> None:
    begun_outcomes = ITEMS[0].to_json()["outcomes"]
    done = JobOutcome.from_json({**begun_outcomes["SUCCEEDED"], "job": {"attempts": []}}, where="o")
    assert (done.trial_id, done.succeeded) == (TRIALS[0].trial_id, True)
    failed = JobOutcome.from_json({**begun_outcomes["FAILED"], "failure": {"Error": "E"}}, where="o")
    assert (failed.succeeded, failed.reason) == (False, "E")


@pytest.mark.parametrize(
    ("path", "value", "fault"),
    [
        (("schema",), 2, "p.json: schema: must be 1, which this version of stepsweep reads and writes, got 2"),
        (("round",), "0", 'p.json: round: must be a whole number, got "0"'),
        (("round",), True, "p.json: round: must be a whole number, got true"),
        (("trainer_version",), None, "p.json: trainer_version: must be a text, got null"),
        (("trials",), {}, "p.json: trials: must be a list, got {}"),
        (("trials", 1), 5, "p.json: trials[1]: must be an object, got 5"),
        (("trials", 1, "epochs"), 1.5, "p.json: trials[1]: epochs: must be a whole number, got 1.5"),
        (("trials", 0, "params"), [], "p.json: trials[0]: params: must be an object, got []"),
        (("trials", 0, "extra"), 1, 'p.json: trials[0]: unknown field "extra"'),
        (("spec", "epochs"), 0, "p.json: spec: epochs: must be a whole number from 1 to 100000, got 0"),
    ],
)
def test_a_plan_that_is_wrong_names_the_field(path: tuple[Any, ...], value: object, fault: str) -> None:
    document = stored(PLAN.to_json())
    place = document
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    with pytest.raises(InvalidDocument) as caught:
        RoundPlan.from_json(document, where="p.json")
    assert str(caught.value) == fault


@pytest.mark.parametrize("name", ["schema", "spec", "round", "trainer_version", "trainer_name", "trials"])
def test_every_field_of_a_plan_is_needed(name: str) -> None:
    document = stored(PLAN.to_json())
    del document[name]
    with pytest.raises(InvalidDocument, match=f"^p: {name} is missing$"):
        RoundPlan.from_json(document, where="p")


def test_results_with_a_status_that_is_none_are_refused() -> None:
    document = stored(RESULTS.to_json())
    document["results"][1]["status"] = "DONE"
    fault = r"^r: results\[1\]: status: must be one of SUCCEEDED, FAILED, MISSING, INVALID, got \"DONE\"$"
    with pytest.raises(InvalidDocument, match=fault):
        RoundResults.from_json(document, where="r")


def test_an_item_has_the_variables_of_the_spec_after_its_own() -> None:
    spec = SweepSpec.from_json({"parameters": {"lr": [1]}, "epochs": 1, "name": "s", "environment": {"B": 2, "A": "1"}})
    (trial,) = first_round(spec, trainer_version="1")
    assert TrialItem.of(trial, execution="s-1", spec=spec, bucket="b", job=StackJob()).to_json()["environment"] == [
        {"Name": "STEPSWEEP_METRICS_URI", "Value": f"s3://b/{trial.metrics_key}"},
        {"Name": "STEPSWEEP_CHECKPOINT_URI", "Value": f"s3://b/checkpoints/{trial.trial_id}/"},
        {"Name": "STEPSWEEP_ARTIFACTS_URI", "Value": f"s3://b/artifacts/new/{trial.trial_id}/e1/"},
        {"Name": "A", "Value": "1"},
        {"Name": "B", "Value": "2"},
    ]


def test_an_item_has_a_variable_for_all_that_a_job_is_told() -> None:
    fields = {"artifacts": ["a.pt"], "secrets": ["TOKEN"], "resources": {"vcpus": 4}, "fixed": {"tag": "true"}}
    more = {"retries": 2, "timeout_minutes": 7, "priority": "low"}
    spec = SweepSpec.from_json({"parameters": {"lr": [1]}, "epochs": 3, "name": "s", **fields, **more})
    (trial,) = (replace(each, round_number=6) for each in first_round(spec, trainer_version="1"))
    medians: Medians = {1: 0.5, 2: 0.75}
    item = TrialItem.of(trial, execution="s-1", spec=spec, bucket="b", job=StackJob(), medians=medians)
    assert item.environment == {
        "STEPSWEEP_METRICS_URI": f"s3://b/{trial.metrics_key}",
        "STEPSWEEP_CHECKPOINT_URI": f"s3://b/checkpoints/{trial.trial_id}/",
        "STEPSWEEP_ARTIFACTS_URI": f"s3://b/artifacts/new/{trial.trial_id}/e3/",
        "STEPSWEEP_ARTIFACTS": '["a.pt"]',
        "STEPSWEEP_MEDIANS": '{"metric":"val_accuracy","direction":"maximize","medians":[[1,0.5],[2,0.75]],'
        f'"uri":"s3://b/trials/{trial.trial_id}/ended-e3.json"}}',
        "STEPSWEEP_SECRETS": '["TOKEN"]',
        "OMP_NUM_THREADS": "4",
        "STEPSWEEP_TEXTS": '["tag"]',
    }
    assert replace(item, environment={}) == TrialItem(
        execution="s-1",
        sweep="s",
        share="lows043a718774c5",
        trial_id=trial.trial_id,
        command=("--lr", "1", "--tag", "true", "--epochs", "3", "--seed", "0"),
        environment={},
        requirements=({"Type": "MEMORY", "Value": "12000"}, {"Type": "VCPU", "Value": "4"}),
        timeout_seconds=420,
        attempts=3,
        outcome_key=f"sweeps/s/round-6/outcomes/{trial.trial_id}.json",
    )
    spec = replace(spec, keep_artifacts="none")
    item = TrialItem.of(trial, execution="s-1", spec=spec, bucket="b", job=StackJob())
    assert item.environment.keys().isdisjoint({"STEPSWEEP_ARTIFACTS_URI", "STEPSWEEP_MEDIANS"})


def test_a_job_is_told_the_rungs_below_its_own() -> None:
    halving = {"min_epochs": 1, "factor": 3}
    spec = SweepSpec.from_json({"parameters": {"lr": [1, 2, 3]}, "epochs": 9, "name": "s", "halving": halving})
    trial = first_round(spec, trainer_version="1")[0]
    told = [
        TrialItem.of(replace(trial, epochs=epochs), execution="s-1", spec=spec, bucket="b", job=StackJob()).environment
        for epochs in spec.rungs
    ]
    assert [each.get("STEPSWEEP_RUNGS") for each in told] == [None, "[1]", "[1, 3]"]


@pytest.mark.parametrize("data", [None, {}, 5, [{"schema": 1}]])
def test_items_that_are_none_are_refused(data: Any) -> None:
    with pytest.raises(InvalidDocument):
        items_from_json(data, where="to-run.json")


PLACE = Place(params={"lr": 0.1}, value=0.9, epoch=2, trial_id="t")
MEAN = Place(params={"lr": 0.2}, value=0.9, epoch=1, trial_id="u", n=3, standard_error=0.01, p_value=0.5)
OUTPUT = Output(
    sweep="s",
    execution="s-1",
    winner=PLACE,
    summary={"test_accuracy": 0.8, "any": [None, {"thing": "of the trainer's"}]},
    artifacts=Kept(prefix="artifacts/kept/t/e2/", files=2, bytes=7),
    ties=(MEAN,),
    objectives=SPEC.objectives,
    outcomes={"SUCCEEDED": 2, "FAILED": 1, "MISSING": 0, "INVALID": 0},
    best=(PLACE, MEAN),
    reasons=(("exit code 1", 1),),
    rounds=2,
    leaderboard_key="sweeps/s/leaderboard.csv",
    plan_key="sweeps/s/round-1/plan.json",
    epochs_trained=7,
    ended_by=None,
    cost=Cost(job_seconds=1.5, gpu_seconds=1.5, usd_estimate=0.01, usd_at_most=0.02),
)


def test_an_output_survives_and_has_the_line_to_paste() -> None:
    document = stored(OUTPUT.to_json())
    assert Output.from_json(document, where="winner.json") == OUTPUT
    assert document["winner"]["options"] == "--lr 0.1"
    for other in (
        replace(OUTPUT, artifacts=None, summary=None, ended_by="stop.max_hours"),
        replace(OUTPUT, fewer_epochs="The winner was trained for 3 of 9 epochs: no luck."),
        replace(OUTPUT, artifacts=replace(OUTPUT.artifacts, is_partial=True), winner=replace(MEAN, n=2)),  # type: ignore[type-var]
        replace(OUTPUT, objectives=(Objective(direction=Direction.MINIMIZE, at=At(when=When.EPOCH, number=2)),)),
    ):
        assert Output.from_json(stored(other.to_json()), where="winner.json") == other


@pytest.mark.parametrize(
    ("path", "value", "fault"),
    [
        (("winner", "value"), None, "w: winner: value: must be a number, got null"),
        (("winner", "summary"), [], "w: winner: summary must be an object or null"),
        (("ties", 0, "p_value"), "0", 'w: ties[0]: p_value: must be a number, got "0"'),
        (("outcomes", "LOST"), 1, 'w: outcomes: unknown field "LOST"'),
        (("objective", "direction"), "up", "w: objective: direction must be one of maximize, minimize, got up"),
        (("cost", "job_seconds"), True, "w: cost: job_seconds: must be a number, got true"),
        (("extra",), 1, 'w: unknown field "extra"'),
    ],
)
def test_an_output_that_is_wrong_names_the_field(path: tuple[Any, ...], value: object, fault: str) -> None:
    document = stored(OUTPUT.to_json())
    place = document
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    with pytest.raises(InvalidDocument) as caught:
        Output.from_json(document, where="w")
    assert str(caught.value) == fault


OUTCOME = begun("t", Status.FAILED, execution="s-1")


class TestJobOutcome:
    @pytest.mark.parametrize(
        ("wrong", "fault"),
        [
            (None, "must be an object, got null"),
            ([], "must be an object, got []"),
            ({}, "schema is missing"),
            ({"schema": 1, "trial_id": "t"}, "execution is missing"),
            ({**OUTCOME, "schema": 2}, "schema: must be 1, which this version of stepsweep reads and writes, got 2"),
            ({**OUTCOME, "execution": 5}, "execution: must be a text, got 5"),
            ({**OUTCOME, "trial_id": 5}, "trial_id: must be a text, got 5"),
            ({**OUTCOME, "status": 5}, "status: must be a text, got 5"),
            ({**OUTCOME, "status": "MISSING"}, """status must be "SUCCEEDED" or "FAILED", got 'MISSING'"""),
            (OUTCOME, "failure is missing"),
            ({**OUTCOME, "failure": 5}, "failure must be an object"),
        ],
    )
    def test_what_is_ours_is_strict(self, wrong: Any, fault: str) -> None:
        with pytest.raises(InvalidDocument) as caught:
            JobOutcome.from_json(wrong, where="o.json")
        assert str(caught.value) == f"o.json: {fault}"

    @given(
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(),
            lambda inner: (
                st.lists(inner) | st.dictionaries(st.sampled_from(["attempts", "Container", "StartedAt"]), inner)
            ),
        )
    )
    def test_what_is_batch_s_may_have_any_shape(self, job: Any) -> None:
        outcome = JobOutcome.from_json({**begun("t", Status.SUCCEEDED, execution="s-1"), "job": job}, where="o")
        assert outcome.job_seconds >= 0
        assert all(isinstance(name, str) for name in outcome.log_streams)

    @pytest.mark.parametrize(
        ("started", "stopped"),
        [(1, 10**400), (-(10**18), 10**18), (True, 2), (1e308, 2e308), ("1", "2"), (5_000, 1_000)],
    )
    def test_what_is_no_time_is_not_counted(self, started: Any, stopped: Any) -> None:
        job = {"attempts": [{"StartedAt": started, "StoppedAt": stopped}]}
        outcome = JobOutcome.from_json({**begun("t", Status.SUCCEEDED, execution="s-1"), "job": job}, where="o")
        assert outcome.job_seconds == 0
        assert list(attempts_of(outcome)) == []

    @pytest.mark.parametrize("status", [Status.SUCCEEDED, Status.FAILED])
    def test_the_attempts_that_ran_keep_their_numbers_and_the_last_one_of_a_job_decides(self, status: Status) -> None:
        last = 253_402_300_799_999  # of the year 9999
        times = [(0, 5), (1, 3), (None, 4), (4, 4), (4, last + 1), (5, last)]
        attempts = [{"StartedAt": started, "StoppedAt": stopped} for started, stopped in times]
        job = {"job": {"attempts": attempts}}
        failure = {"failure": {"Cause": json.dumps({"Attempts": attempts})}}
        ended = job if status is Status.SUCCEEDED else failure
        outcome = JobOutcome.from_json({**begun("t", status, execution="e"), **ended}, where="o")
        went_well = status is Status.SUCCEEDED
        assert list(attempts_of(outcome, rung=2)) == [
            Attempt(trial_id="t", number=2, started=1, stopped=3, went_well=False, rung=2),
            Attempt(trial_id="t", number=4, started=4, stopped=4, went_well=False, rung=2),
            Attempt(trial_id="t", number=6, started=5, stopped=last, went_well=went_well, rung=2),
        ]

    def test_the_attempts_of_a_failed_job_are_in_its_cause(self) -> None:
        attempts = [
            {"StartedAt": 1_000, "StoppedAt": 3_000, "Container": {"LogStreamName": "one", "ExitCode": 75}},
            {"StartedAt": 4_000, "StoppedAt": 5_000, "Container": {"LogStreamName": "two", "ExitCode": 1}},
        ]
        failure = {"Error": "States.TaskFailed", "Cause": json.dumps({"Attempts": attempts})}
        outcome = JobOutcome.from_json({**begun("t", Status.FAILED, execution="s-1"), "failure": failure}, where="o")
        assert outcome.job_seconds == 3.0
        assert outcome.log_streams == ["one", "two"]
        assert outcome.last_log_stream == "two"
        assert outcome.reason == "exit code 1, attempt 2"


LATEST = Latest(
    execution="s-2",
    created_at=datetime(2026, 11, 23, 5, 30, tzinfo=UTC),
    started_at=datetime(2026, 11, 24, 6, 30, 12, 250731, tzinfo=UTC),
    round_number=3,
    trainer_version="v",
    priority=Priority.LOW,
    has_ended=True,
)


@pytest.mark.parametrize("has_ended", [True, False])
def test_the_latest_execution_survives(has_ended: bool) -> None:
    latest = replace(LATEST, has_ended=has_ended)
    document = stored(latest.to_json())
    assert document["created_at"] == "2026-11-23T05:30:00+00:00"
    assert Latest.from_json(document, where="latest.json") == latest
    del document["priority"]  # as a stack wrote it before priorities were kept there
    assert Latest.from_json(document, where="latest.json") == replace(latest, priority=Priority.NORMAL)


@pytest.mark.parametrize(
    ("field", "value", "fault"),
    [
        ("schema", 2, "schema: must be 1, which this version of stepsweep reads and writes, got 2"),
        ("execution", None, "execution: must be a text, got null"),
        ("round", -1, "round: must be 0 or more, got -1"),
        ("trainer_version", 1, "trainer_version: must be a text, got 1"),
        ("priority", "urgent", 'priority: must be one of high, normal, low, got "urgent"'),
        ("has_ended", "no", 'has_ended: must be true or false, got "no"'),
        ("more", 1, 'unknown field "more"'),
        *(
            (name, wrong, f'{name}: must be a time with its zone, such as 2026-11-23T05:30:12+00:00, got "{wrong}"')
            for name in ("created_at", "started_at")
            for wrong in ("today", "2026-11-23T05:30:12")
        ),
    ],
)
def test_a_latest_that_is_wrong_names_the_field(field: str, value: object, fault: str) -> None:
    with pytest.raises(InvalidDocument) as caught:
        Latest.from_json({**stored(LATEST.to_json()), field: value}, where="l")
    assert str(caught.value) == f"l: {fault}"


def test_a_trial_that_no_machine_took_has_an_outcome_with_the_reason() -> None:
    outcome = JobOutcome.never_started("t", "no machine", execution="e")
    assert (outcome.trial_id, outcome.execution, outcome.succeeded, outcome.reason, outcome.attempts) == (
        "t", "e", False, "no machine", (),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("needs", "said"),
    [
        ([{"Type": "VCPU", "Value": "4"}, {"Type": "MEMORY", "Value": "12000"}], " (killed at its 12,000 MiB)"),
        ([{"Type": "MEMORY", "Value": "123456789"}], " (killed at its 123,456,789 MiB)"),
        ([{"Type": "MEMORY", "Value": "1234567890"}], ""),
        ([{"Type": "MEMORY", "Value": "much"}, {"Type": "MEMORY", "Value": 5}, {"Type": "MEMORY"}, 7], ""),
        ([{"Type": "VCPU", "Value": "4"}], ""),
        ({"Type": "MEMORY", "Value": "4"}, ""),
        (None, ""),
    ],
)
@pytest.mark.parametrize("why", ["OutOfMemoryError: Container killed due to memory usage", "Host EC2 terminated"])
def test_a_job_that_was_killed_for_memory_says_at_how_much(why: str, needs: object, said: str) -> None:
    attempt = {"Container": {"ExitCode": 137, "Reason": why}}
    job = {"Container": {"ResourceRequirements": needs}, "Attempts": [attempt]}
    failed = begun("t", Status.FAILED, execution="e") | {"failure": {"Error": "E", "Cause": json.dumps(job)}}
    reason = JobOutcome.from_json(failed, where="o").reason
    assert reason == f"exit code 137, {why}{said if why.startswith('OutOf') else ''}"


ENDED = f"{ENDED_WITH_THE_SEARCH}stop.max_hours"


@pytest.mark.parametrize(
    ("cause", "reason"),
    [
        ({}, "its job failed"),
        ({"StatusReason": "Host EC2 terminated"}, "Host EC2 terminated"),
        ({"StatusReason": CONTAINER_EXITED}, CONTAINER_EXITED),
        ({"StatusReason": ENDED, "Attempts": [{"Container": {"ExitCode": 143}}]}, ENDED),
        ({"Attempts": "many", "StatusReason": "why"}, "why"),
        ({"Attempts": []}, "its job failed"),
        ({"Attempts": ["?"]}, "its job failed"),
        ({"Attempts": [{"StatusReason": "Task failed to start"}]}, "Task failed to start"),
        ({"Attempts": [{"StatusReason": "no"}], "StatusReason": "job's"}, "job's"),
        ({"Attempts": [{"Container": {"Reason": "cannot pull"}}], "StatusReason": "job's"}, "cannot pull"),
        ({"Attempts": [{"Container": {"ExitCode": 0}}]}, "exit code 0"),
        ({"Attempts": [{"Container": {"ExitCode": 1}}], "StatusReason": CONTAINER_EXITED}, "exit code 1"),
        ({"Attempts": [{"Container": {"ExitCode": 1}}], "StatusReason": "a timeout"}, "exit code 1, a timeout"),
        (
            {
                "Attempts": [
                    {"Container": {"ExitCode": 1}},
                    {"Container": {"ExitCode": 2}},
                    {"Container": {"ExitCode": 3}},
                ]
            },
            "exit code 3, attempt 3",
        ),
        *(
            (
                {"Attempts": [{"Container": {"ExitCode": 137, "Reason": why}}]},
                "exit code 137, killed, most likely for memory",
            )
            for why in (None, "", CONTAINER_EXITED)
        ),
        ({"Attempts": [{"Container": {"ExitCode": 137, "Reason": "Host EC2"}}]}, "exit code 137, Host EC2"),
    ],
)
def test_the_reason_of_a_failed_job_says_what_batch_said_most_precisely(cause: object, reason: str) -> None:
    assert failed_for({"Error": "States.TaskFailed", "Cause": json.dumps(cause)}) == reason


@pytest.mark.parametrize(
    ("failure", "reason"),
    [
        ({}, "unknown error"),
        ({"Error": "States.Timeout"}, "States.Timeout"),
        ({"Error": "Batch.ClientException", "Cause": "no such queue"}, "Batch.ClientException: no such queue"),
        ({"Cause": "[1]"}, "unknown error: [1]"),
    ],
)
def test_what_failed_and_was_no_job_is_said_in_the_words_of_its_error(failure: object, reason: str) -> None:
    assert failed_for(failure) == reason


def failed_for(failure: object) -> str:
    return JobOutcome.from_json(begun("t", Status.FAILED, execution="e") | {"failure": failure}, where="o").reason


def test_a_worker_is_told_what_to_do_and_what_to_ask_next() -> None:
    life = life_of(workers=2, trials=3)
    assert life.state is not None
    told: Any = {"bucket": "b", "job": StackJob(), "turn": 5}
    question = {"sweep": "s", "execution": "one", "leg": 0, "worker": 1, "turn": 5, "ended": {}}
    assert worker_state(life.state, 1, do="stop", why="a rule", **told) == {
        "do": "stop", "question": question, "why": "a rule",
    }  # fmt: skip
    assert worker_state(life.state, 1, do="end", **told) == {"do": "end", "question": question}
    medians: Medians = {1: 0.5}
    trial = life.state.trial(0, 0)
    found = worker_state(life.state, 1, do="train", trial=trial, medians=medians, **told)
    item = TrialItem.of(trial, execution="one", spec=life.spec, bucket="b", job=StackJob(), medians=medians)
    assert found == {**item.to_json(), "do": "train", "question": question}
