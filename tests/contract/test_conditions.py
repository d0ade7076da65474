"""Spaces with conditions, exclusions and params by hand: what is of them, and what is said of faults."""

import json
from collections import Counter
from collections.abc import Mapping
from itertools import islice, product
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stepsweep.contract.diagram import Condition
from stepsweep.contract.results import Result, grouped
from stepsweep.contract.rounds import first_params, first_round, in_order, next_round, schedule, trials_at_the_ends
from stepsweep.contract.sampling import drawn
from stepsweep.contract.search import Method, Search
from stepsweep.contract.search_space import SearchSpace
from stepsweep.contract.space import Kind, Range, Value, key_of, values_of
from stepsweep.contract.spec import SweepSpec
from stepsweep.contract.trial import Outcome, Status
from tests.support.specs import faults_of

OPTIMIZERS: dict[str, Any] = {
    "optimizer": ["sgd", "adam", "none"],
    "momentum": {"choices": [0, 0.9], "when": {"optimizer": "sgd"}},
    "nesterov": {"choices": [True, False], "when": {"momentum": 0.9}},
    "beta": {"low": 0.9, "high": 0.99, "step": 0.09, "when": {"optimizer": ["adam"]}},
    "lr": [0.1, 0.01],
}
FIRST: list[dict[str, Any]] = [{"lr": 0.01, "optimizer": "none"}, {"optimizer": "adam", "beta": 0.99, "lr": 0.1}]
BY_HAND: list[dict[str, Any]] = [{"lr": 0.1, "layers": [64, 64]}, {"lr": 0.01}, {"lr": 0.1, "act": "relu"}]
NAMES = ("a", "b", "c", "d", "e")

Params = dict[str, Value]


def spec_of(**fields: Any) -> SweepSpec:
    return SweepSpec.from_json({"parameters": OPTIMIZERS, "epochs": 1, "name": "s", **fields})


def faults(**fields: Any) -> tuple[str, ...]:
    return faults_of({"parameters": OPTIMIZERS, "epochs": 1, "name": "s", **fields})


@st.composite
def some_of(draw: st.DrawFn, parameters: Mapping[str, Any], names: list[str]) -> Condition:
    chosen = draw(st.lists(st.sampled_from(names), min_size=1, max_size=2, unique=True))
    return {
        name: tuple(draw(st.lists(st.sampled_from(values_of(parameters[name])), min_size=1, max_size=2, unique=True)))
        for name in chosen
    }


@st.composite
def spaces(draw: st.DrawFn) -> SearchSpace:
    """Spaces of a few params, whose parameters stand in any order."""
    names = list(NAMES[: draw(st.integers(1, 5))])
    parameters: dict[str, Any] = {
        name: Range(low=0, high=draw(st.integers(0, 2)), kind=Kind.INT)
        if draw(st.booleans())
        else tuple(draw(st.lists(st.integers(0, 3), min_size=1, max_size=3, unique=True)))
        for name in names
    }
    when = {
        name: draw(some_of(parameters, names[:place]))
        for place, name in enumerate(names)
        if place and draw(st.booleans())
    }
    exclude = draw(st.lists(some_of(parameters, names), max_size=3))
    order = draw(st.permutations(names))
    return SearchSpace(parameters={name: parameters[name] for name in order}, when=when, exclude=tuple(exclude))


def meets(params: Params, condition: Condition) -> bool:
    return all(name in params and params[name] in values for name, values in condition.items())


def all_of(space: SearchSpace) -> set[tuple[tuple[str, str], ...]]:
    """Returns what a space has, from all combinations: what does not apply is taken away, and doubles count once."""
    found = set()
    for combination in product(*map(values_of, space.parameters.values())):
        values = dict(zip(space.parameters, combination, strict=True))
        params: Params = {}
        for name in sorted(values):  # a condition names parameters with a letter before its own
            if meets(params, space.when.get(name, {})):
                params[name] = values[name]
        if not any(meets(params, condition) for condition in space.exclude):
            found.add(key_of({name: params[name] for name in space.parameters if name in params}))
    return found


