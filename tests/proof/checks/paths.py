"""Paths where Step Functions reads paths, and nowhere else. No validator sees a `$.` that is taken literally."""

from collections.abc import Iterator
from typing import Any

from tests.proof.checks.check import Findings
from tests.proof.subject import Subject

TEMPLATES = ("Parameters", "ResultSelector", "ItemSelector")
"""Fields whose keys say by a final `.$` that their value is a path."""

PATHS = ("InputPath", "OutputPath", "ResultPath", "ItemsPath", "Variable", "CausePath", "ErrorPath", "SecondsPath")


def findings(subject: Subject) -> Findings:
    for name, state, _ in subject.states():
        places = [(field, state[field]) for field in TEMPLATES if field in state]
        for part in ("ItemReader", "ResultWriter"):
            places += [(part, state[part].get("Parameters", {}))] if part in state else []
        for field, template in places:
            for key, value in _leaves(template):
                looks_like_path = isinstance(value, str) and value.startswith(("$", "States."))
                if key.endswith(".$") and not looks_like_path:
                    yield f"{name}.{field}.{key}: {value!r} is no path"
                if not key.endswith(".$") and looks_like_path:
                    yield f"{name}.{field}.{key}: {value!r} is taken as it stands; the key must end in .$"
        for field in PATHS:
            value = state.get(field)
            starts = ("$", "States.") if field == "CausePath" else "$"
            if value is not None and not str(value).startswith(starts):
                yield f"{name}.{field}: {value!r} is no path"
        if "$" in str(state.get("Cause", "")) + str(state.get("Error", "")):
            yield f"{name}: its error is a text with a path in it, which nobody resolves"


def _leaves(value: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    """Yields every value that is not a container, with the key it stands under."""
    if isinstance(value, dict):
        for name, item in value.items():
            yield from _leaves(item, name)
    elif isinstance(value, list):
        for item in value:
            yield from _leaves(item, key)
    else:
        yield key, value
