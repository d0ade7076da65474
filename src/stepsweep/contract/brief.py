"""A spec as a person would write it."""

from typing import Any

from stepsweep.contract.spec import SweepSpec


def brief_document(spec: SweepSpec) -> dict[str, Any]:
    """Returns a spec without its name, and without what is so by default."""
    whole = spec.to_json()
    usual = SweepSpec.from_json({"parameters": {"a": [1]}, "epochs": 1, "name": "a"}).to_json()
    needed = ("parameters", "epochs")
    brief = {name: value for name, value in whole.items() if name in needed or value != usual.get(name)}
    # A default may depend on other fields.
    if SweepSpec.from_json({**brief, "name": spec.name}) != spec:
        brief = whole
    return {name: value for name, value in brief.items() if name != "name"}
