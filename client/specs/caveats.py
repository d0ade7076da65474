"""What the author of a valid spec may not know of it."""

from stepsweep.client.specs.command import not_told
from stepsweep.contract.space import Value
from stepsweep.contract.spec import SweepSpec
from stepsweep.trainer_script import Script

MEANT = {"True": "true", "False": "false", "None": "null"}
"""Python's names of values, which are texts in a spec."""


def caveats(spec: SweepSpec, script: Script | None) -> str:
    """Returns the caveats in sentences; an empty text if there are none."""
    return " ".join(filter(None, [not_told(spec, script), _python_names(spec)]))


def _python_names(spec: SweepSpec) -> str:
    given: dict[str, tuple[Value, ...]] = {name: (value,) for name, value in spec.fixed.items()}
    given |= {name: choices for name, choices in spec.parameters.items() if isinstance(choices, tuple)}
    found = [
        (name, [each for each in values if isinstance(each, str) and each in MEANT]) for name, values in given.items()
    ]
    return " ".join(
        f"{name} has the texts {', '.join(texts)}; did you mean {', '.join(MEANT[text] for text in texts)}?"
        for name, texts in found
        if texts
    )
