"""The script's own command line, made from the wrapper's template and the trial's `--name value` pairs."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from stepsweep.trial.values import as_text, typed

ARGS = "{args}"
PLACEHOLDER = re.compile(r"\{([A-Za-z][A-Za-z0-9_./-]*)\}")
STYLES = ("--name value", "--name=value", "name=value", "hydra", "env")
BOOLEANS = ("value", "flag", "no-flag")
LISTS = ("json", "comma", "space", "repeat")
NULLS = ("omit", "value")
PLACES = ("checkpoint_dir", "artifacts_dir")
"""Placeholders for folders, which are no options of the trial."""
FILES = ("params_json", "params_yaml")
"""Placeholders for a file with all options, which the wrapper writes."""
_HYDRA_PLAIN = re.compile(r"[A-Za-z_./][A-Za-z0-9_./@+-]*", re.ASCII)
"""Texts that Hydra takes without quotes: https://hydra.cc/docs/advanced/override_grammar/basic/"""


class WrongCommand(Exception):
    """The template or the trial's options break a rule; `faults` names each."""

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = list(faults)


@dataclass(frozen=True)
class Dialect:
    """How the script wants its options.

    Attributes:
        style: one of STYLES; `hydra` is `name=value` with Hydra's quotes around texts.
        dashes: whether names have dashes where the trial has underscores.
        booleans: `value` passes true or false, `flag` the name alone where it is true, `no-flag` `--no-name` too.
        lists: `json` is `[64,64]`, `comma` is `64,64`, `space` two words, and `repeat` gives the option for each value.
        nulls: `omit` leaves the option out, `value` passes null; None means `value` for `name=value` and `hydra` alone.
        epochs_as: the script's name for `epochs`; None leaves the option out.
        seed_as: the same for `seed`.
        has_file: whether its configuration file gets the options, and the command line none.
    """

    style: str = "--name value"
    dashes: bool = False
    booleans: str = "value"
    lists: str = "json"
    nulls: str | None = None
    epochs_as: str | None = "epochs"
    seed_as: str | None = "seed"
    has_file: bool = False

    @property
    def omits_nulls(self) -> bool:
        return self.nulls == "omit" or (self.nulls is None and self.style not in ("name=value", "hydra"))


@dataclass(frozen=True)
class Command:
    """What to start.

    Attributes:
        argv: the script's command line.
        environment: what its environment gets on top.
        options: the trial's own, by name: numbers, texts, booleans, lists and None.
        files: the options under the script's names, by the path of the file to write; the ending says how.
        fields: what the script's configuration file gets, by the names of its fields.
        epochs: how many were asked for; None by hand.
    """

    argv: list[str]
    environment: dict[str, str]
    options: dict[str, Any]
    files: dict[str, dict[str, Any]]
    fields: dict[str, Any]
    epochs: int | None


def read(
    words: Sequence[str], dialect: Dialect, places: Mapping[str, str], texts: Collection[str] = frozenset()
) -> Command:
    """Returns the script's command.

    Args:
        words: the template, then the trial's pairs. The template ends at the word `{args}`; one that has placeholders
            such as `{lr}` instead ends at the word `--`.
        places: placeholders that are no options of the trial, such as `{checkpoint_dir}` and `{params_json}`.
        texts: names of options whose values are texts, though they look like another value.

    Raises:
        WrongCommand: the words break a rule.
    """
    template, pairs = _split(list(words))
    written = _pairs(pairs)
    options = {name: text if name in texts else typed(text) for name, text in written.items()}
    epochs = written.get("epochs")
    if epochs is not None and not (epochs.isdecimal() and int(epochs) > 0):
        raise WrongCommand([f"--epochs: must be a number from 1, got {epochs!r}"])
    named = {name for word in template if word != ARGS for name in PLACEHOLDER.findall(word)}
    if missing := sorted(named - set(options) - set(places)):
        raise WrongCommand([f"{{{name}}}: the trial has no option --{name}" for name in missing])
    has_file = not named.isdisjoint(FILES)
    if ARGS not in template and not has_file:
        lost = [name for name in options if name not in {*named, "epochs", "seed"}]
        if lost:
            raise WrongCommand(
                [f"--{name}: has no place in the command; write {{{name}}} there, or {ARGS}" for name in lost]
            )
    renamed = _all_renamed(options, dialect)
    # Numbers as they were written, but to Hydra, which tells them from texts.
    kept = (bool, list, type(None))
    given = {
        name: value if dialect.style == "hydra" or isinstance(value, kept) else written[name]
        for name, value in options.items()
    }
    rest: list[str] = []
    environment: dict[str, str] = {}
    for name, value in given.items():
        as_name = renamed.get(name)
        if dialect.has_file or name in named or as_name is None or (value is None and dialect.omits_nulls):
            continue
        if dialect.style == "env":
            environment[as_name] = _joined(value, dialect)
        else:
            rest += _words(as_name, value, dialect)
    argv: list[str] = []
    for word in template:
        argv += rest if word == ARGS else _filled(word, given, places, dialect)
    document = {as_name: options[name] for name, as_name in renamed.items()}
    files = {places[name]: _nested(document) for name in FILES if name in named}
    fields = {as_name: options[name] for name, as_name in renamed.items() if dialect.has_file and name not in named}
    return Command(argv, environment, options, files, fields, int(epochs) if epochs else None)


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


