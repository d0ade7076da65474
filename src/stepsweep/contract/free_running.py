"""A free-running search: the next trial starts when a machine is free, and no one waits for the end of a round.

`SearchState` is what the log's events say; `begin` and `answer` decide, as pure functions of it. A worker asks what to
do next when its trial has ended. It takes up a trial that another worker left, or else trains a candidate that halving
promotes, or else begins new params, while the search has any left.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import chain, islice
from typing import Any

from stepsweep.contract.asha import Reached, promotion
from stepsweep.contract.assumed import Span
from stepsweep.contract.candidates import Candidate, Candidates, Member
from stepsweep.contract.errors import InvalidDocument
from stepsweep.contract.events import SCHEMA, Asked, Began, Choice, Event, Task, TaskEnd, event_from_json
from stepsweep.contract.log_rules import check_leg, check_promotion, check_question, check_task
from stepsweep.contract.median import Medians, by_epoch, pairs
from stepsweep.contract.reading import Fields
from stepsweep.contract.rounds import after_those_by_hand, in_order
from stepsweep.contract.search import MAX_TURNS, STARTUP
from stepsweep.contract.space import Value, shown
from stepsweep.contract.spec import SweepSpec
from stepsweep.contract.spent import Spent
from stepsweep.contract.stop import Course, Running
from stepsweep.contract.trial import Trial

Params = Mapping[str, Value]


class SearchState:
    """What the events of a log say, in their order.

    Attributes:
        began: the latest leg.
        events: number of events.
        candidates: in the order in which the search began them.
        turns: worker → the last turn of the current leg, and what it was told.
        ended_by: the rule that ended the search in this leg; empty if none did.
        stopper: the worker whose question met that rule.
        course: how the search went so far.
        spent: on all jobs so far.
        averages: with the median rule, the running averages of each trial that succeeded, by epoch.
    """

    def __init__(self, began: Began) -> None:
        self.began = began
        self.events = 0
        self.candidates = Candidates(began.spec)
        self.turns: dict[int, tuple[int, Task | None]] = {}
        self.ended_by = ""
        self.stopper: int | None = None
        self.course = Course()
        self.spent = Spent()
        self.averages: list[Mapping[int, float]] = []
        self._medians: Medians | None = None

    @property
    def spec(self) -> SweepSpec:
        return self.began.spec

    def copy(self) -> "SearchState":
        other = SearchState(self.began)
        other.__dict__.update(self.__dict__)
        other.candidates, other.turns = self.candidates.copy(), dict(self.turns)
        other.averages = list(self.averages)
        return other

    # --- events

    def apply(self, event: Event) -> None:
        """Takes the next event into account. The only place that says what an event means.

        Raises:
            InvalidDocument: the event cannot follow those before it, so somebody has changed the log. The state is
                then of no use.
        """
        if isinstance(event, Began):
            check_leg(self, event)
        else:
            check_question(self, event)
        self.events += 1
        if isinstance(event, Began):
            self._begin(event)
            for worker, choice in enumerate(event.first):
                self.told(worker, 0, choice)
        elif event.leg == self.began.leg:
            self.end_task(event.worker, event.ended)
            self.told(event.worker, event.turn, event.choice)

    def _begin(self, event: Began) -> None:
        """Frees what earlier workers left. A new execution also retries failed trials.

        One without the median rule trains on what the rule ended.
        """
        before, self.began = self.began, event
        if before.trainer_version != event.trainer_version:  # all trials count as new
            self.candidates, self.course = Candidates(event.spec), Course()
            self.averages = []
        again, no_median = before.execution != event.execution, event.spec.stop.median is None
        if again:
            self.course = self.course.tried_again(are_judged=no_median)
        for number, candidate in enumerate(self.candidates):
            for index, member in enumerate(candidate.members):
                is_again = member.has_failed or (member.ended is not None and no_median)
                if member.worker is not None or (again and is_again):
                    candidate = candidate.with_member(index, Member(epochs=member.epochs))  # noqa: PLW2901
            self.candidates.put(number, candidate)
        self.turns, self.ended_by, self.stopper = {}, "", None
        self._medians = None  # of the former rule
        self.spent = self.spent.with_starts(event.fleet.machines(event.workers))

    def end_task(self, worker: int, end: TaskEnd | None) -> None:
        """Records how the worker's task ended."""
        _, task = self.turns.get(worker, (0, None))
        if task is None or end is None:
            return
        candidate = self.candidates[task.candidate]
        member = candidate.members[task.member]
        if end.averages:
            self.averages.append(end.averages)
            self._medians = None
        # The averages are kept once.
        candidate = candidate.with_member(task.member, replace(member, end=replace(end, averages={}), worker=None))
        self.candidates.put(task.candidate, candidate)
        if end.job_seconds:
            before = (0, *self.spec.rungs)[task.rung]
            epochs = max(0, (end.epochs_trained or 0) - before)
            self.spent = self.spent.with_job(end.job_seconds, epochs, is_whole=epochs == member.epochs - before)
        if any(each.has_failed for each in candidate.members) and candidate.has_ended:
            self.course = self.course.after_failure()
        elif candidate.ended:
            self.course = self.course.after_judged()
        elif candidate.has_ended:
            self.course = self.course.after([candidate.reached[-1].value], self.spec.objective)

    def told(self, worker: int, turn: int, choice: Choice) -> None:
        """Records what a worker was told. Raises InvalidDocument if nobody could have told that."""
        for number in choice.passed:
            check_promotion(self, number)
            self.candidates.put(number, self.candidates[number].promoted(self.spec))
        task = choice.task
        if task is not None:
            check_task(self, task)
        self.turns[worker] = (turn, task)
        if choice.ended_by and not self.ended_by:
            self.ended_by, self.stopper = choice.ended_by, worker
        if task is None:
            return
        if task.candidate == len(self.candidates):
            members = tuple(Member(epochs=self.spec.rungs[0]) for _ in range(self.spec.trials_each))
            self.candidates.put(task.candidate, Candidate(params=dict(task.params), members=members))
        candidate = self.candidates[task.candidate]
        if task.rung > candidate.rung:
            candidate = candidate.promoted(self.spec)
        member = replace(candidate.members[task.member], worker=worker)
        self.candidates.put(task.candidate, candidate.with_member(task.member, member))

    # --- questions

    def task_of(self, worker: int) -> Task | None:
        """Returns the task that the worker was told last, in this leg."""
        return self.turns.get(worker, (0, None))[1]

    def trial(self, candidate: int, member: int) -> Trial:
        """Returns a trial on its candidate's rung. Its round number is the rung for whose epochs it trains."""
        there = self.candidates[candidate]
        first = self.spec.trials_of(there.params, trainer_version=self.began.trainer_version)[member]
        epochs = there.members[member].epochs
        options = {**first.options, "epochs": epochs}
        number = self.spec.rungs.index(epochs)
        return replace(first, rung=there.rung, epochs=epochs, options=options, round_number=number)

    def trials(self) -> list[Trial]:
        """Returns all trials that the search has begun, in order."""
        return [
            self.trial(number, member)
            for number, candidate in enumerate(self.candidates)
            for member in range(len(candidate.members))
        ]

    def ended(self) -> "SearchState":
        """Returns the search as it is ranked at its end: params that did not get through a rung are on the one below.

        Otherwise params that have a result would rank last, since a rule ended the search between two of their trials.
        """
        after = self.copy()
        for number, candidate in enumerate(after.candidates):
            if candidate.rung and any(each.end is None for each in candidate.members):
                epochs = self.spec.rungs[candidate.rung - 1]
                members = tuple(Member(epochs=min(each.epochs, epochs)) for each in candidate.members)
                after.candidates.put(number, replace(candidate, rung=candidate.rung - 1, members=members))
        return after

    @property
    def medians(self) -> Medians:
        """The medians that end a trial that begins now; empty without the rule, or while too few have completed."""
        if self._medians is None:
            rule = self.spec.stop.median
            self._medians = rule.medians(self.averages, self.spec.objective, self.spec.epochs) if rule else {}
        return self._medians

    @property
    def left(self) -> int:
        """How many params the search has not begun."""
        return self.spec.number_of_params - len(self.candidates)

    @property
    def wants_workers(self) -> bool:
        """Whether there is something to train that no worker trains, and no rule has ended the search."""
        choice, wants_model = self.copy().choose(None, hours=0.0)
        return not self.ended_by and (wants_model or choice.task is not None)

    def ends_what_runs(self, worker: int) -> bool:
        """Whether this worker has the trials ended that run: its question met a rule, and the spec asks for it."""
        return (
            worker == self.stopper
            and self.spec.stop.running is Running.END
            and any(self._trains(other) for other in self.turns)
        )

    def _trains(self, worker: int) -> bool:
        task = self.task_of(worker)
        return task is not None and self.candidates[task.candidate].members[task.member].worker == worker

    def knows_enough(self) -> bool:
        """Whether a model can propose params: with fewer outcomes it does no better than chance."""
        telling = (True for each in self.candidates if each.ended or any(_tells(reached) for reached in each.reached))
        return sum(islice(telling, STARTUP)) + len(self.spec.known) >= STARTUP

    # --- decisions

    def choose(self, proposed: Sequence[Params] | None, *, hours: float) -> tuple[Choice, bool]:
        """Returns what a worker does next, and whether a model has to be asked first; changes the state.

        Args:
            proposed: params that a model proposes, best first; None if none was asked. Known ones are skipped.
            hours: since the execution started.
        """
        if ended_by := self.ended_by or self._why_stop(hours):
            return Choice(ended_by=ended_by), False
        passed: list[int] = []
        while True:
            if (number := self.candidates.first_open()) is not None:
                members = enumerate(self.candidates[number].members)
                member = next(member for member, each in members if each.is_open)
                return self._affordable(self._task(number, member), passed), False
            promoted = self._promotion()
            if promoted is None:
                break
            climbed = self.candidates[promoted].promoted(self.spec)
            if any(each.is_open for each in climbed.members):
                member = next(number for number, each in enumerate(climbed.members) if each.is_open)
                task = Task(candidate=promoted, member=member, rung=climbed.rung, params=climbed.params)
                return self._affordable(task, passed), False
            self.candidates.put(promoted, climbed)
            passed.append(promoted)
        if self.left <= 0:
            return Choice(passed=tuple(passed)), False
        has_more_by_hand = len(self.candidates) < len(self.spec.try_first)
        if self.spec.search.learns and not has_more_by_hand and proposed is None and self.knows_enough():
            return Choice(passed=tuple(passed)), True
        task = Task(candidate=len(self.candidates), member=0, rung=0, params=self._new_params(proposed or ()))
        return self._affordable(task, passed), False

    def _task(self, number: int, member: int) -> Task:
        candidate = self.candidates[number]
        return Task(candidate=number, member=member, rung=candidate.rung, params=candidate.params)

    def _promotion(self) -> int | None:
        halving = self.spec.halving
        if halving is None:
            return None
        return promotion(
            self.candidates,
            self.spec.objective,
            rungs=len(self.spec.rungs),
            factor=halving.factor,
            nothing_new=self.left <= 0,
        )

    def _why_stop(self, hours: float) -> str:
        best = None
        if self.spec.stop.metric_reached is not None:
            # A target counts on the last rung only: the winner stands there, and values of other rungs do not compare.
            last = len(self.spec.rungs)
            ended = [each.reached[-1].value for each in self.candidates if len(each.reached) == last]
            best = min((value for value in ended if value is not None), key=self.spec.objective.rank, default=None)
        return self.spec.stop.why(self.spec.objective, best=best, since_best=self.course.since_best, hours=hours)

    def _affordable(self, task: Task, passed: Sequence[int]) -> Choice:
        """Returns the task as a choice, unless it and what trains might exceed the budget."""
        task = replace(task, medians=self.medians)
        budget, fleet = self.spec.budget_usd, self.began.fleet
        if budget is None:
            return Choice(task=task, passed=tuple(passed))
        # Jobs that failed before their first epoch cost money too, and say nothing of the pace.
        pace = self.spent.pace or self.spec.seconds_per_epoch or 0.0
        running = [
            _further(self.spec, candidate.rung)
            for candidate in self.candidates
            for member in candidate.members
            if member.worker is not None
        ]
        seconds = (sum(running) + _further(self.spec, task.rung)) * pace
        spent = self.spent.usd_at_most(fleet)
        more = fleet.cost(Span(seconds, seconds), jobs=len(running) + 1, starts=0).high
        if spent + more <= budget:
            return Choice(task=task, passed=tuple(passed))
        return Choice(
            passed=tuple(passed),
            ended_by=f"budget_usd: up to {spent:.2f} USD have been spent, and another trial and those that run may "
            f"take {more:.2f} more; the budget is {budget:g}",
        )

    def _new_params(self, proposed: Sequence[Params]) -> dict[str, Value]:
        """Returns the first params that the search has not begun: by hand, proposed, or in the search's order."""
        has = self.candidates.has
        if self.spec.search.learns:
            return dict(next(params for params in chain(proposed, in_order(self.spec)) if not has(params)))
        by_hand = self.spec.try_first[len(self.candidates) :]
        begun = max(0, len(self.candidates) - len(self.spec.try_first))
        return dict(next(chain(by_hand, after_those_by_hand(self.spec, start=begun, is_tried=has))))

    # --- snapshots

    def to_json(self) -> dict[str, Any]:
        """Returns a snapshot: the same bytes, whoever writes it."""
        return {
            "schema": SCHEMA,
            "events": self.events,
            "began": replace(self.began, first=()).to_json(),
            "ended_by": self.ended_by,
            "stopper": self.stopper,
            "best": self.course.best,
            "since_best": self.course.since_best,
            "failed": self.course.failed,
            "judged": self.course.judged,
            "spent": self.spent.to_json(),
            "averages": [pairs(each) for each in self.averages],
            "turns": [[worker, turn, _place(task)] for worker, (turn, task) in sorted(self.turns.items())],
            "candidates": self.candidates.to_json(),
        }

    @classmethod
    def from_json(cls, data: object, *, where: str) -> "SearchState":
        fields = Fields(data, where)
        fields.schema(SCHEMA)
        began = event_from_json(fields.raw("began"), where=f"{where}: began")
        if not isinstance(began, Began):
            raise InvalidDocument(f"{where}: began: must be the event that begins a leg")
        state = cls(began)
        state.events = fields.count("events")
        state.ended_by = fields.text("ended_by")
        state.stopper = fields.maybe_count("stopper")
        state.course = Course(
            best=fields.maybe_number("best"),
            since_best=fields.count("since_best"),
            failed=fields.count("failed"),
            judged=fields.count("judged"),
        )
        state.spent = Spent.from_json(fields.raw("spent"), where=f"{where}: spent")
        state.averages = [
            by_epoch(Fields({"averages": each}, place).pairs("averages")) for each, place in fields.children("averages")
        ]
        state.candidates = Candidates(state.spec, fields.raw("candidates"), where=f"{where}: candidates")
        for each, place in fields.children("turns"):
            worker, turn, task = _turn(each, state.candidates, where=place)
            state.turns[worker] = (turn, task)
        fields.done()
        return state


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
        choice, wants_model = state.copy().choose(None, hours=0.0)
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
    choice, wants_model = after.choose(proposed, hours=hours)
    if wants_model:
        return None
    return Asked(leg=leg, worker=worker, turn=turn, ended=ended, choice=choice, seen=seen if choice.task else None)


