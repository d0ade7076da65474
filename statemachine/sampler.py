"""Lambda function "sample": the outcomes so far → the params that a model proposes for the next round.

The only function with third-party packages (Optuna, `sampler.lock`), so that the others need not load them. It keeps no
state: every round rebuilds the study from the results in the bucket. If it is killed and runs again, it writes the same
bytes.
"""

import hashlib
import math
import os
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.exceptions import ExperimentalWarning
from optuna.samplers import TPESampler
from optuna.samplers._tpe.parzen_estimator import _ParzenEstimator
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from stepsweep.bucket.s3 import Bucket
from stepsweep.contract import keys
from stepsweep.contract.candidates import Candidate
from stepsweep.contract.documents import RoundResults
from stepsweep.contract.results import Group, grouped
from stepsweep.contract.rounds import wanted_of_model
from stepsweep.contract.search import STARTUP
from stepsweep.contract.search_state import SearchState
from stepsweep.contract.space import Kind, Parameter, Range, Value, canonical, is_number, key_of
from stepsweep.contract.spec import SweepSpec
from stepsweep.contract.trial import Status
from stepsweep.statemachine import kept
from stepsweep.statemachine.log import Invocation

SPARE = 2
"""Params proposed to a worker of a free-running search: one more than it needs, in case another takes the first."""

ASKS = 10
"""How often the model is asked for each params wanted. It may repeat what was tried already, more often in a small
space; the planner then draws what is missing."""


def handler(event: Mapping[str, Any], _context: object = None) -> dict[str, Any]:
    """Proposes params for a round, before the planner plans it.

    Args:
        event: `{"sweep": name, "round": number of the next round}`.

    Returns:
        The event, as the planner's input. The proposed params are in the bucket.
    """
    invocation = Invocation("ask", sweep=event["sweep"], round_number=event["round"])
    bucket = Bucket(os.environ[keys.BUCKET], kept.s3())
    proposed = sample(bucket, sweep=event["sweep"], round_number=event["round"])
    invocation.ended(proposed=proposed)
    return {"sweep": event["sweep"], "round": event["round"]}


def sample(bucket: Bucket, *, sweep: str, round_number: int) -> int:
    """Writes the params that the model proposes for a round, and returns their number."""
    spec = SweepSpec.from_json(bucket.written_json(keys.spec_key(sweep)))
    key = keys.results_key(sweep, round_number - 1)
    groups = grouped(RoundResults.from_json(bucket.written_json(key), where=key).results)
    proposed = propose(spec, groups, round_number=round_number)
    bucket.put_json(keys.proposed_key(sweep, round_number), proposed)
    return len(proposed)


def propose(spec: SweepSpec, groups: Sequence[Group], *, round_number: int) -> list[dict[str, Value]]:
    """Returns new params for a round without duplicates: as many as the round wants, or fewer.

    They depend on the spec and the outcomes, not on the order in which trials ended.

    Args:
        groups: of every trial so far, in the order of the plan.
    """
    known = [*_told_before(spec), *(told(spec, group) for group in groups)]
    if sum(trial.state is not TrialState.FAIL for trial in known) < STARTUP:
        return []
    tried = {key_of(group.params) for group in groups}
    number = wanted_of_model(spec, groups)
    return _proposed(spec, known, tried, number=number, seed=_seed(spec.seed, round_number), spreads=True)


def propose_next(state: SearchState) -> list[dict[str, Value]]:
    """Returns new params for a worker of a free-running search, best first: another worker may begin the first of them.

    They depend on the events of the log. The model is told nothing of params that run without an outcome so far: to
    treat them as bad keeps it away from where it is right, as long as they run (docs/search.md).
    """
    axes = _axes(state.spec)
    known = _told_before(state.spec)
    known += [_told_of(state.spec, axes, each) for each in state.candidates if each.ended or each.reached]
    tried = {key_of(candidate.params) for candidate in state.candidates}
    return _proposed(state.spec, known, tried, number=SPARE, seed=_seed(state.spec.seed, state.events), spreads=False)


