"""What a person sees: lines, tables, a bar. Plain text where the output is not a terminal."""

import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress as Bar, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from client.sweeps import Progress, Row
from sweep.metrics import Objective
from sweep.ranking import Result
from sweep.space import Value, as_option, grid
from sweep.spec import SweepSpec
from sweep.trial import Status

MAX_ROWS = 30
MAX_PLANNED_ROWS = 20
MAX_FAILURES = 10
MAX_TIES = 5
MAX_TRIAL_LINES = 100
"""Where more trials are to run, each would be a line that nobody reads: then it is a line each twentieth of them."""

NOTHING_STARTS_SECONDS = 600
"""A new account's quota of GPUs is 0, and jobs then wait without a word."""

PLAIN_WIDTH = 10_000
"""Of output that is not a terminal: nothing is cut or wrapped, so that grep and awk find whole lines."""


class View:
    """Writes to one console. `run` gives its progress here, every command its results."""

    def __init__(self, *, to_stderr: bool = False) -> None:
        console = Console(stderr=to_stderr, highlight=False, markup=False, emoji=False, soft_wrap=False)
        self.is_live = console.is_terminal and not console.is_dumb_terminal
        if not console.is_terminal:
            console = Console(stderr=to_stderr, highlight=False, markup=False, emoji=False, width=PLAIN_WIDTH)
        self.console = console

    def line(self, text: str | Text = "", style: str = "") -> None:
        """Writes a line as it is; a terminal wraps it, so that what is copied from there is whole."""
        text = Text(printable(text), style=style) if isinstance(text, str) else text
        self.console.print(text, soft_wrap=True)

    def status(self, text: str) -> None:
        self.line(text, "dim")

    def table(self, table: Table) -> None:
        if self.console.is_terminal:
            self.console.print(table)
            return
        with self.console.capture() as capture:
            self.console.print(table)
        for line in capture.get().splitlines():
            self.line(line.rstrip())

    # --- before

    def plan(self, spec: SweepSpec) -> None:
        """Shows which trials a spec asks for."""
        count = trial_count(spec)
        self.line(f"{described(spec)}: {spec.epochs * count:,} epochs in all, unless they stop early.")
        if spec.fixed:
            self.line(f"Every trial: {assignments(spec.fixed)}")
        self.line()
        table = _table("", *spec.parameters)
        for number, params in enumerate(grid(spec.parameters), start=1):
            if number > MAX_PLANNED_ROWS:
                break
            table.add_row(str(number), *(as_option(value) for value in params.values()))
        self.table(table)
        if count > MAX_PLANNED_ROWS:
            self.line(f"… and {count - MAX_PLANNED_ROWS:,} more")
        self.line()
        self.line("Nothing was started.")

    # --- after

    def result(self, spec: SweepSpec, rows: Sequence[Row], output: Mapping[str, Any] | None, *, objects: str) -> None:
        """Shows the leaderboard of a sweep, its winner if it has one, and why trials did not succeed."""
        self.leaderboard(spec, rows, rest=f"in {objects}/{_leaderboard_key(spec)}")
        self.failures(rows)
        if output is not None:
            self._winner(output)
        self.line()
        if output is not None:
            self.line(f"Trials   {_counted(output['outcomes'])}")
        self.line(f"Results  {objects}/{_leaderboard_key(spec)}")

    def leaderboard(self, spec: SweepSpec, rows: Sequence[Row], *, rest: str) -> None:
        ranked = [row for row in rows if row.rank is not None]
        if not ranked:
            return
        table = _table("", *spec.parameters, spec.objective.metric, "epoch", "of")
        for row in ranked[:MAX_ROWS]:
            value = "" if row.value is None else shown_value(row.value)
            style = "bold green" if row.rank == 1 else ""
            table.add_row(str(row.rank), *row.params.values(), value, str(row.epoch), str(row.epochs_trained), style=style)
        self.line()
        self.table(table)
        if len(ranked) > MAX_ROWS:
            self.line(f"… and {len(ranked) - MAX_ROWS:,} more {rest}")

    def failures(self, rows: Sequence[Row]) -> None:
        failed = [row for row in rows if row.rank is None]
        if failed:
            self.line()
        for row in failed[:MAX_FAILURES]:
            self.line(Text.assemble((row.status, "bold red"), f"  {assignments(row.params)}: {printable(row.reason)}"))
        if len(failed) > MAX_FAILURES:
            self.line(f"… and {len(failed) - MAX_FAILURES:,} more that did not succeed")

    def _winner(self, output: Mapping[str, Any]) -> None:
        winner, objective = output["winner"], output["objective"]
        value = f"{objective['metric']} {shown_value(winner['value'])} at epoch {winner['epoch']}"
        self.line()
        self.line(Text.assemble(("Winner   ", "bold"), (winner["options"], "bold green"), f"  {value}"))
        if ties := output["ties"]:
            those = "; ".join(assignments(tie["params"]) for tie in ties[:MAX_TIES])
            more = f"; and {len(ties) - MAX_TIES} more" if len(ties) > MAX_TIES else ""
            self.line(f"Tie      the same value, later in the plan or at a later epoch: {those}{more}")


