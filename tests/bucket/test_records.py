"""What a client reads of a sweep's records: which trials count, what became of them, and which of them are damaged."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from stepsweep.bucket.job_logs import FileLastLines, NoLastLines
from stepsweep.bucket.latest import has_ended
from stepsweep.bucket.outcomes import Unreadable
from stepsweep.bucket.outcomes import recorded as outcome_at
from stepsweep.bucket.plans import Plan
from stepsweep.bucket.records import Known, Records
from stepsweep.bucket.search_log import SearchLog
from stepsweep.bucket.stores import FolderStore
from stepsweep.contract import keys
from stepsweep.contract.cost import Rates
from stepsweep.contract.errors import InvalidDocument, LostRecord
from stepsweep.contract.events import TaskEnd
from stepsweep.contract.free_running import answer
from stepsweep.contract.means import StackJob
from stepsweep.contract.note import Note
from stepsweep.contract.spec import SweepSpec
from stepsweep.contract.trial import Trial
from stepsweep.statemachine.claims import Trainer
from stepsweep.statemachine.leg import end_leg
from stepsweep.statemachine.workers import plan_workers
from tests.support.life import FAILED, succeeded
from tests.support.recorded import BEGAN, RecordedCloud
from tests.support.specs import NOW, as_number

HALVED: dict[str, Any] = {
    "parameters": {"lr": [0.1, 0.2, 0.3]},
    "epochs": 4,
    "halving": {"min_epochs": 2, "factor": 3},
    "rounds": True,
}


class Counted(FolderStore):
    """Notes which objects are read."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.read: list[str] = []

    def get(self, key: str, *, at_most: int | None = None) -> bytes | None:
        self.read.append(key)
        return super().get(key, at_most=at_most)


@pytest.fixture
def store(recorded: RecordedCloud) -> Counted:
    return Counted(recorded.directory / "s3" / "bucket")


@pytest.fixture
def records(store: Counted) -> Records:
    return Records(store)


def plan_of(records: Records, name: str = "mine") -> Plan:
    spec = records.spec(name)
    assert spec is not None
    plan = records.plan(spec)
    assert plan is not None
    return plan


def finished(records: Records, name: str = "mine") -> list[str]:
    return records.finished(plan_of(records, name), records.objects(name))


def three(recorded: RecordedCloud, **others: Any) -> Sequence[Trial]:
    """A sweep of which one trial succeeded, one failed, and one has not ended."""
    trials = recorded.planned("mine", {"lr": [0.1, 0.2, 0.3]}, **others)
    recorded.succeeded("mine", trials[0], {"val_accuracy": [0.5, 0.7, 0.6]}, began=10)
    recorded.failed("mine", trials[1], "ValueError: too hot\n", began=3)
    return trials