class TestAnySpace:
    @given(spaces())
    def test_it_lists_and_counts_each_of_its_params_once(self, space: SearchSpace) -> None:
        found = [key_of(params) for params in space.grid()]
        assert len(set(found)) == len(found) == space.size
        assert set(found) == all_of(space)

    @given(spaces(), st.integers(0, 9))
    def test_it_is_drawn_to_its_end_without_doubles_and_the_same_for_the_same_seed(
        self, space: SearchSpace, seed: int
    ) -> None:
        found = [key_of(params) for params in drawn(space, seed=seed)]
        assert len(set(found)) == len(found)
        assert set(found) == all_of(space)
        assert found == [key_of(params) for params in drawn(space, seed=seed)]

    @given(spaces(), st.integers(0, 9))
    def test_params_that_are_drawn_are_without_fault_and_those_excluded_are_not(
        self, space: SearchSpace, seed: int
    ) -> None:
        everything = SearchSpace(parameters=space.parameters, when=space.when)
        random = Random(seed)
        for params in (everything.draw(random) for _ in range(5)):
            assert params is not None
            is_in = key_of(params) in all_of(space)
            assert space.is_excluded(params) is not is_in
            assert bool(list(space.faults_of(params))) is not is_in
            known: Params = {}
            while (name := space.applying(known)) is not None:
                known[name] = params[name]
            assert known == params

    @given(spaces())
    def test_an_example_of_a_parameter_is_of_the_space_and_has_it(self, space: SearchSpace) -> None:
        there = all_of(space)
        for name in space.parameters:
            having = {key for key in there if name in dict(key)}
            for last in (False, True):
                params = space.example(name, last=last)
                assert (params is None) is not bool(having)
                assert params is None or key_of(params) in having

    @settings(max_examples=50)
    @given(spaces(), st.data())
    def test_a_search_tries_params_by_hand_first_and_then_the_others_once(
        self, space: SearchSpace, data: st.DataObject
    ) -> None:
        every = list(space.grid())
        if not every:
            return
        by_hand = tuple(data.draw(st.lists(st.sampled_from(every), max_size=3, unique_by=key_of)))
        search = data.draw(st.sampled_from([Search(), Search(method=Method.RANDOM, trials=len(every))]))
        spec = SweepSpec(
            parameters=dict(space.parameters), when=dict(space.when), exclude=tuple(space.exclude), try_first=by_hand,
            search=search, name="s", epochs=1,
        )  # fmt: skip
        assert tuple(islice(in_order(spec), len(by_hand))) == by_hand
        assert len({key_of(params) for params in in_order(spec)}) == len(list(in_order(spec))) == spec.space.size

    def test_a_space_of_ranges_is_counted_without_listing_it(self) -> None:
        wide = Range(low=1, high=2**40, kind=Kind.INT)
        space = SearchSpace(
            parameters={"a": wide, "b": wide, "c": wide}, when={"c": {"a": (7,)}}, exclude=({"a": (7,), "b": (1, 2)},)
        )
        assert space.size == (2**40 - 1) * 2**40 + (2**40 - 2) * 2**40
        assert space.at(space.size - 1) == {"a": 2**40, "b": 2**40}

    def test_exclusions_that_nobody_could_count_are_refused(self) -> None:
        names = [f"p{number}" for number in range(10)]
        pairs = [(one, other) for place, one in enumerate(names) for other in names[place + 1 :]]
        document = {
            "parameters": {name: list(range(10)) for name in names},
            "exclude": [{one: value, other: 9 - value} for one, other in pairs for value in range(10)],
            "search": {"method": "random", "trials": 5}, "epochs": 1, "name": "s",
        }  # fmt: skip
        assert faults_of(document) == (
            "parameters: too many conditions and exclusions depend on each other to count the params; give fewer",
        )


