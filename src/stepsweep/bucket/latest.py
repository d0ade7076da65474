"""Keeps latest.json, which says whose a sweep's documents are."""

from dataclasses import replace
from datetime import datetime

from stepsweep.bucket.s3 import Bucket, Readable, as_json, document_of
from stepsweep.contract import keys
from stepsweep.contract.documents import Latest
from stepsweep.contract.errors import InvalidDocument, InvalidSweep
from stepsweep.contract.spec import SweepSpec


def latest_of(bucket: Readable, sweep: str) -> Latest | None:
    """Returns the execution of a sweep that planned last; None before the first plan.

    Raises:
        InvalidDocument: the record is damaged.
    """
    key = keys.latest_key(sweep)
    document = bucket.get_json(key)
    return None if document is None else Latest.from_json(document, where=key)


def other_execution(bucket: Readable, sweep: str, execution: str) -> str:
    """Returns the name of another execution that has planned the sweep since; empty if this one goes on with it.

    The last to plan goes on: two that went on would take each other's trials for lost, and end the sweep too early.
    """
    try:
        latest = latest_of(bucket, sweep)
    except InvalidDocument:  # what is planned next mends it
        return ""
    return latest.execution if latest and latest.execution != execution else ""


def taken_over(sweep: str, other: str) -> InvalidSweep:
    """Returns the error of an execution whose sweep another one goes on with."""
    return InvalidSweep(
        [
            f"name: the execution {other} was started for the sweep {sweep} too, and goes on with it; follow that one "
            f"with `sweep watch {sweep}`"
        ]
    )


def has_planned(
    bucket: Bucket, spec: SweepSpec, *, execution: str, started_at: datetime, round_number: int, trainer_version: str
) -> None:
    """Records that an execution has planned a round, or a leg. The plan must have been written."""
    try:
        before = latest_of(bucket, spec.name)
    except InvalidDocument:  # what is written now mends it
        before = None
    latest = Latest(
        execution=execution,
        created_at=before.created_at if before else started_at,
        started_at=started_at,
        round_number=round_number,
        trainer_version=trainer_version,
        priority=spec.priority,
    )
    bucket.put_json(keys.latest_key(spec.name), latest.to_json())


def has_ended(bucket: Bucket, sweep: str, *, execution: str) -> None:
    """Records that the search of an execution has ended. Its other documents must have been written.

    If another execution has planned since, even while this one writes, that one will end the search.

    Raises:
        FileNotFoundError: the record is missing.
        InvalidDocument: it is damaged.
    """
    key = keys.latest_key(sweep)
    while True:
        data = bucket.written(key)
        latest = Latest.from_json(document_of(key, data), where=key)
        if latest.has_ended or latest.execution != execution:
            return
        ended = as_json(replace(latest, has_ended=True).to_json())
        if bucket.replace(key, ended, "application/json", known=data):
            return
