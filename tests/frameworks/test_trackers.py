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


WRITER = "from torch.utils.tensorboard import SummaryWriter\nwriter = SummaryWriter('runs/mine')\n"


@pytest.mark.parametrize(
    "log",
    [
        # Steps that are epochs, from 0 and from 1.
        "for e in range(3): writer.add_scalar('val/loss', 0.5**e, e); writer.add_scalar('loss', e, e)",
        pytest.param(
            "for e in range(3): writer.add_scalar('val/loss', 0.5**e, e + 1); writer.add_scalar('loss', e, e + 1)",
            marks=pytest.mark.slow,
        ),
        # Steps of batches, with the epoch as a metric.
        """for step in range(30):
    writer.add_scalar('epoch', step // 10, step)
    writer.add_scalar('loss', step / 10 if step % 10 == 0 else 0, step - step % 10 + 9 - step % 10)
    if step % 10 == 9: writer.add_scalar('val/loss', 0.5**(step // 10), step)""",
        # Steps of batches, without epochs: as many values of the loss as there are batches.
        pytest.param(
            """for step in range(30):
    writer.add_scalar('loss', step // 10 if step % 10 == 9 else 7, 100 + step)
    if step % 10 == 9: writer.add_scalar('val/loss', 0.5**(step // 10), 100 + step)""",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_event_files_of_torch(tmp_path: Path, log: str) -> None:
    needs("tensorboard")
    found = columns(tmp_path, "--tensorboard", "runs", code=f"{WRITER}{log}\nwriter.close()")
    assert found == EPOCHS


def test_event_files_of_several_folders_name_theirs(tmp_path: Path) -> None:
    needs("tensorboard")
    code = """
from torch.utils.tensorboard import SummaryWriter
for name in ("train", "validation"):
    with SummaryWriter("logs/" + name) as writer:
        for epoch in range(3):
            writer.add_scalar("epoch_loss", epoch, epoch)
"""
    found = columns(tmp_path, "--tensorboard", "logs", code=code)
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
