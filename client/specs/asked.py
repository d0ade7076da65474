"""Combines a spec file (JSON or YAML) and the options that override it to a SweepSpec, and the script of its `command`.

It finds every fault before anything starts.
"""

import contextlib
import json
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from stepsweep.client.specs.script import FIELDS, split
from stepsweep.contract.errors import InvalidInput, InvalidSweep
from stepsweep.contract.limits import MAX_NAME
from stepsweep.contract.numbers import meant_by
from stepsweep.contract.space import number_fault, shown
from stepsweep.contract.spec import SweepSpec
from stepsweep.contract.words import read_word, read_words
from stepsweep.trainer_script import Script

STDIN = "-"

MAX_INPUT_BYTES = 262_144
"""Limit of an execution's input: https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html"""
MAX_SPEC_BYTES = 4 * MAX_INPUT_BYTES
"""Of a file, which also has comments and white space. YAML of that size takes seconds to read."""

_RANGE = re.compile(r"(?P<low>[+-]?[0-9][^,:]*?)\.\.(?P<high>[^,:]+)(?P<words>(?::[^,]*)?)")
"""`low..high`, then words after colons. `low` must be a number, since a text may contain two dots too."""

_TOKENS = re.compile(r'(?P<text>"(?:[^"\\]|\\.)*")\s*(?P<colon>:?)|[{}]|NaN|-?Infinity')
"""Tokens of JSON: texts (before a colon they are keys), braces, and NaN or Infinity."""


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
    epochs: int | None = None
    search: str | None = None
    trials: int | None = None
    batch: int | None = None
    rounds: bool | None = None
    halving: str | None = None
    folds: int | None = None
    repeats: int | None = None
    name: str | None = None
    objectives: Sequence[str] = ()
    seed: int | None = None
    environment: Sequence[str] = ()
    secrets: Sequence[str] = ()
    artifacts: Sequence[str] = ()
    exported: Mapping[str, str] | None = None
    max_concurrency: int | None = None
    priority: str | None = None
    budget_usd: float | None = None
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
            given = _pairs(option, words, faults, several=field == "parameters")
            there = document.get(field, {})
            # If it is not an object, the spec's parser reports that.
            if given and isinstance(there, dict):
                merged[field] = there | {name: _with_condition(there.get(name), value) for name, value in given.items()}
        if self.environment:
            there = document.get("environment", {})
            given = _variables(self.environment, self.exported or {}, faults)
            merged["environment"] = there | given if isinstance(there, dict) else there
        for field, more in (("secrets", self.secrets), ("artifacts", self.artifacts)):
            there = document.get(field, [])
            if more and isinstance(there, list):
                merged[field] = [*there, *more]
        if self.objectives:  # in the place of either field
            merged = {name: value for name, value in merged.items() if name not in ("objective", "objectives")}
            several = len(self.objectives) > 1
            merged |= {"objectives": list(self.objectives)} if several else {"objective": self.objectives[0]}
        searched = {"method": self.search, "trials": self.trials, "batch": self.batch}
        if given := {name: value for name, value in searched.items() if value is not None}:
            there = document.get("search", {})
            named = {"method": there} if isinstance(there, str) else there
            # A grid has no numbers to keep.
            known = named if isinstance(named, dict) and self.search != "grid" else {}
            merged["search"] = known | given
        if self.halving is not None:
            merged["halving"] = _halving(self.halving, faults)
        for field in (
            "command",
            "rounds",
            "epochs",
            "folds",
            "repeats",
            "name",
            "seed",
            "max_concurrency",
            "priority",
            "budget_usd",
        ):
            if (value := getattr(self, field)) is not None:
                merged[field] = value
        for field in ("fresh", "accept_trainer"):
            if getattr(self, field):
                merged[field] = True
        if faults:
            raise InvalidInput(faults)
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
    spec = None
    try:
        spec = SweepSpec.from_json(document, default_name=default_name)
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


