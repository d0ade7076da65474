"""The leaderboard as a table in CSV, and the names of its columns."""

import csv
import io
from collections.abc import Sequence

from stepsweep.contract.objective import Objective
from stepsweep.contract.results import Group, listed
from stepsweep.contract.space import Value
from stepsweep.contract.words import as_cell

COLUMNS = (
    "rank",
    "trial_id",
    "epoch",
    "best",
    "last",
    "epochs_trained",
    "status",
    "reason",
    "standard_error",
    "n",
    "values",
)
"""Columns of the leaderboard besides params and metric; it has the last three only if params have several trials."""

PARAM = "params."
"""Prefix of the leaderboard's columns of parameters."""

ENDS = ("best", "last")
"""Columns that only a sweep with one objective has."""

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
"""A spreadsheet runs a cell with such a start as a formula (OWASP, "CSV Injection")."""


def leaderboard_csv(
    leaderboard: Sequence[tuple[int | None, Group]], objectives: Sequence[Objective], names: Sequence[str]
) -> bytes:
    """Returns the leaderboard as a table for people, spreadsheets and pandas, one row per params.

    The columns are rank, trial_id, one per parameter, one per objective, epoch, the best and the last value (only of a
    single objective), epochs_trained, status and reason.
    Parameters have the prefix `params.`, and an objective's metric must neither be one of `COLUMNS` nor start with
    `params.`, so names are unique.
    If params have several trials, one per fold and seed, the metric is their mean, trial_id is that of the first, and
    three columns follow: standard_error (of the mean), n, and values, with each trial's value or status in the order of
    folds and seeds.

    Args:
        leaderboard: as `ranking.ranked` returns it; at least one row.
        names: of the parameters. One that does not apply to params is empty; no value is an empty text.
    """
    several, has_front = len(leaderboard[0][1].results) > 1, len(objectives) > 1
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    columns = [
        *(name for name in COLUMNS[2:-3] if not (has_front and name in ENDS)),
        *(COLUMNS[-3:] if several else ()),
    ]
    metrics = [each.metric for each in objectives]
    writer.writerow([*COLUMNS[:2], *(f"{PARAM}{name}" for name in names), *metrics, *columns])
    for place, group in leaderboard:
        values = [*group.by_objective, *[""] * (len(metrics) - len(group.by_objective))] if has_front else [group.value]
        ends = [] if has_front else [group.best, group.last]
        writer.writerow(
            [_or_empty(place), group.trial.trial_id]
            + [_param(group.params[name]) if name in group.params else "" for name in names]
            + [_or_empty(value) for value in (*values, group.epoch, *ends, group.epochs_trained)]
            + [group.status.value, _as_text(group.reason)]
            + ([_or_empty(group.standard_error), len(group.results), listed(group)] if several else [])
        )
    return text.getvalue().encode()


def _or_empty(value: float | str | None) -> float | str:
    return "" if value is None else value


def _param(value: Value) -> str:
    return _as_text(as_cell(value)) if isinstance(value, str) else as_cell(value)


def _as_text(cell: str) -> str:
    """Reasons and params may be any text. A leading quote makes spreadsheets show it instead of running it."""
    return f"'{cell}" if cell.startswith(FORMULA_STARTS) else cell
