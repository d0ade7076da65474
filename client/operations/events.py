"""Events of a sweep that starts and runs. The command line and the Python API show them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from stepsweep.client.archive.recorded import Archive
from stepsweep.client.running.execution import Execution
from stepsweep.client.running.progress import Ending, Progress
from stepsweep.contract.standing import Standing


@dataclass(frozen=True, slots=True)
class Doing:
    """A step that takes time has begun: `text` names it."""

    text: str


@dataclass(frozen=True, slots=True)
class Begun:
    """There is an execution to follow: a new one, or one that was already running."""

    execution: Execution


@dataclass(frozen=True, slots=True)
class Ended:
    """The execution has ended, and its results can be read."""

    execution: Execution
    ending: Ending


@dataclass(frozen=True, slots=True)
class AtRest:
    """Nothing of the sweep runs; `standing` has its records."""

    standing: Standing
    archive: Archive


@dataclass(frozen=True, slots=True)
class Shared:
    """The cloud of this process stays up for the executions of others: `names`."""

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class GoesOn:
    """The trials are planned, and the sweep continues without this process."""

    execution: Execution


@dataclass(frozen=True, slots=True)
class Interrupted:
    """A person ended the sweep, and nothing of it runs.

    Attributes:
        is_planned: whether it has a plan, and so can be resumed.
    """

    execution: Execution
    is_planned: bool


@dataclass(frozen=True, slots=True)
class GaveUp:
    """The first trials to end failed alike, so the sweep was stopped before the others cost anything.

    Attributes:
        failed: the number of these trials.
        spared: the number of trials of the round that were not trained.
        reason: the first trial's reason.
        have_metrics: whether they have left metrics, which another objective may read.
    """

    execution: Execution
    failed: int
    spared: int
    reason: str
    have_metrics: bool = False


Event = Doing | Begun | Progress | Ended | AtRest | GoesOn | Interrupted | GaveUp | Shared


class Show(Protocol):
    """Receives the events of one sweep.

    Attributes:
        wants_training: whether progress includes the running trials' live rows, which takes one request per trial.
    """

    wants_training: bool

    def __call__(self, event: Event, /) -> None: ...


def doing(show: Show) -> Callable[[str], None]:
    """Returns a function that shows a step that takes time."""
    return lambda text: show(Doing(text))


class Quiet:
    """Shows nothing."""

    wants_training = False

    def __call__(self, event: Event, /) -> None: ...
