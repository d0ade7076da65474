"""From a spec, or a sweep's name, to an exit code: run a sweep, start one, watch one, however it ends."""

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from stepsweep.client.archive.recorded import Archive
from stepsweep.client.cli.exit_code import ExitCode
from stepsweep.client.cli.interrupts import signals_interrupt
from stepsweep.client.clouds.ahead import Ahead
from stepsweep.client.clouds.cloud import Cloud
from stepsweep.client.deployment import CloudError
from stepsweep.client.operations.start import POLL_SECONDS, begin, check_it_does_not_run, followed
from stepsweep.client.running.control import Control, Found, archive_of
from stepsweep.client.running.execution import RUNNING, Ending, Execution
from stepsweep.client.terminal.live import Following
from stepsweep.client.terminal.view import View
from stepsweep.client.words import described, readable
from stepsweep.contract.errors import SweepError
from stepsweep.contract.spec import SweepSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """How a command ended that runs, starts or watches a sweep.

    Attributes:
        document: what `--json` prints: the execution's output and its status, or why there is no output.
        faults: what is wrong, in lines.
    """

    code: ExitCode
    document: dict[str, Any]
    faults: list[str]


def run_sweep(spec: SweepSpec, cloud: Cloud, view: View, ahead: Ahead) -> Ran:
    """Starts a sweep and shows how it goes until it has ended, or a person ends the showing.

    Args:
        ahead: what is under way for it.

    Raises:
        InvalidInput: a sweep of this name runs.
        SweepError: the cloud failed.
        KeyboardInterrupt: ended before anything was started.
    """
    view.line(f"Sweep {spec.name}: {described(spec)}.")
    execution = ending = None
    is_planned = True
    with signals_interrupt(), contextlib.ExitStack() as until_it_is_down, cloud.starting(view.status) as started:
        ahead.check(cloud, spec, view.status)
        try:
            with cloud.opened(view.status, ahead.machines) as deployment:
                control, archive = Control(deployment), archive_of(deployment)
                try:
                    check_it_does_not_run(control, spec.name, cloud)
                    execution = control.start(spec)
                    cloud.remember_trainer(spec.name)
                    started()
                    ending = _followed(execution, view, cloud)
                except KeyboardInterrupt:
                    if execution is None:
                        raise
                    if cloud.is_local:
                        view.status("Stopping …")
                        execution.stop()
                        is_planned = archive.records.spec(spec.name) is not None
                else:
                    _show_results(view, archive, cloud, spec, ending)
                    if deployment.is_ours:
                        _wait_for_others(until_it_is_down, control, cloud, view)
        except SweepError:
            if execution and not ending and not cloud.is_local:
                say_it_goes_on(view, spec.name, cloud)
            raise
    if ending is None and not cloud.is_local:
        say_it_goes_on(view, spec.name, cloud)
    elif ending is None:
        view.line()
        view.line(
            "Stopped. Finished trials are kept, and the sweep goes on with"
            if is_planned
            else "Stopped before a trial was planned: start it again."
        )
        if is_planned:
            view.copyable(f"  sweep resume {spec.name}{cloud.where}")
    return _ran(execution, ending, status="INTERRUPTED" if cloud.is_local else RUNNING)


def start_sweep(spec: SweepSpec, cloud: Cloud, view: View) -> Ran:
    """Starts a sweep and returns when its trials are planned; it goes on without us.

    Raises:
        InvalidInput: a sweep of this name runs.
        SweepError: the cloud failed.
        KeyboardInterrupt: ended before anything was started.
    """
    view.line(f"Sweep {spec.name}: {described(spec)}.")
    ending = None
    with signals_interrupt():
        control, execution = begin(spec, cloud, view.status)
        code = ExitCode.OK
        try:
            following = Following(view, spec)
            for progress in execution.follow(poll_seconds=POLL_SECONDS[cloud.on]):
                following.update(progress)
                if progress.planned is not None and progress.to_run and progress.status == RUNNING:
                    break
            else:
                ending = execution.ending()
        except KeyboardInterrupt:
            code = ExitCode.INTERRUPTED
        except SweepError:
            say_it_goes_on(view, spec.name, cloud)
            raise
        if ending is not None:
            _show_results(view, archive_of(control.deployment), cloud, spec, ending)
            return _ran(execution, ending)
    say_it_goes_on(view, spec.name, cloud)
    document = {"sweep": spec.name, "execution_arn": execution.arn, "status": RUNNING}
    return Ran(code=code, document=document, faults=[])


