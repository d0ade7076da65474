"""Rounds and halving: who goes on, what is new, and what all of it costs at most. Small enough to check by hand."""

import math
from collections.abc import Mapping
from itertools import islice
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepsweep.contract.halving import Halving, promoted
from stepsweep.contract.objective import Direction, Objective
from stepsweep.contract.results import Group, Result, grouped
from stepsweep.contract.rounds import (
    Round,
    epochs_to_train,
    first_params,
    first_round,
    goes_on,
    in_order,
    next_round,
    schedule,
    trials_at_the_ends,
    wanted,
)
from stepsweep.contract.sampling import drawn
from stepsweep.contract.space import Value
from stepsweep.contract.spec import SweepSpec
from stepsweep.contract.trial import Outcome, Status, Trial
from tests.support.specs import as_number

ACCURACY = Objective()
LOSS = Objective(metric="val_loss", direction=Direction.MINIMIZE)


def spec_of(**fields: Any) -> SweepSpec:
    document = {"parameters": {"lr": [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]}, "epochs": 9, "name": "s"}
    return SweepSpec.from_json({**document, "halving": {"min_epochs": 1}, **fields})


def result(trial: Trial, value: float | None, epochs_trained: int | None = None) -> Result:
    status = Status.FAILED if value is None else Status.SUCCEEDED
    trained = None if value is None else epochs_trained or trial.epochs
    return Result(
        trial=trial,
        outcome=Outcome(trial_id=trial.trial_id, status=status),
        value=value,
        epoch=trained,
        epochs_trained=trained,
    )


def results(trials: list[Trial], values: Mapping[float, float | None]) -> list[Result]:
    """Returns results by the learning rate of each trial."""
    return [result(trial, values[as_number(trial.params["lr"])]) for trial in trials]


def after(spec: SweepSpec, trials: list[Trial], values: Mapping[float, float | None], number: int) -> list[Trial]:
    return next_round(spec, results(trials, values), (), round_number=number, trainer_version="1")


def at(trials: list[Trial], round_number: int) -> list[float]:
    """Returns the learning rates that a round trains, in the order of the plan."""
    return [as_number(trial.params["lr"]) for trial in trials if trial.round_number == round_number]


def group(name: str, value: float | None, *, rung: int = 0, epoch: int = 1, batch: int = 0) -> Group:
    trial = Trial(trial_id=name, params={"p": name}, options={}, epochs=1, rung=rung, batch=batch)
    found = result(trial, value)
    return Group(results=(Result(trial=trial, outcome=found.outcome, value=value, epoch=epoch, epochs_trained=1),))


def names(groups: list[Group]) -> list[str]:
    return [each.trial.trial_id for each in groups]


class TestRungs:
    @pytest.mark.parametrize(
        ("halving", "epochs", "rungs"),
        [
            (Halving(min_epochs=3), 27, (3, 9, 27)),
            (Halving(min_epochs=3), 54, (3, 9, 27, 54)),
            (Halving(min_epochs=3), 28, (3, 9, 27, 28)),
            (Halving(min_epochs=1, factor=2), 8, (1, 2, 4, 8)),
            (Halving(min_epochs=5), 5, (5,)),
        ],
    )
    def test_each_rung_has_so_many_times_the_epochs_and_the_last_is_the_whole_training(
        self, halving: Halving, epochs: int, rungs: tuple[int, ...]
    ) -> None:
        assert halving.rungs(epochs) == rungs


