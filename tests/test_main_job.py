"""The main job as a user runs it: `sweep run`, the project's own trainer, real images, the embedded cloud."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.embedded import REPOSITORY


@pytest.mark.timeout(600)
def test_sweep_run_trains_real_images_and_names_the_winner(tmp_path: Path) -> None:
    # The data set is shared; everything else of this cloud is its own.
    (tmp_path / "data").symlink_to(REPOSITORY / ".stepsweep" / "data")
    command = ["run", "--set", "lr=0.1,1e10", "--set", "momentum=0.5", "--epochs", "2", "--name", "real", "--json"]
    fixed = ["--fixed", "dataset=fashion-mnist", "--fixed", "train_images=960"]
    ended = subprocess.run(
        [sys.executable, "-m", "stepsweep", *command, *fixed, "--dir", str(tmp_path)],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    output = json.loads(ended.stdout)
    assert output["winner"]["params"] == {"lr": 0.1, "momentum": 0.5}
    assert output["winner"]["value"] > 0.3, "three times as often right as by chance"
    assert output["winner"]["summary"]["data"]["dataset"] == "fashion-mnist"
    assert output["outcomes"] == {"SUCCEEDED": 1, "FAILED": 0, "MISSING": 0, "INVALID": 1}
    assert "diverged" in output["reasons"][0]["reason"]
