"""Which metrics an attempt has that goes on from a checkpoint of an earlier one."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stepsweep.trial import metrics_file
from stepsweep.trial.columns import NoMetrics
from stepsweep.trial.metrics import Collector
from stepsweep.trial.names import TOLD
from stepsweep.trial.sources import InDoubt, Metrics

EPOCHS = 2
"""Fewer than the earlier attempt was asked for."""


def metrics(
    tmp_path: Path, source: str, lines: list[dict[str, float]], *, epochs: int | None, state: Any = None
) -> Metrics:
    """Returns the metrics of an attempt that has so many lines, where it prints, reports, or leaves a file."""
    report = tmp_path / "report.jsonl"
    texts = [json.dumps(line) for line in lines]
    if source == "reported" and lines:
        report.write_text("\n".join([*texts, ""]))

    def file(collector: Collector, is_over: bool) -> None:
        if not lines:
            raise NoMetrics("there is no file")
        for text in texts:
            collector.feed(text)

    read: Callable[[Collector, bool], None] | None = file if source == "file" else None
    found = Metrics(Collector(), report, read, epochs)
    found.resume(state)
    for text in texts if source == "printed" else ():
        found.feed(text, "stdout")
    return found


def losses(found: Metrics) -> list[Any]:
    return [row.get("loss") for row in found.rows()[0]]


@pytest.mark.parametrize("source", ["printed", "reported", "file"])
def test_an_attempt_has_the_epochs_of_the_one_before_up_to_those_asked_for(tmp_path: Path, source: str) -> None:
    rows = [{"epoch": epoch, "loss": epoch / 4} for epoch in (1, 2, 3)]
    before = metrics(tmp_path, source, rows, epochs=3)
    state = json.loads(json.dumps(before.state()))
    assert losses(before) == [0.25, 0.5, 0.75]
    (tmp_path / "report.jsonl").unlink(missing_ok=True)

    assert losses(metrics(tmp_path, source, [], epochs=EPOCHS, state=state)) == [0.25, 0.5]
    again = [{"epoch": 2, "loss": 9.0}, {"epoch": 3, "loss": 0.0}]
    assert losses(metrics(tmp_path, source, again, epochs=3, state=state)) == [0.25, 9.0, 0.0]


def rows_of(*values: tuple[int, float]) -> list[dict[str, float]]:
    return [{"epoch": epoch, "loss": loss} for epoch, loss in values]


@pytest.mark.parametrize("source", ["printed", "reported", "file"])
def test_epochs_of_a_killed_attempt_after_the_checkpoint_go_with_the_first_one_that_is_trained_again(
    tmp_path: Path, source: str
) -> None:
    """Where an attempt goes on from epoch 2 and stops early, the other's last epochs were the end of its curve."""
    before = metrics(tmp_path, source, rows_of((1, 0.9), (2, 0.8), (3, 0.7), (4, 0.3), (5, 0.5)), epochs=9)
    state = json.loads(json.dumps(before.state()))
    (tmp_path / "report.jsonl").unlink(missing_ok=True)
    nothing_left = metrics(tmp_path, source, [], epochs=9, state=state)
    assert losses(nothing_left) == [0.9, 0.8, 0.7, 0.3, 0.5]
    again = metrics(tmp_path, source, rows_of((3, 0.6)), epochs=9, state=state)
    assert losses(again) == [row["loss"] for row in again.rows_so_far()] == [0.9, 0.8, 0.6]


def test_a_file_that_has_the_killed_attempt_too_counts_as_far_as_the_new_one_came(tmp_path: Path) -> None:
    rows = rows_of((1, 0.9), (2, 0.8), (3, 0.7), (4, 0.3))
    state = metrics(tmp_path, "file", rows, epochs=9).state()
    now = metrics(tmp_path, "file", [*rows, *rows_of((2, 0.75), (3, 0.6))], epochs=9, state=state)
    assert losses(now) == [0.9, 0.75, 0.6]


