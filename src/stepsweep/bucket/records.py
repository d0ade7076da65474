"""The records of sweeps in a bucket: reads what has been planned and has ended, replaces notes, and removes sweeps."""

import contextlib
import re
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from stepsweep.bucket import notes
from stepsweep.bucket.job_logs import LastLines, with_last_lines
from stepsweep.bucket.latest import latest_of
from stepsweep.bucket.outcomes import recorded
from stepsweep.bucket.plans import Plan, plan_of_state
from stepsweep.bucket.s3 import for_all
from stepsweep.bucket.search_log import state_at
from stepsweep.bucket.stores import Store
from stepsweep.bucket.trial_files import TrialFiles
from stepsweep.bucket.trials import Read, read_result
from stepsweep.contract import endings, keys
from stepsweep.contract.documents import Latest, RoundPlan, RoundResults, items_from_json
from stepsweep.contract.endings import Ending
from stepsweep.contract.errors import InvalidDocument, InvalidSweep, LostRecord
from stepsweep.contract.job_outcome import JobOutcome
from stepsweep.contract.leaderboard import Row, rows_of
from stepsweep.contract.note import Note
from stepsweep.contract.output import Output
from stepsweep.contract.results import Result
from stepsweep.contract.space import key_of
from stepsweep.contract.spec import SweepSpec
from stepsweep.contract.trial import Trial

Objects = Mapping[str, datetime]
"""Key → time of writing by the bucket's clock, in whole seconds on AWS. It decides nothing: a copy has other times."""

