"""Tables of trials on a terminal, whatever its width and the names: no number is ever broken."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from stepsweep.client.clouds.cloud import Cloud
from stepsweep.client.running.printed import last_line
from stepsweep.client.running.progress import Progress, Training
from stepsweep.client.terminal.live import Following, training_table
from stepsweep.client.terminal.result import show_standing
from stepsweep.client.terminal.trial_table import TrialRow, differing, trial_table
from stepsweep.client.terminal.view import View
from stepsweep.contract import rounds
from stepsweep.contract.spec import SweepSpec
from tests.support.kept import compare
from tests.support.recorded import RecordedCloud

TABLES = Path(__file__).parent / "screens" / "tables"
HUGGING_FACE = {
    "learning_rate": ["5e-05", "3e-05", "2e-05"],
    "per_device_train_batch_size": ["16", "32"],
    "warmup_ratio": ["0", "0.1"],
    "lr_scheduler_type": ["linear", "cosine_with_restarts"],
    "weight_decay": ["0.00123456789"],
    "model_name_or_path": ["google/electra-small-discriminator", "google/electra-base-discriminator"],
    "label_smoothing_factor": ["0.1"],
}


def lines(rows: list[TrialRow], width: int) -> list[str]:
    table, same = trial_table(
        width,
        rows,
        lead=("",),
        behind=("eval_accuracy", "epoch", "trained"),
        differ=differing([row.params for row in rows]),
        optional=("epoch", "trained"),
    )
    console = Console(width=width, color_system=None, highlight=False)
    with console.capture() as capture:
        console.print(table)
    return [*capture.get().splitlines(), *(f"{name}={text}" for name, text in same.items())]


def hugging_face(number: int) -> list[TrialRow]:
    rows = []
    for n in range(number):
        params = {name: choices[n % len(choices)] for name, choices in HUGGING_FACE.items()}
        rows.append(TrialRow(lead=(str(n + 1),), params=params, behind=(f"0.8{n}7654", "3", "3")))
    return rows


def test_a_wide_terminal_has_every_column() -> None:
    head, *rows = lines(hugging_face(2), 300)
    assert head.split() == [*HUGGING_FACE, "eval_accuracy", "epoch", "trained"]
    assert rows[0].split() == [
        "1", "5e-05", "16", "0", "linear", "0.00123456789", "google/electra-small-discriminator", "0.1", "0.807654",
        "3", "3",
    ]  # fmt: skip


@pytest.mark.parametrize("width", [140, 110, 80, 60, 40])
def test_a_table_is_folded_cut_and_listed_as_it_is_kept(width: int) -> None:
    compare([line.rstrip() for line in lines(hugging_face(6), width)], TABLES / f"{width}.txt")


@settings(deadline=None)
@given(st.integers(36, 140), st.integers(1, 6))
def test_no_number_is_broken_and_no_line_is_too_long(width: int, number: int) -> None:
    rows = hugging_face(number)
    printed = lines(rows, width)
    assert max(map(len, printed)) <= width
    words = {word.rpartition("=")[2] for line in printed for word in line.split()}
    for row in rows:
        assert row.behind[0] in words
        assert {text for text in row.params.values() if text[0].isdigit()} <= words


@pytest.mark.parametrize("width", [80, 200])
def test_a_trial_without_metrics_shows_the_last_line_that_it_printed(width: int) -> None:
    parameters = {"learning_rate": [1e-5, 2e-5], "per_device_train_batch_size": [8, 16], "num_layers": [1, 2]}
    spec = SweepSpec.from_json({"name": "s", "parameters": parameters, "epochs": 3})
    one, other = rounds.first_round(spec, trainer_version="")[:2]
    training = [Training(trial=one, latest={}, printed="Downloading data: 43%"), Training(trial=other, latest={})]
    console = Console(width=width, color_system=None)
    with console.capture() as capture:
        console.print(training_table(training, spec, [each.trial.params for each in training], width))
    text = capture.get()
    assert "Downloading data: 43%" in text
    assert "val_accuracy" not in text, "no trial has it yet"
    with console.capture() as capture:
        latest = {"epoch": 1.0, "seconds": 3.0, "eval_loss": 0.5, "val_accuracy": 0.25}
        training = [Training(trial=one, latest=latest), training[1]]
        console.print(training_table(training, spec, [each.trial.params for each in training], width))
    assert "0.25" in capture.get()
    assert "seconds" not in capture.get(), "it is the kit's, not the trainer's"


def test_the_live_display_has_the_latest_epoch_of_what_trains() -> None:
    spec = SweepSpec.from_json({"name": "s", "parameters": {"lr": [0.1, 0.2]}, "epochs": 3})
    trial, _ = rounds.first_round(spec, trainer_version="")
    following = Following(View(), spec)
    console = Console(width=100, color_system=None)
    for value in (0.125, 0.25):
        training = (Training(trial=trial, latest={"epoch": value * 8, "val_accuracy": value}),)
        following.update(Progress(planned=2, to_run=2, training=training))
        with console.capture() as capture:
            console.print(following)
        assert str(value) in capture.get()


def test_seeds_have_their_mean_its_standard_error_and_their_number_and_those_that_fail_a_reason(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recorded = RecordedCloud(directory=tmp_path)
    good, better, alone, bad = recorded.planned("mine", {"lr": [0.1, 0.2]}, repeats=2)
    for trial, value in ((good, 0.6), (better, 0.8), (alone, 0.5)):
        recorded.succeeded("mine", trial, {"val_accuracy": [0.4, value]})
    recorded.failed("mine", bad, "boom")
    recorded.reduced("mine")
    cloud = Cloud(
        on="local", directory=tmp_path, trainer=None, job_vcpus=None, profile=None, region=None, stack=None
    )  # fmt: skip
    archive = cloud.looked_at().archive
    show_standing(View(), archive.standing("mine", []), objects=archive.objects, where="", is_on_aws=False)
    assert capsys.readouterr().out.splitlines()[2:7] == [
        "    lr  val_accuracy  std. error  n  epoch  trained",
        "1  0.1           0.7         0.1  2      2        2",
        "",
        "1 FAILED  1 of 2 trials succeeded; seed 1: exit code 1, attempt 2",
        "          lr=0.2",
    ]


@pytest.mark.parametrize(
    ("log", "line"),
    [
        ("", ""),
        ("one\ntwo\n\n", "two"),
        ("loading\n 10%|█ |\r 43%|████ |\r", "43%|████ |"),
        ("\x1b[32mepoch 1\x1b[0m\n", "epoch 1"),
    ],
)
def test_the_last_line_of_a_progress_bar_is_its_latest_state(log: str, line: str) -> None:
    assert last_line(log) == line
