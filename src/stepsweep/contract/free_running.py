"""A free-running search: the next trial starts when a machine is free, and no one waits for the end of a round.

`begin` and `answer` decide, as pure functions of what the log says (`contract.search_state`). A worker asks what to do
next when its trial has ended. It takes up a trial that another worker left, or else trains a candidate that halving
promotes, or else begins new params, while the search has any left.
"""

from collections.abc import Sequence
from dataclasses import replace
from itertools import chain, islice

from stepsweep.contract.asha import Reached, promotion
from stepsweep.contract.assumed import Span
from stepsweep.contract.described import plain_digits, usd_text
from stepsweep.contract.events import Asked, Began, Choice, Task, TaskEnd
from stepsweep.contract.rounds import after_those_by_hand, in_order
from stepsweep.contract.search import MAX_TURNS, STARTUP
from stepsweep.contract.search_state import SearchState
from stepsweep.contract.space import Params, Value
from stepsweep.contract.spec import SweepSpec
from stepsweep.contract.stop import Running


def begin(before: SearchState | None, event: Began, *, workers: int) -> Began:
    """Returns the event with the number of workers, and what each does first.

    There are no more workers than tasks. A worker whose first task a model has to propose has none, and asks.

    Args:
        event: without the two.
        workers: the most that there may be.
    """
    state = before.copy() if before else SearchState(event)
    state.apply(event)
    first: list[Choice] = []
    asking = 0
    for worker in range(workers):
        choice, wants_model = choose(state.copy(), None, hours=0.0)
        if wants_model:
            asking = min(workers - worker, state.left)
            break
        if choice.task is None:
            first += [choice] if choice.ended_by else []
            break
        state.told(worker, 0, choice)
        first.append(choice)
    number = sum(choice.task is not None for choice in first) + asking
    return replace(event, workers=number, first=tuple(first))


def answer(
    state: SearchState,
    *,
    leg: int,
    worker: int,
    turn: int,
    ended: TaskEnd | None,
    proposed: Sequence[Params] | None = None,
    seen: int | None = None,
    hours: float = 0.0,
) -> Asked | None:
    """Returns the event that answers a worker; None if a model has to be asked first.

    Raises:
        LookupError: the leg is over, or the question has been answered.
    """
    if leg != state.began.leg or turn <= state.turns.get(worker, (-1, None))[0]:
        raise LookupError("the leg is over, or the question has been answered")
    after = state.copy()
    after.end_task(worker, ended)
    if turn > MAX_TURNS:
        return Asked(leg=leg, worker=worker, turn=turn, ended=ended, choice=Choice())
    choice, wants_model = choose(after, proposed, hours=hours)
    if wants_model:
        return None
    return Asked(leg=leg, worker=worker, turn=turn, ended=ended, choice=choice, seen=seen if choice.task else None)


def ends_what_runs(state: SearchState, worker: int) -> bool:
    """Whether this worker has the trials ended that run: its question met a rule, and the spec asks for it."""
    return (
        worker == state.stopper
        and state.spec.stop.running is Running.END
        and any(_trains(state, other) for other in state.turns)
    )


def _trains(state: SearchState, worker: int) -> bool:
    task = state.task_of(worker)
    return task is not None and state.candidates[task.candidate].members[task.member].worker == worker


def choose(state: SearchState, proposed: Sequence[Params] | None, *, hours: float) -> tuple[Choice, bool]:
    """Returns what a worker does next, and whether a model has to be asked first; changes the state.

    Args:
        proposed: params that a model proposes, best first; None if none was asked. Known ones are skipped.
        hours: since the execution started.
    """
    if ended_by := state.ended_by or _why_stop(state, hours):
        return Choice(ended_by=ended_by), False
    passed: list[int] = []
    while True:
        if (number := state.candidates.first_open()) is not None:
            members = enumerate(state.candidates[number].members)
            member = next(member for member, each in members if each.is_open)
            return _affordable(state, _task(state, number, member), passed), False
        promoted = _promotion(state)
        if promoted is None:
            break
        climbed = state.candidates[promoted].promoted(state.spec)
        if any(each.is_open for each in climbed.members):
            member = next(number for number, each in enumerate(climbed.members) if each.is_open)
            task = Task(candidate=promoted, member=member, rung=climbed.rung, params=climbed.params)
            return _affordable(state, task, passed), False
        state.candidates.put(promoted, climbed)
        passed.append(promoted)
    if state.left <= 0:
        return Choice(passed=tuple(passed)), False
    has_more_by_hand = len(state.candidates) < len(state.spec.try_first)
    if state.spec.search.learns and not has_more_by_hand and proposed is None and knows_enough(state):
        return Choice(passed=tuple(passed)), True
    task = Task(candidate=len(state.candidates), member=0, rung=0, params=_new_params(state, proposed or ()))
    return _affordable(state, task, passed), False


