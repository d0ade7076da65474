"""What a model is told, and what it proposes: the rules, and that it finds better params than chance does."""

import json
import math
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import optuna
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from optuna.distributions import CategoricalDistribution, IntDistribution
from optuna.trial import TrialState

from stepsweep.contract import keys, rounds
from stepsweep.contract.events import Began, Choice, Task, TaskEnd
from stepsweep.contract.fleet import Fleet
from stepsweep.contract.free_running import knows_enough
from stepsweep.contract.median import Ended
from stepsweep.contract.ranking import rank
from stepsweep.contract.results import Group, Result, grouped
from stepsweep.contract.search import STARTUP, Method, Search
from stepsweep.contract.search_state import SearchState
from stepsweep.contract.space import Value
from stepsweep.contract.spec import SweepSpec
from stepsweep.contract.trial import Cause, Outcome, Status, Trial
from stepsweep.statemachine import optuna_trials, sampler
from stepsweep.statemachine.improvement import improvements
from stepsweep.statemachine.sampler import propose, propose_next
from tests.support.functions import Cloud
from tests.support.specs import as_number
from tests.support.strategies import choices, ranges

SPACE = {"lr": {"low": 0.0001, "high": 1, "log": True}, "momentum": {"low": 0.0, "high": 0.99}}
TPE = {"method": "tpe", "trials": 45, "batch": 9}
RANDOM = {"method": "random", "trials": 45}

Play = Callable[[Trial], Result]


def spec_of(**fields: Any) -> SweepSpec:
    return SweepSpec.from_json({"parameters": SPACE, "epochs": 9, "name": "s", "search": TPE, **fields})


def ended(trial: Trial, value: float | None, status: Status = Status.FAILED, cause: Cause | None = None) -> Result:
    if value is None:
        outcome = Outcome(trial_id=trial.trial_id, status=status, reason="a reason", cause=cause)
        return Result(trial=trial, outcome=outcome)
    outcome = Outcome(trial_id=trial.trial_id, status=Status.SUCCEEDED)
    return Result(trial=trial, outcome=outcome, value=value, epoch=1, epochs_trained=trial.epochs)


def bowl(trial: Trial) -> Result:
    """A smooth function with its best, 0, at lr 0.02 and momentum 0.8."""
    lr, momentum = (as_number(trial.params[name]) for name in ("lr", "momentum"))
    return ended(trial, -((math.log10(lr) - math.log10(0.02)) ** 2) - 4 * (momentum - 0.8) ** 2)


def played(spec: SweepSpec, play: Play) -> list[Group]:
    """Plays a whole sweep; returns all params, in the order in which they were tried."""
    results: list[Result] = []
    trials = rounds.first_round(spec, trainer_version="t")
    number = 0
    while True:
        before = {result.trial.trial_id: result for result in results}
        results = [before[t.trial_id] if t.round_number < number else play(t) for t in trials]
        groups = grouped(results)
        if not rounds.goes_on(spec, groups):
            return groups
        number += 1
        asked = propose(spec, groups, round_number=number) if rounds.wanted(spec, groups) else []
        trials = rounds.next_round(spec, results, asked, round_number=number, trainer_version="t")


def test_a_model_is_told_whole_numbers_on_their_log_scale_and_many_choices_in_their_order() -> None:
    many = [0.1, *(number / 1000 for number in range(1, 11))]
    width = {"low": 1, "high": 1024, "log": True, "type": "int"}
    spec = spec_of(parameters={"width": width, "lr": many, "few": [0.1, 0.001, 0.01]})
    for group in first_batch(spec, in_turn):
        told = optuna_trials.of_group(spec, group)
        assert told.distributions["width"] == IntDistribution(1, 1024, log=True)
        assert told.distributions["few"] == CategoricalDistribution(range(3))
        assert told.params["lr"] == sorted(many).index(as_number(group.params["lr"]))


