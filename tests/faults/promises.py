"""The five promises, each as a check of what is in the bucket and what runs; docs/reliability.md states them.

Each raises AssertionError with what was found, and returns how many things it checked.
"""

import csv
import io
import math
import threading
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stepsweep.bucket.s3 import document_of
from stepsweep.bucket.search_log import state_at
from stepsweep.contract import keys
from stepsweep.contract.objective import Direction, Objective
from stepsweep.contract.spec import SweepSpec
from stepsweep.contract.trial import Status, Trial


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """What a bucket holds at one moment; the reducer's reading works on it."""

    objects: Mapping[str, bytes]

    def get(self, key: str, *, at_most: int | None = None) -> bytes | None:
        data = self.objects.get(key)
        return data if data is None or at_most is None else data[:at_most]

    def get_json(self, key: str) -> Any:
        data = self.get(key)
        return None if data is None else document_of(key, data)

    def is_planned(self, sweep: str) -> bool:
        return keys.plan_key(sweep, 0) in self.objects or keys.event_key(sweep, 0) in self.objects

    def plan(self, sweep: str) -> tuple[SweepSpec, list[Trial]]:
        if (state := state_at(self, sweep, self.objects)) is not None:
            return state.spec, state.trials()
        document = self.get_json(keys.plan_key(sweep, 0))
        return SweepSpec.from_json(document["spec"]), [Trial.from_json(trial) for trial in document["trials"]]

    def leaderboard(self, sweep: str) -> list[dict[str, str]]:
        return list(csv.DictReader(io.StringIO(self.objects[keys.leaderboard_key(sweep)].decode())))

    def metrics(self, sweep: str) -> dict[str, bytes]:
        """Returns the metrics files of a sweep's trials, by the id of the trial."""
        _, trials = self.plan(sweep)
        return {
            trial.trial_id: self.objects[trial.metrics_key] for trial in trials if trial.metrics_key in self.objects
        }


class Ledger:
    """Watches the files of all trials' metrics, and knows which of them were written more than once."""

    def __init__(self, objects: Path) -> None:
        self._objects = objects
        self._known: dict[str, tuple[int, bytes]] = {}
        self._changed: list[str] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="ledger", daemon=True)
        self._thread.start()

    def changed(self) -> list[str]:
        """Returns the files that are not, or no more, what they were when they were first seen."""
        self._look()
        return sorted(self._changed)

    @property
    def watched(self) -> int:
        """How many files it knows."""
        return len(self._known)

    def close(self) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(0.2):
            self._look()

    def _look(self) -> None:
        there = {str(file): file for file in self._objects.glob(f"*/{keys.TRIALS}*/metrics-*.csv")}
        self._changed += [f"{name} is gone" for name in self._known if name not in there]
        for name, file in there.items():
            try:
                written = file.stat().st_mtime_ns
            except FileNotFoundError:  # it goes at this moment, which the next look sees
                continue
            if name not in self._known:
                self._known[name] = (written, file.read_bytes())
            elif self._known[name][0] != written:
                same = "the same bytes" if self._known[name][1] == file.read_bytes() else "other bytes"
                self._changed.append(f"{name} was written again, with {same}")
                self._known[name] = (written, file.read_bytes())


def each_planned_trial_has_one_outcome(snapshot: Snapshot, sweep: str) -> int:
    """Promise 1: in the leaderboard, and in the counts of the output."""
    _, trials = snapshot.plan(sweep)
    planned = Counter(trial.trial_id for trial in trials)
    rows = snapshot.leaderboard(sweep)
    listed = Counter(row["trial_id"] for row in rows)
    assert listed == planned, f"planned {planned}, in the leaderboard {listed}"
    statuses = Counter(row["status"] for row in rows)
    assert statuses.keys() <= {status.value for status in Status}, statuses
    if output := snapshot.get_json(keys.winner_key(sweep)):
        assert output["outcomes"] == {status.value: statuses[status] for status in Status}
    recorded = {key.rpartition("/")[2] for key in snapshot.objects if key.startswith(keys.outcomes_prefix(sweep, 0))}
    assert recorded <= {f"{trial_id}.json" for trial_id in planned}, "an outcome of a trial that was not planned"
    return len(planned)


def a_written_metrics_file_never_changes(ledger: Ledger) -> int:
    """Promise 2."""
    changed = ledger.changed()
    assert not changed, "; ".join(changed)
    return ledger.watched


