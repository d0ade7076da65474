"""The leaderboard as rows: read from the CSV that the reducer writes, or made of results so far."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from stepsweep.contract import ranking
from stepsweep.contract.ranking import Group
from stepsweep.contract.space import as_option

PARAM = "params."
"""What the names of the leaderboard's columns of parameters start with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A line of the leaderboard. Params are texts, as the trainer is given them; `rank` is None unless it succeeded.

    Attributes:
        value: of several trials, one a fold and seed, their mean; standard_error: of that mean; n: how many there are;
            values: of each of them, or how it ended.
    """

    rank: int | None
    trial_id: str
    params: dict[str, str]
    value: float | None
    epoch: int | None
    epochs_trained: int | None
    status: str
    reason: str
    standard_error: float | None = None
    n: int = 1
    values: str = ""

    @classmethod
    def of(cls, group: Group, rank: int) -> Self:
        several = len(group.results) > 1
        return cls(
            rank=rank if group.is_complete else None,
            trial_id=group.trial.trial_id,
            params={name: as_option(value) for name, value in group.params.items()},
            value=group.value,
            epoch=group.epoch,
            epochs_trained=group.epochs_trained,
            status=group.status.value,
            reason=group.reason,
            standard_error=group.standard_error,
            n=len(group.results),
            values=ranking.listed(group) if several else "",
        )


def rows_of(leaderboard_csv: bytes) -> list[Row]:
    """Reads what `ranking.leaderboard_csv` writes."""
    header, *lines = csv.reader(io.StringIO(leaderboard_csv.decode(), newline=""))
    # The metric is the column behind the params.
    names = [name for name in header if name.startswith(PARAM)]
    metric = header[header.index(names[-1]) + 1]
    return [_row(dict(zip(header, line, strict=True)), names, metric) for line in lines]


def _row(cells: Mapping[str, str], names: Sequence[str], metric: str) -> Row:
    reason = cells["reason"]
    if reason.startswith("'") and reason[1:].startswith(ranking.FORMULA_STARTS):
        reason = reason[1:]  # the quote was for spreadsheets
    return Row(
        rank=int(cells["rank"]) if cells["rank"] else None,
        trial_id=cells["trial_id"],
        params={name.removeprefix(PARAM): cells[name] for name in names},
        value=float(cells[metric]) if cells[metric] else None,
        epoch=int(cells["epoch"]) if cells["epoch"] else None,
        epochs_trained=int(cells["epochs_trained"]) if cells["epochs_trained"] else None,
        status=cells["status"],
        reason=reason,
        standard_error=float(error) if (error := cells.get("standard_error")) else None,
        n=int(cells.get("n", 1)),
        values=cells.get("values", ""),
    )
