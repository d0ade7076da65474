"""How a search went: what the trials of each params reached on each rung, and when and after how much time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from stepsweep.contract import keys
from stepsweep.contract.attempts import attempts_of, spent_seconds
from stepsweep.contract.job_outcome import JobOutcome
from stepsweep.contract.results import Result, grouped
from stepsweep.contract.search_state import SearchState
from stepsweep.contract.space import Params, key_of
from stepsweep.contract.spec import SweepSpec

Key = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """The end of the trials of the same params on one rung. Without halving there is one rung, number 0.

    Attributes:
        trial_id: of the first trial, which represents them in the leaderboard.
        value: the mean of their values; None unless all succeeded.
        jobs: the keys of their outcomes; empty if they needed no job on this rung, since they had stopped early.
        round_number: of a search in rounds, after how many rounds it was planned.
        promoted: whether they went on to the next rung.
        started: when the first of their jobs began, in milliseconds since 1970 by Batch's clock; None without a job.
        ended: when the last of them stopped; without a job, when all that it followed from had ended, if anything.
        seconds: how long their jobs ran.
    """

    trial_id: str
    params: Params
    rung: int
    value: float | None
    jobs: tuple[str, ...] = ()
    round_number: int = 0
    promoted: bool = False
    started: int | None = None
    ended: int | None = None
    seconds: float = 0.0


def of_rounds(spec: SweepSpec, rounds: Sequence[Sequence[Result]], climbed: Mapping[Key, int]) -> list[Ending]:
    """Returns the endings of a search in rounds.

    Args:
        rounds: the results after each round, in order; those of a running round so far.
        climbed: the rung that the latest plan has params on, by `key_of`.
    """
    reached: dict[Key, int] = {}
    known: set[str] = set()
    found = []
    for number, results in enumerate(rounds):
        for group in grouped(results):
            key = key_of(group.params)
            if len(group.results) < spec.trials_each or group.rung <= reached.get(key, -1):
                continue
            reached[key] = group.rung
            trials = [result.trial for result in group.results]
            jobs = [keys.outcome_key(spec.name, trial.round_number, trial.trial_id) for trial in trials]
            found.append(
                Ending(
                    trial_id=group.trial.trial_id,
                    params=group.params,
                    rung=group.rung,
                    value=group.value,
                    jobs=tuple(job for job in jobs if job not in known),
                    round_number=number,
                    promoted=climbed.get(key, 0) > group.rung,
                )
            )
            known.update(jobs)
    return found


def of_state(state: SearchState) -> list[Ending]:
    """Returns the endings of a free-running search."""
    found = []
    for number, candidate in enumerate(state.candidates):
        trial_ids = [state.trial(number, member).trial_id for member in range(len(candidate.members))]
        for rung, there in enumerate(candidate.reached):
            found.append(
                Ending(
                    trial_id=trial_ids[0],
                    params=candidate.params,
                    rung=rung,
                    value=there.value,
                    # The outcomes of a free-running search are recorded by rung.
                    jobs=tuple(keys.outcome_key(state.spec.name, rung, trial_id) for trial_id in trial_ids),
                    promoted=candidate.rung > rung,
                )
            )
    return found


def timed(endings: Sequence[Ending], outcomes: Mapping[str, JobOutcome]) -> list[Ending]:
    """Returns the endings with the times of their jobs, in the order of their ends.

    One without a job is where it was known: after the rounds before its own and its rungs below, or first of all.

    Args:
        endings: of a round behind those of the rounds before, and of a rung behind that of the rungs below.
        outcomes: by key.
    """
    found = []
    latest: dict[int, int] = {}
    of_trial: dict[str, int] = {}
    for ending in endings:
        there = [outcomes[key] for key in ending.jobs if key in outcomes]
        attempts = [attempt for outcome in there for attempt in attempts_of(outcome)]
        started = min((attempt.started for attempt in attempts), default=None)
        before = [ended for number, ended in latest.items() if number < ending.round_number]
        before += [of_trial[ending.trial_id]] if ending.trial_id in of_trial else []
        ended = max((attempt.stopped for attempt in attempts), default=max(before, default=None))
        if ended is not None:
            latest[ending.round_number] = max(ended, latest.get(ending.round_number, 0))
            of_trial[ending.trial_id] = ended
        seconds = spent_seconds(there)
        found.append(replace(ending, started=started, ended=ended, seconds=seconds))
    return sorted(found, key=lambda each: (each.ended or 0, each.rung))
