"""Several objectives: which trials no other beats, which epoch of a trial counts, and what a person may ask for."""

import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepsweep.contract import ranking
from stepsweep.contract.artifacts import Kept
from stepsweep.contract.errors import InvalidMetrics
from stepsweep.contract.front import MAX_FRONT_BYTES, Front, OnFront
from stepsweep.contract.leaderboard_csv import leaderboard_csv
from stepsweep.contract.metrics import parse_csv
from stepsweep.contract.objective import At, Direction, Objective, Reached, When
from stepsweep.contract.output import Cost, Output
from stepsweep.contract.pareto import Point, fronts
from stepsweep.contract.results import Group, Result
from stepsweep.contract.rounds import first_round
from stepsweep.contract.spec import SweepSpec
from stepsweep.contract.trial import Outcome, Status
from tests.support.specs import faults, parse

BOTH = [{"metric": "val_accuracy"}, {"metric": "latency_ms", "direction": "minimize"}]

coordinates = st.sampled_from([-math.inf, -1.5, -0.0, 0.0, 1.0, 2.0]) | st.floats(allow_nan=False)
clouds_of_points = st.integers(2, 4).flatmap(lambda many: st.lists(st.tuples(*[coordinates] * many), max_size=30))


def is_beaten(point: Point, others: list[Point]) -> bool:
    return any(
        all(theirs <= mine for theirs, mine in zip(other, point, strict=True))
        and any(theirs < mine for theirs, mine in zip(other, point, strict=True))
        for other in others
    )


@given(clouds_of_points)
def test_a_front_has_the_points_that_none_of_the_others_left_beats(points: list[Point]) -> None:
    found, left, front = fronts(points), list(range(len(points))), 0
    while left:
        front += 1
        first = [number for number in left if not is_beaten(points[number], [points[other] for other in left])]
        assert [number for number in left if found[number] == front] == first
        left = [number for number in left if number not in first]


@given(clouds_of_points, st.randoms(use_true_random=False))
def test_the_order_of_points_decides_nothing(points: list[Point], random: Any) -> None:
    of_point = dict(zip(points, fronts(points), strict=True))
    assert len(set(zip(points, fronts(points), strict=True))) == len(set(points))  # equal points share a front
    shuffled = random.sample(points, len(points))
    assert fronts(shuffled) == [of_point[point] for point in shuffled]


def result(spec: SweepSpec, number: int, *values: float, status: Status = Status.SUCCEEDED) -> Group:
    trial = first_round(spec, trainer_version="t")[number]
    outcome = Outcome(trial_id=trial.trial_id, status=status)
    if not values:
        return Group(results=(Result(trial=trial, outcome=outcome),))
    return Group(
        results=(Result(trial=trial, outcome=outcome, value=values[0], epoch=1, epochs_trained=1, by_objective=values),)
    )


def test_the_leaderboard_has_fronts_for_ranks_and_failed_trials_last() -> None:
    spec = parse(parameters={"lr": [1, 2, 3, 4, 5, 6]}, objectives=BOTH)
    groups = [
        result(spec, 0, status=Status.FAILED), result(spec, 1, 0.8, 9.0), result(spec, 2, 0.8, 3.0),
        result(spec, 3, 0.9, 5.0), result(spec, 4, 0.8, 3.0), result(spec, 5, 0.7, 20.0),
    ]  # fmt: skip
    ranked = ranking.ranked(groups, spec.objectives)
    assert [(rank, group.params["lr"]) for rank, group in ranked] == [(1, 4), (1, 3), (1, 5), (2, 2), (3, 6), (None, 1)]
    rows = leaderboard_csv(ranked, spec.objectives, ["lr"]).decode().splitlines()
    assert rows[0] == "rank,trial_id,params.lr,val_accuracy,latency_ms,epoch,epochs_trained,status,reason"
    assert rows[1:3] == [
        f"1,{ranked[0][1].trial.trial_id},4,0.9,5.0,1,1,SUCCEEDED,",
        f"1,{ranked[1][1].trial.trial_id},3,0.8,3.0,1,1,SUCCEEDED,",
    ]
    assert rows[-1] == f",{groups[0].trial.trial_id},1,,,,,FAILED,"


