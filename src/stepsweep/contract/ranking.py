"""The leaderboard and the winner: a function of the set of results only, never of order, timing or retries."""

import csv
import io
import math
import statistics
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from stepsweep.contract.errors import InvalidDocument
from stepsweep.contract.metrics import Objective
from stepsweep.contract.reading import Fields
from stepsweep.contract.significance import LEVEL, corrected_resampled_p, welch_p
from stepsweep.contract.space import Value, as_option, shown
from stepsweep.contract.trial import Outcome, Status, Trial

COLUMNS = ("rank", "trial_id", "epoch", "epochs_trained", "status", "reason", "standard_error", "n", "values")
"""Of the leaderboard, beside the params and the objective's metric; the last three where params have several trials."""

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
"""A spreadsheet runs a cell that starts like this as a formula (OWASP, "CSV Injection")."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What is known of one planned trial when a round is over.

    Attributes:
        value: the best of the objective over the trial's epochs; None unless it succeeded.
        epoch: the first epoch that reached it, from 1.
        epochs_trained: rows of its metrics.
    """

    trial: Trial
    outcome: Outcome
    value: float | None = None
    epoch: int | None = None
    epochs_trained: int | None = None

    @property
    def stopped_early(self) -> bool:
        """Whether its training ended by itself: more epochs would give the same rows."""
        return self.epochs_trained is not None and self.epochs_trained < self.trial.epochs

    def to_json(self) -> dict[str, Any]:
        return {
            "trial": self.trial.to_json(),
            "status": self.outcome.status.value,
            "reason": self.outcome.reason,
            "value": self.value,
            "epoch": self.epoch,
            "epochs_trained": self.epochs_trained,
        }

    @classmethod
    def from_json(cls, data: object, *, where: str = "result") -> Self:
        """Reads what `to_json` wrote. Raises InvalidDocument as `Trial.from_json` does."""
        fields = Fields(data, where)
        trial = Trial.from_json(fields.raw("trial"), where=f"{where}: trial")
        status = fields.text("status")
        if status not in list(Status):
            raise InvalidDocument(f"{where}: status: must be one of {', '.join(Status)}, got {shown(status)}")
        result = cls(
            trial=trial,
            outcome=Outcome(trial_id=trial.trial_id, status=Status(status), reason=fields.text("reason")),
            value=fields.maybe_number("value"),
            epoch=fields.maybe_whole("epoch"),
            epochs_trained=fields.maybe_whole("epochs_trained"),
        )
        fields.done()
        return result


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """The trials of the same params: one, or one a fold and seed. It is what is ranked.

    Attributes:
        results: one a trial, in the order of the plan; at least one.
    """

    results: tuple[Result, ...]

    @property
    def trial(self) -> Trial:
        """The first of them, which stands for the group."""
        return self.results[0].trial

    @property
    def params(self) -> dict[str, Value]:
        return self.trial.params

    @property
    def rung(self) -> int:
        return self.trial.rung

    @property
    def batch(self) -> int:
        return self.trial.batch

    @property
    def values(self) -> list[float]:
        """Those of the trials that succeeded."""
        return [result.value for result in self.results if result.value is not None]

    @property
    def is_complete(self) -> bool:
        return all(result.value is not None for result in self.results)

    @property
    def value(self) -> float | None:
        """The mean of the trials' values; None unless all succeeded: a failed fold is never averaged away."""
        if not self.is_complete:
            return None
        return self.values[0] if len(self.results) == 1 else statistics.fmean(self.values)

    @property
    def standard_error(self) -> float | None:
        """Of the mean; None where there is no mean, or one value only."""
        if len(self.results) < 2 or not self.is_complete:
            return None
        return statistics.stdev(self.values) / math.sqrt(len(self.results))

    @property
    def epoch(self) -> int | None:
        """The epoch that reached the value; of several trials the mean of theirs, rounded."""
        epochs = [result.epoch for result in self.results if result.epoch is not None]
        return round(statistics.fmean(epochs)) if self.is_complete else None

    @property
    def epochs_trained(self) -> int | None:
        """The most that one of them trained."""
        return max((result.epochs_trained or 0 for result in self.results), default=None) if self.is_complete else None

    @property
    def status(self) -> Status:
        """How the first trial ended that did not succeed; that all succeeded, where there is none."""
        return self._worst.outcome.status

    @property
    def reason(self) -> str:
        """Why the group has no value; of several trials with how many succeeded."""
        if self.is_complete or len(self.results) == 1:
            return self._worst.outcome.reason
        which = ", ".join(f"{name} {as_option(value)}" for name, value in self._worst.trial.member.items())
        return f"{len(self.values)} of {len(self.results)} trials succeeded; {which}: {self._worst.outcome.reason}"

    @property
    def _worst(self) -> Result:
        return next((result for result in self.results if result.value is None), self.results[0])


