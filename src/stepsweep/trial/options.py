"""The kit's own options, those before `--`: what each may be, and which cannot go together."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence

from stepsweep.trial import config_file, event_files, old_metrics
from stepsweep.trial.columns import EPOCH
from stepsweep.trial.command import BOOLEANS, LISTS, NULLS, STYLES, Dialect, WrongCommand
from stepsweep.trial.line import valid_name
from stepsweep.trial.metrics import Collector


def parse(words: Sequence[str]) -> argparse.Namespace:
    """Returns the options. Raises SystemExit for help, and if one is wrong by itself."""
    return _parser().parse_args(words)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="stepsweep-trial",
        allow_abbrev=False,
        usage="stepsweep-trial [options] -- COMMAND ... {args}",
        description="Runs a command as a trial: translates its options, and reads metrics from its output.",
    )
    parser.add_argument("--python", metavar="PATH", help="the interpreter that runs the command's python")
    parser.add_argument("--style", choices=STYLES, default=STYLES[0], help="how options reach the command")
    parser.add_argument("--dashes", action="store_true", help="batch_size becomes batch-size")
    parser.add_argument("--booleans", choices=BOOLEANS, default=BOOLEANS[0], help="true and false")
    parser.add_argument("--lists", choices=LISTS, default=LISTS[0], help="[64,64] as one value")
    parser.add_argument("--nulls", choices=NULLS, help="leave null out, or pass it; the style says which by default")
    parser.add_argument(config_file.OPTION, metavar="PATH", help="the command's configuration file gets its options")
    parser.add_argument("--epochs-as", metavar="NAME", default="epochs", help="the command's name for epochs")
    parser.add_argument("--no-epochs", action="store_true", help="the command has no option for epochs")
    parser.add_argument("--seed-as", metavar="NAME", default="seed", help="the command's name for the seed")
    parser.add_argument("--no-seed", action="store_true", help="the command has no option for the seed")
    parser.add_argument("--metric", metavar="NAME=REGEX", action="append", default=[], help="where a metric is printed")
    parser.add_argument("--metrics-file", metavar="PATH", help="CSV, JSON lines or trainer_state.json, read at the end")
    parser.add_argument("--tensorboard", metavar="DIR", help="the folder of TensorBoard's event files")
    parser.add_argument("--mlflow", metavar="PATH", help="mlflow.db, mlruns, or the folder that has one of them")
    parser.add_argument("--epoch", metavar="REGEX", help="where the epoch is printed")
    return parser


def check(asked: argparse.Namespace) -> None:
    """Raises WrongCommand if options cannot go together, or need a package that is missing."""
    faults = []
    given = list(files(asked))
    faults += [f"{given[0]}: cannot go with {other}; leave one out" for other in given[1:]]
    if given and (asked.metric or asked.epoch):
        faults.append(f"{given[0]}: cannot go with --metric or --epoch, which read the output; leave one out")
    if asked.tensorboard and not event_files.installed():
        faults.append(f"--tensorboard: needs the package tensorboard: {sys.executable} -m pip install tensorboard")
    if faults:
        raise WrongCommand(faults)


def dialect(asked: argparse.Namespace) -> Dialect:
    """Returns how the command takes its options."""
    return Dialect(
        style=asked.style,
        dashes=asked.dashes,
        booleans=asked.booleans,
        lists=asked.lists,
        nulls=asked.nulls,
        epochs_as=None if asked.no_epochs else asked.epochs_as,
        seed_as=None if asked.no_seed else asked.seed_as,
        has_file=asked.into is not None,
    )


def files(asked: argparse.Namespace) -> dict[str, str]:
    """Returns the paths of metrics by their options."""
    named = {
        old_metrics.FILE: asked.metrics_file,
        old_metrics.TENSORBOARD: asked.tensorboard,
        old_metrics.MLFLOW: asked.mlflow,
    }
    return {option: text for option, text in named.items() if text}


def looked(asked: argparse.Namespace) -> str:
    """Returns where metrics are looked for, in words: in the files that the options name, or in the output."""
    there = [f"for named numbers in {text} ({option})" for option, text in files(asked).items()]
    return there[0] if there else "for `name=value`, `name: value`, `val acc 78.1%` and JSON lines"


def collector(asked: argparse.Namespace) -> Collector:
    """Returns what reads the output. Raises WrongCommand if a pattern cannot be used."""
    return Collector(_patterns(asked.metric), _pattern("--epoch", asked.epoch) if asked.epoch else None)


def _patterns(texts: Sequence[str]) -> dict[str, re.Pattern[str]]:
    patterns, faults = {}, []
    for text in texts:
        name, equals, pattern = text.partition("=")
        if not equals or not name or valid_name(name) != name or name == EPOCH:
            faults.append(f"--metric {text!r}: must be NAME=REGEX, as in val_loss=loss (\\S+)")
            continue
        try:
            patterns[name] = _pattern(f"--metric {name}", pattern)
        except WrongCommand as wrong:
            faults += wrong.faults
    if faults:
        raise WrongCommand(faults)
    return patterns


def _pattern(option: str, text: str) -> re.Pattern[str]:
    try:
        pattern = re.compile(text)
    except re.error as error:
        raise WrongCommand([f"{option}: not a regular expression: {error}"]) from None
    if not pattern.groups:
        raise WrongCommand([f"{option}: {text!r} has no group; put the number into parentheses"])
    return pattern
