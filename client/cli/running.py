"""Runs operations for commands: shows their events, and turns their ends into exit codes."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from stepsweep.client.archive.recorded import Archive
from stepsweep.client.cli.exit_code import ExitCode
from stepsweep.client.cli.interrupts import signals_interrupt
from stepsweep.client.clouds.ahead import Ahead
from stepsweep.client.clouds.cloud import Cloud
from stepsweep.client.clouds.hints import hint_of, reason_hint
from stepsweep.client.clouds.own_command import own_command
from stepsweep.client.operations import follow
from stepsweep.client.operations.events import AtRest, Begun, Ended, Event, GaveUp, GoesOn, Interrupted, Shared
from stepsweep.client.running.execution import Execution
from stepsweep.client.running.progress import RUNNING, Ending
from stepsweep.client.terminal.result import show_result, show_standing
from stepsweep.client.terminal.showing import OnTerminal
from stepsweep.client.terminal.view import View
from stepsweep.contract.described import described, readable, verb
from stepsweep.contract.errors import SweepError
from stepsweep.contract.spec import SweepSpec
from stepsweep.contract.standing import Standing


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """The end of a command that runs, starts or watches a sweep.

    Attributes:
        document: the document for `--json`: the execution's output and status, or why there is no output.
        faults: error messages, one per line.
    """

    code: ExitCode
    document: dict[str, Any]
    faults: list[str]


def run_sweep(
    spec: SweepSpec, cloud: Cloud, view: View, ahead: Ahead, *, keep_going: bool, keep_results: bool = False
) -> Ran:
    """Runs a sweep and shows its progress, until it ends or a person interrupts it.

    Raises:
        InvalidInput: the sweep is already running, or the trainer cannot run it.
        SweepError: the cloud failed.
        KeyboardInterrupt: interrupted before anything was started.
    """
    view.line(f"Sweep {spec.name}: {described(spec)}.")
    show = _Shown(view, cloud)
    return _ran(
        show,
        lambda: follow.run(spec, cloud, show, ahead, keep_going=keep_going, keep_results=keep_results),
        outlives_us=not cloud.is_local,
    )


def start_sweep(spec: SweepSpec, cloud: Cloud, view: View, *, keep_results: bool = False) -> Ran:
    """Starts a sweep that continues without this process, and returns when its trials are planned. Raises like
    `run_sweep`."""
    view.line(f"Sweep {spec.name}: {described(spec)}.")
    show = _Shown(view, cloud)
    return _ran(show, lambda: follow.start_and_plan(spec, cloud, show, keep_results=keep_results))


def watch_sweep(name: str, cloud: Cloud, view: View) -> Ran:
    """Shows the progress of a sweep that was started elsewhere, until it ends or a person ends the display.

    Raises:
        InvalidInput: there is no such sweep.
        SweepError: the cloud failed.
    """
    show = _Shown(view, cloud, has_title=False)
    return _ran(show, lambda: follow.watch(name, cloud, show))


class _Shown(OnTerminal):
    """Shows a sweep from its start to its results.

    Attributes:
        execution: the execution, once it has begun.
        has_ended: whether the execution has ended.
        listen: makes a signal interrupt the command, also if another one has before.
    """

    def __init__(self, view: View, cloud: Cloud, *, has_title: bool = True) -> None:
        super().__init__(view)
        self.cloud = cloud
        self.execution: Execution | None = None
        self.has_ended = False
        self.listen: Callable[[], None] = lambda: None
        self._has_title = has_title

    def __call__(self, event: Event) -> None:
        match event:
            case Begun(execution):
                self.execution = execution
                if not self._has_title:
                    self.view.line(f"Sweep {execution.spec.name}: {described(execution.spec)}.")
                if not self.cloud.is_local:
                    self.view.copyable(f"Execution {execution.arn}\nConsole   {execution.console_url}", "dim")
        super().__call__(event)
        match event:
            case Ended(execution, ending):
                self.has_ended = True
                self._results(execution, ending)
            case AtRest(standing, archive):
                self.has_ended = True
                self._standing(standing, archive)
            case GoesOn(execution):
                self.goes_on(execution.spec.name)
            case GaveUp(execution, have_metrics=have_metrics):
                self.has_ended = True
                self._gave_up(execution.spec.name, have_metrics=have_metrics)
            case Interrupted(execution, is_planned):
                self.has_ended = True
                self._interrupted(execution.spec.name, is_planned=is_planned)
            case Shared(names):
                self.listen()
                said = f"Other executions run in this cloud, and it ends with them: {', '.join(names)}."
                self.view.line(f"{said} Ctrl-C ends them now.")

    def _results(self, execution: Execution, ending: Ending) -> None:
        """Shows the results if there is a winner, or why no trial succeeded."""
        if ending.output is None and ending.error != "NoTrialSucceeded":
            return
        archive, spec = execution.recorded(), execution.spec
        rows = archive.leaderboard(spec)
        plan = execution.plan or archive.plan(spec)
        where, is_on_aws = self.cloud.where, not self.cloud.is_local
        # Without a winner, the faults have the hint.
        hint = hint_of(self.cloud, spec.name, rows) if ending.output else ""
        show_result(
            self.view,
            spec,
            rows,
            ending.output,
            objects=archive.objects,
            where=where,
            is_on_aws=is_on_aws,
            curve=archive.winner_s_curve(plan, rows),
            command=own_command(
                self.cloud, spec, plan.winner(rows) if plan else None, execution.deployment.trainer_command
            ),
            hint=hint,
        )

    def _standing(self, standing: Standing, archive: Archive) -> None:
        """Shows a sweep that is not running, and how it ended."""
        spec, plan = standing.spec, archive.plan(standing.spec)
        where, is_on_aws = self.cloud.where, not self.cloud.is_local
        show_standing(
            self.view,
            standing,
            objects=archive.objects,
            where=where,
            is_on_aws=is_on_aws,
            curve=archive.winner_s_curve(plan, standing.rows),
            command=own_command(self.cloud, spec, plan.winner(standing.rows) if plan else None),
            hint=hint_of(self.cloud, spec.name, standing.rows),
        )

    def goes_on(self, name: str) -> None:
        where = " in the background" if self.cloud.is_local else ", on AWS"
        self.view.line()
        self.view.line(f"The sweep continues{where}. To follow it, look at it or stop it:")
        for command in ("watch", "show", "stop"):
            self.view.copyable(f"  sweep {command} {name}{self.cloud.where}")

    def _interrupted(self, name: str, *, is_planned: bool) -> None:
        self.view.line()
        if not is_planned:
            self.view.line("Stopped before a trial was planned: start it again.")
            return
        self.view.line("Stopped. Finished trials are kept. To continue the sweep:")
        self.view.copyable(f"  sweep resume {name}{self.cloud.where}")

    def _gave_up(self, name: str, *, have_metrics: bool) -> None:
        self.view.line()
        what = "the objective" if have_metrics else "the command or the name of a parameter"
        again = ": trained trials are not trained again" if have_metrics else ""
        self.view.line("Stopped, since the others would probably fail too.")
        self.view.line(f"If {what} is wrong, run the sweep with the right one and another --name{again}.")
        self.view.line("After you have fixed the script:")
        self.view.copyable(f"  sweep resume {name}{self.cloud.where} --accept-trainer")
        self.view.line("Or to train the others without a fix:")
        self.view.copyable(f"  sweep resume {name}{self.cloud.where} --keep-going")


def _ran(
    show: _Shown, operation: Callable[[], Ended | AtRest | GoesOn | Interrupted | GaveUp], *, outlives_us: bool = True
) -> Ran:
    """Runs an operation and returns how it ended. Says if the sweep continues.

    Args:
        outlives_us: whether the sweep continues after an error or an interrupt.
    """
    try:
        with signals_interrupt() as show.listen, show:
            last = operation()
    except KeyboardInterrupt:
        if show.execution is None or show.has_ended:
            raise
        show.goes_on(show.execution.spec.name)
        return _unfinished(show.execution, RUNNING, ExitCode.INTERRUPTED)
    except SweepError:
        if show.execution is not None and not show.has_ended and outlives_us:
            show.goes_on(show.execution.spec.name)
        raise
    match last:
        case Ended(execution, ending):
            return _ended(execution, ending, show.cloud)
        case AtRest(standing):
            return _at_rest(standing)
        case GoesOn(execution):
            return _unfinished(execution, RUNNING, ExitCode.OK)
        case GaveUp(execution, failed, spared, reason):
            document = {"sweep": execution.spec.name, "execution_arn": execution.arn, "status": "INTERRUPTED"}
            left = f"{spared} {verb(spared, 'was', 'were')} not trained"
            fault = f"the first {failed} trials failed for the same reason, and {left}: {reason}"
            hint = reason_hint(show.cloud, execution.spec.name, [reason])
            return Ran(
                code=ExitCode.FAILED,
                document={**document, "reason": reason, "hint": hint or None},
                faults=[fault, *filter(None, [hint])],
            )
        case Interrupted(execution):
            return _unfinished(execution, "INTERRUPTED", ExitCode.INTERRUPTED)


def _unfinished(execution: Execution, status: str, code: ExitCode) -> Ran:
    document = {"sweep": execution.spec.name, "execution_arn": execution.arn, "status": status}
    return Ran(code=code, document=document, faults=[])


def _at_rest(standing: Standing) -> Ran:
    document = {"sweep": standing.spec.name, "execution_arn": None}
    if standing.output is not None:
        return Ran(
            code=ExitCode.OK, document={**document, "status": "SUCCEEDED", **standing.output.to_json()}, faults=[]
        )
    status = "FAILED" if standing.is_finished else standing.status
    return Ran(code=ExitCode.FAILED, document={**document, "status": status}, faults=[])


def _ended(execution: Execution, ending: Ending, cloud: Cloud) -> Ran:
    known = {"sweep": execution.spec.name, "execution_arn": execution.arn, "status": ending.status}
    if ending.output is not None:
        return Ran(code=ExitCode.OK, document={**known, **ending.output.to_json()}, faults=[])
    document = {**known, "error": ending.error, "cause": ending.cause}
    if ending.error == "InvalidSweep":  # the planner's cause lists the faults of the input, one per line
        return Ran(code=ExitCode.WRONG_INPUT, document=document, faults=readable(ending.cause))
    if ending.was_stopped:
        name, where = execution.spec.name, cloud.where
        goes_on = f"if it goes on, such as with another priority, `sweep watch {name}{where}` follows it"
        fault = (
            f"{name} was stopped by another command, or in the console; {goes_on}, else `sweep resume {name}{where}`"
        )
        return Ran(code=ExitCode.FAILED, document=document, faults=[fault])
    what = f"the execution {ending.status}" + (f": {ending.error}" if ending.error else "")
    is_said = ending.error == "NoTrialSucceeded"  # its cause begins with how many trials failed
    hint = reason_hint(cloud, execution.spec.name, [ending.cause])
    return Ran(
        code=ExitCode.FAILED,
        document={**document, "hint": hint or None},
        faults=[*([] if is_said else [what]), *readable(ending.cause), *filter(None, [hint])],
    )
