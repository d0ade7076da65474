"""The output of an execution that found a winner, or a Pareto front. winner.json or front.json has the same content."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from stepsweep.contract.artifacts import Kept
from stepsweep.contract.errors import InvalidDocument
from stepsweep.contract.front import Front
from stepsweep.contract.objective import At, Direction, Objective
from stepsweep.contract.reading import Fields
from stepsweep.contract.results import Group
from stepsweep.contract.space import Value, plain
from stepsweep.contract.trial import Status
from stepsweep.contract.words import options_line

SCHEMA = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A place on the leaderboard: params with a value.

    Attributes:
        value: the objective's value; with several folds or seeds their mean.
        epoch: the first epoch that reached the value, counted from 1; with several folds or seeds the rounded mean of
            their epochs.
        trial_id: id of the params' first trial.
        n: number of trials of the params.
        standard_error: of the mean; None if n is 1.
        p_value: of a t-test against the winner, if this place ties with it and n > 1.
    """

    params: Mapping[str, Value]
    value: float
    epoch: int
    trial_id: str
    n: int = 1
    standard_error: float | None = None
    p_value: float | None = None

    @classmethod
    def of(cls, group: Group, *, p_value: float | None = None) -> Self:
        """Returns the place of a complete group."""
        if group.value is None or group.epoch is None:
            raise ValueError("a group without a value has no place")
        return cls(
            params=dict(group.params),
            value=group.value,
            epoch=group.epoch,
            trial_id=group.trial.trial_id,
            n=len(group.results),
            standard_error=group.standard_error,
            p_value=p_value,
        )

    @property
    def options(self) -> str:
        """The params as options to append to a trainer's command."""
        return options_line(self.params)

    def to_json(self) -> dict[str, Any]:
        several = {"standard_error": self.standard_error, "n": self.n} if self.n > 1 else {}
        tied = {} if self.p_value is None else {"p_value": self.p_value}
        place = {
            "params": {name: plain(each) for name, each in self.params.items()},
            "value": self.value,
            "epoch": self.epoch,
            "trial_id": self.trial_id,
        }
        return {**place, **several, **tied}

    @classmethod
    def read(cls, fields: Fields) -> Self:
        """Reads the fields that `to_json` wrote. The caller reads its additional fields, and refuses unknown ones."""
        return cls(
            params=fields.values("params"),
            value=fields.number("value"),
            epoch=fields.whole("epoch"),
            trial_id=fields.text("trial_id"),
            n=fields.whole("n") if fields.has("n") else 1,
            standard_error=fields.maybe_number("standard_error") if fields.has("standard_error") else None,
            p_value=fields.number("p_value") if fields.has("p_value") else None,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """Time and cost of a sweep's jobs, by Batch's timestamps and the stack's price.

    Attributes:
        usd_estimate: of the jobs' own time.
        usd_at_most: with the machines' boot, pull, idling, disks and addresses, as far as `contract.assumed` reaches.
    """

    job_seconds: float
    gpu_seconds: float
    usd_estimate: float
    usd_at_most: float

    def to_json(self) -> dict[str, float]:
        return {
            "job_seconds": self.job_seconds,
            "gpu_seconds": self.gpu_seconds,
            "usd_estimate": self.usd_estimate,
            "usd_at_most": self.usd_at_most,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """The output of an execution. It has either a winner, its ties and the best, or a front.

    Attributes:
        execution: its name.
        winner: None with several objectives.
        fewer_epochs: why the winner has fewer epochs than the sweep's, as a sentence; empty if it does not.
        front: None with one objective.
        summary: the winner's summary file; None if there is none, or if the winner is a mean.
        artifacts: None if the winner left none, or if the spec keeps none.
        ties: the first places below the winner only by a tie-break.
        objectives: one, or several.
        outcomes: number of trials by status, zeros included.
        best: the first places of the leaderboard, with the winner.
        reasons: the most frequent reasons why trials did not succeed, each with its number of trials.
        rounds: number of rounds; 1 for a free-running search, which has none.
        ended_by: why the search ended early; None if it did not.
    """

    sweep: str
    execution: str
    winner: Place | None = None
    fewer_epochs: str = ""
    front: Front | None = None
    summary: Mapping[str, Any] | None = None
    artifacts: Kept | None = None
    ties: tuple[Place, ...] = ()
    objectives: tuple[Objective, ...]
    outcomes: Mapping[str, int]
    best: tuple[Place, ...] = ()
    reasons: tuple[tuple[str, int], ...]
    rounds: int
    leaderboard_key: str
    plan_key: str
    epochs_trained: int
    ended_by: str | None
    cost: Cost

    def _head(self) -> dict[str, Any]:
        if self.winner is None:
            return {
                "front": self.front.to_json() if self.front else None,
                "objectives": [each.to_json() for each in self.objectives],
            }
        fewer = {"fewer_epochs": self.fewer_epochs} if self.fewer_epochs else {}
        return {
            "winner": {**self.winner.to_json(), "options": self.winner.options, "summary": self.summary, **fewer},
            "artifacts": self.artifacts.to_json() if self.artifacts else None,
            "ties": [place.to_json() for place in self.ties],
            "objective": self.objectives[0].to_json(),
            "best": [place.to_json() for place in self.best],
        }

    def to_json(self) -> dict[str, Any]:
        return {
            "schema": SCHEMA,
            "sweep": self.sweep,
            "execution": self.execution,
            **self._head(),
            "outcomes": dict(self.outcomes),
            "reasons": [{"reason": reason, "trials": trials} for reason, trials in self.reasons],
            "rounds": self.rounds,
            "leaderboard_key": self.leaderboard_key,
            "plan_key": self.plan_key,
            "epochs_trained_total": self.epochs_trained,
            "ended_by": self.ended_by,
            "cost": self.cost.to_json(),
        }

    @classmethod
    def from_json(cls, data: object, *, where: str) -> Self:
        """Reads what `to_json` wrote. Raises InvalidDocument, which names the wrong field."""
        fields = Fields(data, where)
        fields.schema(SCHEMA)
        cost, outcomes = fields.child("cost"), fields.child("outcomes")
        output = cls(
            sweep=fields.text("sweep"),
            execution=fields.text("execution"),
            **(_front(fields, where) if fields.has("front") else _winner(fields, where)),
            outcomes={status.value: outcomes.whole(status.value) for status in Status},
            reasons=tuple(_reason(Fields(each, place)) for each, place in fields.children("reasons")),
            rounds=fields.whole("rounds"),
            leaderboard_key=fields.text("leaderboard_key"),
            plan_key=fields.text("plan_key"),
            epochs_trained=fields.whole("epochs_trained_total"),
            ended_by=fields.maybe_text("ended_by"),
            cost=Cost(
                job_seconds=cost.number("job_seconds"),
                gpu_seconds=cost.number("gpu_seconds"),
                usd_estimate=cost.number("usd_estimate"),
                usd_at_most=cost.number("usd_at_most"),
            ),
        )
        for each in (cost, outcomes, fields):
            each.done()
        return output


def _front(fields: Fields, where: str) -> dict[str, Any]:
    objectives = tuple(_objective(Fields(each, place), where) for each, place in fields.children("objectives"))
    metrics = [each.metric for each in objectives]
    return {"front": Front.from_json(fields.child("front"), metrics=metrics), "objectives": objectives}


def _winner(fields: Fields, where: str) -> dict[str, Any]:
    winner = fields.child("winner")
    winner.text("options")
    summary = winner.raw("summary")
    if summary is not None and not isinstance(summary, dict):
        raise InvalidDocument(f"{where}: winner: summary must be an object or null")
    found = {
        "winner": Place.read(winner),
        "fewer_epochs": winner.text("fewer_epochs") if winner.has("fewer_epochs") else "",
        "summary": summary,
        "artifacts": Kept.read(fields),
        "ties": _places(fields, "ties"),
        "objectives": (_objective(fields.child("objective"), where),),
        "best": _places(fields, "best"),
    }
    winner.done()
    return found


def _places(fields: Fields, name: str) -> tuple[Place, ...]:
    found = []
    for each, where in fields.children(name):
        place = Fields(each, where)
        found.append(Place.read(place))
        place.done()
    return tuple(found)


def _objective(fields: Fields, where: str) -> Objective:
    metric, direction, at = fields.text("metric"), fields.text("direction"), fields.raw("at")
    fields.done()
    if direction not in list(Direction):
        raise InvalidDocument(f"{where}: objective: direction must be one of {', '.join(Direction)}, got {direction}")
    try:
        return Objective(metric=metric, direction=Direction(direction), at=At.from_json(at))
    except ValueError as error:
        raise InvalidDocument(f"{where}: objective: at {error}") from None


def _reason(fields: Fields) -> tuple[str, int]:
    reason, trials = fields.text("reason"), fields.whole("trials")
    fields.done()
    return reason, trials