class TestConditions:
    def test_a_grid_has_each_combination_once_with_the_parameters_that_apply(self) -> None:
        assert first_params(spec_of()) == [
            {"optimizer": "sgd", "momentum": 0, "lr": 0.1},
            {"optimizer": "sgd", "momentum": 0, "lr": 0.01},
            {"optimizer": "sgd", "momentum": 0.9, "nesterov": True, "lr": 0.1},
            {"optimizer": "sgd", "momentum": 0.9, "nesterov": True, "lr": 0.01},
            {"optimizer": "sgd", "momentum": 0.9, "nesterov": False, "lr": 0.1},
            {"optimizer": "sgd", "momentum": 0.9, "nesterov": False, "lr": 0.01},
            {"optimizer": "adam", "beta": 0.9, "lr": 0.1},
            {"optimizer": "adam", "beta": 0.9, "lr": 0.01},
            {"optimizer": "adam", "beta": 0.99, "lr": 0.1},
            {"optimizer": "adam", "beta": 0.99, "lr": 0.01},
            {"optimizer": "none", "lr": 0.1},
            {"optimizer": "none", "lr": 0.01},
        ]
        assert schedule(spec_of())[0].trials == 12

    def test_a_parameter_that_does_not_apply_is_no_option_and_no_part_of_the_id(self) -> None:
        trial = first_round(spec_of(), trainer_version="1")[-1]
        assert trial.command()[:4] == ["--optimizer", "none", "--lr", "0.01"]
        assert not {"--momentum", "--beta", "--nesterov"} & {*trial.command()}
        alone = SweepSpec.from_json({"parameters": {"optimizer": ["none"], "lr": [0.01]}, "epochs": 1, "name": "x"})
        assert trial.trial_id == first_round(alone, trainer_version="1")[0].trial_id

    def test_a_spec_reads_back_as_itself(self) -> None:
        spec = spec_of(exclude=[{"lr": 0.1, "beta": 0.9}], try_first=[{"optimizer": "none", "lr": 0.01}])
        assert SweepSpec.from_json(json.loads(json.dumps(spec.to_json()))) == spec
        assert spec.to_json()["parameters"]["momentum"] == {"choices": [0, 0.9], "when": {"optimizer": ["sgd"]}}

    def test_a_random_search_draws_each_branch_as_often_however_much_is_in_it(self) -> None:
        branches = {"kind": ["a", "b"], "x": {"low": 0.5, "high": 1.0, "when": {"kind": "a"}},
                    "y": {"choices": list(range(100)), "when": {"kind": "b"}}}  # fmt: skip
        spec = spec_of(parameters=branches, search={"method": "random", "trials": 100})
        counted = Counter(params["kind"] for params in first_params(spec))
        assert 35 < counted["a"] < 65

    def test_the_trainer_is_asked_about_both_ends_of_every_parameter(self) -> None:
        found = [trial.params for trial in trials_at_the_ends(spec_of())]
        for name, parameter in spec_of().parameters.items():
            values = values_of(parameter)
            assert {values[0], values[-1]} <= {params[name] for params in found if name in params}, name

    @pytest.mark.parametrize(
        ("parameters", "fault"),
        [
            (
                {"x": {"choices": [1], "when": {"optimiser": "sgd"}}},
                'x.when: there is no parameter "optimiser"; did you mean `optimizer`?',
            ),
            (
                {"x": {"choices": [1], "when": {"optimizer": "sdg"}}},
                'x.when.optimizer: the parameter never has the value "sdg"; it has "sgd", "adam", "none"',
            ),
            (
                {"x": {"choices": [1], "when": {"beta": 0.95}}},
                "x.when.beta: the parameter never has the value 0.95",
            ),
            (
                {"x": {"choices": [1], "when": {"optimizer": ["sgd", "sgd"]}}},
                'x.when.optimizer: "sgd" stands in the list twice; give it once',
            ),
            (
                {"x": {"choices": [1], "when": {"optimizer": []}}},
                "x.when.optimizer: must be a value or a list of values, got []",
            ),
            ({"x": {"choices": [1], "when": {"x": 1}}}, "x.when: x cannot depend on itself"),
            (
                {"x": {"choices": [1], "when": {}}},
                'x.when: must be an object of parameters and their values, such as {"optimizer": "sgd"}, got {}',
            ),
            (
                {"x": {"choices": [1], "when": {"momentum": 0.9, "beta": 0.99}}},
                "x.when: is never met: what it asks for excludes each other; leave part of it out",
            ),
            ({"x": {"values": [1], "when": {"lr": 0.1}}}, None),
            ({"x": {"choices": [1], "low": 1}}, None),
        ],
    )
    def test_a_fault_of_a_condition_names_the_rule_and_the_value(
        self, parameters: dict[str, Any], fault: str | None
    ) -> None:
        found = faults(parameters=OPTIMIZERS | parameters)
        if fault is None:
            assert found
        else:
            assert found == (f"parameters.{fault}",)

    def test_a_condition_on_a_range_without_a_step_is_refused(self) -> None:
        parameters = {"lr": {"low": 0.1, "high": 1}, "x": {"choices": [1], "when": {"lr": 0.5}}}
        assert faults(parameters=parameters, search={"method": "random", "trials": 2}) == (
            "parameters.x.when.lr: a range without a step has no single values; give it a step or a list",
        )

    def test_a_circle_of_conditions_is_refused(self) -> None:
        parameters = {
            "a": {"choices": [1], "when": {"b": 1, "c": 1}}, "b": {"choices": [1], "when": {"a": 1}}, "c": [1],
        }  # fmt: skip
        assert faults(parameters=parameters) == (
            "parameters: these depend on each other in a circle, so none ever applies: "
            "a depends on b, c; b depends on a",
        )


