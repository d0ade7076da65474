"""What one printed line says: its epoch, its metrics, and of which kind it is."""

from __future__ import annotations

import bisect
import functools
import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from stepsweep.trial import doubt, named_epochs
from stepsweep.trial.numbers import IN_WORDS, NOT_FINITE, are_same, read
from stepsweep.trial.words import ANY_SPLIT, ANY_USUAL, IN_USUAL, NOT_METRICS, SPLITS, THINGS, USUAL

ON = ":"
"""Parts what a value was measured on from its name, in a key; no name has one."""
BEST = "best_"
_LATER = rf"(?:\s*(?:-+>|=+>|→)\s*({IN_WORDS}))*"
"""What a value has become, as in `0.9 -> 0.7`."""
_MORE = r"([,'\u2019\u00a0\u2009\u202f]\d[\d.,'\u2019\u00a0\u2009\u202f]*)?"
"""The rest of a number with commas."""
_MEAN = rf"(?:\s*%?\s*\(\s*({IN_WORDS})\s*%?\s*\))?"
_PAIR = re.compile(
    # Not in the middle of a word, of any alphabet, nor of `module:function:12`; but `Epoch 1:Loss:1.9` has a loss.
    r"(?<![\w./@-])(?<![^\d\s]:)(?<!(?u:\w))"
    r"([A-Za-z][\w./@-]*(?:'s [\w./@-]+)?)"
    r"(?:[\"']\s*:\s*[\"']|[\"']?(?:\s*\((?:%|([A-Za-z]+))(?:\s+set)?\))?\s*[=:]\s*)"
    rf"({IN_WORDS}){_LATER}{_MORE}"
    rf"(?:\s*/\s*(\d+(?:\.\d+)?))?{_MEAN}(?![:\w])(?!%\|)",
    re.ASCII | re.IGNORECASE,
)
"""A name, in parentheses what it was measured on, and a number, in quotes if the name is; not the percents of a
progress bar. Behind it what it has become, the rest of a number with commas, of how many, and one in parentheses."""
_SENTENCE = re.compile(
    rf"(?<![\w./@-])(?<!(?u:\w))((?:{ANY_USUAL})(?:@[\d.]+)?|prec@\d+|{ANY_SPLIT})((?!))?\s+(?:(?:of|is|was)\s+)?"
    r"([+-]?(?:(?:\d+(?:,\d{3})*\.\d+|\.\d+|\d+(?=\s?%)|\d+\.?\d*(?=[eE]))(?:[eE][+-]?\d+)?"
    rf"|(?<!is )(?<!was )(?<!of ){NOT_FINITE}))(?!(?u:\w)|\.\d)"  # `Loss is nan, skipping it` is of a batch
    rf"{_LATER}{_MORE}((?!))?{_MEAN}(?!%\|)",
    re.ASCII | re.IGNORECASE,
)
"""A usual name, or what was measured before its name is said, and a number without a sign between. Its groups are those
of a pair."""
_USUAL = re.compile(rf"(?<![\w./@-])(?:{ANY_USUAL})(?![\w./@-])", re.ASCII | re.IGNORECASE)
_SPLIT = re.compile(
    rf"(?<![\w./@-])(?<!\bstd )(?<!\bstd\. )(?<!\bstandard )(?:{ANY_SPLIT})(?!\.?[\w/@=-]|\.\.)",
    re.ASCII | re.IGNORECASE,
)
_HAS_SPLIT = re.compile(rf"(?:{ANY_SPLIT})[_/.-]", re.ASCII | re.IGNORECASE)
"""Begins a name that says itself what it was measured on, whatever the words before it."""
_DEVIATION = re.compile(r"\b(?:std\.?|standard)\s+$", re.ASCII | re.IGNORECASE)
"""What before `dev` means that it is no split."""
_COUNT = re.compile(r"\b(?:across|for|from|in|of|on|over)\s+(?:all\s+|the\s+)?\d+\s+$", re.ASCII | re.IGNORECASE)
"""Before a name, how many of them there are: of `loss over 5 folds: 0.4` it is no metric."""
_OWN = re.compile(rf"(?:\s*\([^()]*\))?\s*[=:]?\s*{IN_WORDS}", re.ASCII | re.IGNORECASE)
"""Behind a name, its own value: of `Loss: 1.9, Val: 0.7` the second is no loss."""
_VERBS = frozenset({"is", "was", "are", "were"})
"""Behind a name, before the sign: of `loss is: 0.4` the name is `loss`."""
_ONLY_SPLITS = re.compile(rf"(?:[\s,;:|/()]|-\s|(?:{ANY_SPLIT})\b|{IN_WORDS})*", re.ASCII | re.IGNORECASE)
_ONLY_WORDS = re.compile(r"[A-Za-z0-9\s()'-]*", re.ASCII)
_BEST_BEFORE = re.compile(
    rf"\bbest(?:\s+so\s+far)?[\s:(]+(?:epoch\s*[:=#]?\s*\d+[\s:,(=-]+)?(?:(?:{ANY_SPLIT})\s+)?$",
    re.ASCII | re.IGNORECASE,
)
_WORD_BEFORE = re.compile(
    rf"\b(?!(?:{ANY_SPLIT})\b)([A-Za-z]\w*(?:-[A-Za-z]\w*)*)\s+(?:(?:{ANY_SPLIT})\s+)?$", re.ASCII | re.IGNORECASE
)
_SPLIT_RIGHT_BEFORE = re.compile(rf"\b(?:{ANY_SPLIT})\.?\s+$", re.ASCII | re.IGNORECASE)
_SAME = frozenset({
    "a", "and", "at", "average", "avg", "best", "current", "each", "epoch", "final", "for", "got", "has", "in", "is",
    "its", "mean", "new", "of", "on", "overall", "s", "that", "the", "this", "to", "with",
})  # fmt: skip
"""Words before a name that make no other metric of it."""
_MOST_BEFORE = 24
_MOST_BEST = 48
_MOST_WORDS = 80
"""How far before a name a word is looked for, or `best`, and before a number the name that it belongs to."""
_BEST_WORD = re.compile(r"\bbest", re.ASCII | re.IGNORECASE)
_BATCH = re.compile(r"\[\s*\d+\s*/\s*\d+(?:\s*\(\s*\d+%\s*\))?\s*\]", re.ASCII)
_CLOCK = re.compile(r"\b(?:eta|time)\b", re.ASCII | re.IGNORECASE)
_STATS = re.compile(r"\s*Averaged stats:")