class TestPlan:
    def test_a_sweep_that_is_not_there_or_not_planned_has_none(self, recorded: RecordedCloud, records: Records) -> None:
        assert (records.spec("mine"), records.latest("mine"), records.sweeps()) == (None, None, [])
        recorded.planned("mine", {"lr": [0.1]})
        spec = records.spec("mine")
        assert spec is not None
        recorded.bucket.put(keys.latest_key("other"), b"", "application/json")
        (recorded.directory / "s3" / "bucket" / "sweeps" / "mine" / "latest.json").unlink()
        assert records.plan(spec) is None
        assert records.leaderboard(spec) == []
        assert not records.have_end_of("mine", execution="execution-1")

    def test_it_has_the_trials_and_who_planned_them(self, recorded: RecordedCloud, records: Records) -> None:
        trials = recorded.planned("mine", {"lr": [0.1, 0.2]}, execution="execution-7")
        plan = plan_of(records)
        assert list(plan.trials.values()) == plan.planned == trials
        assert plan.to_run == {trial.trial_id for trial in trials}
        assert (plan.execution, plan.trainer_version, plan.round_number) == ("execution-7", "1", 0)
        assert plan.outcome_key(trials[1].trial_id) == keys.outcome_key("mine", 0, trials[1].trial_id)

    def test_a_sweep_is_as_old_as_its_first_execution_and_a_damaged_record_is_mended(
        self, recorded: RecordedCloud, records: Records
    ) -> None:
        recorded.planned("mine", {"lr": [0.1]})
        first = records.latest("mine")
        recorded.planned("mine", {"lr": [0.1]}, execution="execution-2")
        second = records.latest("mine")
        assert first is not None
        assert second is not None
        assert (second.created_at, second.execution) == (first.created_at, "execution-2")
        assert second.started_at > first.started_at
        recorded.bucket.put(keys.latest_key("mine"), b"{", "application/json")
        recorded.planned("mine", {"lr": [0.1]}, execution="execution-3")
        third = records.latest("mine")
        assert third is not None
        assert third.created_at == third.started_at
        with pytest.raises(FileNotFoundError, match=r"^sweeps/other/latest\.json is not in the bucket"):
            has_ended(recorded.bucket, "other", execution="execution-1")

    def test_of_a_later_round_only_its_own_trials_are_planned(self, recorded: RecordedCloud, records: Records) -> None:
        trials = recorded.planned("mine", **HALVED)
        for trial in trials:
            recorded.succeeded("mine", trial, {"val_accuracy": [as_number(trial.params["lr"]), 0.0]})
        recorded.reduced("mine")
        recorded.planned("mine", **HALVED, round_number=1)
        plan = plan_of(records)
        assert [trial.params for trial in plan.planned] == [{"lr": 0.3}]
        assert len(plan.trials) == 3
        assert plan.to_run == {trial.trial_id for trial in plan.planned}
        assert finished(records) == [trial.trial_id for trial in trials[:2]]
        assert [row.trial_id for row in records.rows_so_far(plan, records.objects("mine"), NoLastLines())] == [
            trials[1].trial_id,
            trials[0].trial_id,
        ]

    def test_it_is_read_once_until_another_execution_plans(
        self, recorded: RecordedCloud, store: Counted, records: Records
    ) -> None:
        recorded.planned("mine", {"lr": [0.1]})
        recorded.planned("other", {"lr": [0.1, 0.2]})
        plans = [plan_of(records), plan_of(records), plan_of(records)]
        assert plans[0] is plans[2]
        assert store.read.count(keys.plan_key("mine", 0)) == 1
        recorded.planned("mine", {"lr": [0.1]}, execution="execution-2")
        assert plan_of(records).execution == "execution-2"
        assert [len(plan_of(records, name).trials) for name in ("other", "mine", "other")] == [2, 1, 2]

    @pytest.mark.parametrize("missing", ["plan.json", "to-run.json"])
    def test_half_a_plan_is_named(self, recorded: RecordedCloud, records: Records, missing: str) -> None:
        recorded.planned("mine", {"lr": [0.1]})
        (recorded.directory / "s3" / "bucket" / "sweeps" / "mine" / "round-0" / missing).unlink()
        with pytest.raises(InvalidDocument, match=rf"^sweeps/mine/round-0/{missing}: "):
            plan_of(records)

    def test_every_fault_of_a_spec_is_named(self, recorded: RecordedCloud, records: Records) -> None:
        recorded.bucket.put_json(keys.spec_key("mine"), {"name": "mine", "parameters": {"lr": []}, "epochs": 0})
        with pytest.raises(InvalidDocument, match=r"^sweeps/mine/spec\.json: [^;]+; [^;]+$") as error:
            records.spec("mine")
        assert "parameters.lr" in str(error.value)
        assert "epochs" in str(error.value)


