"""`sweep compare`: what it holds against what, and what it does not."""

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from stepsweep.bucket.stores import FolderStore
from stepsweep.client.archive.comparison import Comparison, compare
from stepsweep.client.archive.recorded import Archive
from stepsweep.client.cli.main import cli
from stepsweep.contract.errors import InvalidInput
from tests.support.recorded import RecordedCloud


@pytest.fixture
def recorded(tmp_path: Path) -> RecordedCloud:
    return RecordedCloud(directory=tmp_path / "cloud")


def finished(
    recorded: RecordedCloud, name: str, values: list[float], *, metric: str = "val_accuracy", **asked: Any
) -> None:
    """A sweep over lr 0.1 and 0.01 whose trials have these values, in seconds of 10 each."""
    for trial, value in zip(recorded.planned(name, {"lr": [0.1, 0.01]}, **asked), values, strict=True):
        recorded.succeeded(name, trial, {metric: [value, value, value]}, seconds=10)
    recorded.reduced(name)


def compared(recorded: RecordedCloud, *names: str) -> Comparison:
    store = FolderStore(recorded.directory / "s3" / "bucket")
    return compare(Archive(store, objects=Path("here")), names, running=[], is_on_aws=False)


def test_the_better_winner_is_named_with_its_distance(recorded: RecordedCloud) -> None:
    finished(recorded, "first", [0.8, 0.7])
    finished(recorded, "second", [0.75, 0.9], seed=1)
    found = compared(recorded, "first", "second")
    first, second = found.sweeps
    assert (found.best, found.not_comparable, list(found.caveats)) == ("second", "", [])
    assert first.difference is None
    assert second.difference == pytest.approx(0.1)
    assert (first.params, second.params) == ({"lr": 0.1}, {"lr": 0.01})
    assert (first.job_seconds, first.epochs, first.usd) == (20, 6, None)
    assert found.differing_params == ["lr"]
    assert [(each.field, each.values) for each in found.asked] == [("seed", {"first": 0, "second": 1})]


def test_of_a_loss_the_lower_is_the_better(recorded: RecordedCloud) -> None:
    loss: dict[str, Any] = {"metric": "val_loss", "objective": {"metric": "val_loss", "direction": "minimize"}}
    finished(recorded, "first", [0.8, 0.7], **loss)
    finished(recorded, "second", [0.75, 0.9], seed=1, **loss)
    found = compared(recorded, "first", "second")
    assert found.best == "first"
    assert found.sweeps[1].difference == pytest.approx(-0.05)


def test_values_of_other_objectives_are_not_held_against_each_other(recorded: RecordedCloud) -> None:
    finished(recorded, "first", [0.8, 0.7])
    finished(recorded, "second", [0.1, 0.2], seed=1, metric="val_loss",
             objective={"metric": "val_loss", "direction": "minimize"})  # fmt: skip
    found = compared(recorded, "first", "second")
    assert found.not_comparable == (
        "the objectives differ: first has val_accuracy (maximize), second has val_loss (minimize)"
    )
    assert (found.best, found.sweeps[1].difference, found.in_common[0].median_difference) == (None, None, None)
    assert [each.field for each in found.asked] == ["objective.metric", "objective.direction", "seed"]


def test_trials_with_the_same_params_are_compared_in_pairs(recorded: RecordedCloud) -> None:
    finished(recorded, "first", [0.8, 0.7])
    finished(recorded, "second", [0.7, 0.9], seed=1)
    (pair,) = compared(recorded, "first", "second").in_common
    assert (pair.params, pair.same_work, pair.better, pair.worse) == (2, 0, 1, 1)
    assert pair.median_difference == pytest.approx(0.05)


def test_the_very_same_trials_tell_nothing(recorded: RecordedCloud) -> None:
    finished(recorded, "first", [0.8, 0.7])
    finished(recorded, "again", [0.8, 0.7])
    found = compared(recorded, "first", "again")
    (pair,) = found.in_common
    assert (pair.params, pair.same_work, pair.median_difference) == (2, 2, None)
    assert (found.best, found.differing_params, found.asked) == (None, [], [])


