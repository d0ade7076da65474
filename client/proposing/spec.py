"""Writes the proposal: a sweep.yaml that explains each of its lines."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from stepsweep.client.proposing.choices import (
    CHECKPOINTS,
    EPOCHS,
    PORTIONS,
    RATES,
    SEEDS,
    SIZES,
    choices_of,
    is_text,
    is_value,
    plain,
    plain_name,
    usual_of,
)
from stepsweep.client.proposing.script import Option
from stepsweep.client.proposing.short_run import Tried
from stepsweep.contract.names import is_option, known_direction, why_reserved
from stepsweep.contract.space import parse_value
from stepsweep.contract.words import as_word

MOST_ACTIVE = 2
"""Most parameters that the proposal sweeps: two make nine trials, all of them could make a thousand."""

DEFAULT_EPOCHS = 10

MOST_MODELS = 3
_PLAIN = re.compile(r"[A-Za-z_0-9][A-Za-z0-9_.=/-]*")
"""Paths that are no patterns, and that YAML reads without quotes."""

_SIGNS = re.compile(r":(?:\s|$)|\s#|[,{}\[\]]")
"""What YAML does not take for text, or not between braces."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """What the script's parser tells about a sweep.

    Attributes:
        parameters: name → proposed choices, the likeliest parameter first.
        others: options without proposed choices.
        required: options that the script requires and has no default for, and that nobody can guess.
        file: the script's configuration file, if its fields are the options.
        arguments: arguments without a name that it requires, and that the command lacks.
        several: a line of `parameters` for each option with several values.
        checkpoint: the option that looks like a folder of checkpoints, if one does.
        guessed: those that have a usual value, with it: a short run needs them.
        epochs, seed: the script's own names for these two.
    """

    parameters: dict[str, list[Any]]
    others: list[str]
    required: list[str]
    epochs: str | None
    seed: str | None
    file: str | None = None
    arguments: Sequence[str] = ()
    booleans: str | None = None
    default_epochs: int = DEFAULT_EPOCHS
    flags: list[str] = field(default_factory=list)
    several: list[str] = field(default_factory=list)
    checkpoint: str | None = None
    guessed: dict[str, float] = field(default_factory=dict)


def proposal(options: Sequence[Option], arguments: Sequence[str] = (), *, file: str | None = None) -> Proposal:
    """Returns the options of a script that are worth sweeping, with choices."""
    by_name = {plain(option): option for option in reversed(options) if not option.lists}
    epochs = next((by_name[name] for name in EPOCHS if name in by_name), None)
    seed = next((by_name[name] for name in SEEDS if name in by_name), None)
    guessed = {
        option.name: usual_of(name, option)
        for name, option in ((plain(option), option) for option in options)
        if option.required and option.default is None and usual_of(name, option)
    }
    found: dict[str, list[Any]] = {}
    others, flags, several = [], [], []
    pairs = [option.name for option in options if option.kind == "bool"]
    for option in options:
        name = plain(option)
        if option in (epochs, seed) or not is_option(option.name) or why_reserved(option.name):
            continue
        if option.lists:
            several.append(_of_several(option))
        elif option.kind == ("bool" if pairs else "flag"):  # one way of writing `false` must do for all of them
            flags.append(option.name)
        elif choices := choices_of(name, option):
            found[option.name] = choices
        else:
            others.append(option.name)
    order = {name: place for place, name in enumerate((*RATES, *PORTIONS, *SIZES))}
    off = {option.name for option in options if option.default == 0}
    likely = sorted(found, key=lambda name: (name in off, order.get(plain_name(name), len(order))))
    return Proposal(
        parameters={name: found[name] for name in likely},
        others=others,
        required=[
            option.name
            for option in options
            if option.required and option.default is None and option.name not in guessed and option is not epochs
        ],
        file=file,
        arguments=arguments,
        guessed=guessed,
        epochs=epochs.name if epochs else None,
        seed=seed.name if seed else None,
        booleans="no-flag" if pairs else "flag" if flags else None,
        default_epochs=_whole(epochs.default if epochs else None) or DEFAULT_EPOCHS,
        flags=flags,
        several=several,
        checkpoint=next((option.name for option in map(by_name.get, CHECKPOINTS) if option and is_text(option)), None),
    )


def _whole(value: object) -> int:
    """Returns a number of epochs, which Hugging Face's `--num_train_epochs` has as 3.0; 0 if it is none."""
    if isinstance(value, int | float) and not isinstance(value, bool) and value >= 1 and float(value).is_integer():
        return int(value)
    return 0


def _of_several(option: Option) -> str:
    """Returns a line of `parameters` for an option with several values, with its default as the only choice."""
    values = option.default if isinstance(option.default, list) else []
    is_plain = bool(values) and all(is_value(value) for value in values)
    shown = json.dumps(values) if is_plain else "[VALUE, VALUE]"
    return f"{option.name}: [{shown}]  # takes several values: write lists: {option.lists} in `arguments`"


