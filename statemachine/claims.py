"""What a planner checks before anything starts: that a sweep's name means one input, and one trainer."""

import json
from dataclasses import dataclass, replace

from stepsweep.bucket.s3 import Bucket
from stepsweep.contract import keys
from stepsweep.contract.errors import InvalidDocument, InvalidSweep
from stepsweep.contract.space import shown
from stepsweep.contract.spec import ABOUT_THE_RUN, SweepSpec

MAX_DIFFERENCE = 200
"""Characters of an earlier value in an error."""


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
    remedy = "choose another name, trials that are finished are not repeated"
    try:
        earlier = SweepSpec.from_json(bucket.get_json(key))
    except (InvalidSweep, InvalidDocument):
        difference = f"its {key} cannot be read"
    else:
        if spec.same_work(earlier):
            return False
        difference = _first_difference(spec, earlier)
        if spec.same_work(replace(earlier, rounds=spec.rounds)):  # whose default follows from `stop`, which may differ
            option = "--rounds" if earlier.rounds else "--no-rounds"
            remedy = f"to go on with it, write rounds {shown(earlier.rounds)} ({option}); or {remedy}"
    raise InvalidSweep(
        [f"name: the sweep {shown(spec.name)} is there already and asked for something else ({difference}); {remedy}"]
    )


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


def _first_difference(spec: SweepSpec, earlier: SweepSpec) -> str:
    then, now = earlier.to_json(), spec.to_json()
    # Those of the earlier one, which has `objective` where this one may have `objectives`, or the other way round.
    differ = (name for name in then if name not in now or json.dumps(now[name]) != json.dumps(then[name]))
    name = next(name for name in differ if name not in ABOUT_THE_RUN)
    return f"its field {name} was {shown(then[name], MAX_DIFFERENCE)}"
