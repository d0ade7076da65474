"""Writes the proposal: a sweep.yaml that explains each of its lines."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from stepsweep.client.proposing.script import Option
from stepsweep.client.proposing.short_run import Tried
from stepsweep.contract.names import is_option, known_direction, why_reserved
from stepsweep.contract.space import parse_value
from stepsweep.contract.words import as_word

EPOCHS = (
    "epochs", "num-epochs", "max-epochs", "n-epochs", "num-train-epochs", "nepochs", "num-boost-round", "rounds",
    "num-rounds", "n-rounds",
)  # fmt: skip
SEEDS = ("seed", "random-seed", "random-state", "manual-seed")

RATES = ("lr", "learning-rate", "alpha", "c", "gamma", "weight-decay", "wd", "reg", "lambda", "eta", "temperature")
"""Options to vary by factors of ten."""

PORTIONS = ("momentum", "dropout", "subsample", "label-smoothing", "beta", "beta1", "mixup")
"""Options with values between 0 and 1."""

SIZES = (
    "batch-size", "hidden", "hidden-size", "hidden-dim", "width", "dim", "depth", "layers", "num-layers", "units",
    "channels", "n-estimators", "max-depth", "num-leaves", "embedding-dim", "heads",
)  # fmt: skip
"""Options to vary by factors of two."""

OFF = {
    "dropout": [0.0, 0.2, 0.5],
    "label-smoothing": [0.0, 0.1],
    "mixup": [0.0, 0.2],
    "momentum": [0.0, 0.5, 0.9],
    "wd": [0.0, 0.0001, 0.01],
    "weight-decay": [0.0, 0.0001, 0.01],
}
"""Choices for options whose default, 0, leaves them out."""

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
    guessed: dict[str, float] = field(default_factory=dict)


def proposal(options: Sequence[Option], arguments: Sequence[str] = (), *, file: str | None = None) -> Proposal:
    """Returns the options of a script that are worth sweeping, with choices."""
    plain = {_plain(option): option for option in reversed(options)}
    epochs = next((plain[name] for name in EPOCHS if name in plain), None)
    seed = next((plain[name] for name in SEEDS if name in plain), None)
    guessed = {
        option.name: _usual(name, option)
        for name, option in ((_plain(option), option) for option in options)
        if option.required and option.default is None and _usual(name, option)
    }
    found: dict[str, list[Any]] = {}
    others, flags = [], []
    pairs = [option.name for option in options if option.kind == "bool"]
    for option in options:
        name = _plain(option)
        if option in (epochs, seed) or not is_option(option.name) or why_reserved(option.name):
            continue
        if option.kind == ("bool" if pairs else "flag"):  # one way of writing `false` must do for all of them
            flags.append(option.name)
        elif choices := _choices(name, option):
            found[option.name] = choices
        else:
            others.append(option.name)
    order = {name: place for place, name in enumerate((*RATES, *PORTIONS, *SIZES))}
    off = {option.name for option in options if option.default == 0}
    likely = sorted(found, key=lambda name: (name in off, order.get(_plain_name(name), len(order))))
    is_number = epochs is not None and isinstance(epochs.default, int) and not isinstance(epochs.default, bool)
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
        default_epochs=epochs.default if epochs and is_number and epochs.default > 0 else DEFAULT_EPOCHS,
        flags=flags,
    )


def _plain(option: Option) -> str:
    return _plain_name(option.name)


def _plain_name(name: str) -> str:
    """Returns the last part of a name such as `optim.learning_rate`, as it is compared with usual ones."""
    return name.rpartition(".")[2].lower().replace("_", "-")


def _choices(name: str, option: Option) -> list[Any]:
    default = _usual(name, option) if option.default is None else option.default
    is_number = isinstance(default, int | float) and not isinstance(default, bool)
    if option.choices:
        return [value for value in option.choices if _is_value(value)]
    if not is_number or default < 0:
        return []
    if default == 0:
        return OFF.get(name, [])
    if name == "gamma" and 0.1 < default < 1:  # of a schedule
        return sorted({_rounded(default / 2), default, 0.9})
    if name in PORTIONS:
        return sorted({0.0, default, 0.9 if name == "momentum" else 0.5})
    if name in RATES:
        return [_rounded(default / 10), default, _rounded(default * 10)]
    if name in SIZES and default >= 1:
        return sorted({max(1, int(default) // 2), int(default), int(default) * 2})
    return []


def _usual(name: str, option: Option) -> float:
    """Returns a usual value for an option without a default; 0 if nobody knows one."""
    usual = {RATES: 0.01, PORTIONS: 0.5, SIZES: 32}
    value = next((value for names, value in usual.items() if name in names), 0)
    return value if option.kind in ("int", "float") and (option.kind == "float" or value >= 1) else 0


def _is_value(value: object) -> bool:
    try:
        parse_value(value)
    except ValueError:
        return False
    return True


def _rounded(value: float) -> float:
    return float(f"{value:.6g}")


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
    if known.epochs is None and found is not None and found.epochs > 1:
        words.append("epochs: false")
    if known.seed:
        words.append(f"seed: {known.seed}")
    if known.booleans and not known.file:
        words.append(f"booleans: {known.booleans}")
    return [f"arguments: {{{', '.join(words)}}}"] if words else []


def _metrics(found: Tried | None) -> list[str]:
    if found is not None and found.file:
        return [f"metrics: {json.dumps(found.file)}  # has {', '.join(found.metrics)}"]
    if found is not None and found.metrics:
        return [f"# In its output: {', '.join(found.metrics)}"]
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
    if not active:
        lines.append("  lr: [0.1, 0.01, 0.001]  # PROPOSED: name the options of your script, and their choices")
    if known and known.flags:
        lines += [f"  # {name}: [false, true]" for name in known.flags]
    if known and known.required:
        lines += ["# The script insists on these; give each a value:", "# fixed:"]
        lines += [f"#   {name}: VALUE" for name in known.required]
    if known and known.others:
        lines.append(f"# Other options: {', '.join(known.others)}")
    return lines


def _epochs(known: Proposal | None, found: Tried | None) -> list[str]:
    if known is not None and known.epochs:
        return ["", f"epochs: {known.default_epochs}"]
    if found is not None and found.epochs > 1:
        return ["", f"epochs: {found.epochs}  # as many as it printed by itself"]
    return ["", "# epochs: 10  # if the script has an option for it"]


def _objective(found: Tried | None) -> list[str]:
    names = found.metrics if found else ()
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
