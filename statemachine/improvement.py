"""The model: Optuna's TPE, whose good trials count by how much better they are than the others."""

import math
from collections.abc import Sequence

import optuna
from optuna.distributions import BaseDistribution
from optuna.samplers import TPESampler
from optuna.samplers._tpe.parzen_estimator import _ParzenEstimator
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

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
