"""The script's own command line, made from the wrapper's template and the trial's `--name value` pairs."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

ARGS = "{args}"
PLACEHOLDER = re.compile(r"\{([A-Za-z][A-Za-z0-9_./-]*)\}")
STYLES = ("--name value", "--name=value", "name=value", "env")
BOOLEANS = ("value", "flag", "no-flag")
PLACES = ("checkpoint_dir", "artifacts_dir")
"""Placeholders for folders, which are no options of the trial."""


class WrongCommand(Exception):
    """The template or the trial's options break a rule; `faults` names each."""

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = list(faults)


@dataclass(frozen=True)
class Dialect:
    """How the script wants its options.

    Attributes:
        style: one of STYLES.
        dashes: whether names have dashes where the trial has underscores.
        booleans: `value` passes true or false, `flag` the name alone where it is true, `no-flag` `--no-name` too.
        epochs_as: the script's name for `epochs`; None leaves the option out.
        seed_as: the same for `seed`.
    """

    style: str = "--name value"
    dashes: bool = False
    booleans: str = "value"
    epochs_as: str | None = "epochs"
    seed_as: str | None = "seed"


@dataclass(frozen=True)
class Command:
    """What to start.

    Attributes:
        argv: the script's command line.
        environment: what its environment gets on top.
        options: the trial's own, by name.
        epochs: how many were asked for; None by hand.
    """

    argv: list[str]
    environment: dict[str, str]
    options: dict[str, str]
    epochs: int | None


def read(words: Sequence[str], dialect: Dialect, places: Mapping[str, str]) -> Command:
    """Returns the script's command.

    Args:
        words: the template, then the trial's pairs. The template ends at the word `{args}`; one that has placeholders
            such as `{lr}` instead ends at the word `--`.
        places: placeholders that are no options of the trial, such as `{checkpoint_dir}`.

    Raises:
        WrongCommand: the words break a rule.
    """
    template, pairs = _split(list(words))
    options = _pairs(pairs)
    epochs = options.get("epochs")
    if epochs is not None and not (epochs.isdecimal() and int(epochs) > 0):
        raise WrongCommand([f"--epochs: must be a number from 1, got {epochs!r}"])
    named = {name for word in template if word != ARGS for name in PLACEHOLDER.findall(word)}
    if missing := sorted(named - set(options) - set(places)):
        raise WrongCommand([f"{{{name}}}: the trial has no option --{name}" for name in missing])
    if ARGS not in template and (lost := [name for name in options if name not in {*named, "epochs", "seed"}]):
        raise WrongCommand(
            [f"--{name}: has no place in the command; write {{{name}}} there, or {ARGS}" for name in lost]
        )
    rest: list[str] = []
    environment: dict[str, str] = {}
    for name, value in options.items():
        if name in named:
            continue
        renamed = _renamed(name, dialect)
        if renamed is None:
            continue
        if dialect.style == "env":
            environment[re.sub(r"\W", "_", renamed)] = value
        else:
            rest += _words(renamed, value, dialect)
    argv: list[str] = []
    filled = {**places, **options}
    for word in template:
        argv += rest if word == ARGS else [PLACEHOLDER.sub(lambda found: filled[found.group(1)], word)]
    return Command(argv, environment, options, int(epochs) if epochs else None)


def _split(words: list[str]) -> tuple[list[str], list[str]]:
    if ARGS in words:
        end = words.index(ARGS) + 1
        template, pairs = words[:end], words[end:]
    elif "--" in words and any(PLACEHOLDER.search(word) for word in words[: words.index("--")]):
        end = words.index("--")
        template, pairs = words[:end], words[end + 1 :]
    else:
        raise WrongCommand(
            ['{args}: missing; end the command with it: ["stepsweep-trial", "--", "python", "train.py", "{args}"]']
        )
    if template[0] == ARGS:
        raise WrongCommand(["{args}: no command stands before it; name the program that trains"])
    return template, pairs


def _pairs(words: list[str]) -> dict[str, str]:
    options: dict[str, str] = {}
    faults = []
    for at in range(0, len(words), 2):
        name = words[at][2:]
        if not words[at].startswith("--") or not name:
            faults.append(f"{words[at]!r}: a trial's options are `--name value` pairs")
        elif at + 1 == len(words):
            faults.append(f"--{name}: a value is missing")
        elif name in options:
            faults.append(f"--{name}: given twice")
        else:
            options[name] = words[at + 1]
    if faults:
        raise WrongCommand(faults)
    return options


def _renamed(name: str, dialect: Dialect) -> str | None:
    if name == "epochs":
        return dialect.epochs_as
    if name == "seed":
        return dialect.seed_as
    return name.replace("_", "-") if dialect.dashes else name


def _words(name: str, value: str, dialect: Dialect) -> list[str]:
    if value in ("true", "false") and dialect.booleans != "value":
        if value == "true":
            return [f"--{name}"]
        return [f"--no-{name}"] if dialect.booleans == "no-flag" else []
    if dialect.style == "name=value":
        return [f"{name}={value}"]
    return [f"--{name}={value}"] if dialect.style == "--name=value" else [f"--{name}", value]
