"""What the workers of a free-running search do next: new params, promotions, what a model proposes, and the end."""

from dataclasses import replace
from typing import Any

import pytest

from stepsweep.contract.events import Asked
from stepsweep.contract.free_running import answer
from stepsweep.contract.search import MAX_TURNS
from stepsweep.contract.stop import Stop
from tests.support.life import FAILED, HALVED, Life, life_of, succeeded


class TestASearchWithoutHalving:
    def test_it_begins_the_params_of_a_random_search_in_their_order(self) -> None:
        life, alone = life_of(3), life_of(1)
        for each in (life, alone):
            each.to_the_end()
        assert life.state is not None
        assert alone.state is not None
        assert len(life.state.candidates) == 9
        assert [each.params for each in life.state.candidates] == [each.params for each in alone.state.candidates]

    def test_there_are_no_more_workers_than_trials(self) -> None:
        life = life_of(50, 4)
        assert life.state is not None
        assert life.state.began.workers == len(life.tasks) == 4

    def test_a_worker_that_has_begun_too_many_hands_over_to_the_next_leg(self) -> None:
        life = life_of(1)
        life.tasks[0] = (MAX_TURNS, life.tasks[0][1])
        assert life.ends(0, succeeded(0.5)) is None
        life.begin(part=1)
        life.to_the_end()
        assert life.state is not None
        assert len(life.state.candidates) == 9

    def test_another_trainer_makes_all_trials_new(self) -> None:
        life = life_of(2)
        life.to_the_end()
        life.begin(execution="two", trainer="other")
        assert life.rungs == [0, 0]

    def test_a_new_execution_retries_what_failed_and_a_later_leg_of_the_same_does_not(self) -> None:
        life = life_of(1, 2)
        life.ends(0, FAILED)
        life.to_the_end()
        life.begin(part=1)
        assert not life.tasks
        life.begin(execution="two")
        assert [task.candidate for _, task in life.tasks.values()] == [0]

    def test_an_old_leg_is_told_nothing(self) -> None:
        life = life_of(1)
        life.begin(part=1)
        assert life.state is not None
        with pytest.raises(LookupError):
            answer(life.state, leg=0, worker=0, turn=1, ended=FAILED)


class TestPromotion:
    @pytest.mark.parametrize(("trials", "promoted"), [(1, 1), (2, 1), (3, 1), (9, 3), (10, 4)])
    def test_a_third_goes_on_and_the_last_place_is_rounded_up(self, trials: int, promoted: int) -> None:
        life = life_of(1, trials, **{**HALVED, "epochs": 3})
        values = {number: 1.0 - number / 100 for number in range(trials)}  # the first is the best: nobody is overtaken
        life.to_the_end(lambda task: values[task.candidate])
        assert life.rungs == [1] * promoted + [0] * (trials - promoted)

    def test_the_best_of_all_goes_on_however_late_it_comes(self) -> None:
        life = life_of(2, 9, **HALVED)
        life.to_the_end(lambda task: task.candidate / 10)
        assert life.rungs[-1] == 2

    def test_a_promotion_comes_before_new_params(self) -> None:
        life = life_of(1, 9, **HALVED)
        told = [life.ends(0, succeeded(0.5)) for _ in range(3)]
        assert [(task.candidate, task.rung) for task in told if task] == [(1, 0), (2, 0), (0, 1)]

    @pytest.mark.parametrize("repeats", [1, 2])
    def test_of_equal_values_the_one_that_took_fewer_epochs_is_promoted(self, repeats: int) -> None:
        life = life_of(1, 3, epochs=9, halving={"min_epochs": 3, "factor": 3}, repeats=repeats)
        for epoch in (3, 2, 3):
            for _ in range(repeats):
                life.ends(0, replace(succeeded(0.5, 3), epoch=epoch))
        assert life.rungs == [0, 1, 0]

    def test_failures_count_and_are_never_promoted(self) -> None:
        life = life_of(1, 6, **{**HALVED, "epochs": 3})
        for _ in range(6):
            life.ends(0, FAILED)
        assert not life.tasks
        assert life.rungs == [0] * 6

    def test_what_stopped_early_is_promoted_without_training(self) -> None:
        life = life_of(1, 3, epochs=9, halving={"min_epochs": 3, "factor": 3})
        for _ in range(3):
            life.ends(0, succeeded(0.5, 2))
        assert not life.tasks
        assert life.rungs == [1, 0, 0]
        assert life.state is not None
        assert life.state.candidates[0].has_ended
        assert life.state.trial(0, 0).epochs == 3

    def test_all_folds_of_what_is_promoted_are_trained(self) -> None:
        life = life_of(2, 3, folds=2, **{**HALVED, "epochs": 3})
        life.to_the_end()
        assert life.state is not None
        assert sorted(life.rungs) == [0, 0, 1]
        assert all(candidate.has_ended for candidate in life.state.candidates)