class Following:
    """Shows how a sweep goes: a line each trial that ends, and below them on a terminal a bar."""

    def __init__(self, view: View, objective: Objective) -> None:
        self.view = view
        self._objective = objective
        self._best: float | None = None
        self._began = time.monotonic()
        self._was_planned = False
        self._counted = 0
        self._trouble = ""
        self._warned = False
        self._bar = Bar(
            TextColumn("{task.fields[ended]}/{task.fields[to_run]}"),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[counts]}"),
            TimeElapsedColumn(),
            console=view.console,
            transient=True,
        )
        self._task = self._bar.add_task("", ended="–", to_run="–", counts="planning", total=None)

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
                ended=f"{progress.ended:,}",
                to_run=f"{progress.to_run:,}",
                counts=counts(progress),
            )

    def _trials(self, progress: Progress) -> None:
        first = progress.ended - len(progress.news) + 1
        for number, result in enumerate(progress.news, start=first):
            is_best = self._is_best(result.value)
            if progress.to_run <= MAX_TRIAL_LINES:
                self.view.line(self._trial(result, f"{number:>{len(str(progress.to_run))}}/{progress.to_run}", is_best))
            elif number * 20 // progress.to_run > (number - 1) * 20 // progress.to_run:
                best = "" if self._best is None else f", best {self._objective.metric} {shown_value(self._best)}"
                self.view.line(f"{number:,}/{progress.to_run:,}  {progress.failed:,} failed{best}")

    def _is_best(self, value: float | None) -> bool:
        if value is None or (self._best is not None and self._objective.rank(value) >= self._objective.rank(self._best)):
            return False
        self._best = value
        return True

    def _trial(self, result: Result, number: str, is_best: bool) -> Text:
        text = Text(f"{number}  {assignments(result.trial.params)}  ")
        if result.outcome.status is not Status.SUCCEEDED or result.value is None:
            return text.append(result.outcome.status.value, "bold red").append(f": {printable(result.outcome.reason)}")
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
                f"No trial has started for {NOTHING_STARTS_SECONDS // 60} minutes. A new account's GPU quota is 0: look at "
                "Service Quotas, EC2, “Running On-Demand G and VT instances” (L-DB2E81BA)",
                "yellow",
            )


def described(spec: SweepSpec) -> str:
    """Returns a sweep in a few words: `9 trials (lr 3 × momentum 3), at most 100 epochs each`."""
    sizes = " × ".join(f"{name} {len(choices)}" for name, choices in spec.parameters.items())
    return f"{_number(trial_count(spec), 'trial')} ({sizes}), at most {_number(spec.epochs, 'epoch')} each"


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


def assignments(params: Mapping[str, Value]) -> str:
    """Returns `lr=0.1 momentum=0.5`."""
    return " ".join(f"{name}={as_option(value)}" for name, value in params.items())


def shown_value(value: float) -> str:
    return f"{value:.6g}"


def trial_count(spec: SweepSpec) -> int:
    count = 1
    for choices in spec.parameters.values():
        count *= len(choices)
    return count


def printable(text: str) -> str:
    """Returns the text without control characters but the ends of lines: what a trainer printed may hold anything."""
    return "".join(sign if sign.isprintable() or sign == "\n" else " " for sign in text)


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    for name in columns:
        table.add_column(name, justify="right", overflow="fold")
    return table


def _leaderboard_key(spec: SweepSpec) -> str:
    from sweep.keys import leaderboard_key

    return leaderboard_key(spec.name)


def _counted(outcomes: Mapping[str, int]) -> str:
    return ", ".join(f"{number:,} {status}" for status, number in outcomes.items() if number)


def _number(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def lines_of(faults: Iterable[str]) -> list[str]:
    return [line for fault in faults for line in fault.splitlines()]
