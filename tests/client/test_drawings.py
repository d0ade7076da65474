"""Every kind of picture for notebooks and papers, as a person sees it: its size, axes, marks, colours and words."""

from collections.abc import Callable
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from stepsweep.client.pictures.canvas import Picture
from stepsweep.client.pictures.curve_figures import learning_curves
from stepsweep.client.pictures.figures import parallel_coordinates, ranks, slices, values_by_parameter
from stepsweep.client.pictures.front_figures import front
from stepsweep.client.pictures.heatmap import heatmap
from stepsweep.client.pictures.search_figures import best_so_far, importance_of_parameters, rungs
from stepsweep.contract.endings import Ending
from stepsweep.contract.leaderboard import Row
from stepsweep.contract.metrics import Metrics
from stepsweep.contract.objective import Direction, Objective
from stepsweep.contract.output import Cost, Output, Place
from stepsweep.contract.spec import SweepSpec
from stepsweep.page.course import Course, course
from stepsweep.page.gathered import Importance, Weight
from tests.support.drawings import described
from tests.support.kept import compare
from tests.support.planes import ACCURACY, PLANE, PLANE_ROWS, rows, spec

KEPT = Path(__file__).parent / "drawings"
LOSS = Objective(metric="val_loss", direction=Direction.MINIMIZE)

# A range, a log one, choices, and a parameter that some trials lack.
MIXED = spec(lr={"low": 0.001, "high": 1, "log": True}, momentum={"low": 0.1, "high": 0.9}, act=["relu", "tanh", "$x$"])
MIXED_ROWS = rows(
    [
        ({"lr": "0.1", "momentum": "0.5", "act": "tanh"}, 0.9),
        ({"lr": "0.01", "momentum": "0.25", "act": "relu"}, 0.8),
        ({"lr": "0.02", "act": "$x$"}, 0.7),
        ({"lr": "0.5", "momentum": "0.7", "act": "relu"}, None),
    ]
)
DIAGONAL = rows(
    [
        ({"lr": f"{10 ** (place / 4 - 3):.4g}", "momentum": f"{0.1 + place / 20:g}", "act": "relu"}, place / 11)
        for place in range(11, -1, -1)
    ]
)
WIDE: dict[str, Any] = {f"p{number}": [1, 2] for number in range(13)} | {"p13": {"low": 1, "high": 2, "type": "float"}}
WIDE_ROWS = rows([(dict.fromkeys(WIDE, "1"), 0.8), (dict.fromkeys(WIDE, "2"), 0.6)])
BY_SEED = [
    replace(row, each=(row.value - 0.125, row.value + 0.125), n=2, standard_error=0.125)
    for row in PLANE_ROWS
    if row.value
]
ONE = rows([({"lr": "0.01"}, 0.9), ({"lr": "0.1"}, 0.7), ({"lr": "0.001"}, 0.6)])
BOTH = [Objective(metric="val_accuracy"), Objective(metric="ms", direction=Direction.MINIMIZE)]


def curve(**columns: list[float]) -> Metrics:
    epochs = [float(epoch) for epoch in range(1, len(next(iter(columns.values()))) + 1)]
    return Metrics(columns={"epoch": epochs, **columns})


OVERFIT = curve(train_loss=[3, 2, 1, 0.5], val_loss=[3, 2, 2.5, 2.6], val_accuracy=[0.1, 0.5, 0.6, 0.55])


def curves(count: int, *, words: str = "") -> dict[str, Metrics]:
    return {
        f"n={number}{words}": curve(train_loss=[3, number / 10], val_loss=[3, 3 - 0.1 * number])
        for number in range(count)
    }


def with_front(*metrics: str) -> tuple[SweepSpec, list[Row]]:
    objectives = [{"metric": metric, "direction": "minimize" if metric == "ms" else "maximize"} for metric in metrics]
    some = SweepSpec.from_json({"name": "mine", "parameters": {"n": [1, 2, 3]}, "epochs": 2, "objectives": objectives})
    return some, [
        replace(
            row, rank=rank, value=None, by_objective={metric: place + row.rank for place, metric in enumerate(metrics)}
        )
        for row, rank in zip(rows([({"n": "2"}, 1), ({"n": "1"}, 1), ({"n": "3"}, 1)]), [1, 1, 2], strict=True)
        if row.rank
    ]


def searched(*ends: tuple[str, float | None, int, int, bool], seconds: int = 1, ended_by: str | None = None) -> Course:
    """Returns the course of a search from its ends: trial, value, time, rung, promoted."""
    plain = spec(lr=[0.1, 0.2, 0.3, 0.4])
    halving = {"halving": {"min_epochs": 3, "factor": 3}} if any(end[3] for end in ends) else {}
    endings = [
        Ending(
            trial_id=trial, params={"lr": 0.1}, rung=rung, value=value, promoted=promoted,
            started=1000 * seconds * (at - 2), ended=1000 * seconds * at, seconds=2.0 * seconds,
        )
        for trial, value, at, rung, promoted in ends
    ]  # fmt: skip
    place = Place(trial_id="a", params={"lr": 0.1}, value=0.9, epoch=1)
    output = Output(
        sweep="mine", execution="mine-1", winner=place, summary=None, artifacts=None, ties=(), objectives=(ACCURACY,),
        outcomes={}, best=(), reasons=(), rounds=1, leaderboard_key="", plan_key="", epochs_trained=8,
        ended_by=ended_by, cost=Cost(job_seconds=8.0, gpu_seconds=0, usd_estimate=4.0, usd_at_most=8.0),
    )  # fmt: skip
    found = course(SweepSpec.from_json({**plain.to_json(), **halving}), endings, output, is_on_aws=True)
    assert found is not None
    return found