class TestPromoted:
    def test_the_best_third_goes_on_and_of_ten_that_are_four(self) -> None:
        groups = [group(name, value) for name, value in zip("abcdefghij", range(10), strict=True)]
        assert names(promoted(groups, Halving(min_epochs=1), ACCURACY, rungs=2)) == ["j", "i", "h", "g"]
        assert names(promoted(groups, Halving(min_epochs=1), LOSS, rungs=2)) == ["a", "b", "c", "d"]

    def test_equal_values_go_on_by_the_ranking_s_rules(self) -> None:
        groups = [group("late", 0.5, epoch=2), group("first", 0.5), group("second", 0.5), group("bad", 0.1)]
        assert names(promoted(groups, Halving(min_epochs=1, factor=2), ACCURACY, rungs=2)) == ["first", "second"]

    def test_who_failed_does_not_go_on_and_makes_no_room_for_others(self) -> None:
        groups = [group("a", 0.5), *(group(f"failed-{n}", None) for n in range(5))]
        assert names(promoted(groups, Halving(min_epochs=1), ACCURACY, rungs=2)) == ["a"]
        assert promoted([group("failed", None)], Halving(min_epochs=1), ACCURACY, rungs=2) == []

    def test_a_rung_is_filled_up_once_and_nobody_goes_on_from_the_last(self) -> None:
        groups = [group("a", 0.9, rung=1), group("b", 0.8, rung=1), group("c", 0.7), group("d", 0.6)]
        halving = Halving(min_epochs=1, factor=2)
        assert promoted(groups, halving, ACCURACY, rungs=2) == []
        assert names(promoted(groups, halving, ACCURACY, rungs=3)) == ["a"]

    def test_each_batch_is_compared_with_itself_so_that_a_late_winner_goes_on(self) -> None:
        groups = [group(f"early-{n}", 0.5 + n / 100, rung=1) for n in range(3)]
        groups += [group(f"late-{n}", n / 10, batch=1) for n in range(3)]
        assert names(promoted(groups, Halving(min_epochs=1), ACCURACY, rungs=2)) == ["late-2"]
        assert names(promoted(groups, Halving(min_epochs=1), ACCURACY, rungs=3)) == ["early-2", "late-2"]

    @given(
        st.lists(st.tuples(st.none() | st.floats(0, 1), st.integers(0, 2)), max_size=30),
        st.integers(2, 5),
        st.sampled_from([ACCURACY, LOSS]),
    )
    def test_at_each_rung_no_one_stays_behind_who_is_better_and_no_more_go_on_than_there_are_places(
        self, drawn_groups: list[tuple[float | None, int]], factor: int, objective: Objective
    ) -> None:
        groups = [group(str(number), value, rung=rung) for number, (value, rung) in enumerate(drawn_groups)]
        on = promoted(groups, Halving(min_epochs=1, factor=factor), objective, rungs=3)
        for rung in range(3):
            went = [each for each in on if each.rung == rung]
            stayed = [each for each in groups if each.rung == rung and each not in went and each.value is not None]
            ranks = [[objective.rank(each.value) for each in some if each.value is not None] for some in (went, stayed)]
            assert not (ranks[0] and ranks[1]) or max(ranks[0]) <= min(ranks[1])
            assert len(ranks[0]) == len(went)
            reached = sum(each.rung >= rung for each in groups)
            beyond = sum(each.rung > rung for each in groups)
            assert not went or beyond + len(went) <= math.ceil(reached / factor)
            assert rung < 2 or not went


