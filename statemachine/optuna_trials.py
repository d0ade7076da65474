"""What the model is told: the outcomes so far as trials of Optuna."""

from collections.abc import Mapping, Sequence

import optuna
from optuna.trial import FrozenTrial, TrialState

from stepsweep.contract.candidates import Candidate
from stepsweep.contract.results import Group
from stepsweep.contract.space import Value
from stepsweep.contract.spec import SweepSpec
from stepsweep.statemachine.axes import Axis, axes_of


def of_earlier_sweeps(spec: SweepSpec) -> list[FrozenTrial]:
    """Returns the Optuna trials of what earlier sweeps found. One that ended on a lower rung was pruned there."""
    axes = axes_of(spec)
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


def of_group(spec: SweepSpec, group: Group) -> FrozenTrial:
    """Returns the Optuna trial for a group of trials of a round."""
    return _frozen(
        spec, axes_of(spec), group.params, rung=group.rung, value=group.value, diverged=group.has_diverged,
        by_objective=group.by_objective,
    )  # fmt: skip


def of_candidate(spec: SweepSpec, axes: Mapping[str, Axis], candidate: Candidate) -> FrozenTrial:
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
    axes: Mapping[str, Axis],
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
