"""Shows how a sweep stands or ended: its winner or front, what it cost, and how to go on."""

from collections.abc import Mapping, Sequence
from datetime import timedelta

from rich.filesize import decimal
from rich.table import Table
from rich.text import Text

from stepsweep.bucket.stores import Home
from stepsweep.client.pictures.terminal import curves, heatmap
from stepsweep.client.running.stopping import Stopped
from stepsweep.client.terminal.leaderboard import MAX_ROWS, show_failures, show_leaderboard, told_apart
from stepsweep.client.terminal.trial_table import differing
from stepsweep.client.terminal.view import View
from stepsweep.contract.ahead import behind, significantly_better, tested
from stepsweep.contract.artifacts import NONE
from stepsweep.contract.described import (
    assignments,
    between,
    described,
    number_of,
    shown_value,
    some,
    usd_text,
    values_text,
)
from stepsweep.contract.keys import leaderboard_key
from stepsweep.contract.leaderboard import Row, equal_to_first, without_effect
from stepsweep.contract.metrics import Metrics
from stepsweep.contract.note import Note
from stepsweep.contract.output import Cost, Output, Place
from stepsweep.contract.spec import SweepSpec
from stepsweep.contract.standing import Standing
from stepsweep.contract.words import options_line

NOT_ALL_KEPT = (
    "         More than that are left, and are not kept: name fewer in `artifacts`, or put them into one archive"
)


def show_standing(
    view: View,
    standing: Standing,
    *,
    objects: Home,
    where: str,
    is_on_aws: bool,
    curve: Metrics | None = None,
    command: Sequence[str] = (),
    hint: str = "",
) -> None:
    """Shows the state of a sweep, finished or not.

    Args:
        where: the options of the sweep's cloud, to append to a command.
        is_on_aws: whether the jobs cost money.
        curve: the winner's metrics, if known.
        command: the command line of the winner's first trial, if it runs a script.
        hint: what to do about the reasons of failures, if that is known.
    """
    spec = standing.spec
    view.line(f"Sweep {spec.name}: {described(spec)}.")
    if standing.is_finished:
        show_result(
            view,
            spec,
            standing.rows,
            standing.output,
            objects=objects,
            where=where,
            is_on_aws=is_on_aws,
            curve=curve,
            command=command,
            hint=hint,
        )
        return
    view.line("It runs." if standing.executions else "It was interrupted: it is neither running nor finished.")
    view.line(
        f"{standing.ended:,} of {number_of(standing.planned, 'trial')} ended." if standing.planned else "Not planned."
    )
    for arn in standing.executions:
        view.copyable(f"Execution {arn}", "dim")
    show_leaderboard(view, spec, standing.rows, rest="so far")
    show_failures(view, standing.rows, hint)
    if not standing.executions:
        view.line()
        view.line("Finished trials are kept. To continue:")
        view.copyable(f"  sweep resume {spec.name}{where}")


def show_result(
    view: View,
    spec: SweepSpec,
    rows: Sequence[Row],
    output: Output | None,
    *,
    objects: Home,
    where: str,
    is_on_aws: bool,
    curve: Metrics | None = None,
    command: Sequence[str] = (),
    hint: str = "",
) -> None:
    """Shows the leaderboard of a sweep, its winner or front if it has one, and why trials did not succeed.

    Args:
        where: the options of the sweep's cloud, to append to a command.
    """
    show_leaderboard(view, spec, rows, rest=f"in {objects}/{leaderboard_key(spec.name)}")
    show_failures(view, rows, hint)
    if output is not None:
        if output.winner is not None:
            if view.console.is_terminal:
                _pictures(view, spec, rows, curve)
            _winner(view, spec, output, output.winner, rows, command)
        else:
            show_front(view, spec, rows)
        if names := without_effect(rows, spec):
            metrics = " and ".join(objective.metric for objective in spec.objectives)
            it = "it" if len(names) == 1 else "them"
            view.line(
                f"Same     {', '.join(names)} made no difference to {metrics}, to the last digit; check that the "
                f"script reads {it}",
                "yellow",
            )
    view.line()
    if output is not None:
        if output.ended_by:
            view.line(f"Ended    {output.ended_by}", "yellow")
        view.line(f"Trials   {_counted(output.outcomes)}")
        view.line(f"Jobs     {_spent(output.cost, on_aws=is_on_aws)}")
        _artifacts(view, spec, output, where)
    elif (untried := spec.number_of_trials - sum(row.n for row in rows)) > 0:
        view.line(f"Untried  {number_of(untried, 'trial')}: the search ended before", "yellow")
    view.copyable(f"Results  {objects}/{leaderboard_key(spec.name)}")


def show_stopped(view: View, stopped: Stopped, name: str, *, where: str) -> None:
    """Shows the result of stopping a sweep."""
    if stopped.left:
        return
    if not stopped.executions and not stopped.jobs:
        view.line(f"{name} does not run.")
        return
    what = f"{number_of(len(stopped.executions), 'execution')} and {number_of(len(stopped.jobs), 'job')}"
    view.line(f"Stopped {what}; nothing of {name} runs.")
    if stopped.executions:
        view.line("Finished trials are kept. To continue:")
        view.copyable(f"  sweep resume {name}{where}")


def show_note(view: View, note: Note) -> None:
    """Shows what a person has written about a sweep, if anything."""
    if note.fault:
        view.copyable(f"Note     {note.fault}", "yellow")
    for number, line in enumerate(note.text.splitlines()):
        view.copyable(f"{'' if number else 'Note':<9}{line}")


