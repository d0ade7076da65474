"""Shows the list of sweeps in a table that fits the terminal, and below it which of them can be continued."""

from collections.abc import Sequence

from rich.table import Table
from rich.text import Text

from stepsweep.bucket.stores import Home
from stepsweep.client.archive.entries import Entry
from stepsweep.client.terminal.trial_table import plain_table, width_of
from stepsweep.client.terminal.view import View
from stepsweep.contract.described import MAX_NAMED, number_of, printable, shown_value, verb
from stepsweep.contract.note import first_line

ENTRY_STYLES = {"FINISHED": "green", "RUNNING": "bold", "INTERRUPTED": "yellow", "UNREADABLE": "red"}


def show_sweeps(view: View, entries: Sequence[Entry], *, objects: Home, where: str) -> None:
    """Shows the list of sweeps."""
    if not entries:
        view.line(f"There is no sweep in {objects} yet.")
        return
    for with_options, with_notes in ((True, True), (False, True), (False, False)):
        table = _entry_table(entries, with_options=with_options, with_notes=with_notes)
        if width_of(table) <= view.console.width:
            break
    view.table(table)
    if not with_notes:
        for entry in entries:
            if entry.note:
                view.copyable(f"Note     {entry.sweep}: {first_line(entry.note)}")
    for entry in entries:
        if entry.fault:
            view.line()
            view.copyable(entry.fault)
    interrupted = [entry.sweep for entry in entries if entry.status == "INTERRUPTED"]
    if interrupted:
        view.line()
    for name in interrupted[:MAX_NAMED]:
        view.copyable(f"{name} was interrupted; continue with `sweep resume {name}{where}`")
    if len(interrupted) > MAX_NAMED:
        more = len(interrupted) - MAX_NAMED
        view.line(f"… and {more:,} more {verb(more, 'was', 'were')} interrupted")


def _entry_table(entries: Sequence[Entry], *, with_options: bool, with_notes: bool) -> Table:
    """Returns the table of sweeps; without options it has the winners' values alone."""
    head = "winner or front" if any(entry.front for entry in entries) else "winner"
    has_notes = with_notes and any(entry.note for entry in entries)
    table = plain_table("sweep", "started", "status", "trials", head, *(["note"] if has_notes else []))
    for column in table.columns:
        column.justify = "right" if column.header == "trials" else "left"
    table.columns[0].min_width = max(len(entry.sweep) for entry in entries)  # on a narrow terminal others are cut
    for entry in entries:
        trials = "" if entry.planned is None else f"{entry.ended:,}/{entry.planned:,}"
        options = f"{entry.options}  " if with_options else ""
        winner = f"{options}{entry.metric} {shown_value(entry.value)}" if entry.value is not None else ""
        if entry.front:
            winner = f"front of {number_of(entry.front, 'trial')}: {entry.metric}"
        elif entry.status == "FINISHED" and not winner:
            winner = "none: no trial succeeded" if with_options else "none"
        started = f"{entry.started_at.astimezone():%Y-%m-%d %H:%M}"
        status = Text(entry.status, style=ENTRY_STYLES[entry.status])
        note = [printable(first_line(entry.note))] if has_notes else []
        table.add_row(entry.sweep, started, status, trials, winner, *note)
    return table
