"""A sweep on this machine goes on with the trainer that it was started with."""

import json
import shutil

from tests.support.command import Sweep
from tests.support.embedded import SCRIPTED


def test_a_sweep_that_is_resumed_takes_the_trainer_that_it_was_started_with(sweep: Sweep) -> None:
    trainer = sweep.folder / "mine"
    shutil.copytree(SCRIPTED, trainer)
    asked = ("--set", "lr=0.1,0.2", "--epochs", "1", "--name", "first")
    planned = ("plan", *asked, "--trainer", "mine")
    assert "Time and cost are unknown" in sweep(*planned).stdout
    calibrated = sweep(*planned, "--calibrate")
    assert calibrated.returncode == 0, calibrated.stderr
    assert "Training one trial for one epoch" in calibrated.stderr
    assert ", as in 1 finished trial of this trainer on this machine.\n" in calibrated.stdout
    assert sweep("run", *asked, "--trainer", "mine").returncode == 0
    # One epoch is a whole trial here, so the one that was measured is not trained again.
    assert json.loads(sweep(*planned, "--json").stdout)["measured_on"].startswith("2 finished trials ")

    with (trainer / "scripted.py").open("a") as script:
        script.write("# another version\n")
    assert "Time and cost are unknown" in sweep(*planned).stdout
    changed = sweep("resume", "first")
    assert changed.returncode == 2
    assert 'the trainer "mine" has changed since the sweep "first" was planned' in changed.stderr

    trainer.rename(sweep.folder / "moved")
    gone = sweep("resume", "first")
    assert gone.returncode == 2
    assert gone.stderr.splitlines()[-1].startswith("sweep: --trainer: the trainer of the sweep first, ")

    accepted = sweep("resume", "first", "--trainer", "moved", "--accept-trainer")
    assert accepted.returncode == 0, accepted.stderr
    assert "2 planned." in accepted.stdout

    assert sweep("rm", "first-calibration", "--yes").returncode == 0
    assert sweep("rm", "first", "--yes").returncode == 0
    assert list((sweep.folder / ".stepsweep" / "trainers").iterdir()) == []
