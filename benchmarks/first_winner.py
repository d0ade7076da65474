"""Measures the way of a new user: from `pip install` to the first winner and its model, for a script of their own."""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import time
import venv
from collections.abc import Sequence
from pathlib import Path

from benchmarks.results import Result, Table
from benchmarks.timing import ROOT, WORK

EXPECTED_SECONDS = 180

SCRIPT = ROOT / "tests" / "scripts" / "pytorch" / "main.py"
PATIENCE_SECONDS = 1_800


def run(*, quick: bool) -> Result:  # noqa: ARG001  there is one run only
    load = os.getloadavg()[1]
    folder = WORK / "first-winner"
    shutil.rmtree(folder, ignore_errors=True)
    project = folder / "project"
    project.mkdir(parents=True)
    shutil.copy(SCRIPT, project)
    _environment_with_torch(project / ".venv")
    tool = folder / "tool"
    venv.create(tool, with_pip=True)
    sweep = str(tool / "bin" / "sweep")
    typed = {
        "pip install 'stepsweep[local]'": [str(tool / "bin" / "pip"), "install", "-q", f"{_wheel(folder)}[local]"],
        "sweep init main.py": [sweep, "init", "main.py"],
        "sweep run": [sweep, "run", "--json"],
        "sweep download": [sweep, "download"],
    }
    seconds, outputs = {}, {}
    for line, words in typed.items():
        seconds[line], outputs[line] = _timed(words, project)
    winner = json.loads(outputs["sweep run"])
    training = _training_seconds(project, winner["sweep"])
    beside = seconds["sweep run"] - training
    model = next(project.glob(f"{winner['sweep']}/best.pt"))
    rows = [(f"`{line}`", f"{spent:.1f}") for line, spent in seconds.items()]
    rows[2] = (f"`sweep run`, {sum(winner['outcomes'].values())} trials", rows[2][1])
    rows.append(("of `sweep run`, beside training", f"{beside:.1f}"))
    table = Table(
        caption=f"From nothing to the winner's `{model.name}`: {len(typed)} commands, in seconds. Training is the "
        f"time in which any trial ran, its start of Python and import of torch among it. Other programs of the machine "
        f"had a load average of {load:.1f}.",
        columns=("", "s"),
        rows=rows,
    )
    shutil.rmtree(folder)
    return Result(tables=[table], values={"seconds": seconds, "training_seconds": training, "winner": winner["winner"]})


def _timed(words: Sequence[str], folder: Path) -> tuple[float, str]:
    own = {name: value for name, value in os.environ.items() if name not in ("VIRTUAL_ENV", "PYTHONPATH")}
    began = time.monotonic()
    ended = subprocess.run(
        words, cwd=folder, env=own, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False
    )
    if ended.returncode:
        raise RuntimeError(f"{words}: {ended.stderr[-2000:]}")
    return time.monotonic() - began, ended.stdout


def _wheel(folder: Path) -> Path:
    """Builds the wheel, which is not part of what a user waits for."""
    source = folder / "source"  # setuptools leaves its own files beside what it builds
    names = ("client", "src", "stack", "statemachine", "trainer")
    for name in names:
        shutil.copytree(ROOT / name, source / name, symlinks=True, ignore=shutil.ignore_patterns("*.egg-info"))
    for name in ("pyproject.toml", "README.md", "LICENSE", "MANIFEST.in"):
        shutil.copy(ROOT / name, source)
    words = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", str(folder), "."]
    subprocess.run(words, cwd=source, check=True)
    return next(folder.glob("*.whl"))


def _environment_with_torch(folder: Path) -> None:
    """Makes the project's environment, which has torch before anybody thinks of sweeps."""
    venv.create(folder)
    (site,) = folder.glob("lib/python*/site-packages")
    (site / "torch.pth").write_text(f"{sysconfig.get_path('purelib')}\n")


def _training_seconds(project: Path, sweep: str) -> float:
    """Returns for how long at least one trial ran, by Batch's timestamps."""
    outcomes = project.glob(f".stepsweep/s3/*/sweeps/{sweep}/round-*/outcomes/*.json")
    attempts = [attempt for file in outcomes for attempt in json.loads(file.read_text())["job"]["attempts"]]
    spans = sorted((attempt["StartedAt"], attempt["StoppedAt"]) for attempt in attempts)
    total, until = 0, 0
    for began, ended in spans:
        total += max(0, ended - max(began, until))
        until = max(until, ended)
    return total / 1000
