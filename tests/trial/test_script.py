"""What a script calls, `trial.report` and `trial.main`, where neither process nor wrapper matters."""

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stepsweep.trial import script, values
from stepsweep.trial.names import TOLD
from stepsweep.trial.script import Reporter


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "report.jsonl"


def test_a_row_is_printed_with_its_epoch_first_and_handed_over_with_all_its_digits(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    reporter = Reporter(file, silent=False)
    assert reporter.report({"loss": 1 / 3, "acc": True}, 2.5) is False
    assert reporter.report({"loss": 2}, None) is False
    assert capsys.readouterr().out == f"epoch 2.5 loss={1 / 3} acc=1.0\nloss=2.0\n"
    assert [json.loads(line) for line in file.read_text().splitlines()] == [
        {"epoch": 2.5, "loss": 1 / 3, "acc": 1.0},
        {"loss": 2.0},
    ]


def test_the_row_with_which_a_script_hears_that_it_is_to_stop_is_marked(file: Path) -> None:
    before = signal.signal(signal.SIGTERM, signal.SIG_DFL)
    try:
        reporter = Reporter(file, silent=False)
        assert reporter.report({"loss": 1}, 1) is False
        os.kill(os.getpid(), signal.SIGTERM)
        assert reporter.report({"loss": 1}, 2) is reporter.report({"loss": 1}, 3) is True
    finally:
        signal.signal(signal.SIGTERM, before)
    assert [line[:11] for line in file.read_text().splitlines()] == [
        '{"epoch": 1', '{"epoch": 2', TOLD, '{"epoch": 3',
    ]  # fmt: skip


def test_a_large_epoch_is_printed_as_a_whole_number(capsys: pytest.CaptureFixture[str]) -> None:
    Reporter(None, silent=False).report({"loss": 1}, 1_234_567_890)
    assert capsys.readouterr().out == "epoch 1234567890 loss=1.0\n"


@pytest.mark.parametrize(
    ("metrics", "epoch", "fault"),
    [
        ({}, 1, "trial.report: no metrics; write trial.report(val_loss=0.25)"),
        ({"loss": "0.5"}, 1, "trial.report: loss is '0.5', which is not a number"),
        ({"loss": b"0.5"}, 1, "trial.report: loss is b'0.5', which is not a number"),
        ({"loss": None}, 1, "trial.report: loss is None, which is not a number"),
        ({"loss": 1}, "one", "trial.report: epoch is 'one', which is not a number"),
        ({"loss": 1}, float("inf"), "trial.report: epoch must be a number from 0, got inf"),
        ({"loss": 1}, -0.5, "trial.report: epoch must be a number from 0, got -0.5"),
    ],
)
def test_what_is_no_row_is_told_and_not_handed_over(
    file: Path, capsys: pytest.CaptureFixture[str], metrics: dict[str, Any], epoch: Any, fault: str
) -> None:
    with pytest.raises((TypeError, ValueError)) as raised:
        Reporter(file, silent=False).report(metrics, epoch)
    assert str(raised.value) == fault
    assert (capsys.readouterr().out, file.exists()) == ("", False)


def test_the_other_processes_of_a_distributed_training_say_nothing(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert Reporter(file, silent=True).report({"loss": 1}, 0) is False
    assert (capsys.readouterr().out, file.exists()) == ("", False)


def anything(**rest: object) -> int:
    return len(rest)


def one(lr: float, batch_size: int = 3) -> float:
    return lr * batch_size


def reports(reporter: Reporter) -> Callable[[float], float]:
    def train(lr: float) -> float:
        reporter.report({"loss": lr}, None)
        return 7.0

    return train


PARAMS = {"lr": 0.5, "epochs": 2, "seed": 0}


def test_what_a_function_returns_is_its_score_or_its_metrics(capsys: pytest.CaptureFixture[str]) -> None:
    reporter = Reporter(None, silent=False)
    script.call(one, {**PARAMS, "batch-size": 4}, reporter)
    script.call(lambda **_: None, PARAMS, Reporter(None, silent=False))
    script.call(lambda **_: {"auc": 0.75}, PARAMS, Reporter(None, silent=False))
    script.call(anything, PARAMS, Reporter(None, silent=False))
    script.call(lambda *rest, lr=3: len(rest) + lr, PARAMS, Reporter(None, silent=False))
    assert capsys.readouterr().out.splitlines() == ["score=2.0", "auc=0.75", "score=3.0", "score=0.5"]


def test_what_a_function_returns_that_has_reported_does_not_count(capsys: pytest.CaptureFixture[str]) -> None:
    reporter = Reporter(None, silent=False)
    script.call(reports(reporter), PARAMS, reporter)
    assert capsys.readouterr().out.splitlines() == [
        "loss=0.5",
        "trial.main: the function has reported its metrics, so what it returned does not count: 7.0",
    ]


def test_params_that_a_function_does_not_take_end_the_script_with_a_line_for_each(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as ended:
        script.call(one, {"depth": 1, "seed": 0, "epochs": 2, "a.b": 1}, Reporter(None, silent=False))
    assert ended.value.code == 2
    assert capsys.readouterr().err.splitlines() == [
        "--depth: one() takes no depth, it takes lr, batch_size",
        "--a_b: one() takes no a_b, it takes lr, batch_size",
        "--lr: missing, and one() needs it",
    ]


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("--lr 0.5 --n 3 --name sgd", {"lr": 0.5, "n": 3, "name": "sgd"}),
        ("--lr=0.5 file --empty=", {"lr": 0.5, "empty": ""}),
        ("train.py --fast --layers [1,2] -x 3", {"fast": True, "layers": [1, 2]}),
        ("--lr -1 -- --fast", {"lr": -1, "fast": True}),
        ('--none null --text "1" --nan NaN --eq a=b=c', {"none": None, "text": '"1"', "nan": "NaN", "eq": "a=b=c"}),
    ],
)
def test_by_hand_the_command_line_has_the_params(words: str, found: dict[str, Any]) -> None:
    assert values.from_words(words.split()) == found


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (-1e-05, "-0.00001"),
        (1e-05, "1e-05"),
        (-0.5, "-0.5"),
        (-3, "-3"),
        ([1, "é"], '[1,"é"]'),
        ("a b", "a b"),
        (True, "true"),
        (None, "null"),
    ],
)
def test_a_value_on_the_command_line_is_the_text_that_a_sweep_writes(value: Any, text: str) -> None:
    assert values.as_text(value) == text
    assert values.typed("[" * 100_000) == "[" * 100_000
