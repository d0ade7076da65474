"""The params that a free-running search has begun, and their trials.

A log may have thousands, of which a question concerns one or two. So those of a snapshot stay the JSON that they are
until somebody asks for them.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, overload

from stepsweep.contract.asha import Reached
from stepsweep.contract.events import TaskEnd
from stepsweep.contract.median import Ended
from stepsweep.contract.ranking import mean_epoch
from stepsweep.contract.significance import mean_of
from stepsweep.contract.space import Value, key_of, parse_value, plain
from stepsweep.contract.spec import SweepSpec
from stepsweep.contract.trial import Status


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One of a candidate's trials, on the candidate's rung.

    Attributes:
        epochs: the most epochs it trains.
        end: how it ended; None before.
        worker: of the current leg, which trains it; None if none does.
    """

    epochs: int
    end: TaskEnd | None = None
    worker: int | None = None

    @property
    def is_open(self) -> bool:
        return self.end is None and self.worker is None

    @property
    def has_failed(self) -> bool:
        """Whether it has no metrics, so that a new execution tries it again. What the median rule ended has not."""
        has_none = self.end is not None and self.end.status in (Status.FAILED, Status.MISSING)
        return has_none and self.ended is None

    @property
    def ended(self) -> Ended | None:
        """Where the median rule ended it; None if it did not."""
        return self.end.ended if self.end else None

    @property
    def stopped_early(self) -> bool:
        return self.end is not None and self.end.epochs_trained is not None and self.end.epochs_trained < self.epochs


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """Params that the search tries.

    Attributes:
        rung: how often it has been promoted.
        members: its trials, one per fold and seed.
        reached: what it reached on each rung that all its trials have ended on.
    """

    params: dict[str, Value]
    members: tuple[Member, ...]
    rung: int = 0
    reached: tuple[Reached, ...] = ()

    @property
    def has_ended(self) -> bool:
        """Whether all its trials have ended on its rung."""
        return len(self.reached) > self.rung

    @property
    def ended(self) -> Ended | None:
        """Where the median rule ended its trial. With the rule there is one of each params."""
        return self.members[0].ended

    def with_member(self, number: int, member: Member) -> "Candidate":
        members = (*self.members[:number], member, *self.members[number + 1 :])
        return replace(self, members=members, reached=self.reached[: self.rung]).settled()

    def promoted(self, spec: SweepSpec) -> "Candidate":
        """Returns it on the next rung. Trials that stopped early need no more training there."""
        epochs = spec.rungs[self.rung + 1]
        members = tuple(each if each.stopped_early else Member(epochs=epochs) for each in self.members)
        return replace(self, rung=self.rung + 1, members=members).settled()

    def settled(self) -> "Candidate":
        """Returns it with what it reached on its rung, if all its trials have ended there."""
        ends = [each.end for each in self.members if each.end is not None]
        if self.has_ended or len(ends) < len(self.members):
            return self
        values = [end.value for end in ends if end.value is not None]
        diverged = any(end.status is Status.INVALID for end in ends)
        if len(values) < len(ends):
            return replace(self, reached=(*self.reached, Reached(diverged=diverged)))
        epoch = mean_epoch([end.epoch or 0 for end in ends])
        # Several objectives have one trial each, so there is no mean of them.
        reached = Reached(value=mean_of(values), epoch=epoch, by_objective=ends[0].by_objective)
        return replace(self, reached=(*self.reached, reached))


class Candidates(Sequence[Candidate]):
    """The candidates of a search, in the order in which it began them.

    Args:
        names: of all parameters, in the order of the spec.
        rows: of a snapshot, as `to_json` returned them.
    """

    def __init__(self, names: Sequence[str], rows: Sequence[Any] = ()) -> None:
        self._names = list(names)
        self._rows: list[Candidate | list[Any]] = [*rows]
        self._open = {
            number
            for number, (_, _, members, _) in enumerate(rows)
            if any(worker is None and end is None for _, worker, end in members)
        }

    def copy(self) -> "Candidates":
        other = Candidates(self._names)
        other._rows, other._open = list(self._rows), set(self._open)
        return other

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, number: int) -> Candidate: ...
    @overload
    def __getitem__(self, number: slice) -> list[Candidate]: ...
    def __getitem__(self, number: int | slice) -> Candidate | list[Candidate]:
        if isinstance(number, slice):
            return [self[each] for each in range(*number.indices(len(self)))]
        row = self._rows[number]
        if not isinstance(row, Candidate):
            row = self._rows[number] = _candidate_from_json(row, self._names)
        return row

    def __iter__(self) -> Iterator[Candidate]:
        return map(self.__getitem__, range(len(self)))

    def put(self, number: int, candidate: Candidate) -> None:
        """Sets a candidate, or appends it."""
        if number == len(self):
            self._rows.append(candidate)
        self._rows[number] = candidate
        if any(each.is_open for each in candidate.members):
            self._open.add(number)
        else:
            self._open.discard(number)

    def first_open(self) -> int | None:
        """Returns the number of the first candidate with a trial that no worker trains; None if there is none."""
        return min(self._open, default=None)

    def has(self, params: Mapping[str, Value]) -> bool:
        """Whether the search has begun these params."""
        row = [plain(params[name]) if name in params else _ABSENT for name in self._names]
        same = (
            number
            for number, each in enumerate(self._rows)
            if (each.params == params if isinstance(each, Candidate) else each[0] == row)
        )
        # Compared twice, since true == 1, and texts of JSON alone are slow to compare.
        return any(key_of(self[number].params) == key_of(params) for number in same)

    def to_json(self) -> list[Any]:
        return [_candidate_to_json(each, self._names) if isinstance(each, Candidate) else each for each in self._rows]


_ABSENT: dict[str, Value] = {}
"""Stands for a parameter that does not apply: no value is an object."""


def _candidate_to_json(candidate: Candidate, names: Sequence[str]) -> list[Any]:
    members = [
        [each.epochs, each.worker, [*each.end.to_json().values()] if each.end else None] for each in candidate.members
    ]
    reached = [[each.value, each.epoch, each.diverged, list(each.by_objective)] for each in candidate.reached]
    return [[candidate.params.get(name, _ABSENT) for name in names], candidate.rung, members, reached]


def _candidate_from_json(data: Any, names: Sequence[str]) -> Candidate:
    values, rung, members, reached = data
    return Candidate(
        params={name: parse_value(value) for name, value in zip(names, values, strict=True) if value != _ABSENT},
        rung=rung,
        members=tuple(
            Member(epochs=epochs, worker=worker, end=_end(end) if end else None) for epochs, worker, end in members
        ),
        reached=tuple(
            Reached(value=value, epoch=epoch, diverged=diverged, by_objective=tuple(by_objective))
            for value, epoch, diverged, by_objective in reached
        ),
    )


def _end(data: Any) -> TaskEnd:
    status, reason, value, epoch, epochs_trained, job_seconds, by_objective, ended, _ = data
    return TaskEnd(
        status=Status(status), reason=reason, value=value, epoch=epoch, epochs_trained=epochs_trained,
        job_seconds=job_seconds, by_objective=tuple(by_objective), ended=Ended(**ended) if ended else None,
    )  # fmt: skip