def _all_renamed(options: Mapping[str, Any], dialect: Dialect) -> dict[str, str]:
    """Returns the script's names of the options that it is given."""
    found: dict[str, str] = {}
    faults = []
    for name in options:
        as_name = _renamed(name, dialect)
        if as_name is None:
            continue
        if dialect.style == "env":
            as_name = re.sub(r"\W", "_", as_name)
        if as_name in found.values():
            other = next(one for one, given in found.items() if given == as_name)
            faults.append(f"--{name}: would be {as_name} to the script, as --{other} is; rename one of them")
        found[name] = as_name
    if faults:
        raise WrongCommand(faults)
    return found


def _words(name: str, value: Any, dialect: Dialect) -> list[str]:
    if isinstance(value, bool) and dialect.booleans != "value":
        if value:
            return [f"--{name}"]
        return [f"--no-{name}"] if dialect.booleans == "no-flag" else []
    if dialect.style == "hydra":
        return [f"{name}={_hydra(value)}"]
    if isinstance(value, list) and dialect.lists == "repeat":
        return [word for item in value for word in _pair(name, as_text(item), dialect)]
    if isinstance(value, list) and dialect.lists == "space" and dialect.style != "name=value":
        return [f"--{name}", *map(as_text, value)]  # argparse's nargs take no `=`
    return _pair(name, _joined(value, dialect), dialect)


def _pair(name: str, text: str, dialect: Dialect) -> list[str]:
    if dialect.style == "name=value":
        return [f"{name}={text}"]
    return [f"--{name}={text}"] if dialect.style == "--name=value" else [f"--{name}", text]


def _joined(value: Any, dialect: Dialect) -> str:
    """Returns the text of a value in one word."""
    if isinstance(value, list) and dialect.lists != "json":
        return ("," if dialect.lists == "comma" else " ").join(map(as_text, value))
    return as_text(value)


def _filled(word: str, given: Mapping[str, Any], places: Mapping[str, str], dialect: Dialect) -> list[str]:
    """Returns a word of the template with its placeholders filled; a list may make several words of `{name}` alone."""
    alone = PLACEHOLDER.fullmatch(word)
    value = given.get(alone[1]) if alone else None
    if isinstance(value, list) and dialect.lists in ("space", "repeat"):
        return [as_text(item) for item in value]
    return [
        PLACEHOLDER.sub(
            lambda found: places[found[1]] if found[1] in places else _joined(given[found[1]], dialect), word
        )
    ]


def _hydra(value: Any) -> str:
    """Returns a value in Hydra's grammar, whose words may be numbers and whose commas separate."""
    if isinstance(value, list):
        return f"[{','.join(map(_hydra, value))}]"
    is_plain = isinstance(value, str) and _HYDRA_PLAIN.fullmatch(value) and value.lower() not in _HYDRA_WORDS
    if isinstance(value, str) and not is_plain:
        # Hydra knows no other escapes: a backslash counts only before a quote.
        return "'" + re.sub(r"(\\*)'", lambda found: found[1] * 2 + "\\'", value) + "'"
    return as_text(value)


_HYDRA_WORDS = ("true", "false", "null", "nan", "inf")


def _nested(document: Mapping[str, Any]) -> dict[str, Any]:
    """Returns an object in which `optim.lr` is the field `lr` of `optim`."""
    nested: dict[str, Any] = {}
    for name, value in document.items():
        *parents, last = name.split(".")
        place = nested
        for parent in parents:
            place = place.setdefault(parent, {})
            if not isinstance(place, dict):
                raise WrongCommand([f"--{name}: {parent} is an option itself, and has no fields in a file"])
        if last in place:
            raise WrongCommand([f"--{name}: is an option and the name of others too, which no file can hold"])
        place[last] = value
    return nested
