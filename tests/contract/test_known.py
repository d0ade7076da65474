"""What a model is told of earlier sweeps."""

import json
from typing import Any

import pytest

from stepsweep.contract.known import MAX_BYTES, MAX_KNOWN, Known, thinned, told_of
from stepsweep.contract.objective import Direction, Objective
from stepsweep.contract.search_space import SearchSpace

SPACE = SearchSpace(
    parameters={"optimizer": ("sgd", "adam"), "momentum": (0.5, 0.9), "lr": (0.1, 0.2)},
    when={"momentum": {"optimizer": ("sgd",)}},
)


def known(value: float | None = 0.5, epochs: int = 3, **params: Any) -> Known:
    return Known(params=params, value=value, epochs=epochs)


@pytest.mark.parametrize(
    ("params", "told"),
    [
        ({"optimizer": "sgd", "momentum": 0.9, "lr": 0.1}, {"optimizer": "sgd", "momentum": 0.9, "lr": 0.1}),
        ({"lr": 0.2, "width": 7}, {"lr": 0.2}),
        ({"lr": 0.2, "batch_size": 64}, {"lr": 0.2}),
        ({"optimizer": "adam", "momentum": 0.9}, {"optimizer": "adam"}),
        ({"lr": 0.3}, None),
        ({"lr": 0.1, "optimizer": "lamb"}, None),
        ({"lr": 0.1, "batch_size": 32}, None),
        ({"width": 7}, None),
    ],
)
def test_only_what_the_search_can_try_with_its_fixed_options_is_told(
    params: dict[str, Any], told: dict[str, Any] | None
) -> None:
    found = told_of([known(**params)], SPACE, {"batch_size": 64})
    assert found == ([] if told is None else [known(**told)])


def test_one_that_does_not_count_does_not_keep_others_from_it() -> None:
    assert told_of([known(lr=0.3), known(lr=0.1, value=None, epochs=9)], SPACE, {}) == [
        known(lr=0.1, value=None, epochs=9)
    ]


def test_few_are_told_as_they_are_the_longest_trained_and_best_first() -> None:
    worst, best, diverged, longer = known(0.1), known(0.9), known(None), known(0.2, epochs=9)
    maximize = Objective(metric="a", direction=Direction.MAXIMIZE)
    minimize = Objective(metric="a", direction=Direction.MINIMIZE)
    assert thinned([diverged, worst, best, longer], maximize) == (longer, best, worst, diverged)
    assert thinned([diverged, worst, best, longer], minimize) == (longer, worst, best, diverged)


@pytest.mark.parametrize(
    ("number", "told"), [(MAX_KNOWN, MAX_KNOWN), (MAX_KNOWN + 1, 151), (2 * MAX_KNOWN, 300), (2 * MAX_KNOWN + 1, 201)]
)
def test_of_many_some_are_told_evenly_over_their_ranking(number: int, told: int) -> None:
    found = thinned([known(float(place)) for place in range(number)], Objective())
    assert len(found) == told
    step = -(-number // MAX_KNOWN)
    assert [each.value for each in found] == [float(place) for place in range(number - 1, -1, -step)]


def test_long_ones_are_fewer() -> None:
    found = thinned([known(float(place), text="x" * 1_000) for place in range(200)], Objective())
    assert len(found) == 50
    assert len(json.dumps([each.to_json() for each in found])) <= MAX_BYTES


def test_a_document_is_read_as_it_was_written() -> None:
    one = known(0.25, epochs=7, lr=0.1, sizes=(1, 2))
    document = json.loads(json.dumps(one.to_json()))
    assert document == {"params": {"lr": 0.1, "sizes": [1, 2]}, "value": 0.25, "epochs": 7}
    assert Known.from_json(document, where="here").to_json() == one.to_json()
