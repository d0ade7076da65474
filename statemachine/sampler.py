"""Lambda function "sample": the outcomes so far → the params that a model proposes for the next round.

The only function with third-party packages (Optuna, `sampler.lock`), so that the others need not load them. It keeps no
state: every round rebuilds the study from the results in the bucket. If it is killed and runs again, it writes the same
bytes.
"""

import hashlib
import os
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.exceptions import ExperimentalWarning
from optuna.trial import FrozenTrial, TrialState

from stepsweep.bucket.s3 import Bucket
from stepsweep.contract import keys
from stepsweep.contract.documents import RoundResults
from stepsweep.contract.results import Group, grouped
from stepsweep.contract.rounds import wanted_of_model
from stepsweep.contract.search import STARTUP
from stepsweep.contract.search_state import SearchState
from stepsweep.contract.space import Value, key_of
from stepsweep.contract.spec import SweepSpec
from stepsweep.statemachine import kept, optuna_trials
from stepsweep.statemachine.axes import Axis, axes_of
from stepsweep.statemachine.improvement import ByImprovement
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
    known = [*optuna_trials.of_earlier_sweeps(spec), *(optuna_trials.of_group(spec, group) for group in groups)]
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
    axes = axes_of(state.spec)
    known = optuna_trials.of_earlier_sweeps(state.spec)
    known += [
        optuna_trials.of_candidate(state.spec, axes, each) for each in state.candidates if each.ended or each.reached
    ]
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

    axes = axes_of(spec)
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


def _asked(trial: optuna.Trial, spec: SweepSpec, axes: Mapping[str, Axis]) -> dict[str, Value]:
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
