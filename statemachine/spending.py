"""What a sweep's jobs have cost, and whether another round fits the budget."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

from stepsweep.bucket.outcomes import recorded
from stepsweep.bucket.s3 import Bucket, for_all
from stepsweep.bucket.trials import Read
from stepsweep.contract import keys, rounds
from stepsweep.contract.assumed import Span
from stepsweep.contract.bill import Work, of_rounds
from stepsweep.contract.described import number_of, plain_digits, usd_text
from stepsweep.contract.documents import RoundPlan, RoundResults
from stepsweep.contract.fleet import Fleet
from stepsweep.contract.job_outcome import JobOutcome
from stepsweep.contract.output import Cost
from stepsweep.contract.results import Result
from stepsweep.contract.spec import SweepSpec
from stepsweep.contract.spent import Spent

_OUTCOME = re.compile(r"round-(\d{1,6})/outcomes/[^/]+\.json")


def spent_until(bucket: Bucket, plan: RoundPlan, all_read: Sequence[Read], fleet: Fleet) -> tuple[Spent, Spent]:
    """Returns what the jobs of this and all earlier rounds took, and that with what earlier executions spent on later
    rounds.

    Every record of a job counts, also of a trial that is no longer planned: another trainer has other trials, and
    another result in a round leads to other params in the next.
    """
    spec, number = plan.spec, plan.round_number
    spent = Spent()
    if number:
        key = keys.results_key(spec.name, number - 1)
        spent = RoundResults.from_json(bucket.written_json(key), where=key).spent
    rungs, ran = (0, *spec.rungs), Counter[str]()
    for each in all_read:
        trial, outcome = each.result.trial, each.recorded
        if trial.round_number != number or outcome is None:
            continue
        ran.update(outcome.seconds_of.keys())
        for seconds in outcome.earlier.values():
            spent = spent.with_job(seconds, 0, is_whole=False)
        if each.job_seconds:
            before, whole = rungs[trial.rung : trial.rung + 2]
            epochs = max(0, (each.result.epochs_trained or 0) - before)
            spent = spent.with_job(each.job_seconds, epochs, is_whole=epochs == whole - before)
    spent = _with_starts(spent, ran, fleet)
    if not plan.is_resumed:
        return spent, spent
    planned = {
        keys.outcome_key(spec.name, number, trial.trial_id) for trial in plan.trials if trial.round_number == number
    }
    by_round = _by_round(bucket, spec.name)
    spent = _with_others(spent, bucket, by_round[number] - planned, fleet)
    in_all = spent
    for later in sorted(each for each in by_round if each > number):
        in_all = _with_others(in_all, bucket, by_round[later], fleet)
    return spent, in_all


def _by_round(bucket: Bucket, sweep: str) -> Mapping[int, set[str]]:
    """Returns the keys of all recorded outcomes by their round."""
    found: dict[int, set[str]] = defaultdict(set)
    prefix = keys.sweep_prefix(sweep)
    for name in bucket.sizes(prefix):
        if match := _OUTCOME.fullmatch(name):
            found[int(match[1])].add(prefix + name)
    return found


def _with_others(spent: Spent, bucket: Bucket, names: Iterable[str], fleet: Fleet) -> Spent:
    """Returns it with jobs of trials that are not planned."""
    ran = Counter[str]()
    for outcome in for_all(lambda key: recorded(bucket, key), sorted(names)):
        if isinstance(outcome, JobOutcome):
            ran.update(outcome.seconds_of.keys())
            for seconds in outcome.seconds_of.values():
                spent = spent.with_other_job(seconds)
    return _with_starts(spent, ran, fleet)


def _with_starts(spent: Spent, ran: Mapping[str, int], fleet: Fleet) -> Spent:
    """Returns it with the machines of so many jobs of each execution: none runs those of two."""
    return spent.with_starts(sum(fleet.machines(jobs) for jobs in ran.values()))


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
        f"budget_usd: up to {usd_text(usd)} USD have been spent, and the next round "
        f"({number_of(len(to_run), 'trial')}) may take {usd_text(more)} more; the budget is "
        f"{plain_digits(spec.budget_usd)}"
    )


def cost_of(spent: Spent, fleet: Fleet, *, job_gpus: int) -> Cost:
    """Returns the time of this sweep's jobs by Batch's timestamps, and their estimated cost at the stack's price."""
    return Cost(
        job_seconds=round(spent.job_seconds, 1),
        gpu_seconds=round(spent.job_seconds * job_gpus, 1),
        usd_estimate=round(spent.usd(fleet), 4),
        usd_at_most=round(spent.usd_at_most(fleet), 4),
    )