def test_trials_after_other_epochs_are_neither_the_same_nor_compared(recorded: RecordedCloud) -> None:
    for name, epochs in (("first", 1), ("longer", 3)):
        for trial, value in zip(recorded.planned(name, {"lr": [0.1, 0.01]}, epochs=epochs), [0.5, 0.25], strict=True):
            recorded.succeeded(name, trial, {"val_accuracy": [value] * epochs})
        recorded.reduced(name)
    arguments = ["compare", "first", "longer", "--dir", str(recorded.directory)]
    shown = CliRunner().invoke(cli, arguments, env={"COLUMNS": "200"}).output
    why = "the winners were trained for different numbers of epochs (first for 1, longer for 3), which alone can make a"
    assert f"Note     {why} difference\n" in shown
    common = "Params   first and longer have 2 sets of params in common\n"
    assert f"{common}         2 of them after different numbers of epochs, which do not compare\n\n" in shown


def test_of_promoted_trials_only_those_on_equal_rungs_are_compared(recorded: RecordedCloud) -> None:
    finished(recorded, "grid", [0.8, 0.7])
    halving: dict[str, Any] = {"halving": {"min_epochs": 1, "factor": 3}}
    for round_number, epochs in enumerate([1, 3]):
        for trial in recorded.planned("halved", {"lr": [0.1, 0.01]}, seed=1, round_number=round_number, **halving):
            if trial.epochs == epochs:
                recorded.succeeded("halved", trial, {"val_accuracy": [float(str(trial.params["lr"]))] * epochs})
        recorded.reduced("halved", round_number=round_number)
    (pair,) = compared(recorded, "grid", "halved").in_common
    assert (pair.same_work, pair.other_epochs, pair.better, pair.worse) == (0, 1, 0, 1)
    assert pair.median_difference == pytest.approx(-0.7)


def test_what_failed_twice_or_has_more_seeds_was_not_trained_once(recorded: RecordedCloud) -> None:
    for name, repeats in (("first", 2), ("again", 2), ("more", 3)):
        for trial in recorded.planned(name, {"lr": [0.1, 0.01]}, epochs=1, repeats=repeats):
            if trial.params["lr"] == 0.1:
                recorded.failed(name, trial, "no\n")
            else:
                recorded.succeeded(name, trial, {"val_accuracy": [0.5]})
        recorded.reduced(name)
    again, more, _ = compared(recorded, "first", "again", "more").in_common
    assert (again.params, again.same_work, again.median_difference) == (2, 1, None)
    assert (more.params, more.same_work, more.median_difference) == (2, 0, None)


def test_what_makes_a_difference_mean_less_is_said(recorded: RecordedCloud) -> None:
    finished(recorded, "first", [0.8, 0.7], fixed={"dataset": "mnist"})
    recorded.planned("second", {"lr": [0.1, 0.01]}, fixed={"dataset": "fashion-mnist"}, repeats=2)
    found = compared(recorded, "first", "second")
    assert list(found.caveats) == [
        "the fixed options differ (dataset), so the values may be of another data set or model",
        "some values are means of several trials, others of one trial or of another number",
        "second was interrupted: its winner is the best of its finished trials",
    ]
    assert found.best == "first"
    assert (found.sweeps[1].value, found.sweeps[1].difference) == (None, None)


def test_all_that_is_wrong_is_said_at_once(recorded: RecordedCloud) -> None:
    finished(recorded, "first", [0.8, 0.7])
    with pytest.raises(InvalidInput) as error:
        compared(recorded, "first", "first", "second")
    assert [fault.partition(";")[0] for fault in error.value.faults] == [
        "the sweep first is named twice", 'there is no sweep "second" in here',
    ]  # fmt: skip
    with pytest.raises(InvalidInput, match="a comparison needs two sweeps or more"):
        compared(recorded, "first")
