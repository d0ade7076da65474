"""A trial from start to end: as a process, killed and started again, by hand and in a job."""

import io
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
from botocore.exceptions import ClientError
from mypy_boto3_s3 import S3Client

from stepsweep.contract import keys, metrics
from stepsweep.contract.errors import InvalidInput, InvalidMetrics
from stepsweep.contract.objective import Objective
from stepsweep.trainer import __main__ as program
from stepsweep.trainer import train, trial
from stepsweep.trainer.options import Options
from stepsweep.trainer.store import FileStore, StoreError
from stepsweep.trainer.train import Row
from tests.support.trainer import BUCKET, SMALL, Finish, Start, environment, job_environment, without_seconds

EPOCHS = 4


@dataclass(frozen=True, kw_only=True)
class ByHand:
    csv: str
    stdout: str
    stderr: str


@pytest.fixture(scope="module")
def by_hand(data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> ByHand:
    """A training that nothing interrupted, as a person runs it."""
    folder = tmp_path_factory.mktemp("by-hand")
    done = subprocess.run(
        [
            sys.executable,
            "-X",
            "importtime",
            "-m",
            "stepsweep.trainer",
            *SMALL,
            "--data-dir",
            str(data_dir),
            "-e",
            str(EPOCHS),
        ],
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    csv = (folder / f"metrics-lr-0.1-momentum-0.5-e{EPOCHS}.csv").read_text()
    return ByHand(csv=csv, stdout=done.stdout, stderr=done.stderr)


def job(data_dir: Path, endpoint: str, trial_id: str) -> tuple[list[str], dict[str, str]]:
    """The command line and the environment of a job that trains what `by_hand` trained."""
    variables = job_environment(endpoint, trial_id=trial_id, epochs=EPOCHS)
    return [*SMALL, "--epochs", str(EPOCHS)], {**variables, keys.DATA_DIR: str(data_dir)}


def wait_for(condition: Callable[[], bool], process: "subprocess.Popen[str]") -> None:
    while not condition():
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)


def there(s3: S3Client, key: str) -> bool:
    try:
        s3.head_object(Bucket=BUCKET, Key=key)
    except ClientError:
        return False
    return True


@pytest.mark.slow
def test_a_person_reads_what_happens(by_hand: ByHand) -> None:
    first, *epochs, best, wrote = by_hand.stdout.splitlines()
    assert first.startswith("training on fashion-mnist (480 images, 120 for validation, a subset), cpu (")
    assert first.endswith("), 1 thread: lr 0.1, momentum 0.5, batch size 64, seed 0, 4 epochs at most")
    parsed = metrics.parse_csv(by_hand.csv.encode(), max_epochs=EPOCHS)
    assert list(parsed.columns) == ["epoch", "train_loss", "val_loss", "val_accuracy", "seconds"]
    assert parsed.epochs == EPOCHS == len(epochs)
    for number, line in enumerate(epochs):
        assert line == (
            f"epoch {number + 1}/4  train_loss {parsed.columns['train_loss'][number]:.4f}  "
            f"val_loss {parsed.columns['val_loss'][number]:.4f}  "
            f"val_accuracy {parsed.columns['val_accuracy'][number]:.4f}  {parsed.columns['seconds'][number]:.1f} s"
        )
    lowest = min(parsed.columns["val_loss"])
    number = parsed.columns["val_loss"].index(lowest) + 1
    assert best.startswith(f"best epoch {number}, with the lowest val_loss {lowest:.4f}: val_accuracy ")
    assert best.endswith(" on 100 images")
    assert wrote == "wrote metrics-lr-0.1-momentum-0.5-e4.csv"


def test_a_trial_imports_nothing_that_is_slow_and_not_needed(by_hand: ByHand) -> None:
    imported = {line.rpartition("|")[2].strip() for line in by_hand.stderr.splitlines()}
    assert "torch" in imported
    assert not imported & {"torch._dynamo", "torchvision", "boto3", "sympy"}


def test_a_killed_job_continues_to_the_same_numbers(
    by_hand: ByHand, data_dir: Path, endpoint: str, s3: S3Client, start: Start, finish: Finish
) -> None:
    arguments, variables = job(data_dir, endpoint, "killed")
    process = start(*arguments, **variables)
    wait_for(lambda: there(s3, keys.checkpoint_key("killed")), process)
    process.kill()
    process.wait()
    assert not there(s3, keys.metrics_key("killed", EPOCHS))

    again = finish(*arguments, **variables)
    assert (again.returncode, again.stderr) == (0, "")
    assert f"continuing after epoch 1 from s3://{BUCKET}/checkpoints/killed/checkpoint.pt" in again.stdout
    assert "epoch 1/4" not in again.stdout
    csv = s3.get_object(Bucket=BUCKET, Key=keys.metrics_key("killed", EPOCHS))["Body"].read().decode()
    assert without_seconds(csv) == without_seconds(by_hand.csv)

    summary = json.loads(s3.get_object(Bucket=BUCKET, Key=keys.summary_key("killed", EPOCHS))["Body"].read())
    assert summary["epochs_trained"] == EPOCHS
    assert summary["stopped"] == "epochs"
    assert summary["options"]["threads"] == 1
    assert summary["data"]["dataset"] == "fashion-mnist"
    assert f"test_accuracy {summary['test_accuracy']:.4f} on" in by_hand.stdout

    # And once more: the trial is finished, whatever sends its job again.
    third = finish(*arguments, **variables)
    assert (third.returncode, third.stderr) == (0, "")
    assert third.stdout == f"nothing to do: s3://{BUCKET}/trials/killed/metrics-e4.csv is there already\n"


@pytest.mark.slow
def test_sigterm_saves_the_last_epoch_and_asks_to_be_tried_again(
    by_hand: ByHand, data_dir: Path, start: Start, finish: Finish, tmp_path: Path
) -> None:
    command = [
        *SMALL,
        "--data-dir",
        str(data_dir),
        "--epochs",
        str(EPOCHS),
        "--checkpoint",
        "kept.pt",
        "--output",
        "m.csv",
    ]
    process = start(*command)
    assert process.stdout
    while not process.stdout.readline().startswith("epoch 1/4"):
        assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    *_, last = process.communicate(timeout=60)[0].splitlines()
    assert process.returncode == 75
    told = re.fullmatch(r"interrupted after epoch ([123])/4: the same command continues from kept.pt", last)
    assert told, last
    assert not (tmp_path / "m.csv").exists()

    again = finish(*command)
    assert (again.returncode, again.stderr) == (0, "")
    assert again.stdout.splitlines()[1] == f"continuing after epoch {told[1]} from kept.pt"
    assert without_seconds((tmp_path / "m.csv").read_text()) == without_seconds(by_hand.csv)


@pytest.mark.slow
def test_trials_side_by_side_give_the_same_numbers_as_one_alone(
    by_hand: ByHand, data_dir: Path, start: Start, tmp_path: Path
) -> None:
    """To the last digit, though they share cores and caches; how many epochs are asked for changes none."""
    names = ("a.csv", "b.csv")
    common = (*SMALL, "--data-dir", str(data_dir), "--epochs", "2")
    processes = [start(*common, "--output", name) for name in names]
    for process in processes:
        assert process.communicate(timeout=120)[1] == ""
    for name in names:
        assert without_seconds((tmp_path / name).read_text()) == without_seconds(by_hand.csv)[:3]


def run(options: Options, capsys: pytest.CaptureFixture[str]) -> list[str]:
    """Runs a trial by hand in this process and returns its lines."""
    assert options.output
    store = FileStore(output=options.output, checkpoint_file=options.checkpoint)
    assert trial.run(options, store, interrupted=lambda: False)
    return capsys.readouterr().out.splitlines()


@pytest.fixture
def files(tmp_path: Path) -> tuple[str, ...]:
    return "--output", str(tmp_path / "m.csv"), "--checkpoint", str(tmp_path / "kept.pt")


def csv_of(tmp_path: Path) -> list[list[str]]:
    return without_seconds((tmp_path / "m.csv").read_text())


def test_more_epochs_than_before_continue_and_fewer_need_no_training(
    options: Callable[..., Options], files: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(options("--epochs", "5", "--output", str(tmp_path / "m.csv")), capsys)
    whole = csv_of(tmp_path)
    run(options("--epochs", "2", *files), capsys)
    assert csv_of(tmp_path) == whole[:3]
    longer = run(options("--epochs", "5", *files), capsys)
    assert csv_of(tmp_path) == whole
    assert [line[:9] for line in longer if line.startswith("epoch ")] == ["epoch 3/5", "epoch 4/5", "epoch 5/5"]
    shorter = run(options("--epochs", "3", *files), capsys)
    assert csv_of(tmp_path) == whole[:4]
    assert not [line for line in shorter if line.startswith("epoch ")]


def test_the_test_accuracy_is_not_given_for_other_weights(
    options: Callable[..., Options], files: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of a shorter sweep's best epoch, when a longer one went on to a better epoch and kept that one's weights."""
    run(options("--epochs", "3", *files), capsys)
    losses = metrics.parse_csv((tmp_path / "m.csv").read_bytes(), max_epochs=3).columns["val_loss"]
    assert losses.index(min(losses)) > 0, "the premise: epoch 1 is not the best of three"
    *_, best, _ = run(options("--epochs", "1", *files), capsys)
    assert best.startswith("best epoch 1,")
    assert best.endswith("the test accuracy of its weights is not known: they were not kept")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("--lr", "0.2"), "it is of another training: lr was 0.1 and is 0.2"),
        (("--seed", "3"), "it is of another training: seed was 0 and is 3"),
        (("--patience", "2"), "it is of another training: patience was 5 and is 2"),
        (("--precision", "bf16"), "it is of another training: precision was fp32 and is bf16"),
        (("--threads", "2"), "it is of another training: threads was 1 and is 2"),
        ((), "it is damaged (BadZipFile)"),
    ],
)
def test_a_checkpoint_that_does_not_fit_is_told_and_not_used(
    options: Callable[..., Options],
    files: tuple[str, ...],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    change: tuple[str, ...],
    told: str,
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"bf16": True})  # slowly, where it is not so
    monkeypatch.setattr(torch, "set_num_threads", lambda _: None)  # it would stay for the tests that come later
    run(options("--epochs", "1", *files), capsys)
    if not change:
        (tmp_path / "kept.pt").write_bytes((tmp_path / "kept.pt").read_bytes()[:-1000])
    lines = run(options("--epochs", "2", *files, *change), capsys)
    assert lines[1] == f"not continuing from {tmp_path}/kept.pt: {told}; training starts anew"
    assert lines[2].startswith("epoch 1/2")
    assert csv_of(tmp_path)[-1][0] == "2"


def test_a_checkpoint_of_another_gpu_model_is_used_and_both_are_named(
    options: Callable[..., Options], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Kept(FileStore):
        def write_results(self, metrics: bytes, summary: Mapping[str, Any]) -> str:
            summaries.append(summary)
            return super().write_results(metrics, summary)

    summaries: list[Mapping[str, Any]] = []
    store = Kept(output=tmp_path / "m.csv", checkpoint_file=tmp_path / "kept.pt")
    identity = trial._identity
    monkeypatch.setattr(trial, "_identity", lambda made, _: identity(made, torch.device("cuda")))
    for epochs, model in (("1", "Tesla T4"), ("2", "Tesla T4"), ("3", "NVIDIA A10G")):
        monkeypatch.setattr(train, "describe", lambda _, model=model: f"cuda ({model})")
        assert trial.run(options("--epochs", epochs), store, interrupted=lambda: False)
    lines = capsys.readouterr().out.splitlines()
    assert (
        "trained so far on cuda (Tesla T4), now on cuda (NVIDIA A10G): the last digits will be those of neither"
        in lines
    )
    assert summaries[-1]["devices"] == ["cuda (Tesla T4)", "cuda (NVIDIA A10G)"]
    assert summaries[-1]["epochs_trained"] == 3


@pytest.mark.parametrize(("number", "by_default"), [(signal.SIGTERM, False), (signal.SIGINT, True)])
def test_a_signal_asks_it_to_end_and_after_ctrl_c_another_one_ends_it_at_once(
    number: signal.Signals, by_default: bool
) -> None:
    before = {each: signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGINT)}
    try:
        asked = program.Interruption()
        assert not asked()
        signal.raise_signal(number)
        assert asked()
        assert (signal.getsignal(signal.SIGINT) == signal.SIG_DFL) is by_default
        assert signal.getsignal(signal.SIGTERM) != signal.SIG_DFL
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


def test_early_stopping_is_told(
    options: Callable[..., Options], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = run(
        options(
            "--train-images",
            "160",
            "--epochs",
            "6",
            "--lr",
            "0.5",
            "--patience",
            "1",
            "--output",
            str(tmp_path / "m.csv"),
        ),
        capsys,
    )
    assert "stopped early: 1 epoch without a lower val_loss" in lines
    assert len(csv_of(tmp_path)) < 7


def test_a_checkpoint_that_cannot_be_saved_does_not_end_the_training(
    options: Callable[..., Options], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "kept"
    folder.mkdir()
    made = options("--epochs", "1", "--output", str(tmp_path / "m.csv"), "--checkpoint", str(folder / "kept.pt"))
    folder.rmdir()
    lines = run(made, capsys)
    assert f"no checkpoint of epoch 1: cannot write {folder}/kept.pt: No such file or directory" in lines
    assert len(csv_of(tmp_path)) == 2


def test_a_checkpoint_that_could_not_be_saved_is_saved_at_the_end(
    options: Callable[..., Options], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    class Full(FileStore):
        tries: ClassVar[list[bytes]] = []

        def save_checkpoint(self, data: bytes) -> None:
            self.tries.append(data)
            if len(self.tries) == 1:
                raise StoreError("the disk is full")
            super().save_checkpoint(data)

    file = tmp_path / "kept.pt"
    full = Full(output=tmp_path / "m.csv", checkpoint_file=file)
    assert trial.run(options("--epochs", "1"), full, interrupted=lambda: False)
    assert "no checkpoint of epoch 1: the disk is full" in capsys.readouterr().out
    assert torch.load(file, weights_only=True)
    assert trial.run(options("--epochs", "1"), full, interrupted=lambda: False)
    assert len(Full.tries) == 2, "what is saved already is not saved again"


class Watched(FileStore):
    """Keeps what it is shown live, and fails after that as an S3 that is gone does."""

    shown: ClassVar[list[bytes]] = []

    def show_live(self, metrics: bytes) -> None:
        self.shown.append(metrics)
        raise StoreError("S3 is gone")


def test_a_training_is_shown_live_and_a_failure_to_do_so_does_not_end_it(
    options: Callable[..., Options], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trial, "LIVE_SECONDS", 0.0)
    monkeypatch.setattr(Watched, "shown", [])
    store = Watched(output=tmp_path / "m.csv", checkpoint_file=None)
    assert trial.run(options("--epochs", "2"), store, interrupted=lambda: False)
    assert len(csv_of(tmp_path)) == 3
    assert (tmp_path / "m.csv").read_bytes().startswith(Watched.shown[0])
    assert metrics.parse_csv(Watched.shown[0], max_epochs=2).epochs == 1
    assert "not shown to those who watch: S3 is gone" in capsys.readouterr().out.splitlines()


class Clock:
    """A clock that stands still until it is moved."""

    now = 100.0

    def monotonic(self) -> float:
        return self.now


def test_rows_are_shown_live_every_few_seconds_and_one_upload_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Slow(FileStore):
        def show_live(self, metrics: bytes) -> None:
            go_on.wait()
            shown.append(metrics)

    clock, go_on, shown = Clock(), threading.Event(), list[bytes]()
    monkeypatch.setattr(trial, "time", clock)
    live = trial.Live(Slow(output=tmp_path / "m.csv", checkpoint_file=None))
    row = Row(epoch=1, train_loss=0.5, val_loss=0.25, val_accuracy=0.75, seconds=1.5)

    def uploads(now: float) -> list[threading.Thread]:
        clock.now = now
        live.show([row])
        return [thread for thread in threading.enumerate() if thread.name == "live"]

    assert uploads(102.9) == []
    (first,) = uploads(103.0)
    is_daemon, while_it_waits = first.daemon, uploads(200.0)
    go_on.set()
    first.join()
    assert is_daemon, "else it would keep the process from ending"
    assert while_it_waits == [first]
    assert shown == [b"epoch,train_loss,val_loss,val_accuracy,seconds\n1,0.5,0.25,0.75,1.5\n"]
    for now, number in ((201.0, 2), (203.9, 2), (204.0, 3)):
        for upload in uploads(now):
            upload.join()
        assert len(shown) == number


@pytest.mark.parametrize(("seconds_a_step", "saved"), [(0.0, [1, 3]), (4.9, [1, 3]), (5.0, [1, 2, 3])])
def test_a_checkpoint_is_saved_every_15_seconds_and_at_the_end(
    options: Callable[..., Options], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seconds_a_step: float,
    saved: list[int],
) -> None:  # fmt: skip
    class Kept(FileStore):
        def save_checkpoint(self, data: bytes) -> None:
            epochs.append(len(torch.load(io.BytesIO(data), weights_only=True)["rows"]))

    def step() -> bool:  # an epoch has three
        clock.now += seconds_a_step
        return False

    clock, epochs = Clock(), list[int]()
    monkeypatch.setattr(trial, "time", clock)
    store = Kept(output=tmp_path / "m.csv", checkpoint_file=tmp_path / "kept.pt")
    assert trial.run(options("--epochs", "3"), store, interrupted=step)
    assert epochs == saved


def test_the_whole_data_set_and_another_precision_are_told(
    options: Callable[..., Options], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"bf16": True})  # slowly, where it is not so
    store = FileStore(output=tmp_path / "m.csv", checkpoint_file=None)
    asked = options("--train-images", "48000", "--precision", "bf16", "--batch-size", "8")
    assert not trial.run(asked, store, interrupted=lambda: True)
    title, last = capsys.readouterr().out.splitlines()
    assert title == (
        f"training on fashion-mnist (48,000 images, 12,000 for validation), {train.describe(torch.device('cpu'))}, "
        "bf16, 1 thread: lr 0.1, momentum 0.5, batch size 8, seed 0, 10 epochs at most"
    )
    assert last == "interrupted after epoch 0/10: nothing was finished yet"


def test_each_epoch_is_shown_live_while_it_trains(
    options: Callable[..., Options], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Seen(FileStore):
        def show_live(self, metrics: bytes) -> None:
            shown.append(metrics)

    def uploads_are_over() -> bool:
        for thread in threading.enumerate():
            if thread.name == "live":
                thread.join()
        return False

    shown: list[bytes] = []
    monkeypatch.setattr(trial, "LIVE_SECONDS", 0.0)
    store = Seen(output=tmp_path / "m.csv", checkpoint_file=None)
    assert trial.run(options("--epochs", "3"), store, interrupted=uploads_are_over)
    uploads_are_over()
    assert [metrics.parse_csv(each, max_epochs=3).epochs for each in shown][:2] == [1, 2]


def test_a_trial_that_its_sweep_ends_writes_no_metrics_and_says_why(
    options: Callable[..., Options], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    class Worse(FileStore):
        def end_if_worse(self, metrics: bytes) -> str:
            return "worse than others" if metrics.count(b"\n") == 3 else ""

    store = Worse(output=tmp_path / "m.csv", checkpoint_file=tmp_path / "kept.pt")
    assert trial.run(options("--epochs", "4"), store, interrupted=lambda: False)
    assert not store.output.exists()
    lines = capsys.readouterr().out.splitlines()
    assert (lines[-1], sum(line.startswith("epoch ") for line in lines)) == ("worse than others", 2)
    again = FileStore(output=store.output, checkpoint_file=store.checkpoint_file)
    assert trial.run(options("--epochs", "4"), again, interrupted=lambda: False)
    assert "continuing after epoch 2" in capsys.readouterr().out


def test_a_diverging_trial_ends_at_once_with_metrics_that_say_so(
    options: Callable[..., Options], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = run(options("--lr", "1e10", "--epochs", "50", "--output", str(tmp_path / "m.csv")), capsys)
    assert lines[-2].startswith("diverged at epoch 1 (train_loss ")
    assert len(csv_of(tmp_path)) == 2
    with pytest.raises(InvalidMetrics, match="val_accuracy is nan at epoch 1: the trial diverged"):
        Objective().value_of(metrics.parse_csv((tmp_path / "m.csv").read_bytes(), max_epochs=50))


def test_interrupted_before_the_first_epoch(
    options: Callable[..., Options], files: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = options("--epochs", "3", *files)
    store = FileStore(output=tmp_path / "m.csv", checkpoint_file=tmp_path / "kept.pt")
    assert not trial.run(made, store, interrupted=lambda: True)
    assert capsys.readouterr().out.splitlines()[-1] == "interrupted after epoch 0/3: nothing was finished yet"
    assert list(tmp_path.iterdir()) == []


class Summed(FileStore):
    """Keeps the summary, as a job's store does."""

    summaries: ClassVar[list[Mapping[str, Any]]] = []

    def write_results(self, metrics: bytes, summary: Mapping[str, Any]) -> str:
        self.summaries.append(summary)
        return super().write_results(metrics, summary)


def test_a_trial_says_and_sums_up_what_it_was(
    options: Callable[..., Options], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Summed, "summaries", [])
    store = Summed(output=tmp_path / "m.csv", checkpoint_file=None)
    words = "--train-images 96 --epochs 1 --folds 2 --fold 1 --weight-decay 0.5 --seed 3 --batch-size 16 --patience 0"
    assert trial.run(options(*words.split()), store, interrupted=lambda: False)
    title, epoch, best, wrote = capsys.readouterr().out.splitlines()
    here = train.describe(torch.device("cpu"))
    assert title == (
        f"training on fashion-mnist (60 images, 60 for validation, a subset, fold 1 of 2), {here}, 1 thread: lr 0.1, "
        "momentum 0.5, weight decay 0.5, batch size 16, seed 3, 1 epoch at most"
    )
    header, row = (tmp_path / "m.csv").read_text().splitlines()
    assert header == "epoch,train_loss,val_loss,val_accuracy,seconds"
    _, loss, val_loss, accuracy, seconds = row.split(",")
    assert epoch == (
        f"epoch 1/1  train_loss {float(loss):.4f}  val_loss {float(val_loss):.4f}  "
        f"val_accuracy {float(accuracy):.4f}  {float(seconds):.1f} s"
    )
    (summary,) = Summed.summaries
    assert best == (
        f"best epoch 1, with the lowest val_loss {float(val_loss):.4f}: val_accuracy {float(accuracy):.4f}, "
        f"test_accuracy {summary['test_accuracy']:.4f} on 20 images"
    )
    assert wrote == f"wrote {tmp_path}/m.csv"
    assert 0 <= summary["test_accuracy"] <= 1
    assert {**summary, "test_accuracy": None} == {
        "options": {
            "lr": 0.1, "momentum": 0.5, "weight_decay": 0.5, "batch_size": 16, "patience": 0, "seed": 3,
            "dataset": "fashion-mnist", "train_images": 96, "folds": 2, "fold": 1, "threads": 1, "device": here,
            "precision": "fp32", "torch": str(torch.__version__), "epochs": 1,
        },
        "devices": [here],
        "data": {
            "dataset": "fashion-mnist", "mean": 0.286, "std": 0.353, "split_seed": 1008, "train_images": 60,
            "validation_images": 60, "test_images": 20,
        },
        "epochs_trained": 1,
        "stopped": "epochs",
        "best_epoch": 1,
        "best_val_loss": float(val_loss),
        "best_val_accuracy": float(accuracy),
        "test_accuracy": None,
    }  # fmt: skip


def test_a_trial_that_diverges_sums_up_that_it_has_no_best_epoch(
    options: Callable[..., Options], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Summed, "summaries", [])
    store = Summed(output=tmp_path / "m.csv", checkpoint_file=None)
    # Words alone: a process that has computed with two threads cannot go on with two in a fork, as `make mutants` does.
    monkeypatch.setattr(torch, "set_num_threads", lambda _: None)
    asked = options("--train-images", "32", "--epochs", "2", "--lr", "1e30", "--precision", "fp32", "--threads", "2")
    assert trial.run(asked, store, interrupted=lambda: False)
    title, epoch, verdict, _ = capsys.readouterr().out.splitlines()
    assert title.endswith(", 2 threads: lr 1e+30, momentum 0.5, batch size 32, seed 0, 2 epochs at most")
    assert epoch.startswith("epoch 1/2  train_loss ")
    row = (tmp_path / "m.csv").read_text().splitlines()[1].split(",")
    assert verdict == (
        f"diverged at epoch 1 (train_loss {row[1]}, val_loss {row[2]}): training ends here, and the trial cannot win"
    )
    (summary,) = Summed.summaries
    assert [summary[name] for name in ("stopped", "epochs_trained", "best_epoch", "best_val_loss")] == [
        "diverged", 1, None, None,
    ]  # fmt: skip
    assert (summary["best_val_accuracy"], summary["test_accuracy"]) == (None, None)
    assert summary["options"] == {
        "lr": 1e30, "momentum": 0.5, "weight_decay": 0.0, "batch_size": 32, "patience": 5, "seed": 0,
        "dataset": "fashion-mnist", "train_images": 32, "threads": 2, "device": train.describe(torch.device("cpu")),
        "precision": "fp32", "torch": str(torch.__version__), "epochs": 2,
    }, "no folds"  # fmt: skip


@pytest.mark.parametrize(
    ("checkpoint", "kept"),
    [
        ("kept.pt", "the same command continues from {}/kept.pt"),
        ("", "nothing was kept, since no --checkpoint was given"),
    ],
)
def test_an_interrupted_trial_says_what_it_has_kept(
    options: Callable[..., Options], tmp_path: Path, capsys: pytest.CaptureFixture[str], checkpoint: str, kept: str
) -> None:
    file = tmp_path / checkpoint if checkpoint else None
    store = FileStore(output=tmp_path / "m.csv", checkpoint_file=file)
    steps = iter([False, False, True])  # an epoch has two
    asked = options("--train-images", "32", "--batch-size", "16", "--epochs", "12")
    assert not trial.run(asked, store, interrupted=lambda: next(steps))
    *_, epoch, last = capsys.readouterr().out.splitlines()
    assert epoch.startswith("epoch  1/12  train_loss ")
    assert last == f"interrupted after epoch 1/12: {kept.format(tmp_path)}"
    assert not store.output.exists()


class TestMain:
    """`python -m stepsweep.trainer` in this process."""

    @pytest.fixture
    def main(self, data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
        monkeypatch.setattr(program, "Interruption", lambda: lambda: False)  # it handles this process's signals
        monkeypatch.setattr("boto3.DEFAULT_SESSION", None)  # it keeps the credentials that another test's client found
        monkeypatch.chdir(tmp_path)
        monkeypatch.delenv("NVIDIA_VISIBLE_DEVICES", raising=False)
        monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", "")  # so that it is as before in the end
        monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG")

        def run_main(*words: str, **variables: str) -> int:
            asked = environment(**{keys.DATA_DIR: str(data_dir), **variables})
            for name in os.environ.keys() - asked.keys():
                monkeypatch.delenv(name)
            for name, value in asked.items():
                monkeypatch.setenv(name, value)
            small = ("--dataset", "fashion-mnist", "--train-images", "32", "--epochs", "1", "--lr", "1")
            return program.main([*small, *words])

        return run_main

    def test_by_hand_the_name_of_the_file_tells_the_params(
        self, main: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main("--momentum", "1e-5") == 0
        assert main("--folds", "2", "--fold", "1") == 0
        assert main("--output", "mine.csv", "--lr", "0.5") == 0
        assert sorted(path.name for path in tmp_path.iterdir()) == [
            "metrics-lr-1-momentum-0.5-fold-1-of-2-e1.csv", "metrics-lr-1-momentum-1e-05-e1.csv", "mine.csv",
        ]  # fmt: skip
        assert capsys.readouterr().err == ""
        assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == ":4096:8", "else a GPU gives other last digits each time"

    @pytest.mark.parametrize(
        ("variables", "device", "threads"),
        [
            ({"NVIDIA_VISIBLE_DEVICES": "GPU-1"}, "cuda", "1"),  # and not the CPU at the GPU's price
            ({"NVIDIA_VISIBLE_DEVICES": "all"}, "cuda", "1"),
            ({"NVIDIA_VISIBLE_DEVICES": "void"}, "auto", "1"),
            ({"NVIDIA_VISIBLE_DEVICES": "none"}, "auto", "1"),
            ({"NVIDIA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": ""}, "auto", str(len(os.sched_getaffinity(0)))),
            ({"OMP_NUM_THREADS": "3", keys.DATA_DIR: ""}, "auto", "3"),
        ],
    )
    def test_what_the_machine_has_is_the_default(
        self, main: Callable[..., int], data_dir: Path, capsys: pytest.CaptureFixture[str],
        variables: dict[str, str], device: str, threads: str,
    ) -> None:  # fmt: skip
        with pytest.raises(SystemExit) as ended:
            main("--help", COLUMNS="1000", **variables)
        assert ended.value.code == 0
        text = " ".join(capsys.readouterr().out.split())
        assert f"auto uses the GPU if there is one (default {device}) " in text
        assert f"another number gives other last digits (default {threads}) " in text
        folder = variables.get(keys.DATA_DIR, str(data_dir)) or ".stepsweep/data"
        assert f"put data (default {folder}) " in text

    @pytest.mark.parametrize(("cpus", "threads"), [(7, "7"), (None, "1")])
    def test_a_system_without_affinity_is_asked_for_its_processors(
        self,
        main: Callable[..., int],
        capsys: pytest.CaptureFixture[str],
        monkeypatch: pytest.MonkeyPatch,
        cpus: int | None,
        threads: str,
    ) -> None:
        monkeypatch.delattr(os, "sched_getaffinity")
        monkeypatch.setattr(os, "cpu_count", lambda: cpus)
        with pytest.raises(SystemExit):
            main("--help", COLUMNS="1000", OMP_NUM_THREADS="")
        assert f"other last digits (default {threads}) " in " ".join(capsys.readouterr().out.split())

    def test_a_job_by_hand_writes_the_tutorial_s_csv_each_time_anew(
        self, main: Callable[..., int], endpoint: str, s3: S3Client, capsys: pytest.CaptureFixture[str]
    ) -> None:
        aws = job_environment(endpoint, trial_id="none", epochs=1)
        aws = {name: value for name, value in aws.items() if name.startswith("AWS_")}
        for seed in ("1", "2"):
            assert main("--uploadS3", "true", "--seed", seed, **aws, **{keys.BUCKET: BUCKET}) == 0
            said = capsys.readouterr().out.splitlines()
            assert said[-1] == f"wrote s3://{BUCKET}/metrics_lr1.0000_m0.5000.csv"
            assert said[1].startswith("epoch 1/1")
        (found,) = s3.list_objects_v2(Bucket=BUCKET)["Contents"]
        assert found["Key"] == "metrics_lr1.0000_m0.5000.csv"

    def test_a_job_by_hand_writes_one_file_to_a_bucket_that_is_named(
        self, main: Callable[..., int], capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main("--uploadS3", "true") == 2
        assert capsys.readouterr().err == (
            f"--uploadS3: true needs {keys.BUCKET}, the name of a bucket, which a job has\n"
        )
        named = ("--output", "a.csv", "--checkpoint", "a.pt", "--folds", "2")
        assert main("--uploadS3", "true", *named, **{keys.BUCKET: BUCKET}) == 2
        assert capsys.readouterr().err.splitlines() == [
            f"--{name}: not with --uploadS3, which writes one CSV to S3" for name in ("output", "checkpoint", "folds")
        ]

    def test_in_a_sweep_s_job_everything_goes_to_s3_unless_the_person_says_otherwise(
        self, main: Callable[..., int], endpoint: str, s3: S3Client, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        job = job_environment(endpoint, trial_id="mine", epochs=1)
        assert main("--output", "a.csv", "--checkpoint", "a.pt", **job) == 2
        assert capsys.readouterr().err.splitlines() == [
            f"--{name}: not in a sweep's job, where everything goes to S3" for name in ("output", "checkpoint")
        ]
        assert main("--uploadS3", "false", "--output", "a.csv", **job) == 0
        assert (tmp_path / "a.csv").exists()
        assert "Contents" not in s3.list_objects_v2(Bucket=BUCKET)
        gone = {
            keys.CHECKPOINT_URI: "s3://gone/checkpoints/mine/",
            keys.METRICS_URI: "s3://gone/trials/mine/metrics-e1.csv",
        }
        capsys.readouterr()
        assert main(**{**job, **gone}) == 1
        said = capsys.readouterr().err
        assert said.startswith("cannot read s3://gone/checkpoints/mine/checkpoint.pt: ")
        assert "NoSuchBucket" in said
        assert main(**job) == 0
        assert there(s3, "trials/mine/metrics-e1.csv")
        assert there(s3, "trials/mine/summary-e1.json")

    def test_damaged_data_is_told_before_a_person_waits_for_it_and_a_job_looks_at_lengths(
        self,
        main: Callable[..., int],
        endpoint: str,
        s3: S3Client,
        data_dir: Path,
        tmp_path: Path,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        folder = tmp_path / "data" / "fashion-mnist"
        folder.mkdir(parents=True)
        for file in (data_dir / "fashion-mnist").iterdir():
            (folder / file.name).symlink_to(file)
        labels = folder / "t10k-labels-idx1-ubyte"
        content = bytearray(labels.read_bytes())
        content[-1] ^= 1
        labels.unlink()
        labels.write_bytes(content)
        assert main(**{keys.DATA_DIR: str(tmp_path / "data")}) == 2
        remedy = f"python -m stepsweep.trainer.fetch --dataset fashion-mnist --data-dir {tmp_path}/data"
        assert capsys.readouterr() == (
            "",
            f"--dataset: fashion-mnist is not ready in {folder}: t10k-labels-idx1-ubyte is damaged: its SHA-256 is "
            f"another; run `{remedy}`\n",
        )
        job = job_environment(endpoint, trial_id="long", epochs=1)
        assert main(**job, **{keys.DATA_DIR: str(tmp_path / "data")}) == 0
        assert there(s3, "trials/long/metrics-e1.csv")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_a_gpu_that_is_not_there_is_told(options: Callable[..., Options], tmp_path: Path) -> None:
    store = FileStore(output=tmp_path / "m.csv", checkpoint_file=None)
    with pytest.raises(InvalidInput) as caught:
        trial.run(options("--device", "cuda"), store, interrupted=lambda: False)
    assert caught.value.faults == (
        "--device: cuda was requested, or the job has a GPU, but torch finds none; `--device cpu` needs none",
    )


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
@pytest.mark.parametrize(("given", "code"), [("GPU-1", 75), (None, 2)])
def test_a_job_whose_machine_has_lost_its_gpu_is_left_to_another_machine(
    given: str | None,
    code: int,
    data_dir: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(program, "GPU_GONE_SECONDS", 0)
    monkeypatch.setattr(program, "Interruption", lambda: lambda: False)  # it handles this process's signals
    monkeypatch.setenv(keys.DATA_DIR, str(data_dir))
    monkeypatch.setenv("NVIDIA_VISIBLE_DEVICES", given or "void")
    output = ("--output", str(tmp_path / "m.csv"))
    asked = ("--lr", "0.1", "--momentum", "0.5", "--epochs", "1", "--dataset", "fashion-mnist", *output)
    by_hand = () if given else ("--device", "cuda")
    assert program.main([*asked, *by_hand]) == code
    assert capsys.readouterr() == (
        "",
        "--device: cuda was requested, or the job has a GPU, but torch finds none; `--device cpu` needs none\n",
    )