class Found(NamedTuple):
    """A value in a line.

    Attributes:
        key: a valid name, and what it was measured on.
        raw: the name as it was printed.
        word: before the name, where it may make another metric of it; empty if none does.
    """

    key: str
    raw: str
    value: float
    word: str = ""


def is_of_the_best(line: str) -> bool:
    """Returns whether an epoch in this line may be the best one so far."""
    return bool(_BEST_WORD.search(line))


def metrics_in(line: str) -> tuple[list[Found], dict[str, str]]:
    """Returns the values in a line of words, and by its key what may be another number than that of the name."""
    # These searches are most of what it costs to read a line.
    pairs = list(_PAIR.finditer(line)) if "=" in line or ":" in line else []
    lower = line.lower()
    has_usual = any(part in lower for part in IN_USUAL)
    sentences = list(_SENTENCE.finditer(line)) if has_usual else []
    units = doubt.with_units(line) if has_usual else []
    if not pairs and not sentences and not units:
        return [], {}
    matches = {match.start(): match for match in (*sentences, *pairs)}
    splits = [(match.start(), SPLITS[match[0].lower()]) for match in _SPLIT.finditer(line)]
    measured = [(match, *_measured(line, match, splits)) for match in matches.values() if _is_metric(match)]
    named = [each for each in measured if each[1].lower() not in (_VERBS if each[0].re is _PAIR else SPLITS)]
    begins = {match.start(3) for match, *_ in named}
    ends = {match.end() for match, name, *_ in named if name.lower() not in SPLITS}
    has_means = "(" in line and _has_means(line)
    found: dict[int, Found] = {}
    unclear = {_key(match[1], None, line, match.start(), splits): match[2] for match in units}
    for match, name, split, start in named:
        number, later, more, of, mean = match.groups()[2:]
        key = _key(name, split, line, start, splits)
        before = doubt.first(line, match.start(), ends) if match.re is _SENTENCE else ""
        behind = "" if of else doubt.second(line, match.end(), begins)
        is_ratio = bool(of) and "." not in of and _float(number) <= float(of)
        if before or behind or more or (of and not is_ratio):
            begin = match.start(3)
            unclear.setdefault(key, f"{before} {match[0]}" if before else line[begin : match.end()] + behind)
            continue
        value = _float((has_means and mean) or later or number)
        if is_ratio and float(of):
            value /= float(of)
        found[match.start()] = Found(key, _printed(name, key), value, _word(line, start))
    apart, several = _told_apart(line, _of_one_case(found) if splits else found)
    return apart, {**several, **unclear}


