"""What trackers leave on disk, read without them; tests/frameworks has files that the trackers themselves wrote."""

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

import pytest
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.plugins.scalar.metadata import create_summary_metadata
from tensorboard.summary.writer.event_file_writer import EventFileWriter
from tensorboard.util.tensor_util import make_tensor_proto

from stepsweep.trial import event_files, mlflow_runs, steps
from stepsweep.trial.columns import NoMetrics
from stepsweep.trial.metrics import Collector

Logged = tuple[int, float, str, float]
"""Step, time, name, value."""


def columns(collect: Callable[[Collector], None], epochs: int | None = 3) -> dict[str, list[float | None]]:
    collector = Collector()
    collect(collector)
    rows, _ = collector.rows(epochs)
    return {name: [row.get(name) for row in rows] for name in dict.fromkeys(name for row in rows for name in row)}


class TestSteps:
    @pytest.mark.parametrize(
        ("points", "losses"),
        [
            ([(0, 1, "loss", 0.5), (1, 2, "loss", 0.25), (2, 3, "loss", 0.125)], [0.5, 0.25, 0.125]),
            ([(2, 1, "loss", 0.25), (1, 2, "loss", 0.5), (3, 3, "loss", 0.125)], [0.5, 0.25, 0.125]),
            ([(1, 1, "loss", 0.5), (3, 2, "loss", 0.125)], [0.5, None, 0.125]),
            ([(0, 1, "loss", 0.5), (10, 2, "loss", 0.25), (20, 3, "loss", 0.125)], [0.5, 0.25, 0.125]),
            ([(5, 1, "loss", 0.5), (6, 2, "loss", 0.25)], [0.5, 0.25]),
            ([(0, 1, "loss", 0.5), (0, 2, "loss", 0.25), (0, 3, "loss", 0.125)], [0.5, 0.25, 0.125]),
            ([(1, 2, "loss", 0.25), (1, 1, "loss", 0.5)], [0.5, 0.25]),
        ],
    )
    def test_they_are_epochs_where_they_count_from_0_or_1_up_to_those_asked_for(
        self, points: Sequence[Logged], losses: list[float | None]
    ) -> None:
        found = columns(lambda collector: steps.feed([steps.Point(*point) for point in points], collector, 3))
        assert found["loss"] == losses

    def test_a_script_that_logs_its_epoch_says_which_each_value_is_of(self) -> None:
        points = [
            (0, 1, "epoch", 0), (9, 2, "loss", 0.5), (10, 3, "epoch", 1), (10, 4, "acc", 0.75), (19, 5, "loss", 0.25),
        ]  # fmt: skip
        found = columns(lambda collector: steps.feed([steps.Point(*point) for point in points], collector, 3))
        assert found == {"epoch": [1, 2], "loss": [0.5, 0.25], "acc": [None, 0.75]}

    @pytest.mark.parametrize(("before", "first"), [(0, 0), (0, 1), (2, 2), (2, 3)])
    def test_a_name_that_is_logged_by_epoch_has_its_own_steps(self, before: int, first: int) -> None:
        """As by `add_scalar("val_loss", loss, epoch)` beside Lightning's own values, which have an epoch each."""
        points: list[Logged] = [
            (step, 1, "epoch", step // 100) for step in range(100 * before + 49, 100 * before + 300, 50)
        ]
        points += [(step, 1, "train_loss", step) for step, *_ in points]
        points += [(first + at, 1, "val_loss", loss) for at, loss in enumerate((0.5, 0.25, 0.75))]
        collector = Collector()
        collector.resume({"first": 0, "names": {}, "values": {}, "uncounted": {}}, 5)
        steps.feed([steps.Point(*point) for point in points], collector, 5)
        assert [row["val_loss"] for row in collector.rows(5)[0][before:]] == [0.5, 0.25, 0.75]

    @pytest.mark.parametrize(("epochs", "epoch"), [(None, [1, 2, 3]), (4, [1, 2, 3, 4])])
    def test_by_hand_they_are_epochs_without_gaps(self, epochs: int | None, epoch: list[int]) -> None:
        points = [steps.Point(step, step, "loss", 0.5) for step in (0, 1, 3)]
        assert columns(lambda collector: steps.feed(points, collector, epochs), epochs)["epoch"] == epoch

    @pytest.mark.parametrize(("step", "losses"), [(3, [0.5, 0.25, 0.125]), (4, [0.5, 0.25])])
    def test_after_a_checkpoint_they_go_on_where_the_earlier_attempt_ended(
        self, step: int, losses: list[float]
    ) -> None:
        before = Collector()
        steps.feed([steps.Point(1, 1, "loss", 0.5), steps.Point(2, 2, "loss", 0.25)], before, 3)
        collector = Collector()
        collector.resume(before.state(), 3)
        steps.feed([steps.Point(step, 3, "loss", 0.125)], collector, 3)
        rows, _ = collector.rows(3)
        assert [row["loss"] for row in rows] == losses


class TestMlflow:
    @pytest.fixture
    def runs(self, tmp_path: Path) -> Path:
        """A folder as MLflow leaves it: the last of two runs counts."""
        self.run(tmp_path / "mlruns" / "0" / "old", loss="1000 9.0 0\n", other="1000 1.0 0\n")
        last = tmp_path / "mlruns" / "0" / "last"
        self.run(last, **{"val/loss": "2000 0.5 0\n3000 0.25 1\n", "system/gpu": "9000 1 0\n"})
        self.run(tmp_path / "mlruns" / "0" / "models" / "m-1", loss="9999 7.0 0\n")
        (tmp_path / "mlruns" / "0" / "no-run" / "metrics").mkdir(parents=True)
        (tmp_path / "mlruns" / "0" / "no-run" / "metrics" / "loss").write_text("9999 7.0 0\n")
        self.run(tmp_path / "mlruns" / "0" / "empty")
        (tmp_path / "mlruns" / "0" / "meta.yaml").touch()
        return tmp_path

    @staticmethod
    def run(folder: Path, **metrics: str) -> None:
        (folder / "metrics").mkdir(parents=True)
        (folder / "meta.yaml").touch()
        for name, lines in metrics.items():
            (folder / "metrics" / name).parent.mkdir(exist_ok=True)
            (folder / "metrics" / name).write_text(lines)

    @pytest.mark.parametrize("place", ["", "mlruns", "mlruns/0", "mlruns/0/last"])
    def test_the_run_that_logged_last_counts_wherever_the_path_leads_to(self, runs: Path, place: str) -> None:
        found = columns(lambda collector: mlflow_runs.collect(runs / place, 3, collector))
        assert found == {"epoch": [1, 2], "val/loss": [0.5, 0.25]}

    def test_lines_without_steps_are_one_per_epoch(self, tmp_path: Path) -> None:
        self.run(tmp_path / "mlruns" / "0" / "a", loss="1000 0.5\n1001 0.25\n")
        found = columns(lambda collector: mlflow_runs.collect(tmp_path, 3, collector))
        assert found == {"epoch": [1, 2], "loss": [0.5, 0.25]}

    @pytest.mark.parametrize("place", ["", "mlflow.db"])
    def test_a_database_has_the_same(self, tmp_path: Path, place: str) -> None:
        folder = tmp_path / "with a ?"
        folder.mkdir()
        with closing(sqlite3.connect(folder / "mlflow.db")) as database, database:
            database.execute("CREATE TABLE metrics (run_uuid, key, value, timestamp, step, is_nan)")
            for row in [
                ("last", "loss", 0.0, 3000, 1, True),
                ("last", "loss", 0.5, 2000, 0, False),
                ("last", "system/cpu", 0.5, 9000, 5, False),
                ("old", "loss", 9.0, 1000, 0, False),
                ("last", "acc", 0.75, 3000, 1, False),
                ("last", "score", 0.5, 3000, 0, False),
                ("last", "score", 1.7976931348623157e308, 3000, 1, False),
                ("last", "elbo", -1.7976931348623157e308, 3000, 1, False),
            ]:
                database.execute("INSERT INTO metrics VALUES (?, ?, ?, ?, ?, ?)", row)
        found = columns(lambda collector: mlflow_runs.collect(folder / place, 3, collector))
        assert str(found) == (
            "{'epoch': [1, 2], 'loss': [0.5, nan], 'score': [0.5, inf], 'acc': [None, 0.75], 'elbo': [None, -inf]}"
        )

    def test_what_is_none_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(NoMetrics, match=rf"^--mlflow {tmp_path}: has no run with metrics$"):
            mlflow_runs.collect(tmp_path, 3, Collector())
        self.run(tmp_path / "mlruns" / "0" / "a", loss="soon\n")
        with pytest.raises(NoMetrics, match=rf"^--mlflow {tmp_path}: cannot be read: not enough values"):
            mlflow_runs.collect(tmp_path, 3, Collector())
        (tmp_path / "mlflow.db").write_text("no database, and long enough to be taken for one" * 99)
        with pytest.raises(NoMetrics, match=rf"^--mlflow {tmp_path}: cannot be read: file is not a database"):
            mlflow_runs.collect(tmp_path, 3, Collector())


class TestTensorboard:
    @staticmethod
    def written(folder: Path, points: Sequence[Logged], *, as_tensors: bool = False) -> None:
        writer = EventFileWriter(str(folder))
        for step, at, name, value in points:
            summary = Summary()
            if as_tensors:
                metadata = create_summary_metadata(display_name="", description="")
                summary.value.add(tag=name, tensor=make_tensor_proto(value), metadata=metadata)
            else:
                summary.value.add(tag=name, simple_value=value)
            writer.add_event(Event(wall_time=at, step=step, summary=summary))
        writer.close()

    @pytest.mark.parametrize("as_tensors", [False, True])
    def test_scalars_are_the_metrics_of_both_kinds_of_writers(self, tmp_path: Path, as_tensors: bool) -> None:
        points = [(0, 1, "loss", 0.5), (0, 1, "val/acc", 0.75), (1, 2, "loss", 0.25), (1, 2, "val/acc", 0.875)]
        self.written(tmp_path / "runs" / "one", points, as_tensors=as_tensors)
        found = columns(lambda collector: event_files.collect(tmp_path / "runs", 3, collector))
        assert found == {"epoch": [1, 2], "loss": [0.5, 0.25], "val/acc": [0.75, 0.875]}

    def test_of_several_folders_a_name_starts_with_its_own(self, tmp_path: Path) -> None:
        for folder, value in (("", 0.125), ("train", 0.5), ("deep/validation", 0.25)):
            self.written(tmp_path / folder, [(0, 1, "loss", value)])
        found = columns(lambda collector: event_files.collect(tmp_path, 3, collector))
        assert found == {"epoch": [1], "loss": [0.125], "train/loss": [0.5], "deep/validation/loss": [0.25]}

    def test_a_run_that_is_named_after_the_time_is_no_part_of_a_name(self, tmp_path: Path) -> None:
        """PyTorch's `SummaryWriter()`, with `add_scalars` and `add_hparams`, which writes to a folder below."""
        run = tmp_path / "runs" / "Dec01_01-30-36_vm"
        for folder, name in (("", "Loss/val"), ("loss_train", "loss"), ("1764552636.4", "hparam/acc")):
            self.written(run / folder, [(0, 1, name, 0.5)])
        found = columns(lambda collector: event_files.collect(tmp_path / "runs", 1, collector), 1)
        assert found == {"epoch": [1], "Loss/val": [0.5], "loss_train/loss": [0.5]}

    def test_more_points_than_it_keeps_for_a_picture_are_read(self, tmp_path: Path) -> None:
        self.written(tmp_path, [(step, step, "loss", step / 4) for step in range(10_001)])
        found = columns(lambda collector: event_files.collect(tmp_path, 10_001, collector), 10_001)
        assert found["loss"] == [step / 4 for step in range(10_001)]

    def test_what_is_none_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(NoMetrics, match=rf"^--tensorboard {tmp_path}: has no event files$"):
            event_files.collect(tmp_path, 3, Collector())
