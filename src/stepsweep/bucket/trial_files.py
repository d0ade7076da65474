"""Reads what trials leave in the bucket: their metrics, live rows and artifacts."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from stepsweep.bucket.artifacts import left, own_prefix
from stepsweep.bucket.s3 import for_all
from stepsweep.bucket.stores import Store
from stepsweep.contract import keys
from stepsweep.contract.artifacts import parts_of
from stepsweep.contract.errors import InvalidInput, InvalidMetrics
from stepsweep.contract.metrics import MAX_BYTES, Metrics, parse_csv
from stepsweep.contract.space import shown
from stepsweep.contract.trial import Trial


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """A file of a trial.

    Attributes:
        name: as the trial gave it.
        is_kept: whether no rule of the bucket deletes it.
    """

    name: str
    key: str
    bytes: int
    is_kept: bool

    @property
    def path(self) -> Path:
        """The name as a relative path. Raises InvalidInput if it must not become one."""
        try:
            return Path(*parts_of(self.name))
        except ValueError as error:
            raise InvalidInput([f"the artifact {shown(self.key)} cannot be downloaded: its name {error}"]) from None


class TrialFiles:
    """The files of trials, which a trial has once for all sweeps. Raises botocore's errors."""

    def __init__(self, store: Store) -> None:
        self._store = store
        # Metrics are read once, and never change.
        self._own_prefixes: dict[str, str] = {}

    def metrics(self, trial: Trial) -> Metrics | None:
        """Returns a trial's curve; None if it is missing or invalid. That of a diverged trial has NaN or infinity."""
        data = self._store.get(trial.metrics_key, at_most=MAX_BYTES + 1)
        if data:
            self._own_prefixes[trial.metrics_key] = keys.artifacts_of_metrics(trial.new_artifacts, data)
        try:
            return None if data is None else parse_csv(data, max_epochs=trial.epochs)
        except InvalidMetrics:
            return None

    def live(self, trial: Trial) -> Metrics | None:
        """Returns the live rows of an unfinished trial; None if they are missing or invalid."""
        data = self._store.get(keys.live_key(trial.trial_id), at_most=MAX_BYTES)
        try:
            return parse_csv(data, max_epochs=trial.epochs) if data else None
        except InvalidMetrics:
            return None

    def curves(self, trials: Sequence[Trial]) -> dict[str, Metrics]:
        """Returns the existing curves by trial id, including those of diverged trials."""
        return _found(trials, for_all(self.metrics, trials))

    def live_curves(self, trials: Sequence[Trial]) -> dict[str, Metrics]:
        """Returns the live rows of trials, by trial id."""
        return _found(trials, for_all(self.live, trials))

    def artifacts(self, trial: Trial) -> list[Artifact]:
        """Returns a trial's artifacts, sorted by name: the kept ones, and those that are not kept."""
        found: dict[str, Artifact] = {}
        own = self._own_prefixes.get(trial.metrics_key) or own_prefix(self._store, trial)
        new = left(trial, own, self._store.sizes)
        kept = trial.kept_artifacts, self._store.sizes(trial.kept_artifacts)
        for (prefix, sizes), is_kept in ((new, False), (kept, True)):
            for name, size in sizes.items():
                found[name] = Artifact(name=name, key=prefix + name, bytes=size, is_kept=is_kept)
        return [found[name] for name in sorted(found)]

    def save(self, artifact: Artifact, file: Path) -> None:
        """Writes an artifact to a file. Raises FileNotFoundError if it was deleted meanwhile."""
        self._store.save(artifact.key, file)


def _found(trials: Sequence[Trial], metrics: Sequence[Metrics | None]) -> dict[str, Metrics]:
    return {trial.trial_id: each for trial, each in zip(trials, metrics, strict=True) if each is not None}