class TestEnded:
    def test_the_oldest_outcome_comes_first_and_known_ones_are_left_out(
        self, recorded: RecordedCloud, records: Records
    ) -> None:
        first, second, _ = (trial.trial_id for trial in three(recorded))
        plan, when = plan_of(records), datetime(2026, 1, 1, tzinfo=UTC)
        objects = {plan.outcome_key(first): when.replace(hour=2), plan.outcome_key(second): when.replace(hour=1)}
        assert records.ended(plan, objects) == [second, first]
        assert records.ended(plan, objects, known={second}) == [first]
        assert records.ended(plan, dict.fromkeys(objects, when)) == sorted([first, second]), "at the same second, by id"
        assert records.finished(plan, objects) == [first, second], "in the order of the plan"
        assert records.ended(plan, {}) == []

    def test_what_an_earlier_execution_recorded_counts_once_it_is_recorded_anew(
        self, recorded: RecordedCloud, store: Counted, records: Records
    ) -> None:
        first, second, third = three(recorded)
        recorded.planned("mine", {"lr": [0.1, 0.2, 0.3]}, execution="execution-2")
        assert finished(records) == [first.trial_id], "the failed one is tried again"
        asked = store.read.count(plan_of(records).outcome_key(second.trial_id))
        assert finished(records) == [first.trial_id]
        assert store.read.count(plan_of(records).outcome_key(second.trial_id)) == asked == 1, "it is not read again"
        recorded.failed("mine", second, "again", execution="execution-2")
        assert finished(Records(store)) == [first.trial_id, second.trial_id]
        objects = records.objects("mine")
        later = {key: at.replace(year=at.year + 1) for key, at in objects.items()}
        assert records.ended(plan_of(records), later) == [second.trial_id], "it has been written since"
        assert third.trial_id not in finished(records)

    def test_what_was_trained_before_has_ended_without_an_outcome(
        self, recorded: RecordedCloud, records: Records
    ) -> None:
        first, *_ = three(recorded)
        recorded.planned("other", {"lr": [0.1]})
        assert finished(records, "other") == [first.trial_id]
        assert records.ended(plan_of(records, "other"), records.objects("other")) == []

    def test_results_have_the_value_or_the_reason_and_the_time_of_the_job(
        self, recorded: RecordedCloud, records: Records
    ) -> None:
        first, second, third = three(recorded)
        plan = plan_of(records)
        good, bad, none = records.results(plan, [first.trial_id, second.trial_id, third.trial_id])
        assert (good.result.value, good.result.epoch, good.job_seconds) == (0.7, 2, 2.0)
        assert (bad.result.outcome.status, bad.result.outcome.reason) == ("FAILED", "exit code 1, attempt 2")
        assert bad.job_seconds == 1.4
        assert (none.result.outcome.status, none.job_seconds) == ("MISSING", 0.0)
        outcome = records.outcome(plan, second.trial_id)
        assert outcome is not None
        assert outcome.reason == "exit code 1, attempt 2"
        assert records.outcome(plan, third.trial_id) is None

    def test_rows_so_far_end_in_what_the_failed_job_said(self, recorded: RecordedCloud, records: Records) -> None:
        first, second, _ = three(recorded)
        objects = records.objects("mine")
        rows = records.rows_so_far(plan_of(records), objects, FileLastLines(recorded.directory / "logs"))
        assert [(row.trial_id, row.rank) for row in rows] == [(first.trial_id, 1), (second.trial_id, None)]


