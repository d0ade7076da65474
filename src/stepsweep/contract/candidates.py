"""The params that a free-running search has begun, and their trials.

A log may have thousands, of which a question concerns one or two. So those of a snapshot stay the JSON that they are
until somebody asks for them.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, overload

from stepsweep.contract.asha import Reached
from stepsweep.contract.errors import InvalidDocument
from stepsweep.contract.events import TaskEnd
from stepsweep.contract.median import Ended
from stepsweep.contract.reading import Fields
from stepsweep.contract.results import mean_epoch
from stepsweep.contract.significance import mean_of
from stepsweep.contract.space import Value, key_of, plain, shown
from stepsweep.contract.spec import SweepSpec
from stepsweep.contract.trial import Cause, Status


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
        diverged = any(end.cause is Cause.DIVERGED for end in ends)
        if len(values) < len(ends):
            return replace(self, reached=(*self.reached, Reached(diverged=diverged)))
        epoch = mean_epoch([end.epoch or 0 for end in ends])
        # Several objectives have one trial each, so there is no mean of them.
        reached = Reached(value=mean_of(values), epoch=epoch, by_objective=ends[0].by_objective)
        return replace(self, reached=(*self.reached, reached))


class Candidates(Sequence[Candidate]):
    """The candidates of a search, in the order in which it began them.

    Args:
        rows: of a snapshot, as `to_json` returned them.
        where: names them in errors.

    Raises:
        InvalidDocument: a row has another form. What is in it is checked when somebody asks for it.
    """

    def __init__(self, spec: SweepSpec, rows: object = (), *, where: str = "") -> None:
        self._spec = spec
        self._names = list(spec.parameters)
        self._where = where
        self._rows: list[Candidate | list[Any]] = []
        self._open: set[int] = set()
        if not isinstance(rows, list | tuple):
            raise InvalidDocument(f"{where}: must be a list, got {shown(rows)}")
        for number, row in enumerate(rows):
            match row:
                case [list(), int(), list(members), list()] if len(members) == spec.trials_each:
                    self._rows.append(row)
                case _:
                    raise InvalidDocument(f"{self._place(number)}: {_ROW}, got {shown(row)}")
            for member in members:
                match member:
                    case [_, None, None]:
                        self._open.add(number)
                    case [_, _, _]:
                        pass
                    case _:
                        raise InvalidDocument(f"{self._place(number)}: {_ROW}, got {shown(row)}")

    def copy(self) -> "Candidates":
        other = Candidates(self._spec, where=self._where)
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
            row = self._rows[number] = _candidate_from_json(row, self._spec, self._place(number))
        return row

    def __iter__(self) -> Iterator[Candidate]:
        return map(self.__getitem__, range(len(self)))

    def _place(self, number: int) -> str:
        return f"{self._where}[{number}]"

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


_ROW = "must be a list of values, a rung, a list of each trial's epochs, worker and end, and a list of what is reached"
_MEMBER = ("epochs", "worker", "end")
_REACHED = ("value", "epoch", "diverged", "by_objective")
_END = tuple(TaskEnd(status=Status.FAILED).to_json())

_ABSENT: dict[str, Value] = {}
"""Stands for a parameter that does not apply: no value is an object."""


def _candidate_to_json(candidate: Candidate, names: Sequence[str]) -> list[Any]:
    members = [
        [each.epochs, each.worker, [*each.end.to_json().values()] if each.end else None] for each in candidate.members
    ]
    reached = [[each.value, each.epoch, each.diverged, list(each.by_objective)] for each in candidate.reached]
    return [[candidate.params.get(name, _ABSENT) for name in names], candidate.rung, members, reached]


def _candidate_from_json(data: Sequence[Any], spec: SweepSpec, where: str) -> Candidate:
    """Reads a row. Raises InvalidDocument, which names the row and the field."""
    values, rung, rows, reached = data
    names, rungs = list(spec.parameters), spec.rungs
    if isinstance(rung, bool) or not 0 <= rung < len(rungs):
        raise InvalidDocument(f"{where}: rung: must be from 0 to {len(rungs) - 1}, got {shown(rung)}")
    if len(values) != len(names):
        raise InvalidDocument(f"{where}: must have a value for each of {len(names)} parameters, got {len(values)}")
    params = {name: value for name, value in zip(names, values, strict=True) if value != _ABSENT}
    params = Fields({"params": params}, where).values("params")
    candidate = Candidate(
        params=params,
        rung=rung,
        members=tuple(_member(each, spec, f"{where}: trials[{number}]") for number, each in enumerate(rows)),
        reached=tuple(_reached(each, f"{where}: reached[{number}]") for number, each in enumerate(reached)),
    )
    has_ended = all(each.end is not None for each in candidate.members)
    if len(candidate.reached) != rung + has_ended:
        raise InvalidDocument(f"{where}: on rung {rung} it cannot have reached {len(candidate.reached)}")
    return candidate


def _member(data: Any, spec: SweepSpec, where: str) -> Member:
    fields = _fields(data, _MEMBER, where)
    end = fields.raw("end")
    epochs = fields.count("epochs")
    if epochs not in spec.rungs:
        raise InvalidDocument(f"{where}: epochs: no trial of this search trains {epochs}")
    return Member(
        epochs=epochs,
        worker=fields.maybe_count("worker"),
        end=None if end is None else TaskEnd.read(_fields(end, _END, f"{where}: end"), where=where),
    )


def _reached(data: Any, where: str) -> Reached:
    fields = _fields(data, _REACHED, where)
    return Reached(
        value=fields.maybe_number("value"),
        epoch=fields.maybe_count("epoch"),
        diverged=fields.flag("diverged"),
        by_objective=tuple(fields.numbers("by_objective")),
    )


def _fields(data: Any, names: Sequence[str], where: str) -> Fields:
    if not isinstance(data, list) or len(data) != len(names):
        raise InvalidDocument(f"{where}: must be a list of {', '.join(names)}, got {shown(data)}")
    return Fields(dict(zip(names, data, strict=True)), where)
