"""Output for people: lines and tables, in plain text if the output is not a terminal."""

import json
import shlex
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from rich.console import Console
from rich.filesize import decimal
from rich.table import Table
from rich.text import Text

from stepsweep.bucket.stores import Home
from stepsweep.client.archive.recorded import Entry
from stepsweep.client.checks.findings import Finding, State, one_line
from stepsweep.client.deployment import Deployment
from stepsweep.client.pictures.terminal import curves, heatmap
from stepsweep.client.running.stopping import Stopped
from stepsweep.client.terminal.trial_table import TrialRow, differing, plain_table, trial_table, width_of
from stepsweep.contract.artifacts import NONE
from stepsweep.contract.described import (
    MAX_NAMED,
    assignments,
    between,
    described,
    number_of,
    printable,
    shown_value,
    some,
    usd_text,
    values_text,
)  # fmt: skip
from stepsweep.contract.keys import leaderboard_key
from stepsweep.contract.leaderboard import Row, without_effect
from stepsweep.contract.metrics import Metrics
from stepsweep.contract.note import Note, first_line
from stepsweep.contract.objective import When
from stepsweep.contract.output import Cost, Output, Place
from stepsweep.contract.significance import difference
from stepsweep.contract.spec import SweepSpec
from stepsweep.contract.standing import Standing
from stepsweep.contract.words import options_line

MAX_ROWS = 30
NOT_ALL_KEPT = (
    "         More than that are left, and are not kept: name fewer in `artifacts`, or put them into one archive"
)
MAX_REASONS = 10
STATE_STYLES = {State.OK: "green", State.WARNING: "yellow", State.PROBLEM: "bold red", State.UNKNOWN: "yellow"}
ENTRY_STYLES = {"FINISHED": "green", "RUNNING": "bold", "INTERRUPTED": "yellow", "UNREADABLE": "red"}
PLAIN_WIDTH = 10_000
"""Width of output that is not a terminal: no line is cut or wrapped, so that grep and awk find whole lines."""