class TestAModel:
    def asked(self, life: Life, **more: Any) -> Asked | None:
        assert life.state is not None
        turn, _ = life.tasks[0]
        return answer(life.state, leg=0, worker=0, turn=turn + 1, ended=succeeded(0.5), **more)

    def test_it_is_asked_once_nine_outcomes_are_known_and_its_known_params_are_skipped(self) -> None:
        life = life_of(1, 20, search={"method": "tpe", "trials": 20})
        for _ in range(8):
            life.ends(0, succeeded(0.5))
        assert self.asked(life) is None
        assert life.state is not None
        known = life.state.candidates[0].params
        event = self.asked(life, proposed=[known, {"lr": 0.125}], seen=7)
        assert event is not None
        assert event.choice.task is not None
        assert event.choice.task.params == {"lr": 0.125}
        assert event.seen == 7

    def test_it_is_asked_for_the_last_params_too_and_for_none_beyond(self) -> None:
        life = life_of(1, 10, search={"method": "tpe", "trials": 10})
        for _ in range(8):
            life.ends(0, succeeded(0.5))
        assert self.asked(life) is None
        assert life.ends(0, succeeded(0.5), proposed=[{"lr": 0.125}]) is not None
        assert life.ends(0, succeeded(0.5)) is None
        assert not life.tasks

    def test_it_is_asked_once_those_by_hand_have_begun(self) -> None:
        by_hand = [{"lr": number / 100} for number in range(11)]
        life = life_of(1, 20, search={"method": "tpe", "trials": 20}, try_first=by_hand)
        told = [life.ends(0, succeeded(0.5)) for _ in range(10)]
        assert [dict(task.params) for task in told if task] == by_hand[1:]
        assert self.asked(life) is None

    def test_what_has_stopped_early_is_promoted_before_a_model_is_asked(self) -> None:
        life = life_of(1, 12, search={"method": "tpe", "trials": 12}, epochs=9, halving={"min_epochs": 3, "factor": 3})
        told: Any = True
        while told is not None:
            told = life.ends(0, succeeded(0.5, 2), proposed=[])
        assert life.rungs.count(1) == 4
        assert len(life.rungs) == 12

    def test_a_model_that_finds_nothing_new_leaves_it_to_chance(self) -> None:
        life = life_of(1, 20, search={"method": "tpe", "trials": 20})
        for _ in range(8):
            life.ends(0, succeeded(0.5))
        event = self.asked(life, proposed=[])
        assert event is not None
        assert event.choice.task is not None

    def test_workers_that_begin_when_outcomes_are_known_ask_first(self) -> None:
        life = life_of(4, 20, search={"method": "tpe", "trials": 20})
        while len(life.log) < 8:
            life.ends(0, succeeded(0.5))
        for worker in (1, 2, 3):
            life.ends(worker, succeeded(0.5), proposed=[])
        life.workers = 6
        life.begin(part=1)
        assert life.state is not None
        assert len(life.tasks) == 4, "the trials that were left"
        assert life.state.began.workers == 6


