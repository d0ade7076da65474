"""The fields that say how a sweep searches: what they mean, and what is said where they are wrong."""

from typing import Any

import pytest

from stepsweep.contract.halving import Halving
from stepsweep.contract.search import Method, Search
from stepsweep.contract.space import Kind, Range
from stepsweep.contract.spec import SweepSpec
from tests.support.specs import faults, parse

RANDOM = {"method": "random", "trials": 5}


class TestRanges:
    @pytest.mark.parametrize(
        ("document", "parsed"),
        [
            ({"low": 1e-4, "high": 1, "log": True}, Range(low=1e-4, high=1, log=True, kind=Kind.FLOAT)),
            ({"low": 0, "high": 0.9, "step": 0.1}, Range(low=0, high=0.9, step=0.1, kind=Kind.FLOAT)),
            ({"low": 16, "high": 256, "step": 16}, Range(low=16, high=256, step=16, kind=Kind.INT)),
            ({"low": 1, "high": 9, "type": "int"}, Range(low=1, high=9, kind=Kind.INT)),
            ({"low": 0, "high": 1, "type": "float"}, Range(low=0, high=1, kind=Kind.FLOAT)),
        ],
    )
    def test_a_range_is_read(self, document: dict[str, Any], parsed: Range) -> None:
        assert parse(parameters={"p": document}, search=RANDOM).parameters == {"p": parsed}

    @pytest.mark.parametrize(
        ("document", "fault"),
        [
            ({"low": 0.0, "high": 1.5, "log": True}, ".low: must be > 0 on a log scale, got 0"),
            ({"low": 2.5, "high": 1.5}, ": low must be <= high, got 2.5 and 1.5"),
            ({"low": 0.1}, '.high: missing; a range is written as {"low": 0.001, "high": 0.1}'),
            ({"low": 1}, '.high: missing; a range is written as {"low": 0.001, "high": 0.1}'),
            ({"low": "a", "high": 1}, '.low: must be a number of at most 1e+300, got "a"'),
            ({"low": "a", "high": 0.5}, '.low: must be a number of at most 1e+300, got "a"'),
            ({"low": 1e-301, "high": 1.5, "log": True}, ".low: must be at least 1e-300 on a log scale, got 1e-301"),
            (
                {"low": 1e15, "high": 1e15 + 9, "step": 0.1},
                ".step: must be at least 0.25, since numbers near 1000000000000009 are no closer, got 0.1",
            ),
            ({"low": 0.5, "high": 1e301}, ".high: must be a number of at most 1e+300, got 1e+301"),
            ({"low": 0, "high": 1, "step": 0}, ".step: must be > 0, got 0"),
            (
                {"low": 1, "high": 9, "step": 2, "log": True},
                ".step: not on a log scale; leave one of the two out, or list the choices",
            ),
            (
                {"low": 0, "high": 1},
                '.type: missing, and low and high are whole; write "int" for whole numbers only, or "float" for all '
                "between them",
            ),
            ({"low": 0.5, "high": 1, "type": "real"}, '.type: must be "int" or "float", got "real"'),
            ({"low": 0.5, "high": 1, "log": "yes"}, '.log: must be true or false, got "yes"'),
        ],
    )
    def test_a_fault_of_a_range_names_the_rule_and_the_value(self, document: dict[str, Any], fault: str) -> None:
        assert faults(parameters={"lr": document}, search=RANDOM) == (f"parameters.lr{fault}",)

    def test_all_faults_of_all_ranges_come_at_once(self) -> None:
        found = faults(parameters={"a": {"low": 1.5, "high": 1}, "b": {"low": -0.5, "hi": 1, "log": True}})
        assert [fault.split(":")[0].split(";")[0] for fault in found] == [
            "parameters.a",
            "unknown field `parameters.b.hi`",
            "parameters.b.low",
        ]

    def test_a_range_of_other_names_is_told_of_them_alone(self) -> None:
        assert [fault.split(";")[0] for fault in faults(parameters={"lr": {"min": 0.1, "max": 1}}, search=RANDOM)] == [
            "unknown field `parameters.lr.min`",
            "unknown field `parameters.lr.max`",
            "parameters.lr.low: missing",
            "parameters.lr.high: missing",
        ]

    @pytest.mark.parametrize(
        ("search", "fault"),
        [
            ({"method": "bayes"}, 'search.method: must be one of "grid", "random", "tpe", "list", got "bayes"'),
            ({"methd": "tpe"}, "unknown field `search.methd`; did you mean `search.method`?"),
            ("tpe", 'search: must be "grid" or an object such as {"method": "random", "trials": 50}, got "tpe"'),
        ],
    )
    def test_what_a_grid_cannot_do_is_no_fault_of_a_search_without_a_method(self, search: object, fault: str) -> None:
        ranges = {"lr": {"low": 0.1, "high": 1}, "n": list(range(3000))}
        others = {"warm_start": ["first"], "stop": {"max_hours": 1}, "rounds": True}
        assert faults(parameters=ranges, search=search, **others) == (fault,)

    def test_a_grid_cannot_list_a_range_without_a_step_and_says_what_can(self) -> None:
        assert faults(parameters={"lr": {"low": 0.1, "high": 1}}) == (
            "parameters.lr: a grid cannot list a range without a step; give it a step or a list, or write "
            '"search": {"method": "random", "trials": 50}',
        )
        assert parse(parameters={"n": {"low": 1, "high": 3, "type": "int"}}).search == Search()