class View:
    """Writes to one console."""

    def __init__(self, *, to_stderr: bool = False) -> None:
        self.console = Console(stderr=to_stderr, highlight=False, markup=False, emoji=False)
        self.is_live = self.console.is_terminal and not self.console.is_dumb_terminal
        if not self.console.is_terminal:
            self.console.width = PLAIN_WIDTH

    def line(self, text: str | Text = "", style: str = "") -> None:
        """Writes a line, wrapped between words on a narrow terminal."""
        self.console.print(Text(printable(text), style=style) if isinstance(text, str) else text)

    def copyable(self, text: str | Text, style: str = "") -> None:
        """Writes a line that a person may copy, such as a command or a path, without wrapping it."""
        self.console.print(Text(printable(text), style=style) if isinstance(text, str) else text, soft_wrap=True)

    def status(self, text: str) -> None:
        self.line(text, "dim")

    def table(self, table: Table) -> None:
        if self.console.is_terminal:
            self.console.print(table)
            return
        with self.console.capture() as capture:
            self.console.print(table)
        for line in capture.get().splitlines():
            self.line(line.rstrip())

    # --- a cloud

    def serving(self, deployment: Deployment, environment: Mapping[str, str], *, is_ours: bool) -> None:
        """Shows how to use a running embedded cloud."""
        self.line("The embedded cloud is up; Ctrl-C ends it." if is_ours else "Another process keeps this cloud up.")
        self.line()
        self.copyable(f"Endpoint       {environment['AWS_ENDPOINT_URL']}")
        self.copyable(f"State machine  {deployment.state_machine_arn}")
        self.copyable(f"Objects        {deployment.objects}")
        self.line()
        self.line("`sweep run` and `sweep show` use it, given the same --dir. Any AWS tool does with")
        self.line()
        for name, value in environment.items():
            self.copyable(f"export {name}={shlex.quote(value)}")
        example = {"parameters": {"lr": [0.1, 0.01]}, "fixed": {"dataset": "fashion-mnist"}, "epochs": 1}
        self.line()
        self.copyable(
            f"aws stepfunctions start-execution --state-machine-arn {deployment.state_machine_arn} "
            f"--name first --input {shlex.quote(json.dumps(example))}"
        )

    # --- checks

    def findings(self, findings: Sequence[Finding]) -> None:
        """Shows one line per finding, and below it what to do."""
        for finding in findings:
            state = Text(f"{finding.state:<8}", style=STATE_STYLES[finding.state])
            self.copyable(Text.assemble(state, f"{finding.check}: {one_line(finding.found)}"))
            if finding.remedy:
                self.copyable(f"{'':<8}  -> {one_line(finding.remedy)}", "dim")

    # --- after a sweep

    def standing(
        self, standing: Standing, *, objects: Home, where: str, is_on_aws: bool, curve: Metrics | None = None
    ) -> None:
        """Shows the state of a sweep, finished or not.

        Args:
            where: the options of the sweep's cloud, to append to a command.
            is_on_aws: whether the jobs cost money.
            curve: the winner's metrics, if known.
        """
        spec = standing.spec
        self.line(f"Sweep {spec.name}: {described(spec)}.")
        if standing.is_finished:
            self.result(
                spec, standing.rows, standing.output, objects=objects, where=where, is_on_aws=is_on_aws, curve=curve
            )
            return
        self.line("It runs." if standing.executions else "It was interrupted: it is neither running nor finished.")
        self.line(f"{standing.ended:,} of {standing.planned:,} trials ended." if standing.planned else "Not planned.")
        for arn in standing.executions:
            self.copyable(f"Execution {arn}", "dim")
        self.leaderboard(spec, standing.rows, rest="so far")
        self.failures(standing.rows)
        if not standing.executions:
            self.line()
            self.line("Finished trials are kept. To continue:")
            self.copyable(f"  sweep resume {spec.name}{where}")

    def note(self, note: Note) -> None:
        """Shows what a person has written about a sweep, if anything."""
        if note.fault:
            self.copyable(f"Note     {note.fault}", "yellow")
        for number, line in enumerate(note.text.splitlines()):
            self.copyable(f"{'' if number else 'Note':<9}{line}")

    def entries(self, entries: Sequence[Entry], *, objects: Home, where: str) -> None:
        """Shows the list of sweeps."""
        if not entries:
            self.line(f"There is no sweep in {objects} yet.")
            return
        for with_options, with_notes in ((True, True), (False, True), (False, False)):
            table = _entry_table(entries, with_options=with_options, with_notes=with_notes)
            if width_of(table) <= self.console.width:
                break
        self.table(table)
        if not with_notes:
            for entry in entries:
                if entry.note:
                    self.copyable(f"Note     {entry.sweep}: {first_line(entry.note)}")
        for entry in entries:
            if entry.fault:
                self.line()
                self.copyable(entry.fault)
        interrupted = [entry.sweep for entry in entries if entry.status == "INTERRUPTED"]
        if interrupted:
            self.line()
        for name in interrupted[:MAX_NAMED]:
            self.copyable(f"{name} was interrupted; continue with `sweep resume {name}{where}`")
        if len(interrupted) > MAX_NAMED:
            self.line(f"… and {len(interrupted) - MAX_NAMED:,} more were")

    def result(
        self,
        spec: SweepSpec,
        rows: Sequence[Row],
        output: Output | None,
        *,
        objects: Home,
        where: str,
        is_on_aws: bool,
        curve: Metrics | None = None,
    ) -> None:
        """Shows the leaderboard of a sweep, its winner or front if it has one, and why trials did not succeed.

        Args:
            where: the options of the sweep's cloud, to append to a command.
        """
        self.leaderboard(spec, rows, rest=f"in {objects}/{leaderboard_key(spec.name)}")
        self.failures(rows)
        if output is not None:
            if output.winner is not None:
                if self.console.is_terminal:
                    self._pictures(spec, rows, curve)
                self._winner(spec, output, output.winner, rows)
            else:
                self._front(spec, rows)
            if names := without_effect(rows):
                metrics = " and ".join(objective.metric for objective in spec.objectives)
                it = "it" if len(names) == 1 else "them"
                self.line(
                    f"Same     {', '.join(names)} made no difference to {metrics}, to the last digit; check that the "
                    f"script reads {it}",
                    "yellow",
                )
        self.line()
        if output is not None:
            if output.ended_by:
                self.line(f"Ended    {output.ended_by}", "yellow")
            self.line(f"Trials   {_counted(output.outcomes)}")
            self.line(f"Jobs     {_spent(output.cost, on_aws=is_on_aws)}")
            self._artifacts(spec, output, where)
        self.copyable(f"Results  {objects}/{leaderboard_key(spec.name)}")

    def _artifacts(self, spec: SweepSpec, output: Output, where: str) -> None:
        """Shows how to get the files of the winner or the front, or that none of those that the spec names is there."""
        if output.front:
            kept_ones = [each.artifacts for each in output.front.trials if each.artifacts]
            if kept_ones:
                files, size = sum(each.files for each in kept_ones), sum(each.bytes for each in kept_ones)
                what = f"{number_of(files, 'file')} of {output.front.which}, {decimal(size)}"
                self.copyable(f"Files    {what}: sweep download {spec.name}{where}")
                if any(each.is_partial for each in kept_ones):
                    self.line(NOT_ALL_KEPT, "yellow")
            elif spec.artifacts and spec.keep_artifacts != NONE:
                self.copyable(f"Files    none: {output.front.which} left no {', '.join(spec.artifacts)}", "yellow")
        elif kept := output.artifacts:
            what = f"{number_of(kept.files, 'file')} of the winner, {decimal(kept.bytes)}"
            self.copyable(f"Files    {what}: sweep download {spec.name}{where}")
            if kept.is_partial:
                self.line(NOT_ALL_KEPT, "yellow")
        elif spec.artifacts and spec.keep_artifacts != NONE:
            why = f"`sweep logs {spec.name} 1{where}` says why"
            self.copyable(f"Files    none: the winner left no {', '.join(spec.artifacts)}; {why}", "yellow")

    def stopped(self, stopped: Stopped, name: str, *, where: str) -> None:
        """Shows the result of stopping a sweep."""
        if stopped.left:
            return
        if not stopped.executions and not stopped.jobs:
            self.line(f"{name} does not run.")
            return
        what = f"{number_of(len(stopped.executions), 'execution')} and {number_of(len(stopped.jobs), 'job')}"
        self.line(f"Stopped {what}; nothing of {name} runs.")
        if stopped.executions:
            self.line("Finished trials are kept. To continue:")
            self.copyable(f"  sweep resume {name}{where}")

    def leaderboard(self, spec: SweepSpec, rows: Sequence[Row], *, rest: str) -> None:
        ranked = [row for row in rows if row.rank is not None]
        if not ranked:
            return
        of_several = ("std. error", "n") if spec.trials_each > 1 else ()
        # One epoch is a whole result: a score.
        ends = _ends(spec.objective.at.when, ranked) if spec.epochs > 1 and not spec.has_front else ()
        of_epochs = ("epoch", *ends, "trained") if spec.epochs > 1 else ()
        table_rows = []
        for row in ranked[:MAX_ROWS]:
            values = tuple(map(shown_value, row.objective_values))
            error = "" if row.standard_error is None else shown_value(row.standard_error, digits=2)
            spread = (error, str(row.n)) if of_several else ()
            known = {"best": row.best, "last": row.last}
            between = ("" if (end := known[name]) is None else shown_value(end) for name in ends)
            epochs = (str(row.epoch), *between, str(row.epochs_trained)) if of_epochs else ()
            style = "bold green" if row.rank == 1 else ""
            table_rows.append(
                TrialRow(lead=(str(row.rank),), params=row.texts, behind=(*values, *spread, *epochs), style=style)
            )
        behind = (*(each.metric for each in spec.objectives), *of_several, *of_epochs)
        self.line()
        differ = differing([row.texts for row in rows])
        self.trials(
            table_rows, lead=("front" if spec.has_front else "",), behind=behind, differ=differ, optional=of_epochs
        )
        if len(ranked) > MAX_ROWS:
            self.line(f"… and {len(ranked) - MAX_ROWS:,} more {rest}")

    def trials(
        self,
        rows: Sequence[TrialRow],
        *,
        lead: Sequence[str],
        behind: Sequence[str],
        differ: Sequence[str],
        optional: Sequence[str] = (),
    ) -> None:
        """Shows a table of trials, and below it what it has no room for since it is the same in all trials."""
        table, same = trial_table(self.console.width, rows, lead=lead, behind=behind, differ=differ, optional=optional)
        self.table(table)
        if same:
            self.line(f"All of these: {' '.join(f'{name}={text}' for name, text in same.items())}", "dim")

    def failures(self, rows: Sequence[Row]) -> None:
        """Shows why trials did not succeed, most frequent reason first, and names the trials."""
        failed: dict[tuple[str, str], list[str]] = {}
        differ = differing([row.texts for row in rows])
        for row in rows:
            if row.rank is None:
                failed.setdefault((row.status, row.reason), []).append(_told_apart(row, differ))
        if not failed:
            return
        table = Table.grid(padding=(0, 2, 0, 0))
        by_frequency = sorted(failed.items(), key=lambda item: -len(item[1]))
        for (status, reason), trials in by_frequency[:MAX_REASONS]:
            table.add_row(Text(f"{len(trials):,} {status}", style="bold red"), printable(reason))
            table.add_row("", Text(some(trials), style="dim"))
        self.line()
        self.table(table)
        if len(failed) > MAX_REASONS:
            rest = sum(len(trials) for _, trials in by_frequency[MAX_REASONS:])
            self.line(f"… and {number_of(rest, 'trial')} for other reasons")

    def _front(self, spec: SweepSpec, rows: Sequence[Row]) -> None:
        """Shows the trials of the first Pareto front, of which none wins."""
        there = [row for row in rows if row.rank == 1]
        what = ", ".join(f"{each.metric} ({each.direction})" for each in spec.objectives)
        self.line()
        self.copyable(
            Text.assemble(
                ("Front    ", "bold"), f"{number_of(len(there), 'trial')} that no other trial beats in {what}"
            )
        )
        for row in there[:MAX_ROWS]:
            self.copyable(
                Text.assemble(
                    "         ", (options_line(row.params), "bold green"), f"  {values_text(row.by_objective)}"
                )
            )
        if len(there) > MAX_ROWS:
            self.line(f"         … and {len(there) - MAX_ROWS:,} more")

    def _winner(self, spec: SweepSpec, output: Output, winner: Place, rows: Sequence[Row]) -> None:
        metric = spec.objective.metric
        value = f"{metric} {shown_value(winner.value)}"
        if winner.n > 1 and winner.standard_error is not None:
            value += f" ± {shown_value(winner.standard_error, digits=2)}, the mean of {winner.n} and its standard error"
        elif spec.epochs > 1:
            value += f" at epoch {winner.epoch}"
        self.line()
        self.copyable(Text.assemble(("Winner   ", "bold"), (winner.options, "bold green"), f"  {value}"))
        # From all rows: the execution's output has only the first ties.
        accuracy = (output.summary or {}).get("test_accuracy")
        if isinstance(accuracy, float):
            self.line(f"         test_accuracy {shown_value(accuracy)}, at the epoch with the lowest val_loss")
        if len(devices := (output.summary or {}).get("devices") or ()) > 1:
            self.line(f"         trained on {', then '.join(map(str, devices))}, which give other last digits")
        differ = differing([row.texts for row in rows])
        ties = [row for row in rows if row.value == winner.value and row.trial_id != winner.trial_id]
        if winner.n > 1:
            self._indistinguishable(output.ties, winner.n)
        elif ties:
            those = some([_told_apart(tie, differ) for tie in ties])
            self.line(f"Tie      the same value, at a later epoch or later in the plan: {those}")
        elif (second := next((row for row in rows if row.rank == 2), None)) and second.value is not None:
            distance = shown_value(abs(difference(winner.value, second.value)), digits=3)
            value = f"{metric} {shown_value(second.value)}, {distance} behind"
            self.line(f"Second   {_told_apart(second, differ)}  {value}")

    def _indistinguishable(self, ties: Sequence[Place], n: int) -> None:
        if ties:
            those = some([f"{assignments(tie.params)} (p {tie.p_value:.2g})" for tie in ties])
            self.line(f"Ties     a t-test of the {n} values does not tell them from the winner: {those}")
        else:
            self.line(f"         by a t-test of the {n} values each, better than all others")

    def _pictures(self, spec: SweepSpec, rows: Sequence[Row], curve: Metrics | None) -> None:
        """Shows a heatmap of two parameters and the winner's curve, on a terminal only."""
        map_of_values = heatmap(spec, rows)
        if map_of_values is not None and self.console.measure(map_of_values).maximum <= self.console.width:
            self.line()
            self.console.print(map_of_values)
        if curve is not None and curve.epochs > 1:
            table = Table.grid(padding=(0, 2, 0, 0))
            for name, first, line, last in curves(curve):
                table.add_row(Text(name, "dim"), Text(first, justify="right"), Text(line, "cyan"), last)
            self.line()
            self.line(f"The winner's {curve.epochs:,} epochs", "dim")
            self.console.print(table)


