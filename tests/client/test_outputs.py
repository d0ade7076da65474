"""Each command where its output takes nothing, or not every character: a line at most, and no traceback."""

import os
from pathlib import Path

import pytest

from stepsweep.local.host import FORK_IS_SAFE
from tests.support import forked
from tests.support.command import Sweep
from tests.support.recorded import RecordedCloud

pytestmark = pytest.mark.skipif(not FORK_IS_SAFE, reason="commands are forked on Linux only")

HERE = ("--dir", "grüße")
PRINTS = [
    ("list", *HERE), ("list", *HERE, "--json"), ("show", "mine", *HERE), ("show", "mine", *HERE, "--json"),
    ("logs", "mine", "s=ü", *HERE), ("compare", "mine", "other", *HERE), ("watch", "mine", *HERE),
    ("plan", "--set", "s=ä,ö", "--epochs", "1"), ("plan", "--set", "s=ä,ö", "--epochs", "1", "--json"),
    ("report", "mine", *HERE, "-o", "bericht-ü.html"), ("download", "mine", *HERE), ("stop", "mine", *HERE),
    ("rm", "other", "--yes", *HERE), ("doctor", *HERE), ("completion", "bash"), ("init", "--help"), ("--help",),
]  # fmt: skip
FAULTS = [
    ("run", "--set", "s=ü", "--epochs", "nie", *HERE), ("start", "--set", "ü=1", "--epochs", "1", *HERE),
    ("resume", "müßig", *HERE), ("show", "müßig", *HERE), ("export", "müßig", *HERE, "--mlflow", "sqlite:///ü.db"),
    ("init", "straße.py"), ("serve", "--job-vcpus", "0", *HERE), ("deploy", "-c", "ü=1"), ("ui", "--port", "ü"),
]  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two sweeps whose names and values no ASCII has."""
    recorded = RecordedCloud(directory=tmp_path / "grüße")
    for name in ("mine", "other"):
        good, bad = recorded.planned(name, {"s": ["ü", "😀"]}, fixed={"note": "größer"})
        recorded.succeeded(name, good, {"val_accuracy": [0.1, 0.2, 0.3]})
        recorded.left(good, {"modell-ü.txt": "1"})
        for trial in (good, bad):
            recorded.failed("logs", trial, "ValueError: zu groß\n")
        recorded.failed(name, bad, "ValueError: zu groß\n", reason="größer als möglich")
        recorded.reduced(name)
    return tmp_path


def said(folder: Path, words: tuple[str, ...], *, output: int | None = None, encoding: str = "") -> tuple[int, str]:
    environment = Sweep(folder=folder).environment({"PYTHONIOENCODING": encoding, "COLUMNS": "200"})
    ended = forked.run(words, folder=folder, environment=environment, text="", timeout_seconds=120, output=output)
    assert "Traceback" not in ended.stderr, ended.stderr
    return ended.returncode, ended.stderr


@pytest.mark.parametrize("words", [*PRINTS, *FAULTS], ids=" ".join)
def test_an_output_without_every_character_changes_nothing(folder: Path, words: tuple[str, ...]) -> None:
    code, errors = said(folder, words, encoding="ascii")
    if words in FAULTS:
        assert code in (1, 2)
        assert all(line.startswith("sweep: ") for line in errors.splitlines()), errors
    else:
        assert code == (1 if words[0] == "doctor" else 0), errors


@pytest.mark.parametrize("words", PRINTS, ids=" ".join)
def test_a_full_output_is_one_line(folder: Path, words: tuple[str, ...]) -> None:
    with Path("/dev/full").open("wb") as full:
        code, errors = said(folder, words, output=full.fileno())
    assert (code, errors.splitlines()[-1:]) == (1, ["sweep: No space left on device"])


@pytest.mark.parametrize("words", PRINTS, ids=" ".join)
def test_a_pipe_that_closes_is_no_error_to_tell(folder: Path, words: tuple[str, ...]) -> None:
    read, write = os.pipe()
    os.close(read)
    try:
        _, errors = said(folder, words, output=write)
    finally:
        os.close(write)
    assert not any(line.startswith("sweep: ") for line in errors.splitlines()), errors