def the_winner_follows_from_the_results_alone(snapshot: Snapshot, sweep: str) -> int:
    """Promise 3: ranking nothing but the metrics files gives the same leaderboard, whatever else happened.

    Returns:
        How many metrics files were ranked.
    """
    spec, trials = snapshot.plan(sweep)
    expected = ranked_plainly(snapshot.metrics(sweep), [trial.trial_id for trial in trials], spec.objective)
    rows = [row for row in snapshot.leaderboard(sweep) if row["rank"]]
    found = [(row["trial_id"], float(row[spec.objective.metric]), int(row["epoch"])) for row in rows]
    assert found == expected
    output = snapshot.get_json(keys.winner_key(sweep))
    winner = output and (output["winner"]["trial_id"], output["winner"]["value"], output["winner"]["epoch"])
    assert winner == (expected[0] if expected else None)
    return len(expected)


def ranked_plainly(
    metrics: Mapping[str, bytes], plan: Sequence[str], objective: Objective
) -> list[tuple[str, float, int]]:
    """Ranks trials without the code under test: by the best value, then the earlier epoch, then the plan.

    Returns:
        Trial id, best value and its epoch of each trial with a whole file that ends with a finite value, best first.
    """
    sign = 1 if objective.direction is Direction.MINIMIZE else -1
    found = []
    for place, trial_id in enumerate(plan):
        rows = curve(metrics.get(trial_id, b""))
        if rows and math.isfinite(rows[-1][objective.metric]):
            finite = [row for row in rows if math.isfinite(row[objective.metric])]
            value, epoch = min((sign * row[objective.metric], int(row["epoch"])) for row in finite)
            found.append((value, epoch, place, trial_id))
    return [(trial_id, sign * value, epoch) for value, epoch, _, trial_id in sorted(found)]


def curve(data: bytes) -> list[dict[str, float]]:
    """Returns the rows of a metrics file, one per epoch; none where it is no metrics file."""
    try:
        header, *lines = [line.split(",") for line in data.decode().removesuffix("\n").split("\n")]
        rows = [dict(zip(header, map(float, line), strict=True)) for line in lines]
    except ValueError:  # also what is not UTF-8
        return []
    is_whole = data.endswith(b"\n") and header[0] == "epoch" and len(set(header)) == len(header)
    are_epochs = is_whole and [row["epoch"] for row in rows] == list(range(1, len(rows) + 1))
    return rows if are_epochs else []


def the_same_results_are_written_as_the_same_bytes(before: Snapshot, after: Snapshot, sweep: str) -> int:
    """Promise 3, for what is written: picked again from the same results, after whatever had come to pass."""
    leaderboard, winner = keys.leaderboard_key(sweep), keys.winner_key(sweep)
    assert before.objects.get(leaderboard) == after.objects.get(leaderboard), leaderboard
    # It names the execution that picked it.
    first, second = ({**(snapshot.get_json(winner) or {}), "execution": ""} for snapshot in (before, after))
    assert first == second, winner
    return 2


def nothing_is_alive(jobs: Iterable[str], processes: Iterable[str]) -> None:
    """Promise 4.

    Args:
        jobs: those of the sweep that wait or run.
        processes: those that the cloud has, beside those that start jobs and functions.
    """
    assert (list(jobs), list(processes)) == ([], [])


def no_finished_trial_is_repeated(finished_before: Collection[str], trained: Sequence[str]) -> int:
    """Promise 5, its first half.

    Args:
        finished_before: ids of the trials whose metrics were there when the sweep was started again.
        trained: ids of the trials that had a job after that.
    """
    assert set(finished_before).isdisjoint(trained), "a finished trial had another job"
    assert len(set(trained)) == len(trained), f"a trial had more than one job: {trained}"
    return len(finished_before)


def the_numbers_are_those_of_a_training_without_faults(
    found: Mapping[str, bytes], undisturbed: Mapping[str, bytes]
) -> int:
    """Promise 5, its second half: the bytes of each metrics file but the column of seconds.

    Args:
        found, undisturbed: metrics files by what they were trained with.
    """
    assert found.keys() <= undisturbed.keys()
    for name, data in found.items():
        assert without_seconds(data) == without_seconds(undisturbed[name]), name
    return len(found)


def without_seconds(data: bytes) -> list[list[str]]:
    rows = [line.split(",") for line in data.decode().splitlines()]
    assert rows[0][-1] == "seconds"
    return [row[:-1] for row in rows]