_OUTCOME = re.compile(r"/round-\d+/outcomes/([^/]+)\.json$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What was read of a running execution and cannot change while it runs. `Records.endings` adds to it.

    Attributes:
        results: of trials that have ended, by id and epochs.
        rounds: the results after each round, by key.
    """

    results: dict[tuple[str, int], Result] = field(default_factory=dict)
    rounds: dict[str, tuple[Result, ...]] = field(default_factory=dict)


@contextlib.contextmanager
def _written_anew() -> Iterator[None]:
    """Marks the errors of records that a resumed sweep writes anew."""
    try:
        yield
    except InvalidDocument as error:
        raise LostRecord(str(error)) from error


class Records:
    """The records of one deployment's sweeps. Raises botocore's errors, and InvalidDocument for a damaged record.

    Attributes:
        files: what trials have left, which belongs to no single sweep.
    """

    def __init__(self, store: Store) -> None:
        self.files = TrialFiles(store)
        self._store = store
        self._last: Plan | None = None  # a command asks for a plan several times, and 10,000 trials take a second
        self._earlier: dict[str, datetime] = {}  # outcomes of earlier executions; one that is replaced is read again

    def sweeps(self) -> list[str]:
        """Returns the names of all sweeps, sorted."""
        return self._store.folders(keys.SWEEPS)

    def same_on_disk(self, sweep: str) -> str | None:
        """Returns another sweep that has the same folder on a disk that ignores case."""
        names = (other for other in self.sweeps() if other != sweep)
        return next((other for other in names if other.casefold() == sweep.casefold()), None)

    def spec(self, sweep: str) -> SweepSpec | None:
        """Returns a sweep's spec; None if there is no such sweep."""
        key = keys.spec_key(sweep)
        document = self._store.get_json(key)
        try:
            return None if document is None else SweepSpec.from_json(document)
        except InvalidSweep as error:
            raise InvalidDocument(f"{key}: {'; '.join(error.faults)}") from None

    def objects(self, sweep: str) -> Objects:
        return self._store.listed(keys.sweep_prefix(sweep))

    @_written_anew()
    def latest(self, sweep: str) -> Latest | None:
        """Returns the execution that planned last; None if none has planned."""
        return latest_of(self._store, sweep)

    def have_end_of(self, sweep: str, *, execution: str) -> bool:
        """Whether the search of an execution has ended, and the records of the sweep are still its own."""
        latest = self.latest(sweep)
        return latest is not None and latest.has_ended and latest.execution == execution

    def plan(self, spec: SweepSpec) -> Plan | None:
        """Returns the latest plan; None if there is none."""
        latest = self.latest(spec.name)
        if latest is None:
            return None
        if spec.rounds:
            return self.plan_of(spec, latest.round_number, execution=latest.execution)
        state = state_at(self._store, spec.name, self.objects(spec.name))
        return None if state is None else plan_of_state(state.ended() if state.ended_by else state)

    @_written_anew()
    def plan_of(self, spec: SweepSpec, number: int, *, execution: str) -> Plan:
        """Returns the plan of a round.

        Args:
            execution: which planned it. If another one is about to plan the round anew, the plan is that one's.
        """
        last = self._last
        if last and (last.spec.name, last.round_number, last.execution) == (spec.name, number, execution):
            return last
        plan_key, items_key = keys.plan_key(spec.name, number), keys.to_run_key(spec.name, number)
        planned = RoundPlan.from_json(self._there(plan_key), where=plan_key)
        items = items_from_json(self._there(items_key), where=items_key)
        plan = Plan(
            spec=spec,
            round_number=number,
            trials={trial.trial_id: trial for trial in planned.trials},
            to_run=frozenset(item.trial_id for item in items),
            recorded_before=frozenset(planned.recorded_before),
            execution=planned.execution,
            trainer_version=planned.trainer_version,
        )
        self._last = plan
        return plan

    def ended(self, plan: Plan, objects: Objects, *, known: Set[str] = frozenset()) -> list[str]:
        """Returns the trials of `to_run` with an outcome of the plan's execution, without the known ones; the oldest
        outcome first."""
        names = {trial_id: plan.outcome_key(trial_id) for trial_id in plan.to_run if trial_id not in known}
        there = {trial_id: objects[key] for trial_id, key in names.items() if key in objects}
        doubtful = sorted(there.keys() & plan.recorded_before)
        asked = [trial_id for trial_id in doubtful if self._earlier.get(names[trial_id]) != there[trial_id]]
        for trial_id, outcome in zip(asked, for_all(lambda each: self.outcome(plan, each), asked), strict=True):
            if outcome is not None and outcome.execution == plan.execution:
                self._earlier.pop(names[trial_id], None)
            else:
                self._earlier[names[trial_id]] = there[trial_id]
        ended = [trial_id for trial_id in there if names[trial_id] not in self._earlier]
        return sorted(ended, key=lambda trial_id: (there[trial_id], trial_id))

    def finished(self, plan: Plan, objects: Objects) -> list[str]:
        """Returns the ids of the trials that have ended, in the plan's execution or an earlier one."""
        ended = set(self.ended(plan, objects))
        return [trial_id for trial_id in plan.trials if trial_id in ended or trial_id not in plan.to_run]

    def have_metrics_of(self, trials: Sequence[Trial]) -> int:
        """Returns how many of the trials have metrics, and need no job."""
        return len(self._store.present(trial.metrics_key for trial in trials))

    def results(self, plan: Plan, trial_ids: Sequence[str]) -> list[Read]:
        """Returns the results of trials, without what their jobs printed last."""

        def read(trial_id: str) -> Read:
            trial, spec, outcome = plan.trials[trial_id], plan.spec, recorded(self._store, plan.outcome_key(trial_id))
            return read_result(self._store, trial, spec.objectives, outcome=outcome, in_rounds=spec.rounds)

        return for_all(read, trial_ids)

    def rows_so_far(self, plan: Plan, objects: Objects, last_lines: LastLines) -> list[Row]:
        """Returns the leaderboard of the trials that have ended."""
        results = with_last_lines(self.results(plan, self.finished(plan, objects)), last_lines)
        return rows_of(results, plan.spec)

    @_written_anew()
    def latest_results(self, spec: SweepSpec) -> tuple[Result, ...]:
        """Returns the results after the latest planned round or leg, with the reducer's reasons; empty if it has none
        yet."""
        latest = self.latest(spec.name)
        if latest is None:
            return ()
        key = keys.results_key(spec.name, latest.round_number) if spec.rounds else keys.free_results_key(spec.name)
        document = self._store.get_json(key)
        found = None if document is None else RoundResults.from_json(document, where=key)
        if found and found.execution == latest.execution:
            return found.results
        if self.have_end_of(spec.name, execution=latest.execution):
            raise InvalidDocument(f"{key}: {_lost(document)}")
        return ()

    def leaderboard(self, spec: SweepSpec) -> list[Row]:
        """Returns their leaderboard."""
        return rows_of(self.latest_results(spec), spec)

    @_written_anew()
    def output(self, spec: SweepSpec, *, execution: str) -> Output | None:
        """Returns the output of an execution that was the last to find a winner or a front; None for all others."""
        key = keys.front_key(spec.name) if spec.has_front else keys.winner_key(spec.name)
        document = self._store.get_json(key)
        output = None if document is None else Output.from_json(document, where=key)
        if output and output.execution == execution:
            return output
        if self.have_end_of(spec.name, execution=execution) and any(row.rank == 1 for row in self.leaderboard(spec)):
            raise InvalidDocument(f"{key}: {_lost(document)}")
        return None

    def documents(self, sweep: str) -> dict[str, str]:
        """Returns the texts of a sweep's existing files, by file name."""
        names = (keys.spec_key(sweep), keys.leaderboard_key(sweep), keys.winner_key(sweep), keys.front_key(sweep))
        found = {name.rpartition("/")[2]: self._store.get(name) for name in names}
        return {name: data.decode(errors="replace") for name, data in found.items() if data is not None}

    def outcome(self, plan: Plan, trial_id: str) -> JobOutcome | None:
        """Returns the outcome of a trial's job; None if it is missing or unreadable."""
        return self.outcome_of(plan.spec.name, plan.trials[trial_id])

    def outcome_of(self, sweep: str, trial: Trial) -> JobOutcome | None:
        """Returns the outcome of a trial's latest job; None if it is missing or unreadable."""
        found = recorded(self._store, keys.outcome_key(sweep, trial.round_number, trial.trial_id))
        return found if isinstance(found, JobOutcome) else None

    def outcomes(self, objects: Objects, known: Mapping[str, JobOutcome] | None = None) -> dict[str, JobOutcome]:
        """Returns the recorded outcomes of all jobs in all rounds by key, sorted; skips unreadable ones.

        Args:
            known: outcomes that need not be read, by key.
        """
        names = sorted(key for key in objects if _OUTCOME.search(key))
        had = known or {}
        found = for_all(lambda key: had.get(key) or recorded(self._store, key), names)
        return {key: each for key, each in zip(names, found, strict=True) if isinstance(each, JobOutcome)}

    def endings(self, plan: Plan, objects: Objects, known: Known | None = None) -> list[Ending]:
        """Returns how the search went so far, without the times of its jobs.

        Args:
            known: what need not be read.
        """
        spec = plan.spec
        if not spec.rounds:
            state = state_at(self._store, spec.name, objects)
            return endings.of_state(state) if state else []
        known = known or Known()
        written = [keys.results_key(spec.name, number) for number in range(plan.round_number + 1)]
        for key in written:
            if key in objects and key not in known.rounds:
                with _written_anew():
                    found = RoundResults.from_json(self._store.get_json(key), where=key)
                if found.execution == plan.execution:
                    known.rounds[key] = found.results
        rounds = [known.rounds[key] for key in written if key in known.rounds]
        if len(rounds) < len(written):
            ended = [(trial_id, plan.trials[trial_id].epochs) for trial_id in self.finished(plan, objects)]
            read = self.results(
                plan, [trial_id for trial_id, epochs in ended if (trial_id, epochs) not in known.results]
            )
            there = known.results | {
                (each.result.trial.trial_id, each.result.trial.epochs): each.result for each in read
            }
            rounds.append(tuple(there[each] for each in ended))
        climbed = {key_of(trial.params): trial.rung for trial in plan.trials.values()}
        return endings.of_rounds(spec, rounds, climbed)

    def timed_endings(self, plan: Plan, objects: Objects, outcomes: Mapping[str, JobOutcome]) -> list[Ending]:
        """Returns how the search went so far, in the order in which its trials ended.

        Args:
            outcomes: of its jobs, by key.
        """
        return endings.timed(self.endings(plan, objects), outcomes)

    def note(self, sweep: str) -> Note:
        """Returns the note of a sweep; an empty one if there is none."""
        return notes.note_of(self._store, sweep)

    def replace_note(self, sweep: str, note: Note, *, mark: str) -> bool:
        """Writes a note in the place of the one that has this mark; one that cannot be read counts as empty. Returns
        whether it wrote."""
        return notes.replaced(self._store, sweep, note, mark=mark)

    def _there(self, key: str) -> Any:
        document = self._store.get_json(key)
        if document is None:
            raise InvalidDocument(f"{key}: {_lost(document)}")
        return document

    def remove(self, sweep: str) -> int:
        """Deletes the records of a sweep, and returns the number of deleted objects."""
        # spec.json last: as long as it exists, the sweep is listed, and a failed removal can be repeated.
        names = sorted(self.objects(sweep), key=lambda key: key == keys.spec_key(sweep))
        self._store.delete(names)
        return len(names)


def _lost(document: object) -> str:
    return "is missing" if document is None else "is another execution's"
