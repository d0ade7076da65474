"""The leaderboard as rows: read from the CSV that the reducer writes, or made of results so far."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from sweep import ranking
from sweep.ranking import Result
from sweep.space import as_option


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A line of the leaderboard. Params are texts, as the trainer is given them; `rank` is None unless it succeeded."""

    rank: int | None
    trial_id: str
    params: dict[str, str]
    value: float | None
    epoch: int | None
    epochs_trained: int | None
    status: str
    reason: str

    @classmethod
    def of(cls, result: Result, rank: int) -> Self:
        return cls(
            rank=None if result.value is None else rank,
            trial_id=result.trial.trial_id,
            params={name: as_option(value) for name, value in result.trial.params.items()},
            value=result.value,
            epoch=result.epoch,
            epochs_trained=result.epochs_trained,
            status=result.outcome.status.value,
            reason=result.outcome.reason,
        )


def rows_of(leaderboard_csv: bytes) -> list[Row]:
    """Reads what `ranking.leaderboard_csv` writes."""
    header, *lines = csv.reader(io.StringIO(leaderboard_csv.decode(), newline=""))
    # By place, as `ranking.leaderboard_csv` has them: rank, trial_id, the params, the metric, and four more.
    names = [name.removeprefix("params.") for name in header[2:-5]]
    return [_row(line, names) for line in lines]


def _row(line: Sequence[str], names: Sequence[str]) -> Row:
    rank, trial_id, *params, value, epoch, epochs_trained, status, reason = line
    if reason.startswith("'") and reason[1:].startswith(ranking.FORMULA_STARTS):
        reason = reason[1:]  # the quote was for spreadsheets
    return Row(
        rank=int(rank) if rank else None,
        trial_id=trial_id,
        params=dict(zip(names, params, strict=True)),
        value=float(value) if value else None,
        epoch=int(epoch) if epoch else None,
        epochs_trained=int(epochs_trained) if epochs_trained else None,
        status=status,
        reason=reason,
    )
