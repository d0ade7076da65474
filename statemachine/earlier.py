"""Reads what earlier sweeps found, when a sweep is planned that a model shall begin with it: part of the planner.

The outcomes become part of the sweep's spec, so that its search stays a function of its own records: the earlier sweeps
may go on or be removed.
"""

from dataclasses import replace

from stepsweep.bucket.s3 import Bucket
from stepsweep.bucket.search_log import SearchLog
from stepsweep.contract import keys
from stepsweep.contract.described import number_of
from stepsweep.contract.documents import RoundResults
from stepsweep.contract.errors import InvalidDocument, InvalidSweep
from stepsweep.contract.known import Known, thinned, told_of
from stepsweep.contract.limits import MAX_ROUNDS
from stepsweep.contract.results import grouped
from stepsweep.contract.spec import SweepSpec
from stepsweep.contract.warm_start import told_nothing, why_nothing


class _TellsNothingError(Exception):
    """Why a sweep has nothing to tell."""


def with_known(bucket: Bucket, spec: SweepSpec) -> SweepSpec:
    """Returns the spec with the outcomes that its model is told: those recorded when it was planned first.

    Raises:
        InvalidSweep: an earlier sweep is missing, cannot be read, does not compare, or has nothing to tell.
    """
    if not spec.warm_start or spec.known:
        return spec
    try:
        planned = SweepSpec.from_json(bucket.get_json(keys.spec_key(spec.name)))
    except (InvalidSweep, InvalidDocument):  # there is none, or `claim` says what is wrong with it
        planned = None
    if planned is not None and planned.warm_start == spec.warm_start:
        return replace(spec, known=planned.known)
    told: list[Known] = []
    faults: list[str] = []
    for number, name in enumerate(spec.warm_start):
        try:
            told += _told_by(bucket, spec, name)
        except (InvalidSweep, InvalidDocument, _TellsNothingError) as error:
            faults.append(told_nothing(number, name, error))
    if faults:
        raise InvalidSweep(faults)
    return replace(spec, known=thinned(told, spec.objective))


def _told_by(bucket: Bucket, spec: SweepSpec, name: str) -> list[Known]:
    """Returns the outcomes of one sweep that the model can learn from. Raises _TellsNothingError if there are none."""
    document = bucket.get_json(keys.spec_key(name))
    earlier = None if document is None else SweepSpec.from_json(document)
    if (why := why_nothing(spec, earlier)) is not None or earlier is None:
        raise _TellsNothingError(why)
    found = _of_rounds(bucket, earlier) if earlier.rounds else _of_log(bucket, earlier)
    if not found:
        raise _TellsNothingError("has no trial with a value yet")
    told = told_of(found, spec.space, spec.fixed)
    if not told:
        raise _TellsNothingError(
            f"has {number_of(len(found), 'outcome')}, and none of params that this search can have: parameters differ, "
            "or `fixed`"
        )
    return told


def _of_rounds(bucket: Bucket, earlier: SweepSpec) -> list[Known]:
    latest: RoundResults | None = None
    for number in range(MAX_ROUNDS + 1):
        key = keys.results_key(earlier.name, number)
        if (document := bucket.get_json(key)) is None:
            break
        latest = RoundResults.from_json(document, where=key)
        if any(each.trial.rung >= len(earlier.rungs) for each in latest.results):
            raise InvalidDocument(f"{key}: a trial has a rung that the sweep does not have")
    return [
        Known(params={**earlier.fixed, **group.params}, value=group.value, epochs=earlier.rungs[group.rung])
        for group in grouped(latest.results if latest else ())
        if group.value is not None or group.has_diverged
    ]


def _of_log(bucket: Bucket, earlier: SweepSpec) -> list[Known]:
    state = SearchLog.read(bucket, earlier.name).state
    return [
        Known(
            params={**earlier.fixed, **candidate.params},
            value=candidate.reached[-1].value,
            epochs=earlier.rungs[len(candidate.reached) - 1],
        )
        for candidate in (state.candidates if state else ())
        if candidate.reached and (candidate.reached[-1].value is not None or candidate.reached[-1].diverged)
    ]