class TestStop:
    def test_a_value_that_is_reached_ends_the_search(self) -> None:
        life = life_of(2, 9, stop={"metric_reached": 0.9})
        life.ends(0, succeeded(0.89))
        assert life.ends(1, succeeded(0.9)) is None
        assert life.ends(0, succeeded(0.1)) is None
        assert life.state is not None
        assert life.state.ended_by == "stop.metric_reached: val_accuracy reached 0.9; the target is 0.9"

    def test_with_halving_a_value_counts_where_the_winner_stands(self) -> None:
        """Otherwise the search would end by a value on a lower rung, and name a winner that is below the target."""
        life = life_of(1, 3, stop={"metric_reached": 0.9}, epochs=3, halving={"min_epochs": 1, "factor": 3})
        for value in (0.5, 0.95, 0.5):
            assert life.ends(0, succeeded(value))
        assert life.rungs == [0, 1, 0]
        assert life.ends(0, succeeded(0.92, 3)) is None
        assert life.state is not None
        assert life.state.ended_by.endswith("reached 0.92; the target is 0.9")

    def test_trials_without_improvement_end_it(self) -> None:
        life = life_of(1, 9, stop={"max_trials_without_improvement": 2})
        assert life.ends(0, succeeded(0.5))
        assert life.ends(0, succeeded(0.6))
        assert life.ends(0, succeeded(0.6))
        assert life.ends(0, FAILED) is None
        assert life.state is not None
        assert life.state.ended_by.startswith("stop.max_trials_without_improvement: 2 trials ended")

    def test_hours_end_it_and_a_new_execution_has_new_ones(self) -> None:
        life = life_of(1, 9, stop={"max_hours": 2})
        assert life.ends(0, succeeded(0.5), hours=1.9)
        assert life.ends(0, succeeded(0.5), hours=2.1) is None
        assert life.state is not None
        assert life.state.ended_by == "stop.max_hours: 2.10 hours have passed, of 2"
        assert Stop(max_hours=6e-4).why(life.state.spec.objective, best=None, without_improvement=0, hours=0.00123) == (
            "stop.max_hours: 0.0012 hours have passed, of 0.0006"
        )
        life.begin(execution="two")
        assert life.tasks

    def test_a_budget_is_left_by_the_epochs_that_a_trial_still_has_to_train(self) -> None:
        """On rung 1 that are six of nine, at the pace of what has trained all its epochs."""
        life = life_of(1, 3, epochs=9, halving={"min_epochs": 3, "factor": 3}, budget_usd=16)
        for number in range(3):
            assert life.ends(0, succeeded(0.9 - number / 10, 3, job_seconds=3 * 3600))
        assert life.rungs == [1, 0, 0]
        assert life.ends(0, succeeded(0.9, 9, job_seconds=12 * 3600)) is None
        assert life.state is not None
        spent = life.state.spent
        assert (spent.job_seconds, spent.epochs, spent.jobs, spent.pace) == (21 * 3600, 15, 4, 7200.0)

    def test_a_budget_counts_what_runs(self) -> None:
        life = life_of(2, 9, budget_usd=4.5)
        assert life.ends(0, succeeded(0.5, job_seconds=3600)), "one spent, one runs, and one begins"
        assert life.ends(1, succeeded(0.5, job_seconds=3600)) is None
        assert life.state is not None
        assert life.state.ended_by.startswith("budget_usd: up to 2.")
        spec = replace(life.spec, budget_usd=100.0)
        life.begin(execution="two", spec=spec)
        assert len(life.tasks) == 2, "it goes on with a larger budget"

    def test_jobs_that_fail_before_their_first_epoch_are_paid_for_too(self) -> None:
        """They say nothing of the pace: nine trials that hang until their timeout would cost 45 USD."""
        life = life_of(1, 9, budget_usd=12)
        hangs = replace(FAILED, job_seconds=5 * 3600.0)
        told = [life.ends(0, hangs) is not None for _ in range(3)]
        assert told == [True, True, False]
        assert life.state is not None
        assert life.state.ended_by.startswith("budget_usd: up to 1")
