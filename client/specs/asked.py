"""Combines a spec file (JSON or YAML) and the options that override it to a SweepSpec, and the script of its `command`.

It finds every fault before anything starts.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from stepsweep.client.specs.document import MAX_INPUT_BYTES, STDIN, read_spec
from stepsweep.client.specs.option_words import halving_of, number_of, pairs_of, variables_of
from stepsweep.client.specs.script import FIELDS, is_meant, split
from stepsweep.contract.errors import InvalidInput, InvalidSweep
from stepsweep.contract.limits import MAX_NAME
from stepsweep.contract.spec import SweepSpec
from stepsweep.trainer_script import Script

NUMBERS = ("trials", "batch", "epochs", "folds", "repeats", "seed", "max_concurrency", "budget_usd")
"""Fields of a spec, and of its `search`, whose options are numbers."""

SEARCH = {"method": "tpe", "trials": 1}
ALONE = {"name": "alone", "parameters": {"x": {"low": 0.5, "high": 1}}, "search": SEARCH, "epochs": 1}
"""A spec without faults, in which one field is judged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A spec file and the options that override it; None or empty if not given.

    Attributes:
        file: a path, or `-` for standard input.
        parameters: `name=choice,choice` or `name=low..high:log` each.
        search, trials, batch: the fields of `search`.
        rounds: the field of that name.
        halving: `min_epochs:factor`, `min_epochs`, or `auto`.
        fixed: `name=value` each.
        objectives: `metric:direction` each: one, or several.
        environment: `NAME=value` each, or `NAME`, whose value is the shell's.
        secrets: names of variables.
        artifacts: patterns of files that trials leave.
        exported: the variables of the shell.
        command: the field of that name.
        folder: the project's where there is no file; by default the current one.
    """

    file: str | None = None
    command: str | None = None
    folder: Path = Path()
    parameters: Sequence[str] = ()
    fixed: Sequence[str] = ()
    epochs: int | str | None = None
    search: str | None = None
    trials: int | str | None = None
    batch: int | str | None = None
    rounds: bool | None = None
    halving: str | None = None
    folds: int | str | None = None
    repeats: int | str | None = None
    name: str | None = None
    objectives: Sequence[str] = ()
    seed: int | str | None = None
    environment: Sequence[str] = ()
    secrets: Sequence[str] = ()
    artifacts: Sequence[str] = ()
    exported: Mapping[str, str] | None = None
    max_concurrency: int | str | None = None
    priority: str | None = None
    budget_usd: float | str | None = None
    fresh: bool = False
    accept_trainer: bool = False

    def checked(self, *, now: datetime) -> tuple[SweepSpec, Script | None]:
        """Returns the validated spec, and the script that `command` names.

        A sweep without a name gets one from the file's name and the time.

        Raises:
            InvalidInput: the input breaks rules; lists every fault found.
        """
        document = read_spec(self.file) if self.file else {}
        if isinstance(document, dict):
            document = self._merged(document)
        name = default_name(self.file, now)
        if self.file and self.file != STDIN:
            return checked(document, default_name=name, folder=Path(self.file).absolute().parent, file=self.file)
        return checked(document, default_name=name, folder=self.folder.absolute())

    def spec(self, *, now: datetime) -> SweepSpec:
        """Returns the spec alone. Raises what `checked` does."""
        return self.checked(now=now)[0]

    def _merged(self, document: dict[str, Any]) -> dict[str, Any]:
        """Returns the file's fields, overridden by the options'."""
        faults: list[str] = []
        merged = dict(document)
        for field, option, words in (("parameters", "--set", self.parameters), ("fixed", "--fixed", self.fixed)):
            given = pairs_of(option, words, faults, several=field == "parameters")
            there = document.get(field, {})
            # If it is not an object, the spec's parser reports that.
            if given and isinstance(there, dict):
                merged[field] = there | {name: _with_condition(there.get(name), value) for name, value in given.items()}
        if self.environment:
            there = document.get("environment", {})
            given = variables_of(self.environment, self.exported or {}, faults)
            merged["environment"] = there | given if isinstance(there, dict) else there
        for field, more in (("secrets", self.secrets), ("artifacts", self.artifacts)):
            there = document.get(field, [])
            if more and isinstance(there, list):
                merged[field] = [*there, *more]
        if self.objectives:  # in the place of either field
            merged = {name: value for name, value in merged.items() if name not in ("objective", "objectives")}
            several = len(self.objectives) > 1
            merged |= {"objectives": list(self.objectives)} if several else {"objective": self.objectives[0]}
        numbers = {name: number_of(given) for name in NUMBERS if (given := getattr(self, name)) is not None}
        searched = {"method": self.search, "trials": numbers.pop("trials", None), "batch": numbers.pop("batch", None)}
        if given := {name: value for name, value in searched.items() if value is not None}:
            there = document.get("search", {})
            named = {"method": there} if isinstance(there, str) else there
            # A grid has no numbers to keep.
            known = named if isinstance(named, dict) and self.search != "grid" else {}
            merged["search"] = known | given
        if self.halving is not None:
            merged["halving"] = halving_of(self.halving, faults)
        for field in ("command", "rounds", "name", "priority"):
            if (value := getattr(self, field)) is not None:
                merged[field] = value
        merged |= numbers
        for field in ("fresh", "accept_trainer"):
            if getattr(self, field):
                merged[field] = True
        if faults:
            raise InvalidInput([*faults, *_faults_alone(searched | numbers | {"priority": self.priority})])
        return merged


def checked(
    document: object, *, default_name: str, folder: Path, file: str | None = None
) -> tuple[SweepSpec, Script | None]:
    """Returns the validated spec of a document that is small enough for Step Functions, and its `command`'s script.

    Args:
        folder: the project's folder.
        file: the document's own path.

    Raises:
        InvalidInput: the document breaks rules; lists every fault.
    """
    faults: list[str] = []
    command = None
    if isinstance(document, dict):
        try:
            document, command = split(document, folder, file=file)
        except InvalidInput as error:
            faults += error.faults
            has_command = "command" in document
            document = {name: value for name, value in document.items() if name not in FIELDS}
            if has_command:  # then a spec without epochs is complete
                document.setdefault("epochs", 1)
        if command is None and is_meant("command", document):
            document.setdefault("epochs", 1)
    spec = None
    try:
        spec = SweepSpec.from_json(document, default_name=default_name, beside=FIELDS)
    except InvalidSweep as error:
        faults += error.faults
    if command is not None and isinstance(document, dict):
        faults += command.faults(document)
    if faults or spec is None:
        raise InvalidSweep(faults)
    if (size := len(json.dumps(spec.to_json()))) > MAX_INPUT_BYTES:
        raise InvalidSweep(
            [f"the input has {size} bytes; Step Functions takes at most {MAX_INPUT_BYTES}, give fewer choices"]
        )
    return spec, command.script if command else None


def _faults_alone(given: Mapping[str, Any]) -> list[str]:
    """Returns the faults of fields, each alone: in a document with other faults more would be said than is so."""
    faults: list[str] = []
    for name, value in given.items():
        if value is None or name == "method":  # which decides what may stand beside it
            continue
        own = {"search": SEARCH | {name: value}} if name in SEARCH or name == "batch" else {name: value}
        try:
            SweepSpec.from_json(ALONE | own)
        except InvalidSweep as error:
            faults += error.faults
    return faults


def default_name(file: str | None, now: datetime) -> str:
    """Returns a default name for a sweep: `tutorial-20261123-053012-250731`.

    The last digits are microseconds, since a script may start several sweeps in one second.
    """
    stem = Path(file).stem if file and file != STDIN else ""
    stem = re.sub(r"[^A-Za-z0-9_-]+", "-", stem).strip("-_") or "sweep"
    time = f"{now:-%Y%m%d-%H%M%S-%f}"
    return stem[: MAX_NAME - len(time)] + time


def _with_condition(there: object, given: Any) -> Any:
    """Returns the values that an option gives a parameter, under the condition that the file has for it."""
    if not isinstance(there, dict) or "when" not in there:
        return given
    return (given if isinstance(given, dict) else {"choices": given}) | {"when": there["when"]}
