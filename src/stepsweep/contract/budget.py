"""The budget of a plan: one that may cost more, or that nobody can estimate, is refused before anything starts."""

from stepsweep.contract import rounds
from stepsweep.contract.assumed import Span
from stepsweep.contract.bill import bill_of
from stepsweep.contract.cost import Rates
from stepsweep.contract.described import number_of, plain_digits, usd_text
from stepsweep.contract.errors import InvalidSweep
from stepsweep.contract.fleet import Fleet
from stepsweep.contract.means import StackJob
from stepsweep.contract.spec import SweepSpec


def within_budget(spec: SweepSpec, rates: Rates, job: StackJob, *, finished: int, to_run: int) -> float | None:
    """Returns the most that the whole search costs by estimate; None if nobody has measured the trainer.

    Raises InvalidSweep if the cost exceeds the budget, or is unknown and there is a budget.

    Args:
        rates: of a machine that the stack's own job fills. The spec's `seconds_per_epoch` takes the place of theirs.
        finished: trials of the first round that need no job.
    """
    pace = spec.seconds_per_epoch or rates.seconds_per_epoch
    if pace is None:
        if spec.budget_usd is not None and to_run:
            raise InvalidSweep(
                [
                    "budget_usd: cannot be checked: the time that the trainer takes for an epoch is unknown; give "
                    "seconds_per_epoch (`sweep plan --calibrate` measures it), or leave budget_usd out"
                ]
            )
        return None
    fleet = Fleet.of(spec, job, usd_per_hour=rates.usd_per_hour)
    bill = bill_of(spec, fleet, Span(pace, pace), finished=finished)
    usd = bill.usd.high
    if spec.budget_usd is not None and usd > spec.budget_usd:
        what = f"{number_of(to_run, 'trial')} of up to {number_of(spec.epochs, 'epoch')}"
        if spec.rounds and (number := len(rounds.schedule(spec))) > 1:
            what += f" in {number} rounds"
        several = bill.machines > 1
        rest = f"{bill.machines} machines that boot, pull" if several else "a machine that boots, pulls"
        raise InvalidSweep(
            [
                f"budget_usd: {what} may cost {usd_text(usd)} USD: at most {usd_text(bill.jobs_usd.high)} for the "
                f"trials ({pace:g} s per epoch, {plain_digits(fleet.usd_per_hour)} USD per hour), the rest for {rest} "
                f"the image and {'idle' if several else 'idles'}. That is more than {plain_digits(spec.budget_usd)}; "
                "give fewer trials or epochs, a smaller max_concurrency, or a larger budget"
            ]
        )
    return usd
