"""How a command that runs, starts or watches a sweep ends: what it says, its document, its faults, its exit code."""

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from stepsweep.client.cli.exit_code import ExitCode
from stepsweep.client.cli.running import Ran, _ran, _Shown
from stepsweep.client.clouds.cloud import Cloud
from stepsweep.client.deployment import CloudError
from stepsweep.client.operations.events import (
    AtRest,
    Begun,
    Ended,
    Event,
    GaveUp,
    GoesOn,
    Interrupted,
    Shared,
)
from stepsweep.client.running.control import Found
from stepsweep.client.running.execution import Execution
from stepsweep.client.running.progress import Ending
from stepsweep.client.terminal.view import View
from stepsweep.contract.spec import SweepSpec
from stepsweep.contract.standing import Standing
from stepsweep.trainer_script import Script
from tests.support.stack import Stack

DOCUMENT = {"name": "mine", "parameters": {"lr": [0.1, 0.01]}, "epochs": 2}
SPEC = SweepSpec.from_json(DOCUMENT)
ARN = "arn:aws:states:eu-west-1:123456789012:execution:Sweeps:mine-1"
KNOWN = {"sweep": "mine", "execution_arn": ARN}

LOCAL = Cloud(
    on="local", directory=Path("here"), trainer=None, job_vcpus=None, profile=None, region=None, stack=None
)  # fmt: skip
AWS = replace(LOCAL, on="aws", stack="Mine")
BEGUN = (
    "Sweep mine: 2 trials (lr 2), up to 2 epochs each.\n"
    f"Execution {ARN}\n"
    f"Console   https://eu-west-1.console.aws.amazon.com/states/home?region=eu-west-1#/v2/executions/details/{ARN}\n"
)
FOLLOW = "\nThe sweep continues{}. To follow it, look at it or stop it:\n" + "".join(
    f"  sweep {command} mine{{}}\n" for command in ("watch", "show", "stop")
)
ON_AWS = FOLLOW.format(", on AWS", *[" --on aws --stack Mine"] * 3)
HERE = FOLLOW.format(" in the background", *[" --dir here"] * 3)


@pytest.fixture
def execution(stack: Stack) -> Execution:
    return Execution(stack.deployment, arn=ARN, spec=SPEC)


def ran(cloud: Cloud, *events: Event, outlives_us: bool = True, has_title: bool = True) -> Ran:
    """Ends with the last event."""
    show = _Shown(View(), cloud, has_title=has_title)

    def operation() -> Event:
        for event in events:
            show(event)
        return events[-1]

    return _ran(show, operation, outlives_us=outlives_us)  # type: ignore[arg-type]


def ending(status: str, error: str = "", cause: str = "") -> Ending:
    return Ending(status=status, output=None, error=error, cause=cause)


LACKING = "2x exit code 1: ModuleNotFoundError: No module named 'sklearn'"


@pytest.mark.parametrize("gave_up", [True, False])
@pytest.mark.parametrize(
    ("words", "python", "reason", "options", "by"),
    [
        (("python", "train.py"), None, LACKING, {}, sys.executable),
        (("python3", "-m", "mine"), "/opt/mine/bin/python", LACKING, {}, "/opt/mine/bin/python"),
        (("python", "train.py"), None, "2x exit code 1: ValueError: no", {}, None),
        (("/opt/own/python", "train.py"), None, LACKING, {}, None),
        (("python", "train.py"), None, LACKING, {"container": True}, None),
        (("python", "train.py"), None, LACKING, {"on": "aws"}, None),
    ],
)
def test_who_ran_a_script_that_lacks_a_module_is_said(
    execution: Execution, tmp_path: Path, gave_up: bool,
    words: tuple[str, ...], python: str | None, reason: str, options: dict[str, Any], by: str | None,
) -> None:  # fmt: skip
    script = Script(folder=tmp_path, entrypoint=("stepsweep-trial", "--", *words), python=python)
    cloud = replace(LOCAL, trainer=script.written(tmp_path), **options)
    last = (
        GaveUp(execution, failed=3, spared=7, reason=reason)
        if gave_up
        else Ended(execution, ending("FAILED", "NoTrialSucceeded", reason))
    )
    said = f"{by} ran the script; if sklearn is installed for another interpreter, name that one in the field `python` "
    end = ran(cloud, Begun(execution), last)
    hints = [fault for fault in end.faults if "interpreter" in fault]
    assert hints == ([f"{said}of the spec, such as python: .venv/bin/python"] if by else [])
    assert end.document["hint"] == (hints[0] if hints else None)


