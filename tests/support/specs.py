"""Specs, and the faults of what is none."""

from datetime import UTC, datetime
from typing import Any

import pytest

from stepsweep.contract.errors import InvalidSweep
from stepsweep.contract.space import Value, is_number
from stepsweep.contract.spec import SweepSpec

TUTORIAL: dict[str, Any] = {
    "parameters": {"lr": [0.1, 0.01, 0.001], "momentum": [0.5, 0.1, 0.05]},
    "epochs": 100,
}


def parse(**fields: Any) -> SweepSpec:
    return SweepSpec.from_json({**TUTORIAL, "name": "s", **fields})


def faults_of(document: Any) -> tuple[str, ...]:
    with pytest.raises(InvalidSweep) as caught:
        SweepSpec.from_json(document)
    return caught.value.faults


def faults(**fields: Any) -> tuple[str, ...]:
    """Returns the faults of the tutorial's input with some fields changed."""
    return faults_of({**TUTORIAL, "name": "s", **fields})


NOW = datetime(2026, 11, 23, 5, 30, 12, 250731, tzinfo=UTC)


def as_number(value: Value) -> int | float:
    """Returns a value that is a number."""
    assert is_number(value)
    return value