FLAT = [("a", 0.5, 2, 0, False), ("b", None, 3, 0, False), ("c", 0.7, 5, 0, False), ("d", 0.6, 9, 0, False)]
CLIMB = [("a", 0.5, 2, 0, True), ("b", 0.3, 3, 0, False), ("c", 0.4, 5, 0, True), ("a", 0.45, 9, 1, False),
         ("c", 0.6, 11, 1, False)]  # fmt: skip
WEIGHTS = Importance(
    weights=(Weight(name="lr", share=0.7, low=0.5, high=0.75), Weight(name="act", share=0.3, low=0.2, high=0.45)),
    said="lr decides most.",
)

DRAWN: dict[str, Callable[[], Picture]] = {
    "heatmap": lambda: heatmap(PLANE, PLANE_ROWS),
    "heatmap-lower-is-better": lambda: heatmap(
        spec(LOSS, a=[1, 2, 3], b=[1, 2]),
        rows([({"a": "2", "b": "2"}, 0.123456), ({"a": "1", "b": "2"}, 0.3), ({"a": "3", "b": "1"}, 0.6)]),
    ),
    "heatmap-many-choices": lambda: heatmap(
        spec(a=list(range(15)), b=list(range(14))),
        rows(
            [
                *(({"a": str(a), "b": str(b)}, (-a - b) / 4) for a, b in product(range(15), range(14)) if a + b < 3),
                ({"a": "9", "b": "9"}, None),
                ({"a": "8", "b": "9"}, None),
            ]
        ),
    ),
    "heatmap-points": lambda: heatmap(MIXED, MIXED_ROWS, down="lr", across="momentum"),
    "heatmap-points-of-choices": lambda: heatmap(MIXED, MIXED_ROWS, down="act", across="lr"),
    "heatmap-points-near": lambda: heatmap(MIXED, DIAGONAL[:5], down="lr", across="momentum"),
    "heatmap-surface": lambda: heatmap(MIXED, DIAGONAL),
    "parallel-coordinates": lambda: parallel_coordinates(MIXED, MIXED_ROWS),
    "slices": lambda: slices(MIXED, MIXED_ROWS, ["momentum"]),
    "slices-of-many": lambda: slices(spec(**WIDE), WIDE_ROWS),
    "values": lambda: values_by_parameter(spec(lr=[0.1, 0.01, 0.001]), ONE),
    "values-of-seeds": lambda: values_by_parameter(PLANE, BY_SEED, "momentum"),
    "ranks": lambda: ranks(PLANE, PLANE_ROWS),
    "ranks-of-seeds": lambda: ranks(PLANE, BY_SEED),
    "curves-of-one": lambda: learning_curves({"lr=0.1": OVERFIT}, [ACCURACY]),
    "curves-of-one-long-name": lambda: learning_curves({"a=1 " * 30: OVERFIT}, [ACCURACY]),
    "curves-of-one-epoch": lambda: learning_curves({"lr=0.1": curve(val_loss=[1])}, [LOSS]),
    "curves-of-few": lambda: learning_curves(curves(2), [LOSS]),
    "curves-of-few-very-long-names": lambda: learning_curves(
        curves(2, words=" of a trial whose name is longer still"), [LOSS]
    ),
    "curves-of-few-long-names": lambda: learning_curves(curves(4, words=" of a trial whose name is very long"), [LOSS]),
    "curves-of-several": lambda: learning_curves(curves(6), [LOSS]),
    "curves-of-many": lambda: learning_curves(curves(9), [LOSS]),
    "curves-of-none": lambda: learning_curves({}, [LOSS]),
    "best": lambda: best_so_far(searched(*FLAT), ACCURACY, winner="c"),
    "best-over-time": lambda: best_so_far(searched(*FLAT, seconds=15), ACCURACY, over="time"),
    "best-over-job-time": lambda: best_so_far(searched(*FLAT, seconds=1000), ACCURACY, over="job-time"),
    "best-over-usd": lambda: best_so_far(searched(*FLAT, ended_by="stop.max_hours: 2 hours"), ACCURACY, over="usd"),
    "best-of-rungs": lambda: best_so_far(searched(*CLIMB), ACCURACY, winner="c"),
    "rungs": lambda: rungs(searched(*CLIMB), ACCURACY, winner="c"),
    "importance": lambda: importance_of_parameters(WEIGHTS),
    "front": lambda: front(*with_front("val_accuracy", "ms")),
    "front-of-pairs": lambda: front(*with_front("val_accuracy", "ms", "recall", "f1")),
}  # fmt: skip


@pytest.mark.parametrize("name", DRAWN)
def test_a_picture_is_drawn_as_it_is_kept(name: str) -> None:
    compare(list(described(DRAWN[name]())), KEPT / f"{name}.txt")
