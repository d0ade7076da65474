"""A valid `command` as a value, and the faults of a spec that does not fit it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from stepsweep.contract.described import number_of
from stepsweep.contract.spec import SweepSpec
from stepsweep.trainer_script import Script
from stepsweep.trial.command import ARGS, FILES, PLACES

MOST_NAMED = 8

FOLDS = ("fold", "folds")
"""Options of the trials of a sweep with `folds`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A valid `command` with its companions.

    Attributes:
        script: the script that trials run.
        takes_all: whether the script gets all options, or only those that the command has a placeholder for.
        file: the configuration file that gets the options, if one does, with the names of its fields.
    """

    script: Script
    takes_all: bool
    file: tuple[str, frozenset[str]] | None = None

    def faults(self, document: Mapping[str, Any]) -> list[str]:
        """Returns the requirements in the rest of the spec that this script does not meet."""
        faults = []
        given, in_some = _names_given(document)
        named, folds = self.script.placeholders, document.get("folds") is not None
        of_folds = ("folds", "fold") if folds else ()
        faults += [
            f"command: {{{name}}} has no value in the trials that lack the parameter; "
            + (f"leave it out, or write {ARGS} alone" if self.takes_all else f"write {ARGS} in its place")
            for name in in_some
            if name in named
        ]
        if not self.takes_all:
            faults += [
                f"command: has no place for {name}; write {{{name}}} where its value belongs, or {ARGS} at the end"
                for name in [*given, *of_folds]
                if name not in named and named.isdisjoint(FILES)
            ]
        faults += [
            f"command: {{{name}}} is no parameter; give it choices in `parameters`, or a value in `fixed`"
            for name in sorted(named - {*given, "epochs", "seed", *FOLDS, *PLACES, *FILES})
        ]
        if not folds:
            faults += [
                f"command: {{{name}}} has a value with `folds` only; write folds: 5, or leave it out"
                for name in FOLDS
                if name in named - {*given}
            ]
        if self.file is not None:
            name_of_file, fields = self.file
            faults += [
                f"arguments.file: {name_of_file} has no field {name}; add it with its usual value, or name one of "
                f"{', '.join(sorted(fields)[:MOST_NAMED])}{', …' if len(fields) > MOST_NAMED else ''}"
                for name in [*given, *of_folds]
                if name not in fields
            ]
        if not self.script.is_told("epochs") and document.get("halving") is not None:
            faults.append(f"halving: the script is not told for how many epochs it trains; {self._place_for('epochs')}")
        if not self.script.is_told("seed") and document.get("repeats") not in (None, 1):
            faults.append(f"repeats: the script is given no seed; {self._place_for('seed')}")
        return faults

    def _place_for(self, name: str) -> str:
        if self.script.has_place_for(name):
            return f"name its option in arguments.{name}"
        return f"write {{{name}}} in `command` where its value belongs"


def not_told(spec: SweepSpec, script: Script | None) -> str:
    """Returns that a script does not learn of the spec's `epochs`, for people; an empty text if it does.

    A script may have its epochs written into it. Then `arguments.epochs` says so.
    """
    if script is None or script.has_place_for("epochs") or "--no-epochs" in script.entrypoint:
        return ""
    return (
        f"The script is not told to train {number_of(spec.epochs, 'epoch')}, since `command` has no {{epochs}}. Write "
        f"{{epochs}} where the number belongs, or {ARGS} at the end; if the script takes no number, write "
        "arguments: {epochs: false}."
    )


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
