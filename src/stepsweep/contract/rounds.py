"""The rounds of a sweep, and the trials that each one plans.

A round adds the search's new params, and promotes trials to more epochs by halving. A plan holds every trial of the
sweep so far, with the epochs of its latest round. A round trains the trials with its own `round_number`.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice

from stepsweep.contract.halving import promoted
from stepsweep.contract.results import Group, Result, grouped
from stepsweep.contract.sampling import IsTried, drawn
from stepsweep.contract.search import STARTUP, Method
from stepsweep.contract.space import Value, key_of
from stepsweep.contract.spec import SweepSpec
from stepsweep.contract.trial import Trial

Params = dict[str, Value]


def in_order(spec: SweepSpec) -> Iterator[Params]:
    """Yields the params of a search that learns nothing: those by hand, then a grid's, or ones drawn at random."""
    by_hand = {key_of(params) for params in spec.try_first}
    yield from map(dict, spec.try_first)
    yield from after_those_by_hand(spec, start=0, is_tried=lambda params: key_of(params) in by_hand)


def after_those_by_hand(spec: SweepSpec, *, start: int, is_tried: IsTried) -> Iterator[Params]:
    """Yields a grid's params, or ones drawn at random.

    Args:
        start: how many of them have been begun; they need not be found again.
        is_tried: whether params have been begun, these or those by hand.
    """
    if spec.search.method is Method.LIST:
        return
    if spec.search.method is not Method.GRID:
        yield from drawn(spec.space, seed=spec.seed, start=start, is_tried=is_tried)
        return
    yield from (params for params in spec.space.grid(start) if not is_tried(params))


def first_params(spec: SweepSpec) -> list[Params]:
    """Returns the params of round 0: all of a search that learns nothing; for a model, a batch of them.

    In a free-running search of a model these are the params that no outcome decides.
    """
    are_all = spec.rounds or not spec.search.learns
    known = _new_at(spec, planned=0) if are_all else max(STARTUP, len(spec.try_first))
    return list(islice(in_order(spec), min(known, spec.number_of_params)))


def drawn_first(spec: SweepSpec) -> int:
    """Returns how many params a search in rounds begins before its model knows enough outcomes, if every trial has one
    and no other sweep has told it any."""
    planned = 0
    while planned < min(STARTUP, spec.number_of_params):
        planned += _new_at(spec, planned=planned)
    return planned


def first_round(spec: SweepSpec, *, trainer_version: str) -> list[Trial]:
    """Returns the trials of round 0 in the search's order, which depends only on the spec."""
    return [trial for params in first_params(spec) for trial in spec.trials_of(params, trainer_version=trainer_version)]


def next_round(
    spec: SweepSpec,
    results: Sequence[Result],
    asked: Sequence[Params],
    *,
    round_number: int,
    trainer_version: str,
) -> list[Trial]:
    """Returns the trials of a later round: those of the round before in the same order, then the new ones.

    Args:
        results: of every trial so far, in the order of the plan.
        asked: params that the search proposes. Known ones are skipped; missing ones are drawn at random.
    """
    groups = grouped(results)
    going_on = {id(group) for group in _promoted(spec, groups)}
    trials = [
        _further(spec, result, round_number) if id(group) in going_on else result.trial
        for group in groups
        for result in group.results
    ]
    for params in _new_params(spec, groups, asked):
        trials += spec.trials_of(params, trainer_version=trainer_version, round_number=round_number)
    return trials


def trials_at_the_ends(spec: SweepSpec) -> list[Trial]:
    """Returns trials at both ends of every parameter's values, to check that the trainer accepts them.

    There are two, and two more for each parameter that applies under a condition.
    """
    if spec.search.method is Method.LIST:
        return first_round(spec, trainer_version="")
    names = [next(iter(spec.parameters)), *spec.when]
    found = [spec.space.example(name, last=last) for name in names for last in (False, True)]
    ends = {key_of(params): params for params in found if params is not None}
    return [trial for params in ends.values() for trial in spec.trials_of(params, trainer_version="")]


def wanted(spec: SweepSpec, groups: Sequence[Group]) -> int:
    """Returns how many new params the next round starts."""
    return _new_at(spec, planned=len(groups)) if spec.search.learns else 0


