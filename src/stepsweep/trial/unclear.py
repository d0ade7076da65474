"""What stands in the place of a number and is none, or may be two: its epoch may be the best one, or have diverged."""

from __future__ import annotations

from stepsweep.trial import doubt, line
from stepsweep.trial.columns import NoMetrics
from stepsweep.trial.reader import Said


class Unclear:
    """What an output has in place of numbers, by the key of the metric that would have them."""

    def __init__(self) -> None:
        self._several: dict[str, str] = {}
        # By name, and by the fields of a line that names no epoch, and so may be of a configuration.
        self._texts: dict[tuple[str, str], str] = {}
        self._fields: dict[str, set[str]] = {}

    def add(self, said: Said) -> None:
        """Keeps what a line has."""
        for name, text in said.unclear.items():
            if name not in self._several or doubt.is_time(self._several[name]):
                self._several[name] = text
        for name, text in said.texts.items():
            self._texts.setdefault((name, said.fields if said.epoch is None else ""), text)
        for one in said.found if said.fields else ():
            self._fields.setdefault(one.key, set()).add(said.fields)

    def take_out(self, values: dict[str, dict[int, float]]) -> list[str]:
        """Takes out the names that do not count, and returns a line for each.

        Raises:
            NoMetrics: a usual name, or one in JSON, that has numbers has something else too.
        """
        notices = []
        for name, text in self._several.items():
            column = line.column(name)
            why = (
                f"{text!r} is not one plain number; print each behind its name, as {column}=0.5, without commas "
                "or units, or say with a pattern which one counts"
            )
            if name in values and doubt.is_time(text):
                continue
            if name in values and doubt.may_be_objective(name):
                raise NoMetrics(f"{column}: {why}")
            values.pop(name, None)
            notices.append(f"{column} does not count: {why}")
        for (name, fields), text in self._texts.items():
            if name not in values:
                continue
            if fields and fields not in self._fields.get(name, ()):
                notices.append(f"{name} is {text[:80]!r} in a line of other fields, which is taken for no measurement")
                continue
            raise NoMetrics(
                f"{line.column(name)} is {text[:80]!r} in one line, and a number in others; print a number, "
                "`NaN` if it has diverged, or null if it was not measured"
            )
        return notices
