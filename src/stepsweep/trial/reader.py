"""What a line of the output says, given the lines above it: its epoch, its kind and its metrics.

- `epoch 3`, `Epoch: 3`, `Epoch [3/10]`, and `[3]` at its start name an epoch (`named_epochs.py`).
- A name that is in a line twice takes the word before it: `loss: 0.5 (target loss: 0.1)` are `loss` and `target_loss`.
- `val acc 78.06%` is a metric without a sign between, if its name is a usual one; whole numbers need the `%`.
- A table has a line of names that begins with `epoch`, and a line of values for each epoch below it.
- Where several processes print, as `[rank1]` or torchrun's `[default1]:`, only rank 0 counts.
- A value with a comma, such as 1,234, may mean two things; 1,234.5 is one number.
- `0.9 -> 0.7` is 0.7, and `Loss 0.9 (0.7)` of a batch is the mean so far.
- A warning of Python, with the line of code below it, counts for nothing: "use l1_ratio=0 instead" is no metric. Nor
  does a traceback that the script prints and survives.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from stepsweep.trial import bar, documents, line, named_epochs, numbers, shown, words
from stepsweep.trial.columns import EPOCH, NoMetrics
from stepsweep.trial.kinds import kind_of
from stepsweep.trial.line import Found
from stepsweep.trial.stream import Stream
from stepsweep.trial.table import Table


class Said(NamedTuple):
    """What one line says.

    Attributes:
        epoch: the one that it names; None if it names none.
        unclear: texts that may be more than one number, by the names before them.
        texts: those of a JSON object, by the names of their fields.
        fields: of a JSON object; empty for words.
        bar: the progress bar that it is a state of; None if it is none.
    """

    text: str
    epoch: int | None
    kind: str
    found: list[Found]
    unclear: Mapping[str, str]
    texts: Mapping[str, str]
    fields: str
    bar: bar.Drawn | None


class Reader:
    """Reads the lines of an output.

    Args:
        named: patterns by metric's name; the group `value`, or the first one, is the number. Then only these count.
        epoch: a pattern for the epoch in place of the usual ones.
    """

    def __init__(self, named: Mapping[str, re.Pattern[str]], epoch: re.Pattern[str] | None) -> None:
        self._named, self._epoch_pattern = named, epoch
        self._is_usual = not named and epoch is None
        self._streams: dict[str, Stream] = {}

    def read(self, text: str, stream: str) -> Iterator[Said]:
        """Yields what one line says; the states of a progress bar count as lines.

        Args:
            stream: what the line was printed to. Lines of another one may come between those of a table or a warning.

        Raises:
            NoMetrics: a pattern matched what is no number, or a row of a table cannot be read.
        """
        above = self._streams.setdefault(stream, Stream())
        for state in shown.states(text):
            for part in bar.apart(shown.clean(state)):
                yield from self._all_said(part, above)

    def left_out(self) -> list[str]:
        """Returns what is said about last rows of tables that cannot be read."""
        return [
            f"the last row of a table does not count: {text}"
            for above in self._streams.values()
            for text in above.table.left_out
        ]

    def _all_said(self, text: str, above: Stream) -> Iterator[Said]:
        if not text.strip() or above.is_message(text) or shown.is_of_another_process(text):
            return
        # Most lines of a chatty script are without numbers, and the script waits until they are read.
        if (
            self._is_usual
            and not above.table.may_have(text)
            and not numbers.MAY_BE_ONE.search(text)
            and "{" not in text
        ):
            return
        found = [dict(documents.fields(document)) for document in documents.in_line(text)]
        if not found and not self._named and (row := self._row(text, above.table)) is not None:
            found = [dict(row)]
        for document in found:
            yield self._said(text, _epoch_of(document), document)
        for part, epoch in self._parts(text) if not found else ():
            yield self._said(part, epoch, None)

    def _said(self, text: str, epoch: int | None, document: dict[str, object] | None) -> Said:
        found, unclear = self._found(text, document)
        texts = {} if document is None or self._named else _texts(document)
        kind = kind_of(text, document) if found or texts else ""
        return Said(text, epoch, kind, found, unclear, texts, kind if document else "", bar.drawn(text))

    def _named_in(self, text: str) -> list[named_epochs.Named]:
        """Returns the epochs in a line of words."""
        if self._epoch_pattern is None:
            return named_epochs.in_words(text)
        try:
            return named_epochs.in_pattern(text, self._epoch_pattern)
        except ValueError as error:
            raise NoMetrics(f"--epoch: {error}") from None

    def _parts(self, text: str) -> list[tuple[str, int | None]]:
        """Returns the parts of a line of words that are of one epoch each, with that epoch."""
        try:
            return named_epochs.parts(
                text, self._named_in(text), lambda part: {one.key for one in self._found(part, None)[0]}
            )
        except ValueError as error:
            raise NoMetrics(str(error)) from None

    def _row(self, line: str, table: Table) -> dict[str, float] | None:
        try:
            return table.row(line)
        except ValueError as error:
            raise NoMetrics(f"of a table that was printed: {error}; print numbers alone in the rows") from None

    def _found(self, text: str, document: dict[str, object] | None) -> tuple[list[Found], Mapping[str, str]]:
        """Returns the metrics in a line, and the texts that may be more than one number."""
        if self._named:
            return [_matched(name, match) for name, each in self._named.items() for match in each.finditer(text)], {}
        if document is not None:
            return _fields(document), {}
        try:
            return line.metrics_in(text)
        except ValueError as error:
            raise NoMetrics(f"{error}; it was printed in {text.strip()[:120]!r}") from None


def _matched(name: str, match: re.Match[str]) -> Found:
    """Returns the metric that a pattern of the options has found."""
    group = "value" if "value" in match.re.groupindex else 1
    number = match[group]
    try:
        value = numbers.read(number)
    except (TypeError, ValueError):
        raise NoMetrics(
            f"--metric {name}: its group matched {number!r}, not a number; {_remedy(str(number))}"
        ) from None
    whole = numbers.around(match.string, *match.span(group))
    # A pattern that goes on behind its group is meant to find a part.
    if whole != number and match.end() == match.end(group):
        raise NoMetrics(f"--metric {name}: its group matched {number!r} of {whole}; {_remedy(whole)}")
    return Found(name, name, value)


def _remedy(text: str) -> str:
    return "print it without commas" if re.search(r"\d,\d", text) else f"write {numbers.GROUP} for it"


def _epoch_of(document: Mapping[str, object]) -> int | None:
    """Returns the epoch that a JSON object names."""
    found = numbers.read_any(next((cell for name, cell in document.items() if name.lower() == EPOCH), None))
    return named_epochs.whole(found) if found is not None and math.isfinite(found) else None


def _fields(document: Mapping[str, object]) -> list[Found]:
    """Returns the metrics in a JSON object."""
    return [
        Found(line.valid_name(name), name, read)
        for name, cell in document.items()
        if (read := numbers.read_any(cell)) is not None
        and name.lower() not in words.NOT_METRICS
        and line.valid_name(name)[:1].isalpha()  # the index that pandas writes has no name
    ]


def _texts(document: Mapping[str, object]) -> dict[str, str]:
    """Returns what stands in place of a number in a JSON object, by the names of the fields."""
    return {
        line.valid_name(name): value
        for name, value in document.items()
        if isinstance(value, str) and numbers.is_wrong(value)
    }
