"""A trial and its id, which names the same work in every sweep."""

import json
import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepsweep.contract.errors import InvalidDocument
from stepsweep.contract.rounds import first_round
from stepsweep.contract.space import Value, key_of, parse_value
from stepsweep.contract.spec import SweepSpec
from stepsweep.contract.trial import Trial, trial_id_of
from tests.support.strategies import documents, option_names, values

params_of_a_trial = st.dictionaries(option_names, values.map(parse_value), min_size=1, max_size=4)


def trial_id(params: dict[str, Value] | None = None, **changes: Any) -> str:
    params = params or {"lr": 0.1, "momentum": 0.5}
    return trial_id_of(**{"params": params, "fixed": {"batch_size": 64}, "seed": 0, "trainer_version": "v1", **changes})


class TestTrialId:
    def test_the_id_of_a_trial_never_changes_or_all_that_is_trained_would_be_trained_again(self) -> None:
        assert trial_id() == "lr-0_1-momentum-0_5-188bcf36d5338bad8d6d"

    def test_the_id_of_long_params_never_changes_either(self) -> None:
        params: dict[str, Value] = {f"parameter_{letter}": "a-long-choice" for letter in "abcd"}
        assert trial_id(params) == "parameter_a-a-long-choice-parameter_b-a-long-choice-paramete-9f038c9464dc096d4c55"

    def test_a_spec_without_variables_keeps_its_ids_and_each_name_and_value_gives_another(self) -> None:
        assert trial_id(environment={}) == trial_id()
        variables: list[dict[str, str]] = [{"A": "1"}, {"A": "2"}, {"B": "1"}, {"A": "1", "B": "1"}]
        assert len({trial_id(environment=each) for each in variables}) == 4
        assert trial_id(environment={"B": "1", "A": "1"}) == trial_id(environment={"A": "1", "B": "1"})

    def test_an_id_begins_with_params_that_a_person_can_read(self) -> None:
        assert trial_id({"lr": 1e-5, "act": "relu"}).startswith("act-relu-lr-1e-05-")

    def test_learning_rates_that_four_decimals_cannot_tell_apart_have_ids_of_their_own(self) -> None:
        assert trial_id({"lr": 1e-5}) != trial_id({"lr": 2e-5})

    def test_values_that_look_alike_have_ids_of_their_own(self) -> None:
        alike: list[Any] = [1, "1", True, "true", None, "null", [1, 2], "1,2", "[1,2]", [[1], 2], [True], ["1"], [1]]
        ids = {trial_id({"x": parse_value(value)}, fixed={}) for value in alike}
        ids |= {trial_id({"y": 0}, fixed={"x": parse_value(value)}) for value in alike}
        assert len(ids) == 2 * len(alike)
        assert trial_id({"x": parse_value([1.0, 2])}) == trial_id({"x": parse_value([1, 2])})

    def test_the_order_in_which_params_and_options_are_named_does_not_matter(self) -> None:
        assert trial_id({"lr": 0.1, "momentum": 0.5}) == trial_id({"momentum": 0.5, "lr": 0.1})
        assert trial_id(fixed={"a": 1, "b": 2}) == trial_id(fixed={"b": 2, "a": 1})

    @pytest.mark.parametrize(
        "changes",
        [
            {"params": {"lr": 0.1, "momentum": 0.9}},
            {"params": {"lr": 0.1}},
            {"params": {"lr": "0.1", "momentum": 0.5}},
            {"fixed": {"batch_size": 32}},
            {"fixed": {}},
            {"seed": 1},
            {"trainer_version": "v2"},
            {"salt": "again"},
            {"environment": {"OMP_NUM_THREADS": "4"}},
        ],
        ids=str,
    )
    def test_each_thing_that_decides_a_trials_numbers_gives_another_id(self, changes: dict[str, Any]) -> None:
        assert trial_id(**changes) != trial_id()

    @given(params_of_a_trial, params_of_a_trial)
    def test_other_params_have_another_id(self, some: dict[str, Value], others: dict[str, Value]) -> None:
        assert (trial_id(some) == trial_id(others)) == (dict(key_of(some)) == dict(key_of(others)))

    @given(params_of_a_trial, st.randoms(use_true_random=False))
    def test_shuffled_params_have_the_same_id(self, params: dict[str, Value], random: Any) -> None:
        shuffled = list(params.items())
        random.shuffle(shuffled)
        assert trial_id(dict(shuffled)) == trial_id(params)

    @given(params_of_a_trial)
    def test_an_id_may_name_a_batch_job_and_a_folder(self, params: dict[str, Value]) -> None:
        """Batch: letters, digits, - and _, at most 128, the first a letter or digit."""
        assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,127}", trial_id(params), re.ASCII)