class TestResults:
    def test_the_leaderboard_and_the_output_are_those_of_the_latest_execution(
        self, recorded: RecordedCloud, records: Records
    ) -> None:
        first, second, third = three(recorded)
        recorded.reduced("mine")
        spec = records.spec("mine")
        assert spec is not None
        best, *others = (row.trial_id for row in records.leaderboard(spec))
        assert (best, set(others)) == (first.trial_id, {second.trial_id, third.trial_id})
        output = records.output(spec, execution="execution-1")
        assert output is not None
        assert output.winner is not None
        assert output.winner.trial_id == first.trial_id
        assert records.have_end_of("mine", execution="execution-1")
        assert records.output(spec, execution="execution-2") is None
        assert not records.have_end_of("mine", execution="execution-2")

        recorded.planned("mine", {"lr": [0.1, 0.2, 0.3]}, execution="execution-2")
        assert records.leaderboard(spec) == []
        assert not records.have_end_of("mine", execution="execution-1"), "its records are another one's now"
        assert not records.have_end_of("mine", execution="execution-2")

    def test_with_several_objectives_the_output_has_the_front(self, recorded: RecordedCloud, records: Records) -> None:
        objectives = [
            {"metric": "val_accuracy", "direction": "maximize"},
            {"metric": "size", "direction": "minimize"},
        ]
        (trial,) = recorded.planned("mine", {"lr": [0.1]}, objectives=objectives)
        recorded.succeeded("mine", trial, {"val_accuracy": [0.5] * 3, "size": [2.0] * 3})
        recorded.reduced("mine")
        spec = records.spec("mine")
        assert spec is not None
        output = records.output(spec, execution="execution-1")
        assert output is not None
        assert output.winner is None
        assert sorted(records.documents("mine")) == ["front.json", "leaderboard.csv", "spec.json"]

    def test_the_documents_are_texts_by_their_file_names(self, recorded: RecordedCloud, records: Records) -> None:
        first, *_ = three(recorded)
        assert list(records.documents("mine")) == ["spec.json"]
        recorded.reduced("mine")
        recorded.bucket.put(keys.leaderboard_key("mine"), b"rank\xff", "text/csv")
        found = records.documents("mine")
        assert list(found) == ["spec.json", "leaderboard.csv", "winner.json"]
        assert found["leaderboard.csv"] == "rank\ufffd"
        assert first.trial_id in found["winner.json"]

    def test_damaged_results_are_named(self, recorded: RecordedCloud, records: Records) -> None:
        three(recorded)
        recorded.reduced("mine")
        spec = records.spec("mine")
        assert spec is not None
        for key in (keys.results_key("mine", 0), keys.winner_key("mine")):
            recorded.bucket.put(key, b'{"schema": 1}', "application/json")
        with pytest.raises(InvalidDocument, match=r"^sweeps/mine/round-0/results\.json: "):
            records.leaderboard(spec)
        with pytest.raises(InvalidDocument, match=r"^sweeps/mine/winner\.json: "):
            records.output(spec, execution="execution-1")
        with pytest.raises(InvalidDocument, match=r"^sweeps/mine/round-0/results\.json: "):
            records.endings(plan_of(records), records.objects("mine"))


class TestEndings:
    def test_they_go_by_the_end_of_their_jobs(self, recorded: RecordedCloud, records: Records) -> None:
        first, second, _ = three(recorded)
        plan, objects = plan_of(records), records.objects("mine")
        outcomes = records.outcomes(objects)
        assert list(outcomes) == sorted(plan.outcome_key(trial.trial_id) for trial in (first, second))
        found = records.timed_endings(plan, objects, outcomes)
        assert [(each.trial_id, each.value, each.seconds) for each in found] == [
            (second.trial_id, None, 1.4),
            (first.trial_id, 0.7, 2.0),
        ]
        assert [(each.started, each.ended) for each in found] == [
            (BEGAN + 3_000, BEGAN + 4_700),
            (BEGAN + 10_000, BEGAN + 12_000),
        ]

    def test_an_outcome_that_cannot_be_read_is_left_out_and_one_that_is_known_is_not_read(
        self, recorded: RecordedCloud, store: Counted, records: Records
    ) -> None:
        first, second, third = three(recorded)
        recorded.bucket.put(keys.outcome_key("mine", 0, third.trial_id), b"{", "application/json")
        recorded.bucket.put(f"sweeps/mine/round-0/outcomes/{third.trial_id}/x.json", b"{}", "application/json")
        objects = records.objects("mine")
        plan = plan_of(records)
        found = records.outcomes(objects)
        assert [each.trial_id for each in found.values()] == sorted([first.trial_id, second.trial_id])
        store.read.clear()
        assert records.outcomes(objects, found) == found
        assert store.read == [plan.outcome_key(third.trial_id)]

    def test_of_rounds_the_former_ones_are_read_once_and_the_running_one_so_far(
        self, recorded: RecordedCloud, store: Counted, records: Records
    ) -> None:
        trials = recorded.planned("mine", **HALVED)
        for trial in trials:
            recorded.succeeded("mine", trial, {"val_accuracy": [as_number(trial.params["lr"]), 0.0]})
        known = Known()
        before = records.endings(plan_of(records), records.objects("mine"), known)
        assert [(each.rung, each.value, each.promoted) for each in before] == [
            (0, 0.1, False), (0, 0.2, False), (0, 0.3, False),
        ]  # fmt: skip
        recorded.reduced("mine")
        (last,) = [each for each in recorded.planned("mine", **HALVED, round_number=1) if each.epochs == 4]
        recorded.succeeded("mine", last, {"val_accuracy": [0.5, 0.3, 0.8, 0.4]})
        plan, objects = plan_of(records), records.objects("mine")
        found = records.endings(plan, objects, known)
        assert [(each.params["lr"], each.rung, each.value, each.promoted) for each in found] == [
            (0.1, 0, 0.1, False), (0.2, 0, 0.2, False), (0.3, 0, 0.3, True), (0.3, 1, 0.8, False),
        ]  # fmt: skip
        assert found[-1].jobs == (keys.outcome_key("mine", 1, last.trial_id),)
        assert records.endings(plan, objects) == found
        store.read.clear()
        assert records.endings(plan, objects, known) == found
        assert keys.results_key("mine", 0) not in store.read

    def test_results_of_an_earlier_execution_are_not_taken_for_this_ones(
        self, recorded: RecordedCloud, records: Records
    ) -> None:
        first, second, _ = three(recorded)
        recorded.reduced("mine")
        recorded.planned("mine", {"lr": [0.1, 0.2, 0.3]}, execution="execution-2")
        found = records.endings(plan_of(records), records.objects("mine"))
        assert [each.trial_id for each in found] == [first.trial_id]
        known = Known(results={(first.trial_id, 3): records.results(plan_of(records), [first.trial_id])[0].result})
        assert records.endings(plan_of(records), records.objects("mine"), known) == found
        recorded.failed("mine", second, "", execution="execution-2")
        assert len(records.endings(plan_of(records), records.objects("mine"), known)) == 2


