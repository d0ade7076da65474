"""A valid `command` as a value, and the faults of a spec that does not fit it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from stepsweep.trainer_script import Script
from stepsweep.trial.command import ARGS, FILES, PLACES

MOST_NAMED = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A valid `command` with its companions.

    Attributes:
        script: the script that trials run.
        epochs: whether the script gets the number of epochs.
        seed: whether the script gets a seed.
        names: the parameters that the command has a placeholder for; None if it has one for all.
        file: the configuration file that gets the options, if one does, with the names of its fields.
    """

    script: Script
    epochs: bool
    seed: bool
    names: frozenset[str] | None
    file: tuple[str, frozenset[str]] | None = None

    def faults(self, document: Mapping[str, Any]) -> list[str]:
        """Returns the requirements in the rest of the spec that this script does not meet."""
        faults = []
        given, in_some = _names_given(document)
        if self.names is not None:
            faults += [
                f"command: {{{name}}} has no value in the trials that lack the parameter; write {ARGS} in its place"
                for name in in_some
                if name in self.names
            ]
            faults += [
                f"command: has no place for {name}; write {{{name}}} where its value belongs, or {ARGS} at the end"
                for name in given
                if name not in self.names and self.names.isdisjoint(FILES)
            ]
            faults += [
                f"command: {{{name}}} is no parameter; give it choices in `parameters`, or a value in `fixed`"
                for name in sorted(self.names - {*given, "epochs", "seed", "fold", "folds", *PLACES, *FILES})
            ]
        if self.file is not None:
            name_of_file, fields = self.file
            faults += [
                f"arguments.file: {name_of_file} has no field {name}; add it with its usual value, or name one of "
                f"{', '.join(sorted(fields)[:MOST_NAMED])}{', …' if len(fields) > MOST_NAMED else ''}"
                for name in given
                if name not in fields
            ]
        if not self.epochs and document.get("halving") is not None:
            faults.append(
                "halving: the script is not told for how many epochs it trains; name its option in arguments.epochs"
            )
        if not self.seed and document.get("repeats") not in (None, 1):
            faults.append("repeats: the script is given no seed; name its option in arguments.seed")
        return faults


def _names_given(document: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """Returns the options that trials get, and those of them that only some trials get. The spec may have faults."""
    parameters, search = document.get("parameters"), document.get("search")
    items = parameters.items() if isinstance(parameters, dict) else ()
    names = _keys(parameters)
    in_some = [str(name) for name, item in items if isinstance(item, dict) and item.get("when")]
    if isinstance(search, dict) and isinstance(listed := search.get("trials"), list):
        names = list(dict.fromkeys(name for params in listed for name in _keys(params)))
        in_some = [name for name in names if any(name not in _keys(params) for params in listed)]
    return [*names, *_keys(document.get("fixed"))], in_some


def _keys(raw: object) -> list[str]:
    return [str(name) for name in raw] if isinstance(raw, dict) else []