@pytest.mark.parametrize(
    ("cloud", "event", "said", "expected"),
    [
        (LOCAL, GoesOn, HERE, Ran(code=ExitCode.OK, document={**KNOWN, "status": "RUNNING"}, faults=[])),
        (AWS, GoesOn, ON_AWS, Ran(code=ExitCode.OK, document={**KNOWN, "status": "RUNNING"}, faults=[])),
        (
            LOCAL,
            lambda execution: Interrupted(execution, is_planned=False),
            "\nStopped before a trial was planned: start it again.\n",
            Ran(code=ExitCode.INTERRUPTED, document={**KNOWN, "status": "INTERRUPTED"}, faults=[]),
        ),
        (
            AWS,
            lambda execution: Interrupted(execution, is_planned=True),
            "\nStopped. Finished trials are kept. To continue the sweep:\n  sweep resume mine --on aws --stack Mine\n",
            Ran(code=ExitCode.INTERRUPTED, document={**KNOWN, "status": "INTERRUPTED"}, faults=[]),
        ),
        (
            AWS,
            lambda execution: GaveUp(execution, failed=3, spared=7, reason="no column `acc`", have_metrics=True),
            "\nStopped, since the others would probably fail too.\n"
            "If the objective is wrong, run the sweep with the right one and another --name: trained trials are not "
            "trained again.\n"
            "After you have fixed the script:\n"
            "  sweep resume mine --on aws --stack Mine --accept-trainer\n"
            "Or to train the others without a fix:\n"
            "  sweep resume mine --on aws --stack Mine --keep-going\n",
            Ran(
                code=ExitCode.FAILED,
                document={**KNOWN, "status": "INTERRUPTED", "reason": "no column `acc`", "hint": None},
                faults=["the first 3 trials failed for the same reason, and 7 were not trained: no column `acc`"],
            ),
        ),
        (
            LOCAL,
            lambda execution: GaveUp(execution, failed=3, spared=1, reason="no data"),
            "\nStopped, since the others would probably fail too.\n"
            "If the command or the name of a parameter is wrong, run the sweep with the right one and another --name.\n"
            "After you have fixed the script:\n"
            "  sweep resume mine --dir here --accept-trainer\n"
            "Or to train the others without a fix:\n"
            "  sweep resume mine --dir here --keep-going\n",
            Ran(
                code=ExitCode.FAILED,
                document={**KNOWN, "status": "INTERRUPTED", "reason": "no data", "hint": None},
                faults=["the first 3 trials failed for the same reason, and 1 was not trained: no data"],
            ),
        ),
        (
            LOCAL,
            lambda execution: Ended(execution, ending("FAILED", "InvalidSweep", "one\ntwo")),
            "",
            Ran(
                code=ExitCode.WRONG_INPUT,
                document={**KNOWN, "status": "FAILED", "error": "InvalidSweep", "cause": "one\ntwo"},
                faults=["one", "two"],
            ),
        ),
        (
            AWS,
            lambda execution: Ended(execution, ending("ABORTED", "Stopped", "stopped with `sweep stop`")),
            "",
            Ran(
                code=ExitCode.FAILED,
                document={**KNOWN, "status": "ABORTED", "error": "Stopped", "cause": "stopped with `sweep stop`"},
                faults=[
                    "mine was stopped by another command, or in the console; if it goes on, such as with another "
                    "priority, `sweep watch mine --on aws --stack Mine` follows it, else "
                    "`sweep resume mine --on aws --stack Mine`"
                ],
            ),
        ),
        (
            LOCAL,
            lambda execution: Ended(execution, ending("FAILED", "States.Runtime", "a\nb")),
            "",
            Ran(
                code=ExitCode.FAILED,
                document={**KNOWN, "status": "FAILED", "error": "States.Runtime", "cause": "a\nb", "hint": None},
                faults=["the execution FAILED: States.Runtime", "a", "b"],
            ),
        ),
        (
            LOCAL,
            lambda execution: Ended(execution, ending("TIMED_OUT")),
            "",
            Ran(
                code=ExitCode.FAILED,
                document={**KNOWN, "status": "TIMED_OUT", "error": "", "cause": "", "hint": None},
                faults=["the execution TIMED_OUT"],
            ),
        ),
    ],
)
def test_an_end_is_said_and_has_a_document(
    execution: Execution,
    capsys: pytest.CaptureFixture[str],
    cloud: Cloud,
    event: Callable[[Execution], Event],
    said: str,
    expected: Ran,
) -> None:
    assert ran(cloud, event(execution)) == expected
    assert capsys.readouterr().out == said