class TestFreeRunning:
    """A search whose log says what has begun and ended, as two workers leave it."""

    @pytest.fixture
    def log(self, recorded: RecordedCloud) -> SearchLog:
        spec = SweepSpec.from_json(
            {"name": "mine", "parameters": {"lr": [0.1, 0.2, 0.3]}, "epochs": 3, "rounds": False}
        )
        plan_workers(
            recorded.bucket,
            spec,
            execution="execution-1",
            started_at=NOW,
            part=0,
            trainer=Trainer(version="1", name="mine"),
            workers=2,
            rates=Rates(usd_per_hour=1.0, seconds_per_epoch=1.0),
            job=StackJob(),
        )
        recorded.bucket.put_json(keys.spec_key("mine"), spec.to_json())
        return SearchLog.read(recorded.bucket, "mine")

    @staticmethod
    def ends(log: SearchLog, worker: int, end: TaskEnd, *, turn: int = 1) -> None:
        assert log.state is not None
        event = answer(log.state, leg=0, worker=worker, turn=turn, ended=end)
        assert event is not None
        log.append(event)

    def test_the_plan_is_what_has_begun_and_the_log_says_what_has_ended(
        self, recorded: RecordedCloud, records: Records, log: SearchLog
    ) -> None:
        assert [trial.params for trial in plan_of(records).trials.values()] == [{"lr": 0.1}, {"lr": 0.2}]
        self.ends(log, 1, succeeded(0.5, 3))
        plan = plan_of(records)
        first, second, third = plan.trials.values()
        assert (plan.execution, plan.round_number, plan.trainer_version) == ("execution-1", 0, "1")
        assert plan.to_run == plan.recorded_before == {first.trial_id, third.trial_id}
        assert finished(records) == [second.trial_id]
        recorded.failed("mine", first, "", execution="an-earlier-one")
        assert finished(records) == [second.trial_id]
        recorded.failed("mine", first, "", execution="execution-1")
        assert finished(records) == [first.trial_id, second.trial_id], "its worker has not asked yet"

    def test_endings_are_those_of_the_log(self, records: Records, log: SearchLog) -> None:
        assert records.endings(plan_of(records), records.objects("mine")) == []
        self.ends(log, 1, succeeded(0.5, 3))
        self.ends(log, 0, FAILED)
        found = records.endings(plan_of(records), records.objects("mine"))
        assert [(each.params, each.value) for each in found] == [({"lr": 0.1}, None), ({"lr": 0.2}, 0.5)]
        assert records.endings(plan_of(records), {}) == []

    def test_its_leaderboard_is_that_of_its_end(
        self, recorded: RecordedCloud, records: Records, log: SearchLog
    ) -> None:
        assert log.state is not None
        trials = [log.state.trial(number, 0) for number in range(2)]
        for trial, value in zip(trials, (0.5, 0.75), strict=True):
            recorded.succeeded("mine", trial, {"val_accuracy": [value] * 3})
        spec = records.spec("mine")
        assert spec is not None
        assert records.leaderboard(spec) == []
        for worker in (0, 1):
            self.ends(log, worker, succeeded(0.5 + worker / 4, 3))
        state = log.state
        third = state.trial(2, 0)
        recorded.succeeded("mine", third, {"val_accuracy": [0.25] * 3})
        self.ends(log, 0, succeeded(0.25, 3), turn=2)
        end_leg(recorded.bucket, NoLastLines(), sweep="mine", job=StackJob())
        assert [row.trial_id for row in records.leaderboard(spec)] == [
            trials[1].trial_id, trials[0].trial_id, third.trial_id,
        ]  # fmt: skip
        output = records.output(spec, execution="execution-1")
        assert output is not None
        assert output.winner is not None
        assert output.winner.params == {"lr": 0.2}
        (recorded.directory / "s3" / "bucket" / keys.free_results_key("mine")).unlink()
        with pytest.raises(LostRecord, match=f"^{keys.free_results_key('mine')}: is missing$"):
            records.leaderboard(spec)

    def test_of_two_who_write_at_once_one_is_heard_and_the_other_reads_that(
        self, recorded: RecordedCloud, log: SearchLog
    ) -> None:
        other = SearchLog.read(recorded.bucket, "mine")
        self.ends(log, 0, succeeded(0.5, 3))
        self.ends(other, 1, succeeded(0.9, 3))
        assert other.state is not None
        assert other.state.events == 2
        assert other.state.task_of(0) == (log.state.task_of(0) if log.state else None)
        self.ends(other, 1, succeeded(0.9, 3))
        log.read_on()
        assert json.dumps(log.state.to_json() if log.state else None) == json.dumps(other.state.to_json())