def brief_document(spec: SweepSpec) -> dict[str, Any]:
    """Returns a spec as a person would write it: without its name, and without what is so by default."""
    whole = spec.to_json()
    usual = SweepSpec.from_json({"parameters": {"a": [1]}, "epochs": 1, "name": "a"}).to_json()
    needed = ("parameters", "epochs")
    brief = {name: value for name, value in whole.items() if name in needed or value != usual.get(name)}
    # A default may depend on other fields.
    if SweepSpec.from_json({**brief, "name": spec.name}) != spec:
        brief = whole
    return {name: value for name, value in brief.items() if name != "name"}


def default_name(file: str | None, now: datetime) -> str:
    """Returns a default name for a sweep: `tutorial-20261123-053012-250731`.

    The last digits are microseconds, since a script may start several sweeps in one second.
    """
    stem = Path(file).stem if file and file != STDIN else ""
    stem = re.sub(r"[^A-Za-z0-9_-]+", "-", stem).strip("-_") or "sweep"
    time = f"{now:-%Y%m%d-%H%M%S-%f}"
    return stem[: MAX_NAME - len(time)] + time


def read_spec(file: str) -> Any:
    """Reads a JSON or YAML document strictly: no duplicate keys, no NaN or Infinity.

    A file is YAML if its name ends in .yaml or .yml. Standard input is YAML if it does not start with a brace.

    Raises:
        InvalidInput: the file cannot be read or breaks a rule; each fault names the file and the line.
    """
    name = "standard input" if file == STDIN else file
    try:
        with contextlib.nullcontext(sys.stdin.buffer) if file == STDIN else Path(file).open("rb") as stream:
            data = stream.read(MAX_SPEC_BYTES + 1)
    except OSError as error:
        raise InvalidInput([f"{name}: cannot be read: {error.strerror}"]) from None
    if len(data) > MAX_SPEC_BYTES:
        raise InvalidInput([f"{name}: larger than {MAX_SPEC_BYTES:,} bytes, which no spec needs"])
    try:
        text = data.decode("utf-8-sig")  # Windows PowerShell writes a byte-order mark
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InvalidInput([f"{name}:{line}: not UTF-8"]) from None
    if file == STDIN:
        return spec_document(name, text)
    return _yaml(name, text) if Path(file).suffix.lower() in (".yaml", ".yml") else _json(name, text)


def spec_document(name: str, text: str) -> Any:
    """Returns the document of a text that is no file: JSON if it starts with a brace, otherwise YAML.

    Args:
        name: names the text in faults.

    Raises:
        InvalidInput: it breaks a rule; each fault names the line.
    """
    return _json(name, text) if text.lstrip().startswith("{") else _yaml(name, text)


def _yaml(name: str, text: str) -> Any:
    from stepsweep.client.specs.yaml_text import read_yaml

    return read_yaml(name, text)


def _json(name: str, text: str) -> Any:
    try:
        document = json.loads(text)
    except json.JSONDecodeError as error:
        fault = _number_at(text, error) or f"not JSON: {error.msg} (column {error.colno})"
        raise InvalidInput([f"{name}:{error.lineno}: {fault}"]) from None
    except (ValueError, RecursionError) as error:  # an integer of thousands of digits, or deep nesting
        raise InvalidInput([f"{name}: not JSON that can be read here: {error}"]) from None
    if faults := [f"{name}:{line}: {fault}" for line, fault in _lax_json(text)]:
        raise InvalidInput(faults)
    return document


def _number_at(text: str, error: json.JSONDecodeError) -> str | None:
    """Returns the fault of a number at which the parser gave up: `1_000`, `0x10`, `+1`; None for other faults."""
    is_after_comma = error.msg.startswith("Expecting property name")  # `{"x": 1,5}`
    signs = r"[\w.+,'\u2212-]" if is_after_comma else r"[\w.+'\u2212-]"
    before = re.search(f"{signs}*$", text[max(0, error.pos - 100) : error.pos])
    after = re.match(f"{signs}*", text[error.pos : error.pos + 100])
    word = (before[0] if before else "") + (after[0] if after else "")
    return number_fault(word) if meant_by(word) else None