def first_batch(spec: SweepSpec, play: Play, *, number: int = 20) -> list[Group]:
    """Returns so many params, as if they all were of the first round."""
    of_chance = replace(spec, search=Search(method=Method.RANDOM, trials=number))
    return grouped(map(play, rounds.first_round(of_chance, trainer_version="t")))


def in_turn(trial: Trial) -> Result:
    """Five values that depend on the params, but not in any way that could be learned."""
    return ended(trial, float(int(trial.trial_id[-1], 16) % 5))


def params_of(groups: Iterable[Group]) -> list[dict[str, Value]]:
    return [group.params for group in groups]


def best(groups: Sequence[Group], spec: SweepSpec) -> float:
    value = rank(groups, spec.objective)[0].value
    assert value is not None
    return value


def test_a_model_comes_nearer_to_the_best_than_chance_does_with_as_many_trials() -> None:
    by_model = [best(played(spec := spec_of(seed=seed), bowl), spec) for seed in range(10)]
    by_chance = [best(played(spec := spec_of(seed=seed, search=RANDOM), bowl), spec) for seed in range(10)]
    assert statistics.median(by_model) > statistics.median(by_chance) / 2
    assert sum(model > chance for model, chance in zip(by_model, by_chance, strict=True)) >= 7


def test_what_is_to_be_minimized_is_minimized() -> None:
    def turned(trial: Trial) -> Result:
        return ended(trial, -(bowl(trial).value or 0))

    objective = {"metric": "val_loss", "direction": "minimize"}
    tried = played(spec_of(objective=objective), turned)
    assert params_of(tried) == params_of(played(spec_of(), bowl))


def test_the_first_trials_are_those_of_a_random_search_with_the_same_seed() -> None:
    tried = params_of(played(spec_of(search=TPE | {"batch": 4}), bowl))
    drawn = params_of(played(spec_of(search=RANDOM), bowl))
    model_knows = math.ceil(STARTUP / 4) * 4
    assert tried[:model_knows] == drawn[:model_knows]
    assert tried[model_knows:] != drawn[model_knows:]


def test_the_same_seed_and_outcomes_give_the_same_params_and_others_give_others() -> None:
    once = params_of(played(spec_of(seed=3), bowl))
    assert params_of(played(spec_of(seed=3), bowl)) == once
    assert params_of(played(spec_of(seed=4), bowl)) != once

    groups = first_batch(spec_of(), bowl, number=9)
    assert propose(spec_of(), groups, round_number=1) != propose(spec_of(), groups, round_number=2)
    one_other = [*groups[:-1], Group(results=(ended(groups[-1].trial, 0.0),))]
    assert propose(spec_of(), one_other, round_number=1) != propose(spec_of(), groups, round_number=1)


def test_a_batch_is_spread_out() -> None:
    """Without the liar all of a batch would be drawn from around the same best params."""
    groups = first_batch(spec_of(), bowl)
    batch = propose(spec_of(search=TPE | {"batch": 20}), groups, round_number=1)
    assert len({params["lr"] for params in batch}) == 20
    momenta = [as_number(params["momentum"]) for params in batch]
    assert max(momenta) - min(momenta) > 0.2


@pytest.mark.parametrize("has_condition", [False, True])
def test_which_values_are_good_together_is_learned(has_condition: bool) -> None:
    """On a ridge, where each momentum is good with one lr, and no value is better than another by itself; also where
    only some params have the two."""
    parameters: dict[str, Any] = dict(SPACE)
    if has_condition:
        asked = {"when": {"kind": "sgd"}}
        parameters = {"kind": ["sgd", "other"], **{name: {**each, **asked} for name, each in SPACE.items()}}

    def off_the_ridge(params: Mapping[str, Value]) -> float:
        return abs(math.log10(as_number(params["lr"])) / 4 + 1 - as_number(params["momentum"]) / 0.99)

    def play(trial: Trial) -> Result:
        return ended(trial, -off_the_ridge(trial.params) if "lr" in trial.params else -1.0)

    def share_of_chance(seed: int) -> float:
        """How far from the ridge the model's params are, as a share of how far those that were drawn are."""
        spec = spec_of(parameters=parameters, search=TPE | {"trials": 200, "batch": 40}, seed=seed)
        groups = first_batch(spec, play, number=60)
        proposed = [params for params in propose(spec, groups, round_number=1) if "lr" in params]
        assert len(proposed) > 20
        by_chance = [off_the_ridge(group.params) for group in groups if "lr" in group.params]
        return statistics.mean(map(off_the_ridge, proposed)) / statistics.mean(by_chance)

    assert statistics.mean(map(share_of_chance, range(3))) < 0.6, "0.47; 0.75 or more one parameter at a time"