def test_a_line_that_names_the_best_epoch_so_far_begins_no_training(tmp_path: Path) -> None:
    state = metrics(tmp_path, "printed", rows_of((1, 0.5), (2, 0.8), (3, 0.7)), epochs=4).state()
    now = metrics(tmp_path, "printed", [], epochs=4, state=state)
    now.feed("goes on; best epoch 1: loss=0.5", "stdout")
    now.feed('{"epoch": 4, "loss": 0.6}', "stdout")
    assert losses(now) == [0.5, 0.8, 0.7, 0.6]


@pytest.mark.parametrize("source", ["reported", "file"])
def test_metrics_of_another_source_are_not_mixed_with_them(tmp_path: Path, source: str) -> None:
    before = metrics(tmp_path, "printed", [{"epoch": 1, "loss": 0.25}], epochs=3)
    now = metrics(tmp_path, source, [{"epoch": 2, "loss": 0.5}], epochs=3, state=before.state())
    assert losses(now) == [None, 0.5]


def test_without_a_checkpoint_nothing_is_resumed(tmp_path: Path) -> None:
    now = metrics(tmp_path, "file", [], epochs=3)
    with pytest.raises(NoMetrics, match="there is no file"):
        now.rows()
    assert (now.rows_so_far(), now.rows_for_good(), now.state()) == ([], [], {})


def test_names_that_would_be_one_column_are_a_fault_unless_the_script_reports(tmp_path: Path) -> None:
    now = metrics(tmp_path, "printed", [], epochs=3)
    for line in ('{"a b": 1}', '{"a_b": 1}', '{"a b": 2}'):
        now.feed(line, "stdout")
    with pytest.raises(NoMetrics, match="rename one of them"):
        now.rows()
    assert (now.rows_so_far(), now.rows_for_good(), now.state()) == ([], [], {})
    (tmp_path / "report.jsonl").write_text('{"epoch": 1, "loss": 0.5}\n')
    assert losses(now) == [0.5]


@pytest.mark.parametrize(("now", "found"), [([0.5], [0.5]), ([0.5, 0.25, 0.125], [0.5, 0.25, 0.125]), ([], [])])
def test_values_without_epochs_are_those_of_an_attempt_that_starts_over(
    tmp_path: Path, now: list[float], found: list[float]
) -> None:
    before = metrics(tmp_path, "printed", [{"loss": 0.5}, {"loss": 0.25}], epochs=3)
    again = metrics(tmp_path, "printed", [{"loss": value} for value in now], epochs=3, state=before.state())
    assert losses(again) == found


def test_values_without_epochs_cannot_go_on_from_a_checkpoint(tmp_path: Path) -> None:
    before = metrics(tmp_path, "printed", [{"loss": 0.5}, {"loss": 0.25}], epochs=3)
    goes_on = metrics(tmp_path, "printed", [{"loss": 0.125}], epochs=3, state=before.state())
    with pytest.raises(NoMetrics, match=r"^loss has no epochs, and this attempt went on .*: epoch 3 loss=0\.5$"):
        goes_on.rows()


