"""Live progress of a sweep: one line per ended trial and, on a terminal, a bar and the running trials below them."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import timedelta

from rich.cells import set_cell_size
from rich.console import Console, ConsoleOptions, Group, RenderResult
from rich.live import Live
from rich.table import Table
from rich.text import Text

from stepsweep.client.checks.stuck_jobs import NO_REASON, why_jobs_wait
from stepsweep.client.running.progress import RUNNING, Progress, Training
from stepsweep.client.terminal.trial_table import GAP, TrialRow, trial_table, width_of
from stepsweep.client.terminal.view import View
from stepsweep.contract.curves import SECONDS
from stepsweep.contract.described import assignments, printable, shown_value, values_text, varying
from stepsweep.contract.metrics import EPOCH
from stepsweep.contract.results import Result
from stepsweep.contract.space import Value
from stepsweep.contract.spec import SweepSpec
from stepsweep.contract.trial import Status, Trial
from stepsweep.contract.words import as_cells

MAX_TRIAL_LINES = 100
"""With more trials than this, nobody would read one line per trial: then there are 20 lines in all."""

NOTHING_STARTS_SECONDS = 600
"""When to warn that nothing has started: a new account's GPU quota is 0, and its jobs wait silently."""

BAR_WIDTH = 30
MAX_TRAINING_ROWS = 12
MAX_TRAINING_METRICS = 3
LEAST_PRINTED = 24
"""Characters of a printed line that fit beside the params; otherwise it stands below them."""
LINES_AROUND = 6
"""Lines of a terminal that the rows of running trials leave free."""


