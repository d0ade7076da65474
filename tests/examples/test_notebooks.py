"""The notebooks of examples/ run from top to bottom, on few images; what is committed of them is what they gave."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from docs.notebooks import EXAMPLES, executed, read
from tests.support.embedded import REPOSITORY, eventually, keep_template

NOTEBOOKS = ("one-trial.ipynb", "sweep.ipynb")
MAX_BYTES = 400_000
PNG = "iVBORw0KGgo"  # how one begins, in base64


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder for an embedded cloud, with the images that are prepared."""
    directory = tmp_path_factory.mktemp("cloud")
    (directory / "data").symlink_to(REPOSITORY / ".stepsweep" / "data")
    keep_template(directory, {})
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STEPSWEEP_DIR", str(directory))
        patch.setenv("STEPSWEEP_NOTEBOOK_IMAGES", "64")
        patch.setenv("STEPSWEEP_NOTEBOOK_EPOCHS", "2")
        yield directory
    eventually(lambda: not (directory / "cloud.json").exists())


def outputs(notebook: Any) -> list[list[str]]:
    """Returns the kinds of outputs of each cell of code: `text`, or MIME types."""
    return [
        sorted({kind for output in cell.outputs for kind in output.get("data", {"text": ""})})
        for cell in notebook.cells
        if cell.cell_type == "code"
    ]


def pictures(notebook: Any) -> list[str]:
    return [
        output["data"]["image/png"]
        for cell in notebook.cells
        for output in cell.get("outputs", ())
        if "image/png" in output.get("data", {})
    ]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of the kernel's libraries
@pytest.mark.parametrize("name", NOTEBOOKS)
def test_it_runs_and_gives_what_is_committed_in_kind(name: str, folder: Path) -> None:
    ran = executed(EXAMPLES / name)
    committed = read(EXAMPLES / name)
    assert outputs(ran) == outputs(committed)
    assert [picture[: len(PNG)] for picture in pictures(ran)] == [PNG] * len(pictures(committed))
    (said,) = [cell.outputs[0]["text"] for cell in ran.cells if "EPOCHS = int" in cell.source]
    assert said.startswith("64 of 48,000 images to train on, 2 epochs a trial")


@pytest.mark.parametrize(("name", "number"), [("one-trial.ipynb", 1), ("sweep.ipynb", 2)])
def test_what_is_committed_is_small_and_says_on_how_much_it_was_trained(name: str, number: int) -> None:
    file = EXAMPLES / name
    assert file.stat().st_size < MAX_BYTES
    notebook = read(file)
    assert len(pictures(notebook)) == number
    assert re.search(r"[0-9,]+ of 48,000 images to train on, \d+ epochs a trial, \d+ cores", json.dumps(notebook))
    assert not [cell for cell in notebook.cells if any(o["output_type"] == "error" for o in cell.get("outputs", ()))]
    assert str(REPOSITORY) not in file.read_text(), "a path of the machine that ran it"


def test_every_notebook_is_tested() -> None:
    assert sorted(file.name for file in EXAMPLES.glob("*.ipynb")) == sorted(NOTEBOOKS)