class TestRounds:
    VALUES: ClassVar[Mapping[float, float | None]] = {
        0.1: 0.3, 0.2: 0.9, 0.3: 0.1, 0.4: 0.8, 0.5: None, 0.6: 0.7, 0.7: 0.2, 0.8: 0.4, 0.9: 0.5,
    }  # fmt: skip

    def test_nine_train_one_epoch_three_go_on_to_three_and_one_to_nine(self) -> None:
        spec = spec_of()
        first = first_round(spec, trainer_version="1")
        assert [(trial.epochs, trial.options["epochs"]) for trial in first] == [(1, 1)] * 9

        second = after(spec, first, self.VALUES, 1)
        assert at(second, 1) == [0.2, 0.4, 0.6]
        assert [trial.epochs for trial in second] == [1, 3, 1, 3, 1, 3, 1, 1, 1]
        assert [trial.trial_id for trial in second] == [trial.trial_id for trial in first]
        assert second[1].command()[-4:] == ["--epochs", "3", "--seed", "0"]

        third = after(spec, second, {**self.VALUES, 0.4: 0.95}, 2)
        assert at(third, 2) == [0.4]
        assert [trial.epochs for trial in third if trial.rung == 2] == [9]
        assert not goes_on(spec, grouped(results(third, self.VALUES)))

    def test_when_all_that_went_on_failed_the_search_is_over(self) -> None:
        spec = spec_of()
        second = after(spec, first_round(spec, trainer_version="1"), self.VALUES, 1)
        failed = results(second, {**self.VALUES, 0.2: None, 0.4: None, 0.6: None})
        assert not goes_on(spec, grouped(failed))

    def test_a_trial_that_stopped_by_itself_is_on_the_next_rung_without_another_job(self) -> None:
        spec = spec_of(halving={"min_epochs": 3})
        first = first_round(spec, trainer_version="1")
        stopped = [
            result(trial, as_number(trial.params["lr"]), 2 if trial.params["lr"] == 0.9 else 3) for trial in first
        ]
        second = next_round(spec, stopped, (), round_number=1, trainer_version="1")
        assert at(second, 1) == [0.7, 0.8]
        assert (second[-1].rung, second[-1].epochs, second[-1].round_number) == (1, 3, 0)

    def test_without_halving_and_without_a_model_there_is_one_round(self) -> None:
        spec = spec_of(halving=None)
        assert not goes_on(spec, grouped(results(first_round(spec, trainer_version="1"), self.VALUES)))

    def test_a_model_s_first_batch_is_drawn_and_the_next_takes_what_is_asked_for_and_draws_what_is_missing(
        self,
    ) -> None:
        spec = spec_of(search={"method": "tpe", "trials": 8, "batch": 3}, halving=None)
        sequence = [as_number(params["lr"]) for params in drawn(spec.space, seed=0)]
        first = first_round(spec, trainer_version="1")
        assert at(first, 0) == sequence[:3]
        known = results(first, self.VALUES)
        assert wanted(spec, grouped(known)) == 3

        new, *_ = [lr for lr in sequence[4:] if lr != sequence[3]]
        asked: list[dict[str, Value]] = [{"lr": new}, {"lr": sequence[0]}, {"lr": new}]
        second = next_round(spec, known, asked, round_number=1, trainer_version="1")
        drawn_next = [lr for lr in sequence[3:] if lr != new][:2]
        assert at(second, 1) == [new, *drawn_next]

        third = after(spec, second, self.VALUES, 2)
        assert len(at(third, 2)) == 2, "of eight trials the last two"
        assert not goes_on(spec, grouped(results(third, self.VALUES)))

    def test_folds_and_seeds_of_params_go_on_together(self) -> None:
        spec = spec_of(folds=2, repeats=2)
        first = first_round(spec, trainer_version="1")
        assert [trial.member for trial in first[:4]] == [
            {"fold": 0, "seed": 0}, {"fold": 0, "seed": 1}, {"fold": 1, "seed": 0}, {"fold": 1, "seed": 1},
        ]  # fmt: skip
        second = after(spec, first, self.VALUES, 1)
        assert at(second, 1) == [0.2] * 4 + [0.4] * 4 + [0.6] * 4

    @given(st.data())
    def test_rounds_end_with_what_the_schedule_says_where_nothing_fails(self, data: st.DataObject) -> None:
        choices = [n / 100 for n in range(1, data.draw(st.integers(1, 20), "choices") + 1)]
        fields: dict[str, Any] = {"epochs": data.draw(st.integers(1, 30)), "parameters": {"lr": choices}}
        if data.draw(st.booleans(), "tpe"):
            trials = data.draw(st.integers(1, len(choices)))
            fields["search"] = {"method": "tpe", "trials": trials, "batch": data.draw(st.integers(1, 9))}
        fields["halving"] = data.draw(st.none() | st.fixed_dictionaries({"factor": st.integers(2, 4)}))
        fields["repeats"] = data.draw(st.integers(1, 2))
        spec = spec_of(**fields)
        values = dict(zip(choices, data.draw(st.permutations(choices)), strict=True))
        trials_of_round = first_round(spec, trainer_version="1")
        found: list[Round] = []
        for number in range(100):
            planned = [trial for trial in trials_of_round if trial.round_number == number]
            up_to = tuple(sorted({trial.epochs for trial in planned}))
            longest = max(epochs_to_train(spec, [trial]) for trial in planned) if planned else 0
            epochs = epochs_to_train(spec, planned)
            found.append(Round(trials=len(planned), epochs=epochs, up_to=up_to, longest=longest))
            known = results(trials_of_round, values)
            if not goes_on(spec, grouped(known)):
                break
            trials_of_round = next_round(spec, known, (), round_number=number + 1, trainer_version="1")
        assert found == schedule(spec)
        best = max(known, key=lambda each: each.value or 0)
        assert best.trial.epochs == spec.epochs, "the best of all is trained to the end"


