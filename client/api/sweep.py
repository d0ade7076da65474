"""One sweep: its status and its results."""

from pathlib import Path
from typing import TYPE_CHECKING, Self

from stepsweep.client.api import plots, tables
from stepsweep.client.api.best import Best, Download, OnFront, best_of, on_front
from stepsweep.client.api.results import Results
from stepsweep.client.api.showing import shown_here, sweep_as_html
from stepsweep.client.archive.named import TrialName, words_of
from stepsweep.client.clouds.cloud import Cloud
from stepsweep.client.deployment import CloudError
from stepsweep.client.logs.reading import as_lines, read_log
from stepsweep.client.operations.events import Quiet, Show
from stepsweep.client.operations.follow import watch
from stepsweep.client.operations.noting import note_of, write_note
from stepsweep.client.operations.prioritizing import prioritize, priority_of
from stepsweep.client.running.execution import Execution
from stepsweep.contract.errors import InvalidInput
from stepsweep.contract.output import Place
from stepsweep.contract.priority import Priority, fault_of
from stepsweep.contract.space import shown
from stepsweep.contract.spec import SweepSpec

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from pandas import DataFrame


class Sweep:
    """A sweep, running or not. `Sweeps` creates it; each property reads its data when you access it.

    Attributes:
        spec: the sweep's input.
    """

    def __init__(self, cloud: Cloud, spec: SweepSpec, *, execution: Execution | None) -> None:
        self.spec = spec
        self._cloud = cloud
        self._results = Results(cloud, spec, started=execution)
        self._note_read: str | None = None

    @property
    def name(self) -> str:
        return self.spec.name

    @property
    def status(self) -> str:
        """`RUNNING`, `FINISHED` (with or without a winner) or `INTERRUPTED`."""
        return self._results.now().status

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
        """`high`, `normal` or `low`: its share of the machines when several sweeps compete."""
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
        self._results.started = prioritize(self._cloud, self.name, Priority(priority), Quiet())

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
        last = watch(self.name, self._cloud, show, execution=self._results.started, keep_going=keep_going)
        self._results.started = None
        self._results.check(last)
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
        winner, fewer_epochs = self._results.winner()
        return self._best(winner, None, fewer_epochs)

    @property
    def front(self) -> list[OnFront]:
        """The trials that no other trial beats, if the sweep has several objectives, in the leaderboard's order.

        Raises NoWinner while the sweep runs, or with one objective, and SweepFailed if no trial succeeded.
        """
        return [on_front(row, self._download_of(row.trial_id)) for row in self._results.front()]

    @property
    def ties(self) -> list[Best]:
        """The params below the winner only by a tie-break."""
        return [self._best(entry, entry.trial_id) for entry in self._results.ties()]

    @property
    def leaderboard(self) -> "DataFrame":
        """All trials, best first, or with several objectives by their fronts; while it runs, those that have ended.

        The columns are those of leaderboard.csv.
        """
        return tables.leaderboard(self.spec, self._results.standing().rows)

    @property
    def metrics(self) -> "DataFrame":
        """The curves of all trials: one row per trial and epoch, with the params and all metrics of the trainer."""
        plan, curves = self._results.curves()
        return tables.metrics(list(plan.trials.values()) if plan else [], self.spec, curves)

    def plot_front(self) -> "Figure":
        """Returns the trials by each pair of objectives, with the Pareto front marked.

        Raises:
            InvalidInput: the sweep has one objective, or no trial has a value.
        """
        return plots.front(self._results)

    def plot_heatmap(self, *, down: str | None = None, across: str | None = None) -> "Figure":
        """Returns a heatmap of the best value over two parameters, by default the two with the most choices."""
        return plots.heatmap(self._results, down=down, across=across)

    def plot_importance(self) -> "Figure":
        """Returns how much each parameter decides whether a trial is among the best, and how sure that is.

        Raises:
            InvalidInput: the trials cannot say, since they are too few or fewer than two parameters vary.
        """
        return plots.importance(self._results)

    def plot_best(self, over: str = "trials") -> "Figure":
        """Returns the best value so far, with a point for each result; with halving a line for each rung.

        Args:
            over: `trials`, `time`, `job-time` or, on AWS at the end of a sweep, `usd`.

        Raises:
            InvalidInput: no trial has a value, or there is no such axis.
        """
        return plots.best(self._results, over=over)

    def plot_slices(self) -> "Figure":
        """Returns the values over each parameter that varies, the most important first if that is known.

        Raises:
            InvalidInput: no parameter varies.
        """
        return plots.slices(self._results)

    def plot_ranks(self) -> "Figure":
        """Returns the values from the best to the worst; of means with their standard errors, and each trial's value.

        Raises:
            InvalidInput: no trial has a value.
        """
        return plots.ranks(self._results)

    def plot_parallel(self) -> "Figure":
        """Returns one line per trial through its params and its value; lighter is better.

        Raises:
            InvalidInput: no parameter varies.
        """
        return plots.parallel(self._results)

    def plot_rungs(self) -> "Figure":
        """Returns a line for each trial from rung to rung, which ends where it was not promoted any more.

        Raises:
            InvalidInput: the sweep has no halving, or no trial has a value.
        """
        return plots.rungs(self._results)

    def plot_curves(self, trial: TrialName | None = None, *, top: int = plots.CURVES) -> "Figure":
        """Returns the learning curves of one trial, or of the top of the leaderboard.

        Args:
            trial: `1` is the winner, `{"lr": 0.1}` the trial with these params; or the beginning of its id.
            top: number of trials of the leaderboard, if no trial is named.

        Raises:
            InvalidInput: no trial has this name, or it has no curve.
        """
        return plots.curves(self._results, trial, top=top)

    def logs(self, trial: TrialName) -> str:
        """Returns the output of a trial, from all attempts of its job; an empty text if it printed nothing.

        Raises:
            InvalidInput: no trial has this name.
            CloudError: it has not started, or its log is gone.
        """
        read = self._cloud.settled(lambda: read_log(self._cloud, self.name, words_of(trial)))
        return "".join(f"{line}\n" for line in as_lines(read["attempts"]))

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

        self._results.archive()
        words = [] if trial is None else words_of(trial)
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
        standing = self._results.now()
        found = standing.output
        won = str(self._best(found.winner, None, found.fewer_epochs)) if found and found.winner else ""
        return sweep_as_html(self.spec, standing, won)

    # --- parts

    def _best(self, place: Place, trial: TrialName | None, fewer_epochs: str = "") -> Best:
        return best_of(place, self.spec.objective, self._download_of(trial), fewer_epochs=fewer_epochs)

    def _download_of(self, trial: TrialName | None) -> Download:
        return lambda folder, force: self.download(trial, folder, force=force)
