"""What is said of those behind the winner: of no test that was not made, and of no distance that says nothing."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from stepsweep.client.cli.main import cli
from stepsweep.client.clouds.cloud import Cloud
from stepsweep.client.report.gather import gathered
from stepsweep.client.report.page import page
from tests.support.html import Document
from tests.support.recorded import RecordedCloud

HALVING = {"min_epochs": 1, "factor": 3}


@pytest.fixture
def recorded(tmp_path: Path) -> RecordedCloud:
    return RecordedCloud(directory=tmp_path)


def swept(
    recorded: RecordedCloud, values: Mapping[float, Sequence[float | None]], rungs: Sequence[int], **asked: Any
) -> None:
    """A sweep over q. Each trial has its value from the first epoch on, or failed."""
    for round_number, epochs in enumerate(rungs):
        trials = recorded.planned("mine", {"q": list(values)}, epochs=rungs[-1], round_number=round_number, **asked)
        members = {q: iter(each) for q, each in values.items()}
        for trial in trials:
            value = next(members[float(str(trial.params["q"]))])
            if trial.epochs == epochs:
                if value is None:
                    recorded.failed("mine", trial, "no\n")
                else:
                    recorded.succeeded("mine", trial, {"val_accuracy": [value] * epochs})
        recorded.reduced("mine", round_number=round_number)


def shown(recorded: RecordedCloud) -> str:
    arguments = ["show", "mine", "--dir", str(recorded.directory)]
    return CliRunner().invoke(cli, arguments, env={"COLUMNS": "200"}).output


def told(recorded: RecordedCloud) -> str:
    cloud = Cloud(
        on="local", directory=recorded.directory, trainer=None, job_vcpus=None, profile=None, region=None, stack=None
    )
    return Document(page(gathered(cloud, cloud.looked_at(), "mine"))).text


def test_a_winner_that_is_alone_on_the_last_rung_was_compared_with_nobody(recorded: RecordedCloud) -> None:
    swept(recorded, {0.5: [0.5, 0.52], 0.4: [0.4, 0.42], 0.3: [0.3, 0.32]}, [1, 3], repeats=2, halving=HALVING)
    for text in (shown(recorded), told(recorded)):
        assert "significantly" not in text
        assert "behind" not in text
    assert "Second   q=0.4  val_accuracy 0.41 after 1 of 3 epochs\n" in shown(recorded)
    assert "Second: q=0.4 with 0.41 after 1 of 3 epochs." in told(recorded)


def test_of_single_trials_the_second_on_another_rung_is_no_distance_behind(recorded: RecordedCloud) -> None:
    swept(recorded, {0.5: [0.5], 0.4: [0.5], 0.3: [0.3]}, [1, 3], halving=HALVING)
    assert "Second   q=0.4  val_accuracy 0.5 after 1 of 3 epochs\n" in shown(recorded)  # and no tie, though it is equal
    assert "Second: q=0.4 with 0.5 after 1 of 3 epochs." in told(recorded)


@pytest.mark.parametrize("others", [{}, {0.8: [0.8, None]}])
def test_a_winner_without_others_that_have_a_mean_was_compared_with_nobody(
    recorded: RecordedCloud, others: dict[float, list[float | None]]
) -> None:
    values: dict[float, list[float | None]] = {0.9: [0.9, 0.91]}
    swept(recorded, values | others, [1], repeats=2)
    for text in (shown(recorded), told(recorded)):
        assert "Winner" in text
        assert "significantly" not in text


def test_those_that_were_not_compared_are_counted(recorded: RecordedCloud) -> None:
    values: dict[float, list[float | None]] = {
        0.9: [0.9, 0.91], 0.8: [0.8, 0.81], 0.7: [0.7, None], 0.6: [0.6, 0.61], 0.5: [0.5, 0.5], 0.4: [0.4, 0.4],
    }  # fmt: skip
    swept(recorded, values, [1, 3], repeats=2, halving={"min_epochs": 1, "factor": 3})
    said = (
        "significantly better than 1 of 5 others, by a t-test of 2 values each; the rest have no mean or fewer epochs"
    )
    assert f"         {said}\n" in shown(recorded)
    assert f"0.1 behind. The winner is {said}." in told(recorded)


def test_of_seeds_in_folds_the_folds_means_are_tested(recorded: RecordedCloud) -> None:
    swept(recorded, {0.9: [0.9, 0.5, 0.7, 0.8], 0.8: [0.6, 0.8, 0.7, 0.5]}, [1], folds=2, repeats=2)
    assert "a t-test of the 2 folds' means does not tell" in shown(recorded)
    assert "a t-test of the 2 folds' means does not tell" in told(recorded)


@pytest.mark.parametrize(
    ("values", "asked", "name"),
    [
        ([[0.9, 0.9], [0.8, 0.8]], {"repeats": 2}, "the seed"),
        ([[0.9, 0.9], [0.8, 0.8]], {"folds": 2}, "the fold"),
        ([[0.9, 0.9, 0.7, 0.7], [0.8, 0.8, 0.7, 0.7]], {"folds": 2, "repeats": 2}, "the seed"),
        ([[0.9, 0.7, 0.9, 0.7], [0.8, 0.7, 0.8, 0.7]], {"folds": 2, "repeats": 2}, "the fold"),
    ],
)
def test_a_seed_or_a_fold_without_effect_is_named(
    recorded: RecordedCloud, values: list[list[float]], asked: dict[str, int], name: str
) -> None:
    swept(recorded, {0.9: values[0], 0.8: values[1]}, [1], **asked)
    text = shown(recorded)
    assert (
        f"Same     {name} made no difference to val_accuracy, to the last digit; check that the script reads it" in text
    )
    assert "significantly" not in text
