"""The leaderboard and its head: the winner, or a Pareto front.

They depend only on the set of results, not on order, timing or retries.
"""

import csv
import io
import shlex
import statistics
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from stepsweep.contract.errors import InvalidDocument
from stepsweep.contract.objective import Objective
from stepsweep.contract.pareto import fronts
from stepsweep.contract.reading import Fields
from stepsweep.contract.significance import LEVEL, corrected_resampled_p, mean_of, standard_error_of, welch_p
from stepsweep.contract.space import Value, as_option, key_of
from stepsweep.contract.trial import Outcome, Status, Trial
from stepsweep.contract.words import as_cell

COLUMNS = (
    "rank",
    "trial_id",
    "epoch",
    "best",
    "last",
    "epochs_trained",
    "status",
    "reason",
    "standard_error",
    "n",
    "values",
)
"""Columns of the leaderboard besides params and metric; it has the last three only if params have several trials."""

PARAM = "params."
"""Prefix of the leaderboard's columns of parameters."""

ENDS = ("best", "last")
"""Columns that only a sweep with one objective has."""

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
"""A spreadsheet runs a cell with such a start as a formula (OWASP, "CSV Injection")."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """The result of one planned trial after a round.

    Attributes:
        value: what the trial is ranked by, see `Reached.of`; with several objectives that of the first. None unless it
            succeeded.
        epoch: the epoch of the value, counted from 1.
        best: the best value of the objective over all epochs.
        last: its last value.
        epochs_trained: number of rows of its metrics.
        by_objective: with several objectives the value of each, in the spec's order, and no `best` or `last`.
    """

    trial: Trial
    outcome: Outcome
    value: float | None = None
    epoch: int | None = None
    best: float | None = None
    last: float | None = None
    epochs_trained: int | None = None
    by_objective: tuple[float, ...] = ()

    @property
    def stopped_early(self) -> bool:
        """Whether its training ended before its last epoch: more epochs would give the same rows."""
        return self.epochs_trained is not None and self.epochs_trained < self.trial.epochs

    def to_json(self) -> dict[str, Any]:
        return {
            "trial": self.trial.to_json(),
            "status": self.outcome.status.value,
            "reason": self.outcome.reason,
            "value": self.value,
            "epoch": self.epoch,
            "best": self.best,
            "last": self.last,
            "epochs_trained": self.epochs_trained,
            **({"by_objective": list(self.by_objective)} if self.by_objective else {}),
        }

    @classmethod
    def from_json(cls, data: object, *, where: str = "result") -> Self:
        """Reads what `to_json` wrote. Raises InvalidDocument as `Trial.from_json` does."""
        fields = Fields(data, where)
        trial = Trial.from_json(fields.raw("trial"), where=f"{where}: trial")
        status = fields.one_of("status", Status)
        result = cls(
            trial=trial,
            outcome=Outcome(trial_id=trial.trial_id, status=status, reason=fields.text("reason")),
            value=fields.maybe_number("value"),
            epoch=fields.maybe_count("epoch"),
            best=fields.maybe_number("best"),
            last=fields.maybe_number("last"),
            epochs_trained=fields.maybe_count("epochs_trained"),
            by_objective=tuple(fields.numbers("by_objective")) if fields.has("by_objective") else (),
        )
        fields.done()
        if (result.value is None) != (result.epoch is None):
            raise InvalidDocument(f"{where}: value and epoch must both be null, or neither")
        return result


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """The trials of the same params: one, or one per fold and seed. The leaderboard ranks groups.

    Attributes:
        results: at least one, in the order of the plan.
    """

    results: tuple[Result, ...]

    @property
    def trial(self) -> Trial:
        """The first trial, which represents the group."""
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
        """The values of the trials that succeeded."""
        return [result.value for result in self.results if result.value is not None]

    @property
    def by_objective(self) -> tuple[float, ...]:
        """With several objectives the value of each; empty with one, and unless the trial succeeded."""
        return self.results[0].by_objective

    @property
    def is_complete(self) -> bool:
        return all(result.value is not None for result in self.results)

    @property
    def value(self) -> float | None:
        """The mean of the trials' values; None unless all succeeded, since the mean must not hide a failed fold."""
        return self._mean([result.value for result in self.results])

    @property
    def best(self) -> float | None:
        """The mean of the trials' best values; None unless all succeeded."""
        return self._mean([result.best for result in self.results])

    @property
    def last(self) -> float | None:
        """The mean of the trials' last values; None unless all succeeded."""
        return self._mean([result.last for result in self.results])

    def _mean(self, values: Sequence[float | None]) -> float | None:
        found = [value for value in values if value is not None]
        if not self.is_complete or len(found) < len(values):
            return None
        return found[0] if len(found) == 1 else mean_of(found)

    @property
    def standard_error(self) -> float | None:
        """The standard error of the mean; None without a mean, or with a single value."""
        if len(self.results) < 2 or not self.is_complete:
            return None
        return standard_error_of(self.values)

    @property
    def epoch(self) -> int | None:
        """The epoch that reached the value; with several trials the rounded mean of their epochs."""
        epochs = [result.epoch for result in self.results if result.epoch is not None]
        return mean_epoch(epochs) if self.is_complete else None

    @property
    def epochs_trained(self) -> int | None:
        """The most epochs that one of the trials trained; None if one did not succeed."""
        return max((result.epochs_trained or 0 for result in self.results), default=None) if self.is_complete else None

    @property
    def status(self) -> Status:
        """The status of the first trial that did not succeed; SUCCEEDED if all did."""
        return self._worst.outcome.status

    @property
    def reason(self) -> str:
        """Why the group has no value; with several trials also how many succeeded."""
        if self.is_complete or len(self.results) == 1:
            return self._worst.outcome.reason
        which = ", ".join(f"{name} {as_option(value)}" for name, value in self._worst.trial.member.items())
        return f"{len(self.values)} of {len(self.results)} trials succeeded; {which}: {self._worst.outcome.reason}"

    @property
    def _worst(self) -> Result:
        return next((result for result in self.results if result.value is None), self.results[0])


