"""The shortest trainer of docs/your-trainer.md writes what a sweep reads, whatever its losses are made of."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stepsweep.contract.metrics import parse_csv

DOCS = (Path(__file__).resolve().parents[2] / "docs" / "your-trainer.md").read_text()


@pytest.mark.parametrize("losses", [[0.5, 0.25], [np.float64(0.5), np.float64(0.25)], np.array([0.5, 0.25], "f4")])
def test_rows_of_the_documented_snippet_are_read(losses: Any) -> None:
    [line] = [line for line in DOCS.splitlines() if line.startswith("rows = ")]
    names: dict[str, Any] = {"losses": losses}
    exec(line, names)  # noqa: S102 - the page's own code is what is tested
    body = "\n".join(names["rows"]) + "\n"
    assert parse_csv(body.encode(), max_epochs=2).columns["val_loss"] == [0.5, 0.25]
