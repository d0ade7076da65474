"""Shows the plan of a sweep: its rounds and trials, and what is known of its time and cost."""

from collections.abc import Sequence
from typing import Any

from stepsweep.client.operations.bill import bill_document, taken, usd_range
from stepsweep.client.operations.estimating import Estimate
from stepsweep.client.terminal.trial_table import TrialRow, differing, plain_table
from stepsweep.client.terminal.view import View
from stepsweep.contract import rounds
from stepsweep.contract.described import assignments, described, verb
from stepsweep.contract.search import STARTUP
from stepsweep.contract.space import Range
from stepsweep.contract.spec import SweepSpec
from stepsweep.contract.stop import Running
from stepsweep.contract.words import as_cells

MAX_ROWS = 20


def show_plan(
    view: View, spec: SweepSpec, estimate: Estimate, *, was_calibrated: bool = False, caveat: str = ""
) -> None:
    """Shows the trials of a spec.

    Args:
        was_calibrated: whether a trial was trained for the estimate.
        caveat: what its author may not know of the command.
    """
    schedule = rounds.schedule(spec)
    epochs = sum(each.epochs for each in schedule)
    _, most = rounds.at_most(spec)
    in_all = f": {epochs:,} epochs at most" if spec.epochs > 1 else ""
    if most > epochs:
        in_all = f": about {epochs:,} epochs in all, at most {most:,} if all trials are promoted"
    view.line(f"{described(spec)}{in_all}.")
    if caveat:
        view.line(caveat, "yellow")
    first = rounds.first_params(spec)
    for line in taken(spec, estimate, first=len(first)):
        view.line(line)
    if spec.fixed:
        view.line(f"Every trial: {assignments(spec.fixed)}")
    for name, parameter in spec.parameters.items():
        if isinstance(parameter, Range) and (last := parameter.value_at(parameter.size - 1)) < parameter.high:
            view.line(f"{name} ends at {last:g}: the next step would be above {parameter.high:g}.")
    if not spec.rounds:
        view.line("The next trial starts when one ends; no trial waits for a round.")
    if spec.warm_start:
        names = ", ".join(spec.warm_start)
        view.line(f"The model is told what other sweeps found ({names}), so it may propose other params than these.")
    if rules := spec.stop.rules:
        met = ", or ".join(f"{name} {value:g}" for name, value in rules.items())
        view.line(f"The search stops early at {met}{_then(spec)}.")
    if rule := spec.stop.median:
        view.line(
            f"A trial that is worse than the median of at least {rule.min_trials:,} completed ones is ended, at epoch "
            f"{rule.min_epochs:,} or later."
        )
    if len(schedule) > 1:
        view.line()
        _rounds(view, schedule, estimate, name="round" if spec.rounds else "rung")
    view.line()
    texts = [as_cells(params, spec.parameters) for params in first]
    rows = [TrialRow(lead=(str(n),), params=params, behind=()) for n, params in enumerate(texts[:MAX_ROWS], start=1)]
    view.trials(rows, lead=("",), behind=(), differ=differing(texts))
    if len(first) > MAX_ROWS:
        view.line(f"… and {len(first) - MAX_ROWS:,} more")
    for line in _more(spec, len(first)):
        view.line(line)
    view.line()
    view.line("Nothing else was started." if was_calibrated else "Nothing was started.")


def _more(spec: SweepSpec, shown: int) -> list[str]:
    """Says where the params come from that a search with a model begins after those shown."""
    if not spec.search.learns or not (more := spec.number_of_params - shown):
        return []
    if not spec.rounds or spec.warm_start:
        these = "these and of other sweeps" if spec.warm_start else "these"
        chosen = f"which a model chooses from the outcomes of {these}"
        return [f"… and {more:,} more, {chosen}; until {STARTUP} outcomes are known, they are drawn at random"]
    chosen, found = "which a model chooses from the outcomes of these", []
    if drawn := rounds.drawn_first(spec) - shown:
        are = verb(drawn, "is", "are")
        found = [f"… and {drawn:,} more, which {are} drawn at random, too: a model needs {STARTUP} outcomes"]
        chosen = "which a model chooses from the outcomes of all these"
    return found + ([f"… and {more - drawn:,} more, {chosen}"] if more > drawn else [])


def plan_document(spec: SweepSpec, estimate: Estimate) -> dict[str, Any]:
    """Returns the document of `sweep plan --json`."""
    schedule = rounds.schedule(spec)
    jobs, epochs = rounds.at_most(spec)
    return {
        "sweep": spec.name,
        "spec": spec.to_json(),
        **bill_document(spec, estimate),
        "trials": rounds.first_params(spec),
        "finished": estimate.finished,
        "jobs_at_most": jobs,
        "epochs_at_most": epochs,
        "rounds" if spec.rounds else "rungs": [
            {"jobs": each.trials, "epochs": each.epochs, "up_to": list(each.up_to)} for each in schedule
        ],
    }


def _then(spec: SweepSpec) -> str:
    """Returns what becomes of trials that run when the search stops; empty between rounds, when none does."""
    if spec.rounds:
        return ", looked at after each round"
    return "; trials that run then are ended" if spec.stop.running is Running.END else "; trials that run then finish"


def _rounds(view: View, schedule: Sequence[rounds.Round], estimate: Estimate, *, name: str) -> None:
    has_price = estimate.pace is not None
    table = plain_table(name, "jobs", "up to epoch", "epochs", *(["USD of trials"] if has_price else []))
    for number, each in enumerate(schedule[:MAX_ROWS]):
        usd = estimate.jobs_usd(each.epochs)
        up_to = ", ".join(map(str, each.up_to))
        price = [usd_range(usd)] if usd else []
        table.add_row(str(number), f"{each.trials:,}", up_to, f"{each.epochs:,}", *price)
    view.table(table)
    if len(schedule) > MAX_ROWS:
        view.line(f"… and {len(schedule) - MAX_ROWS:,} {name}s more")
