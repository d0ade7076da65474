"""What stands in the place of a number and is none, or may be two: its epoch may be the best one, or have diverged."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from stepsweep.trial import line
from stepsweep.trial.columns import NoMetrics


class Unclear:
    """What an output has in place of numbers, by the key of the metric that would have them."""

    def __init__(self) -> None:
        self._several: dict[str, str] = {}
        self._texts: dict[str, str] = {}

    def add(self, several: Mapping[str, str], texts: Mapping[str, str]) -> None:
        """Keeps what a line has.

        Args:
            several: may be more than one number, or of another name.
            texts: of fields in JSON; one counts if the field is a number elsewhere.
        """
        self._several = {**several, **self._several}
        self._texts = {**texts, **self._texts}

    def check(self, measured: Collection[str]) -> list[str]:
        """Returns a line for each name that does not count.

        Raises:
            NoMetrics: a name that has numbers has something else too.
        """
        notices = []
        for name, text in self._several.items():
            column = line.column(name)
            why = f"{text!r} is not one plain number; print each behind its name, as {column}=0.5, without commas"
            if name in measured:
                raise NoMetrics(f"{column}: {why}")
            notices.append(f"{column} does not count: {why}")
        for name, text in self._texts.items():
            if name in measured:
                raise NoMetrics(
                    f"{line.column(name)} is {text[:80]!r} in one line, and a number in others; print a number, "
                    "`NaN` if it has diverged, or null if it was not measured"
                )
        return notices
