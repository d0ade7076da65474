"""Determines a trial's outcome. Its metrics decide; without metrics, the record of its job gives the reason."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace

from stepsweep.bucket.outcomes import Unreadable
from stepsweep.bucket.s3 import Readable
from stepsweep.contract.errors import Diverged, InvalidDocument, InvalidMetrics
from stepsweep.contract.job_outcome import JobOutcome
from stepsweep.contract.median import Ended, averages, read_record
from stepsweep.contract.metrics import MAX_BYTES, parse_csv
from stepsweep.contract.objective import Objective, Reached
from stepsweep.contract.results import Result
from stepsweep.contract.trial import Cause, Outcome, Status, Trial, one_line

NO_METRICS = (
    "its job succeeded but wrote no metrics: a trainer writes one CSV to the URI in STEPSWEEP_METRICS_URI, "
    "see docs/your-trainer.md"
)
"""The same for every trial, so that reasons are grouped."""

MAX_RECORD_BYTES = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """What the bucket holds about one trial.

    Attributes:
        log_stream: log stream of its job's last attempt, if the job failed.
        recorded: the state machine's record of its job, if there is one that can be read.
        job_seconds: how long the attempts of its job ran in this sweep.
        ended: where the median rule ended it; None if it did not.
        averages: its running averages at the epochs that were asked for, if it succeeded.
    """

    result: Result
    log_stream: str | None = None
    recorded: JobOutcome | None = None
    job_seconds: float = 0.0
    ended: Ended | None = None
    averages: Mapping[int, float] = field(default_factory=dict)


def read_result(
    bucket: Readable,
    trial: Trial,
    objectives: Sequence[Objective],
    *,
    outcome: JobOutcome | Unreadable | None,
    averages_at: Sequence[int] = (),
    in_rounds: bool = False,
) -> Read:
    """Returns one trial's result.

    Args:
        outcome: the state machine's record; None if there is none.
        averages_at: the epochs of its running averages.
        in_rounds: whether its sweep, once resumed, trains what has no metrics; a free-running one goes by its log.
    """
    recorded = outcome if isinstance(outcome, JobOutcome) else None
    found = _read(bucket, trial, objectives, outcome=outcome, averages_at=averages_at, in_rounds=in_rounds)
    return replace(found, recorded=recorded, job_seconds=recorded.job_seconds if recorded else 0.0)


def _read(
    bucket: Readable,
    trial: Trial,
    objectives: Sequence[Objective],
    *,
    outcome: JobOutcome | Unreadable | None,
    averages_at: Sequence[int],
    in_rounds: bool,
) -> Read:
    data = bucket.get(trial.metrics_key, at_most=MAX_BYTES + 1)
    if data is None:
        return _without_metrics(bucket, trial, outcome)
    metrics = None
    try:
        metrics = parse_csv(data, max_epochs=trial.epochs)
        reached = Reached.of(objectives, metrics)
    except InvalidMetrics as error:
        cause = Cause.DIVERGED if isinstance(error, Diverged) else None
        reason = str(error) if metrics else f"{error}; {_if_damaged(trial, in_rounds=in_rounds)}"
        result = _ended(trial, Status.INVALID, reason, cause)
        return Read(result=replace(result, epochs_trained=metrics.epochs if metrics else None))
    succeeded = Outcome(trial_id=trial.trial_id, status=Status.SUCCEEDED)
    result = Result(trial=trial, outcome=succeeded, epochs_trained=metrics.epochs, **asdict(reached))
    return Read(result=result, averages=averages(metrics, objectives[0], averages_at))


def _if_damaged(trial: Trial, *, in_rounds: bool) -> str:
    """Returns what to do about a file of metrics that cannot be read, if the trial did not write it so. It is the same
    for every trial, so that reasons are grouped: the folder has the trial's name."""
    name = trial.metrics_key.rpartition("/")[2]
    remedy = "from a copy, or delete it and resume the sweep" if in_rounds else "from a copy"
    return f"if the trial wrote another {name}, bring that back {remedy}"


def _without_metrics(bucket: Readable, trial: Trial, outcome: JobOutcome | Unreadable | None) -> Read:
    match outcome:
        case None:
            return Read(result=_ended(trial, Status.MISSING, "it has no recorded outcome"))
        case Unreadable():
            return Read(result=_ended(trial, Status.FAILED, "its recorded outcome cannot be read"))
        case JobOutcome(succeeded=True):
            return _ended_by_median(bucket, trial) or Read(result=_ended(trial, Status.MISSING, NO_METRICS))
        case JobOutcome(was_ended=True):
            return Read(result=_ended(trial, Status.MISSING, outcome.reason, Cause.SEARCH_ENDED))
        case JobOutcome():
            return Read(result=_ended(trial, Status.FAILED, outcome.reason), log_stream=outcome.last_log_stream)


def _ended_by_median(bucket: Readable, trial: Trial) -> Read | None:
    """Returns the result of a trial that the median rule ended; None if it left no record of that."""
    data = bucket.get(trial.ended_key, at_most=MAX_RECORD_BYTES)
    try:
        found = None if data is None else read_record(data, epochs=trial.epochs)
    except InvalidDocument:  # written by a job
        return None
    if found is None:
        return None
    ended, epochs_trained = found
    result = _ended(trial, Status.MISSING, f"ended by stop.median after epoch {ended.epoch}", Cause.MEDIAN_RULE)
    return Read(result=replace(result, epochs_trained=epochs_trained), ended=ended)


def _ended(trial: Trial, status: Status, reason: str, cause: Cause | None = None) -> Result:
    outcome = Outcome(trial_id=trial.trial_id, status=status, reason=one_line(reason), cause=cause)
    return Result(trial=trial, outcome=outcome)