class TestFirstParams:
    """What `sweep plan` lists of a search: the params that no outcome decides."""

    @pytest.mark.parametrize(
        ("fields", "number"),
        [
            ({"search": "grid", "parameters": {"lr": [1, 2, 3]}}, 3),
            ({"search": {"method": "random", "trials": 12}}, 12),
            ({"search": {"method": "random", "trials": 12}, "rounds": False}, 12),
            ({"search": {"method": "tpe", "trials": 12, "batch": 5}}, 5),
            ({"search": {"method": "tpe", "trials": 12}, "rounds": False}, 9),
            ({"search": {"method": "tpe", "trials": 4}, "rounds": False}, 4),
            (
                {
                    "search": {"method": "tpe", "trials": 12},
                    "rounds": False,
                    "try_first": [{"lr": number / 100} for number in range(11)],
                },
                11,
            ),
        ],
    )
    def test_they_are_all_of_a_search_that_learns_nothing_or_those_before_a_model_is_asked(
        self, fields: dict[str, Any], number: int
    ) -> None:
        spec = SweepSpec.from_json(
            {"parameters": {"lr": {"low": 0.0, "high": 1.0, "type": "float"}}, "epochs": 1, "name": "s", **fields}
        )
        assert first_params(spec) == list(islice(in_order(spec), number))


class TestSchedule:
    def test_a_grid_of_twenty_four_by_three_from_six_epochs_takes_about_a_quarter(self) -> None:
        spec = spec_of(
            parameters={"lr": [n / 10 for n in range(1, 9)], "momentum": [0.1, 0.5, 0.9]},
            epochs=54,
            halving={"min_epochs": 6},
        )
        assert schedule(spec) == [
            Round(trials=24, epochs=144, up_to=(6,), longest=6),
            Round(trials=8, epochs=96, up_to=(18,), longest=12),
            Round(trials=3, epochs=108, up_to=(54,), longest=36),
        ]
        assert sum(each.epochs for each in schedule(spec)) == 348  # and 24 x 54 are 1,296

    def test_a_plain_grid_is_one_round(self) -> None:
        assert schedule(spec_of(halving=None)) == [Round(trials=9, epochs=81, up_to=(9,), longest=9)]

    def test_a_trainer_is_asked_about_the_ends_of_ranges_too(self) -> None:
        spec = spec_of(
            parameters={"lr": {"low": 0.1, "high": 0.9, "step": 0.3}, "momentum": {"low": 0.5, "high": 1}},
            search={"method": "random", "trials": 1},
        )
        ends = [trial.params for trial in trials_at_the_ends(spec)]
        assert ends == [{"lr": 0.1, "momentum": 0.5}, {"lr": 0.7, "momentum": 1}]

    def test_a_trainer_is_asked_about_all_trials_of_a_list(self) -> None:
        listed = [{"lr": 0.1}, {"lr": 0.9}, {"lr": 0.5}]
        spec = SweepSpec.from_json({"search": {"method": "list", "trials": listed}, "epochs": 1, "name": "s"})
        assert [trial.params for trial in trials_at_the_ends(spec)] == listed
