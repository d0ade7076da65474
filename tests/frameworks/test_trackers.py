"""What TensorBoard's writers and MLflow leave, read by `stepsweep-trial`. `make frameworks` has both."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import stepsweep
from stepsweep.contract.metrics import parse_csv
from tests.support.trainer import environment

PYTHON = os.environ.get("FRAMEWORKS_PYTHON", sys.executable)
EPOCHS = {"epoch": [1, 2, 3], "val/loss": [1, 0.5, 0.25], "loss": [0, 1, 2]}


def trial(tmp_path: Path, *options: str, code: str) -> "subprocess.CompletedProcess[str]":
    (tmp_path / "train.py").write_text(code)
    return subprocess.run(
        [PYTHON, "-m", "stepsweep.trial", *options, "--", PYTHON, "train.py", "{args}", "--epochs", "3"],
        cwd=tmp_path,
        env=environment(PYTHONPATH=str(Path(stepsweep.__file__).parent.parent), STEPSWEEP_METRICS_URI="metrics.csv"),
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
    )


def columns(tmp_path: Path, *options: str, code: str) -> dict[str, list[float]]:
    ended = trial(tmp_path, *options, code=code)
    assert ended.returncode == 0, ended.stderr[-3000:]
    return parse_csv((tmp_path / "metrics.csv").read_bytes(), max_epochs=3).columns


def needs(library: str) -> None:
    code = f"import importlib.util as u; exit(u.find_spec({library!r}) is None)"
    if subprocess.run([PYTHON, "-c", code], check=False).returncode:
        pytest.skip(f"{library} is not installed; `make frameworks` has it")


EVENTS = {
    "epochs from 0": "for e in range(3): writer.add_scalar('val/loss', 0.5**e, e); writer.add_scalar('loss', e, e)",
    "epochs from 1": """
for e in range(3):
    writer.add_scalar('val/loss', 0.5**e, e + 1)
    writer.add_scalar('loss', e, e + 1)
""",
    "batches, with the epoch as a metric": """
for step in range(30):
    writer.add_scalar('epoch', step // 10, step)
    writer.add_scalar('loss', step / 10 if step % 10 == 0 else 0, step - step % 10 + 9 - step % 10)
    if step % 10 == 9: writer.add_scalar('val/loss', 0.5**(step // 10), step)
""",
    # As many values of the loss as there are batches.
    "batches, without epochs": """
for step in range(30):
    writer.add_scalar('loss', step // 10 if step % 10 == 9 else 7, 100 + step)
    if step % 10 == 9: writer.add_scalar('val/loss', 0.5**(step // 10), 100 + step)
""",
}
"""What a script logs with PyTorch's writer, by what its steps are."""


@pytest.fixture(scope="module")
def events(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for each of `EVENTS`, and one of two writers; PyTorch, which starts slowly, writes all at once."""
    needs("tensorboard")
    folder = tmp_path_factory.mktemp("events")
    code = f"""
from torch.utils.tensorboard import SummaryWriter
for name, log in {EVENTS!r}.items():
    with SummaryWriter(name + "/mine") as writer:
        exec(log)
for name in ("train", "validation"):
    with SummaryWriter("two writers/" + name) as writer:
        for epoch in range(3):
            writer.add_scalar("epoch_loss", epoch, epoch)
"""
    subprocess.run([PYTHON, "-c", code], cwd=folder, env=environment(), check=True, capture_output=True, timeout=200)
    return folder


def written(events: Path) -> str:
    """Returns a script that leaves event files."""
    return f"import shutil; shutil.copytree({str(events)!r}, 'runs', copy_function=shutil.copyfile)"


@pytest.mark.parametrize("steps", EVENTS)
def test_event_files_of_torch(tmp_path: Path, events: Path, steps: str) -> None:
    assert columns(tmp_path, "--tensorboard", "runs", code=written(events / steps)) == EPOCHS


def test_event_files_of_several_folders_name_theirs(tmp_path: Path, events: Path) -> None:
    found = columns(tmp_path, "--tensorboard", "runs", code=written(events / "two writers"))
    assert found == {"epoch": [1, 2, 3], "train/epoch_loss": [0, 1, 2], "validation/epoch_loss": [0, 1, 2]}


def test_no_event_files_are_named(tmp_path: Path) -> None:
    needs("tensorboard")
    ended = trial(tmp_path, "--tensorboard", "runs", code="print('val_loss=1')")
    assert ended.returncode == 1
    assert ended.stderr.splitlines()[-1] == "stepsweep-trial: --tensorboard runs: has no event files"


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for each way to log the same; MLflow, which starts slowly, writes all of them at once."""
    needs("mlflow")
    needs("sqlalchemy")
    folder = tmp_path_factory.mktemp("mlflow")
    code = """
import os
os.environ["MLFLOW_ALLOW_FILE_STORE"] = "true"
import mlflow
for name, first, by in (("from-0", 0, 1), ("from-1", 1, 1), ("none", 0, 0), ("database", 0, 1)):
    os.mkdir(name)
    mlflow.set_tracking_uri(f"sqlite:///{name}/mlflow.db" if name == "database" else f"{name}/mlruns")
    mlflow.set_experiment("mine")
    with mlflow.start_run():
        mlflow.log_metric("val/loss", 9)
    with mlflow.start_run():
        for e in range(3):
            mlflow.log_metrics({"val/loss": 0.5**e, "loss": e}, first + e * by)
"""
    subprocess.run([PYTHON, "-c", code], cwd=folder, env=environment(), check=True, capture_output=True, timeout=200)
    return folder


@pytest.mark.parametrize("name", ["from-0", "from-1", "none", "database"])
def test_runs_of_mlflow(tmp_path: Path, runs: Path, name: str) -> None:
    assert columns(tmp_path, "--mlflow", str(runs / name), code="print('val_loss=7')") == EPOCHS
