"""The list of sweeps: one row for each, from its records."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from stepsweep.bucket.records import Objects
from stepsweep.bucket.s3 import for_all
from stepsweep.client.archive.executions import of_sweep
from stepsweep.client.archive.recorded import Archive
from stepsweep.client.deployment import explained
from stepsweep.contract import keys
from stepsweep.contract.errors import InvalidDocument
from stepsweep.contract.note import NO_NOTE
from stepsweep.contract.standing import status_of
from stepsweep.contract.trial import Status


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A row of the list of sweeps.

    Attributes:
        started_at: when its first execution started.
        status: `FINISHED`, `RUNNING`, `INTERRUPTED` or `UNREADABLE`.
        planned: number of trials, as `Standing.planned`; None before it is planned.
        ended: number of trials with an outcome.
        failed: number of trials that did not succeed; known once the sweep is finished.
        metric: the objective's metric; several are separated by commas.
        value: the winner's value; None without a winner.
        options: the winner's params as options; empty without a winner.
        front: with several objectives the number of trials on the first Pareto front; None otherwise, or if no trial
            succeeded.
        job_seconds: running time of the jobs; None without a winner.
        usd_estimate: their price on AWS; None without a winner.
        note: what a person has written about it.
        fault: which of its records cannot be read, and what to do; empty for all others.
    """

    sweep: str
    started_at: datetime
    status: str
    planned: int | None = None
    ended: int = 0
    failed: int | None = None
    metric: str = ""
    value: float | None = None
    options: str = ""
    front: int | None = None
    job_seconds: float | None = None
    usd_estimate: float | None = None
    note: str = ""
    fault: str = ""

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "started_at": self.started_at.isoformat()}


def entries_of(archive: Archive, running: Sequence[str], names: Sequence[str] | None = None) -> list[Entry]:
    """Returns sweeps, newest first.

    Args:
        running: the ARNs of all running executions.
        names: of the sweeps; by default of all.
    """
    asked = archive.names() if names is None else names
    with explained():
        found = for_all(lambda name: _entry(archive, name, running), asked)
    there = [entry for entry in found if entry is not None]
    return sorted(there, key=lambda entry: (entry.started_at, entry.sweep), reverse=True)


def _entry(archive: Archive, name: str, running: Sequence[str]) -> Entry | None:
    try:
        with archive.reading(name):
            return _readable_entry(archive, name, running)
    except InvalidDocument as error:
        try:
            written = archive.records.objects(name).get(keys.spec_key(name))
        except InvalidDocument:  # not even its folder can be read
            written = datetime.fromtimestamp(0, UTC)
        return Entry(sweep=name, started_at=written, status="UNREADABLE", fault=str(error)) if written else None


def _readable_entry(archive: Archive, name: str, running: Sequence[str]) -> Entry | None:
    spec = archive.records.spec(name)
    if spec is None:  # deleted meanwhile
        return None
    latest = archive.records.latest(name)
    is_finished = latest is not None and latest.has_ended
    # A finished sweep of thousands of trials has as many objects, and none of them need be listed.
    objects: Objects = {} if is_finished else archive.records.objects(name)
    started_at = latest.created_at if latest else objects.get(keys.spec_key(name))
    if started_at is None:  # deleted meanwhile
        return None
    output = archive.records.output(spec, execution=latest.execution) if latest and is_finished else None
    planned, ended, failed = None, 0, None
    if output:
        planned = ended = sum(output.outcomes.values())
        failed = ended - output.outcomes[Status.SUCCEEDED]
    elif is_finished:
        planned = ended = failed = sum(row.n for row in archive.records.leaderboard(spec))
    elif plan := archive.records.plan(spec):
        planned, ended = plan.in_all, len(archive.records.finished(plan, objects))
    # The objects of a finished sweep are not listed.
    has_note = is_finished or keys.note_key(name) in objects
    note = archive.note(name) if has_note else NO_NOTE
    return Entry(
        sweep=name,
        started_at=started_at,
        status=status_of(is_finished=is_finished, runs=bool(of_sweep(name, running))),
        planned=planned,
        ended=ended,
        failed=failed,
        metric=", ".join(each.metric for each in spec.objectives),
        value=output.winner.value if output and output.winner else None,
        options=output.winner.options if output and output.winner else "",
        front=output.front.size if output and output.front else None,
        job_seconds=output.cost.job_seconds if output else None,
        usd_estimate=output.cost.usd_estimate if output else None,
        note=note.text,
        fault=note.fault,
    )


def began_at(archive: Archive) -> datetime:
    """When the newest of its sweeps began; long ago if there is none."""
    return max(
        (entry.started_at for entry in entries_of(archive, running=[])), default=datetime.min.replace(tzinfo=UTC)
    )