def _is_metric(match: re.Match[str]) -> bool:
    is_code = match[1].endswith(".py")  # as absl and rich name the line that logs
    return not is_code and match[1].lower() not in NOT_METRICS and (match[2] is None or match[2].lower() in SPLITS)


def _measured(line: str, match: re.Match[str], splits: list[tuple[int, str]]) -> tuple[str, str | None, int]:
    """Returns the name of a value, what it was measured on, and where the name is.

    In `Accuracy on the test set: 0.9`, `acc train: 0.9, val: 0.8` and `loss over 5 folds: 0.4` what is measured stands
    before, with no own value.
    """
    raw, within, start = match[1].rstrip("."), match[2], match.start()
    split = SPLITS[within.lower()] if within else None
    is_split = raw.lower() in SPLITS and not _DEVIATION.search(line, max(start - _MOST_BEFORE, 0), start)
    is_verb = raw.lower() in _VERBS
    is_count = bool(_COUNT.search(line, max(start - _MOST_BEFORE, 0), start)) and raw.lower() not in USUAL
    if not is_split and not is_count and not is_verb and raw.lower() not in THINGS:
        return raw, split, start
    split = split or (SPLITS[raw.lower()] if is_split else _split_before(start, splits))
    usual = list(_USUAL.finditer(line, max(start - _MOST_WORDS, 0), start))[-1:]
    if usual and (split or is_count or is_verb):
        end = usual[0].end()
        is_for = bool(not _OWN.match(line, end) if is_split else _ONLY_WORDS.fullmatch(line, end, start))
        if is_for and (match.re is _PAIR or _ONLY_SPLITS.fullmatch(line, end, start)):
            return usual[0][0], split, usual[0].start()
    return raw, (split if within else None), start


def _has_means(line: str) -> bool:
    """Whether numbers in parentheses are the means so far, as in `[ 10/196] Time 0.4 (0.5) Loss 0.9 (0.7)`."""
    if _STATS.match(line):
        return True
    epoch = next((each for each in named_epochs.in_words(line) if not each.is_other), None)
    batches = (match.start() for match in _BATCH.finditer(line))
    return bool(_CLOCK.search(line)) and any(not (epoch and epoch.start <= at < epoch.end) for at in batches)


def _float(number: str) -> float:
    return read(number.replace(",", ""))


def _word(line: str, start: int) -> str:
    match = _WORD_BEFORE.search(line, max(0, start - _MOST_BEFORE), start)
    return match[1] if match and match[1].lower() not in _SAME else ""


@functools.lru_cache(256)
def valid_name(name: str) -> str:
    """Returns the name as a metrics file may have it: what the contract does not take becomes `_`."""
    return re.sub(r"[^A-Za-z0-9_./@-]+", "_", name.replace("'s ", "_"))[:128]


