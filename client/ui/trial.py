"""Looks at one trial for its page: its outcome, its curve, the attempts of its job, and its log as it grows."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from stepsweep.bucket.plans import Plan
from stepsweep.bucket.trial_files import Artifact
from stepsweep.client.clouds.own_command import own_command
from stepsweep.client.deployment import CloudError, explained, may_pass
from stepsweep.client.logs.reading import log_of
from stepsweep.client.logs.trial_logs import Log
from stepsweep.client.ui.source import Source
from stepsweep.contract.cost import moment
from stepsweep.contract.curves import best_epoch
from stepsweep.contract.described import printable
from stepsweep.contract.errors import InvalidInput
from stepsweep.contract.job_outcome import CONTAINER_EXITED, JobOutcome
from stepsweep.contract.metrics import Metrics
from stepsweep.contract.results import Result
from stepsweep.contract.space import shown
from stepsweep.contract.trial import Trial

LOG_BYTES = 262_144
"""Most of a log that is read at once. Its last lines are what is looked for; `sweep logs` has all."""
MAX_LINE = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Try:
    """An attempt of the trial's job, from its recorded outcome."""

    number: int
    started: int | None
    seconds: float | None
    exit_code: int | None
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialSeen:
    """A trial at one moment.

    Attributes:
        result: None until it has ended.
        runs: whether its job waits or runs.
        curve: its metrics, or its live rows so far.
        so_far: the best value of the curve; with several objectives the first one's at the epoch that counts.
        files: its artifacts, once it has ended.
    """

    trial: Trial
    result: Result | None
    runs: bool
    curve: Metrics | None
    tries: Sequence[Try]
    so_far: float | None
    files: Sequence[Artifact]

    @property
    def status(self) -> str:
        if self.result is not None:
            return self.result.outcome.status.value
        return "RUNNING" if self.runs else "NOT ENDED"


class TrialWatch:
    """One trial of a sweep.

    Raises:
        InvalidInput: there is no such sweep or trial.
        CloudError: the cloud did not answer.
    """

    def __init__(self, source: Source, name: str, trial_id: str) -> None:
        self._source = source
        self._trial_id = trial_id
        found = source.found()
        self.spec = found.archive.spec(name)
        plan = found.archive.plan(self.spec)
        if plan is None or trial_id not in plan.trials:
            raise InvalidInput([f"the sweep {name} has no trial {shown(trial_id)}"])
        self._plan: Plan = plan
        self.command = own_command(source.cloud, self.spec, plan.trials[trial_id], found.trainer_command)
        self._log: Log = log_of(source.cloud, found, plan, trial_id)

    def look(self) -> TrialSeen:
        """Returns the trial as it is now. Raises CloudError if the cloud did not answer."""
        found, trial = self._source.found(), self._plan.trials[self._trial_id]
        archive = found.archive
        with explained():
            has_ended = self._trial_id in archive.records.finished(self._plan, archive.records.objects(self.spec.name))
            outcome = archive.records.outcome(self._plan, self._trial_id)
            read = archive.records.results(self._plan, [self._trial_id]) if has_ended else []
            files = archive.records.files.artifacts(trial) if has_ended else []
        curve = (archive.curves([trial]) or archive.live_curves([trial])).get(self._trial_id)
        epoch = best_epoch(curve, self.spec.objectives) if curve else None
        return TrialSeen(
            trial=trial,
            result=read[0].result if read else None,
            runs=not has_ended and not self._is_over(),
            curve=curve,
            so_far=curve.columns[self.spec.objective.metric][epoch - 1] if curve and epoch else None,
            tries=_tries(outcome) if outcome else [],
            files=files,
        )

    def lines(self) -> tuple[list[tuple[int, str]], bool]:
        """Returns the last lines printed since the last call, each with its attempt, and whether there will be more."""
        goes_on = not (is_over := self._is_over())
        news: list[tuple[int, str]] = []
        try:
            for attempt, line in self._log.news(is_over=is_over, at_most=LOG_BYTES):
                news.append((attempt, printable(line[:MAX_LINE])))
        except CloudError as error:
            # What has been read is not read again; the rest is, unless it may never be.
            goes_on |= isinstance(error.__cause__, Exception) and may_pass(error.__cause__)
        return news, goes_on

    def _is_over(self) -> bool:
        return self._source.cloud.is_gone() or self._log.is_over()


def _tries(outcome: JobOutcome) -> list[Try]:
    tries = []
    for number, attempt in enumerate(outcome.attempts, start=1):
        started, stopped = moment(attempt.get("StartedAt")), moment(attempt.get("StoppedAt"))
        container = _object(attempt.get("Container"))
        code = container.get("ExitCode")
        why = str(container.get("Reason") or attempt.get("StatusReason") or "")
        ran = None if started is None or stopped is None else max(0, stopped - started) / 1000
        tries.append(
            Try(
                number=number,
                started=started,
                seconds=ran,
                exit_code=code if isinstance(code, int) else None,
                reason="" if why == CONTAINER_EXITED and isinstance(code, int) else printable(why),
            )
        )
    return tries


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
