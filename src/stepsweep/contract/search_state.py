"""The state of a free-running search: what the events in its log say. A snapshot is the state as JSON.

`contract.free_running` decides what follows from it.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from stepsweep.contract.candidates import Candidate, Candidates, Member
from stepsweep.contract.errors import InvalidDocument
from stepsweep.contract.events import SCHEMA, Began, Choice, Event, Task, TaskEnd, event_from_json
from stepsweep.contract.log_rules import check_leg, check_promotion, check_question, check_task
from stepsweep.contract.median import Medians, by_epoch, pairs
from stepsweep.contract.reading import Fields
from stepsweep.contract.space import shown
from stepsweep.contract.spec import SweepSpec
from stepsweep.contract.spent import Spent
from stepsweep.contract.stop import Course
from stepsweep.contract.trial import Trial


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

    def open_trials(self) -> list[Trial]:
        """Returns the trials that have not ended, and that no worker trains."""
        return [
            self.trial(number, index)
            for number, candidate in enumerate(self.candidates)
            for index, member in enumerate(candidate.members)
            if member.is_open
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
