"""Texts for people: describes sweeps, params and numbers, for all interfaces."""

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal

from stepsweep.contract.diagram import Condition
from stepsweep.contract.search import Method
from stepsweep.contract.space import Parameter, Range, Value, as_option, is_listed, size_of
from stepsweep.contract.spec import SweepSpec
from stepsweep.contract.words import as_word

MAX_NAMED = 5
"""Most names in one line; a number counts the rest."""
MAX_CHARACTERS = 240
"""Most characters of such names, unless one alone is longer."""


def described(spec: SweepSpec) -> str:
    """Describes a sweep in a few words: `9 trials (lr 3 x momentum 3), up to 100 epochs each`."""
    each = [f"{spec.folds} folds"] if spec.folds else []
    each += [f"{spec.repeats} seeds"] if spec.repeats > 1 else []
    tried, times = number_of(spec.number_of_params, "trial"), ""
    if each:
        tried = sets_of_params(spec.number_of_params)
        times = f" x {' x '.join(each)}, {number_of(spec.number_of_trials, 'trial')}"
    how = f"{spec.search.method.value} search: "
    if spec.search.method is Method.GRID:
        how = ""
    elif spec.search.method is Method.LIST:
        tried, how = f"{tried} by hand", ""
    further = f"; the best 1/{spec.halving.factor} continue after epoch {spec.rungs[0]}" if spec.halving else ""
    if spec.halving and len(spec.rungs) == 1:
        further = f"; halving has no effect, since its first rung is {number_of(spec.halving.min_epochs, 'epoch')}"
    how = how if spec.rounds else f"free-running {how or 'search: '}"
    up_to = f", up to {spec.epochs:,} epochs each" if spec.epochs > 1 else ""
    return f"{how}{tried} ({_space(spec)}){times}{up_to}{further}"


def _space(spec: SweepSpec) -> str:
    """Describes what is searched: `lr 3 x optimizer 2, momentum 4 if optimizer=sgd; without optimizer=adam lr=1`."""
    varied = varying(spec) or set(spec.parameters)
    if spec.search.method is Method.LIST:
        return ", ".join(name for name in spec.parameters if name in varied)
    sizes = {name: f"{name} {_extent(each)}" for name, each in spec.parameters.items() if name in varied}
    words = [" x ".join(size for name, size in sizes.items() if name not in spec.when)]
    words += [f"{sizes[name]} if {_condition(when)}" for name, when in spec.when.items() if name in sizes]
    text = ", ".join(filter(None, words))
    if spec.exclude:
        text += f"; without {some([_condition(each) for each in spec.exclude])}"
    return text + (f"; {len(spec.try_first):,} by hand first" if spec.try_first else "")


def _condition(when: Condition) -> str:
    """Describes a condition: `optimizer=sgd|adam layers=2`."""
    return " ".join(f"{name}={'|'.join(map(as_word, values))}" for name, values in when.items())


def at_epoch(epoch: int | None, *, n: int, of: int | None = None) -> str:
    """Returns where a value was reached: `at epoch 3 of 9`, or for a mean of n trials `at epoch 3 of 9 on average`."""
    return f"at epoch {epoch}{f' of {of}' if of else ''}{' on average' if n > 1 else ''}"


def varying(spec: SweepSpec) -> set[str]:
    """Returns the parameters that tell trials apart: with more than one choice, or not part of all params."""
    several = {name for name, each in spec.parameters.items() if not is_listed(each) or size_of(each) > 1}
    listed = spec.try_first if spec.search.method is Method.LIST else ()
    return several | set(spec.when) | {name for name in spec.parameters if any(name not in params for params in listed)}


def _extent(parameter: Parameter) -> str:
    """Returns the number of choices, or the bounds of a range."""
    if not isinstance(parameter, Range) or parameter.is_listed:
        return str(size_of(parameter))
    log = " log" if parameter.log else ""
    return f"{as_option(parameter.low)}..{as_option(parameter.high)}{log}"


def assignments(params: Mapping[str, Value]) -> str:
    """Returns `lr=0.1 momentum=0.5`, as `sweep logs` reads it."""
    return " ".join(f"{name}={as_word(value)}" for name, value in params.items())


def some(trials: Sequence[str]) -> str:
    """Returns the first few, and the number of the rest; fewer if they are long."""
    named = 1
    while named < min(MAX_NAMED, len(trials)) and sum(map(len, trials[: named + 1])) <= MAX_CHARACTERS:
        named += 1
    more = f"; and {len(trials) - named:,} more" if len(trials) > named else ""
    return "; ".join(trials[:named]) + more


def shown_value(value: float, *, digits: int = 6) -> str:
    return f"{value:.{digits}g}"


def values_text(values: Mapping[str, float]) -> str:
    """Returns the values of several objectives: `val_accuracy 0.91, latency_ms 3.2`."""
    return ", ".join(f"{metric} {shown_value(value)}" for metric, value in values.items())


def readable(cause: str) -> list[str]:
    """Returns the lines of an execution's cause; for a failed function its message without the traceback."""
    try:
        document = json.loads(cause)
    except ValueError:
        document = None
    if isinstance(document, dict) and "errorMessage" in document:
        cause = f"{document.get('errorType', 'error')}: {document['errorMessage']}"
    return [printable(line) for line in cause.splitlines()]


def printable(text: str) -> str:
    """Returns the text without control characters except line ends: a trainer's output may contain anything."""
    return "".join(sign if sign.isprintable() or sign == "\n" else " " for sign in text)


def number_of(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def sets_of_params(count: int) -> str:
    """Counts what a grid or a search tries; each of folds and seeds makes a trial of it."""
    return f"{number_of(count, 'set')} of params"


def verb(count: int, one: str, several: str) -> str:
    """Returns the form of a verb that agrees with a count: `was` or `were`."""
    return one if count == 1 else several


def usd_text(value: float) -> str:
    """Returns an amount with cents; a smaller one with two digits, and none with an exponent."""
    return f"{value:,.2f}" if value >= 0.01 or not value else plain_digits(float(f"{value:.2g}"))


def plain_digits(value: float) -> str:
    """Returns a number that a person gave, without an exponent."""
    return f"{Decimal(f'{value:.15g}'):f}"


def between(low: str, high: str) -> str:
    """Returns a range in words; one text if both ends read alike."""
    return low if low == high else f"{low} to {high}"