def mean_epoch(epochs: Sequence[int]) -> int:
    """Returns the epoch that stands for those that reached the values of several trials."""
    return round(statistics.fmean(epochs))


def grouped(results: Iterable[Result]) -> list[Group]:
    """Returns the results grouped by their params, in the order of the first result of each."""
    groups: dict[tuple[tuple[str, str], ...], list[Result]] = {}
    for result in results:
        groups.setdefault(key_of(result.trial.params), []).append(result)
    return [Group(results=tuple(members)) for members in groups.values()]


def rank(groups: Sequence[Group], objective: Objective) -> list[Group]:
    """Returns the leaderboard: groups with a value, best first, then the others in the order of the plan.

    With halving, the groups with the most epochs rank first, since values after different numbers of epochs do not
    compare. Equal values rank by the earlier epoch, since that training costs less, then in the order of the plan.

    Args:
        groups: all planned trials, in the order of the plan.
    """

    def place(group: Group) -> tuple[int, int, float, int]:
        if group.value is None or group.epoch is None:
            return (1, 0, 0.0, 0)
        return (0, -group.rung, objective.rank(group.value), group.epoch)

    return sorted(groups, key=place)  # stable, so the plan's order is the last rule


def ranked(groups: Sequence[Group], objectives: Sequence[Objective]) -> list[tuple[int | None, Group]]:
    """Returns the leaderboard, each group with its rank, which is None without a value.

    With several objectives the rank is the number of the Pareto front (`contract.pareto`), so that several groups have
    the same. Groups of a front are in the order of the first objective, then of the second and so on, then of the plan:
    an order to read them in, which says nothing about which is better. Groups without a value follow.

    Args:
        groups: all planned trials, in the order of the plan.
    """
    if len(objectives) == 1:
        return [
            (place if group.is_complete else None, group)
            for place, group in enumerate(rank(groups, objectives[0]), start=1)
        ]
    complete = [group for group in groups if group.is_complete]
    points = [
        tuple(each.rank(value) for each, value in zip(objectives, group.by_objective, strict=True))
        for group in complete
    ]
    placed = sorted(zip(fronts(points), points, complete, strict=True), key=lambda each: each[:2])
    without: list[tuple[int | None, Group]] = [(None, group) for group in groups if not group.is_complete]
    return [(front, group) for front, _, group in placed] + without


def ties(leaderboard: Sequence[Group]) -> list[Group]:
    """Returns the groups below the winner only by a tie-break.

    A single value ties with equal values. A mean ties with the means that a t-test cannot distinguish from it: see
    `p_value`. Only groups on the winner's rung are compared.
    """
    winner = leaderboard[0]
    there = [group for group in leaderboard[1:] if group.is_complete and group.rung == winner.rung]
    if len(winner.results) == 1:
        return [group for group in there if group.value == winner.value]
    return [group for group in there if p_value(winner, group) > LEVEL]


