"""The best trials of a sweep."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stepsweep.client.api.showing import best_as_html
from stepsweep.contract.described import at_epoch, values_text
from stepsweep.contract.leaderboard import Row
from stepsweep.contract.objective import Objective
from stepsweep.contract.output import Place
from stepsweep.contract.space import parse_value, plain
from stepsweep.contract.words import options_line

Download = Callable[[str | Path | None, bool], Path]
"""Downloads a trial's artifacts into a folder, and returns it. The second argument says whether to replace files."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Best:
    """The winner, or a trial that ties with it.

    Attributes:
        params: the chosen values.
        metric: the objective's metric.
        value: the best value over the epochs; with several folds or seeds their mean.
        epoch: the first epoch that reached the value, counted from 1; with several folds or seeds the rounded mean of
            their epochs.
        options: the params as options to append to a trainer's command.
        n: number of trials that the value is the mean of, or 1.
        fewer_epochs: of a winner that has fewer epochs than the sweep's, why; otherwise empty.
    """

    params: dict[str, Any]
    metric: str
    value: float
    epoch: int
    trial_id: str
    options: str
    n: int = 1
    fewer_epochs: str = ""
    _download: Download = field(repr=False, compare=False)

    def download(self, folder: str | Path | None = None, *, force: bool = False) -> Path:
        """Downloads its artifacts, such as its model, and returns the folder.

        Args:
            folder: created if missing; by default it has the sweep's name.
            force: replaces files that are there.

        Raises:
            InvalidInput: it has no artifacts, or files are there.
            CloudError: the cloud failed.
        """
        return self._download(folder, force)

    def __str__(self) -> str:
        why = f". {self.fewer_epochs}" if self.fewer_epochs else ""
        return f"{self.options}  {self.metric} {self.value:.6g} {at_epoch(self.epoch, n=self.n)}{why}"

    def _repr_html_(self) -> str:
        """Returns what a notebook shows: its params, its value and its options."""
        params = {name: parse_value(value) for name, value in self.params.items()}
        return best_as_html(
            params, self.options, metric=self.metric, value=self.value, epoch=self.epoch, why=self.fewer_epochs
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class OnFront:
    """A trial on the first Pareto front of a sweep with several objectives.

    Attributes:
        params: the chosen values.
        values: objective's metric → the trial's value, all of one epoch.
        epoch: that epoch, counted from 1.
        options: the params as options to append to a trainer's command.
    """

    params: dict[str, Any]
    values: dict[str, float]
    epoch: int
    trial_id: str
    options: str
    _download: Download = field(repr=False, compare=False)

    def download(self, folder: str | Path | None = None, *, force: bool = False) -> Path:
        """Downloads its artifacts, as `Best.download` does."""
        return self._download(folder, force)

    def __str__(self) -> str:
        return f"{self.options}  {values_text(self.values)} at epoch {self.epoch}"


def best_of(place: Place, objective: Objective, download: Download, *, fewer_epochs: str) -> Best:
    return Best(
        params={name: plain(value) for name, value in place.params.items()},
        metric=objective.metric,
        value=place.value,
        epoch=place.epoch,
        trial_id=place.trial_id,
        options=place.options,
        n=place.n,
        fewer_epochs=fewer_epochs,
        _download=download,
    )


def on_front(row: Row, download: Download) -> OnFront:
    return OnFront(
        params={name: plain(value) for name, value in row.params.items()},
        values=dict(row.by_objective),
        epoch=row.epoch or 0,
        trial_id=row.trial_id,
        options=options_line(row.params),
        _download=download,
    )