class TestSearch:
    def test_the_three_ways_to_search(self) -> None:
        assert parse(search="grid").search == parse(search={"method": "grid"}).search == Search()
        assert parse(search=RANDOM).search == Search(method=Method.RANDOM, trials=5)
        lr = {"lr": {"low": 0.001, "high": 0.1}}
        tpe = parse(parameters=lr, search={"method": "tpe", "trials": 60, "batch": 9}).search
        assert tpe == Search(method=Method.TPE, trials=60, batch=9)
        assert tpe.learns

    @pytest.mark.parametrize(
        ("fields", "rounds"),
        [
            ({}, True),
            ({"search": RANDOM, "halving": {}}, True),
            ({"search": {"method": "tpe", "trials": 5}}, False),
            ({"search": {"method": "tpe", "trials": 5, "batch": 2}}, True),
            ({"search": {"method": "tpe", "trials": 5}, "rounds": True}, True),
            ({"search": RANDOM, "rounds": False}, False),
            ({"search": RANDOM, "stop": {"max_hours": 1}}, False),
            ({"search": RANDOM, "stop": {"max_hours": 1, "running": "end"}}, False),
            ({"search": RANDOM, "stop": {"running": "end"}, "budget_usd": 2, "seconds_per_epoch": 1}, False),
            ({"search": RANDOM, "halving": {}, "stop": {"max_hours": 1}, "rounds": True}, True),
            ({"search": {"method": "tpe", "trials": 5, "batch": 2}, "stop": {"metric_reached": 0.9}}, True),
        ],
    )
    def test_a_model_without_a_batch_and_rules_to_stop_need_no_rounds(
        self, fields: dict[str, Any], rounds: bool
    ) -> None:
        spec = parse(**fields)
        assert spec.rounds is rounds
        assert (spec.search.batch is not None) is (rounds and spec.search.learns)
        assert SweepSpec.from_json(spec.to_json()) == spec

    @pytest.mark.parametrize(
        ("fields", "fault"),
        [
            ({"rounds": "no"}, 'rounds: must be true or false, got "no"'),
            (
                {"search": {"method": "tpe", "trials": 5, "batch": 2}, "rounds": False},
                "search.batch: only for a search in rounds; leave it out, or write rounds true",
            ),
            ({"stop": {"max_hour": 2}}, "unknown field `stop.max_hour`; did you mean `stop.max_hours`?"),
            ({"stop": {"max_hours": 0}}, "stop.max_hours: must be a number above 0, got 0"),
            ({"stop": {"metric_reached": "high"}}, 'stop.metric_reached: must be a number, got "high"'),
            (
                {"stop": {"max_trials_without_improvement": 0}},
                "stop.max_trials_without_improvement: must be a whole number from 1 to 10000, got 0",
            ),
            (
                {"stop": {"max_hours": 2}, "rounds": True},
                "stop: all trials are in one round, so none is left when the rules are looked at; leave rounds out, or "
                "write false: the search then runs freely",
            ),
            ({"stop": {"max_hours": 2, "running": "kill"}}, 'stop.running: must be "finish" or "end", got "kill"'),
            (
                {"stop": {"max_hours": 2, "running": "end"}, "rounds": True, "halving": {}},
                "stop.running: between rounds no trial runs; leave it out",
            ),
            (
                {"stop": {"running": "end"}},
                'stop: has no rule; write one such as {"metric_reached": 0.99, "max_hours": 8, '
                '"max_trials_without_improvement": 30, "running": "end"}',
            ),
        ],
    )
    def test_what_rounds_and_stop_are_not(self, fields: dict[str, Any], fault: str) -> None:
        assert faults(**fields) == (fault,)

    @pytest.mark.parametrize(
        ("search", "fault"),
        [
            ({}, 'method: missing; write one of "grid", "random", "tpe", "list" (--search random)'),
            ({"method": None}, 'method: must be one of "grid", "random", "tpe", "list", got null'),
            ({"method": "Random"}, 'method: must be one of "grid", "random", "tpe", "list", got "Random"'),
            ({"method": "random"}, "trials: missing; write how many params to try, 1 to 10000"),
            ({"method": "random", "trials": 0}, "trials: must be a whole number from 1 to 10000, got 0"),
            (
                {"method": "random", "trials": 10},
                'trials: 10, but there are only 9 sets of params; give at most 9, or "search": "grid", '
                "which tries all of them",
            ),
            (
                {"method": "random", "trials": 5, "batch": 2},
                'batch: only with "tpe", which learns from one batch for the next',
            ),
            ({"method": "grid", "trials": 5}, "trials: a grid tries every combination; leave it out"),
            ({"method": "tpe", "trials": 9, "batch": 0}, "batch: must be a whole number from 1 to 10000, got 0"),
        ],
    )
    def test_a_fault_of_the_search_names_the_rule_and_the_value(self, search: Any, fault: str) -> None:
        assert faults(search=search) == (f"search.{fault}",)

    def test_a_model_has_no_more_rounds_than_an_execution_has_events_for(self) -> None:
        some = {"parameters": {"lr": {"low": 0.1, "high": 1}}}
        assert parse(**some, search={"method": "tpe", "trials": 5_000, "batch": 10}).search.batch == 10
        assert faults(**some, search={"method": "tpe", "trials": 5_001, "batch": 10}) == (
            "search.batch: 5001 trials in batches of 10 are 501 rounds; at most 500, give a batch of at least 11",
        )

    def test_a_misspelt_field_is_not_missing_too(self) -> None:
        assert faults(search={"method": "random", "trial": 5}) == (
            "unknown field `search.trial`; did you mean `search.trials`?",
        )


