"""Metrics of a run by hand, which a trial's folder may hold, are never the trial's."""

import subprocess
import sys
from pathlib import Path

import pytest

from stepsweep.trial import old_metrics
from tests.support.trainer import environment

WRITES = "import sys; lr = float(sys.argv[2]); lr < 0.05 and open('out.csv', 'a').write('epoch,acc\\n1,0.5\\n')"


@pytest.mark.parametrize(("lr", "code", "metrics"), [("0.1", 1, None), ("0.01", 0, "epoch,acc\n1,0.5\n")])
def test_a_script_that_writes_none_is_not_ranked_by_old_ones(
    tmp_path: Path, lr: str, code: int, metrics: str | None
) -> None:
    (tmp_path / "train.py").write_text(WRITES)
    (tmp_path / "out.csv").write_text("epoch,acc\n1,0.99\n")
    result = tmp_path.parent / f"{tmp_path.name}.csv"
    words = ["--metrics-file", "out.csv", "--", sys.executable, "train.py", "{args}", "--lr", lr, "--epochs", "1"]
    ended = subprocess.run(
        [sys.executable, "-m", "stepsweep.trial", *words],
        cwd=tmp_path, env=environment(STEPSWEEP_METRICS_URI=str(result)), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ended.returncode == code, ended.stderr
    assert "removed out.csv, which was there before the command ran" in ended.stderr
    assert (result.read_text() if result.exists() else None) == metrics


def test_only_metrics_in_the_folder_are_removed_and_none_of_a_checkpoint(tmp_path: Path) -> None:
    here, keep, outside = tmp_path / "here", tmp_path / "here" / "kept", tmp_path / "outside"
    for name in ("here/mlruns/0/run", "here/kept", "here/src/a", "outside"):
        (tmp_path / name).mkdir(parents=True)
    files = (
        "here/mlflow.db",
        "here/src/train.py",
        "here/src/a/events.out.tfevents.1",
        "here/kept/state.json",
        "outside/m.csv",
    )
    for name in files:
        (tmp_path / name).touch()
    (here / "linked").symlink_to(outside)

    def removed(option: str, path: Path) -> list[Path]:
        return old_metrics.remove(option, path, here=here, keep=keep)

    assert removed(old_metrics.MLFLOW, here) == [here / "mlflow.db", here / "mlruns"]
    assert removed(old_metrics.TENSORBOARD, here / "src") == [here / "src/a/events.out.tfevents.1"]
    assert removed(old_metrics.FILE, keep / "state.json") == []
    assert removed(old_metrics.FILE, outside / "m.csv") == []
    assert removed(old_metrics.FILE, here / "linked" / "m.csv") == []
    assert removed(old_metrics.FILE, here / "none.csv") == []
    assert (here / "src/train.py").exists()
    assert (outside / "m.csv").exists()
