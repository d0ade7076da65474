"""Shows a comparison of sweeps as lines and tables."""

import json
from datetime import timedelta
from typing import Any

from rich.table import Table
from rich.text import Text

from stepsweep.client.archive.comparison import Compared, Comparison
from stepsweep.client.archive.in_common import InCommon
from stepsweep.client.terminal.sweeps import ENTRY_STYLES
from stepsweep.client.terminal.trial_table import plain_table, width_of
from stepsweep.client.terminal.view import View
from stepsweep.contract.described import number_of, sets_of_params, shown_value
from stepsweep.contract.note import first_line
from stepsweep.contract.significance import difference
from stepsweep.contract.words import options_line

MAX_VALUE = 60
"""Most characters of a field; `--json` has the whole field."""


def show(view: View, found: Comparison) -> None:
    """Shows a comparison."""
    table = _table(found, with_winners=True)
    is_wide = width_of(table) > view.console.width
    view.table(_table(found, with_winners=False) if is_wide else table)
    if is_wide:
        for sweep in found.sweeps:
            head = "Front " if sweep.front is not None else "Winner"
            view.copyable(f"{head}   of {sweep.sweep}: {_head(sweep)}")
    view.line()
    if found.not_comparable:
        view.line(f"The values are not comparable: {found.not_comparable}.", "yellow")
    for caveat in found.caveats:
        view.line(f"Note     {caveat}", "yellow")
    _best(view, found)
    for each in found.in_common:
        for number, line in enumerate(_in_common(each)):
            view.line(f"{'' if number else 'Params':<9}{line}")
    for sweep in found.sweeps:
        if sweep.note:
            view.copyable(f"Noted    of {sweep.sweep}: {first_line(sweep.note)}")
    if not found.asked:
        view.line("Asked    the same, except for the name")
        return
    view.line()
    names = [each.sweep for each in found.sweeps]
    table = _columns("asked differently", *names)
    for field in found.asked:
        table.add_row(field.field, *(_short(field.values[name]) for name in names))
    view.table(table)


def _columns(*names: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    for name in names:
        table.add_column(name, overflow="fold")
    return table


def _table(found: Comparison, *, with_winners: bool) -> Table:
    metrics = dict.fromkeys(each.metric for each in found.sweeps if each.front is None)
    usd = ["USD"] if any(each.usd is not None for each in found.sweeps) else []
    has_front = any(each.front is not None for each in found.sweeps)
    winner = ["winner or front" if has_front else "winner"] if with_winners else []
    table = plain_table("sweep", "status", *winner, *metrics, "difference", "trials", "epochs", "job time", *usd)
    for column in table.columns[: 2 + len(winner)]:
        column.justify = "left"
    for each in found.sweeps:
        style = "bold green" if each.sweep == found.best else ""
        cells: list[str | Text] = [
            each.sweep,
            Text(each.status, style=ENTRY_STYLES[each.status]),
            *([_head(each)] if with_winners else []),
            *(_value(each) if metric == each.metric else "" for metric in metrics),
            "" if each.difference is None else f"{each.difference:+.3g}",
            f"{each.ended:,}/{each.planned:,}",
            f"{each.epochs:,}",
            str(timedelta(seconds=round(each.job_seconds))),
        ]
        if usd:
            cells.append("" if each.usd is None else f"{each.usd:.2f}")
        table.add_row(*cells, style=style)
    return table


def _head(each: Compared) -> str:
    """Returns the winner's params, or how large the front is."""
    if each.front:
        return f"{number_of(each.front, 'trial')} by {each.metric}"
    return options_line(each.params) or "none"


def _value(each: Compared) -> str:
    if each.value is None:
        return ""
    error = "" if each.standard_error is None else f" ± {shown_value(each.standard_error, digits=2)}"
    return f"{shown_value(each.value)}{error}"


def _best(view: View, found: Comparison) -> None:
    winners = [each for each in found.sweeps if each.value is not None]
    if found.best and len(winners) > 1:
        best = next(each for each in found.sweeps if each.sweep == found.best)
        distances = ", ".join(
            f"{shown_value(abs(difference(best.value or 0, other.value or 0)), digits=3)} ahead of {other.sweep}"
            for other in winners
            if other is not best
        )
        view.line(Text.assemble(("Best     ", "bold"), f"{best.sweep}, {distances}"))
    elif not found.not_comparable and len(winners) > 1:
        view.line("Best     none: the best values are equal")
    if len(winners) > 1:
        differ = ", ".join(found.differing_params)
        view.line(f"Winners  differ in {differ}" if differ else "Winners  have the same params")


def _in_common(each: InCommon) -> list[str]:
    one, other = each.sweeps
    if not each.params:
        return [f"{one} and {other} have no params in common"]
    lines = [f"{one} and {other} have {sets_of_params(each.params)} in common"]
    if each.same_work:
        lines.append(f"{each.same_work:,} of them the very same, trained once for both")
    if each.other_epochs:
        lines.append(f"{each.other_epochs:,} of them after different numbers of epochs, which do not compare")
    if each.median_difference is not None:
        pairs = number_of(each.better + each.worse + each.equal, "pair")
        verdict = f"{other} is better in {each.better:,}, worse in {each.worse:,}"
        lines.append(f"of {pairs} trained separately, {verdict}; median difference {each.median_difference:+.3g}")
    return lines


def _short(value: Any) -> str:
    if value is None:
        return ""
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= MAX_VALUE else f"{text[: MAX_VALUE - 1]}…"
