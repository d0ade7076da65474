"""Shows a running sweep: in a notebook as a bar that updates itself, elsewhere as on the command line."""

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from html import escape
from typing import Any

from stepsweep.client.operations.events import Doing, Event, Quiet, Show
from stepsweep.client.running.progress import Progress
from stepsweep.client.terminal.live import clock
from stepsweep.client.terminal.showing import OnTerminal
from stepsweep.client.terminal.view import View
from stepsweep.contract.described import number_of, shown_value
from stepsweep.contract.metrics import EPOCH
from stepsweep.contract.space import Value
from stepsweep.contract.spec import SweepSpec
from stepsweep.contract.standing import Standing
from stepsweep.contract.words import as_cells

MAX_ROWS = 10
CELL = "padding:2px 10px 2px 0;text-align:right"


@contextmanager
def shown_here(spec: SweepSpec, *, quiet: bool) -> Iterator[Show]:
    """Yields the display for this process's output."""
    if quiet:
        yield Quiet()
    elif (display := _notebooks_display()) is not None:
        yield Notebook(display, spec)
    else:
        with OnTerminal(View(to_stderr=True)) as show:
            yield show


class Notebook:
    """Shows progress in one output of a notebook cell, and updates it."""

    wants_training = True

    def __init__(self, display: Any, spec: SweepSpec) -> None:
        self._display = display
        self._spec = spec
        self._handle: Any = None
        self._said = ""

    def __call__(self, event: Event) -> None:
        match event:
            case Doing(text):
                self._show(f"<div>{escape(text)}</div>")
            case Progress():
                self._show(progress_as_html(event, self._spec))

    def _show(self, text: str) -> None:
        if text == self._said:
            return
        self._said = text
        data = {"text/html": text, "text/plain": "a sweep's progress"}
        if self._handle is None:
            self._handle = self._display(data, raw=True, display_id=True)
        else:
            self._handle.update(data, raw=True)


def _notebooks_display() -> Any:
    """Returns IPython's `display` in the kernel of a notebook, as of Jupyter or VS Code; None elsewhere."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    # By name, since ipykernel may be missing. A kernel such as Colab's extends this class.
    if all(each.__name__ != "ZMQInteractiveShell" for each in type(shell).__mro__):
        return None
    from IPython.display import display

    return display


def progress_as_html(progress: Progress, spec: SweepSpec) -> str:
    """Returns a bar, its numbers, and one row per running trial."""
    if progress.planned is None:
        return f"<div>{escape(spec.name)}: planning …</div>"
    done = progress.planned - progress.to_run + progress.ended
    failed = f"{progress.failed:,} failed" if progress.failed else ""
    numbers = [f"{done:,} of {number_of(progress.planned, 'trial')}", failed]
    if progress.running:
        numbers.append(f"{progress.running:,} running")
    if progress.status == "RUNNING" and progress.seconds_left is not None:
        numbers.append(f"about {clock(progress.seconds_left)} left")
    numbers += [progress.waits_for, progress.trouble]
    said = " · ".join(escape(text) for text in numbers if text)
    bar = _bar(done, progress.planned)
    if not progress.training:
        return f"<div>{escape(spec.name)} {bar} {said}</div>"
    metrics = [each.metric for each in spec.objectives]
    names = [*spec.parameters, EPOCH, *metrics]
    rows = [
        [
            *as_cells(each.trial.params, spec.parameters).values(),
            f"{each.epoch or '…'}/{each.trial.epochs}",
            *(shown_value(each.latest[name], digits=4) if name in each.latest else "" for name in metrics),
        ]
        for each in progress.training[:MAX_ROWS]
    ]
    return f"<div>{escape(spec.name)} {bar} {said}</div>{_table(names, rows)}"


def sweep_as_html(spec: SweepSpec, standing: Standing, winner: str) -> str:
    """Returns a summary of a sweep: its status, its winner, and the top of its leaderboard."""
    failed, ended = sum(row.n - row.succeeded for row in standing.rows), standing.ended
    bar = "" if standing.is_finished else f" {_bar(ended, standing.planned)}"
    title = (
        f"<b>{escape(spec.name)}</b> {standing.status}{bar} {ended:,} of {number_of(standing.planned, 'trial')} ended"
    )
    title += f", {failed:,} of them did not succeed" if failed else ""
    head = "front" if spec.has_front else ""
    names = [head, *spec.parameters, *(each.metric for each in spec.objectives), EPOCH]
    blank = [""] * len(spec.objectives)
    rows = [
        [str(row.rank or row.status), *row.texts.values(),
         *(list(map(shown_value, row.objective_values)) or blank),
         str(row.epoch or "")]
        for row in standing.rows[:MAX_ROWS]
    ]  # fmt: skip
    more = len(standing.rows) - MAX_ROWS
    rest = f"<div>… and {more:,} more in <code>.leaderboard</code></div>" if more > 0 else ""
    best = f"<div>Front: {number_of(len(standing.front), 'trial')}</div>" if standing.front else ""
    best = f"<div>Winner: <code>{escape(winner)}</code></div>" if winner else best
    return f"<div>{title}</div>{best}{_table(names, rows)}{rest}"


def best_as_html(
    params: Mapping[str, Value], options: str, *, metric: str, value: float, epoch: int, why: str = ""
) -> str:
    """Returns the params of a trial with its value, and the options that train it again.

    Args:
        why: it has fewer epochs than the sweep's.
    """
    names = [*params, metric, EPOCH]
    row = [*as_cells(params, params).values(), shown_value(value), str(epoch)]
    below = f"<div>{escape(why)}</div>" if why else ""
    return f"{_table(names, [row])}<div><code>{escape(options)}</code></div>{below}"


def _bar(done: int, planned: int) -> str:
    return f'<progress value="{done}" max="{max(1, planned)}" style="width:16em"></progress>'


def _table(names: list[str], rows: list[list[str]]) -> str:
    head = "".join(f'<th style="{CELL}">{escape(name)}</th>' for name in names)
    body = "".join(
        "<tr>" + "".join(f'<td style="{CELL}">{escape(cell)}</td>' for cell in row) + "</tr>" for row in rows
    )
    return f"<table><tr>{head}</tr>{body}</table>"
