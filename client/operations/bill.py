"""Tells what a sweep will take: hours and USD as ranges, and how they would change with other choices."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

from stepsweep.client.operations.estimating import Estimate, Pace
from stepsweep.contract import rounds
from stepsweep.contract.assumed import Span
from stepsweep.contract.bill import Bill, bill_of, cheapest_and_fastest, other_way
from stepsweep.contract.described import between, number_of, plain_digits, usd_text, verb
from stepsweep.contract.spec import SweepSpec


def bill_document(spec: SweepSpec, estimate: Estimate) -> dict[str, Any]:
    """Returns the fields of `sweep plan --json` about time and money; those that are unknown are null."""
    pace, bill = estimate.pace, estimate.bill(spec)
    known: dict[str, Any] = {
        "seconds_per_epoch": [round(pace.fastest, 3), round(pace.slowest, 3)] if pace else None,
        "measured_on": pace.measured_on if pace else None,
        "measured_epochs": list(pace.epochs) if pace and pace.epochs else None,
        "usd_per_hour": round(estimate.fleet.usd_per_hour, 4),
        "price_from": estimate.price_from,
        **(_takes(bill) if bill else {"usd": None, "hours": None}),
        "usd_of_trials": _pair(bill.jobs_usd) if bill else None,
    }
    if estimate.paces is None:
        return known
    choices = zip(("cheapest", "fastest"), _choices(spec, estimate, estimate.paces), strict=True)
    return {
        **known,
        "free_running" if spec.rounds else "in_rounds": _takes(_other(spec, estimate, estimate.paces)),
        **{name: {"max_concurrency": number, **_takes(each)} for name, (number, each) in choices},
    }


def taken(spec: SweepSpec, estimate: Estimate, *, first: int) -> Iterator[str]:
    """Yields how many trials need no job, and the time and cost of the others, in sentences.

    Args:
        first: the number of params that are known in advance.
    """
    known = first * spec.trials_each
    if estimate.finished:
        yield _finished(spec, estimate.finished, known)
    if estimate.finished < known or first < spec.number_of_params or len(spec.rungs) > 1:
        _, most = rounds.at_most(spec)
        yield from told(spec, estimate, most)


def _finished(spec: SweepSpec, finished: int, known: int) -> str:
    """Says how many of the trials that are known in advance need no job for their first rung."""
    of = f"the {known:,} trials that are known in advance" if spec.search.learns else number_of(known, "trial")
    if len(spec.rungs) > 1:
        do = verb(
            finished, "has finished the first rung already, and does", "have finished the first rung already, and do"
        )
        return f"{finished:,} of {of} {do} not train it again."
    return f"{finished:,} of {of} {verb(finished, 'is', 'are')} finished already, and not trained again."


def told(spec: SweepSpec, estimate: Estimate, epochs: int) -> Iterator[str]:
    """Yields what is known of the time and cost, in sentences.

    Args:
        epochs: the most that all trials together train, finished ones as well.
    """
    pace, paces, bill = estimate.pace, estimate.paces, estimate.bill(spec)
    if pace is None or paces is None or bill is None:
        where = "in this stack" if estimate.is_of_machine else "on this machine"
        yield (
            f"Time and cost are unknown: no trial of this trainer has finished {where}. With --calibrate, `sweep plan` "
            "trains one trial for one epoch first, and measures it."
        )
        return
    time = f"{_range(paces, seconds_text)} s per {'epoch' if spec.epochs > 1 else 'trial'}"
    if pace.measured_on == "the tutorial":
        time += ", as in the tutorial"
    else:
        left = epochs - estimate.finished * spec.rungs[0]
        took = _range(paces * left, lambda seconds: str(timedelta(seconds=round(seconds))))
        yield f"Job time {took}: {time}, as in {pace.measured_on}."
        yield from _off(pace, spec.rungs[0])
    yield f"On AWS {_told(bill)}{'' if estimate.is_of_machine else ', if a machine there is as fast as this one'}."
    rate = f"{_price(estimate.fleet.usd_per_hour)} USD per hour ({estimate.price_from})"
    yield f"The trials take {usd_range(bill.jobs_usd)} USD of that: {time}, {rate}."
    machines = number_of(bill.machines, "machine")
    yield f"The rest is for {machines}: boot, image pull, waiting, idling, disk and IP address."
    yield f"The same search {'free-running' if spec.rounds else 'in rounds'}: {_told(_other(spec, estimate, paces))}."
    (few, cheapest), (many, fastest) = _choices(spec, estimate, paces)
    if few != many:
        yield f"Cheapest with max_concurrency {few}: {_told(cheapest)}. Fastest with {many}: {_told(fastest)}."
    if estimate.budget_usd_per_hour is not None and estimate.budget_usd_per_hour < 0.999 * estimate.fleet.usd_per_hour:
        yield (
            f"The stack checks budget_usd by {_price(estimate.budget_usd_per_hour)} USD per hour, which is less: "
            "deploy it with the right usd_per_hour."
        )


def _off(pace: Pace, epochs: int) -> Iterator[str]:
    """Says which way the estimate errs for jobs of other lengths: what was measured has its share of a job's start."""
    if pace.epochs is None or pace.epochs[0] <= epochs <= pace.epochs[1]:
        return
    fewest, most = pace.epochs
    had = number_of(most, "epoch") if fewest == most else f"{fewest:,} to {number_of(most, 'epoch')}"
    weighs, too = ("more", "low") if epochs < fewest else ("less", "high")
    yield (
        f"Those jobs trained {had}. In a job of {number_of(epochs, 'epoch')} the start weighs {weighs}, so these times "
        f"and costs are probably too {too}."
    )


def _other(spec: SweepSpec, estimate: Estimate, paces: Span) -> Bill:
    other = other_way(spec)
    # Of a model's search, the other way begins with other params.
    return bill_of(other, estimate.fleet, paces, finished=0 if spec.search.learns else estimate.finished)


def _choices(spec: SweepSpec, estimate: Estimate, paces: Span) -> tuple[tuple[int, Bill], tuple[int, Bill]]:
    return cheapest_and_fastest(spec, estimate.widest, paces, finished=estimate.finished)


def seconds_text(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:.2g}"


def usd_range(span: Span) -> str:
    return _range(span, usd_text)


def _price(usd_per_hour: float) -> str:
    return plain_digits(float(f"{usd_per_hour:.4g}"))


def _told(bill: Bill) -> str:
    return f"{_range(bill.hours, lambda hours: f'{hours:,.1f}')} hours, {usd_range(bill.usd)} USD"


def _range(span: Span, text: Callable[[float], str]) -> str:
    return between(text(span.low), text(span.high))


def _takes(bill: Bill) -> dict[str, Any]:
    return {"usd": _pair(bill.usd), "hours": _pair(bill.hours)}


def _pair(span: Span) -> list[float]:
    return [round(span.low, 4), round(span.high, 4)]