def _proposed(
    spec: SweepSpec,
    known: list[FrozenTrial],
    tried: set[tuple[tuple[str, str], ...]],
    *,
    number: int,
    seed: int,
    spreads: bool,
) -> list[dict[str, Value]]:
    """Returns `number` params that have not been tried, or fewer.

    Args:
        spreads: whether the model treats each of its proposals as bad for the next one.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    with warnings.catch_warnings(category=ExperimentalWarning, action="ignore"):
        sampler = ByImprovement(
            n_startup_trials=STARTUP,
            multivariate=True,
            # Parameters that some trials lack are modelled by themselves, from the trials that have them.
            group=any(len(trial.params) < len(spec.parameters) for trial in known),
            constant_liar=spreads,
            seed=seed,
        )
    study = optuna.create_study(directions=[each.direction.value for each in spec.objectives], sampler=sampler)
    study.add_trials(known)

    axes = _axes(spec)
    taken = tried | {key_of(params) for params in spec.try_first}
    proposed: list[dict[str, Value]] = []
    for _ in range(ASKS * number):
        if len(proposed) == number:
            break
        params = _asked(study.ask(), spec, axes)
        if (key := key_of(params)) not in taken and not spec.space.is_excluded(params):
            taken.add(key)
            proposed.append(params)
    return proposed


LEAST_WEIGHT = 1e-9


class ByImprovement(TPESampler):
    """TPE whose good trials count by how much better they are than the best of the others.

    Its ratio of densities then stands for the improvement that is expected, and not for the probability of any: Song et
    al., A General Recipe for Likelihood-free Bayesian Optimization, ICML 2022. On public tables it finds better params
    (docs/search.md). Optuna has this for several objectives only.
    """

    def _build_parzen_estimator(
        self,
        study: optuna.Study,
        search_space: dict[str, BaseDistribution],
        trials: list[FrozenTrial],
        handle_below: bool,
    ) -> _ParzenEstimator:
        # Optuna itself leaves out trials that lack a parameter; each weight must be that of its trial.
        trials = [trial for trial in trials if search_space.keys() <= self._get_params(trial, study).keys()]
        weights = improvements(study, trials) if handle_below else []
        if not weights:
            return super()._build_parzen_estimator(study, search_space, trials, handle_below)
        observations = self._get_internal_repr(trials, search_space, study)
        parameters = self._parzen_estimator_parameters
        return _ParzenEstimator(observations, search_space, parameters, weights)  # type: ignore[arg-type]  # a list does


def improvements(study: optuna.Study, good: Sequence[FrozenTrial]) -> list[float]:
    """Returns by how much each good trial is better than the best other one, as a multiple of the mean of them.

    It is empty where that says nothing: of several objectives, of trials that have no value since they were stopped,
    and where none is better.
    """
    if len(study.directions) > 1 or any(trial.state is not TrialState.COMPLETE for trial in good):
        return []
    numbers = {trial.number for trial in good}
    others = study.get_trials(deepcopy=False, states=[TrialState.COMPLETE])
    sign = 1.0 if study.direction is StudyDirection.MINIMIZE else -1.0
    worse = min((sign * _value(trial) for trial in others if trial.number not in numbers), default=None)
    if worse is None:
        return []
    found = [worse - sign * _value(trial) for trial in good]
    mean = math.fsum(found) / len(found) if found else 0.0
    # Optuna takes the logarithm of a weight.
    return [max(each / mean, LEAST_WEIGHT) for each in found] if mean > 0 else []


def _value(trial: FrozenTrial) -> float:
    return math.nan if trial.value is None else trial.value


def _asked(trial: optuna.Trial, spec: SweepSpec, axes: Mapping[str, "_Axis"]) -> dict[str, Value]:
    """Returns the params that the model proposes: one parameter after the other, where they decide what applies."""
    found: dict[str, Value] = {}
    while (name := spec.space.applying(found)) is not None:
        found[name] = axes[name].value(_suggested(trial, name, axes[name].distribution))
    return {name: found[name] for name in spec.parameters if name in found}


def _suggested(trial: optuna.Trial, name: str, scale: BaseDistribution) -> Any:
    match scale:
        case FloatDistribution():
            return trial.suggest_float(name, scale.low, scale.high, log=scale.log)
        case IntDistribution():
            return trial.suggest_int(name, scale.low, scale.high, log=scale.log)
        case CategoricalDistribution():
            return trial.suggest_categorical(name, scale.choices)
    raise TypeError(f"no parameter has a {type(scale).__name__}")


def _seed(seed: int, round_number: int) -> int:
    """Returns the round's own seed, hashed, since neighbouring seeds must not share streams."""
    return int.from_bytes(hashlib.sha256(f"{seed}:{round_number}".encode()).digest()[:4], "big")


def _told_before(spec: SweepSpec) -> list[FrozenTrial]:
    """Returns the Optuna trials of what earlier sweeps found. One that ended on a lower rung was pruned there."""
    axes = _axes(spec)
    found = []
    for each in spec.known:
        is_whole = each.value is not None and each.epochs == spec.epochs
        found.append(
            optuna.trial.create_trial(
                state=TrialState.COMPLETE if is_whole else TrialState.PRUNED,
                value=each.value if is_whole else None,
                params={name: axes[name].told(value) for name, value in each.params.items()},
                distributions={name: axes[name].distribution for name in each.params},
                intermediate_values={} if is_whole or each.value is None else {each.epochs: each.value},
            )
        )
    return found