def _lax_json(text: str) -> list[tuple[int, str]]:
    """Returns faults that Python's parser accepts, with their lines: duplicate keys, NaN, Infinity."""
    faults: list[tuple[int, str]] = []
    open_objects: list[set[str]] = []
    for token in _TOKENS.finditer(text):
        line = text.count("\n", 0, token.start()) + 1
        if token["colon"]:
            key = json.loads(token["text"])
            if key in open_objects[-1]:
                faults.append((line, f"the key {shown(key)} stands twice in its object; keep one"))
            open_objects[-1].add(key)
        elif token[0] == "{":
            open_objects.append(set())
        elif token[0] == "}":
            open_objects.pop()
        elif not token["text"]:
            faults.append((line, f"{token[0]} is not a number in JSON; write a finite one"))
    return faults


def _pairs(option: str, words: Sequence[str], faults: list[str], *, several: bool) -> dict[str, Any]:
    """Returns `name=value` words as an object. With `several`, a value is a comma-separated list or a range."""
    pairs: dict[str, Any] = {}
    for word in words:
        name, equals, text = word.partition("=")
        if not equals or not name:
            example = "lr=0.1,0.01" if several else "batch_size=64"
            faults.append(f"{option} {shown(word)}: write name=value, such as {option} {example}")
            continue
        if name in pairs:
            faults.append(
                f"{option} {name}: given twice; " + ("write all choices in one" if several else "give it once")
            )
        where = f"{option} {name}"
        if several and (ends := _RANGE.fullmatch(text)):
            pairs[name] = _range(where, ends, faults)
        elif several:
            pairs[name] = _values(where, text, faults)
        else:
            pairs[name] = _value(where, text, faults)
    return pairs


def _with_condition(there: object, given: Any) -> Any:
    """Returns the values that an option gives a parameter, under the condition that the file has for it."""
    if not isinstance(there, dict) or "when" not in there:
        return given
    return (given if isinstance(given, dict) else {"choices": given}) | {"when": there["when"]}


def _variables(words: Sequence[str], exported: Mapping[str, str], faults: list[str]) -> dict[str, str]:
    """Returns `NAME=value` words, and `NAME` with the shell's value, as an object of texts."""
    variables: dict[str, str] = {}
    for word in words:
        name, equals, text = word.partition("=")
        if name in variables:
            faults.append(f"--env {name}: given twice; give it once")
        if not equals and name not in exported:
            faults.append(f"--env {shown(name)}: the shell has no such variable; export it, or write NAME=VALUE")
        variables[name] = text if equals else exported.get(name, "")
    return variables


def _range(where: str, ends: re.Match[str], faults: list[str]) -> dict[str, Any]:
    """Returns `1e-4..1:log` as a spec's object for a range."""
    found: dict[str, Any] = {"low": _value(where, ends["low"], faults), "high": _value(where, ends["high"], faults)}
    for word in filter(None, ends["words"].split(":")):
        match word.partition("="):
            case ("log", "", ""):
                found["log"] = True
            case ("int" | "float" as kind, "", ""):
                found["type"] = kind
            case ("step", "=", step):
                found["step"] = _value(where, step, faults)
            case _:
                faults.append(f"{where}: {shown(word)} behind a range; known are log, int, float and step=0.1")
    return found


def _halving(text: str, faults: list[str]) -> dict[str, Any]:
    if text == "auto":
        return {}
    least, colon, factor = text.partition(":")
    if not least.isdecimal() or (colon and not factor.isdecimal()):
        faults.append(f"--halving {shown(text)}: write MIN_EPOCHS:FACTOR, such as --halving 3:3, or auto")
        return {}
    return {"min_epochs": int(least)} | ({"factor": int(factor)} if colon else {})


def _value(where: str, text: str, faults: list[str]) -> Any:
    """Returns the value that a word means, which the spec's parser checks."""
    return _read(where, read_word, text, faults)


def _values(where: str, text: str, faults: list[str]) -> Any:
    return _read(where, read_words, text, faults)


def _read(where: str, read: Callable[[str], Any], text: str, faults: list[str]) -> Any:
    try:
        return read(text)
    except ValueError as error:
        faults.append(f"{where}: {error}")
        return 0
