"""What happens while a sweep starts and runs, as values: the command line and the Python API show them."""

from dataclasses import dataclass
from typing import Protocol

from stepsweep.client.archive.recorded import Archive, Standing
from stepsweep.client.running.execution import Ending, Execution, Progress


@dataclass(frozen=True, slots=True)
class Doing:
    """A step that takes time has begun: `text` names it."""

    text: str


@dataclass(frozen=True, slots=True)
class Begun:
    """There is an execution to follow: a new one, or one that ran already."""

    execution: Execution


@dataclass(frozen=True, slots=True)
class Ended:
    """The execution has ended, and its results can be read."""

    execution: Execution
    ending: Ending


@dataclass(frozen=True, slots=True)
class AtRest:
    """Nothing of the sweep runs, and this is what is recorded of it."""

    standing: Standing
    archive: Archive


@dataclass(frozen=True, slots=True)
class Shared:
    """The cloud that this process keeps up waits for the executions of others: `names`."""

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class GoesOn:
    """The trials are planned, and the sweep goes on without us."""

    execution: Execution


@dataclass(frozen=True, slots=True)
class Interrupted:
    """A person ended the sweep, and nothing of it runs.

    Attributes:
        is_planned: whether it is on record, and so can go on.
    """

    execution: Execution
    is_planned: bool


Event = Doing | Begun | Progress | Ended | AtRest | GoesOn | Interrupted | Shared


class Show(Protocol):
    """Receives the events of one sweep.

    Attributes:
        wants_training: whether progress tells what the running trials show of themselves, which is a request a trial.
    """

    wants_training: bool

    def __call__(self, event: Event, /) -> None: ...


class Quiet:
    """Shows nothing."""

    wants_training = False

    def __call__(self, event: Event, /) -> None: ...