def _tells(reached: Reached) -> bool:
    """Whether a model learns from it: a lost machine says nothing about the params."""
    return reached.value is not None or reached.diverged


def _further(spec: SweepSpec, rung: int) -> int:
    """Returns the epochs of a rung that the one below it lacks."""
    return spec.rungs[rung] - (0, *spec.rungs)[rung]


def _turn(data: object, candidates: Candidates, *, where: str) -> tuple[int, int, Task | None]:
    """Reads what a worker was told last, of a snapshot."""
    match data:
        case [int(worker), int(turn), None] if worker >= 0 and turn >= 0:
            return worker, turn, None
        case [int(worker), int(turn), [int(number), int(member), int(rung), list() as medians]] if min(
            worker, turn, number, member, rung
        ) >= 0 and number < len(candidates):
            candidate = candidates[number]
            if member < len(candidate.members) and rung <= candidate.rung:
                by = by_epoch(Fields({"medians": medians}, where).pairs("medians"))
                task = Task(candidate=number, member=member, rung=rung, params=candidate.params, medians=by)
                return worker, turn, task
    raise InvalidDocument(f"{where}: must be a worker, its turn, and its task among the candidates, got {shown(data)}")


def _place(task: Task | None) -> list[Any] | None:
    return None if task is None else [task.candidate, task.member, task.rung, pairs(task.medians)]