def grouped(results: Iterable[Result]) -> list[Group]:
    """Returns the results by their params, in the order in which params come first."""
    groups: dict[tuple[tuple[str, Value], ...], list[Result]] = {}
    for result in results:
        groups.setdefault(tuple(result.trial.params.items()), []).append(result)
    return [Group(results=tuple(members)) for members in groups.values()]


def rank(groups: Sequence[Group], objective: Objective) -> list[Group]:
    """Returns the leaderboard: those that have a value, best first, then the others as planned.

    With halving those that were trained furthest stand first, since values of different budgets do not compare. Equal
    values are ranked by the earlier epoch, since that training costs less, and then as planned.

    Args:
        groups: of all planned trials, in the order of the plan.
    """

    def place(group: Group) -> tuple[int, int, float, int]:
        if group.value is None or group.epoch is None:
            return (1, 0, 0.0, 0)
        return (0, -group.rung, objective.rank(group.value), group.epoch)

    return sorted(groups, key=place)  # stable, so the plan's order is the last rule


def ties(leaderboard: Sequence[Group]) -> list[Group]:
    """Returns those behind the first that a rule puts there, and not a result.

    A single value ties with its equals. A mean ties with those that a t-test does not tell from it: see `p_value`. Only
    those are compared that were trained as far as the winner.
    """
    winner = leaderboard[0]
    there = [group for group in leaderboard[1:] if group.is_complete and group.rung == winner.rung]
    if len(winner.results) == 1:
        return [group for group in there if group.value == winner.value]
    return [group for group in there if p_value(winner, group) > LEVEL]


def p_value(first: Group, second: Group) -> float:
    """Returns how probable so large a difference of two means is by chance alone; both groups are complete.

    Over folds by Nadeau and Bengio's corrected resampled t-test, of the means over seeds where there are several; over
    seeds alone by Welch's.
    """
    if "fold" not in first.trial.options:
        return welch_p(first.values, second.values)
    means = zip(_by_fold(first), _by_fold(second), strict=True)
    return corrected_resampled_p([one - other for one, other in means])


def _by_fold(group: Group) -> list[float]:
    folds: dict[Value, list[float]] = {}
    for result, value in zip(group.results, group.values, strict=True):
        folds.setdefault(result.trial.options["fold"], []).append(value)
    return [statistics.fmean(values) for values in folds.values()]


def counts(results: Iterable[Result]) -> dict[str, int]:
    """Returns how many trials ended how, every status named. The sum is the plan."""
    counted = Counter(result.outcome.status for result in results)
    return {status.value: counted[status] for status in Status}


def reasons(results: Iterable[Result], limit: int = 5) -> list[tuple[str, int]]:
    """Returns why trials did not succeed, most frequent first, with how many trials each took."""
    counted = Counter(result.outcome.reason for result in results if result.outcome.status is not Status.SUCCEEDED)
    return sorted(counted.items(), key=lambda item: (-item[1], item[0]))[:limit]


def leaderboard_csv(leaderboard: Sequence[Group], objective: Objective) -> bytes:
    """Returns the leaderboard as a table for people, spreadsheets and pandas, a row each params.

    The columns: rank, trial_id, one a parameter, the objective's metric, epoch, epochs_trained, status, reason.
    Parameters' names are prefixed with `params.`, and no metric of an objective is named as a column of `COLUMNS`, so
    that each name stands once. Where params have several trials, one a fold and seed, the metric is their mean,
    trial_id is the first of them, and three columns follow: the mean's standard_error, n, and values, each trial's own
    value in the order of folds and seeds, or how it ended.
    """
    names = list(leaderboard[0].params)
    several = len(leaderboard[0].results) > 1
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    columns = COLUMNS[2:] if several else COLUMNS[2:-3]
    writer.writerow([*COLUMNS[:2], *(f"params.{name}" for name in names), objective.metric, *columns])
    for place, group in enumerate(leaderboard, start=1):
        writer.writerow(
            [place if group.is_complete else "", group.trial.trial_id]
            + [as_option(group.params[name]) for name in names]
            + [_or_empty(value) for value in (group.value, group.epoch, group.epochs_trained)]
            + [group.status.value, _as_text(group.reason)]
            + ([_or_empty(group.standard_error), len(group.results), listed(group)] if several else [])
        )
    return text.getvalue().encode()


def _or_empty(value: float | None) -> float | str:
    return "" if value is None else value


def listed(group: Group) -> str:
    """Returns the values of its trials in the order of the plan, and how those ended that have none."""
    return " ".join(
        result.outcome.status.value if result.value is None else repr(result.value) for result in group.results
    )


def options_line(params: Mapping[str, Value]) -> str:
    """Returns params as a line to paste behind a trainer's command: `--lr 0.1 --momentum 0.5`."""
    return " ".join(f"--{name} {as_option(value)}" for name, value in params.items())


def _as_text(cell: str) -> str:
    """Reasons hold what a trainer printed; a quote in front makes every spreadsheet show it instead of running it."""
    return f"'{cell}" if cell.startswith(FORMULA_STARTS) else cell
