"""The results of trials, and the groups of those with the same params."""

import statistics
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Self

from stepsweep.contract.alike import by_reason
from stepsweep.contract.errors import InvalidDocument
from stepsweep.contract.reading import Fields
from stepsweep.contract.significance import mean_of, standard_error_of
from stepsweep.contract.space import Value, as_option, key_of
from stepsweep.contract.trial import Cause, Outcome, Status, Trial


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """The result of one planned trial after a round.

    Attributes:
        value: what the trial is ranked by, see `Reached.of`; with several objectives that of the first. None unless it
            succeeded.
        epoch: the epoch of the value, counted from 1.
        best: the best value of the objective over all epochs.
        last: its last value.
        epochs_trained: number of rows of its metrics; None without metrics that can be read.
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
            "cause": self.outcome.cause,
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
        result = cls(
            trial=trial,
            outcome=Outcome(
                trial_id=trial.trial_id,
                status=fields.one_of("status", Status),
                reason=fields.text("reason"),
                cause=fields.maybe_one_of("cause", Cause),
            ),
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
    def has_diverged(self) -> bool:
        """Whether one of its trials has: the params are to blame that the others have no mean."""
        return any(result.outcome.has_diverged for result in self.results)

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
        members = [result.trial.member for result in self.results]
        which = ", ".join(
            f"{name} {as_option(value)}"
            for name, value in self._worst.trial.member.items()
            if any(member[name] != value for member in members)
        )
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


def listed(group: Group) -> str:
    """Returns the value of each trial in the order of the plan, or its status if it has none."""
    return " ".join(
        result.outcome.status.value if result.value is None else repr(result.value) for result in group.results
    )


def epochs_in_all(results: Iterable[Result], rungs: Sequence[int]) -> int:
    """Returns how many epochs trials trained, whichever sweep and on whichever rung, and whatever became of them.

    Of a job that left no metrics they are not known: its trial has those of the rungs below.

    Args:
        rungs: the epochs of each.
    """
    below = (0, *rungs)
    return sum(below[each.trial.rung] if each.epochs_trained is None else each.epochs_trained for each in results)


def counts(results: Iterable[Result]) -> dict[str, int]:
    """Returns the number of trials by status, zeros included. The sum is the number of planned trials."""
    counted = Counter(result.outcome.status for result in results)
    return {status.value: counted[status] for status in Status}


def reasons(results: Iterable[Result], limit: int = 5) -> list[tuple[str, int]]:
    """Returns the most frequent reasons why trials did not succeed, each with its number of trials."""
    failed = by_reason(result.outcome for result in results if result.outcome.status is not Status.SUCCEEDED)
    return sorted(((each.reason, len(each.members)) for each in failed), key=lambda item: (-item[1], item[0]))[:limit]
