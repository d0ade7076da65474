"""What the bucket says of sweeps: what was planned, which trials ended, and how."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from stepsweep.bucket.outcomes import recorded
from stepsweep.bucket.s3 import for_all
from stepsweep.bucket.stores import Store
from stepsweep.bucket.trials import Read, read_result
from stepsweep.client.archive.leaderboard import Row, rows_of
from stepsweep.contract import keys
from stepsweep.contract.documents import RoundPlan, RoundResults, items_from_json
from stepsweep.contract.errors import InvalidMetrics
from stepsweep.contract.job_outcome import JobOutcome
from stepsweep.contract.metrics import MAX_BYTES, Metrics, parse_csv
from stepsweep.contract.output import Output
from stepsweep.contract.spec import SweepSpec
from stepsweep.contract.trial import Trial

Objects = Mapping[str, datetime]
"""Keys, and when each was written, by the bucket's own clock: whole seconds on AWS."""

_TO_RUN = re.compile(r"/round-(\d+)/to-run\.json$")
_OUTCOME = re.compile(r"/round-\d+/outcomes/([^/]+)\.json$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One round as it was planned.

    Attributes:
        trials: all of the sweep so far, by id, in the order of the plan.
        to_run: ids of those that were not finished when it was planned.
        planned_at: by the bucket's clock.
    """

    spec: SweepSpec
    round_number: int
    trials: dict[str, Trial]
    to_run: frozenset[str]
    planned_at: datetime

    @property
    def planned(self) -> list[Trial]:
        """The trials that this round is about; the others are as the rounds before it left them."""
        return [trial for trial in self.trials.values() if trial.round_number == self.round_number]

    def ended(self, objects: Objects) -> dict[str, datetime]:
        """Returns the trials of `to_run` whose outcome was recorded, and when.

        A sweep that goes on has outcomes of earlier executions too: those are older than the plan.
        """
        prefix = keys.outcomes_prefix(self.spec.name, self.round_number)
        outcomes = {
            key.removeprefix(prefix).removesuffix(".json"): written
            for key, written in objects.items()
            if key.startswith(prefix) and written >= self.planned_at
        }
        return {trial_id: written for trial_id, written in outcomes.items() if trial_id in self.to_run}

    def finished(self, objects: Objects) -> list[str]:
        """Returns the trials that have ended, in this execution or before it."""
        ended = self.ended(objects)
        return [trial_id for trial_id in self.trials if trial_id in ended or trial_id not in self.to_run]


class Records:
    """Reads one deployment's bucket. Raises botocore's errors as they are."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def sweeps(self) -> list[str]:
        """Returns the names of all sweeps, sorted."""
        return self._store.folders(keys.SWEEPS)

    def spec(self, sweep: str) -> SweepSpec | None:
        """Returns what a sweep asked for; None where there is no such sweep."""
        document = self._store.get_json(keys.spec_key(sweep))
        return None if document is None else SweepSpec.from_json(document)

    def objects(self, sweep: str) -> Objects:
        return self._store.listed(keys.sweep_prefix(sweep))

    def planned_at(self, objects: Objects) -> datetime | None:
        """Returns when the latest plan was written."""
        return max((when for key, when in objects.items() if _TO_RUN.search(key)), default=None)

    def plan(self, spec: SweepSpec, objects: Objects) -> Plan | None:
        """Returns the plan that was written last; None where none was."""
        written = self.rounds(objects)
        return self.plan_of(spec, *max(written, key=lambda each: (each[1], each[0]))) if written else None

    def rounds(self, objects: Objects, *, since: datetime | None = None) -> list[tuple[int, datetime]]:
        """Returns the numbers of the rounds that were planned, `since` then or ever, and when, the first one first."""
        written = [(int(match[1]), when) for key, when in objects.items() if (match := _TO_RUN.search(key))]
        return sorted((number, when) for number, when in written if since is None or when >= since)

    def plan_of(self, spec: SweepSpec, number: int, planned_at: datetime) -> Plan:
        """Returns the plan of a round that was planned."""
        plan_key, items_key = keys.plan_key(spec.name, number), keys.to_run_key(spec.name, number)
        trials = RoundPlan.from_json(self._store.get_json(plan_key), where=plan_key).trials
        items = items_from_json(self._store.get_json(items_key), where=items_key)
        return Plan(
            spec=spec,
            round_number=number,
            trials={trial.trial_id: trial for trial in trials},
            to_run=frozenset(item.trial_id for item in items),
            planned_at=planned_at,
        )

    def results(self, plan: Plan, trial_ids: Sequence[str]) -> list[Read]:
        """Returns how trials ended, in the reducer's words."""

        def read(trial_id: str) -> Read:
            trial = plan.trials[trial_id]
            outcome_key = keys.outcome_key(plan.spec.name, trial.round_number, trial_id)
            outcome = recorded(self._store, outcome_key)
            return read_result(self._store, trial, plan.spec.objective, outcome=outcome)

        return for_all(read, trial_ids)

    def rows_so_far(self, plan: Plan, objects: Objects) -> list[Row]:
        """Returns the leaderboard of the trials that have ended."""
        results = [read.result for read in self.results(plan, plan.finished(objects))]
        return rows_of(results, plan.spec.objective)

    def leaderboard(self, spec: SweepSpec, objects: Objects) -> list[Row]:
        """Returns the leaderboard after the latest round that was planned; empty where that round has no results."""
        written = self.rounds(objects)
        if not written:
            return []
        number, _ = max(written, key=lambda each: (each[1], each[0]))
        key = keys.results_key(spec.name, number)
        document = self._store.get_json(key)
        if document is None:
            return []
        return rows_of(RoundResults.from_json(document, where=key).results, spec.objective)

    def metrics(self, trial: Trial, *, may_diverge: bool = False) -> Metrics | None:
        """Returns a trial's curve; None where it is not there, or breaks a rule.

        Args:
            may_diverge: of a trial that diverged too, with what it wrote in place of numbers.
        """
        data = self._store.get(trial.metrics_key, at_most=MAX_BYTES + 1)
        try:
            return None if data is None else parse_csv(data, max_epochs=trial.epochs, may_diverge=may_diverge)
        except InvalidMetrics:
            return None

    def live(self, trial: Trial) -> Metrics | None:
        """Returns what a trainer shows of a trial that has not ended; None where that is nothing, or something else."""
        data = self._store.get(keys.live_key(trial.trial_id), at_most=MAX_BYTES)
        try:
            return parse_csv(data, max_epochs=trial.epochs) if data else None
        except InvalidMetrics:
            return None

    def curves(self, trials: Sequence[Trial]) -> dict[str, Metrics]:
        """Returns the curves that are there, by trial, also those of trials that diverged."""
        return _found(trials, for_all(lambda trial: self.metrics(trial, may_diverge=True), trials))

    def live_curves(self, trials: Sequence[Trial]) -> dict[str, Metrics]:
        """Returns what the trainers of trials show, by trial."""
        return _found(trials, for_all(self.live, trials))

    def output(self, sweep: str) -> Output | None:
        """Returns what the last execution that found a winner gave; None where none did."""
        key = keys.winner_key(sweep)
        document = self._store.get_json(key)
        return None if document is None else Output.from_json(document, where=key)

    def documents(self, sweep: str) -> dict[str, str]:
        """Returns the texts of a sweep's own files that are there, by their names."""
        names = (keys.spec_key(sweep), keys.leaderboard_key(sweep), keys.winner_key(sweep))
        found = {name.rpartition("/")[2]: self._store.get(name) for name in names}
        return {name: data.decode() for name, data in found.items() if data is not None}

    def outcome(self, plan: Plan, trial_id: str) -> JobOutcome | None:
        """Returns how a trial's job ended; None where nothing was recorded of it, or nothing that can be read."""
        key = keys.outcome_key(plan.spec.name, plan.trials[trial_id].round_number, trial_id)
        found = recorded(self._store, key)
        return found if isinstance(found, JobOutcome) else None

    def outcomes(self, objects: Objects) -> list[JobOutcome]:
        """Returns how each job ended that was recorded, of all rounds, by trial; what cannot be read is left out."""
        names = sorted(key for key in objects if _OUTCOME.search(key))
        found = for_all(lambda key: recorded(self._store, key), names)
        return [each for each in found if isinstance(each, JobOutcome)]

    def remove(self, sweep: str) -> int:
        """Deletes what is recorded of a sweep, and returns how many objects that were."""
        # spec.json last: while it is there, the sweep is, and what could not be deleted can be found.
        names = sorted(self.objects(sweep), key=lambda key: key == keys.spec_key(sweep))
        self._store.delete(names)
        return len(names)


def _found(trials: Sequence[Trial], metrics: Sequence[Metrics | None]) -> dict[str, Metrics]:
    return {trial.trial_id: each for trial, each in zip(trials, metrics, strict=True) if each is not None}