def reached(text: str, at: Any = "last") -> tuple[int, tuple[float, ...]]:
    objectives = [
        Objective(metric="accuracy", at=At.from_json(at)),
        Objective(metric="ms", direction=Direction.MINIMIZE, at=At.from_json(at)),
    ]
    found = Reached.of(objectives, parse_csv(text.encode(), max_epochs=9))
    assert (found.value, found.best, found.last) == (found.by_objective[0], None, None)
    return found.epoch, found.by_objective


@pytest.mark.parametrize(
    ("rows", "at", "found"),
    [
        ("1,0.9,5\n2,0.8,4\n", "last", (2, (0.8, 4))),  # never 0.9 and 4, which no epoch had
        ("1,0.9,5\n2,0.8,\n", "last", (1, (0.9, 5))),  # one of them was not measured in the last epoch
        ("1,0.9,5\n2,nan,4\n3,0.7,\n", "last", (1, (0.9, 5))),  # nor is an epoch whole that has no number
        ("1,0.9,5\n2,0.8,4\n3,0.7,3\n", {"epoch": 2}, (2, (0.8, 4))),
        ("1,0.9,5\n2,0.8,\n3,0.7,3\n", {"epoch": 2}, (1, (0.9, 5))),
        ("1,0.9,5\n", {"epoch": 7}, (1, (0.9, 5))),  # it stopped early
    ],
)
def test_all_objectives_are_read_at_one_epoch(rows: str, at: Any, found: Any) -> None:
    assert reached(f"epoch,accuracy,ms\n{rows}", at) == found


@pytest.mark.parametrize(
    ("text", "at", "reason"),
    [
        ("epoch,accuracy,ms\n1,0.9,5\n2,0.8,inf\n", "last", "ms is inf at epoch 2: the trial diverged"),
        ("epoch,accuracy,ms\n1,nan,5\n", "last", "accuracy is nan at epoch 1: the trial diverged"),
        (
            "epoch,accuracy\n1,0.9\n",
            "last",
            "the objective `ms` is not among the metrics: accuracy; name one of them, "
            "or say with `metrics` where it is printed",
        ),
        ("epoch,accuracy,ms\n1,0.9,\n", "last", "ms, the objective, was not measured in any epoch"),
        ("epoch,accuracy,ms\n1,0.9,\n2,,5\n", "last", "there is no epoch in which all objectives (accuracy, ms) were"),
        ("epoch,accuracy,ms\n1,,5\n2,0.9,5\n", {"epoch": 1}, "there is no epoch up to epoch 1 in which all objectives"),
    ],
)
def test_a_trial_without_such_an_epoch_is_invalid(text: str, at: Any, reason: str) -> None:
    with pytest.raises(InvalidMetrics) as caught:
        reached(text, at)
    assert str(caught.value).startswith(reason)


def test_a_spec_with_objectives_survives_and_says_what_it_takes() -> None:
    spec = parse(objectives=["val_accuracy", {"metric": "val_loss"}, "latency_ms:minimize"])
    assert [(each.metric, each.direction.value, each.at.when) for each in spec.objectives] == [
        ("val_accuracy", "maximize", When.LAST), ("val_loss", "minimize", When.LAST),
        ("latency_ms", "minimize", When.LAST),
    ]  # fmt: skip
    assert (spec.has_front, spec.keep_artifacts) == (True, "front")
    assert SweepSpec.from_json(spec.to_json()) == spec
    at = parse(epochs=5, objectives=[{**BOTH[0], "at": {"epoch": 3}}, BOTH[1]])
    assert [each.at for each in at.objectives] == [At(when=When.EPOCH, number=3)] * 2
    assert SweepSpec.from_json(at.to_json()) == at
    assert not at.same_work(spec)
    allowed = parse(objectives=BOTH, stop={"max_hours": 2}, search={"method": "tpe", "trials": 9}, keep_artifacts="all")
    assert (allowed.has_front, allowed.rounds) == (True, False)


