"""`sweep init` reads what a script's parser takes, with the parser that `make frameworks` has."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.command import Sweep

PYTHON = os.environ.get("FRAMEWORKS_PYTHON", sys.executable)

TYPER = """
from enum import Enum
from pathlib import Path
from typing import Annotated, Optional

import typer


class Optimizer(str, Enum):
    sgd = "sgd"
    adam_w = "adamw"


app = typer.Typer()


@app.command()
def fit(
    corpus: Path,
    learning_rate: Annotated[float, typer.Option(min=0.0, help="Step size.")] = 0.1,
    batch_size: int = 32,
    epochs: int = 3,
    optimizer: Optimizer = Optimizer.adam_w,
    augment: bool = True,
    dry_run: Annotated[bool, typer.Option("--dry-run")] = False,
    warm: Annotated[bool, typer.Option("--warm/--cold")] = False,
    tags: Annotated[Optional[list[str]], typer.Option()] = None,
) -> None:
    for epoch in range(epochs):
        typer.echo(f"epoch {epoch + 1}: val_loss={learning_rate * (epoch + 2) + augment}")


@app.command()
def evaluate(model: Path) -> None:
    pass


if __name__ == "__main__":
    app()
"""


@pytest.fixture
def project(tmp_path: Path) -> Sweep:
    if subprocess.run([PYTHON, "-c", "import typer"], capture_output=True, check=False).returncode:
        pytest.skip("typer is not installed; `make frameworks` has it")
    (tmp_path / "cli.py").write_text(TYPER)
    # The folder's own environment, as a project has it, is where `sweep init` looks for the interpreter.
    python = tmp_path / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nexec {PYTHON} "$@"\n')
    python.chmod(0o755)
    return Sweep(folder=tmp_path)


def test_the_options_of_a_command_of_typer(project: Sweep) -> None:
    ended = project("init", "cli.py")
    assert ended.returncode == 2
    assert "cli.py has the sub-commands fit, evaluate; name one, such as: sweep init cli.py fit" in ended.stderr
    assert project("init", "cli.py", "fit", "here").returncode == 0
    assert (project.folder / "sweep.yaml").read_text().splitlines()[3:] == [
        "command: python cli.py fit here",
        "arguments: {booleans: no-flag}",
        "# In its output: val_loss",
        "# Files that it leaves, which `sweep download` gets of the winner:",
        "# artifacts: [best.pt]",
        "",
        "parameters:",
        "  learning-rate: [0.01, 0.1, 1]",
        "  batch-size: [16, 32, 64]",
        '  # optimizer: ["sgd", "adamw"]',
        "  # augment: [false, true]",
        "  # tags: [[VALUE, VALUE]]  # takes several values: write lists: repeat in `arguments`",
        "# Other options: dry-run",
        "",
        "epochs: 3",
        "objective: {metric: val_loss, direction: minimize}",
    ]


def test_an_argument_that_typer_requires_is_named(project: Sweep) -> None:
    ended = project("init", "cli.py", "fit")
    assert ended.returncode == 0
    assert "Not run: the script insists on CORPUS. " in ended.stderr