def test_epochs_that_the_earlier_attempt_lost_are_named(tmp_path: Path) -> None:
    before = metrics(tmp_path, "printed", [{"epoch": 1, "loss": 0.5, "acc": 0.5}], epochs=15)
    rows = [{"epoch": epoch, "loss": 0.25} for epoch in range(3, 15)] + [{"epoch": 15, "acc": 0.75}]
    goes_on = metrics(tmp_path, "printed", rows, epochs=15, state=before.state())
    assert goes_on.rows()[1] == [
        "loss is missing in epoch 2, 15 of 15; print metrics before the checkpoint is saved",
        "acc is missing in epoch 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 … of 15; print metrics before the checkpoint is saved",
    ]
    alone = metrics(tmp_path, "printed", [{"epoch": 1, "loss": 0.5}, {"epoch": 3, "loss": 0.25}], epochs=3)
    assert alone.rows()[1] == []


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("m.csv", "epoch,loss\n1,0.5\n2,0.25"),
        ("m.csv", "epoch,loss\n1,0.5\n2"),
        ("m.jsonl", '{"epoch": 1, "loss": 0.5}\n{"epoch": 2, "lo'),
        ("m.jsonl", '{"epoch": 1, "loss": 0.5}\n{\n  "epoch": 2,\n  "lo'),
    ],
)
def test_a_line_that_is_being_written_does_not_count_yet(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    found = Metrics(
        Collector(),
        None,
        lambda collector, is_over: metrics_file.collect(tmp_path / name, collector, is_over=is_over),
        3,
    )
    assert found.rows_so_far() == [{"epoch": 1, "loss": 0.5}]
    assert found.state()["values"] == {"loss": [[1, [("epoch loss", 0.5)]]]}
    if text.endswith("5"):
        assert losses(found) == [0.5, 0.25]
    else:
        with pytest.raises(NoMetrics, match=r"m\.(csv: line 3 has|jsonl: '.*' is no whole JSON object)"):
            found.rows()


def test_the_line_before_one_that_is_being_written_is_whole(tmp_path: Path) -> None:
    """Its last cell may be empty. That looked cut off, so no row counted, and a checkpoint had none."""
    (tmp_path / "m.csv").write_text("epoch,loss,acc\n1,0.5,0.25\n2,0.25,\n3,0.")
    collector = Collector()
    metrics_file.collect(tmp_path / "m.csv", collector, is_over=False)
    assert collector.rows(3)[0] == [{"epoch": 1, "loss": 0.5, "acc": 0.25}, {"epoch": 2, "loss": 0.25}]


class TestCut:
    """What a script prints or reports after it was told to end."""

    def reported(self, tmp_path: Path, *lines: str) -> Metrics:
        """Two rows were reported before, and these lines after the signal."""
        report = tmp_path / "report.jsonl"
        rows = [json.dumps({"epoch": epoch, "loss": epoch / 4}) for epoch in (1, 2)]
        report.write_text("\n".join([*rows, ""]))
        found = Metrics(Collector(), report, None, 3)
        found.cut()
        report.write_text("\n".join([*rows, *lines, ""]))
        return found

    def test_the_row_with_which_a_script_hears_of_it_counts_and_so_does_its_checkpoint(self, tmp_path: Path) -> None:
        found = self.reported(tmp_path, '{"epoch": 3, "loss": 0.75}', TOLD)
        assert (losses(found), found.is_whole) == ([0.25, 0.5, 0.75], True)
        assert found.state()["values"]["loss"][-1][0] == 3

    def test_a_row_after_that_or_of_a_script_with_a_handler_of_its_own_does_not(self, tmp_path: Path) -> None:
        for more in ([TOLD], []):
            found = self.reported(tmp_path, *more, '{"epoch": 3, "loss": 0.75}')
            assert (losses(found), found.is_whole) == ([0.25, 0.5], False)
            with pytest.raises(InDoubt):
                found.state()

    def test_a_row_that_comes_once_more_costs_no_checkpoint(self, tmp_path: Path) -> None:
        found = self.reported(tmp_path, '{"epoch": 2, "loss": 0.5}')
        assert losses(found) == [0.25, 0.5]
        assert found.state()["values"]["loss"][-1][0] == 2

    def test_other_numbers_after_it_cost_no_checkpoint(self, tmp_path: Path) -> None:
        found = metrics(tmp_path, "printed", [{"epoch": 1, "loss": 1, "acc": 2}], epochs=3)
        found.cut()
        found.feed("got signal: 15", "stdout")
        assert found.state()["values"].keys() == {"loss", "acc"}
        assert not found.is_whole
