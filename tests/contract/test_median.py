"""The median rule: which trials it ends and where, and what the log of a search says of it."""

import itertools
import json
import math
from collections.abc import Sequence
from typing import Any

import pytest

from stepsweep.contract.errors import InvalidDocument, InvalidSweep
from stepsweep.contract.events import Asked, TaskEnd, event_from_json
from stepsweep.contract.median import Ended, MedianRule, averages, read_record, read_variable, record, variable, verdict
from stepsweep.contract.metrics import Metrics
from stepsweep.contract.objective import Direction, Objective
from stepsweep.contract.search_state import SearchState
from stepsweep.contract.spec import SweepSpec
from stepsweep.contract.trial import Cause, Outcome, Status
from tests.support.life import Life, life_of, spec_of

LOSS = Objective(metric="loss", direction=Direction.MINIMIZE)


def curve(*values: float, blank: Sequence[int] = ()) -> Metrics:
    columns = {"epoch": [float(epoch) for epoch in range(1, len(values) + 1)], "loss": list(values)}
    return Metrics(columns=columns, blank={"loss": frozenset(blank)})


class TestRule:
    def test_a_running_average_is_of_all_epochs_up_to_there_and_ends_with_the_training(self) -> None:
        assert averages(curve(4, 2, 0), LOSS, [1, 2, 3, 4]) == {1: 4, 2: 3, 3: 2}

    def test_what_was_not_measured_or_is_not_finite_is_left_out(self) -> None:
        assert averages(curve(math.nan, 4, math.inf, 2, blank=[1]), LOSS, [1, 2, 3, 4]) == {2: 4, 3: 4, 4: 3}
        assert averages(Metrics(columns={"epoch": [1.0]}), LOSS, [1]) == {}

    def test_a_median_needs_so_many_trials_that_trained_up_to_its_epoch(self) -> None:
        rule = MedianRule(min_epochs=1, min_trials=3)
        completed = [{1: 1.0, 2: 1.0}, {1: 5.0, 2: 5.0}, {1: 9.0}]
        assert rule.medians(completed, LOSS, epochs=4) == {1: 5.0}
        assert rule.medians(completed[:2], LOSS, epochs=4) == {}

    def test_of_an_even_number_the_worse_one_of_the_middle_counts(self) -> None:
        rule = MedianRule(min_epochs=1, min_trials=2)
        completed = [{1: 1.0}, {1: 2.0}, {1: 3.0}, {1: 4.0}]
        assert rule.medians(completed, LOSS, epochs=2) == {1: 3.0}
        assert rule.medians(completed, Objective(metric="loss"), epochs=2) == {1: 2.0}

    @pytest.mark.parametrize(
        ("values", "ended"),
        [
            ((5, 5, 5), Ended(epoch=2, value=5)),
            ((5, 5), Ended(epoch=2, value=5)),
            ((5,), None),  # epoch 2 is not over
            ((5, 3, 9), None),  # as good as the median is not worse
            ((2, 9, 9), None),  # its best value so far counts
            ((5, 4, 0.1), Ended(epoch=2, value=4)),  # whatever followed
            ((math.nan, math.nan, math.nan), None),
            ((math.nan, math.nan, 7), Ended(epoch=3, value=7)),
        ],
    )
    def test_a_trial_is_ended_where_its_best_value_is_worse_than_the_median(
        self, values: Sequence[float], ended: Ended | None
    ) -> None:
        assert verdict(curve(*values), LOSS, {2: 3.0, 3: 3.0}) == ended

    def test_larger_is_better_where_the_objective_says_so(self) -> None:
        up = Objective(metric="loss")
        assert verdict(curve(1, 2), up, {2: 3.0}) == Ended(epoch=2, value=2)
        assert verdict(curve(4, 2), up, {2: 3.0}) is None

    def test_few_epochs_are_judged_all_but_the_last_and_many_evenly(self) -> None:
        rule = MedianRule(min_epochs=2)
        assert rule.judged(6) == [2, 3, 4, 5]
        many = rule.judged(1000)
        assert (len(many), many[0], many[-1]) == (20, 2, 999)
        assert len({later - earlier for earlier, later in itertools.pairwise(many)}) <= 2

    def test_a_job_is_told_what_it_needs_within_the_bytes_that_the_parser_counts(self) -> None:
        objective = Objective(metric="m" * 128)
        medians = {100_000 - number: -1.2345678901234567e-300 for number in range(20)}
        text = variable(medians, objective, uri=f"s3://{'b' * 63}/trials/{'t' * 81}/ended-e100000.json")
        assert len(json.dumps(text)) <= 1_100
        assert read_variable(text) == (objective, medians)

    def test_what_a_job_is_told_wrongly_is_named(self) -> None:
        with pytest.raises(InvalidDocument) as caught:
            read_variable('{"metric": "m", "direction": "minimize", "medians": 5}')
        rule = "must be a list of pairs of numbers, the first one whole"
        assert str(caught.value) == f"the medians: medians: {rule}, got 5"

    @pytest.mark.parametrize(
        "fields", [{"epoch": 3, "epochs_trained": 2}, {"epochs_trained": 10}, {"epoch": 0}, {"value": math.inf}]
    )
    def test_a_record_that_cannot_be_is_refused(self, fields: dict[str, Any]) -> None:
        fine = {"epoch": 1, "value": 0.5, "epochs_trained": 2}
        assert read_record(json.dumps(fine).encode(), epochs=9) == (Ended(epoch=1, value=0.5), 2)
        broken = fine | fields
        with pytest.raises(InvalidDocument) as caught:
            read_record(json.dumps(broken).encode(), epochs=9)
        assert str(caught.value) in (
            "the record of the median rule: epoch {epoch} of {epochs_trained}, value {value}, for 9 epochs".format(
                **broken
            ),
            "the record of the median rule: value: must be a number, got Infinity",
        )

    def test_a_record_is_read_as_it_was_written(self) -> None:
        ended = Ended(epoch=3, value=0.1)
        assert read_record(record(ended, epochs_trained=4), epochs=9) == (ended, 4)
        with pytest.raises(InvalidDocument, match=r"^the record of the median rule: not JSON$"):
            read_record(b"[", epochs=9)


