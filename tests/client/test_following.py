"""What a person sees while a sweep goes, where the output is not a terminal."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepsweep.bucket.folder import path_of
from stepsweep.bucket.stores import FolderStore
from stepsweep.client.running.free_running import FollowedLog
from stepsweep.client.running.progress import Progress
from stepsweep.client.terminal.live import BAR_WIDTH, Following, bar, time_of, widths
from stepsweep.client.terminal.view import View
from stepsweep.contract import keys
from stepsweep.contract.results import Result
from stepsweep.contract.spec import SweepSpec
from stepsweep.contract.trial import Outcome, Status, Trial
from tests.support.life import FAILED, life_of, succeeded


def spec(**fields: object) -> SweepSpec:
    return SweepSpec.from_json({"parameters": {"lr": [0.1]}, "epochs": 5, **fields}, default_name="mine")


def result(number: int, value: float | None, reason: str = "") -> Result:
    trial = Trial(trial_id=f"trial-{number}", params={"lr": number}, options={}, epochs=5)
    status = Status.FAILED if value is None else Status.SUCCEEDED
    outcome = Outcome(trial_id=trial.trial_id, status=status, reason=reason)
    return Result(trial=trial, outcome=outcome, value=value, epoch=2, epochs_trained=5)


def test_a_line_is_said_for_each_trial_and_the_best_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    following = Following(View(), spec(objective={"metric": "val_loss", "direction": "minimize"}))
    news = [result(1, 0.5), result(2, 0.6), result(3, None, "exit code 1: no\x1b[2Jdata"), result(4, 0.4)]
    again = [result(5, None, "exit code 1: no\x1b[2Jdata")]
    with following.live():
        following.update(Progress())
        following.update(Progress(planned=5, to_run=5))
        following.update(Progress(planned=5, to_run=5, ended=4, failed=1, news=tuple(news)))
        following.update(Progress(planned=5, to_run=5, ended=5, failed=2, news=tuple(again)))
    assert capsys.readouterr().out.splitlines() == [
        "5 planned.",
        "1/5  lr=1  val_loss 0.5, epoch 2 of 5  best so far",
        "2/5  lr=2  val_loss 0.6, epoch 2 of 5",
        "3/5  lr=3  FAILED: exit code 1: no [2Jdata",
        "4/5  lr=4  val_loss 0.4, epoch 2 of 5  best so far",
        "5/5  lr=5  FAILED for the same reason",
    ]


def test_a_later_round_says_how_many_go_on_and_how_far_and_knows_the_best_of_the_earlier_ones(
    capsys: pytest.CaptureFixture[str],
) -> None:
    following = Following(View(), spec())
    following.update(Progress(planned=2, to_run=2, ended=2, news=(result(1, 0.5), result(2, 0.4))))
    following.update(Progress(round_number=1, planned=1, up_to=(9,), to_run=1))
    following.update(Progress(round_number=1, planned=1, up_to=(9,), to_run=1, ended=1, news=(result(1, 0.45),)))
    following.update(Progress(round_number=2, planned=3, up_to=(3, 27), to_run=1))
    assert capsys.readouterr().out.splitlines() == [
        "2 planned.",
        "1/2  lr=1  val_accuracy 0.5, epoch 2 of 5  best so far",
        "2/2  lr=2  val_accuracy 0.4, epoch 2 of 5",
        "Round 1: 1 planned, up to epoch 9.",
        "1/1  lr=1  val_accuracy 0.45, epoch 2 of 5",
        "Round 2: 3 planned, up to epoch 3 and 27, 2 finished before: 1 to run.",
    ]
    progress = Progress(round_number=1, planned=4, to_run=4, ended=2, seconds=90.0, round_began=60.0)
    assert time_of(progress).plain == "0:01:30, about 0:00:30 left of round 1"


def test_folds_and_seeds_are_said_where_params_have_several_trials(capsys: pytest.CaptureFixture[str]) -> None:
    one = result(1, 0.5)
    folded = replace(one, trial=replace(one.trial, options={"fold": 3, "seed": 0}))
    for asked, said in (({"folds": 2}, "fold=3"), ({"folds": 2, "repeats": 2}, "fold=3 seed=0")):
        Following(View(), spec(**asked)).update(Progress(planned=1, to_run=1, ended=1, news=(folded,)))
        assert f"1/1  lr=1 {said}  val_accuracy 0.5" in capsys.readouterr().out


@pytest.mark.parametrize(("epochs", "epoch"), [(5, ", epoch 1 of 1"), (1, "")])
def test_a_rung_of_one_epoch_is_told_where_others_follow(
    epochs: int, epoch: str, capsys: pytest.CaptureFixture[str]
) -> None:
    one = result(1, 0.5)
    one = replace(one, trial=replace(one.trial, epochs=1), epoch=1, epochs_trained=1)
    Following(View(), spec(epochs=epochs)).update(Progress(planned=1, to_run=1, ended=1, news=(one,)))
    assert capsys.readouterr().out.splitlines()[-1] == f"1/1  lr=1  val_accuracy 0.5{epoch}  best so far"


def test_no_trial_is_the_best_where_some_were_finished_before(capsys: pytest.CaptureFixture[str]) -> None:
    following = Following(View(), spec())
    following.update(Progress(planned=8, to_run=1, ended=1, news=(result(1, 0.5),)))
    assert capsys.readouterr().out.splitlines() == [
        "8 planned, 7 finished before: 1 to run.",
        "1/1  lr=1  val_accuracy 0.5, epoch 2 of 5",
    ]


def test_many_trials_are_a_line_each_twentieth(capsys: pytest.CaptureFixture[str]) -> None:
    following = Following(View(), spec())
    for number in range(1, 1001):
        following.update(Progress(planned=1000, to_run=1000, ended=number, news=(result(number, number / 1000),)))
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "1,000 planned."
    assert len(lines) == 21
    assert lines[-1] == "1,000/1,000  0 failed, best val_accuracy 1"


def test_nothing_left_to_run_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    Following(View(), spec()).update(Progress(planned=4))
    assert capsys.readouterr().out == "4 planned, 4 finished before: nothing left to run.\n"


def test_a_cloud_that_does_not_answer_is_said_once_until_it_does(capsys: pytest.CaptureFixture[str]) -> None:
    following = Following(View(), spec())
    for trouble in ("it is gone", "it is gone", "", "it is gone"):
        following.update(Progress(trouble=trouble))
    assert capsys.readouterr().out == "it is gone; retrying; the sweep continues\n" * 2


def test_jobs_that_are_stuck_say_why_once(capsys: pytest.CaptureFixture[str]) -> None:
    following = Following(View(), spec())
    reason = "CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY - Service cannot fulfill the capacity requested"
    for waits_for in (reason, reason, "", "MISCONFIGURATION:SOMETHING_NEW - no"):
        following.update(Progress(planned=1, to_run=1, running=0, waits_for=waits_for))
    planned, first, second = capsys.readouterr().out.splitlines()
    assert planned == "1 planned."
    assert first.startswith(f"jobs wait: AWS has no machine of this kind free at the moment ({reason}); wait, or ")
    assert second.startswith("jobs wait: MISCONFIGURATION:SOMETHING_NEW - no; `sweep doctor --on aws` looks further")


def test_jobs_that_wait_long_without_a_reason_point_at_the_quota(capsys: pytest.CaptureFixture[str]) -> None:
    following = Following(View(), spec())
    for seconds in (500.0, 700.0, 800.0):
        following.update(Progress(planned=1, to_run=1, running=0, seconds=seconds))
    assert capsys.readouterr().out.count("L-DB2E81BA") == 1


def test_the_bar_has_a_sign_for_each_kind_of_trial() -> None:
    progress = Progress(planned=10, to_run=10, ended=5, failed=1, running=2, starting=1, seconds=60.0)
    assert bar(progress).plain == "█" * 12 + "xxx" + "▓" * 6 + "▒" * 3 + "░" * 6 + (
        "  4 done  1 failed  2 running  1 starting  2 queued"
    )
    assert time_of(progress).plain == "0:01:00, about 0:01:00 left"


@given(st.lists(st.integers(0, 10_000), min_size=1, max_size=5))
def test_the_bar_is_always_as_wide_and_shows_all_there_is(numbers: list[int]) -> None:
    shares = widths(numbers)
    assert sum(shares) == (BAR_WIDTH if any(numbers) else 0)
    assert [share > 0 for share in shares] == [number > 0 for number in numbers]


def test_a_free_running_search_that_goes_on_counts_apart_what_had_ended_before(tmp_path: Path) -> None:
    life, store = life_of(workers=2, trials=7), FolderStore(tmp_path / "bucket")
    followed = FollowedLog(store, "s", execution="two")

    def read() -> list[Result]:
        for number, event in enumerate(life.log):
            file = path_of(tmp_path, "bucket", keys.event_key("s", number))
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(json.dumps(event.to_json()))
        return followed.read(store.listed(keys.events_prefix("s")))

    assert (read(), followed.state, followed.before, followed.jobs()) == ([], None, 0, 7)
    for worker in (0, 1, 0):
        life.ends(worker, succeeded(0.5))
    life.begin(execution="two")
    assert (read(), followed.before, followed.ended, followed.jobs()) == ([], 3, 0, 4)
    _, task = life.tasks[0]
    life.ends(0, succeeded(0.7))
    (news,) = read()
    assert (news.trial.params, news.outcome.status) == (task.params, Status.SUCCEEDED)
    assert (news.value, news.epoch, news.epochs_trained, news.outcome.trial_id) == (0.7, 1, 1, news.trial.trial_id)
    life.ends(1, FAILED)
    life.ends(0, FAILED)
    assert [(each.outcome.is_failure, each.outcome.reason) for each in read()] == [(True, "no memory")] * 2
    life.ends(1, FAILED)
    assert len(read()) == 1
    assert (followed.before, followed.ended, followed.failed, followed.jobs()) == (3, 4, 3, 4)
