"""The rows of a CSV file that a script wrote. A cell that cannot be read for sure is an error, and no other number."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator

from stepsweep.trial.numbers import is_wrong, read_any

_TIME = re.compile(r"\d:\d", re.ASCII)


def rows(text: str, *, sign: str = ",", is_over: bool = True) -> Iterator[dict[str, float]]:
    """Yields the numbers of each row by their names.

    Lines that begin with `#` do not count; the last of them has the names if no other line has, as NumPy writes them.

    Args:
        sign: what is between the cells.
        is_over: whether the file is complete. Otherwise a last line without its end is still being written.

    Raises:
        ValueError: it is unsure what a number is, or of which column.
    """
    ends = text.endswith(("\n", "\r"))
    if not (is_over or ends):
        text = text[: text.rfind("\n") + 1]
    header, lines = _lines(text, sign)
    _check_header(header, lines[0][1] if lines else [], sign)
    # A script that is started again may write its header again.
    lines = [(number, cells) for number, cells in lines if cells[: len(header)] != header]
    for number, cells in lines:
        if len(cells) < len(header) or any(cells[len(header) :]):
            raise ValueError(
                f"line {number} has {len(cells)} cell{'s' * (len(cells) != 1)}, {sign.join(cells)[:80]!r}, for the "
                f"{len(header)} name{'s' * (len(header) != 1)} {sign.join(header)[:80]!r}; write a cell for each name, "
                "empty if it was not measured, a point in decimal numbers, and texts with commas in quotes"
            )
    for at, name in enumerate(header):
        _check_column(name, [(number, cells[at]) for number, cells in lines])
    if lines and is_over and not ends:
        _check_end([cells[len(header) - 1] for _, cells in lines])
    for _, cells in lines:
        numbers = {name: read_any(cell) for name, cell in zip(header, cells)}  # noqa: B905  Python 3.9 has no `strict`
        yield {name: number for name, number in numbers.items() if number is not None}


def _lines(text: str, sign: str) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """Returns the names, and the rows with the numbers of their lines."""
    reader = csv.reader(io.StringIO(text, newline=""), skipinitialspace=True, delimiter=sign)
    try:
        lines = [(reader.line_num, [cell.strip() for cell in cells]) for cells in reader if any(map(str.strip, cells))]
    except csv.Error as error:
        raise ValueError(f"line {reader.line_num} is no CSV: {error}") from None
    comments = [cells for _, cells in lines if cells[0].startswith("#")]
    lines = [(number, cells) for number, cells in lines if not cells[0].startswith("#")]
    if comments and lines and all(read_any(cell) is not None for cell in lines[0][1]):
        header = [comments[-1][0].lstrip("# "), *comments[-1][1:]]
    else:
        header, lines = lines[0][1] if lines else [], lines[1:]
    while header and not header[-1]:
        header = header[:-1]
    return header, lines


def _check_header(header: list[str], first: list[str], sign: str) -> None:
    below = "".join(first)
    if len(header) == 1 and (other := next((one for one in ",;\t " if one in header[0] and one in below), "")):
        raise ValueError(f"its names have {other!r} between them; write {sign!r} there: {header[0]!r}")
    if twice := [name for name in dict.fromkeys(header) if name and header.count(name) > 1]:
        raise ValueError(f"two columns are named {twice[0]!r}; rename one of them")


def _check_column(name: str, cells: list[tuple[int, str]]) -> None:
    """Refuses a text such as 1,234.5 in a column of numbers: its epoch may be the best one, or have diverged."""
    odd = [(number, cell) for number, cell in cells if is_wrong(cell) and not _TIME.search(cell)]
    if odd and any(read_any(cell) is not None for _, cell in cells):
        number, cell = odd[0]
        raise ValueError(
            f"line {number}: {name} is {cell[:80]!r}, which is no number; write one such as 1234.5, nan where it has "
            "diverged, and nothing where it was not measured"
        )


def _check_end(cells: list[str]) -> None:
    """Refuses a last line without its end whose last number is not whole. Others are: the script that wrote it is over.

    Args:
        cells: the last of each line.
    """
    last = cells[-1]
    if any(read_any(cell) is not None for cell in cells) and (read_any(last) is None or last.endswith(".")):
        raise ValueError(f"its last line has no end, and its last number, {last!r}, may be cut off; end it with \\n")
