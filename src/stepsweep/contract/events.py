"""The events in the log of a free-running search. The whole search is a function of them.

Each event is one object, `sweeps/<sweep>/log/<number>.json`, that is written once and never deleted. A number is taken
by a conditional write, so no two workers take the same trial. `contract.search_state` is the only reader of what events
mean; recorded decisions are the truth, and nothing decides anew when the log is read.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from stepsweep.contract.errors import InvalidDocument, InvalidSweep
from stepsweep.contract.fleet import Fleet
from stepsweep.contract.median import Ended, Medians, by_epoch, pairs
from stepsweep.contract.reading import Fields
from stepsweep.contract.space import Value, shown
from stepsweep.contract.spec import SweepSpec
from stepsweep.contract.trial import Cause, Status

SCHEMA = 1
"""Schema of events and snapshots. Increase it when their fields or what they mean change."""

BEGAN, ASKED = "began", "asked"


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A trial to train: which of the search's candidates, on which rung.

    Attributes:
        candidate: number of the params, in the order in which the search began them.
        member: which of the candidate's trials, one per fold and seed.
        rung: how often the candidate has been promoted.
        params: of the candidate; a new one is known by them.
        medians: that end the trial where it is worse; empty without the rule, or while too few trials have completed.
    """

    candidate: int
    member: int
    rung: int
    params: Mapping[str, Value]
    medians: Medians = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        return {
            "candidate": self.candidate, "member": self.member, "rung": self.rung, "params": dict(self.params),
            "medians": pairs(self.medians),
        }  # fmt: skip

    @classmethod
    def from_json(cls, data: object, *, where: str) -> Self:
        fields = Fields(data, where)
        task = cls(
            candidate=fields.count("candidate"),
            member=fields.count("member"),
            rung=fields.count("rung"),
            params=fields.values("params"),
            medians=by_epoch(fields.pairs("medians")),
        )
        fields.done()
        return task


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What a worker is told to do next.

    Attributes:
        task: the trial that it trains; None if it has nothing to do, or if a model has to be asked first.
        passed: candidates promoted before that without training, since all their trials had stopped early.
        ended_by: the rule that ended the search, for people; empty if none did.
    """

    task: Task | None = None
    passed: tuple[int, ...] = ()
    ended_by: str = ""

    def to_json(self) -> dict[str, Any]:
        task = self.task.to_json() if self.task else None
        return {"task": task, "passed": list(self.passed), "ended_by": self.ended_by}

    @classmethod
    def from_json(cls, data: object, *, where: str) -> Self:
        fields = Fields(data, where)
        task = fields.raw("task")
        choice = cls(
            task=None if task is None else Task.from_json(task, where=f"{where}: task"),
            passed=tuple(fields.wholes("passed")),
            ended_by=fields.text("ended_by"),
        )
        fields.done()
        return choice


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskEnd:
    """How a task ended. The trial's metrics decide, as for every trial.

    Attributes:
        reason, cause: as in `contract.trial.Outcome`.
        value, epoch, epochs_trained, by_objective: as in `contract.results.Result`.
        job_seconds: how long the attempts of its job ran; 0 if it was trained before.
        ended: where the median rule ended it; None if it did not.
        averages: with the median rule, the running averages of a trial that succeeded, by epoch.
    """

    status: Status
    reason: str = ""
    cause: Cause | None = None
    value: float | None = None
    epoch: int | None = None
    epochs_trained: int | None = None
    job_seconds: float = 0.0
    by_objective: tuple[float, ...] = ()
    ended: Ended | None = None
    averages: Mapping[int, float] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        return {
            "status": self.status.value, "reason": self.reason, "cause": self.cause, "value": self.value,
            "epoch": self.epoch, "epochs_trained": self.epochs_trained, "job_seconds": self.job_seconds,
            "by_objective": list(self.by_objective), "ended": self.ended.to_json() if self.ended else None,
            "averages": pairs(self.averages),
        }  # fmt: skip

    @classmethod
    def from_json(cls, data: object, *, where: str) -> Self:
        fields = Fields(data, where)
        end = cls.read(fields, where=where)
        fields.done()
        return end

    @classmethod
    def read(cls, fields: Fields, *, where: str) -> Self:
        ended = fields.raw("ended")
        return cls(
            status=fields.one_of("status", Status),
            reason=fields.text("reason"),
            cause=fields.maybe_one_of("cause", Cause),
            value=fields.maybe_number("value"),
            epoch=fields.maybe_count("epoch"),
            epochs_trained=fields.maybe_count("epochs_trained"),
            job_seconds=fields.amount("job_seconds"),
            by_objective=tuple(fields.numbers("by_objective")),
            ended=None if ended is None else Ended.from_json(ended, where=f"{where}: ended"),
            averages=by_epoch(fields.pairs("averages")),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Began:
    """Workers began: a leg. Trials that workers of earlier legs left are taken up by this one's.

    Attributes:
        leg: counts the legs of the sweep, from 0.
        execution: name of the execution; another one retries failed trials.
        part: counts the legs of the execution, from 0.
        started: when the execution started, in seconds since 1970.
        spec: the execution's input.
        fleet: the machines, and their price.
        workers: how many there are, numbered from 0.
        first: what each worker does first, by its number; those without ask.
    """

    leg: int
    execution: str
    part: int
    started: float
    spec: SweepSpec
    trainer_version: str
    trainer_name: str
    fleet: Fleet
    workers: int = 0
    first: tuple[Choice, ...] = ()

    def to_json(self) -> dict[str, Any]:
        return {
            "schema": SCHEMA,
            "event": BEGAN,
            "leg": self.leg,
            "execution": self.execution,
            "part": self.part,
            "started": self.started,
            "spec": self.spec.to_json(),
            "trainer_version": self.trainer_version,
            "trainer_name": self.trainer_name,
            "fleet": self.fleet.to_json(),
            "workers": self.workers,
            "first": [choice.to_json() for choice in self.first],
        }

    @classmethod
    def read(cls, fields: Fields, *, where: str) -> Self:
        try:
            spec = SweepSpec.from_json(fields.raw("spec"))
        except InvalidSweep as error:
            raise InvalidDocument(f"{where}: spec: {error.faults[0]}") from None
        return cls(
            leg=fields.count("leg"),
            execution=fields.text("execution"),
            part=fields.count("part"),
            started=fields.number("started"),
            spec=spec,
            trainer_version=fields.text("trainer_version"),
            trainer_name=fields.text("trainer_name"),
            fleet=Fleet.from_json(fields.raw("fleet"), where=f"{where}: fleet"),
            workers=fields.count("workers"),
            first=tuple(Choice.from_json(each, where=place) for each, place in fields.children("first")),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A worker's task ended, and it was told what to do next: one event, so that a crash cannot part the two.

    Leg, worker and turn come from the state machine, so a repeated question finds its answer in the log.

    Attributes:
        turn: counts what the worker was told, from 0, its first task included.
        ended: how its task ended; None if it had none.
        seen: number of events that the model knew; None if no model was asked.
    """

    leg: int
    worker: int
    turn: int
    ended: TaskEnd | None
    choice: Choice
    seen: int | None = None

    def to_json(self) -> dict[str, Any]:
        return {
            "schema": SCHEMA,
            "event": ASKED,
            "leg": self.leg,
            "worker": self.worker,
            "turn": self.turn,
            "ended": self.ended.to_json() if self.ended else None,
            "seen": self.seen,
            "choice": self.choice.to_json(),
        }

    @classmethod
    def read(cls, fields: Fields, *, where: str) -> Self:
        ended = fields.raw("ended")
        return cls(
            leg=fields.count("leg"),
            worker=fields.count("worker"),
            turn=fields.count("turn"),
            ended=None if ended is None else TaskEnd.from_json(ended, where=f"{where}: ended"),
            seen=fields.maybe_count("seen"),
            choice=Choice.from_json(fields.raw("choice"), where=f"{where}: choice"),
        )


Event = Began | Asked


def event_from_json(data: object, *, where: str) -> Event:
    """Reads an event. Raises InvalidDocument, which names the object and the field."""
    fields = Fields(data, where)
    fields.schema(SCHEMA)
    kind = fields.text("event")
    if kind not in (BEGAN, ASKED):
        raise InvalidDocument(f"{where}: event: must be {BEGAN} or {ASKED}, got {shown(kind)}")
    event: Event = Began.read(fields, where=where) if kind == BEGAN else Asked.read(fields, where=where)
    fields.done()
    return event