def serving_document(deployment: Deployment, environment: Mapping[str, str]) -> dict[str, Any]:
    """Returns the document of `sweep serve --json`."""
    return {
        "endpoint": environment["AWS_ENDPOINT_URL"],
        "environment": dict(environment),
        "state_machine_arn": deployment.state_machine_arn,
        "bucket": deployment.bucket,
        "objects": str(deployment.objects),
    }


def _entry_table(entries: Sequence[Entry], *, with_options: bool, with_notes: bool) -> Table:
    """Returns the table of sweeps; without options it has the winners' values alone."""
    head = "winner or front" if any(entry.front for entry in entries) else "winner"
    has_notes = with_notes and any(entry.note for entry in entries)
    table = plain_table("sweep", "started", "status", "trials", head, *(["note"] if has_notes else []))
    for column in table.columns:
        column.justify = "right" if column.header == "trials" else "left"
    table.columns[0].min_width = max(len(entry.sweep) for entry in entries)  # on a narrow terminal others are cut
    for entry in entries:
        trials = "" if entry.planned is None else f"{entry.ended:,}/{entry.planned:,}"
        options = f"{entry.options}  " if with_options else ""
        winner = f"{options}{entry.metric} {shown_value(entry.value)}" if entry.value is not None else ""
        if entry.front:
            winner = f"front of {number_of(entry.front, 'trial')}: {entry.metric}"
        elif entry.status == "FINISHED" and not winner:
            winner = "none: no trial succeeded" if with_options else "none"
        started = f"{entry.started_at.astimezone():%Y-%m-%d %H:%M}"
        status = Text(entry.status, style=ENTRY_STYLES[entry.status])
        note = [printable(first_line(entry.note))] if has_notes else []
        table.add_row(entry.sweep, started, status, trials, winner, *note)
    return table


def _told_apart(row: Row, differ: Sequence[str]) -> str:
    """Returns the params of a trial that differ between the trials."""
    return assignments({name: value for name, value in row.params.items() if name in differ})


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


def _ends(when: When, rows: Sequence[Row]) -> tuple[str, ...]:
    """Returns which of `best` and `last` the leaderboard shows beside the value: those that differ from it."""
    differ = {
        "best": any(row.best not in (None, row.value) for row in rows),
        "last": any(row.last not in (None, row.value) for row in rows),
    }
    return tuple(name for name in differ if differ[name] and name != when)
