"""What a planner checks before anything starts: the budget, that a sweep's name means one input, and one trainer."""

import json
from dataclasses import dataclass

from stepsweep.bucket.s3 import Bucket
from stepsweep.contract import keys, rounds
from stepsweep.contract.assumed import Span
from stepsweep.contract.bill import bill_of
from stepsweep.contract.cost import Rates
from stepsweep.contract.errors import InvalidDocument, InvalidSweep
from stepsweep.contract.fleet import Fleet
from stepsweep.contract.means import StackJob
from stepsweep.contract.space import shown
from stepsweep.contract.spec import ABOUT_THE_RUN, SweepSpec

MAX_DIFFERENCE = 200
"""Characters of an earlier value in an error."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trainer:
    """The code that trials run: what identifies it in their ids, and its name for people."""

    version: str
    name: str


def within_budget(
    spec: SweepSpec, rates: Rates, job: StackJob, trainer: Trainer, *, finished: int, to_run: int
) -> float | None:
    """Returns the most that the whole search costs by estimate; None if nobody has measured the trainer.

    Raises InvalidSweep if the cost exceeds the budget, or is unknown and there is a budget.

    Args:
        rates: of a machine that the stack's own job fills. The spec's `seconds_per_epoch` takes the place of theirs.
        finished: trials of the first round that need no job.
    """
    pace = spec.seconds_per_epoch or rates.seconds_per_epoch
    fleet = Fleet.of(spec, job, usd_per_hour=rates.usd_per_hour)
    bill = bill_of(spec, fleet, Span(pace, pace), finished=finished) if pace is not None else None
    usd = bill.usd.high if bill else None
    if spec.budget_usd is not None and usd is None and to_run:
        raise InvalidSweep(
            [
                f"budget_usd: cannot be checked: the time that the trainer {shown(trainer.name)} takes for an "
                "epoch is unknown; give seconds_per_epoch (`sweep plan --calibrate` measures it), or leave "
                "budget_usd out"
            ]
        )
    if spec.budget_usd is not None and bill and usd is not None and usd > spec.budget_usd:
        what = f"{to_run} trials of up to {spec.epochs} epochs"
        if spec.rounds and (number := len(rounds.schedule(spec))) > 1:
            what += f" in {number} rounds"
        machines = f"{bill.machines} machines" if bill.machines > 1 else "a machine"
        raise InvalidSweep(
            [
                f"budget_usd: {what} may cost {usd:.2f} USD: at most {bill.jobs_usd.high:.2f} for the trials "
                f"({pace:g} s per epoch, {fleet.usd_per_hour:g} USD per hour), the rest for {machines} that boot, pull "
                f"the image and idle. That is more than {spec.budget_usd:g}; give fewer trials or epochs, a smaller "
                "max_concurrency, or a larger budget"
            ]
        )
    return usd


def claim(bucket: Bucket, spec: SweepSpec) -> bool:
    """Claims the sweep's name for this input. Returns False if the same input has it already: the sweep continues."""
    key = keys.spec_key(spec.name)
    if bucket.put_json_once(key, spec.to_json()):
        return True
    try:
        earlier = SweepSpec.from_json(bucket.get_json(key))
    except (InvalidSweep, InvalidDocument):
        difference = f"its {key} cannot be read"
    else:
        if spec.same_work(earlier):
            return False
        difference = _first_difference(spec, earlier)
    raise InvalidSweep(
        [
            f"name: the sweep {shown(spec.name)} is there already and asked for something else "
            f"({difference}); choose another name, trials that are finished are not repeated"
        ]
    )


def check_trainer(spec: SweepSpec, *, then: Trainer, now: Trainer) -> None:
    """Refuses to continue with another trainer: comparing results of two trainers would give a wrong winner."""
    if then.version == now.version:
        return
    sweep, before, this = map(shown, (spec.name, then.name, now.name))
    what = f"the sweep {sweep} was planned for the trainer {before}, and this one is {this}"
    if before == this:
        what = f"the trainer {this} has changed since the sweep {sweep} was planned"
    raise InvalidSweep(
        [
            f"name: {what}; choose another name, take the trainer that it was planned for, or set accept_trainer "
            "(--accept-trainer): all of its trials then count as new"
        ]
    )


def _first_difference(spec: SweepSpec, earlier: SweepSpec) -> str:
    then, now = earlier.to_json(), spec.to_json()
    # Those of the earlier one, which has `objective` where this one may have `objectives`, or the other way round.
    differ = (name for name in then if name not in now or json.dumps(now[name]) != json.dumps(then[name]))
    name = next(name for name in differ if name not in ABOUT_THE_RUN)
    return f"its field {name} was {shown(then[name], MAX_DIFFERENCE)}"
