"""What a sweep's jobs have cost, and whether another round fits the budget."""

from collections.abc import Sequence

from stepsweep.bucket.s3 import Bucket
from stepsweep.bucket.trials import Read
from stepsweep.contract import keys, rounds
from stepsweep.contract.assumed import Span
from stepsweep.contract.bill import Work, of_rounds
from stepsweep.contract.described import number_of
from stepsweep.contract.documents import RoundResults
from stepsweep.contract.fleet import Fleet
from stepsweep.contract.output import Cost
from stepsweep.contract.results import Result
from stepsweep.contract.spec import SweepSpec
from stepsweep.contract.spent import Spent


def spent_until(bucket: Bucket, spec: SweepSpec, all_read: Sequence[Read], round_number: int, fleet: Fleet) -> Spent:
    """Returns what the jobs of this and all earlier rounds took."""
    spent = Spent()
    if round_number:
        key = keys.results_key(spec.name, round_number - 1)
        spent = RoundResults.from_json(bucket.written_json(key), where=key).spent
    ran = [each for each in all_read if each.result.trial.round_number == round_number and each.job_seconds]
    rungs = (0, *spec.rungs)
    for each in ran:
        before, whole = rungs[each.result.trial.rung : each.result.trial.rung + 2]
        epochs = max(0, (each.result.epochs_trained or 0) - before)
        spent = spent.with_job(each.job_seconds, epochs, is_whole=epochs == whole - before)
    return spent.with_starts(fleet.machines(len(ran)))


def over_budget(
    spec: SweepSpec,
    results: Sequence[Result],
    spent: Spent,
    next_round: int,
    fleet: Fleet,
) -> str | None:
    """Returns why the sweep stops, if the next round might exceed the budget; None otherwise."""
    if spec.budget_usd is None:
        return None
    # Jobs that failed before their first epoch cost money too, and say nothing of the pace.
    pace = spent.pace or spec.seconds_per_epoch or 0.0
    planned = rounds.next_round(spec, results, (), round_number=next_round, trainer_version="")
    to_run = [trial for trial in planned if trial.round_number == next_round]
    before = (0, *spec.rungs)
    work = Work(
        jobs=len(to_run),
        epochs=rounds.epochs_to_train(spec, to_run),
        longest=max((trial.epochs - before[trial.rung] for trial in to_run), default=0),
    )
    usd, more = spent.usd_at_most(fleet), of_rounds([work], fleet, Span(pace, pace)).usd.high
    if usd + more <= spec.budget_usd:
        return None
    return (
        f"budget_usd: up to {usd:.2f} USD have been spent, and the next round ({number_of(len(to_run), 'trial')}) "
        f"may take {more:.2f} more; the budget is {spec.budget_usd:g}"
    )


def cost_of(spent: Spent, fleet: Fleet, *, job_gpus: int) -> Cost:
    """Returns the time of this sweep's jobs by Batch's timestamps, and their estimated cost at the stack's price."""
    return Cost(
        job_seconds=round(spent.job_seconds, 1),
        gpu_seconds=round(spent.job_seconds * job_gpus, 1),
        usd_estimate=round(spent.usd(fleet), 4),
        usd_at_most=round(spent.usd_at_most(fleet), 4),
    )