class TestTrials:
    SPEC = SweepSpec(
        parameters={"momentum": (0.5, 0.9), "lr": (-1e-5, 1e-5)},
        name="s",
        epochs=3,
        fixed={"dataset": "mnist", "batch_size": 64},
        seed=7,
    )

    def test_a_trial_is_given_its_params_then_what_is_fixed_then_epochs_and_seed_as_texts(self) -> None:
        first, *_ = first_round(self.SPEC, trainer_version="1")
        assert " ".join(first.command()) == (
            "--momentum 0.5 --lr -0.00001 --dataset mnist --batch_size 64 --epochs 3 --seed 7"
        )

    @pytest.mark.parametrize(
        ("changes", "trainer_version", "number"),
        [
            ({"fixed": {"dataset": "mnist"}}, "1", 16),
            ({"seed": 8}, "1", 16),
            ({"folds": 2}, "1", 16),
            ({"folds": 3}, "1", 16),
            ({"environment": {"A": "1"}}, "1", 16),
            ({"fresh": True}, "1", 16),
            ({}, "2", 16),
            ({"epochs": 4}, "1", 8),
            ({"name": "other"}, "1", 8),
        ],
        ids=str,
    )
    def test_what_decides_the_numbers_of_a_sweep_s_trials_is_in_their_ids(
        self, changes: dict[str, Any], trainer_version: str, number: int
    ) -> None:
        trials = first_round(replace(self.SPEC, repeats=2), trainer_version="1")
        others = first_round(replace(self.SPEC, **{"repeats": 2, **changes}), trainer_version=trainer_version)
        ids = {trial.trial_id for trial in trials}
        assert len(ids) == 8
        if "seed" in changes:
            assert len(ids & {trial.trial_id for trial in others}) == 4, "of the seeds 7 and 8, and 8 and 9"
        elif number == 8:
            assert {trial.trial_id for trial in others} == ids
        else:
            assert ids.isdisjoint(trial.trial_id for trial in others)

    def test_every_trial_of_a_sweep_has_an_id_of_its_own(self) -> None:
        spec = SweepSpec(
            parameters={name: tuple(n / 1000 for n in range(1, 22)) for name in ("a", "b", "c")}, name="s", epochs=1
        )
        assert len({trial.trial_id for trial in first_round(spec, trainer_version="1")}) == 21**3

    def test_a_grid_that_grows_keeps_the_trials_that_it_had(self) -> None:
        small, large = (
            {
                trial.trial_id
                for trial in first_round(SweepSpec(parameters={"lr": lr}, name=name, epochs=1), trainer_version="1")
            }
            for name, lr in (("first", (0.1, 0.01)), ("second", (1.0, 0.1, 0.01)))
        )
        assert small < large

    def test_more_epochs_continue_the_same_trial_and_write_other_metrics(self) -> None:
        short, long = (
            first_round(SweepSpec(parameters={"lr": (0.1,)}, name="s", epochs=epochs), trainer_version="1")[0]
            for epochs in (3, 30)
        )
        assert short.trial_id == long.trial_id
        assert short.metrics_key != long.metrics_key

    def test_a_fresh_sweep_trains_trials_of_its_own_which_it_finds_again_when_it_is_started_again(self) -> None:
        ids = {
            (name, fresh): first_round(
                SweepSpec(parameters={"lr": (0.1,)}, name=name, epochs=1, fresh=fresh), trainer_version="1"
            )[0].trial_id
            for name in ("first", "second")
            for fresh in (False, True)
        }
        assert ids["first", False] == ids["second", False]
        assert len(set(ids.values())) == 3

    @given(documents(), st.tuples(*[st.integers(0, 20)] * 3))
    def test_a_trial_survives_the_plan(self, document: Any, place: tuple[int, int, int]) -> None:
        rung, batch, round_number = place
        for first in first_round(SweepSpec.from_json(document), trainer_version="1"):
            trial = replace(first, rung=rung, batch=batch, round_number=round_number)
            assert Trial.from_json(json.loads(json.dumps(trial.to_json()))) == trial
            assert all(type(word) is str for word in trial.command())

    @pytest.mark.parametrize("change", [{"extra": 1}, {"epochs": None}])
    def test_a_plan_with_a_field_too_many_or_too_few_is_refused(self, change: dict[str, Any]) -> None:
        document = {**first_round(self.SPEC, trainer_version="1")[0].to_json(), **change}
        with pytest.raises(InvalidDocument, match=r"^trial: (unknown field \"extra\"|epochs is missing)$"):
            Trial.from_json({name: value for name, value in document.items() if value is not None})

    def test_folds_and_seeds_are_trials_of_their_own_and_a_seed_is_the_same_work_in_another_sweep(self) -> None:
        def trials(**fields: Any) -> list[Trial]:
            return first_round(SweepSpec(parameters={"lr": (0.1,)}, name="s", epochs=3, **fields), trainer_version="1")

        folded = trials(folds=3, repeats=2)
        assert len({trial.trial_id for trial in folded}) == 6
        assert " ".join(folded[5].command()) == "--lr 0.1 --epochs 3 --seed 1 --folds 3 --fold 2"
        assert {trial.trial_id for trial in folded}.isdisjoint(trial.trial_id for trial in trials(folds=2))
        repeated = trials(repeats=3)
        assert [trial.trial_id for trial in repeated] == [trials(seed=seed)[0].trial_id for seed in range(3)]
