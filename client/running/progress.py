"""What is seen of one execution of the state machine: its progress, the trials that run, and its end."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from stepsweep.contract.job_outcome import JobOutcome
from stepsweep.contract.metrics import EPOCH, Metrics
from stepsweep.contract.output import Output
from stepsweep.contract.results import Result
from stepsweep.contract.trial import Trial

RUNNING = "RUNNING"
SUCCEEDED = "SUCCEEDED"
ABORTED = "ABORTED"
INTERRUPTED, STOPPED = STOPPED_BY_US = ("Interrupted", "Stopped")
"""The errors of executions that were stopped here, by an interrupt of the command that ran them or by `sweep stop`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """A trial whose job is running.

    Attributes:
        latest: the last of its live rows; empty if there are none yet.
        printed: the last line that it printed, as long as there are no live rows.
        curve: all of its live rows; None if there are none yet.
    """

    trial: Trial
    latest: dict[str, float]
    printed: str = ""
    curve: Metrics | None = None

    @property
    def epoch(self) -> int:
        """The last finished epoch; 0 before the first."""
        return int(self.latest.get(EPOCH, 0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """The progress of an execution.

    Attributes:
        status: the execution's status in Step Functions.
        round_number: the current round, from 0; all numbers of trials are about this round. A free-running search has
            no rounds, and its numbers are about the whole execution.
        planned: number of the round's trials; None until they are planned.
        up_to: the epochs that they train at most, in ascending order.
        to_run: number of trials that were not finished before this execution.
        ended: number of `to_run` that have ended, failed ones included.
        failed: number of `to_run` that have failed.
        running: number of running jobs; None if we may not ask Batch.
        starting: number of jobs that have a machine, but no running container yet.
        training: the running trials, if requested.
        waits_for: the reason why jobs wait, Batch's or EC2's; empty if neither gives one.
        seconds: time since the start of the execution.
        round_began: value of `seconds` when this round was planned; 0 in the first round.
        news: the trials that ended since the previous progress, in order.
        outcomes: of their jobs by key, as far as they were read.
        trouble: why there is no news, if the cloud did not answer.
    """

    status: str = RUNNING
    round_number: int = 0
    planned: int | None = None
    up_to: tuple[int, ...] = ()
    to_run: int = 0
    ended: int = 0
    failed: int = 0
    running: int | None = None
    starting: int = 0
    training: tuple[Training, ...] = ()
    waits_for: str = ""
    seconds: float = 0.0
    round_began: float = 0.0
    news: tuple[Result, ...] = ()
    outcomes: Mapping[str, JobOutcome] = field(default_factory=dict)
    trouble: str = ""

    @property
    def waiting(self) -> int:
        return max(0, self.to_run - self.ended - (self.running or 0) - self.starting)

    @property
    def all_ended(self) -> bool:
        return 0 < self.to_run == self.ended

    @property
    def seconds_left(self) -> float | None:
        """Estimated remaining time of the round, from its finished part; None if that is empty. Early stopping makes it
        too long."""
        done = self.ended + sum(each.epoch / each.trial.epochs for each in self.training)
        return (self.seconds - self.round_began) * (self.to_run - done) / done if done else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """The end of an execution.

    Attributes:
        output: the execution's output with the winner; None unless it SUCCEEDED.
        error: name of the error; empty if it SUCCEEDED.
        cause: explanation of the error; empty if it SUCCEEDED.
    """

    status: str
    output: Output | None
    error: str
    cause: str

    @property
    def was_stopped(self) -> bool:
        """Whether a person has stopped it, with a command or in a console, without another reason."""
        return self.status == ABORTED and (self.error in STOPPED_BY_US or not self.cause)
