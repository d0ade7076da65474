"""The figures of one sweep: each reads what it shows, and draws that. `Sweep` says what is in them."""

from typing import TYPE_CHECKING

from stepsweep.client.api.results import Results
from stepsweep.client.archive.named import TrialName, trial_meant, words_of
from stepsweep.client.extras import need
from stepsweep.contract.described import assignments
from stepsweep.contract.errors import InvalidInput
from stepsweep.contract.space import shown
from stepsweep.contract.trial import Trial

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CURVES = 10
"""Default number of trials whose curves are drawn."""


def front(results: Results) -> "Figure":
    need("report", "plot_front()", ["matplotlib"])
    from stepsweep.client.pictures import front_figures

    return front_figures.front(results.spec, results.standing().rows)


def heatmap(results: Results, *, down: str | None, across: str | None) -> "Figure":
    need("report", "plot_heatmap()", ["matplotlib"])
    _one_value(results, "plot_heatmap()")
    from stepsweep.client.pictures.heatmap import heatmap

    return heatmap(results.spec, results.standing().rows, down=down, across=across)


def importance(results: Results) -> "Figure":
    need("report", "plot_importance()", ["matplotlib", "optuna"])
    _one_value(results, "plot_importance()")
    from stepsweep.client.pictures.search_figures import importance_of_parameters

    return importance_of_parameters(results.importance())


def best(results: Results, *, over: str) -> "Figure":
    need("report", "plot_best()", ["matplotlib"])
    _one_value(results, "plot_best()")
    from stepsweep.client.pictures.search_figures import best_so_far

    return best_so_far(results.course(), results.spec.objective, over=over, winner=results.first())


def slices(results: Results) -> "Figure":
    need("report", "plot_slices()", ["matplotlib", "optuna"])
    _one_value(results, "plot_slices()")
    from stepsweep.client.pictures import figures

    found = results.importance()
    names = [weight.name for weight in found.weights] if found else []
    return figures.slices(results.spec, results.standing().rows, names)


def ranks(results: Results) -> "Figure":
    need("report", "plot_ranks()", ["matplotlib"])
    _one_value(results, "plot_ranks()")
    from stepsweep.client.pictures import figures

    return figures.ranks(results.spec, results.standing().rows)


def parallel(results: Results) -> "Figure":
    need("report", "plot_parallel()", ["matplotlib"])
    _one_value(results, "plot_parallel()")
    from stepsweep.client.pictures.figures import parallel_coordinates

    return parallel_coordinates(results.spec, results.standing().rows)


def rungs(results: Results) -> "Figure":
    need("report", "plot_rungs()", ["matplotlib"])
    _one_value(results, "plot_rungs()")
    from stepsweep.client.pictures import search_figures

    return search_figures.rungs(results.course(), results.spec.objective, winner=results.first())


def curves(results: Results, trial: TrialName | None, *, top: int) -> "Figure":
    need("report", "plot_curves()", ["matplotlib"])
    if type(top) is not int or top < 1:
        raise InvalidInput([f"top: must be a number of trials, at least 1, got {shown(top)}"])
    from stepsweep.client.pictures.curve_figures import learning_curves

    name, rows, (plan, curves) = results.spec.name, results.standing().rows, results.curves()
    if plan is None:
        raise InvalidInput([f"the sweep {name} has no plan yet, and so no curves"])
    if trial is not None:
        chosen = [trial_meant(results.archive(), plan, words_of(trial))]
    else:
        chosen = [plan.trials[row.trial_id] for row in rows if row.trial_id in curves][:top]
    found = {_label(each): curves[each.trial_id] for each in chosen if each.trial_id in curves}
    if not found:
        raise InvalidInput([f"there is no curve of {_label(chosen[0]) if chosen else f'a trial of {name}'}"])
    return learning_curves(found, results.spec.objectives)


def _one_value(results: Results, what: str) -> None:
    spec = results.spec
    if spec.has_front:
        metrics = ", ".join(each.metric for each in spec.objectives)
        raise InvalidInput(
            [f"{what} shows one value, and {spec.name} has several objectives ({metrics}); plot_front() shows them"]
        )


def _label(trial: Trial) -> str:
    member = {name: value for name, value in trial.member.items() if name == "fold"}
    return assignments({**trial.params, **member})