FIELDS: dict[str, Any] = {"parameters": {"lr": [0.1, 0.2]}, "epochs": 27, "name": "s"}


class TestSpec:
    def test_the_rule_has_defaults_and_makes_a_search_free_running(self) -> None:
        spec = SweepSpec.from_json({**FIELDS, "stop": {"median": {}}})
        assert spec.stop.median == MedianRule(min_epochs=2, min_trials=5)
        assert (spec.rounds, spec.stop.rules) == (False, {})
        assert SweepSpec.from_json(spec.to_json()) == spec

    @pytest.mark.parametrize(
        ("fields", "fault"),
        [
            ({"stop": {"median": 3}}, "stop.median: must be an object such as"),
            ({"stop": {"median": {"min_epoch": 3}}}, "unknown field `stop.median.min_epoch`; did you mean"),
            ({"stop": {"median": {"min_epochs": 27}}}, "stop.median.min_epochs: must be a whole number from 1 to 26"),
            ({"stop": {"median": {"min_trials": 0}}}, "stop.median.min_trials: must be a whole number from 1 to"),
            ({"epochs": 1}, "stop.median: a trial of one epoch cannot be ended earlier"),
            ({"rounds": True}, "stop.median: only for a free-running search"),
            ({"search": {"method": "tpe", "trials": 2, "batch": 1}}, "stop.median: only for a free-running search"),
            ({"halving": {}}, "stop.median: halving trains the worse trials less already"),
            ({"folds": 3}, "stop.median: with folds, one trial that is ended"),
            ({"repeats": 3}, "stop.median: with repeats, one trial that is ended"),
            ({"objectives": ["a:minimize", "b:minimize"]}, "stop.median: looks at one value"),
            ({"stop": {"median": {}, "running": "end"}}, "stop: has no rule"),
        ],
    )
    def test_what_the_rule_cannot_go_with_is_said(self, fields: dict[str, Any], fault: str) -> None:
        with pytest.raises(InvalidSweep) as raised:
            SweepSpec.from_json({**FIELDS, "stop": {"median": {}}, **fields})
        (only,) = raised.value.faults
        assert only.startswith(fault)


