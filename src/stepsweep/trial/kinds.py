"""Of which kind a line is: its words without numbers. Lines of one kind have one value per epoch."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TypeVar

from stepsweep.trial import line, numbers

_OF = " /"
"""Before the numbers of steps, such as 1875 of `7/1875`, which tell the bars of a training and of a test apart."""
_NUMBER = re.compile(rf"[+-]?(?:\d[\d,]*\.?\d*(?:[eE][+-]?\d+)?|\.\d+|{numbers.NOT_FINITE})(?![\w.])", re.IGNORECASE)
_WORD = re.compile(r"[^\W\d_]+")
_STEPS = re.compile(r"(?<![\d./])\d+/(\d+)(?![\d./])", re.ASCII)
_OTHERS = frozenset({
    "baseline", "goal", "highest", "initial", "lowest", "max", "maximum", "min", "minimum", "old", "prev", "previous",
    "target", "threshold",
})  # fmt: skip
"""Words before a name that make another metric of it, also where other lines have it without a word."""

_FOLD = re.compile(r"\b(?:cv|fold|split)[\"']?\s*[#:=]?\s*(\d+)", re.ASCII | re.IGNORECASE)

Value = TypeVar("Value")
Cells = Mapping[int, Mapping[str, Value]]
"""The values of a name, by epoch and kind of line."""


def kind_of(text: str, document: Mapping[str, object] | None) -> str:
    """Returns what lines of one kind have in common: their words without numbers, or the fields of a JSON object."""
    if document is not None:
        return " ".join(sorted(document))[:200]
    steps = dict.fromkeys(_STEPS.findall(text[:1000]))
    return " ".join(_WORD.findall(_NUMBER.sub(" ", text[:1000])))[:200] + "".join(
        _OF + each for each in list(steps)[:4]
    )


def fold_in(text: str) -> str:
    """Returns the number of the fold that a line names; empty if it names none."""
    found = _FOLD.search(text, 0, 1000)
    return found[1] if found else ""


def words_of(kind: str) -> str:
    """Returns a kind without numbers of steps."""
    return kind.partition(_OF)[0]


def pattern_of(kind: str, name: str) -> str:
    """Returns a pattern of the options for the number behind a name in lines of a kind."""
    words, own = words_of(kind).split(), _WORD.findall(name)
    at = next((at for at in range(len(words)) if words[at : at + len(own)] == own), 0)
    return ".*?".join([*words[:at], re.sub(r"[^A-Za-z0-9]", ".", name)]) + rf"\W*?{numbers.GROUP}"


def chosen(cells: Cells[Value], name: str) -> dict[int, str]:
    """Returns of which kind of line the value of each epoch is: the last one of those that all epochs have.

    Where the words behind a value differ, such as `new best`, those before it say of which kind it is.
    """
    before = re.compile(r"\b" + r"\s+".join(_WORD.findall(name)) + r"\b")

    def up_to_name(kind: str) -> str:
        match = before.search(words_of(kind))
        return kind[: match.end()] if match else kind

    alike: Callable[[str], str] = words_of if _in_all(cells, words_of) else up_to_name
    counted, exactly = _in_all(cells, alike), _in_all(cells, str)
    kinds = {}
    for epoch, cell in cells.items():
        candidates = [kind for kind in cell if alike(kind) in counted or not counted]
        same = [kind for kind in candidates if alike(kind) == alike(candidates[-1])]
        kinds[epoch] = ([kind for kind in same if kind in exactly] or same)[-1]
    return kinds


def apart(key: str, cells: Cells[Value], words: Mapping[str, str]) -> Iterator[tuple[str, Cells[Value]]]:
    """Yields the values of a name, as those of several metrics if the words before it say so, line for line.

    `Total loss: 0.6` and `KL loss: 0.1` are two metrics, and `target loss: 0.1` is another one than `loss: 0.6`.

    Args:
        words: before the name, by kind of line.
    """
    kinds = sorted(_in_all(cells, str))
    found = {words.get(kind, "") for kind in kinds}
    if "" in found:
        found = {word for word in found if word.lower() in _OTHERS}
    elif len(found) < 2:  # one metric, whatever it is called
        found = set()
    other = {kind: word for kind in kinds if (word := words.get(kind, "")) in found}
    for word in sorted(found):
        yield line.with_word(key, word), _only(cells, lambda kind, word=word: other.get(kind) == word)  # type: ignore[misc]
    if rest := _only(cells, lambda kind: kind not in other):
        yield key, rest


def passed_over(key: str, cells: Cells[Value], counted: Mapping[int, str], words: Mapping[str, str]) -> list[str]:
    """Returns a line if all epochs have the name also behind another word than that of the kinds that count.

    Args:
        counted: the kind that counts, by epoch.
        words: before the name, by kind of line.
    """
    taken = {words.get(kind, "") for kind in counted.values()}
    others = sorted(kind for kind in _in_all(cells, str) if words.get(kind, "") not in taken)
    if not others:
        return []
    return [
        f"{line.column(key)} is that of the lines {words_of(counted[max(counted)])!r}, and not that of "
        f"{words_of(others[0])!r}; print one of them under another name"
    ]


def _only(cells: Cells[Value], is_one: Callable[[str], bool]) -> Cells[Value]:
    kept = {epoch: {kind: cell[kind] for kind in cell if is_one(kind)} for epoch, cell in cells.items()}
    return {epoch: cell for epoch, cell in kept.items() if cell}


def _in_all(cells: Cells[Value], alike: Callable[[str], str]) -> set[str]:
    each: Iterable[set[str]] = ({alike(kind) for kind in cell} for cell in cells.values())
    return set.intersection(*each)
