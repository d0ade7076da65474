"""Runs the notebooks of examples/ in place: `make notebooks`. Their outputs are what this machine gives.

STEPSWEEP_NOTEBOOK_IMAGES and STEPSWEEP_NOTEBOOK_EPOCHS change their size.
"""

import sys
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
TIMEOUT_SECONDS = 3600


def read(file: Path) -> Any:
    """Returns a notebook; nbformat has no types."""
    return nbformat.read(file, as_version=4)  # type: ignore[no-untyped-call]


def executed(file: Path) -> Any:
    """Returns a notebook with the outputs of all its cells, without what differs from run to run for no reason.

    Raises:
        nbclient.exceptions.CellExecutionError: a cell raised.
    """
    notebook = read(file)
    client = NotebookClient(notebook, timeout=TIMEOUT_SECONDS, resources={"metadata": {"path": str(file.parent)}})
    client.execute()
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)  # times
    notebook.metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
    return notebook


if __name__ == "__main__":
    for name in sys.argv[1:] or sorted(file.name for file in EXAMPLES.glob("*.ipynb")):
        print(f"running {name} …", flush=True)
        nbformat.write(executed(EXAMPLES / name), EXAMPLES / name)  # type: ignore[no-untyped-call]