class Following:
    """Shows the progress of one execution."""

    def __init__(self, view: View, spec: SweepSpec) -> None:
        self.view = view
        self._spec = spec
        self._differ = {*(varying(spec) or spec.parameters), "fold", "seed"}
        self._objective = spec.objective
        self._best: float | None = None
        self._round: int | None = None
        self._all_seen = True
        self._reasons: set[str] = set()
        self._trouble = ""
        self._waits_for = ""
        self._warned = False
        self._progress = Progress()

    def live(self) -> AbstractContextManager[object]:
        """Returns the context in which `update` may be called."""
        if not self.view.is_live:
            return nullcontext()
        return Live(self, console=self.view.console, transient=True, refresh_per_second=2)

    def __rich_console__(self, console: Console, _options: ConsoleOptions) -> RenderResult:
        """Yields the display below the lines on a terminal."""
        progress = self._progress
        if progress.planned is None:
            yield Text(f"planning  {clock(progress.seconds)}", style="dim")
            return
        yield bar(progress)
        yield time_of(progress)
        if progress.training:
            room = max(1, min(MAX_TRAINING_ROWS, console.height - LINES_AROUND))
            shown = progress.training[:room]
            words = [self._words(each.trial) for each in shown]
            yield Group(Text(), training_table(shown, self._spec, words, console.width))
            if (more := len(progress.training) - room) > 0:
                yield Text(f"… and {more:,} more that train", style="dim")

    def update(self, progress: Progress) -> None:
        self._progress = progress
        if progress.planned is not None and progress.round_number != self._round:
            self._round = progress.round_number
            # Trials that were finished before are unknown here, and one of them may be better.
            self._all_seen = self._all_seen and progress.planned == progress.to_run
            self.view.line(planned(progress))
        self._trials(progress)
        self._warn(progress)

    def _trials(self, progress: Progress) -> None:
        first = progress.ended - len(progress.news) + 1
        for number, result in enumerate(progress.news, start=first):
            is_best = self._all_seen and self._is_best(result.value)
            if progress.to_run <= MAX_TRIAL_LINES:
                self.view.line(self._trial(result, f"{number:>{len(str(progress.to_run))}}/{progress.to_run}", is_best))
            elif number * 20 // progress.to_run > (number - 1) * 20 // progress.to_run:
                best = "" if self._best is None else f", best {self._objective.metric} {shown_value(self._best)}"
                self.view.line(f"{number:,}/{progress.to_run:,}  {progress.failed:,} failed{best}")

    def _words(self, trial: Trial) -> dict[str, Value]:
        return {**trial.params, **self._spec.member_of(trial)}

    def _is_best(self, value: float | None) -> bool:
        rank = self._objective.rank
        if value is None or self._spec.has_front or (self._best is not None and rank(value) >= rank(self._best)):
            return False
        self._best = value
        return True

    def _trial(self, result: Result, number: str, is_best: bool) -> Text:
        words = self._words(result.trial)
        differ = {name: value for name, value in words.items() if name in self._differ}
        text = Text(f"{number}  {assignments(differ)}  ")
        if result.outcome.status is not Status.SUCCEEDED or result.value is None:
            reason = printable(result.outcome.reason)
            is_known = reason in self._reasons
            self._reasons.add(reason)
            text.append(result.outcome.status.value, "bold red")
            return text.append(" for the same reason" if is_known else f": {reason}")
        value = f"{self._objective.metric} {shown_value(result.value)}"
        if self._spec.has_front:
            metrics = [each.metric for each in self._spec.objectives]
            value = values_text(dict(zip(metrics, result.by_objective, strict=True)))
        text.append(value, "bold green" if is_best else "")
        if self._spec.epochs > 1:
            text.append(f", epoch {result.epoch} of {result.epochs_trained}")
        return text.append("  best so far") if is_best else text

    def _warn(self, progress: Progress) -> None:
        if progress.trouble and progress.trouble != self._trouble:
            self.view.line(f"{progress.trouble}; retrying; the sweep continues", "yellow")
        self._trouble = progress.trouble
        if progress.waits_for and progress.waits_for != self._waits_for:
            self.view.line(why_jobs_wait(progress.waits_for), "yellow")
        self._waits_for = progress.waits_for
        nothing_starts = progress.running == 0 and not progress.starting and not progress.ended and progress.to_run
        if nothing_starts and not self._warned and not self._waits_for and progress.seconds > NOTHING_STARTS_SECONDS:
            self._warned = True
            self.view.line(NO_REASON.format(minutes=NOTHING_STARTS_SECONDS // 60), "yellow")


def planned(progress: Progress) -> str:
    before = (progress.planned or 0) - progress.to_run
    what = f"{progress.planned:,} planned"
    if progress.round_number:
        up_to = " and ".join(map(str, progress.up_to))
        what = f"Round {progress.round_number}: {what}, up to epoch {up_to}" if up_to else what
    if not before:
        return f"{what}."
    rest = f"{progress.to_run:,} to run" if progress.to_run else "nothing left to run"
    return f"{what}, {before:,} finished before: {rest}."


def bar(progress: Progress) -> Text:
    """Returns the trials as a bar, with one character per state, and their numbers."""
    done = progress.ended - progress.failed
    if progress.running is None:
        kinds = [("done", done, "█", "green"), ("failed", progress.failed, "x", "bold red")]
        kinds.append(("not ended", progress.waiting, "░", "dim"))
    else:
        kinds = [
            ("done", done, "█", "green"),
            ("failed", progress.failed, "x", "bold red"),
            ("running", progress.running, "▓", "blue"),
            ("starting", progress.starting, "▒", "cyan"),
            ("queued", progress.waiting, "░", "dim"),
        ]
    text = Text()
    for width, (_, _, sign, style) in zip(widths([number for _, number, _, _ in kinds]), kinds, strict=True):
        text.append(sign * width, style)
    for name, number, _, style in kinds:
        if number or name == "done":
            text.append("  ").append(f"{number:,} {name}", style)
    return text


def time_of(progress: Progress) -> Text:
    left = progress.seconds_left
    of_round = f" of round {progress.round_number}" if progress.round_number else ""
    rest = "" if left is None or progress.status != RUNNING else f", about {clock(left)} left{of_round}"
    return Text(f"{clock(progress.seconds)}{rest}", "dim")


def widths(numbers: Sequence[int]) -> list[int]:
    """Returns how many of `BAR_WIDTH` characters each number gets: its share, but at least one unless it is 0."""
    total = sum(numbers)
    if not total:
        return [0] * len(numbers)
    shares = [max(1, round(BAR_WIDTH * number / total)) if number else 0 for number in numbers]
    shares[shares.index(max(shares))] += BAR_WIDTH - sum(shares)
    return shares


def training_table(
    training: Sequence[Training], spec: SweepSpec, words: Sequence[Mapping[str, Value]], width: int
) -> Group:
    """Returns one row per running trial: its words, its epoch, and the first metrics that its trainer shows.

    Before a trial has metrics, the last line that it printed is the only sign of life.
    """
    shown = (name for each in training for name in each.latest if name not in (EPOCH, SECONDS))
    objectives = [each.metric for each in spec.objectives]
    metrics = list(dict.fromkeys((*objectives, *shown)))[: max(MAX_TRAINING_METRICS, len(objectives))]
    if not any(each.latest for each in training):
        metrics = []
    names = dict.fromkeys([*spec.parameters, *words[0]])
    texts = [as_cells(named, names) for named in words]
    varied = varying(spec)
    differ = [name for name in names if name in varied or name not in spec.parameters]

    def table(lead: Sequence[str], last: Sequence[str] | None) -> Table:
        rows = []
        for place, each in enumerate(training):
            epoch = [f"{each.epoch or '…'}/{each.trial.epochs}"] if spec.epochs > 1 else []
            values = [shown_value(each.latest[name], digits=4) if name in each.latest else "" for name in metrics]
            behind = (*epoch, *values, *([last[place]] if last else ()))
            rows.append(TrialRow(lead=(lead[place],), params=texts[place], behind=behind))
        heads = (*(["epoch"] if spec.epochs > 1 else ()), *metrics, *(["prints"] if last else ()))
        return trial_table(width, rows, lead=("training",), behind=heads, differ=differ)[0]

    nothing = [""] * len(training)
    printed = ["" if each.latest else each.printed for each in training]
    if not any(printed):
        return Group(table(nothing, None))
    room = width - width_of(table(nothing, None)) - GAP
    if room >= LEAST_PRINTED:
        return Group(table(nothing, [set_cell_size(line, room).rstrip() for line in printed]))
    numbers = [str(place) for place, _ in enumerate(training, start=1)]
    lines = [set_cell_size(f"{number}  {line}", width) for number, line in zip(numbers, printed, strict=True) if line]
    return Group(table(numbers, None), *(Text(line, "dim") for line in lines))


def clock(seconds: float) -> str:
    return str(timedelta(seconds=round(seconds)))
