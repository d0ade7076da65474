"""Free-running searches as functions of their logs, in random lives: workers die, and ask again what was answered."""

import json
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stepsweep.contract.events import Began, event_from_json
from stepsweep.contract.free_running import answer
from stepsweep.contract.rounds import in_order
from stepsweep.contract.search_state import SearchState
from stepsweep.contract.spec import SweepSpec
from tests.support.life import FAILED, SPACE, Life, life_of, spec_of, succeeded

CONDITIONAL = {
    "parameters": {
        "kind": ["a", "b"],
        "x": {"low": 0.0, "high": 1.0, "type": "float", "when": {"kind": "a"}},
        **SPACE,
    },
    "try_first": [{"kind": "b", "lr": 0.5}],
}


def training(life: Life) -> Iterator[tuple[int, int]]:
    assert life.state is not None
    for number, candidate in enumerate(life.state.candidates):
        for index, member in enumerate(candidate.members):
            if member.worker is not None:
                yield number, index


FIELDS = st.fixed_dictionaries(
    {},
    optional={
        "halving": st.sampled_from([{"min_epochs": 1, "factor": 3}, {"min_epochs": 2, "factor": 2}]),
        "folds": st.just(2),
    },
).flatmap(lambda fields: st.sampled_from([fields, {**fields, **CONDITIONAL}]))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 7), st.integers(1, 14), FIELDS)
def test_in_any_life_each_params_is_begun_once_and_no_trial_is_trained_by_two(
    seed: int, workers: int, trials: int, fields: dict[str, Any]
) -> None:
    random = Random(seed)
    life = Life(spec=spec_of(trials, epochs=9, **fields), workers=workers)
    execution, part = 0, 0
    while True:
        life.begin(execution=str(execution), part=part)
        if not life.tasks:
            break
        while life.tasks:
            assert life.state is not None
            assert sorted(training(life)) == sorted((task.candidate, task.member) for _, task in life.tasks.values())
            worker = random.choice(list(life.tasks))
            turn, task = life.tasks[worker]
            if random.random() < 0.1:  # it dies, and leaves its trial
                del life.tasks[worker]
                life.state = _read_again(life, random)
                assert any(each == (task.candidate, task.member) for each in training(life))
                break  # the others end too: a leg's tests are those of any moment
            up_to = life.spec.rungs[task.rung]
            trained = random.randint(1, up_to) if random.random() < 0.3 else up_to
            end = succeeded(random.random(), trained) if random.random() < 0.85 else FAILED
            told = life.ends(worker, end)
            with pytest.raises(LookupError):  # the same question again finds its answer
                answer(life.state, leg=life.state.began.leg, worker=worker, turn=turn + 1, ended=end)
            assert life.state.task_of(worker) == told
        if random.random() < 0.3:
            execution, part = execution + 1, 0
        else:
            part += 1
        if len(life.log) > 400:  # a new execution retries what failed, which may go on for long
            break
    state = life.state
    assert state is not None
    params = [tuple(candidate.params.items()) for candidate in state.candidates]
    assert len(set(params)) == len(params) <= trials
    assert not [each for candidate in state.candidates for each in life.spec.space.faults_of(candidate.params)]
    if not life.tasks and len(life.log) <= 400:
        assert len(params) == trials
        assert all(candidate.has_ended for candidate in state.candidates)
        with_value = [each for each in state.candidates if each.reached[0].value is not None]
        if with_value and life.spec.halving:
            best = max(with_value, key=lambda each: each.reached[0].value or 0)
            assert best.rung > 0, "the best of a rung goes on"


def _read_again(life: Life, random: Random) -> SearchState:
    """Folds the log from nothing, and from a snapshot at some event; both are what the life has."""
    assert life.state is not None
    at = random.randint(1, len(life.log))
    first = life.log[0]
    assert isinstance(first, Began)
    state = SearchState(first)
    for event in life.log[:at]:
        state.apply(event_from_json(json.loads(json.dumps(event.to_json())), where="event"))
    state = SearchState.from_json(json.loads(json.dumps(state.to_json())), where="snapshot")
    for event in life.log[at:]:
        state.apply(event)
    assert json.dumps(state.to_json()) == json.dumps(life.state.to_json())
    return state


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    "fields",
    [
        {"try_first": [{"lr": 0.5}]},
        {
            "parameters": {"n": {"low": 1, "high": 12, "type": "int", "log": True}},
            "try_first": [{"n": 2}, {"n": 1}],
        },
        {"parameters": {"n": [*range(9)], "b": [True, 1]}, "try_first": [{"n": 8, "b": 1}, {"n": 0, "b": True}]},
        {
            "parameters": {"n": [*range(3)], "l": [[1, 2], "x", None]},
            "search": "grid",
            "try_first": [{"n": 1, "l": "x"}],
        },
        {
            "parameters": {"kind": ["a", "b"], "n": {"choices": [*range(7)], "when": {"kind": "a"}}},
            "search": "grid",
        },
        {"parameters": None, "search": {"method": "list", "trials": [{"n": 3}, {"n": 1, "m": 2}, {"n": 2}]}},
    ],
)
def test_the_order_is_that_of_a_search_in_rounds_wherever_its_log_is_read_again(
    fields: dict[str, Any], seed: int
) -> None:
    life = life_of(2, **{**fields, "seed": seed})
    random = Random(seed)
    while life.tasks:
        life.state = _read_again(life, random)
        life.ends(random.choice(list(life.tasks)), succeeded(random.random()))
    assert life.state is not None
    found = [each.params for each in life.state.candidates]
    assert len(found) == life.spec.number_of_params
    assert found == list(islice(in_order(life.spec), len(found)))


