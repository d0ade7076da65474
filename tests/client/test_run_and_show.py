"""`sweep run` and `sweep show` as processes, on a stack that is found as a deployed one is."""

import json
import os
import pty
import re
import select
import signal

import pytest

from tests.support.command import Sweep, interrupt
from tests.support.stack import SLEEPS, Stack

SPEC = ("--set", "lr=0.1,0.01", "--set", "momentum=0.5,0.9", "--epochs", "2", "--name", "mine")
DOCUMENT = {"name": "mine", "parameters": {"lr": [0.1, 0.01], "momentum": [0.5, 0.9]}, "epochs": 2}

RESULT = """\

     lr  momentum  val_accuracy  epoch  last  trained
1  0.01       0.5           0.9      1   0.8        2
2  0.01       0.9           0.9      2   0.9        2

1 FAILED   exit code 1: ValueError: [red] is no colour
           lr=0.1 momentum=0.5
1 INVALID  val_accuracy is nan at epoch 1: the trial diverged
           lr=0.1 momentum=0.9

Winner   --lr 0.01 --momentum 0.5  val_accuracy 0.9 at epoch 1
Tie      the same value, but at a later epoch, or later in the plan: lr=0.01 momentum=0.9

Trials   2 SUCCEEDED, 1 FAILED, 1 INVALID
Jobs     0:00:00 in all, 0.00 USD by estimate
Results  s3://{bucket}/sweeps/mine/leaderboard.csv
"""


@pytest.fixture
def finished(stack: Stack) -> Stack:
    """A stack with a finished sweep: two trials that tie, one that failed, one that diverged."""
    first, second, third, fourth = stack.planned(**DOCUMENT)
    stack.failed("mine", first, "ValueError: [red] is no colour")
    stack.succeeded("mine", second, [float("nan")])
    stack.succeeded("mine", third, [0.9, 0.8])
    stack.succeeded("mine", fourth, [0.8, 0.9])
    stack.ends_with(stack.reduced("mine"))
    return stack


def lines(text: str) -> list[str]:
    return text.splitlines()


def test_a_run_ends_with_the_leaderboard_and_the_winner(sweep: Sweep, finished: Stack) -> None:
    ended = sweep.on(finished, "run", *SPEC)
    assert ended.returncode == 0, ended.stderr
    assert ended.stderr == ""
    assert lines(ended.stdout)[0] == "Sweep mine: 4 trials (lr 2 x momentum 2), up to 2 epochs each."
    assert re.search(r"^Execution arn:aws:states:eu-west-1:\d+:execution:\S+:mine-[0-9a-f]{8}$", ended.stdout, re.M)
    assert ended.stdout.endswith(RESULT.format(bucket=finished.bucket.name))


def test_show_has_the_same_words(sweep: Sweep, finished: Stack) -> None:
    ended = sweep.on(finished, "show", "mine")
    assert ended.returncode == 0, ended.stderr
    header = "Sweep mine: 4 trials (lr 2 x momentum 2), up to 2 epochs each.\n"
    assert ended.stdout == header + RESULT.format(bucket=finished.bucket.name)


def test_a_sweep_is_found_by_the_name_and_the_arn_of_its_execution(sweep: Sweep, finished: Stack) -> None:
    """An e-mail names the execution, and so does the console; this one somebody started there."""
    states = finished.deployment.step_functions
    arn = states.start_execution(
        stateMachineArn=finished.deployment.state_machine_arn, name="by-hand", input=json.dumps(DOCUMENT)
    )["executionArn"]
    for named in ("by-hand", arn, "mine-01234567"):
        shown = sweep.on(finished, "show", named, "--json")
        assert shown.returncode == 0, shown.stderr
        assert json.loads(shown.stdout)["sweep"] == "mine"
    missing = sweep.on(finished, "show", "by-foot")
    assert missing.returncode == 2
    assert "by-foot" in missing.stderr


def test_json_is_one_document_on_stdout_and_the_rest_is_on_stderr(sweep: Sweep, finished: Stack) -> None:
    ended = sweep.on(finished, "run", *SPEC, "--json")
    document = json.loads(ended.stdout)
    assert (document["status"], document["sweep"]) == ("SUCCEEDED", "mine")
    assert document["winner"]["params"] == {"lr": 0.01, "momentum": 0.5}
    assert document["execution_arn"].startswith("arn:aws:states:eu-west-1:")
    assert "Winner   --lr 0.01" in ended.stderr

    shown = json.loads(sweep.on(finished, "show", "mine", "--json").stdout)
    assert (shown["status"], shown["planned"], len(shown["trials"])) == ("FINISHED", 4, 4)
    assert shown["output"]["winner"] == document["winner"]