def show_front(view: View, spec: SweepSpec, rows: Sequence[Row]) -> None:
    """Shows the trials of the first Pareto front, of which none wins."""
    there = [row for row in rows if row.rank == 1]
    what = ", ".join(f"{each.metric} ({each.direction})" for each in spec.objectives)
    view.line()
    view.copyable(
        Text.assemble(("Front    ", "bold"), f"{number_of(len(there), 'trial')} that no other trial beats in {what}")
    )
    for row in there[:MAX_ROWS]:
        view.copyable(
            Text.assemble("         ", (options_line(row.params), "bold green"), f"  {values_text(row.by_objective)}")
        )
    if len(there) > MAX_ROWS:
        view.line(f"         … and {len(there) - MAX_ROWS:,} more")


def _winner(
    view: View, spec: SweepSpec, output: Output, winner: Place, rows: Sequence[Row], command: Sequence[str]
) -> None:
    metric = spec.objective.metric
    value = f"{metric} {shown_value(winner.value)}"
    if winner.n > 1 and winner.standard_error is not None:
        value += f" ± {shown_value(winner.standard_error, digits=2)}, the mean of {winner.n} and its standard error"
    elif spec.epochs > 1:
        value += f" at epoch {winner.epoch}"
    view.line()
    view.copyable(Text.assemble(("Winner   ", "bold"), (winner.options, "bold green"), f"  {value}"))
    if output.fewer_epochs:
        view.line(f"         {output.fewer_epochs}", "yellow")
    accuracy = (output.summary or {}).get("test_accuracy")
    if isinstance(accuracy, float):
        view.line(f"         test_accuracy {shown_value(accuracy)}, at the epoch with the lowest val_loss")
    if len(devices := (output.summary or {}).get("devices") or ()) > 1:
        view.line(f"         trained on {', then '.join(map(str, devices))}, which give other last digits")
    differ = differing([row.texts for row in rows])
    if winner.n > 1 and output.ties:
        those = some([f"{assignments(tie.params)} (p {tie.p_value:.2g})" for tie in output.ties])
        view.line(f"Ties     a t-test of the {tested(spec)} does not tell them from the winner: {those}")
    elif winner.n > 1 and (better := significantly_better(spec, rows)):
        view.line(f"         {better}")
    elif winner.n == 1 and (ties := equal_to_first(rows)):  # the execution's output has only the first ties
        those = some([told_apart(tie, differ) for tie in ties])
        view.line(f"Tie      the same value, but at a later epoch, or later in the plan: {those}")
    elif (second := next((row for row in rows if row.rank == 2), None)) and second.value is not None:
        value = f"{metric} {shown_value(second.value)}{behind(spec, rows[0], second)}"
        view.line(f"Second   {told_apart(second, differ)}  {value}")
    if command:
        view.copyable(f"Command  {' '.join(command)}")
        if winner.n > 1:
            view.line(f"         of the first of its {winner.n} trials")


def _pictures(view: View, spec: SweepSpec, rows: Sequence[Row], curve: Metrics | None) -> None:
    """Shows a heatmap of two parameters and the winner's curve, on a terminal only."""
    map_of_values = heatmap(spec, rows)
    if map_of_values is not None and view.console.measure(map_of_values).maximum <= view.console.width:
        view.line()
        view.console.print(map_of_values)
    if curve is not None and curve.epochs > 1:
        table = Table.grid(padding=(0, 2, 0, 0))
        for name, first, line, last in curves(curve):
            table.add_row(Text(name, "dim"), Text(first, justify="right"), Text(line, "cyan"), last)
        view.line()
        view.line(f"The winner's {curve.epochs:,} epochs", "dim")
        view.console.print(table)


def _artifacts(view: View, spec: SweepSpec, output: Output, where: str) -> None:
    """Shows how to get the files of the winner or the front, or that none of those that the spec names is there."""
    if output.front:
        kept_ones = [each.artifacts for each in output.front.trials if each.artifacts]
        if kept_ones:
            files, size = sum(each.files for each in kept_ones), sum(each.bytes for each in kept_ones)
            what = f"{number_of(files, 'file')} of {output.front.which}, {decimal(size)}"
            view.copyable(f"Files    {what}: sweep download {spec.name}{where}")
            if any(each.is_partial for each in kept_ones):
                view.line(NOT_ALL_KEPT, "yellow")
        elif spec.artifacts and spec.keep_artifacts != NONE:
            view.copyable(f"Files    none: {output.front.which} left no {', '.join(spec.artifacts)}", "yellow")
    elif kept := output.artifacts:
        what = f"{number_of(kept.files, 'file')} of the winner, {decimal(kept.bytes)}"
        view.copyable(f"Files    {what}: sweep download {spec.name}{where}")
        if kept.is_partial:
            view.line(NOT_ALL_KEPT, "yellow")
    elif spec.artifacts and spec.keep_artifacts != NONE:
        why = f"`sweep logs {spec.name} 1{where}` says why"
        view.copyable(f"Files    none: the winner left no {', '.join(spec.artifacts)}; {why}", "yellow")


def _counted(outcomes: Mapping[str, int]) -> str:
    return ", ".join(f"{number:,} {status}" for status, number in outcomes.items() if number)


def _spent(cost: Cost, *, on_aws: bool) -> str:
    """Returns the time of the jobs, and their cost on AWS."""
    took = f"{timedelta(seconds=round(cost.job_seconds))} in all"
    return (
        f"{took}, {between(usd_text(cost.usd_estimate), usd_text(cost.usd_at_most))} USD by estimate"
        if on_aws
        else took
    )