@pytest.mark.parametrize(
    ("fields", "found"),
    [
        ({"objectives": BOTH[:1]}, ["objectives: must be a list of 2 to 4 such as"]),
        ({"objectives": {}}, ["objectives: must be a list of 2 to 4 such as"]),
        ({"objectives": [f"m{number}:minimize" for number in range(5)]}, ["objectives: must be a list of 2 to 4"]),
        ({"objectives": BOTH, "objective": "val_loss"}, ["objective: there are `objectives` too; write one"]),
        ({"objectives": [*BOTH, BOTH[0]]}, ["objectives[2].metric: val_accuracy stands in the list twice"]),
        (
            {"objectives": [{}, 5, {"metric": "gap"}, {"metric": "rank", "direction": "up", "weight": 1}]},
            [
                "unknown field `objectives[3].weight`",
                "objectives[0].metric: missing",
                "objectives[1]: must be a metric's name or an object",
                "objectives[2].direction: missing, and which end of gap is better is not known",
                "objectives[3].metric: must name a column of the metrics",
                'objectives[3].direction: must be "maximize" or "minimize", got "up"',
            ],
        ),
        ({"objectives": [{**BOTH[0], "at": "best"}, BOTH[1]]}, ['objectives[0].at: must be "last" or {"epoch": 10}']),
        (
            {"objectives": [{**BOTH[0], "at": "last"}, {**BOTH[1], "at": {"epoch": 1}}]},
            ["objectives: all are read at one epoch of a trial; write the same `at`"],
        ),
        (
            {"objectives": BOTH, "halving": {}, "folds": 3, "repeats": 2, "warm_start": ["a"],
             "search": {"method": "tpe", "trials": 9},
             "stop": {"metric_reached": 1, "max_trials_without_improvement": 5}, "keep_artifacts": "winner"},
            [
                'keep_artifacts: must be "front", "all" or "none" with several objectives, got "winner"',
                "halving: promotes the best by one value, which several objectives do not have",
                "folds: rank by the mean of one value",
                "repeats: rank by the mean of one value",
                "warm_start: tells the model one value of each trial",
                "stop.metric_reached: looks at one value",
                "stop.max_trials_without_improvement: looks at one value",
            ],
        ),
        ({"objectives": ["params.lr:minimize", BOTH[0]]}, ["objectives[0].metric: must name a column of the metrics"]),
        ({"objective": "params.lr:minimize"}, ["objective.metric: must name a column of the metrics"]),
        ({"objectives": BOTH, "stop": {"max_hour": 1}}, ["unknown field `stop.max_hour`; did you mean"]),
        ({"keep_artifacts": "front"}, ['keep_artifacts: must be "winner", "best 3", "all" or "none", got "front"']),
    ],
)  # fmt: skip
def test_what_several_objectives_cannot_have_is_said_in_words_and_all_at_once(
    fields: dict[str, Any], found: list[str]
) -> None:
    said = faults(**fields)
    assert len(said) == len(found), said
    assert all(any(each.startswith(begin) for each in said) for begin in found), said


OUTPUT = Output(
    sweep="s", execution="s-1",
    front=Front(
        size=2,
        trials=(
            OnFront(params={"lr": 0.1}, values={"val_accuracy": 0.9, "latency_ms": 5.0}, epoch=2, trial_id="t"),
            OnFront(params={"lr": 0.2}, values={"val_accuracy": 0.8, "latency_ms": 3.0}, epoch=1, trial_id="u",
                    artifacts=Kept(prefix="artifacts/kept/u/e2/", files=1, bytes=7)),
        ),
    ),
    objectives=parse(objectives=BOTH).objectives, outcomes={status.value: 0 for status in Status}, reasons=(), rounds=1,
    leaderboard_key="", plan_key="", epochs_trained=2, ended_by=None,
    cost=Cost(job_seconds=1, gpu_seconds=0, usd_estimate=0, usd_at_most=0),
)  # fmt: skip


def test_an_output_with_a_front_survives_and_names_no_winner() -> None:
    document = OUTPUT.to_json()
    assert Output.from_json(document, where="front.json") == OUTPUT
    assert not {"winner", "best", "ties", "objective"} & document.keys()
    assert document["front"]["trials"][1]["options"] == "--lr 0.2"


def test_a_front_that_is_too_large_for_an_output_is_listed_in_part_with_its_size() -> None:
    long = replace(OUTPUT.front.trials[0], params={f"p{number}": "x" * 250 for number in range(20)})  # type: ignore[union-attr]
    front = Front.of([long] * 60)
    assert front.size == 60
    assert 0 < len(front.trials) < 60
    assert front.which == f"the first {len(front.trials)} of 60 trials on the front"
    assert len(str(front.to_json())) < 1.1 * MAX_FRONT_BYTES