def test_a_trial_is_the_work_of_its_rung_and_has_one_id_on_all_of_them() -> None:
    life = life_of(1, 3, epochs=9, halving={"min_epochs": 3, "factor": 3})
    state = life.state
    assert state is not None
    first = state.trial(0, 0)
    for value in (0.9, 0.5, 0.1):
        life.ends(0, succeeded(value, 3))
    then = state.trial(0, 0)
    assert [(trial.rung, trial.epochs, trial.round_number, trial.options["epochs"]) for trial in (first, then)] == [
        (0, 3, 0, 3), (1, 9, 1, 9),
    ]  # fmt: skip
    assert first.trial_id == then.trial_id
    other = life_of(1, 3)
    other.begin(trainer="another")
    assert other.state is not None
    assert other.state.trial(0, 0).trial_id != first.trial_id


def test_a_worker_without_a_first_trial_asks_and_that_is_read_again() -> None:
    life = life_of(4, 20, search={"method": "tpe", "trials": 20})
    while len(life.log) < 12:
        life.ends(next(iter(life.tasks)), succeeded(0.5), proposed=[{"lr": 0.5}, {"lr": 0.25}, {"lr": 0.125}])
    life.workers = 6
    life.begin(part=1)
    state = life.state
    assert state is not None
    asked = answer(state, leg=1, worker=5, turn=0, ended=None, proposed=[{"lr": 0.375}], seen=12)
    assert asked is not None
    document = json.loads(json.dumps(asked.to_json()))
    assert (document["event"], document["ended"], document["seen"]) == ("asked", None, 12)
    assert event_from_json(document, where="event") == asked
    life.append(asked)
    _read_again(life, Random(1))


def test_a_snapshot_has_the_averages_of_a_trial_once() -> None:
    life = life_of(1, 3, epochs=9, stop={"median": {}})
    life.ends(0, replace(succeeded(0.5, 9), averages={1: 0.4375, 2: 0.4375}))
    assert life.state is not None
    text = json.dumps(life.state.to_json())
    assert text.count("0.4375") == 2
    assert SearchState.from_json(json.loads(text), where="snapshot").averages == [{1: 0.4375, 2: 0.4375}]


@pytest.mark.parametrize("choices", [[1, True, 2], [0, False], [[1], [True], ["1"]], [[64, 64], [128]], ["1", 1, None]])
def test_values_that_python_takes_for_equal_are_params_of_their_own(choices: list[Any]) -> None:
    life = Life(
        SweepSpec.from_json({"parameters": {"x": choices}, "epochs": 1, "name": "s", "rounds": False}), workers=1
    )
    life.begin()
    life.to_the_end(lambda _: 0.5)
    assert life.state is not None
    assert len({trial.trial_id for trial in life.state.trials()}) == len(choices)
    again = SearchState.from_json(json.loads(json.dumps(life.state.to_json())), where="snapshot")
    assert [trial.trial_id for trial in again.trials()] == [trial.trial_id for trial in life.state.trials()]


def test_failed_params_that_are_tried_again_count_once_against_patience() -> None:
    life = life_of(3, stop={"max_trials_without_improvement": 4})
    life.ends(0, succeeded(0.9))
    life.ends(1, FAILED)
    life.ends(2, FAILED)
    life.begin(execution="two")
    assert life.state is not None
    assert SearchState.from_json(life.state.to_json(), where="state").course == life.state.course
    for worker in (0, 1, 2):
        assert life.ends(worker, succeeded(0.1)) is not None, "three have ended since the best one"
    life.ends(0, succeeded(0.1))
    assert life.state.ended_by.startswith("stop.max_trials_without_improvement: 4 trials ended")


@pytest.mark.parametrize(("trained", "epochs", "slowest"), [(3, 3, 1200.0), (2, 2, 0.0), (None, 0, 0.0)])
def test_a_job_that_stopped_early_says_nothing_of_the_slowest_pace(
    trained: int | None, epochs: int, slowest: float
) -> None:
    life = life_of(1, 3, epochs=3)
    life.ends(0, replace(succeeded(0.5, 3, job_seconds=3600), epochs_trained=trained))
    assert life.state is not None
    assert (life.state.spent.epochs, life.state.spent.slowest) == (epochs, slowest)


def test_params_between_two_trials_of_a_rung_keep_the_result_of_the_one_below() -> None:
    """A promoted candidate has trained one of its two seeds when the search is ended."""
    life = life_of(workers=1, trials=3, repeats=2, epochs=9, halving={"min_epochs": 3, "factor": 3})
    for number in range(7):  # three params with two seeds each, then the first seed of the promoted ones
        life.ends(0, succeeded(0.9 if number in (2, 3, 6) else 0.1, 9 if number == 6 else 3))
    assert life.state is not None
    (climbed,) = [each for each in life.state.candidates if each.rung]
    assert [each.end is None for each in climbed.members] == [False, True]
    assert {(trial.rung, trial.epochs) for trial in life.state.ended().trials()} == {(0, 3)}