class TestExclude:
    def test_what_is_excluded_is_not_tried_and_not_counted(self) -> None:
        spec = spec_of(exclude=[{"lr": 0.1, "optimizer": ["adam", "none"]}, {"nesterov": True}])
        found = first_params(spec)
        assert len(found) == 12 - 3 - 2 == spec.space.size
        assert not [params for params in found if params["lr"] == 0.1 and params["optimizer"] != "sgd"]

    def test_more_trials_than_are_left_are_too_many(self) -> None:
        (fault,) = faults(exclude=[{"lr": 0.1}], search={"method": "random", "trials": 7})
        assert fault.startswith("search.trials: 7, but there are only 6 sets of params")

    @pytest.mark.parametrize(
        ("exclude", "fault"),
        [
            ([{"lr": 1}], "exclude[0].lr: the parameter never has the value 1; it has 0.1, 0.01"),
            (
                [{"momentum": 0.9, "beta": 0.9}],
                "exclude[0]: matches no params, since these never apply together; leave it out",
            ),
            ([{"lr": 0.1}, {"lr": [0.1]}], "exclude[1]: stands in the list twice; give it once"),
            ([{"lr": 0.1}, {"lr": 0.01}], "exclude: leaves no params to try; exclude fewer"),
            ({"lr": 0.1}, 'exclude: must be a list of objects such as [{"lr": 1, "momentum": 0.9}], got {"lr": 0.1}'),
        ],
    )
    def test_a_fault_names_the_rule_and_the_value(self, exclude: Any, fault: str) -> None:
        assert faults(exclude=exclude) == (fault,)

    def test_each_wrong_entry_is_named_beside_the_others(self) -> None:
        found = faults(exclude=[{"lr": 1}, {"momentm": 0.5}, {}, 3])
        assert [fault.split(":")[0] for fault in found] == ["exclude[0].lr", "exclude[1]", "exclude[2]", "exclude[3]"]
        assert found[3] == 'exclude[3]: must be an object such as {"lr": 1, "momentum": 0.9}, got 3'


