"""The leaderboard and the winner: a function of the set of results only, never of order, timing or retries."""

import csv
import io
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sweep.metrics import Objective
from sweep.space import Value, as_option
from sweep.trial import Outcome, Status, Trial

COLUMNS = ("rank", "trial_id", "epoch", "epochs_trained", "status", "reason")
"""Of the leaderboard, beside the params and the objective's metric."""

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
"""A spreadsheet runs a cell that starts like this as a formula (OWASP, "CSV Injection")."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What is known of one planned trial when a round is over.

    Attributes:
        value: the best of the objective over the trial's epochs; None unless it succeeded.
        epoch: the first epoch that reached it, from 1.
        epochs_trained: rows of its metrics.
    """

    trial: Trial
    outcome: Outcome
    value: float | None = None
    epoch: int | None = None
    epochs_trained: int | None = None


def rank(results: Sequence[Result], objective: Objective) -> list[Result]:
    """Returns the leaderboard: succeeded trials, best first, then the others as planned.

    Equal values are ranked by the earlier epoch, since that training costs less, and then as planned.

    Args:
        results: one a planned trial, in the order of the plan.
    """

    def place(result: Result) -> tuple[int, float, int]:
        if result.value is None or result.epoch is None:
            return (1, 0.0, 0)
        return (0, objective.rank(result.value), result.epoch)

    return sorted(results, key=place)  # stable, so the plan's order is the last rule


def ties(leaderboard: Sequence[Result]) -> list[Result]:
    """Returns the trials behind the first whose value equals the winner's: a rule puts them there, not a result."""
    winner = leaderboard[0]
    return [result for result in leaderboard[1:] if result.value is not None and result.value == winner.value]


def counts(results: Iterable[Result]) -> dict[str, int]:
    """Returns how many trials ended how, every status named. The sum is the plan."""
    counted = Counter(result.outcome.status for result in results)
    return {status.value: counted[status] for status in Status}


def reasons(results: Iterable[Result], limit: int = 5) -> list[tuple[str, int]]:
    """Returns why trials did not succeed, most frequent first, with how many trials each took."""
    counted = Counter(result.outcome.reason for result in results if result.outcome.status is not Status.SUCCEEDED)
    return sorted(counted.items(), key=lambda item: (-item[1], item[0]))[:limit]


def leaderboard_csv(leaderboard: Sequence[Result], objective: Objective) -> bytes:
    """Returns the leaderboard as a table for people, spreadsheets and pandas.

    The columns: rank, trial_id, one a parameter, the objective's metric, epoch, epochs_trained, status, reason.
    Parameters' names are prefixed with `params.`, and no metric of an objective is named as a column of `COLUMNS`, so
    that each name stands once.
    """
    names = list(leaderboard[0].trial.params)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*COLUMNS[:2], *(f"params.{name}" for name in names), objective.metric, *COLUMNS[2:]])
    for place, result in enumerate(leaderboard, start=1):
        succeeded = result.value is not None
        writer.writerow(
            [place if succeeded else "", result.trial.trial_id]
            + [as_option(result.trial.params[name]) for name in names]
            + ["" if value is None else value for value in (result.value, result.epoch, result.epochs_trained)]
            + [result.outcome.status.value, _as_text(result.outcome.reason)]
        )
    return text.getvalue().encode()


def options_line(params: dict[str, Value]) -> str:
    """Returns params as a line to paste behind a trainer's command: `--lr 0.1 --momentum 0.5`."""
    return " ".join(f"--{name} {as_option(value)}" for name, value in params.items())


def _as_text(cell: str) -> str:
    """Reasons hold what a trainer printed; a quote in front makes every spreadsheet show it instead of running it."""
    return f"'{cell}" if cell.startswith(FORMULA_STARTS) else cell