def p_value(first: Group, second: Group) -> float:
    """Returns the probability of so large a difference of two means by chance alone. Both groups must be complete.

    With folds it uses Nadeau and Bengio's corrected resampled t-test, on each fold's mean over the seeds. With seeds
    alone it uses Welch's t-test.
    """
    if "fold" not in first.trial.options:
        return welch_p(first.values, second.values)
    return corrected_resampled_p(_by_fold(first), _by_fold(second))


def _by_fold(group: Group) -> list[float]:
    folds: dict[Value, list[float]] = {}
    for result, value in zip(group.results, group.values, strict=True):
        folds.setdefault(result.trial.options["fold"], []).append(value)
    return [mean_of(values) for values in folds.values()]


def counts(results: Iterable[Result]) -> dict[str, int]:
    """Returns the number of trials by status, zeros included. The sum is the number of planned trials."""
    counted = Counter(result.outcome.status for result in results)
    return {status.value: counted[status] for status in Status}


def reasons(results: Iterable[Result], limit: int = 5) -> list[tuple[str, int]]:
    """Returns the most frequent reasons why trials did not succeed, each with its number of trials."""
    counted = Counter(result.outcome.reason for result in results if result.outcome.status is not Status.SUCCEEDED)
    return sorted(counted.items(), key=lambda item: (-item[1], item[0]))[:limit]


def leaderboard_csv(
    leaderboard: Sequence[tuple[int | None, Group]], objectives: Sequence[Objective], names: Sequence[str]
) -> bytes:
    """Returns the leaderboard as a table for people, spreadsheets and pandas, one row per params.

    The columns are rank, trial_id, one per parameter, one per objective, epoch, the best and the last value (only of a
    single objective), epochs_trained, status and reason.
    Parameters have the prefix `params.`, and an objective's metric must neither be one of `COLUMNS` nor start with
    `params.`, so names are unique.
    If params have several trials, one per fold and seed, the metric is their mean, trial_id is that of the first, and
    three columns follow: standard_error (of the mean), n, and values, with each trial's value or status in the order of
    folds and seeds.

    Args:
        leaderboard: as `ranked` returns it; at least one row.
        names: of the parameters. One that does not apply to params is empty; no value is an empty text.
    """
    several, has_front = len(leaderboard[0][1].results) > 1, len(objectives) > 1
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    columns = [
        *(name for name in COLUMNS[2:-3] if not (has_front and name in ENDS)),
        *(COLUMNS[-3:] if several else ()),
    ]
    metrics = [each.metric for each in objectives]
    writer.writerow([*COLUMNS[:2], *(f"{PARAM}{name}" for name in names), *metrics, *columns])
    for place, group in leaderboard:
        values = [*group.by_objective, *[""] * (len(metrics) - len(group.by_objective))] if has_front else [group.value]
        ends = [] if has_front else [group.best, group.last]
        writer.writerow(
            [_or_empty(place), group.trial.trial_id]
            + [_param(group.params[name]) if name in group.params else "" for name in names]
            + [_or_empty(value) for value in (*values, group.epoch, *ends, group.epochs_trained)]
            + [group.status.value, _as_text(group.reason)]
            + ([_or_empty(group.standard_error), len(group.results), listed(group)] if several else [])
        )
    return text.getvalue().encode()


def _or_empty(value: float | str | None) -> float | str:
    return "" if value is None else value


def listed(group: Group) -> str:
    """Returns the value of each trial in the order of the plan, or its status if it has none."""
    return " ".join(
        result.outcome.status.value if result.value is None else repr(result.value) for result in group.results
    )


def options_line(params: Mapping[str, Value]) -> str:
    """Returns params as options to append to a trainer's command in a shell: `--lr 0.1 --note 'a b'`."""
    return shlex.join(word for name, value in params.items() for word in (f"--{name}", as_option(value)))


def _param(value: Value) -> str:
    return _as_text(as_cell(value)) if isinstance(value, str) else as_cell(value)


def _as_text(cell: str) -> str:
    """Reasons and params may be any text. A leading quote makes spreadsheets show it instead of running it."""
    return f"'{cell}" if cell.startswith(FORMULA_STARTS) else cell
