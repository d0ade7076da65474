"""The end of a search: the ranks of its trials, the artifacts that are kept, and the output of its execution.

Also the answer for an execution whose sweep another one has taken over.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from stepsweep.bucket.artifacts import KeptFiles, keep
from stepsweep.bucket.latest import has_ended
from stepsweep.bucket.s3 import Bucket, as_json, from_json
from stepsweep.contract import artifacts, keys, ranking
from stepsweep.contract.artifacts import Kept
from stepsweep.contract.described import verb
from stepsweep.contract.fewer_epochs import fewer_epochs
from stepsweep.contract.front import Front, OnFront
from stepsweep.contract.leaderboard_csv import leaderboard_csv
from stepsweep.contract.output import Cost, Output, Place
from stepsweep.contract.results import Group, Result, counts, epochs_in_all, grouped, reasons
from stepsweep.contract.spec import SweepSpec
from stepsweep.contract.trial import Status, Trial

BEST = 10
"""How many trials of the leaderboard the output lists, if there is a winner. An execution's output holds at most 256
KiB; S3 has the whole table."""

MAX_SUMMARY_BYTES = 16_384
MAX_SUMMARY_BRACKETS = 400
"""Limits of the winner's summary in the output. The trainer writes it, so it may be too large for the output, or nested
too deeply for Python to serialize."""


def conclude(
    bucket: Bucket,
    spec: SweepSpec,
    results: Sequence[Result],
    *,
    execution: str,
    rounds_run: int,
    plan_key: str,
    ended_by: str | None,
    cost: Cost,
) -> dict[str, Any]:
    """Ranks the trials, writes leaderboard.csv and winner.json or front.json, and returns the function's answer."""
    sweep, by_status = spec.name, counts(results)
    ranked = ranking.ranked(grouped(results), spec.objectives)
    leaderboard = [group for _, group in ranked]
    table = leaderboard_csv(ranked, spec.objectives, list(spec.parameters))
    if not leaderboard[0].is_complete:
        bucket.put(keys.leaderboard_key(sweep), table, "text/csv; charset=utf-8")
        has_ended(bucket, sweep, execution=execution)
        return {"another_round": False, "fault": _no_trial_succeeded(spec, results, by_status, ended_by)}

    trials_kept = artifacts.kept(ranked, spec.keep_artifacts)
    files = dict(zip((trial.trial_id for trial in trials_kept), keep(bucket, trials_kept), strict=True))
    head = _front(spec, ranked, files) if spec.has_front else _winner(bucket, spec, leaderboard, files, ended_by)
    output = Output(
        sweep=sweep,
        execution=execution,
        **head,
        objectives=spec.objectives,
        outcomes=by_status,
        reasons=tuple(reasons(result for group in leaderboard for result in group.results)),
        rounds=rounds_run,
        leaderboard_key=keys.leaderboard_key(sweep),
        plan_key=plan_key,
        epochs_trained=epochs_in_all(results, spec.rungs),
        ended_by=ended_by,
        cost=cost,
    ).to_json()
    bucket.put_json(keys.front_key(sweep) if spec.has_front else keys.winner_key(sweep), output)
    bucket.put(keys.leaderboard_key(sweep), table, "text/csv; charset=utf-8")
    # Last: it marks the sweep as finished, and then the others must exist.
    has_ended(bucket, sweep, execution=execution)
    return {"another_round": False, "output": output}


def left_to_the_planner(sweep: str, round_number: int) -> dict[str, Any]:
    """Returns the answer where another execution goes on with the sweep: the planner refuses this one, and says so."""
    return {"another_round": True, "sweep": sweep, "round": round_number + 1, "ask": False}


def _winner(
    bucket: Bucket,
    spec: SweepSpec,
    leaderboard: Sequence[Group],
    files: Mapping[str, KeptFiles],
    ended_by: str | None,
) -> dict[str, Any]:
    """Returns what an output says of the winner and of those near it.

    Args:
        files: the kept artifacts by trial id.
    """
    winner = leaderboard[0]
    return {
        "winner": Place.of(winner),
        "fewer_epochs": fewer_epochs(spec, winner, ended_early=bool(ended_by)),
        "summary": _summary(bucket, winner.trial) if spec.trials_each == 1 else None,
        "artifacts": _kept(winner.trial, files),
        "ties": tuple(_tie(winner, group) for group in ranking.ties(leaderboard)[:BEST]),
        "best": tuple(Place.of(group) for group in leaderboard[:BEST] if group.is_complete),
    }


def _front(
    spec: SweepSpec, ranked: Sequence[tuple[int | None, Group]], files: Mapping[str, KeptFiles]
) -> dict[str, Any]:
    """Returns what an output says of the first Pareto front."""
    first = [group for rank, group in ranked if rank == 1]
    return {"front": Front.of([OnFront.of(group, spec.objectives, _kept(group.trial, files)) for group in first])}


def _tie(winner: Group, group: Group) -> Place:
    return Place.of(group, p_value=round(ranking.p_value(winner, group), 4) if len(group.results) > 1 else None)


def _kept(trial: Trial, files: Mapping[str, KeptFiles]) -> Kept | None:
    there = files.get(trial.trial_id)
    if there is None or not there.sizes:
        return None
    sizes = there.sizes.values()
    return Kept(prefix=trial.kept_artifacts, files=len(sizes), bytes=sum(sizes), is_partial=there.is_partial)


def _summary(bucket: Bucket, trial: Trial) -> dict[str, Any] | None:
    """Returns the trainer's summary of a trial; None if it is missing, too large, or not a JSON object."""
    data = bucket.get(keys.summary_key(trial.trial_id, trial.epochs), at_most=MAX_SUMMARY_BYTES + 1)
    if data is None or len(data) > MAX_SUMMARY_BYTES or data.count(b"{") + data.count(b"[") > MAX_SUMMARY_BRACKETS:
        return None
    try:
        summary = from_json(data)
        as_json(summary)  # no NaN
    except ValueError:
        return None
    return summary if isinstance(summary, dict) else None


def _no_trial_succeeded(
    spec: SweepSpec, results: Sequence[Result], by_status: Mapping[str, int], ended_by: str | None
) -> str:
    ended = ", ".join(f"{number} {status}" for status, number in by_status.items() if number)
    why = "\n".join(f"{trials}x {reason}" for reason, trials in reasons(results))
    who = f"None of {len(results)} trials succeeded" if len(results) > 1 else "The only trial did not succeed"
    if by_status[Status.SUCCEEDED]:
        who = f"No set of params succeeded in all of its trials, of {len(results)} trials"
    untried = spec.number_of_trials - len(results)
    rest = f"; {untried} more {verb(untried, 'was', 'were')} not tried" if untried else ""
    rule = f". The search ended early: {ended_by}" if ended_by else ""
    return f"{who} ({ended}){rest}{rule}. The reasons, most frequent first:\n{why}"
