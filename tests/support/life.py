"""The life of a free-running search: workers that train, ask and die, over a log that grows one event at a time."""

from dataclasses import dataclass, field
from typing import Any

from stepsweep.contract.events import Began, Event, Task, TaskEnd
from stepsweep.contract.fleet import Fleet
from stepsweep.contract.free_running import answer, begin
from stepsweep.contract.search_state import SearchState
from stepsweep.contract.spec import SweepSpec
from stepsweep.contract.trial import Status

SPACE = {"lr": {"low": 0.0, "high": 1.0, "type": "float"}}
HALVED = {"halving": {"min_epochs": 1, "factor": 3}, "epochs": 9}


def spec_of(trials: int = 9, **fields: Any) -> SweepSpec:
    search = {"method": "random", "trials": trials}
    document = {"parameters": SPACE, "search": search, "epochs": 1, "name": "s", "rounds": False, **fields}
    return SweepSpec.from_json(document)


def began(spec: SweepSpec, *, leg: int = 0, execution: str = "one", part: int = 0, trainer: str = "t") -> Began:
    return Began(
        leg=leg, execution=execution, part=part, started=0.0, spec=spec, trainer_version=trainer, trainer_name="mine",
        fleet=Fleet(usd_per_hour=1.0, at_once=9),
    )  # fmt: skip


def succeeded(value: float, epochs: int = 1, *, job_seconds: float = 1.0) -> TaskEnd:
    return TaskEnd(
        status=Status.SUCCEEDED, value=value, epoch=epochs, epochs_trained=epochs, job_seconds=job_seconds
    )  # fmt: skip


FAILED = TaskEnd(status=Status.FAILED, reason="no memory")


@dataclass
class Life:
    """A search with workers, whose log grows one event at a time."""

    spec: SweepSpec
    workers: int
    log: list[Event] = field(default_factory=list)
    state: SearchState | None = None
    tasks: dict[int, tuple[int, Task]] = field(default_factory=dict)

    def begin(self, *, execution: str = "one", part: int = 0, spec: SweepSpec | None = None, **more: Any) -> None:
        """Begins a leg. Workers of the one before are gone."""
        leg = self.state.began.leg + 1 if self.state else 0
        first = began(spec or self.spec, leg=leg, execution=execution, part=part, **more)
        self.append(begin(self.state, first, workers=self.workers))
        assert self.state is not None
        self.tasks = {worker: (turn, task) for worker, (turn, task) in self.state.turns.items() if task}

    def append(self, event: Event) -> None:
        self.state = self.state or SearchState(event)  # type: ignore[arg-type]
        self.log.append(event)
        self.state.apply(event)

    def ends(self, worker: int, end: TaskEnd, **more: Any) -> Task | None:
        """A worker's trial ends, and it asks for the next; returns that."""
        assert self.state is not None
        turn, _ = self.tasks.pop(worker)
        event = answer(self.state, leg=self.state.began.leg, worker=worker, turn=turn + 1, ended=end, **more)
        assert event is not None
        self.append(event)
        if event.choice.task:
            self.tasks[worker] = (turn + 1, event.choice.task)
        return event.choice.task

    def to_the_end(self, value: Any = lambda task: task.params["lr"]) -> None:
        """The worker that began first always ends first."""
        while self.tasks:
            worker = next(iter(self.tasks))
            _, task = self.tasks[worker]
            self.ends(worker, succeeded(value(task), self.spec.rungs[task.rung]))

    @property
    def rungs(self) -> list[int]:
        assert self.state is not None
        return [candidate.rung for candidate in self.state.candidates]


def life_of(workers: int = 3, trials: int = 9, **fields: Any) -> Life:
    life = Life(spec=spec_of(trials, **fields), workers=workers)
    life.begin()
    return life