def wanted_of_model(spec: SweepSpec, groups: Sequence[Group]) -> int:
    """Returns how many of these a model proposes: those that are left when all params by hand have been started."""
    return max(0, wanted(spec, groups) - max(0, len(spec.try_first) - len(groups)))


def goes_on(spec: SweepSpec, groups: Sequence[Group]) -> bool:
    """Returns whether there is another round."""
    return bool(wanted(spec, groups) or _promoted(spec, groups))


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """The maximum cost of a round.

    Attributes:
        trials: number of trials that it trains, new and promoted.
        epochs: epochs of all these trials together, without those of earlier rounds.
        up_to: the epochs that its trials reach, in ascending order.
        longest: epochs of its longest job.
    """

    trials: int
    epochs: int
    up_to: tuple[int, ...]
    longest: int


def schedule(spec: SweepSpec) -> list[Round]:
    """Returns the rounds of a sweep, assuming that no trial fails or stops early: the maximum cost."""
    batches = [_new_at(spec, planned=0)]
    while spec.search.learns and (new := _new_at(spec, planned=sum(batches))):
        batches.append(new)
    rungs, before = spec.rungs, (0, *spec.rungs)
    arrive = [[0] * len(rungs) for _ in range(len(batches) + len(rungs) - 1)]
    for batch, new in enumerate(batches):
        count = new
        for rung in range(len(rungs)):
            arrive[batch + rung][rung] = count
            count = spec.halving.places(count) if spec.halving else 0
    return [
        Round(
            trials=sum(params) * spec.trials_each,
            epochs=sum(count * (rungs[n] - before[n]) for n, count in enumerate(params)) * spec.trials_each,
            up_to=tuple(rungs[n] for n, count in enumerate(params) if count),
            longest=max((rungs[n] - before[n] for n, count in enumerate(params) if count), default=0),
        )
        for params in arrive
    ]


def at_most(spec: SweepSpec) -> tuple[int, int]:
    """Returns the most jobs and epochs that a sweep takes.

    That is its schedule, except for free-running halving, which may promote every trial: each better than those before.
    """
    if spec.rounds or spec.halving is None:
        planned = schedule(spec)
        return sum(each.trials for each in planned), sum(each.epochs for each in planned)
    trials = _new_at(spec, planned=0) * spec.trials_each
    return trials * len(spec.rungs), trials * spec.epochs


def epochs_to_train(spec: SweepSpec, trials: Iterable[Trial]) -> int:
    """Returns the most epochs that trials of a round train, without those of the rungs below."""
    before = (0, *spec.rungs)
    return sum(trial.epochs - before[trial.rung] for trial in trials)


def _new_at(spec: SweepSpec, *, planned: int) -> int:
    """Returns how many new params a round starts when the search has planned `planned` before."""
    trials = spec.number_of_params
    return min(spec.search.batch or trials, trials - planned)


def _promoted(spec: SweepSpec, groups: Sequence[Group]) -> list[Group]:
    return promoted(groups, spec.halving, spec.objective, rungs=len(spec.rungs)) if spec.halving else []


def _further(spec: SweepSpec, result: Result, round_number: int) -> Trial:
    """Returns a trial on its next rung. One that stopped early needs no more training: its metrics stay the same."""
    rung = result.trial.rung + 1
    if result.stopped_early:
        return replace(result.trial, rung=rung)
    epochs = spec.rungs[rung]
    options = {**result.trial.options, "epochs": epochs}
    return replace(result.trial, rung=rung, epochs=epochs, options=options, round_number=round_number)


def _new_params(spec: SweepSpec, groups: Sequence[Group], asked: Sequence[Params]) -> list[Params]:
    """Returns the next round's new params: by hand, then proposed, then drawn at random; without duplicates."""
    seen = {key_of(group.params) for group in groups}
    new: list[Params] = []
    for params in chain(map(dict, spec.try_first), asked, in_order(spec)):
        if len(new) == wanted(spec, groups):
            break
        if (key := key_of(params)) not in seen:
            seen.add(key)
            new.append(params)
    return new
