"""How much each parameter decides whether a trial is among the best, and how sure that is.

The measure is PED-ANOVA by Watanabe et al., IJCAI 2023 (https://arxiv.org/abs/2304.10255), as Optuna computes it; a
parameter that some trials lack counts where they have it (https://arxiv.org/abs/2601.20800).
"""

import warnings
from collections.abc import Sequence
from random import Random
from typing import TYPE_CHECKING

from stepsweep.contract.described import number_of
from stepsweep.contract.endings import Ending
from stepsweep.contract.leaderboard import Row
from stepsweep.contract.objective import Direction
from stepsweep.contract.space import Kind, Params, Range, canonical
from stepsweep.contract.spec import SweepSpec
from stepsweep.page.axes import axes
from stepsweep.page.gathered import Importance, Weight

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

Tried = Sequence[tuple[Params, float]]
"""Params with their value."""

LEAST = 10
"""Fewest trials. The method wants five among the best, and with fewer than ten these would be more than half."""
AMONG_THE_BEST = 5
BEST_SHARE = 0.1
"""Share of the trials that counts as the best; of few trials it is `AMONG_THE_BEST` of them."""

RESAMPLES = 40
"""How often the trials are drawn again, with replacement."""
MAX_TRIALS = 500
"""With more, every second, third … trial of the ranking is used: the resamples of 1,000 took 8 seconds of a core."""


def importance(spec: SweepSpec, rows: Sequence[Row], endings: Sequence[Ending]) -> Importance | None:
    """Returns the importance of the parameters; None if fewer than two vary, so that there is nothing to compare, and
    with several objectives, for each of which another parameter may matter.

    Args:
        rows: the leaderboard.
        endings: with halving, those on the first rung count: all trials were there, and values of other rungs do not
            compare.
    """
    names = [axis.name for axis in axes(spec, rows) if axis.varies]
    if len(names) < 2 or spec.has_front:
        return None
    tried: Tried
    if spec.halving:
        tried = [(each.params, each.value) for each in endings if each.rung == 0 and each.value is not None]
    else:
        tried = [(row.params, row.value) for row in rows if row.value is not None]
    if len(tried) < LEAST:
        # Without their number: while a sweep runs, a page has more of them before this is asked for again.
        return Importance(weights=(), said=f"The importance of parameters needs at least {LEAST} trials with a value.")
    after = f", by their values after {number_of(spec.rungs[0], 'epoch')}" if spec.halving else ""
    return _weighed(spec, names, tried, after)


def _weighed(spec: SweepSpec, names: Sequence[str], tried: Tried, after: str) -> Importance:
    ranked = sorted(tried, key=lambda each: spec.objective.rank(each[1]))
    trials = _as_optuna(spec, names, ranked[:: -(-len(ranked) // MAX_TRIALS)])
    shares = _shares(spec, names, trials)
    if not any(shares.values()):
        return Importance(weights=(), said="No parameter matters: the best trials are as all others are.")
    random = Random(f"importance of {spec.name}")  # noqa: S311  the same trials give the same picture
    resamples = [_shares(spec, names, random.choices(trials, k=len(trials))) for _ in range(RESAMPLES)]
    weights = []
    for name, share in shares.items():
        low, high = _middle([each[name] for each in resamples])
        weights.append(Weight(name=name, share=share, low=min(share, low), high=max(share, high)))
    weights.sort(key=lambda weight: -weight.share)
    return Importance(weights=tuple(weights), said=_said(weights, len(trials), after))


def _said(weights: Sequence[Weight], trials: int, after: str) -> str:
    first, second = weights[:2]
    if first.low > max(weight.high for weight in weights[1:]):
        return f"{first.name} decides most about which trials are among the best, before {second.name}{after}."
    return (
        f"{first.name} seems to matter most{after}, but the lines overlap, so {trials} trials are too few to be sure."
    )


def _middle(values: Sequence[float]) -> tuple[float, float]:
    """Returns the ends of the nine tenths in the middle."""
    outside = round(len(values) * 0.05)
    inside = sorted(values)[outside : len(values) - outside]
    return inside[0], inside[-1]


def _as_optuna(spec: SweepSpec, names: Sequence[str], tried: Tried) -> "list[FrozenTrial]":
    from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
    from optuna.trial import create_trial

    known: dict[str, BaseDistribution] = {}
    for name in names:
        parameter = spec.parameters[name]
        if not isinstance(parameter, Range):
            known[name] = CategoricalDistribution([canonical(choice) for choice in parameter])
        elif parameter.kind is Kind.INT:
            known[name] = IntDistribution(int(parameter.low), int(parameter.high), log=parameter.log)
        else:
            known[name] = FloatDistribution(parameter.low, parameter.high, log=parameter.log)
    trials = []
    for params, value in tried:
        there = [name for name in names if name in params]
        values = {
            name: params[name] if isinstance(spec.parameters[name], Range) else canonical(params[name])
            for name in there
        }
        trials.append(create_trial(params=values, distributions={name: known[name] for name in there}, value=value))
    return trials


def _shares(spec: SweepSpec, names: Sequence[str], trials: "Sequence[FrozenTrial]") -> dict[str, float]:
    """Returns each parameter's share; 0 for all if the best trials are as all others."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    maximizes = spec.objective.direction is Direction.MAXIMIZE
    study = optuna.create_study(direction="maximize" if maximizes else "minimize")
    study.add_trials(trials)
    share = max(BEST_SHARE, AMONG_THE_BEST / len(trials))
    evaluator = optuna.importance.PedAnovaImportanceEvaluator(target_quantile=share)
    with warnings.catch_warnings():  # about a parameter that very few trials have
        warnings.simplefilter("ignore")
        found = optuna.importance.get_param_importances(study, evaluator=evaluator, normalize=False)
    total = sum(found.values())
    return {name: found.get(name, 0.0) / total if total > 0 else 0.0 for name in names}
