"""One `sweep run`: from a spec to an exit code, however it ends."""

import shlex
import sys
from dataclasses import dataclass
from typing import Any

from client.execution import Ending, Execution
from client.exit_code import ExitCode
from client.following import Following
from client.interrupts import signals_interrupt
from client.options import Cloud
from client.sweeps import Sweeps
from client.view import View, described, readable
from sweep.errors import SweepError
from sweep.spec import SweepSpec

POLL_SECONDS = {"local": 0.5, "aws": 5.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """How a run ended.

    Attributes:
        document: what `--json` prints: the execution's output and its status, or why there is no output.
        faults: what is wrong, in lines.
    """

    code: ExitCode
    document: dict[str, Any]
    faults: list[str]


def run_sweep(spec: SweepSpec, cloud: Cloud, view: View) -> Ran:
    """Starts a sweep and shows how it goes until it has ended, or a person ends the showing.

    Raises:
        SweepError: the cloud failed.
        KeyboardInterrupt: ended before anything was started.
    """
    view.line(f"Sweep {spec.name}: {described(spec)}.")
    execution = ending = None
    with signals_interrupt():
        try:
            with cloud.opened(view.status) as deployment:
                sweeps = Sweeps(deployment)
                try:
                    execution = sweeps.start(spec)
                    ending = _followed(execution, view, cloud)
                except KeyboardInterrupt:
                    if execution is None:
                        raise
                    if cloud.is_local:
                        view.status("Stopping …")
                        execution.stop()
                else:
                    _show_results(view, sweeps, spec, ending)
        except SweepError:
            if execution and not ending and not cloud.is_local:
                _say_how_to_go_on(view, execution, cloud)
            raise
    if ending is None:
        _say_how_to_go_on(view, execution, cloud)
    return _ran(execution, ending, cloud)


def _followed(execution: Execution, view: View, cloud: Cloud) -> Ending:
    if not cloud.is_local:
        view.copyable(f"Execution {execution.arn}\nConsole   {execution.console_url}", "dim")
    following = Following(view, execution.spec.objective)
    with following.live():
        for progress in execution.follow(poll_seconds=POLL_SECONDS[cloud.on]):
            following.update(progress)
    return execution.ending()


def _show_results(view: View, sweeps: Sweeps, spec: SweepSpec, ending: Ending) -> None:
    """Shows what there is: all of it where there is a winner, and why not where no trial succeeded."""
    if ending.output is not None or ending.error == "NoTrialSucceeded":
        rows = sweeps.leaderboard(spec.name)
        view.result(spec, rows, ending.output, objects=sweeps.deployment.objects)


def _say_how_to_go_on(view: View, execution: Execution, cloud: Cloud) -> None:
    name = execution.spec.name
    view.line()
    if cloud.is_local:
        words = sys.argv[1:] if "--name" in sys.argv else [*sys.argv[1:], "--name", name]
        view.line("Stopped. Finished trials are kept, and the sweep goes on with")
        view.copyable(f"  {shlex.join(['sweep', *words])}")
        return
    view.line("The sweep goes on, on AWS. Look at it, or stop it, with")
    view.copyable(f"  sweep show {name} --on aws{cloud.options('profile', 'region', 'stack')}")
    stop = f"aws stepfunctions stop-execution --execution-arn {execution.arn}"
    view.copyable(f"  {stop}{cloud.options('profile', 'region')}")


def _ran(execution: Execution, ending: Ending | None, cloud: Cloud) -> Ran:
    known = {"sweep": execution.spec.name, "execution_arn": execution.arn}
    if ending is None:
        status = "ABORTED" if cloud.is_local else "RUNNING"
        return Ran(code=ExitCode.INTERRUPTED, document={**known, "status": status}, faults=[])
    if ending.output is not None:
        return Ran(code=ExitCode.OK, document={**known, "status": ending.status, **ending.output}, faults=[])
    document = {**known, "status": ending.status, "error": ending.error, "cause": ending.cause}
    if ending.error == "InvalidSweep":  # the planner's: what it says is about the input, line by line
        return Ran(code=ExitCode.WRONG_INPUT, document=document, faults=readable(ending.cause))
    what = f"the execution {ending.status}" + (f": {ending.error}" if ending.error else "")
    return Ran(code=ExitCode.FAILED, document=document, faults=[what, *readable(ending.cause)])
