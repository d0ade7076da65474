"""Sees before a sweep starts whether the sweeps of `warm_start` can tell its model anything."""

from typing import TYPE_CHECKING

from stepsweep.client.deployment import explained
from stepsweep.contract.errors import InvalidDocument, InvalidInput
from stepsweep.contract.warm_start import told_nothing, why_nothing

if TYPE_CHECKING:
    from stepsweep.bucket.records import Records
    from stepsweep.client.clouds.cloud import Cloud
    from stepsweep.contract.spec import SweepSpec


def check_warm_start(spec: "SweepSpec", cloud: "Cloud") -> None:
    """Checks the specs of the sweeps, not what they found: they may go on until this one starts.

    Raises:
        InvalidInput: one is missing, cannot be read, or does not compare.
        CloudError: AWS did not answer, or does not allow it.
    """
    if not spec.warm_start or spec.known:
        return
    with explained():
        records = cloud.recorded().records
        faults = []
        for number, name in enumerate(spec.warm_start):
            try:
                why: object = why_nothing(spec, records.spec(name))
            except InvalidDocument as error:
                why = error
            if why:
                faults.append(told_nothing(number, name, why))
        if faults and not _was_told(spec, records):
            raise InvalidInput(faults)


def _was_told(spec: "SweepSpec", records: "Records") -> bool:
    """Whether the sweep itself was planned before: it goes on with what its model was told then."""
    try:
        planned = records.spec(spec.name)
    except InvalidDocument:
        return False
    return planned is not None and planned.warm_start == spec.warm_start