def _key(name: str, split: str | None, line: str, start: int, splits: list[tuple[int, str]]) -> str:
    """Returns a valid name with `best_`, and with what its value was measured on, as the words before it say."""
    name = valid_name(name)
    split = split or (None if _HAS_SPLIT.match(name) else _split_before(start, splits))
    if _BEST_BEFORE.search(line, max(start - _MOST_BEST, 0), start):
        name = BEST + name
    return f"{split}{ON}{name}" if split else name


def _printed(raw: str, key: str) -> str:
    """Returns what of the output the key names, to tell it from others that would have the same key."""
    return raw if key.rpartition(ON)[2] == valid_name(raw) else BEST + raw


def _of_one_case(found: Mapping[int, Found]) -> dict[int, Found]:
    """Returns what was found in a line, with a name of both `Loss: 2.1` and `val loss: 2.3` as its first one is."""
    names: dict[str, str] = {}
    keys = {one.key for one in found.values()}
    same = {}
    for at, one in sorted(found.items()):
        split, on, name = one.key.rpartition(ON)
        key = f"{split}{on}{names.setdefault(name.lower(), name)}"
        same[at] = one if key in keys else one._replace(key=key, raw=key.rpartition(ON)[2])
    return same


def _told_apart(line: str, found: Mapping[int, Found]) -> tuple[list[Found], dict[str, str]]:
    """Returns what was found in a line, in its order, and by its key what has several values.

    A name that is there twice has the word before it in one place: that of a target, a minimum or an earlier epoch is
    another metric. Of `loss: 2.1, val loss: 2.3, acc: 0.5, val acc: 0.4` the first `acc` is of the same as the first
    `loss`.
    """
    in_order = sorted(found.items())
    keys = {one.key for one in found.values()}
    if len(keys) == len(found):  # as in most lines
        return [one for _, one in in_order], {}
    differ = _several(found.values()).keys() | _of_several_words(line, in_order)
    apart = []
    for at, one in in_order:
        split, _, name = one.key.rpartition(ON)
        before = max(0, at - _MOST_BEFORE)
        word = _WORD_BEFORE.search(line, before, at) if one.key in differ else None
        if word:
            apart.append(Found(with_word(one.key, word[1]), f"{word[1]} {one.raw}", one.value))
        elif (
            one.key in differ
            and any(f"{split}{ON}{key}" in keys for key in keys)
            and not _SPLIT_RIGHT_BEFORE.search(line, before, at)
        ):
            apart.append(one._replace(key=name))
        else:
            apart.append(one)
    several = _several(apart)
    return [one for one in apart if one.key not in several], several


def _of_several_words(line: str, in_order: Iterable[tuple[int, Found]]) -> set[str]:
    """Returns the keys that stand behind several words, also where their values are the same by chance."""
    words: dict[str, set[str]] = {}
    for at, one in in_order:
        word = _WORD_BEFORE.search(line, max(0, at - _MOST_BEFORE), at)
        words.setdefault(one.key, set()).add(word[1].lower() if word else "")
    return {key for key, each in words.items() if len(each - _SAME) > 1}


def _several(found: Iterable[Found]) -> dict[str, str]:
    """Returns the values of the keys that have different ones."""
    values: dict[str, list[float]] = {}
    for one in found:
        values.setdefault(one.key, []).append(one.value)
    return {
        key: " and ".join(f"{value:g}" for value in each[:3])
        for key, each in values.items()
        if len(each) > 1 and any(not are_same(other, each[0]) for other in each)
    }


def with_word(key: str, word: str) -> str:
    """Returns the key of what the word before the name makes of it."""
    split, on, name = key.rpartition(ON)
    return f"{split}{on}{word}_{name}"


def _split_before(start: int, splits: list[tuple[int, str]]) -> str | None:
    at = bisect.bisect_left(splits, (start, "")) - 1
    return splits[at][1] if at >= 0 else None


def column(key: str) -> str:
    return key.replace(ON, "_")