class TestTryFirst:
    @pytest.mark.parametrize(
        "search", ["grid", {"method": "random", "trials": 12}, {"method": "tpe", "trials": 12, "batch": 1}]
    )
    def test_params_by_hand_are_tried_first_and_counted(self, search: Any) -> None:
        spec = spec_of(try_first=FIRST, search=search)
        trials = first_round(spec, trainer_version="1")
        for number in range(1, 12 if spec.search.batch else 1):
            results = [
                Result(trial=each, outcome=Outcome(trial_id=each.trial_id, status=Status.SUCCEEDED), value=0.5, epoch=1)
                for each in trials
            ]
            trials = next_round(spec, results, (), round_number=number, trainer_version="1")
            assert len(grouped(results)) == number
        params = [trial.params for trial in trials]
        assert params[:2] == FIRST
        assert list(params[0]) == ["optimizer", "lr"]
        assert len({key_of(each) for each in params}) == len(params) == 12

    def test_a_number_between_the_ends_of_a_range_need_not_be_one_that_would_be_drawn(self) -> None:
        space = {"lr": {"low": 0.001, "high": 1, "log": True}}
        spec = spec_of(parameters=space, search={"method": "random", "trials": 3}, try_first=[{"lr": 0.0123456}])
        assert first_params(spec)[0] == {"lr": 0.0123456}
        assert len(first_params(spec)) == 3

    @pytest.mark.parametrize(
        ("params", "fault"),
        [
            ({"optimizer": "none"}, "lr is missing; give a value to every parameter that applies"),
            (
                {"optimizer": "none", "lr": 1},
                "lr is never 1 by `parameters`; add the value there, or give another one",
            ),
            (
                {"optimizer": "none", "lr": 0.1, "momentum": 0.9},
                'momentum does not apply, since optimizer is "none"; leave it out',
            ),
            (
                {"optimizer": "sgdd", "momentum": 0.9, "nesterov": True, "lr": 0.1},
                'optimizer is never "sgdd" by `parameters`; add the value there, or give another one',
            ),
            (
                {"optimizer": "none", "lr": 0.1, "width": 1},
                "there is no parameter `width`; there are optimizer, momentum, nesterov, beta, lr",
            ),
            (
                {"optimizer": "adam", "lr": 0.1, "beta": 0.9},
                "exclude[0] leaves these params out; give them in one of the two",
            ),
        ],
    )
    def test_params_that_are_not_of_the_space_are_refused(self, params: dict[str, Any], fault: str) -> None:
        assert faults(try_first=[params], exclude=[{"lr": 0.1, "beta": 0.9}]) == (f"try_first[0]: {fault}",)

    def test_params_that_stand_there_twice_or_are_more_than_the_trials_are_refused(self) -> None:
        assert faults(try_first=[{"optimizer": "none", "lr": 0.1}, {"lr": 0.1, "optimizer": "none"}]) == (
            'try_first[1]: {"lr": 0.1, "optimizer": "none"} stands in the list twice; give all params once',
        )
        assert faults(try_first=FIRST, search={"method": "random", "trials": 1}) == (
            "try_first: has 2 sets of params, but search.trials is 1, which counts them too",
        )


class TestList:
    def of(self, *by_hand: Any, **fields: Any) -> SweepSpec:
        search = {"method": "list", "trials": list(by_hand)}
        return SweepSpec.from_json({"search": search, "epochs": 4, "name": "s", **fields})

    def test_its_params_are_tried_and_no_others(self) -> None:
        spec = self.of(*BY_HAND)
        assert first_params(spec) == [{"lr": 0.1, "layers": (64, 64)}, {"lr": 0.01}, {"lr": 0.1, "act": "relu"}]
        assert spec.parameters == {"lr": (0.01, 0.1), "layers": ((64, 64),), "act": ("relu",)}
        assert SweepSpec.from_json(json.loads(json.dumps(spec.to_json()))) == spec

    def test_it_goes_with_halving_folds_and_free_running(self) -> None:
        spec = self.of(*BY_HAND, halving={"min_epochs": 1, "factor": 3}, folds=2, rounds=False)
        assert [each.trials for each in schedule(spec)] == [6, 2, 2]
        assert spec.number_of_params == 3

    def test_faults(self) -> None:
        def faults_with(trials: Any, **fields: Any) -> tuple[str, ...]:
            return faults_of({"search": {"method": "list", "trials": trials}, "epochs": 1, "name": "s", **fields})

        assert faults_with(5) == (
            'search.trials: must be a list of objects such as [{"lr": 0.1, "momentum": 0.9}], got 5',
        )
        assert faults_with([{"lr": 1}, {"lr": 1}, {}]) == (
            'search.trials[1]: {"lr": 1} stands in the list twice; give all params once',
            "search.trials[2]: must name at least one parameter, got {}",
        )
        assert faults_with([{"seed": 1}])[0].startswith("search.trials.seed: not a name you can use here")
        assert faults_with([{"lr": 1}], parameters={"lr": [1]}) == (
            "parameters: a list tries the params in search.trials, and no others; leave it out",
        )
        assert faults(search="list")[0].startswith('search: must be "grid" or an object such as {"method": "list"')