def completed(value: float) -> TaskEnd:
    return TaskEnd(status=Status.SUCCEEDED, value=value, epoch=4, epochs_trained=4, averages={1: value, 2: value})


WORSE = TaskEnd(
    status=Status.MISSING,
    reason="ended by stop.median after epoch 1",
    cause=Cause.MEDIAN_RULE,
    epochs_trained=2,
    ended=Ended(epoch=1, value=0.1),
)


def with_rule(**fields: Any) -> Life:
    stop = {"median": {"min_epochs": 1, "min_trials": 2}, **fields}
    return life_of(workers=2, trials=6, epochs=4, stop=stop)


class TestSearch:
    def test_a_trial_has_the_medians_of_those_that_had_completed_when_it_began(self) -> None:
        life = with_rule()
        medians = [life.ends(worker, completed(value)).medians for worker, value in ((0, 0.5), (1, 0.7), (0, 0.9))]  # type: ignore[union-attr]
        assert medians == [{}, {1: 0.5, 2: 0.5}, {1: 0.7, 2: 0.7}]

    def test_what_was_ended_is_no_failure_and_counts_as_no_improvement(self) -> None:
        life = with_rule(max_trials_without_improvement=1)
        life.ends(0, completed(0.5))
        life.ends(1, WORSE)
        assert life.state is not None
        assert life.state.ended_by.startswith("stop.max_trials_without_improvement: 1 trial ended")
        assert life.state.course.failed == 0
        assert not Outcome(trial_id="t", status=WORSE.status, reason=WORSE.reason, cause=WORSE.cause).is_failure

    def test_a_new_execution_trains_on_what_was_ended_only_without_the_rule(self) -> None:
        life = with_rule()
        for worker, end in ((0, completed(0.5)), (1, WORSE), (0, completed(0.5))):
            life.ends(worker, end)
        life.begin(execution="two")
        assert 1 not in [task.candidate for _, task in life.tasks.values()]
        life.begin(execution="three", spec=spec_of(6, epochs=4))
        _, first = life.tasks[0]
        assert (first.candidate, first.medians) == (1, {})

    def test_what_was_ended_and_is_trained_without_the_rule_counts_once_against_patience(self) -> None:
        life = with_rule(max_trials_without_improvement=3)
        for worker, end in ((0, completed(0.9)), (1, WORSE), (0, WORSE)):
            life.ends(worker, end)
        assert life.state is not None
        life.begin(execution="two")
        assert life.state.course.since_best == 2, "the rule stays, so they are not trained again"
        life.begin(execution="three", spec=spec_of(6, epochs=4, stop={"max_trials_without_improvement": 3}))
        assert SearchState.from_json(life.state.to_json(), where="state").course == life.state.course
        assert [life.ends(worker, completed(0.1)) is not None for worker in (0, 1)] == [True, True]
        assert life.ends(0, completed(0.1)) is None
        assert life.state.ended_by.startswith("stop.max_trials_without_improvement: 3 trials ended")

    def test_log_and_snapshot_say_the_same(self) -> None:
        life = with_rule()
        for worker, end in ((0, completed(0.5)), (1, completed(0.7)), (0, WORSE)):
            life.ends(worker, end)
        assert life.state is not None
        snapshot = json.loads(json.dumps(life.state.to_json()))
        again = SearchState.from_json(snapshot, where="s")
        assert again.to_json() == snapshot
        assert again.averages == life.state.averages
        assert [again.task_of(worker) for worker in (0, 1)] == [life.state.task_of(worker) for worker in (0, 1)]
        assert again.candidates[2].ended == Ended(epoch=1, value=0.1)
        for event in life.log:
            assert event_from_json(json.loads(json.dumps(event.to_json())), where="e") == event
        assert isinstance(life.log[-1], Asked)