def test_what_is_written_into_a_pipe_has_no_control_characters(sweep: Sweep, finished: Stack) -> None:
    ended = sweep.on(finished, "run", *SPEC)
    assert all(sign.isprintable() or sign == "\n" for sign in ended.stdout)
    assert not re.search(r" $", ended.stdout, re.M)


@pytest.mark.parametrize("no_color", [False, True])
def test_a_terminal_has_colours_unless_somebody_wants_none(sweep: Sweep, finished: Stack, no_color: bool) -> None:
    environment = {**finished.environment, "TERM": "xterm-256color", **({"NO_COLOR": "1"} if no_color else {})}
    shown = in_terminal(sweep, "show", "mine", "--on", "aws", "--stack", finished.name, environment=environment)
    assert "Winner" in shown
    assert ("\x1b[1;32m" in shown) is not no_color
    plain = re.sub(r"\x1b\[[0-9;]*m", "", shown)
    assert re.search(r"lr . momentum +0\.5 +0\.9\s+0\.01 +\*0\.9 +0\.9\s+0\.1 +FAILED +INVALID\s", plain)
    assert re.search(r"The winner's 2 epochs\s+val_accuracy +0\.9 +█▁ +0\.8\s", plain)


def test_no_trial_succeeded(sweep: Sweep, stack: Stack) -> None:
    for trial in stack.planned(**DOCUMENT):
        stack.failed("mine", trial, "out of paper")
    stack.reduced("mine")
    stack.fails_with("NoTrialSucceeded", "None of 4 trials succeeded (4 FAILED).\n4x exit code 1: out of paper")
    ended = sweep.on(stack, "run", *SPEC)
    assert ended.returncode == 1
    assert (
        "4 FAILED  exit code 1: out of paper\n"
        "          lr=0.1 momentum=0.5; lr=0.1 momentum=0.9; lr=0.01 momentum=0.5; lr=0.01 momentum=0.9\n"
    ) in ended.stdout
    assert lines(ended.stderr) == [
        "sweep: None of 4 trials succeeded (4 FAILED).",
        "sweep: 4x exit code 1: out of paper",
    ]


def test_what_the_planner_refuses_is_wrong_input(sweep: Sweep, stack: Stack) -> None:
    stack.fails_with("InvalidSweep", "name: it is there already\nepochs: another fault")
    ended = sweep.on(stack, "run", *SPEC)
    assert ended.returncode == 2
    assert lines(ended.stderr) == ["sweep: name: it is there already", "sweep: epochs: another fault"]


def test_a_function_that_broke_is_said_without_its_traceback(sweep: Sweep, stack: Stack) -> None:
    cause = {"errorMessage": "no plan", "errorType": "FileNotFoundError", "stackTrace": ["line"]}
    stack.fails_with("FileNotFoundError", json.dumps(cause))
    ended = sweep.on(stack, "run", *SPEC, "--json")
    assert ended.returncode == 1
    assert lines(ended.stderr)[-2:] == [
        "sweep: the execution FAILED: FileNotFoundError",
        "sweep: FileNotFoundError: no plan",
    ]
    document = json.loads(ended.stdout)
    assert (document["status"], document["error"]) == ("FAILED", "FileNotFoundError")