class TestHalvingFoldsAndRepeats:
    def test_halving_takes_its_first_rung_from_the_epochs_where_none_is_given(self) -> None:
        assert parse(epochs=54, halving={}).halving == Halving(min_epochs=4, factor=3)
        assert parse(epochs=54, halving={"factor": 2}).halving == Halving(min_epochs=4, factor=2)
        assert parse(epochs=1, halving={}).rungs == (1,)

    @pytest.mark.parametrize(
        ("halving", "fault"),
        [
            ({"min_epochs": 101}, "min_epochs: must be a whole number from 1 to 100, got 101"),
            ({"factor": 1}, "factor: must be a whole number from 2 to 100, got 1"),
        ],
    )
    def test_a_rung_is_no_more_than_the_epochs_and_a_factor_leaves_some_behind(self, halving: Any, fault: str) -> None:
        assert faults(halving=halving) == (f"halving.{fault}",)

    def test_folds_and_repeats_count_where_there_are_too_many_trials(self) -> None:
        assert faults(parameters={"lr": list(range(1_000))}, folds=5, repeats=3) == (
            "parameters: a grid of 15000 trials (lr 1000, 15 times each for folds and repeats); at most 10000, "
            "give fewer choices",
        )
        assert faults(
            parameters={"lr": {"low": 0.1, "high": 1}}, search={"method": "random", "trials": 5_000}, repeats=3
        ) == ("search.trials: 5000, 3 times each for folds and repeats are 15000 trials; at most 10000",)

    def test_the_last_seed_is_one_that_a_trainer_takes(self) -> None:
        assert parse(seed=2**32 - 3, repeats=3).seed == 2**32 - 3
        assert faults(seed=2**32 - 2, repeats=3) == (
            "seed: must be a whole number from 0 to 4294967293, got 4294967294",
        )

    @pytest.mark.parametrize("name", ["folds", "fold"])
    def test_their_options_are_no_parameters(self, name: str) -> None:
        (fault,) = faults(parameters={name: [1]})
        assert fault.startswith(f"parameters.{name}: not a name you can use here; give ")