def diverged(trial: Trial) -> Result:
    return ended(trial, None, Status.INVALID, Cause.DIVERGED)


def test_params_that_diverge_are_avoided_and_those_whose_metrics_break_the_contract_are_not() -> None:
    def diverges_above(trial: Trial) -> Result:
        return diverged(trial) if as_number(trial.params["lr"]) > 0.1 else bowl(trial)

    def shares(end: Callable[[Trial], Result]) -> float:
        groups = first_batch(spec_of(), diverges_above, number=30)
        told = [group if group.value is not None else Group(results=(end(group.trial),)) for group in groups]
        # Few at once, since each proposal counts as bad for the next ones of its round.
        spec = spec_of(search=TPE | {"trials": 200, "batch": 5})
        proposed = [params for number in range(1, 13) for params in propose(spec, told, round_number=number)]
        return sum(as_number(params["lr"]) > 0.1 for params in proposed) / len(proposed)

    by_chance = shares(lambda trial: ended(trial, None, Status.FAILED))
    assert shares(diverged) < by_chance / 2
    assert shares(lambda trial: ended(trial, None, Status.INVALID)) == by_chance


def test_a_good_trial_counts_by_how_much_better_it_is_than_the_best_other() -> None:
    """Two of twenty trials are good; where the better one is far ahead, the model looks around it alone."""

    def near_the_best(lead: float) -> float:
        space = {name: [*range(8)] for name in "ab"}
        spec = spec_of(parameters=space, search={"method": "tpe", "trials": 60, "batch": 2})
        places = [*((1 + number % 6, 1 + number // 6) for number in range(18)), (0, 0), (7, 7)]
        params: list[dict[str, Value]] = [{"a": a, "b": b} for a, b in places]
        values = [*(-1 - number / 100 for number in range(18)), -0.9, -0.9 + lead]
        trials = [trial for each in params for trial in spec.trials_of(each, trainer_version="t")]
        groups = [Group(results=(ended(trial, value),)) for trial, value in zip(trials, values, strict=True)]
        proposed = [each for number in range(1, 31) for each in propose(spec, groups, round_number=number)]
        near = [each for each in proposed if {0, 7} & {each["a"], each["b"]}]
        return sum(7 in (each["a"], each["b"]) for each in near) / len(near)

    assert near_the_best(0.0) < 0.85
    assert near_the_best(10.0) > 0.95


def test_without_a_best_other_trial_all_good_ones_count_alike() -> None:
    study = optuna.create_study(direction="maximize")
    pruned = optuna.trial.create_trial(state=optuna.trial.TrialState.PRUNED)
    study.add_trials([*(optuna.trial.create_trial(value=value) for value in (4.0, 1.0, 3.0, 1.0)), pruned])
    four, one, three, same, stopped = study.trials
    assert improvements(study, [four, three]) == [pytest.approx(1.2), pytest.approx(0.8)]
    assert improvements(study, [four, one]) == []  # on the whole they are no better than the best other
    assert improvements(study, [one]) == improvements(study, [one, same]) == []
    assert improvements(study, [four, one, three, same]) == []  # nothing to compare with
    assert improvements(study, [four, stopped]) == []  # one has no value


@pytest.mark.parametrize("status", [Status.FAILED, Status.MISSING])
def test_a_trial_without_metrics_is_told_as_failed_and_counts_for_nothing(status: Status) -> None:
    groups = first_batch(spec_of(), bowl, number=12)
    lost = [Group(results=(ended(group.trial, None, status),)) for group in groups[:3]]
    told = optuna_trials.of_group(spec_of(), lost[0])
    assert (told.state, told.values, told.intermediate_values) == (TrialState.FAIL, None, {})
    with_them = propose(spec_of(), [*lost, *groups[3:]], round_number=1)
    assert with_them == propose(spec_of(), groups[3:], round_number=1)
    # Eight outcomes are too few to model.
    assert propose(spec_of(), [*lost, *groups[4:]], round_number=1) == []


def test_a_failed_fold_makes_its_params_failed_and_a_diverged_one_diverged() -> None:
    spec = spec_of(repeats=2)
    one, other = spec.trials_of({"lr": 0.1, "momentum": 0.5}, trainer_version="t")
    failed = Group(results=(ended(one, 0.9), ended(other, None, Status.FAILED)))
    has_diverged = Group(results=(ended(one, None, Status.FAILED), diverged(other)))
    whole = Group(results=(ended(one, 0.9), ended(other, 0.7)))
    assert optuna_trials.of_group(spec, failed).state is TrialState.FAIL
    assert optuna_trials.of_group(spec, has_diverged).state is TrialState.PRUNED
    assert optuna_trials.of_group(spec, has_diverged).intermediate_values == {}
    assert optuna_trials.of_group(spec, whole).value == pytest.approx(0.8)


def test_a_trial_on_a_lower_rung_is_told_as_stopped_there() -> None:
    spec = spec_of(halving={"min_epochs": 1, "factor": 3})
    groups = played(spec, bowl)
    by_rung = {group.rung: optuna_trials.of_group(spec, group) for group in groups}
    assert spec.rungs == (1, 3, 9)
    assert {rung: told.state for rung, told in by_rung.items()} == {
        0: TrialState.PRUNED,
        1: TrialState.PRUNED,
        2: TrialState.COMPLETE,
    }
    assert [list(by_rung[rung].intermediate_values) for rung in (0, 1)] == [[1], [3]]


def test_halving_goes_on_while_a_model_proposes_and_spends_less() -> None:
    spec = spec_of(halving={"min_epochs": 1, "factor": 3})
    groups = played(spec, bowl)
    assert len(groups) == 45
    assert (
        sum(group.trial.epochs for group in groups) <= sum(each.epochs for each in rounds.schedule(spec)) < 45 * 9 / 2
    )


def test_a_space_that_is_nearly_tried_is_tried_to_the_end() -> None:
    spec = spec_of(
        parameters={"lr": [0.1, 0.01, 0.001, 0.0001], "momentum": [0.1, 0.5, 0.9]}, search=TPE | {"trials": 12}
    )
    tried = params_of(played(spec, bowl))
    assert len({json.dumps(params) for params in tried}) == len(tried) == 12


@settings(deadline=None, max_examples=50, derandomize=True, database=None)
@given(st.dictionaries(st.sampled_from(["a", "b", "c"]), choices | ranges(), min_size=1), st.integers(0, 5))
def test_what_is_proposed_is_of_the_space_new_and_no_more_than_is_wanted(parameters: dict[str, Any], seed: int) -> None:
    size = spec_of(parameters=parameters, search=RANDOM | {"trials": 1}).space.size
    groups = first_batch(spec_of(parameters=parameters, search=TPE | {"trials": 1}), in_turn, number=min(size, 12))
    spec = spec_of(parameters=parameters, seed=seed, search=TPE | {"trials": min(size, 15), "batch": 3})
    proposed = propose(spec, groups, round_number=1)

    texts = [json.dumps(params) for params in proposed]
    assert len({*texts}) == len(texts) <= min(size, 15) - len(groups)
    assert not {json.dumps(group.params) for group in groups} & {*texts}
    for params in proposed:
        assert list(params) == list(parameters)
        for name, value in params.items():
            match spec.parameters[name]:
                case tuple() as listed:
                    assert value in listed
                case found:
                    assert found.nearest(as_number(value)) == value


def test_the_function_writes_what_the_next_round_tries_whatever_order_trials_ended_in(cloud: Cloud) -> None:
    asked = []
    for name, order in (("a", 1), ("b", -1)):
        spec = {"parameters": SPACE, "search": TPE, "name": name, "epochs": 3, "fresh": True}
        cloud.plan(spec)
        trials = cloud.trials(name)
        for trial in trials[::order]:
            cloud.trained(trial, bowl(trial).value or 0)
        assert cloud.reduce(name) == {"another_round": True, "sweep": name, "round": 1, "ask": True}
        assert cloud.sample(name, 1) == {"sweep": name, "round": 1}
        written = cloud.bucket.get(keys.proposed_key(name, 1))
        cloud.sample(name, 1)
        assert cloud.bucket.get(keys.proposed_key(name, 1)) == written
        asked.append(cloud.bucket.get_json(keys.proposed_key(name, 1)))

        assert cloud.plan(spec, round_number=1)["to_run"] == 9
        planned = cloud.bucket.get_json(keys.plan_key(name, 1))["trials"]
        assert [trial["params"] for trial in planned[len(trials) :]] == asked[-1]
    assert asked[0] == asked[1]


def test_a_spec_that_was_deleted_is_said(cloud: Cloud) -> None:
    with pytest.raises(FileNotFoundError, match=r"^sweeps/s/spec\.json is not in the bucket"):
        sampler.sample(cloud.bucket, sweep="s", round_number=1)


OPTIMIZERS: dict[str, Any] = {
    "optimizer": ["sgd", "adam"],
    "lr": {"low": 0.0001, "high": 1, "log": True},
    "momentum": {"low": 0.0, "high": 0.99, "when": {"optimizer": "sgd"}},
    "warmup": {"choices": [0, 5, 10], "when": {"optimizer": "adam"}},
    "decay": {"choices": [True, False], "when": {"warmup": [5, 10]}},
}


def branched(trial: Trial) -> Result:
    """A function with its best, 1, at sgd, lr 0.02 and momentum 0.8; adam is worse everywhere."""
    params = trial.params
    by_lr = -((math.log10(as_number(params["lr"])) - math.log10(0.02)) ** 2)
    if params["optimizer"] == "adam":
        return ended(trial, by_lr - as_number(params["warmup"]) / 10)
    return ended(trial, 1 + by_lr - 4 * (as_number(params["momentum"]) - 0.8) ** 2)


class TestConditions:
    FIELDS: ClassVar[dict[str, Any]] = {
        "parameters": OPTIMIZERS,
        "exclude": [{"optimizer": "adam", "decay": False}],
        "try_first": [{"optimizer": "adam", "lr": 0.5, "warmup": 0}],
    }

    def test_each_trial_has_what_applies_and_none_is_tried_twice(self) -> None:
        spec = spec_of(**self.FIELDS)
        tried = params_of(played(spec, branched))
        assert tried[0] == {"optimizer": "adam", "lr": 0.5, "warmup": 0}
        assert len({json.dumps(params) for params in tried}) == len(tried) == 45
        assert not [fault for params in tried for fault in spec.space.faults_of(params)]
        assert [params for params in tried[9:] if "momentum" in params]

    def test_the_model_takes_to_the_better_branch_and_its_own_parameters(self) -> None:
        tried = params_of(played(spec_of(**self.FIELDS), branched))
        late = [params for params in tried[18:] if params["optimizer"] == "sgd"]
        assert len(late) > 27 * 2 / 3
        assert abs(statistics.median(as_number(params["momentum"]) for params in late) - 0.8) < 0.15

    def test_a_model_is_told_of_what_applies_only(self) -> None:
        spec = spec_of(**self.FIELDS)
        for group in first_batch(spec, branched):
            assert optuna_trials.of_group(spec, group).params.keys() == group.params.keys()

    def test_what_is_excluded_is_never_proposed_and_params_by_hand_come_before_the_model(self) -> None:
        by_hand = [{"optimizer": "sgd", "lr": 0.1, "momentum": round(0.05 * n, 2)} for n in range(12)]
        spec = spec_of(**{**self.FIELDS, "try_first": by_hand})
        groups = first_batch(spec, branched, number=9)
        assert rounds.wanted(spec, groups) == 9
        assert rounds.wanted_of_model(spec, groups) == 6
        assert params_of(played(spec, branched))[:12] == by_hand

    def test_a_free_running_search_asks_a_model_whose_proposals_are_of_the_space(self) -> None:
        spec = spec_of(**self.FIELDS, search={"method": "tpe", "trials": 45})
        began = Began(leg=0, execution="e", part=0, started=0.0, spec=spec, trainer_version="t", trainer_name="t",
                      fleet=Fleet(usd_per_hour=1.0, at_once=9), workers=1)  # fmt: skip
        state = SearchState(began)
        state.apply(began)
        for params in rounds.first_params(spec):
            task = Task(candidate=len(state.candidates), member=0, rung=0, params=params)
            state.told(0, len(state.candidates), Choice(task=task))
            value = branched(state.trial(task.candidate, 0)).value
            state.end_task(0, TaskEnd(status=Status.SUCCEEDED, value=value, epoch=1, epochs_trained=9))
        proposed = propose_next(state)
        assert len(proposed) == 2
        assert not [fault for params in proposed for fault in spec.space.faults_of(params)]
        assert proposed == propose_next(SearchState.from_json(json.loads(json.dumps(state.to_json())), where="s"))


def opposed(trial: Trial) -> Result:
    """Two objectives that only one lr serves, between 0.01 and 0.1: the momentum decides how much of each there is."""
    lr, momentum = (as_number(trial.params[name]) for name in ("lr", "momentum"))
    away = max(0.0, abs(math.log10(lr) + 1.5) - 0.5)
    values = (momentum - away, momentum + away)
    return replace(ended(trial, values[0]), by_objective=values)


def with_two(**fields: Any) -> SweepSpec:
    objectives = [{"metric": "gain", "direction": "maximize"}, {"metric": "cost", "direction": "minimize"}]
    return spec_of(objectives=objectives, **fields)


def test_with_two_objectives_the_model_proposes_where_their_front_is() -> None:
    groups = first_batch(with_two(), opposed, number=40)
    proposed = propose(with_two(search=TPE | {"trials": 100, "batch": 40}), groups, round_number=1)
    by_chance = sum(0.01 <= as_number(group.params["lr"]) <= 0.1 for group in groups)
    assert sum(0.01 <= as_number(params["lr"]) <= 0.1 for params in proposed) > 1.5 * by_chance
    momenta = sorted(as_number(params["momentum"]) for params in proposed)
    assert momenta[10] < 0.5 < momenta[-10], "the whole front, and not one end of it"


def test_with_two_objectives_diverged_and_failed_trials_are_told_as_with_one() -> None:
    spec = with_two()
    whole, lost, other = first_batch(spec, opposed, number=3)
    assert optuna_trials.of_group(spec, whole).values == list(whole.by_objective)
    lost = Group(results=(ended(lost.trial, None, Status.FAILED),))
    other = Group(results=(diverged(other.trial),))
    assert [optuna_trials.of_group(spec, each).state for each in (lost, other)] == [TrialState.FAIL, TrialState.PRUNED]
    for end, proposed in ((diverged, 9), (lambda trial: ended(trial, None), 0)):  # not one has values
        assert len(propose(spec, first_batch(spec, end, number=12), round_number=1)) == proposed


def test_what_the_median_rule_ended_tells_the_model_where_not_to_search() -> None:
    """Below lr 0.01 all trials are ended. A model that is told nothing of them goes there again."""
    space = {"lr": {"low": 1e-4, "high": 1.0, "log": True}}
    search = {"method": "tpe", "trials": 60}
    spec = spec_of(parameters=space, search=search, rounds=False, epochs=9, stop={"median": {"min_epochs": 1}})
    began = Began(leg=0, execution="e", part=0, started=0.0, spec=spec, trainer_version="t", trainer_name="t",
                  fleet=Fleet(usd_per_hour=1.0, at_once=9), workers=1)  # fmt: skip
    state = SearchState(began)
    state.apply(began)
    ended = TaskEnd(status=Status.MISSING, reason="ended by stop.median", ended=Ended(epoch=1, value=0.1))
    for turn, params in enumerate({"lr": 10 ** (-4 + turn / 10)} for turn in range(40)):
        state.told(0, turn, Choice(task=Task(candidate=turn, member=0, rung=0, params=params)))
        whole = TaskEnd(status=Status.SUCCEEDED, value=0.5, epoch=9, epochs_trained=9)
        state.end_task(0, whole if params["lr"] >= 0.01 else ended)
        if turn == STARTUP - 1:
            assert knows_enough(state), "what was ended tells something"
    asked = [as_number(params["lr"]) for _ in range(20) for params in _next(state)]
    assert sum(lr >= 0.01 for lr in asked) > 0.8 * len(asked)


def test_trials_that_run_do_not_keep_the_model_from_where_it_is_right() -> None:
    space = {name: [*range(6)] for name in "abc"}
    spec = spec_of(parameters=space, search={"method": "tpe", "trials": 200}, rounds=False)
    began = Began(leg=0, execution="e", part=0, started=0.0, spec=spec, trainer_version="t", trainer_name="t",
                  fleet=Fleet(usd_per_hour=1.0, at_once=20), workers=20)  # fmt: skip
    state = SearchState(began)
    state.apply(began)

    def begin(worker: int, params: dict[str, Value]) -> None:
        state.told(worker, 0, Choice(task=Task(candidate=worker, member=0, rung=0, params=params)))

    for worker in range(36):
        a = worker // 6
        begin(worker, {"a": a, "b": worker % 6, "c": 5})
        value = 1.0 if a == 3 else 0.1
        state.end_task(worker, TaskEnd(status=Status.SUCCEEDED, value=value, epoch=1, epochs_trained=1))
    asked = [_next(state) for _ in range(15)]
    assert sum(params["a"] == 3 for each in asked for params in each) == 30
    assert all(first != second for first, second in asked), "the second is for a worker whose first is taken"
    for worker in range(36, 54):
        begin(worker, {"a": 3, "b": worker % 6, "c": (worker - 36) // 6})
    assert sum(params["a"] == 3 for _ in range(15) for params in _next(state)) > 25


def _next(state: SearchState) -> list[dict[str, Value]]:
    """Each question has another seed, as with another event in the log."""
    state.events += 1
    return propose_next(state)


def test_with_two_objectives_a_free_running_search_asks_the_model_too() -> None:
    spec = with_two(search={"method": "tpe", "trials": 30})
    began = Began(leg=0, execution="e", part=0, started=0.0, spec=spec, trainer_version="t", trainer_name="t",
                  fleet=Fleet(usd_per_hour=1.0, at_once=9), workers=1)  # fmt: skip
    state = SearchState(began)
    state.apply(began)
    for turn, params in enumerate(rounds.first_params(spec)):
        state.told(0, turn, Choice(task=Task(candidate=turn, member=0, rung=0, params=params)))
        found = opposed(state.trial(turn, 0))
        end = TaskEnd(
            status=Status.SUCCEEDED, value=found.value, epoch=1, epochs_trained=9, by_objective=found.by_objective
        )
        state.end_task(0, TaskEnd.from_json(json.loads(json.dumps(end.to_json())), where="end"))
    assert knows_enough(state)
    again = SearchState.from_json(json.loads(json.dumps(state.to_json())), where="snapshot")
    assert propose_next(again) == propose_next(state)
    assert len(propose_next(state)) == sampler.SPARE
