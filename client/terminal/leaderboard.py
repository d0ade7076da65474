"""Shows the trials of a sweep: those that succeeded by rank, and the others by the reason why they did not."""

from collections.abc import Sequence

from rich.table import Table
from rich.text import Text

from stepsweep.client.terminal.trial_table import TrialRow, differing
from stepsweep.client.terminal.view import View
from stepsweep.contract.alike import by_reason
from stepsweep.contract.described import assignments, number_of, printable, shown_value, some
from stepsweep.contract.leaderboard import Row
from stepsweep.contract.objective import When
from stepsweep.contract.spec import SweepSpec

MAX_ROWS = 30
MAX_REASONS = 10


def show_leaderboard(view: View, spec: SweepSpec, rows: Sequence[Row], *, rest: str) -> None:
    ranked = [row for row in rows if row.rank is not None]
    if not ranked:
        return
    of_several = ("std. error", "n") if spec.trials_each > 1 else ()
    # One epoch is a whole result: a score.
    ends = _ends(spec.objective.at.when, ranked) if spec.epochs > 1 and not spec.has_front else ()
    of_epochs = ("epoch", *ends, "trained") if spec.epochs > 1 else ()
    table_rows = []
    for row in ranked[:MAX_ROWS]:
        values = tuple(map(shown_value, row.objective_values))
        error = "" if row.standard_error is None else shown_value(row.standard_error, digits=2)
        spread = (error, str(row.n)) if of_several else ()
        known = {"best": row.best, "last": row.last}
        between = ("" if (end := known[name]) is None else shown_value(end) for name in ends)
        epochs = (str(row.epoch), *between, str(row.epochs_trained)) if of_epochs else ()
        style = "bold green" if row.rank == 1 else ""
        table_rows.append(
            TrialRow(lead=(str(row.rank),), params=row.texts, behind=(*values, *spread, *epochs), style=style)
        )
    behind = (*(each.metric for each in spec.objectives), *of_several, *of_epochs)
    view.line()
    differ = differing([row.texts for row in rows])
    view.trials(table_rows, lead=("front" if spec.has_front else "",), behind=behind, differ=differ, optional=of_epochs)
    if len(ranked) > MAX_ROWS:
        view.line(f"… and {len(ranked) - MAX_ROWS:,} more {rest}")


def show_failures(view: View, rows: Sequence[Row], hint: str = "") -> None:
    """Shows why trials did not succeed, most frequent reason first, and names the trials."""
    failures = by_reason(row for row in rows if row.rank is None)
    if not failures:
        return
    table = Table.grid(padding=(0, 2, 0, 0))
    differ = differing([row.texts for row in rows])
    for failed in failures[:MAX_REASONS]:
        table.add_row(Text(f"{len(failed.members):,} {failed.status}", style="bold red"), printable(failed.reason))
        table.add_row("", Text(some([told_apart(row, differ) for row in failed.members]), style="dim"))
    view.line()
    view.table(table)
    if len(failures) > MAX_REASONS:
        rest = sum(len(failed.members) for failed in failures[MAX_REASONS:])
        view.line(f"… and {number_of(rest, 'trial')} for other reasons")
    if hint:
        view.copyable(hint, "yellow")


def told_apart(row: Row, differ: Sequence[str]) -> str:
    """Returns the params of a trial that differ between the trials."""
    return assignments({name: value for name, value in row.params.items() if name in differ})


def _ends(when: When, rows: Sequence[Row]) -> tuple[str, ...]:
    """Returns which of `best` and `last` the leaderboard shows beside the value: those that differ from it."""
    differ = {
        "best": any(row.best not in (None, row.value) for row in rows),
        "last": any(row.last not in (None, row.value) for row in rows),
    }
    return tuple(name for name in differ if differ[name] and name != when)
