"""Finds the trial that a person or a program names."""

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from stepsweep.bucket.plans import Plan
from stepsweep.client.archive.recorded import Archive
from stepsweep.client.specs.plain_values import plain
from stepsweep.contract.errors import InvalidInput
from stepsweep.contract.names import OPTION
from stepsweep.contract.numbers import meant_by
from stepsweep.contract.space import Value, as_option, canonical, key_of, parse_value, shown
from stepsweep.contract.trial import Trial
from stepsweep.contract.words import as_word, read_word

TrialName = int | str | Mapping[str, Any]
"""How a program names a trial: by its rank, the beginning of its id, or params that no other trial has."""

MAX_NAMED = 5
_BETWEEN = re.compile(rf",(?=(?:--)?{OPTION}=)")
"""Commas between params, and not within a value."""
_SPACED = re.compile(rf"(?:,|,?\s+)(?=(?:--)?{OPTION}=)")
"""The same, and white space: of words that stand in one pair of quotes."""
_PARAM = re.compile(rf"(?:--)?(?P<name>{OPTION})=(?P<value>.*)")


def trial_meant(archive: Archive, plan: Plan, words: Sequence[str]) -> Trial:
    """Returns the trial that a person names: by its rank, its params, or the beginning of its id.

    Raises:
        InvalidInput: no trial, or more than one, matches.
    """
    said = " ".join(words)
    by_rank = "its rank, "
    trials = list(plan.trials.values())
    wanted = _wanted(words, _BETWEEN)
    if len(words) == 1 and said.isascii() and said.isdigit():
        standing = archive.standing(plan.spec.name, running=[])
        found = [plan.trials[row.trial_id] for row in standing.rows if row.rank == int(said)]
        ranks = [row.rank for row in standing.rows if row.rank is not None]
        rule = f"no trial has rank {said}; the last rank is {max(ranks)}" if ranks else "no trial has a rank yet"
        by_rank = by_rank if ranks else ""
    elif wanted:
        found = _matching(trials, wanted) or _matching(trials, _wanted(words, _SPACED))
        rule = f"no trial has {said}"
    elif not said.strip():
        found, rule = [], "no trial is named"
    else:
        found = [trial for trial in trials if trial.trial_id.startswith(said)]
        rule = f"no trial's id starts with {shown(said)}"
    if len(found) == 1:
        return found[0]
    if not found:
        example = " ".join(f"{name}={as_word(value)}" for name, value in trials[0].params.items())
        raise InvalidInput([f"{rule}; name one by {by_rank}its params ({example}), or the beginning of its id"])
    # Trials with the same params differ in fold or seed.
    alike = Counter(key_of(trial.params) for trial in found)
    some = "; ".join(
        " ".join(
            f"{name}={value}"
            for name, value in _said_of(trial).items()
            if name in trial.params or alike[key_of(trial.params)] > 1
        )
        for trial in found[:MAX_NAMED]
    )
    rest = "give more of its params" if len(alike) == len(found) else "give more of its params, fold and seed"
    more = "; …" if len(found) > MAX_NAMED else ""
    raise InvalidInput([f"{said} means {len(found):,} trials ({some}{more}); {rest}"])


def words_of(trial: TrialName) -> list[str]:
    """Returns the words by which the command line would name it.

    Raises:
        InvalidInput: a value is none that a parameter can have.
    """
    if not isinstance(trial, Mapping):
        return [str(trial)]
    words, faults = [], []
    for name, value in plain(trial).items():
        if isinstance(value, float) and math.isnan(value):  # what a data frame has where a parameter does not apply
            continue
        try:
            words.append(f"{name}={as_word(parse_value(value))}")
        except ValueError as error:
            faults.append(f"{name}: {error}")
    if faults or not words:
        raise InvalidInput(faults or [f"trial: must have params with values, got {shown(trial)}"])
    return words


def _wanted(words: Sequence[str], between: re.Pattern[str]) -> dict[str, str]:
    """Returns the params that words name; nothing if one of them is none."""
    parts = [part for word in words for part in between.split(word) if part]
    params = [match for part in parts if (match := _PARAM.fullmatch(part))]
    given = Counter(match["name"] for match in params)
    if faults := [f"{name}: is given {times} times; give it one value" for name, times in given.items() if times > 1]:
        raise InvalidInput(faults)
    return {match["name"]: match["value"] for match in params} if len(params) == len(parts) else {}


def _matching(trials: Sequence[Trial], wanted: Mapping[str, str]) -> list[Trial]:
    found = [trial for trial in trials if wanted.items() <= _said_of(trial).items()]
    return found or [trial for trial in trials if _is_meant(trial, wanted)]


def _said_of(trial: Trial) -> dict[str, str]:
    """Returns the words that may name a trial: its params, fold and seed."""
    return {name: as_word(value) for name, value in _values_of(trial).items()}


def _values_of(trial: Trial) -> dict[str, Value]:
    return {**trial.member, **trial.params}


def _is_meant(trial: Trial, wanted: Mapping[str, str]) -> bool:
    values = _values_of(trial)
    return all(name in values and _means(text, values[name]) for name, text in wanted.items())


def _means(text: str, value: Value) -> bool:
    """Whether a person's text means a value: `0.10`, `1e-1` and `.1` are 0.1, `[64, 64]` is the list."""
    if text == as_option(value):
        return True
    try:
        return canonical(parse_value(read_word(meant_by(text) or text))) == canonical(value)
    except ValueError:
        return False
