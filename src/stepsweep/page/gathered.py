"""What a sweep's page is made from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from stepsweep.contract.attempts import Attempt, attempts_of
from stepsweep.contract.curves import losses, metrics_of
from stepsweep.contract.endings import Ending
from stepsweep.contract.job_outcome import JobOutcome
from stepsweep.contract.leaderboard import Row
from stepsweep.contract.metrics import Metrics
from stepsweep.contract.note import NO_NOTE, Note
from stepsweep.contract.standing import Standing
from stepsweep.contract.trial import Trial
from stepsweep.page.course import Course

RUNNING = "RUNNING"
"""What stands for the outcome of a trial that runs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainerCommand:
    """How a person runs the trainer of a sweep again.

    Attributes:
        entrypoint: the words before a job's arguments; empty if they are the Dockerfile's, or unknown.
        options: of `sweep run`, for this trainer.
        place: the start of a command line that goes to the folder of a script; empty for others.
        can_run: whether `sweep run` with these options takes this trainer.
    """

    entrypoint: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    place: str = ""
    can_run: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Weight:
    """The importance of one parameter.

    Attributes:
        share: of the importance of all parameters; from 0 to 1.
        low, high: between these it is in nine of ten resamples of the trials.
    """

    name: str
    share: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Importance:
    """The importance of the parameters that vary.

    Attributes:
        weights: the most important first; empty if the trials cannot say.
        said: what to read from it, or why there is nothing to read.
    """

    weights: tuple[Weight, ...]
    said: str


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """A file of the winner's first trial.

    Attributes:
        address: a link to it; empty if there is none.
    """

    name: str
    bytes: int
    address: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathered:
    """The data of a sweep's page.

    Attributes:
        winner: the winner's first trial; None if there is no winner, as with several objectives, or no plan.
        curves: metrics by trial id: of a report all that exist, unless `curves_of` says otherwise.
        unfinished: ids of the curves that are live rows of unfinished trials.
        attempts: attempts of all jobs of the sweep, ordered by start; None if they have not been read.
        job_seconds: running time of the jobs; None if it has not been read.
        course: how the search went; None if no trial has a value, or if it has not been read.
        importance: of the parameters; None if fewer than two vary, or if it has not been read.
        artifacts: the files of the winner's first trial.
        logs: the last lines of failed trials, by id.
        where: the options of the sweep's cloud, to append to a command.
        is_on_aws: whether the jobs cost money.
        running: the trials that run, as rows without a rank.
        trainer: how to run it again; by default nothing is known of it.
        note: what a person has written about it.
        hint: what to do about the reasons of failures; empty if that is not known.
        winner_command: that of the winner's script, each option with its value as one text; empty if it is not known.
        curves_of: how many of the best trials have their curves in the page; None for all.
    """

    standing: Standing
    winner: Trial | None
    curves: Mapping[str, Metrics]
    unfinished: frozenset[str]
    attempts: Sequence[Attempt] | None
    job_seconds: float | None
    artifacts: Sequence[File]
    logs: Mapping[str, Sequence[str]]
    objects: Path | str
    where: str
    is_on_aws: bool
    course: Course | None = None
    importance: Importance | None = None
    running: Sequence[Row] = ()
    trainer: TrainerCommand = TrainerCommand()
    note: Note = NO_NOTE
    curves_of: int | None = None
    hint: str = ""
    winner_command: Sequence[str] = ()

    @property
    def rows(self) -> list[Row]:
        """The leaderboard, and below it the trials that run."""
        return [*self.standing.rows, *self.running]

    @property
    def files_of(self) -> str:
        """Whose artifacts there are to download: `winner`, `front`, or nobody's."""
        output = self.standing.output
        if output and output.front and any(each.artifacts for each in output.front.trials):
            return "front"
        return "winner" if self.artifacts or (output and output.artifacts) else ""

    @property
    def losses(self) -> tuple[str | None, str | None]:
        """The trainer's names for the loss on validation and on training data."""
        return losses(metrics_of(self.curves.values()))


def in_order(outcomes: Mapping[str, JobOutcome], endings: Sequence[Ending]) -> list[Attempt]:
    """Returns the attempts of jobs, ordered by start.

    Args:
        outcomes: by key.
        endings: say for which rung a job trained.
    """
    rungs = {key: ending.rung for ending in endings for key in ending.jobs}
    attempts = (attempt for key, outcome in outcomes.items() for attempt in attempts_of(outcome, rungs.get(key)))
    return sorted(attempts, key=lambda attempt: (attempt.started, attempt.trial_id))