class TestNote:
    def test_it_replaces_the_one_that_was_seen(self, recorded: RecordedCloud, records: Records) -> None:
        recorded.planned("mine", {"lr": [0.1]})
        none = records.note("mine")
        assert none.text == ""
        first, second = Note(text="first", written_at=NOW), Note(text="second", written_at=NOW)
        assert not records.replace_note("mine", first, mark=second.mark)
        assert records.replace_note("mine", first, mark=none.mark)
        assert records.note("mine") == first
        assert not records.replace_note("mine", second, mark=none.mark)
        assert records.replace_note("mine", second, mark=first.mark)
        assert json.loads((recorded.directory / "s3/bucket/sweeps/mine/note.json").read_text())["text"] == "second"

    @pytest.mark.parametrize(
        ("data", "fault"),
        [(b"{", "is not JSON"), (b" " * 65_537, "is larger than 65,536 bytes, and no note is"), (b"{}", "schema")],
    )
    def test_a_damaged_one_is_named_and_counts_as_empty_for_who_writes_anew(
        self, recorded: RecordedCloud, records: Records, data: bytes, fault: str
    ) -> None:
        key = keys.note_key("mine")
        recorded.bucket.put(key, data, "application/json")
        with pytest.raises(InvalidDocument, match=rf"^{key}: .*{fault}"):
            records.note("mine")
        assert records.replace_note("mine", Note(text="anew", written_at=NOW), mark=Note().mark)
        assert records.note("mine").text == "anew"


def test_an_outcome_that_cannot_be_read_is_named(recorded: RecordedCloud) -> None:
    key = keys.outcome_key("mine", 0, "a-trial")
    recorded.bucket.put(key, b"{}", "application/json")
    found = outcome_at(recorded.bucket, key)
    assert isinstance(found, Unreadable)
    assert found.fault.startswith(f"{key}: ")


def test_a_removed_sweep_leaves_the_trials_of_others(recorded: RecordedCloud, records: Records) -> None:
    first, *_ = three(recorded)
    recorded.planned("other", {"lr": [0.1]})
    assert records.remove("mine") == 6, "input, latest execution, plan, items, and two outcomes"
    assert records.sweeps() == ["other"]
    assert records.objects("mine") == {}
    assert records.files.metrics(first) is not None
