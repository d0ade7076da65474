"""A sweep on this machine goes on with the trainer that it was started with."""

import json
import shutil

from tests.support.command import Sweep
from tests.support.embedded import SCRIPTED


def test_a_sweep_that_is_resumed_takes_the_trainer_that_it_was_started_with(sweep: Sweep) -> None:
    trainer = sweep.folder / "mine"
    shutil.copytree(SCRIPTED, trainer)
    asked = ("--set", "lr=0.1,0.2", "--epochs", "1", "--name", "first")
    first = json.loads(sweep("run", *asked, "--trainer", "mine", "--json").stdout)
    again = sweep("resume", "first", "--json")
    assert again.returncode == 0, again.stderr
    assert "nothing left to run" in again.stderr
    assert json.loads(again.stdout)["winner"] == first["winner"]

    with (trainer / "scripted.py").open("a") as script:
        script.write("# another version\n")
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

    assert sweep("rm", "first", "--yes").returncode == 0
    assert list((sweep.folder / ".stepsweep" / "trainers").iterdir()) == []
