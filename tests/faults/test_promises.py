"""Each promise is broken on purpose, and its check fails."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from stepsweep.contract import keys, ranking
from stepsweep.contract.leaderboard_csv import leaderboard_csv
from stepsweep.contract.metrics import to_csv
from stepsweep.contract.results import Result, counts, grouped
from stepsweep.contract.rounds import first_round
from stepsweep.contract.spec import SweepSpec
from stepsweep.contract.trial import Outcome, Status
from tests.faults import promises
from tests.faults.promises import Ledger, Snapshot
from tests.trainers.steps.steps import MANGLED

SPEC = SweepSpec.from_json({"parameters": {"lr": [0.1, 0.2, 0.3]}, "epochs": 2, "name": "s"})
TRIALS = first_round(SPEC, trainer_version="1")
VALUES = ([0.5, 0.7], [0.9, 0.8], [0.9, 0.1])
"""Of `val_accuracy` by epoch; the second and the third trial tie, and the plan decides."""


def curve(values: list[float]) -> bytes:
    rows = [{"epoch": epoch, "val_accuracy": value, "seconds": 1.0} for epoch, value in enumerate(values, start=1)]
    return to_csv(rows)


@pytest.fixture
def sound() -> Snapshot:
    """A bucket after a sweep of three trials in which everything went well."""
    results = []
    objects = {trial.metrics_key: curve(values) for trial, values in zip(TRIALS, VALUES, strict=True)}
    for trial, values in zip(TRIALS, VALUES, strict=True):
        outcome = Outcome(trial_id=trial.trial_id, status=Status.SUCCEEDED)
        epoch = values.index(max(values)) + 1
        results.append(Result(trial=trial, outcome=outcome, value=max(values), epoch=epoch, epochs_trained=2))
    leaderboard = ranking.ranked(grouped(results), SPEC.objectives)
    _, winner = leaderboard[0]
    plan = {"spec": SPEC.to_json(), "trials": [trial.to_json() for trial in TRIALS]}
    entry = {"trial_id": winner.trial.trial_id, "value": winner.value, "epoch": winner.epoch}
    output = {"winner": entry, "outcomes": counts(results)}
    objects |= {
        keys.plan_key("s", 0): json.dumps(plan).encode(),
        keys.leaderboard_key("s"): leaderboard_csv(leaderboard, SPEC.objectives, list(SPEC.parameters)),
        keys.winner_key("s"): json.dumps(output).encode(),
    }
    return Snapshot(objects=objects)


def changed(snapshot: Snapshot, key: str, old: str, new: str) -> Snapshot:
    text = snapshot.objects[key].decode()
    assert old in text
    return replace(snapshot, objects={**snapshot.objects, key: text.replace(old, new, 1).encode()})


def test_a_sound_sweep_keeps_them(sound: Snapshot) -> None:
    assert promises.each_planned_trial_has_one_outcome(sound, "s") == 3
    assert promises.the_winner_follows_from_the_results_alone(sound, "s") == 3
    assert promises.the_same_results_are_written_as_the_same_bytes(sound, sound, "s") == 2


def test_1_a_trial_without_an_outcome_is_found(sound: Snapshot) -> None:
    lines = sound.objects[keys.leaderboard_key("s")].splitlines(keepends=True)
    short = replace(sound, objects={**sound.objects, keys.leaderboard_key("s"): b"".join(lines[:-1])})
    with pytest.raises(AssertionError, match="in the leaderboard"):
        promises.each_planned_trial_has_one_outcome(short, "s")


def test_1_counts_that_do_not_add_up_are_found(sound: Snapshot) -> None:
    wrong = changed(sound, keys.winner_key("s"), '"SUCCEEDED": 3', '"SUCCEEDED": 2')
    with pytest.raises(AssertionError):
        promises.each_planned_trial_has_one_outcome(wrong, "s")


def test_2_a_metrics_file_that_is_written_again_is_found(tmp_path: Path) -> None:
    file = tmp_path / "bucket" / "trials" / "t" / "metrics-e2.csv"
    file.parent.mkdir(parents=True)
    file.write_bytes(curve([0.5, 0.7]))
    ledger = Ledger(tmp_path)
    try:
        assert promises.a_written_metrics_file_never_changes(ledger) == 1
        file.write_bytes(curve([0.5, 0.8]))
        with pytest.raises(AssertionError, match="was written again, with other bytes"):
            promises.a_written_metrics_file_never_changes(ledger)
    finally:
        ledger.close()


def test_3_another_winner_is_found(sound: Snapshot) -> None:
    wrong = changed(sound, keys.winner_key("s"), TRIALS[1].trial_id, TRIALS[2].trial_id)
    with pytest.raises(AssertionError):
        promises.the_winner_follows_from_the_results_alone(wrong, "s")


def test_3_a_leaderboard_in_another_order_is_found(sound: Snapshot) -> None:
    head, first, second, third = sound.objects[keys.leaderboard_key("s")].splitlines(keepends=True)
    swapped = replace(sound, objects={**sound.objects, keys.leaderboard_key("s"): head + second + first + third})
    with pytest.raises(AssertionError):
        promises.the_winner_follows_from_the_results_alone(swapped, "s")
    with pytest.raises(AssertionError, match="leaderboard"):
        promises.the_same_results_are_written_as_the_same_bytes(sound, swapped, "s")


@pytest.mark.parametrize("mangle", MANGLED.values(), ids=MANGLED.keys())
def test_3_a_file_that_is_no_metrics_is_not_ranked(mangle: Callable[[bytes], bytes]) -> None:
    data = {trial.trial_id: curve(values) for trial, values in zip(TRIALS, VALUES, strict=True)}
    best = TRIALS[1].trial_id
    plan = [trial.trial_id for trial in TRIALS]
    others = [trial_id for trial_id, _, _ in promises.ranked_plainly(data, plan, SPEC.objective) if trial_id != best]
    columns = b"epoch,train_loss,val_loss,val_accuracy,seconds\n1,2.0,2.0,0.9,1.0\n2,1.0,1.5,0.8,1.0\n"
    mangled = promises.ranked_plainly({**data, best: mangle(columns)}, plan, SPEC.objective)
    assert [trial_id for trial_id, _, _ in mangled] == others


@pytest.mark.parametrize(("jobs", "processes"), [(["job"], []), ([], ["1: python"])])
def test_4_what_is_alive_is_found(jobs: list[str], processes: list[str]) -> None:
    with pytest.raises(AssertionError):
        promises.nothing_is_alive(jobs, processes)


@pytest.mark.parametrize("trained", [["a"], ["b", "b"]])
def test_5_a_trial_that_is_repeated_is_found(trained: list[str]) -> None:
    with pytest.raises(AssertionError):
        promises.no_finished_trial_is_repeated(["a"], trained)


def test_5_other_numbers_are_found() -> None:
    same, other = curve([0.5, 0.7]), curve([0.5, 0.71])
    assert promises.the_numbers_are_those_of_a_training_without_faults({"lr=1": same}, {"lr=1": same}) == 1
    with pytest.raises(AssertionError, match="lr=1"):
        promises.the_numbers_are_those_of_a_training_without_faults({"lr=1": other}, {"lr=1": same})