def watch_sweep(name: str, cloud: Cloud, view: View) -> Ran:
    """Shows how a sweep goes that was started elsewhere, until it has ended or a person ends the showing.

    Raises:
        InvalidInput: there is no such sweep.
        SweepError: the cloud failed.
    """
    execution = None
    with signals_interrupt():
        try:
            found = cloud.looked_at()
            execution = found.execution(name)
            if execution is None:
                return _at_rest(found, name, cloud, view)
            view.line(f"Sweep {name}: {described(execution.spec)}.")
            ending = _followed(execution, view, cloud)
            _show_results(view, found.archive, cloud, execution.spec, ending)
            return _ran(execution, ending)
        except CloudError:
            if not cloud.is_gone:
                raise
            # It ended with the sweep, or was killed: its records say which.
            return _at_rest(cloud.looked_at(), name, cloud, view)
        except KeyboardInterrupt:
            if execution is None:
                raise
    say_it_goes_on(view, name, cloud)
    return _ran(execution, None)


def say_it_goes_on(view: View, name: str, cloud: Cloud) -> None:
    where = ", on AWS" if not cloud.is_local else " in the background"
    view.line()
    view.line(f"The sweep goes on{where}. Look at it, or end it, with")
    for command in ("watch", "show", "stop"):
        view.copyable(f"  sweep {command} {name}{cloud.where}")


def _followed(execution: Execution, view: View, cloud: Cloud) -> Ending:
    if not cloud.is_local:
        view.copyable(f"Execution {execution.arn}\nConsole   {execution.console_url}", "dim")
    following = Following(view, execution.spec)
    with following.live():
        for progress in followed(execution, cloud, with_training=view.is_live):
            following.update(progress)
    return execution.ending()


def _show_results(view: View, archive: Archive, cloud: Cloud, spec: SweepSpec, ending: Ending) -> None:
    """Shows what there is: all of it where there is a winner, and why not where no trial succeeded."""
    if ending.output is not None or ending.error == "NoTrialSucceeded":
        rows = archive.leaderboard(spec)
        curve = archive.winner_s_curve(spec, rows)
        is_on_aws = not cloud.is_local
        view.result(spec, rows, ending.output, objects=archive.objects, is_on_aws=is_on_aws, curve=curve)


def _wait_for_others(until_it_is_down: contextlib.ExitStack, control: Control, cloud: Cloud, view: View) -> None:
    """Keeps the cloud up for the sweeps that others have started in it."""
    from stepsweep.client.clouds.background import wait_until_idle

    said: list[str] = []

    def say(running: Sequence[str]) -> None:
        if not said:
            names = ", ".join(arn.rpartition(":")[2] for arn in running)
            said.append(names)
            view.line(f"Other executions run in this cloud, and it ends with them: {names}. Ctrl-C ends them now.")

    wait_until_idle(until_it_is_down, cloud.directory, control, on_busy=say)


def _at_rest(found: Found, name: str, cloud: Cloud, view: View) -> Ran:
    """Shows a sweep that does not run, and how it ended."""
    standing = found.standing(name)
    curve = found.archive.winner_s_curve(standing.spec, standing.rows)
    view.standing(standing, objects=found.archive.objects, where=cloud.where, is_on_aws=not cloud.is_local, curve=curve)
    document = {"sweep": name, "execution_arn": None}
    if standing.output is not None:
        return Ran(code=ExitCode.OK, document={**document, "status": "SUCCEEDED", **standing.output}, faults=[])
    status = "FAILED" if standing.is_finished else standing.status
    return Ran(code=ExitCode.FAILED, document={**document, "status": status}, faults=[])


def _ran(execution: Execution, ending: Ending | None, *, status: str = RUNNING) -> Ran:
    """Returns how it ended; one without an ending is as `status` says."""
    known = {"sweep": execution.spec.name, "execution_arn": execution.arn}
    if ending is None:
        return Ran(code=ExitCode.INTERRUPTED, document={**known, "status": status}, faults=[])
    if ending.output is not None:
        return Ran(code=ExitCode.OK, document={**known, "status": ending.status, **ending.output}, faults=[])
    document = {**known, "status": ending.status, "error": ending.error, "cause": ending.cause}
    if ending.error == "InvalidSweep":  # the planner's: what it says is about the input, line by line
        return Ran(code=ExitCode.WRONG_INPUT, document=document, faults=readable(ending.cause))
    what = f"the execution {ending.status}" + (f": {ending.error}" if ending.error else "")
    return Ran(code=ExitCode.FAILED, document=document, faults=[what, *readable(ending.cause)])