@pytest.mark.parametrize(
    ("folds", "trials", "planned"),
    [
        ((), "one trial", "1 trial (lr 1 x momentum 1)"),
        (("--folds", "2"), "one trial per fold, 2 trials,", "1 set of params (lr 1 x momentum 1) x 2 folds, 2 trials"),
    ],
)
def test_a_calibration_that_fails_is_told_and_no_plan_is_shown(
    sweep: Sweep, stack: Stack, folds: tuple[str, ...], trials: str, planned: str
) -> None:
    stack.fails_with("NoMachine", "none is there")
    ended = sweep.on(stack, "plan", *SPEC, *folds, "--calibrate")
    assert (ended.returncode, ended.stdout) == (1, "")
    first, title, arn, _console, *faults = lines(ended.stderr)
    assert first == f"Training {trials} for one epoch, in AWS, which costs its time …"
    assert title == f"Sweep mine-calibration: {planned}."
    assert re.fullmatch(r"Execution arn:\S+:mine-calibration-[0-9a-f]{8}", arn)
    assert faults == ["sweep: the execution FAILED: NoMachine", "sweep: none is there"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_leaves_an_execution_on_aws_running_and_says_how_to_go_on(
    sweep: Sweep, stack: Stack, number: signal.Signals
) -> None:
    stack.set_machine(SLEEPS)
    words = ["run", *SPEC, "--on", "aws", "--stack", stack.name, "--json"]
    with sweep.popen(*words, environment=stack.environment) as process:
        assert process.stderr is not None
        while not (line := process.stderr.readline()).startswith("Console "):
            assert line, "the run ended before it began"
        out, err = interrupt(process, number)
    assert process.returncode == 130
    document = json.loads(out)
    assert document["status"] == "RUNNING"
    arn = document["execution_arn"]
    assert stack.status(arn) == "RUNNING"
    for command in ("watch", "show", "stop"):
        assert f"  sweep {command} mine --on aws --stack {stack.name}\n" in err
    stack.stop(arn)


def test_a_sweep_that_runs_shows_what_is_there(sweep: Sweep, stack: Stack) -> None:
    started = stack.deployment.step_functions.start_execution(
        stateMachineArn=stack.deployment.state_machine_arn, name="mine"
    )
    _, second, *_ = stack.planned(**DOCUMENT)
    stack.succeeded("mine", second, [0.5])
    ended = sweep.on(stack, "show", "mine")
    assert "It runs.\n1 of 4 trials ended.\n" in ended.stdout
    assert f"Execution {started['executionArn']}\n" in ended.stdout
    assert "1  0.1       0.9           0.5      1        1\n" in ended.stdout

    stack.stop(started["executionArn"])
    ended = sweep.on(stack, "show", "mine")
    assert ended.returncode == 0
    assert f"To continue:\n  sweep resume mine --on aws --stack {stack.name}\n" in ended.stdout


def test_a_sweep_that_is_not_there_has_names_like_it(sweep: Sweep, finished: Stack) -> None:
    ended = sweep.on(finished, "show", "mime")
    assert ended.returncode == 2
    where = finished.deployment.objects
    assert lines(ended.stderr) == [f'sweep: there is no sweep "mime" in {where}; did you mean mine?']
    ended = sweep.on(finished, "show", "../other")
    assert lines(ended.stderr) == [f'sweep: there is no sweep "../other" in {where}; there is only the sweep mine']


def test_a_leaderboard_is_cut_and_says_where_the_rest_is(sweep: Sweep, stack: Stack) -> None:
    for trial in stack.planned(name="large", parameters={"n": list(range(1, 36))}, epochs=1):
        stack.succeeded("large", trial, [0.5])
    stack.reduced("large")
    ended = sweep.on(stack, "show", "large")
    assert f"… and 5 more in s3://{stack.bucket.name}/sweeps/large/leaderboard.csv\n" in ended.stdout
    assert "in the plan: n=2; n=3; n=4; n=5; n=6; and 29 more\n" in ended.stdout


def in_terminal(sweep: Sweep, *words: str, environment: dict[str, str]) -> str:
    """Runs a command in a terminal of its own and returns all that it wrote there."""
    ours, theirs = pty.openpty()
    with sweep.popen(*words, environment=environment, terminal=theirs) as process:
        os.close(theirs)
        shown = b""
        while select.select([ours], [], [], 60)[0]:
            try:
                data = os.read(ours, 1 << 16)
            except OSError:  # Linux's way to say that nobody has the other end any more
                break
            if not data:
                break
            shown += data
        process.wait(60)
    os.close(ours)
    return shown.decode()


def test_failures_whose_reasons_differ_in_their_values_only_are_one(sweep: Sweep, stack: Stack) -> None:
    first, second, third, fourth = stack.planned(**DOCUMENT)
    for trial, lr in ((first, 0.1), (second, 0.2)):
        stack.failed("mine", trial, f"ValueError: lr={lr} is too large")
    stack.failed("mine", third, "Killed", exit_code=3)
    stack.failed("mine", fourth, "Killed", exit_code=1)
    stack.ends_with(stack.reduced("mine"))
    shown = sweep.on(stack, "show", "mine").stdout
    assert lines(shown)[2:8] == [
        "2 FAILED  exit code 1: ValueError: lr=0.1 is too large (or with other values)",
        "          lr=0.1 momentum=0.5; lr=0.1 momentum=0.9",
        "1 FAILED  exit code 3: Killed",
        "          lr=0.01 momentum=0.5",
        "1 FAILED  exit code 1: Killed",
        "          lr=0.01 momentum=0.9",
    ]
