"""What a planner checks before anything starts: that a sweep's name means one input, and one trainer."""

from dataclasses import dataclass

from stepsweep.bucket.s3 import Bucket
from stepsweep.contract import keys
from stepsweep.contract.claimed import fault_of_name
from stepsweep.contract.errors import InvalidDocument, InvalidSweep
from stepsweep.contract.space import shown
from stepsweep.contract.spec import SweepSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Trainer:
    """The code that trials run: what identifies it in their ids, and its name for people."""

    version: str
    name: str


def claim(bucket: Bucket, spec: SweepSpec) -> bool:
    """Claims the sweep's name for this input. Returns False if the same input has it already: the sweep continues."""
    key = keys.spec_key(spec.name)
    if bucket.put_json_once(key, spec.to_json()):
        return True
    try:
        earlier = SweepSpec.from_json(bucket.get_json(key))
    except (InvalidSweep, InvalidDocument):
        earlier = None
    if fault := fault_of_name(spec, earlier):
        raise InvalidSweep([fault])
    return False


def check_trainer(spec: SweepSpec, *, then: Trainer, now: Trainer) -> None:
    """Refuses to continue with another trainer: comparing results of two trainers would give a wrong winner."""
    if then.version == now.version:
        return
    sweep, before, this = map(shown, (spec.name, then.name, now.name))
    what = f"the sweep {sweep} was planned for the trainer {before}, and this one is {this}"
    remedy = "take that trainer"
    if before == this:
        what = f"the trainer {this} has changed since the sweep {sweep} was planned"
        remedy = "undo the change"
    raise InvalidSweep(
        [
            f"name: {what}; choose another name, {remedy}, or set accept_trainer (--accept-trainer): only trials that "
            "this trainer has finished then count"
        ]
    )