def told(spec: SweepSpec, group: Group) -> FrozenTrial:
    """Returns the Optuna trial for a group of trials of a round."""
    diverged = any(result.outcome.status is Status.INVALID for result in group.results)
    return _frozen(
        spec, _axes(spec), group.params, rung=group.rung, value=group.value, diverged=diverged,
        by_objective=group.by_objective,
    )  # fmt: skip


def _told_of(spec: SweepSpec, axes: Mapping[str, "_Axis"], candidate: Candidate) -> FrozenTrial:
    """Returns the Optuna trial for a candidate of a free-running search that has an outcome: what it reached last."""
    if candidate.ended:
        # As Optuna's own median pruner would leave it: TPE ranks it behind those that were trained to the end.
        return optuna.trial.create_trial(
            state=TrialState.PRUNED,
            params={name: axes[name].told(value) for name, value in candidate.params.items()},
            distributions={name: axes[name].distribution for name in candidate.params},
            intermediate_values={candidate.ended.epoch: candidate.ended.value},
        )
    rung, last = len(candidate.reached) - 1, candidate.reached[-1]
    return _frozen(
        spec, axes, candidate.params, rung=rung, value=last.value, diverged=last.diverged,
        by_objective=last.by_objective,
    )  # fmt: skip


def _frozen(
    spec: SweepSpec,
    axes: Mapping[str, "_Axis"],
    params: Mapping[str, Value],
    *,
    rung: int,
    value: float | None,
    diverged: bool,
    by_objective: Sequence[float],
) -> FrozenTrial:
    """Returns the Optuna trial of params that have ended on a rung.

    - A group trained to the end has its value, or that of each of several objectives.
    - A group on a lower rung is pruned there. TPE ranks it behind the others, by rung and then by value
      (`optuna/samplers/_tpe/sampler.py`, `_split_pruned_trials`).
    - A diverged group is pruned before its first value, which TPE ranks last. The params are to blame, and without that
      the model would propose them again. This needs no invented value.
    - A group without metrics has failed, and TPE ignores it: a lost machine says nothing about the params.
    """
    reached: dict[int, float] = {}
    if value is None:
        state = TrialState.PRUNED if diverged else TrialState.FAIL
    elif rung < len(spec.rungs) - 1:
        state, reached = TrialState.PRUNED, {spec.rungs[rung]: value}
    else:
        state = TrialState.COMPLETE
    return optuna.trial.create_trial(
        state=state,
        values=None if state is not TrialState.COMPLETE or value is None else list(by_objective) or [value],
        params={name: axes[name].told(each) for name, each in params.items()},
        distributions={name: axes[name].distribution for name in params},
        intermediate_values=reached,
    )


UNORDERED = 10
"""Up to so many choices the model takes a list of numbers as unordered. Its kernel over a few places is so wide that it
hardly tells neighbours apart: on eleven public tables, none with longer lists, it finds better params without the order
(docs/search.md)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Axis:
    """A parameter in the model's form.

    Attributes:
        told: converts a value to the model's form.
        value: converts the model's proposal to a value.
    """

    distribution: BaseDistribution
    told: Callable[[Any], Any]
    value: Callable[[Any], Value]


def _axes(spec: SweepSpec) -> dict[str, _Axis]:
    return {name: _axis(parameter) for name, parameter in spec.parameters.items()}


def _axis(parameter: Parameter) -> _Axis:
    """Returns the model's form of a parameter: numbers are ordered, also those of a long list; others are not."""
    match parameter:
        case Range() if parameter.log and parameter.kind is Kind.INT:
            scale = IntDistribution(int(parameter.low), int(parameter.high), log=True)
            return _Axis(distribution=scale, told=_itself, value=parameter.nearest)
        case Range() if not parameter.is_listed:
            continuous = FloatDistribution(parameter.low, parameter.high, log=parameter.log)
            return _Axis(distribution=continuous, told=_itself, value=parameter.nearest)
        case Range():
            places = IntDistribution(0, parameter.size - 1)
            return _Axis(distribution=places, told=parameter.index_of, value=parameter.value_at)
        case _ if len(parameter) > UNORDERED and all(map(is_number, parameter)):
            return _listed(sorted(parameter, key=_number), IntDistribution(0, len(parameter) - 1))
        case _:
            # Places, since Optuna stores no lists, and takes true for 1.
            return _listed(parameter, CategoricalDistribution(range(len(parameter))))


def _listed(choices: Sequence[Value], places: BaseDistribution) -> _Axis:
    place_of = {canonical(choice): place for place, choice in enumerate(choices)}
    return _Axis(distribution=places, told=lambda value: place_of[canonical(value)], value=choices.__getitem__)


def _number(choice: Value) -> int | float:
    return choice if is_number(choice) else math.nan


def _itself(value: Any) -> Any:
    return value