def _task(state: SearchState, number: int, member: int) -> Task:
    candidate = state.candidates[number]
    return Task(candidate=number, member=member, rung=candidate.rung, params=candidate.params)


def _promotion(state: SearchState) -> int | None:
    halving = state.spec.halving
    if halving is None:
        return None
    return promotion(
        state.candidates,
        state.spec.objective,
        rungs=len(state.spec.rungs),
        factor=halving.factor,
        nothing_new=state.left <= 0,
    )


def _why_stop(state: SearchState, hours: float) -> str:
    spec, best = state.spec, None
    if spec.stop.metric_reached is not None:
        # A target counts on the last rung only: the winner stands there, and values of other rungs do not compare.
        last = len(spec.rungs)
        ended = [each.reached[-1].value for each in state.candidates if len(each.reached) == last]
        best = min((value for value in ended if value is not None), key=spec.objective.rank, default=None)
    return spec.stop.why(spec.objective, best=best, without_improvement=state.course.without_improvement, hours=hours)


def _affordable(state: SearchState, task: Task, passed: Sequence[int]) -> Choice:
    """Returns the task as a choice, unless it and what trains might exceed the budget."""
    task = replace(task, medians=state.medians)
    spec, fleet = state.spec, state.began.fleet
    if spec.budget_usd is None:
        return Choice(task=task, passed=tuple(passed))
    # Jobs that failed before their first epoch cost money too, and say nothing of the pace.
    pace = state.spent.pace or spec.seconds_per_epoch or 0.0
    running = [
        _further(spec, candidate.rung)
        for candidate in state.candidates
        for member in candidate.members
        if member.worker is not None
    ]
    seconds = (sum(running) + _further(spec, task.rung)) * pace
    spent = state.spent.usd_at_most(fleet)
    more = fleet.cost(Span(seconds, seconds), jobs=len(running) + 1, starts=0).high
    if spent + more <= spec.budget_usd:
        return Choice(task=task, passed=tuple(passed))
    return Choice(
        passed=tuple(passed),
        ended_by=f"budget_usd: up to {usd_text(spent)} USD have been spent, and another trial and those that run may "
        f"take {usd_text(more)} more; the budget is {plain_digits(spec.budget_usd)}",
    )


def _further(spec: SweepSpec, rung: int) -> int:
    """Returns the epochs of a rung that the one below it lacks."""
    return spec.rungs[rung] - (0, *spec.rungs)[rung]


def knows_enough(state: SearchState) -> bool:
    """Whether a model can propose params: with fewer outcomes it does no better than chance."""
    telling = (True for each in state.candidates if each.ended or any(_tells(reached) for reached in each.reached))
    return sum(islice(telling, STARTUP)) + len(state.spec.known) >= STARTUP


def _tells(reached: Reached) -> bool:
    """Whether a model learns from it: a lost machine says nothing about the params."""
    return reached.value is not None or reached.diverged


def _new_params(state: SearchState, proposed: Sequence[Params]) -> dict[str, Value]:
    """Returns the first params that the search has not begun: by hand, proposed, or in the search's order."""
    spec, has, begun = state.spec, state.candidates.has, len(state.candidates)
    if spec.search.learns:
        return dict(next(params for params in chain(proposed, in_order(spec)) if not has(params)))
    by_hand = spec.try_first[begun:]
    start = max(0, begun - len(spec.try_first))
    return dict(next(chain(by_hand, after_those_by_hand(spec, start=start, is_tried=has))))
