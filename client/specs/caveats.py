"""What the author of a valid spec may not know of it."""

from pathlib import Path

from stepsweep.client.specs.command import FOLDS, not_told
from stepsweep.contract.space import Value
from stepsweep.contract.spec import SweepSpec
from stepsweep.trainer_script import Script

MEANT = {"True": "true", "False": "false", "None": "null"}
"""Python's names of values, which are texts in a spec."""


def caveats(spec: SweepSpec, script: Script | None) -> str:
    """Returns the caveats in sentences; an empty text if there are none."""
    return " ".join(filter(None, [not_told(spec, script), _folds_unread(spec, script), _python_names(spec)]))


def _folds_unread(spec: SweepSpec, script: Script | None) -> str:
    """Returns that a script gets the options of its fold and names none: they fail, or all folds train alike."""
    if spec.folds is None or script is None or not script.placeholders.isdisjoint(FOLDS):
        return ""
    files = [script.folder / word for word in script.entrypoint if word.endswith(".py")]
    if not (there := [file for file in files if file.is_file()]) or any("fold" in _text(file) for file in there):
        return ""
    return (
        f"Each trial gets the options folds ({spec.folds}) and fold (from 0), and {there[0].name} names neither. If no "
        "other file reads them, let it leave out that part of its data, or take `folds` out of the spec."
    )


def _text(file: Path) -> str:
    return file.read_text(encoding="utf-8", errors="replace").casefold()


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
