"""How a sweep goes, as it goes: a line each trial that ends, and below them on a terminal a bar."""

import time
from contextlib import AbstractContextManager, nullcontext

from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar
from rich.text import Text

from client.execution import Progress
from client.view import View, assignments, printable, shown_value
from sweep.metrics import Objective
from sweep.ranking import Result
from sweep.trial import Status

MAX_TRIAL_LINES = 100
"""Where more trials are to run, each would be a line that nobody reads: then it is a line each twentieth of them."""

NOTHING_STARTS_SECONDS = 600
"""A new account's quota of GPUs is 0, and jobs then wait without a word."""


class Following:
    """Shows the progress of one execution."""

    def __init__(self, view: View, objective: Objective) -> None:
        self.view = view
        self._objective = objective
        self._best: float | None = None
        self._began = time.monotonic()
        self._was_planned = False
        self._reasons: set[str] = set()
        self._trouble = ""
        self._warned = False
        self._bar = Bar(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[counts]}"),
            TimeElapsedColumn(),
            console=view.console,
            transient=True,
        )
        self._task = self._bar.add_task("planning", counts="", total=None)

    def live(self) -> AbstractContextManager[object]:
        """Returns the context in which `update` may be called."""
        return self._bar if self.view.is_live else nullcontext()

    def update(self, progress: Progress) -> None:
        if progress.planned is not None and not self._was_planned:
            self._was_planned = True
            self.view.line(planned(progress))
        self._trials(progress)
        self._warn(progress)
        if progress.planned is not None:
            self._bar.update(
                self._task,
                completed=progress.ended,
                total=progress.to_run,
                description=f"{progress.ended:,}/{progress.to_run:,}",
                counts=counts(progress),
            )

    def _trials(self, progress: Progress) -> None:
        first = progress.ended - len(progress.news) + 1
        for number, result in enumerate(progress.news, start=first):
            # Of trials that were finished before nothing is known here, and one of them may be better.
            is_best = progress.planned == progress.to_run and self._is_best(result.value)
            if progress.to_run <= MAX_TRIAL_LINES:
                self.view.line(self._trial(result, f"{number:>{len(str(progress.to_run))}}/{progress.to_run}", is_best))
            elif number * 20 // progress.to_run > (number - 1) * 20 // progress.to_run:
                best = "" if self._best is None else f", best {self._objective.metric} {shown_value(self._best)}"
                self.view.line(f"{number:,}/{progress.to_run:,}  {progress.failed:,} failed{best}")

    def _is_best(self, value: float | None) -> bool:
        rank = self._objective.rank
        if value is None or (self._best is not None and rank(value) >= rank(self._best)):
            return False
        self._best = value
        return True

    def _trial(self, result: Result, number: str, is_best: bool) -> Text:
        text = Text(f"{number}  {assignments(result.trial.params)}  ")
        if result.outcome.status is not Status.SUCCEEDED or result.value is None:
            reason = printable(result.outcome.reason)
            is_known = reason in self._reasons
            self._reasons.add(reason)
            text.append(result.outcome.status.value, "bold red")
            return text.append(" for the same reason" if is_known else f": {reason}")
        value = f"{self._objective.metric} {shown_value(result.value)}"
        text.append(value, "bold green" if is_best else "").append(f", epoch {result.epoch} of {result.epochs_trained}")
        return text.append("  best so far") if is_best else text

    def _warn(self, progress: Progress) -> None:
        if progress.trouble and progress.trouble != self._trouble:
            self.view.line(f"{progress.trouble}; trying again, the sweep goes on", "yellow")
        self._trouble = progress.trouble
        waits = progress.running == 0 and not progress.ended and progress.to_run
        if waits and not self._warned and time.monotonic() - self._began > NOTHING_STARTS_SECONDS:
            self._warned = True
            self.view.line(
                f"No trial has started for {NOTHING_STARTS_SECONDS // 60} minutes. A new account's GPU quota is 0: "
                "look in Service Quotas, EC2, at “Running On-Demand G and VT instances” (L-DB2E81BA)",
                "yellow",
            )


def planned(progress: Progress) -> str:
    before = (progress.planned or 0) - progress.to_run
    if not before:
        return f"{progress.planned:,} planned."
    rest = f"{progress.to_run:,} to run" if progress.to_run else "nothing left to run"
    return f"{progress.planned:,} planned, {before:,} finished before: {rest}."


def counts(progress: Progress) -> str:
    parts = [f"{progress.waiting:,} waiting" if progress.running is not None else f"{progress.waiting:,} not ended"]
    if progress.running is not None:
        parts.insert(0, f"{progress.running:,} running")
    if progress.failed:
        parts.append(f"{progress.failed:,} failed")
    return ", ".join(parts)
