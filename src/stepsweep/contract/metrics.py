"""The metrics file: one row per epoch. A trial writes it whole, and the reader is strict, since it decides the winner.

These rules are a trainer's whole contract about results (docs/your-trainer.md):

- The file is UTF-8 without a byte-order mark. After a header it has one row per epoch: 1, 2, 3, …, at most `epochs`.
- The first column is `epoch`. The other names are unique, have letters, digits and `_ . / @ -`, and start with a
  letter.
- Every value is a decimal number as `repr(float)` writes it, `nan`, `inf` or `-inf`; an empty cell was not measured.
  `contract.objective` says when a trial has diverged. Such a file is complete, so the trial is not trained again.
"""

import csv
import io
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from stepsweep.contract.errors import InvalidMetrics
from stepsweep.contract.names import is_metric
from stepsweep.contract.space import shown

EPOCH = "epoch"
MAX_BYTES = 16 * 2**20
"""Enough for more than 100,000 epochs at 100 bytes per row; a larger file is no metrics file."""

# Stricter than float(), which accepts `1_000`, `infinity` and non-ASCII digits.
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,4})?", re.ASCII)
_SOME_DIGIT = re.compile(r"[^1-9eE]*[1-9]")
_NOT_FINITE = re.compile(r"[+-]?(?:nan|inf)", re.ASCII | re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Metrics:
    """A trial's curve: `columns[name][i]` is the value of epoch i + 1.

    Attributes:
        columns: NaN where a column was not measured.
        blank: the epochs without a measurement, by column; other NaN are values that the trainer reported.
    """

    columns: dict[str, list[float]]
    blank: Mapping[str, frozenset[int]] = field(default_factory=dict)

    @property
    def epochs(self) -> int:
        return len(self.columns[EPOCH])

    def measured(self, column: str) -> list[tuple[int, float]]:
        """Returns the epochs in which a column was measured, each with its value, which may be NaN or infinite."""
        blank = self.blank.get(column, frozenset())
        return [(epoch, value) for epoch, value in enumerate(self.columns[column], start=1) if epoch not in blank]


def to_csv(rows: Sequence[Mapping[str, float]]) -> bytes:
    """Returns the bytes of a metrics file. Floats are written as by `repr`, so reading returns the same numbers.

    Args:
        rows: one per epoch, all with the same names, `epoch` first.
    """
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def parse_csv(data: bytes, *, max_epochs: int) -> Metrics:
    """Reads a metrics file by the rules above.

    Raises:
        InvalidMetrics: the file breaks a rule; the message names the line, the column and the value.
    """
    if not data:
        raise InvalidMetrics("the file is empty")
    if len(data) > MAX_BYTES:
        raise InvalidMetrics(f"the file has {len(data)} bytes, more than {MAX_BYTES}")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidMetrics(f"not UTF-8: {error.reason} at byte {error.start}") from None
    if "\0" in text:
        raise InvalidMetrics("a NUL byte in the file")
    try:
        header, *rows = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    except csv.Error as error:
        raise InvalidMetrics(f"not CSV: {error}") from None
    _check_header(header)
    if not rows:
        raise InvalidMetrics("a header and no row: not one epoch was finished")
    if len(rows) > max_epochs:
        raise InvalidMetrics(
            f"{len(rows)} rows, and only {max_epochs} {'epoch was' if max_epochs == 1 else 'epochs were'} asked for"
        )
    if not text.endswith("\n"):
        raise InvalidMetrics(f"line {len(rows) + 1} has no end: the file was cut off")
    columns: dict[str, list[float]] = {name: [] for name in header}
    blank: dict[str, set[int]] = {}
    for number, row in enumerate(rows, start=1):
        if len(row) != len(header):
            raise InvalidMetrics(f"line {number + 1}: {len(row)} values for {len(header)} columns")
        for name, cell in zip(header, row, strict=True):
            if not cell and name != EPOCH:
                blank.setdefault(name, set()).add(number)
            columns[name].append(_number(cell, line=number + 1, column=name))
        if columns[EPOCH][-1] != number:
            raise InvalidMetrics(f"line {number + 1}: epoch {shown(row[0])}, where {number} has its place")
    return Metrics(columns=columns, blank={name: frozenset(epochs) for name, epochs in blank.items()})


def _check_header(header: Sequence[str]) -> None:
    if header[:1] != [EPOCH]:
        raise InvalidMetrics(f"the first column must be `epoch`, got {shown(','.join(header))}")
    if wrong := [name for name in header if not is_metric(name)]:
        raise InvalidMetrics(f"column {shown(wrong[0])} is not a name like `val_loss`")
    if len(set(header)) != len(header):
        raise InvalidMetrics(f"a column stands twice in {shown(','.join(header))}")


def _number(cell: str, *, line: int, column: str) -> float:
    if len(cell) <= 64 and _NUMBER.fullmatch(cell):
        value = float(cell)
        if not math.isfinite(value):
            raise InvalidMetrics(f"line {line}: {column} is {shown(cell)}, which is too large for a number")
        if not value and _SOME_DIGIT.match(cell):
            raise InvalidMetrics(f"line {line}: {column} is {shown(cell)}, which is too small for a number; write 0")
        return value
    if column != EPOCH and not cell:
        return math.nan
    if column == EPOCH or not _NOT_FINITE.fullmatch(cell):
        raise InvalidMetrics(f"line {line}: {column} is {shown(cell)}, which is not a number")
    return float(cell)
