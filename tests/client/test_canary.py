"""A sweep whose first trials all fail for the same reason is stopped, before the others cost anything."""

import json
from collections.abc import Iterator, Set
from dataclasses import replace

import pytest

from stepsweep import SweepFailed, Sweeps
from stepsweep.client.operations.canary import Canary
from stepsweep.client.running.progress import Progress
from stepsweep.contract.results import Result
from stepsweep.contract.trial import Cause, Outcome, Status, Trial
from tests.support.command import Sweep
from tests.support.embedded import SCRIPTED, keep_template

REASON = "exit code 1: no file /tmp/sweep-abc1/data-7.csv"


def ended(number: int, status: Status = Status.FAILED, reason: str = REASON, cause: Cause | None = None) -> Result:
    trial = Trial(trial_id=f"t{number}", params={"lr": number}, options={}, epochs=1)
    return Result(trial=trial, outcome=Outcome(trial_id=trial.trial_id, status=status, reason=reason, cause=cause))


def why(*news: Result, **others: object) -> str | None:
    progress = Progress(planned=9, to_run=9, ended=len(news), failed=len(news), news=news)
    return Canary().why_all_fail(replace(progress, **others))  # type: ignore[arg-type]


def test_three_failures_alike_apart_from_paths_numbers_and_ids() -> None:
    assert why(ended(1), ended(2, reason="exit code 1: no file /tmp/sweep-99/data-8.csv"), ended(3)) == REASON
    reasons = ("at 0xFF of 1e-05 in deadbeef01", "at 0x1a of 2.5E+3 in CAFEBABE", "at 0x0 of 7 in 12345678")
    assert why(*(ended(number, reason=reason) for number, reason in enumerate(reasons))) == reasons[0]
    missing = [ended(number, Status.MISSING, "it wrote no metrics") for number in range(3)]
    assert why(*missing) == "it wrote no metrics"


def test_metrics_that_break_the_contract_alike_are_a_failure() -> None:
    reason = "the objective `val_acc` is not among the metrics: accuracy"
    assert why(*(ended(number, Status.INVALID, reason) for number in range(3))) == reason


def test_trials_that_were_trained_before_count_too_and_are_read_if_all_others_fail_alike() -> None:
    read: list[int] = []

    def heard(*before: Result) -> list[str | None]:
        def earlier(known: Set[str]) -> Iterator[Result]:
            assert known == {"t1", "t2", "t3"}
            for number, each in enumerate(before):
                read.append(number)
                yield each

        canary = Canary(earlier)
        progress = Progress(planned=12, to_run=9, ended=2, news=(ended(1), ended(2)))
        return [canary.why_all_fail(replace(progress, ended=number, news=news)) for number, news in (
            (2, progress.news), (3, (ended(3),)), (3, ())
        )]  # fmt: skip

    assert heard(ended(7), ended(8)) == [None, REASON, REASON]
    read.clear()
    assert heard(ended(7), ended(8, Status.SUCCEEDED, ""), ended(9)) == [None, None, None]
    assert read == [0, 1]


def test_they_are_counted_over_several_looks() -> None:
    canary = Canary()
    for number in (1, 2):
        assert canary.why_all_fail(Progress(planned=9, to_run=9, ended=number, news=(ended(number),))) is None
    assert canary.why_all_fail(Progress(planned=9, to_run=9, ended=3, news=(ended(3),))) == REASON


@pytest.mark.parametrize(
    ("news", "others"),
    [
        ([ended(1), ended(2)], {}),
        ([ended(1), ended(2), ended(3, reason="exit code 1: out of memory")], {}),
        ([ended(number, reason=reason) for number, reason in enumerate(("no abc", "no abd", "no cab"))], {}),
        ([ended(1), ended(2), ended(3, Status.MISSING), ended(4)], {"to_run": 4, "planned": 4}),
        ([ended(1), ended(2), ended(3), ended(4, Status.SUCCEEDED, "")], {}),
        ([ended(number, Status.INVALID, "loss is nan at epoch 2", Cause.DIVERGED) for number in range(3)], {}),
        ([ended(number, Status.MISSING, "stop.max_hours: 2", Cause.SEARCH_ENDED) for number in range(3)], {}),
        ([ended(number, Status.MISSING, "stop.median", Cause.MEDIAN_RULE) for number in range(3)], {}),
        ([ended(1), ended(2), ended(3)], {"planned": 3, "to_run": 3}),  # nothing is left to spare
        ([ended(1), ended(2), ended(3)], {"status": "FAILED"}),
    ],
)
def test_what_says_nothing_of_the_others(news: list[Result], others: dict[str, object]) -> None:
    assert why(*news, **others) is None


TRAINER = {"STEPSWEEP_TRAINER": str(SCRIPTED)}
CRASH = ("--fixed", "act=crash", "--epochs", "1")
MANY = [number / 100 for number in range(1, 41)]
"""They would take 20 seconds, of a second each on two cores."""


def test_a_sweep_that_is_run_stops(sweep: Sweep) -> None:
    keep_template(sweep.folder / ".stepsweep", {"trainer": str(SCRIPTED)})
    choices = ("--set", f"lr={','.join(map(str, MANY))}", "--fixed", "sleep=1")
    stopped = sweep("run", *choices, *CRASH, "--name", "broken", "--json", environment=TRAINER)
    assert stopped.returncode == 1
    assert json.loads(stopped.stdout)["status"] == "INTERRUPTED"
    fault = stopped.stderr.splitlines()[-1]
    assert fault.startswith("sweep: the first ")
    assert fault.endswith("were not trained: exit code 1: ValueError: this trainer was told to crash")
    assert "  sweep resume broken --keep-going\n" in stopped.stderr
    (listed,) = json.loads(sweep("list", "--json").stdout)
    assert 3 <= listed["ended"] < listed["planned"] == len(MANY)
    # No reducer has read the logs.
    reasons = {row["reason"] for row in json.loads(sweep("show", "broken", "--json").stdout)["trials"]}
    assert reasons == {"exit code 1: ValueError: this trainer was told to crash"}


@pytest.mark.slow
def test_a_sweep_from_python_stops_too_and_one_that_is_to_go_on_does(sweep: Sweep) -> None:
    keep_template(sweep.folder / ".stepsweep", {"trainer": str(SCRIPTED)})
    with Sweeps(directory=sweep.folder / ".stepsweep", trainer=SCRIPTED) as sweeps:
        crash = {"fixed": {"act": "crash", "sleep": 1}, "epochs": 1}
        with pytest.raises(SweepFailed) as failed:
            sweeps.run({"parameters": {"lr": MANY}} | crash, quiet=True)
        assert failed.value.error == "FirstTrialsFailed"

        kept = sweep("run", "--set", "lr=0.1,0.2,0.3,0.4", *CRASH, "--keep-going", "--json", environment=TRAINER)
    assert json.loads(kept.stdout)["error"] == "NoTrialSucceeded"
    assert "4 FAILED" in kept.stderr