def text_of(command: str, known: Proposal | None, found: Tried | None) -> str:
    """Returns the text of sweep.yaml."""
    lines = [
        "# What `sweep run` does in this folder. `sweep plan` shows it, and starts nothing.",
        "# All of it is a proposal: change what you know better.",
        "",
        f"command: {_scalar(command)}",
    ]
    if known and known.arguments:
        lines.append(
            f"# The script insists on {', '.join(map(str.upper, known.arguments))}; write it at the command's end"
        )
    if known and known.checkpoint and not known.file:
        place = f"--{known.checkpoint} {{checkpoint_dir}} {{args}}"
        lines += [
            f"# If --{known.checkpoint} names a folder of checkpoints, an interrupted trial goes on from them with:",
            f"# command: {_scalar(f'{command} {place}')}",
        ]
    lines += _arguments(known, found)
    lines += _metrics(found)
    lines += _artifacts(found)
    lines += ["", *_parameters(known), *_epochs(known, found), *_objective(found)]
    return "\n".join(lines) + "\n"


def _scalar(text: str) -> str:
    """Returns a text as YAML reads it; in quotes where it would otherwise read something else."""
    return json.dumps(text, ensure_ascii=False) if _SIGNS.search(text) else text


def _arguments(known: Proposal | None, found: Tried | None) -> list[str]:
    if known is None:
        return ["# How the script takes its options, if not as --name value:", "# arguments: {style: name=value}"]
    words = [f"file: {_scalar(known.file)}"] if known.file else []
    if known.epochs and known.epochs != "epochs":
        words.append(f"epochs: {known.epochs}")
    if known.epochs is None and found is not None and found.measured.epochs > 1:
        words.append("epochs: false")
    if known.seed:
        words.append(f"seed: {known.seed}")
    if known.booleans and not known.file:
        words.append(f"booleans: {known.booleans}")
    return [f"arguments: {{{', '.join(words)}}}"] if words else []


def _metrics(found: Tried | None) -> list[str]:
    if found is not None and found.measured.place is not None:
        has = f"  # has {', '.join(found.measured.metrics)}" if found.measured.metrics else ""
        return [f"metrics: {json.dumps(found.measured.place)}{has}"]
    if found is not None and found.measured.metrics:
        return [f"# In its output: {', '.join(found.measured.metrics)}"]
    return [
        "# Where the metrics are, unless the script prints name=value, name: value or JSON; the number in parentheses:",
        r"# metrics: {accuracy: 'Test accuracy: (\S+)%'}",
        "# or a file that it writes:",
        "# metrics: metrics.csv",
    ]


def _artifacts(found: Tried | None) -> list[str]:
    models = list(dict.fromkeys(_pattern(name) for name in found.models if _PLAIN.fullmatch(name))) if found else []
    if not models:
        return ["# Files that it leaves, which `sweep download` gets of the winner:", "# artifacts: [best.pt]"]
    words = [json.dumps(model) if "*" in model else model for model in models[:MOST_MODELS]]
    sign = "" if len(models) <= MOST_MODELS else "# "
    return ["# It left these; `sweep download` gets the winner's:", f"{sign}artifacts: [{', '.join(words)}]"]


def _pattern(path: str) -> str:
    """Returns a path with `*` for each number, as of an epoch or a date: it may be another one in the next run."""
    whole, dot, ending = path.rpartition(".")
    return re.sub(r"\d+", "*", whole) + dot + ending


def _parameters(known: Proposal | None) -> list[str]:
    lines = ["parameters:"]
    active = list(known.parameters)[:MOST_ACTIVE] if known else []
    for name, choices in known.parameters.items() if known else ():
        sign = "  " if name in active else "  # "
        lines.append(f"{sign}{name}: {_listed(choices)}")
    if not active and known:
        lines.append("  # PROPOSED: none is known that is worth it; name options of the script, as in lr: [0.1, 0.01]")
    elif not active:
        lines.append("  lr: [0.1, 0.01, 0.001]  # PROPOSED: name the options of your script, and their choices")
    if known and known.flags:
        lines += [f"  # {name}: [false, true]" for name in known.flags]
    if known and known.several:
        lines += [f"  # {line}" for line in known.several]
    if known and known.required:
        lines += ["# The script insists on these; give each a value:", "# fixed:"]
        lines += [f"#   {name}: VALUE" for name in known.required]
    if known and known.others:
        lines.append(f"# Other options: {', '.join(known.others)}")
    return lines


def _epochs(known: Proposal | None, found: Tried | None) -> list[str]:
    if known is not None and known.epochs:
        return ["", f"epochs: {known.default_epochs}"]
    if found is not None and found.measured.epochs > 1:
        return ["", f"epochs: {found.measured.epochs}  # as many as it printed by itself"]
    return ["", "# epochs: 10  # if the script has an option for it"]


def _objective(found: Tried | None) -> list[str]:
    names = found.measured.metrics if found else ()
    known = [name for name in names if known_direction(name)]
    validated = [name for name in known if name.lower().startswith(("val", "eval", "test", "dev"))]
    scores = [name for name in known if known_direction(name) == "maximize"]
    best = next(iter([*(name for name in validated if name in scores), *validated, *scores, *known, *names]), None)
    if best is None:
        return ["objective: {metric: accuracy, direction: maximize}  # PROPOSED: the metric that decides"]
    direction = known_direction(best)
    note = "" if direction else "  # PROPOSED: or minimize"
    return [f"objective: {{metric: {best}, direction: {direction or 'maximize'}}}{note}"]


def _listed(choices: Sequence[Any]) -> str:
    words = [json.dumps(value) if isinstance(value, str) else as_word(parse_value(value)) for value in choices]
    return f"[{', '.join(words)}]"
