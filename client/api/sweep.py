"""One sweep: its status and its results."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from stepsweep.bucket.plans import Plan
from stepsweep.client.api import tables
from stepsweep.client.api.best import Best, OnFront
from stepsweep.client.api.errors import NoWinner, SweepFailed
from stepsweep.client.api.showing import shown_here, sweep_as_html
from stepsweep.client.archive.named import trial_meant
from stepsweep.client.archive.recorded import Archive
from stepsweep.client.clouds.cloud import Cloud
from stepsweep.client.deployment import CloudError
from stepsweep.client.extras import need
from stepsweep.client.logs.reading import read_log
from stepsweep.client.operations.events import AtRest, Ended, GaveUp, Quiet, Show
from stepsweep.client.operations.follow import watch
from stepsweep.client.operations.noting import note_of, write_note
from stepsweep.client.operations.prioritizing import prioritize, priority_of
from stepsweep.client.pictures.importance import importance
from stepsweep.client.running.control import Found
from stepsweep.client.running.execution import Execution
from stepsweep.contract.described import assignments, readable
from stepsweep.contract.endings import Ending
from stepsweep.contract.errors import InvalidInput, InvalidSweep
from stepsweep.contract.leaderboard import Row
from stepsweep.contract.metrics import Metrics
from stepsweep.contract.output import Output, Place
from stepsweep.contract.priority import Priority, fault_of
from stepsweep.contract.space import parse_value, plain, shown
from stepsweep.contract.spec import SweepSpec
from stepsweep.contract.standing import Standing
from stepsweep.contract.trial import Trial
from stepsweep.contract.words import as_word, options_line
from stepsweep.page.course import Course, course
from stepsweep.page.gathered import Importance

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from pandas import DataFrame


CURVES = 10
"""Default number of trials whose curves are drawn."""

TrialName = int | str | Mapping[str, Any]
"""How a person names a trial: by its rank, the beginning of its id, or params that no other trial has."""


class Sweep:
    """A sweep, running or not. `Sweeps` creates it; each property reads its data when you access it.

    Attributes:
        spec: the sweep's input.
    """

    def __init__(self, cloud: Cloud, spec: SweepSpec, *, execution: Execution | None) -> None:
        self.spec = spec
        self._cloud = cloud
        self._execution = execution
        self._note_read: str | None = None

    @property
    def name(self) -> str:
        return self.spec.name

    @property
    def status(self) -> str:
        """`RUNNING`, `FINISHED` (with or without a winner) or `INTERRUPTED`."""
        return self._cloud.settled(lambda: self._standing(self._cloud.looked_at()).status)

    @property
    def note(self) -> str:
        """What a person has written about the sweep; empty if nothing.

        Assign a text to replace it, or an empty one to remove it. Assigning raises InvalidInput if the text breaks a
        rule, or if somebody else has changed the note since this object read it, so that `sweep.note += "…"` loses
        nothing. An object that has not read the note replaces whatever it says.
        """
        found = self._cloud.settled(lambda: note_of(self._cloud, self.name))
        if found.fault:
            raise InvalidInput([found.fault])
        self._note_read = found.mark
        return found.text

    @note.setter
    def note(self, text: str) -> None:
        if not isinstance(text, str):
            raise InvalidInput([f"note: must be a text, got {shown(text)}; an empty one removes the note"])
        written = self._cloud.settled(lambda: write_note(self._cloud, self.name, text, mark=self._note_read))
        self._note_read = written.note.mark

    @property
    def priority(self) -> str:
        """`high`, `normal` or `low`: its part of the machines while other sweeps want them too."""
        return self._cloud.settled(lambda: priority_of(self._cloud.looked_at(), self.name)).value

    def prioritize(self, priority: str) -> None:
        """Changes the priority of a running sweep, by stopping it and starting it again, in the background.

        Finished trials are kept; running ones continue from their checkpoints, or begin again without any.

        Raises:
            InvalidInput: it does not run, has this priority, or could not start again; nothing was stopped.
            CloudError: it was stopped and could not start again, a job is left, or the cloud failed.
        """
        if priority not in tuple(Priority):
            raise InvalidInput([fault_of(priority)])
        self._execution = prioritize(self._cloud, self.name, Priority(priority), Quiet())

    def wait(self, *, quiet: bool = False) -> Self:
        """Waits until the sweep has a winner, and shows progress. An interrupt ends only the waiting.

        Raises:
            SweepFailed: the sweep ended without a winner.
            InvalidSweep: the planner refused it, for example because another input has its name.
            NoWinner: it is neither running nor finished.
            CloudError: the cloud failed.
        """
        with shown_here(self.spec, quiet=quiet) as show:
            return self.followed(show)

    def followed(self, show: Show, *, keep_going: bool = True) -> Self:
        """Waits like `wait`, and reports progress to `show`.

        Args:
            keep_going: False stops the sweep if the first three trials to end fail for the same reason.
        """
        last = watch(self.name, self._cloud, show, execution=self._execution, keep_going=keep_going)
        self._execution = None
        match last:
            case AtRest(standing):
                self._output_of(standing)
            case GaveUp(_, failed, spared, reason):
                raise SweepFailed(
                    self.name, "FirstTrialsFailed", [f"{failed} failed, {spared} were not trained", reason]
                )
            case Ended(_, ending) if ending.error == "InvalidSweep":
                raise InvalidSweep(readable(ending.cause))
            case Ended(_, ending) if ending.output is None:
                raise SweepFailed(self.name, ending.error or ending.status, readable(ending.cause))
        return self

    def stop(self) -> None:
        """Stops the sweep, and returns when nothing of it runs. Running it again continues from its finished trials.

        Raises:
            CloudError: a job is left, or the cloud failed.
        """
        from stepsweep.client.operations.stop import stop_and_wait

        stopped = stop_and_wait(self._cloud, self.name, Quiet())
        if stopped.left:
            raise CloudError(f"still alive: {', '.join(stopped.left)}; look at them in AWS Batch, and stop it again")

    # --- results

    @property
    def winner(self) -> Best:
        """The winner. Raises NoWinner while the sweep runs, or with several objectives, and SweepFailed if no trial
        succeeded."""
        self._one_objective()
        winner = self._output().winner
        if winner is None:
            raise NoWinner(f"the output of {self.name} has no winner")
        return self._best(winner, None)

    @property
    def front(self) -> list[OnFront]:
        """The trials that no other trial beats, if the sweep has several objectives, in the leaderboard's order.

        Raises NoWinner while the sweep runs, or with one objective, and SweepFailed if no trial succeeded.
        """
        if not self.spec.has_front:
            raise NoWinner(f"the sweep {self.name} has one objective, and so no front; `winner` has its best trial")
        standing = self._standing()
        self._output_of(standing)
        return [self._on_front(row) for row in standing.front]

    @property
    def ties(self) -> list[Best]:
        """The params below the winner only by a tie-break."""
        self._one_objective()
        return [self._best(entry, entry.trial_id) for entry in self._output().ties]

    @property
    def leaderboard(self) -> "DataFrame":
        """All trials, best first, or with several objectives by their fronts; while it runs, those that have ended.

        The columns are those of leaderboard.csv.
        """
        return tables.leaderboard(self.spec, self._standing().rows)

    @property
    def metrics(self) -> "DataFrame":
        """The curves of all trials: one row per trial and epoch, with the params and all metrics of the trainer."""
        plan, curves = self._curves()
        return tables.metrics(list(plan.trials.values()) if plan else [], self.spec, curves)

    def plot_front(self) -> "Figure":
        """Returns the trials by each pair of objectives, with the Pareto front marked.

        Raises:
            InvalidInput: the sweep has one objective, or no trial has a value.
        """
        need("report", "plot_front()", ["matplotlib"])
        from stepsweep.client.pictures.front_figures import front

        return front(self.spec, self._standing().rows)

    def plot_heatmap(self, *, down: str | None = None, across: str | None = None) -> "Figure":
        """Returns a heatmap of the best value over two parameters, by default the two with the most choices."""
        need("report", "plot_heatmap()", ["matplotlib"])
        self._one_value("plot_heatmap()")
        from stepsweep.client.pictures.heatmap import heatmap

        return heatmap(self.spec, self._standing().rows, down=down, across=across)

    def plot_importance(self) -> "Figure":
        """Returns how much each parameter decides whether a trial is among the best, and how sure that is.

        Raises:
            InvalidInput: the trials cannot say, since they are too few or fewer than two parameters vary.
        """
        need("report", "plot_importance()", ["matplotlib", "optuna"])
        self._one_value("plot_importance()")
        from stepsweep.client.pictures.search_figures import importance_of_parameters

        return importance_of_parameters(self._importance())

    def plot_best(self, over: str = "trials") -> "Figure":
        """Returns the best value so far, with a point for each result; with halving a line for each rung.

        Args:
            over: `trials`, `time`, `job-time` or, on AWS at the end of a sweep, `usd`.

        Raises:
            InvalidInput: no trial has a value, or there is no such axis.
        """
        need("report", "plot_best()", ["matplotlib"])
        self._one_value("plot_best()")
        from stepsweep.client.pictures.search_figures import best_so_far

        return best_so_far(self._course(), self.spec.objective, over=over, winner=self._first())

    def plot_slices(self) -> "Figure":
        """Returns the values over each parameter that varies, the most important first.

        Raises:
            InvalidInput: no parameter varies.
        """
        need("report", "plot_slices()", ["matplotlib", "optuna"])
        self._one_value("plot_slices()")
        from stepsweep.client.pictures.figures import slices

        found = self._importance()
        return slices(self.spec, self._standing().rows, [weight.name for weight in found.weights] if found else [])

    def plot_ranks(self) -> "Figure":
        """Returns the values from the best to the worst; of means with their standard errors, and each trial's value.

        Raises:
            InvalidInput: no trial has a value.
        """
        need("report", "plot_ranks()", ["matplotlib"])
        self._one_value("plot_ranks()")
        from stepsweep.client.pictures.figures import ranks

        return ranks(self.spec, self._standing().rows)

    def plot_parallel(self) -> "Figure":
        """Returns one line per trial through its params and its value; lighter is better.

        Raises:
            InvalidInput: no parameter varies.
        """
        need("report", "plot_parallel()", ["matplotlib"])
        self._one_value("plot_parallel()")
        from stepsweep.client.pictures.figures import parallel_coordinates

        return parallel_coordinates(self.spec, self._standing().rows)

    def plot_rungs(self) -> "Figure":
        """Returns a line for each trial from rung to rung, which ends where it was not promoted any more.

        Raises:
            InvalidInput: the sweep has no halving, or no trial has a value.
        """
        need("report", "plot_rungs()", ["matplotlib"])
        self._one_value("plot_rungs()")
        from stepsweep.client.pictures.search_figures import rungs

        return rungs(self._course(), self.spec.objective, winner=self._first())

    def plot_curves(self, trial: TrialName | None = None, *, top: int = CURVES) -> "Figure":
        """Returns the learning curves of one trial, or of the top of the leaderboard.

        Args:
            trial: `1` is the winner, `{"lr": 0.1}` the trial with these params; or the beginning of its id.
            top: number of trials of the leaderboard, if no trial is named.

        Raises:
            InvalidInput: no trial has this name, or it has no curve.
        """
        need("report", "plot_curves()", ["matplotlib"])
        from stepsweep.client.pictures.curve_figures import learning_curves

        rows, (plan, curves) = self._standing().rows, self._curves()
        if plan is None:
            raise InvalidInput([f"the sweep {self.name} has no plan yet, and so no curves"])
        if trial is not None:
            chosen = [trial_meant(self._archive(), plan, _words(trial))]
        else:
            chosen = [plan.trials[row.trial_id] for row in rows if row.trial_id in curves][:top]
        found = {_label(each): curves[each.trial_id] for each in chosen if each.trial_id in curves}
        if not found:
            raise InvalidInput([f"there is no curve of {_label(chosen[0]) if chosen else f'a trial of {self.name}'}"])
        return learning_curves(found, self.spec.objectives)

    def logs(self, trial: TrialName) -> str:
        """Returns the output of a trial, from all attempts of its job; an empty text if it printed nothing.

        Raises:
            InvalidInput: no trial has this name.
            CloudError: it has not started, or its log is gone.
        """
        attempts = self._cloud.settled(lambda: read_log(self._cloud, self.name, _words(trial)))["attempts"]
        several = len(attempts) > 1
        parts = [
            [*([f"--- attempt {attempt['number']}"] if several else []), *attempt["lines"]] for attempt in attempts
        ]
        return "".join(f"{line}\n" for part in parts for line in part)

    def download(
        self, trial: TrialName | None = None, folder: str | Path | None = None, *, force: bool = False
    ) -> Path:
        """Downloads the artifacts of a trial, by default those of the winner or the front, and returns the folder.

        Args:
            trial: its rank, the beginning of its id, or its params.
            folder: created if missing; by default it has the sweep's name.
            force: replaces files that are there.

        Raises:
            InvalidInput: there is no such trial, it has no artifacts, or files are there.
            CloudError: the cloud failed.
        """
        from stepsweep.client.operations.download import download

        words = [] if trial is None else _words(trial)
        target = None if folder is None else Path(folder)
        made = self._cloud.settled(lambda: download(self._cloud, self.name, words, folder=target, force=force))
        return made.folder

    def report(self, file: str | Path | None = None, *, figures: str | Path | None = None) -> Path:
        """Writes the report, one HTML file that opens offline, and returns its path.

        Args:
            file: by default the sweep's name in the working directory.
            figures: folder for the figures as PNG and SVG; None writes none.
        """
        from stepsweep.client.report.making import make_report

        target, folder = (Path(each) if each is not None else None for each in (file, figures))
        return self._cloud.settled(lambda: make_report(self._cloud, self.name, file=target, figures=folder)).file

    # --- display

    def __repr__(self) -> str:
        return f"Sweep({self.name!r}, on={self._cloud.on!r})"

    def _repr_html_(self) -> str:
        """Returns what a notebook shows: the status, the winner or the size of the front, and the best trials."""
        standing = self._cloud.settled(lambda: self._standing(self._cloud.looked_at()))
        winner = standing.output.winner if standing.output else None
        return sweep_as_html(self.spec, standing, str(self._best(winner, None)) if winner else "")

    # --- parts

    def _one_objective(self) -> None:
        if self.spec.has_front:
            raise NoWinner(
                f"the sweep {self.name} has several objectives, and so no winner; "
                "`front` has the trials that no other beats"
            )

    def _one_value(self, what: str) -> None:
        if self.spec.has_front:
            metrics = ", ".join(each.metric for each in self.spec.objectives)
            raise InvalidInput(
                [f"{what} shows one value, and {self.name} has several objectives ({metrics}); plot_front() shows them"]
            )

    def _on_front(self, row: Row) -> OnFront:
        return OnFront(
            params={name: plain(value) for name, value in row.params.items()},
            values=dict(row.by_objective),
            epoch=row.epoch or 0,
            trial_id=row.trial_id,
            options=options_line(row.params),
            _download=lambda folder, force: self.download(row.trial_id, folder, force=force),
        )

    def _archive(self) -> Archive:
        # Not over HTTP on this machine: a background cloud may end just when its results are needed.
        return self._cloud.recorded()

    def _standing(self, found: Found | None = None) -> Standing:
        try:
            found = found or Found(self._archive(), None)
            return found.standing(self.name)
        except InvalidInput:
            # Planning creates the record, which takes a moment.
            if self._execution is None:
                raise
            runs = [] if self._cloud.is_gone(self._execution) else [self._execution.arn]
            return Standing(spec=self.spec, planned=0, rows=[], output=None, is_finished=False, executions=runs)

    def _output(self) -> Output:
        return self._output_of(self._standing())

    def _output_of(self, standing: Standing) -> Output:
        if standing.output is not None:
            return standing.output
        if standing.is_finished:
            raise SweepFailed(self.name, "NoTrialSucceeded", _reasons(standing.rows))
        head = "front" if self.spec.has_front else "winner"
        raise NoWinner(f"the sweep {self.name} has no {head} yet: it is {self.status}")

    def _curves(self) -> tuple[Plan | None, dict[str, Metrics]]:
        archive = self._archive()
        plan = archive.plan(self.spec)
        return plan, archive.curves(list(plan.trials.values())) if plan else {}

    def _endings(self) -> list[Ending]:
        archive = self._archive()
        return archive.endings(archive.plan(self.spec), archive.outcomes(self.name))

    def _importance(self) -> Importance | None:
        return importance(self.spec, self._standing().rows, self._endings())

    def _course(self) -> Course | None:
        output = self._standing().output
        return course(self.spec, self._endings(), output, is_on_aws=not self._cloud.is_local)

    def _first(self) -> str:
        winner = self._standing().winner
        return winner.trial_id if winner else ""

    def _best(self, place: Place, trial: TrialName | None) -> Best:
        return Best(
            params={name: plain(value) for name, value in place.params.items()},
            metric=self.spec.objective.metric,
            value=place.value,
            epoch=place.epoch,
            trial_id=place.trial_id,
            options=place.options,
            _download=lambda folder, force: self.download(trial, folder, force=force),
        )


def _words(trial: TrialName) -> list[str]:
    """Returns the words by which the command line would name it."""
    if isinstance(trial, Mapping):
        return [f"{name}={as_word(parse_value(value))}" for name, value in trial.items()]
    return [str(trial)]


def _label(trial: Trial) -> str:
    member = {name: value for name, value in trial.member.items() if name == "fold"}
    return assignments({**trial.params, **member})


def _reasons(rows: list[Row]) -> list[str]:
    counted = Counter(f"{row.status}: {row.reason}" for row in rows)
    return [f"{count}x {reason}" for reason, count in counted.most_common()]
