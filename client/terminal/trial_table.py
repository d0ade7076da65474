"""A table of trials that fits the terminal, with any number of parameters and names of any length.

It never breaks a number. If all columns do not fit, it leaves out those that are the same in all trials, and folds the
names; then it cuts long texts as far as they stay different. If that is still too wide, each trial's params become one
text that wraps between words.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Self

from rich.cells import cell_len
from rich.table import Table
from rich.text import Text

GAP = 2
"""Spaces between columns."""

LEAST_TEXT = 24
"""Characters of a terminal that the text of the params gets at least."""

LEAST_CUT = 9
"""Characters that a text is never cut below."""

_PARTS = re.compile(r"[^_./-]*[_./-]?")


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialRow:
    """A row of the table.

    Attributes:
        lead: the cells before the params.
        params: name → text, which is empty for a parameter that does not apply.
        behind: the cells after the params.
    """

    lead: Sequence[str]
    params: Mapping[str, str]
    behind: Sequence[str]
    style: str = ""

    def cell(self, behind: Sequence[str], name: str) -> str:
        """Returns the cell of a column after the params."""
        return self.behind[list(behind).index(name)]


def plain_table(*columns: str) -> Table:
    """Returns a table without lines, whose columns are right-aligned and never wrap."""
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, GAP, 0, 0))
    lines = max((name.count("\n") for name in columns), default=0)
    for name in columns:
        # Rich aligns heads at the top, but the last line of a name belongs above its values.
        head = "\n" * (lines - name.count("\n")) + name
        table.add_column(head, justify="right", no_wrap=True, overflow="ellipsis")
    return table


def differing(params: Sequence[Mapping[str, str]]) -> list[str]:
    """Returns the names of the params that differ between trials; all names if none does."""
    names = list(params[0]) if params else []
    return [name for name in names if len({each.get(name) for each in params}) > 1] or names


def trial_table(
    width: int,
    rows: Sequence[TrialRow],
    *,
    lead: Sequence[str],
    behind: Sequence[str],
    differ: Collection[str],
    optional: Collection[str] = (),
) -> tuple[Table, dict[str, str]]:
    """Returns a table that is at most as wide as the terminal, and what it leaves out: head → the text of all trials.

    Args:
        rows: at least one.
        lead: the heads of the columns before the params.
        behind: the heads of the columns after them.
        differ: the params that differ between trials.
        optional: those of `behind` that may be left out if all rows have the same text.
    """
    names = list(rows[0].params)
    whole = _Columns.of(rows, lead, names, behind)
    if whole.width <= width:
        return whole.table(), {}
    some = [name for name in names if name in differ]
    last = [name for name in behind if name not in optional or len({row.cell(behind, name) for row in rows}) > 1]
    same = {name: rows[0].params[name] for name in names if name not in some}
    same |= {name: rows[0].cell(behind, name) for name in behind if name not in last}
    rows = [replace(row, behind=[row.cell(behind, name) for name in last]) for row in rows]
    for found in (rows, short := _shortened(rows, some)):
        columns = _Columns.of(found, lead, some, last).folded()
        if columns.width <= width:
            return columns.table(), same
    return _listed(short, lead, last, some, width), same


def width_of(table: Table) -> int:
    """Returns the characters that the table takes if nothing wraps."""
    widths = []
    for column in table.columns:
        lines = [line for text in (column.header, *column.cells) for line in str(text).split("\n")]
        widths.append(max(map(cell_len, lines)))
    return sum(widths) + GAP * len(widths)


@dataclass(frozen=True, slots=True)
class _Columns:
    heads: Sequence[str]
    cells: Sequence[Sequence[str]]
    styles: Sequence[str]

    @classmethod
    def of(cls, rows: Sequence[TrialRow], lead: Sequence[str], names: Sequence[str], behind: Sequence[str]) -> Self:
        cells = [[*row.lead, *(row.params[name] for name in names), *row.behind] for row in rows]
        return cls([*lead, *names, *behind], cells, [row.style for row in rows])

    def folded(self) -> "_Columns":
        """Returns the columns with their heads as narrow as possible."""
        widths = [max(map(cell_len, column)) for column in zip(*self.cells, strict=True)]
        heads = [_folded(head, width) for head, width in zip(self.heads, widths, strict=True)]
        return replace(self, heads=heads)

    def table(self) -> Table:
        table = plain_table(*self.heads)
        for cells, style in zip(self.cells, self.styles, strict=True):
            table.add_row(*cells, style=style)
        return table

    @property
    def width(self) -> int:
        return width_of(self.table())


def _listed(
    rows: Sequence[TrialRow], lead: Sequence[str], behind: Sequence[str], names: Sequence[str], width: int
) -> Table:
    """Returns the table with one column for all params, as `name=value` words."""
    others = _Columns.of(rows, lead, (), behind).folded()
    table = plain_table(*others.heads, "params")
    text = table.columns[-1]
    text.justify, text.no_wrap, text.overflow, text.ratio = "left", False, "fold", 1
    text.min_width = min(LEAST_TEXT, width)
    table.expand = True
    room = max(text.min_width, width - others.width)
    for row, cells in zip(rows, others.cells, strict=True):
        words = (f"{name}={row.params[name]}" for name in names if row.params[name])
        # A word that is too long breaks before its value, and not within it.
        table.add_row(
            *cells, Text(" ".join(w if len(w) <= room else w.replace("=", "= ", 1) for w in words)), style=row.style
        )
    return table


def _shortened(rows: Sequence[TrialRow], names: Sequence[str]) -> list[TrialRow]:
    """Returns the rows with long texts cut, as far as they stay different; numbers are never cut."""
    cut = {name: _cut({row.params[name] for row in rows}) for name in names}
    return [replace(row, params={name: cut[name][row.params[name]] for name in names}) for row in rows]


def _cut(texts: Collection[str]) -> dict[str, str]:
    for room in range(LEAST_CUT, max(map(len, texts)) + 1):
        cut = {text: text if len(text) <= room or _has_numbers(text) else f"{text[: room - 1]}…" for text in texts}
        if len(set(cut.values())) == len(texts):
            return cut
    return {text: text for text in texts}


def _has_numbers(text: str) -> bool:
    """Whether a text is a number, or a list, which may hold some."""
    if text.startswith("["):
        return True
    try:
        float(text)
    except ValueError:
        return False
    return True


def _folded(head: str, width: int) -> str:
    """Returns a name in lines that break after `_`, `.`, `/` or `-`, about as wide as its column's cells."""
    parts = [part for part in _PARTS.findall(head) if part]
    room = max([width, *map(cell_len, parts)])
    lines = [""]
    for part in parts:
        if lines[-1] and cell_len(lines[-1] + part) > room:
            lines.append("")
        lines[-1] += part
    return "\n".join(lines)
