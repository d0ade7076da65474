"""What an event of a free-running search's log cannot say after those before it.

Only stepsweep's functions may write the log, so such an event is damaged, or somebody has changed, lost or put back
objects. Nothing may be decided by it.
"""

from collections.abc import Mapping
from typing import Protocol

from stepsweep.contract.candidates import Candidates
from stepsweep.contract.errors import InvalidDocument
from stepsweep.contract.events import Asked, Began, Task
from stepsweep.contract.limits import MAX_CONCURRENCY
from stepsweep.contract.search import Method
from stepsweep.contract.space import Value, key_of
from stepsweep.contract.spec import SweepSpec


class LogSoFar(Protocol):
    """What the rules need to know of the events before. `SearchState` knows it."""

    began: Began
    events: int
    candidates: Candidates
    turns: dict[int, tuple[int, Task | None]]

    @property
    def spec(self) -> SweepSpec: ...


def check_leg(state: LogSoFar, event: Began) -> None:
    """Raises InvalidDocument if the event cannot begin the next leg."""
    leg = state.began.leg + 1 if state.events else 0
    if event.leg != leg:
        raise InvalidDocument(f"it begins leg {event.leg}, and {leg} is the next one")
    if state.events and not event.spec.same_work(state.spec):
        raise InvalidDocument("its spec asks for other trials than that of the leg before")
    # One more than there are workers may be told that the search has ended.
    if not len(event.first) - 1 <= event.workers <= MAX_CONCURRENCY:
        raise InvalidDocument(f"{event.workers} workers cannot have been told {len(event.first)} first tasks")


def check_question(state: LogSoFar, event: Asked) -> None:
    """Raises InvalidDocument if no worker can have asked that."""
    if event.leg < state.began.leg:  # a late one, which counts for nothing
        return
    if event.leg > state.began.leg or event.worker >= state.began.workers:
        raise InvalidDocument(f"leg {event.leg} has no worker {event.worker}")
    turn, _ = state.turns.get(event.worker, (-1, None))
    if event.turn <= turn:
        raise InvalidDocument(f"worker {event.worker} was told its turn {event.turn} before")
    values = event.ended.by_objective if event.ended else ()
    if values and len(values) != len(state.spec.objectives):
        raise InvalidDocument(f"ended: by_objective: {len(values)} values of {len(state.spec.objectives)} objectives")


def check_promotion(state: LogSoFar, number: int) -> None:
    """Raises InvalidDocument if these params cannot be promoted."""
    if not 0 <= number < len(state.candidates):
        raise InvalidDocument(f"there is no candidate {number} of {len(state.candidates)}")
    candidate = state.candidates[number]
    if not candidate.has_ended or candidate.rung + 1 >= len(state.spec.rungs):
        raise InvalidDocument(f"candidate {number} cannot be promoted from rung {candidate.rung}")


def check_task(state: LogSoFar, task: Task) -> None:
    """Raises InvalidDocument if no worker can have been told to train that."""
    number, begun = task.candidate, len(state.candidates)
    if number > begun or task.member >= state.spec.trials_each:
        raise InvalidDocument(f"there is no trial {task.member} of candidate {number}; {begun} have begun")
    if number == begun:
        if task.rung:
            raise InvalidDocument(f"candidate {number} cannot begin on rung {task.rung}")
        if faults := _faults_of(state.spec, task.params):
            raise InvalidDocument(f"candidate {number} cannot begin: {'; '.join(faults)}")
        return
    candidate = state.candidates[number]
    if task.rung == candidate.rung + 1:
        check_promotion(state, number)
    elif task.rung != candidate.rung:
        raise InvalidDocument(f"candidate {number} is on rung {candidate.rung}, not on {task.rung}")
    elif not candidate.members[task.member].is_open:
        raise InvalidDocument(f"trial {task.member} of candidate {number} is trained already, or has ended")


def _faults_of(spec: SweepSpec, params: Mapping[str, Value]) -> list[str]:
    """Returns why a search cannot try these params."""
    if spec.search.method is not Method.LIST:
        return list(spec.space.faults_of(params))
    # A list by hand has its own params, which need not have all parameters.
    return [] if key_of(params) in map(key_of, spec.try_first) else ["these params are not in the list"]
