"""Which files of metrics are read, and what is in them."""

import json
from pathlib import Path

import pytest

from stepsweep.trial import metrics_file
from stepsweep.trial.columns import NoMetrics
from stepsweep.trial.metrics import Collector


def rows(file: Path, text: str, epochs: int | None = 3) -> list[dict[str, float]]:
    file.write_text(text)
    collector = Collector()
    metrics_file.collect(file, collector)
    return collector.rows(epochs)[0]


@pytest.mark.parametrize(
    ("document", "found"),
    [
        (
            {"loss": [0.5, 0.25], "val": {"acc": [0.75, 0.875]}, "best": 0.25},
            [{"epoch": 1, "loss": 0.5, "val/acc": 0.75}, {"epoch": 2, "loss": 0.25, "val/acc": 0.875, "best": 0.25}],
        ),
        ({"epoch": [5, 6], "loss": [0.5, 0.25]}, [{"epoch": 1, "loss": 0.5}, {"epoch": 2, "loss": 0.25}]),
        (
            {"loss": [0.5, 0.25], "acc": [0.75], "_wandb": [1, 2, 3]},
            [{"epoch": 1, "loss": 0.5, "acc": 0.75}, {"epoch": 2, "loss": 0.25}],
        ),
        ({"loss": 0.5, "test": {"deep": {"acc": 0.75}}}, [{"epoch": 1, "loss": 0.5, "test/deep/acc": 0.75}]),
        ({"epoch": 2, "loss": 0.5}, [{"epoch": 1}, {"epoch": 2, "loss": 0.5}]),
        (
            [{"epoch": 1, "loss": 0.5}, {"epoch": 2, "loss": 0.25}],
            [{"epoch": 1, "loss": 0.5}, {"epoch": 2, "loss": 0.25}],
        ),
        (
            {"log_history": [{"epoch": 1.0, "eval_loss": 0.5}, {"epoch": 2.0, "eval_loss": 0.25}], "epoch": 9},
            [{"epoch": 1, "eval_loss": 0.5}, {"epoch": 2, "eval_loss": 0.25}],
        ),
    ],
)
def test_a_document_of_json_has_a_value_per_epoch_or_those_of_the_last(
    tmp_path: Path, document: object, found: list[dict[str, float]]
) -> None:
    assert rows(tmp_path / "metrics.json", json.dumps(document)) == found


def test_lines_of_json_may_have_others_between_them(tmp_path: Path) -> None:
    text = 'start\n{"epoch": 1, "loss": 0.5}\nloss: 7\n{"epoch": 2, "loss": 0.25}\n'
    assert rows(tmp_path / "log.jsonl", text) == [{"epoch": 1, "loss": 0.5}, {"epoch": 2, "loss": 0.25}]


def test_rows_of_a_csv_that_are_of_one_epoch_are_one(tmp_path: Path) -> None:
    text = "epoch, train_loss ,val_loss,note\n0,0.5,,good\n0,,0.25,\n1,0.125,,\n"
    assert rows(tmp_path / "m.csv", text) == [
        {"epoch": 1, "train_loss": 0.5, "val_loss": 0.25},
        {"epoch": 2, "train_loss": 0.125},
    ]


def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(NoMetrics, match=rf"^--metrics-file {tmp_path}/none: cannot be read: .*No such file"):
        metrics_file.collect(tmp_path / "none", Collector())
    (tmp_path / "bytes.csv").write_bytes(b"\xff\xfe")
    with pytest.raises(NoMetrics, match=rf"^--metrics-file {tmp_path}/bytes\.csv: cannot be read: 'utf-8'"):
        metrics_file.collect(tmp_path / "bytes.csv", Collector())
    for name, text in (("text.json", "no metrics, loss=0.5\n"), ("m.txt", "epoch,loss\n1,0.5\n"), ("empty.jsonl", "")):
        with pytest.raises(
            NoMetrics, match=rf"{name}: has no JSON object; the name of a CSV must end in \.csv, or in \.tsv"
        ):
            rows(tmp_path / name, text)
    with pytest.raises(NoMetrics, match=r"deep\.json: '\{\"loss\":.* is no whole JSON object; write each whole"):
        rows(tmp_path / "deep.json", 5_000 * '{"loss":')