def test_results_are_shown_where_there_are_some(stack: Stack, capsys: pytest.CaptureFixture[str]) -> None:
    first, second = stack.planned(**DOCUMENT)
    execution = Execution(stack.deployment, arn=ARN, spec=SPEC)
    stack.failed("mine", first, "no data")
    stack.succeeded("mine", second, [0.5, 0.9])
    standing = Found.of(stack.deployment).standing("mine")
    at_rest = AtRest(standing, Found.of(stack.deployment).archive)
    known = {"sweep": "mine", "execution_arn": None}
    interrupted = Ran(code=ExitCode.FAILED, document={**known, "status": "INTERRUPTED"}, faults=[])
    assert ran(AWS, at_rest) == interrupted
    said = capsys.readouterr().out
    assert "To continue:\n  sweep resume mine --on aws --stack Mine\n" in said
    failed = replace(standing, is_finished=True)
    assert ran(AWS, AtRest(failed, at_rest.archive)).document == {**known, "status": "FAILED"}
    capsys.readouterr()

    stack.reduced("mine")
    finished = Found.of(stack.deployment)
    standing = finished.standing("mine")
    assert standing.output is not None
    output = standing.output.to_json()
    well = Ran(code=ExitCode.OK, document={**known, "status": "SUCCEEDED", **output}, faults=[])
    assert ran(AWS, AtRest(standing, finished.archive)) == well
    shown = capsys.readouterr().out
    assert "Winner   --lr 0.01  val_accuracy 0.9 at epoch 2\n" in shown
    ended = Ended(execution, Ending(status="SUCCEEDED", output=standing.output, error="", cause=""))
    assert ran(AWS, Begun(execution), ended, has_title=False) == replace(
        well, document={**well.document, "execution_arn": ARN}
    )
    began, result = capsys.readouterr().out.split(ARN + "\n\n")
    assert began + ARN + "\n" == BEGUN
    assert shown.endswith(result)
    assert ran(AWS, Ended(execution, ending("FAILED", "NoTrialSucceeded", "none"))).code is ExitCode.FAILED
    assert "1 FAILED  exit code 1: no data\n" in capsys.readouterr().out


class Gone(CloudError):
    pass


@pytest.mark.parametrize(
    ("cloud", "error", "outlives_us", "said"),
    [
        (AWS, KeyboardInterrupt, True, ON_AWS),
        (LOCAL, KeyboardInterrupt, False, HERE),
        (AWS, Gone, True, ON_AWS),
        (LOCAL, Gone, False, ""),
    ],
)
def test_what_ends_the_command_and_not_the_sweep_says_how_to_go_on(
    execution: Execution,
    capsys: pytest.CaptureFixture[str],
    cloud: Cloud,
    error: type[BaseException],
    outlives_us: bool,
    said: str,
) -> None:
    def broken(*events: Event) -> Ran:
        show = _Shown(View(), cloud)

        def operation() -> Ended:
            for event in events:
                show(event)
            raise error

        return _ran(show, operation, outlives_us=outlives_us)

    if error is KeyboardInterrupt:
        found = broken(Begun(execution))
        assert found == Ran(code=ExitCode.INTERRUPTED, document={**KNOWN, "status": "RUNNING"}, faults=[])
    else:
        with pytest.raises(error):
            broken(Begun(execution))
    begun = "" if cloud is LOCAL else BEGUN.partition("\n")[2]
    assert capsys.readouterr().out == begun + said
    at_rest = Standing(spec=SPEC, planned=0, rows=[], output=None, is_finished=False, executions=[])
    for last in (
        None,
        GaveUp(execution, failed=1, spared=1, reason=""),
        Interrupted(execution, is_planned=True),
        Ended(execution, ending("FAILED", "x")),
        AtRest(at_rest, execution.recorded()),
    ):
        with pytest.raises(error):
            broken(*([Begun(execution), last] if last else []))
        assert "The sweep continues" not in capsys.readouterr().out


def test_a_cloud_that_stays_up_for_others_names_them(execution: Execution, capsys: pytest.CaptureFixture[str]) -> None:
    ran(LOCAL, Shared(("a-1", "b-2")), GoesOn(execution))
    assert capsys.readouterr().out == (
        "Other executions run in this cloud, and it ends with them: a-1, b-2. Ctrl-C ends them now.\n" + HERE
    )
