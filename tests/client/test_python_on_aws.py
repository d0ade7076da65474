"""The Python API on a stack that is found as a deployed one is."""

import _thread
import gc
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from stepsweep import CloudError, InvalidSweep, SweepFailed, Sweeps
from tests.support.embedded import eventually
from tests.support.stack import SLEEPS, Stack

ASKED = {"parameters": {"lr": [0.1, 0.01]}, "epochs": 2}


@pytest.fixture
def sweeps(stack: Stack, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Sweeps:
    nowhere = str(tmp_path / "nowhere")
    settings = {"AWS_CONFIG_FILE": nowhere, "AWS_SHARED_CREDENTIALS_FILE": nowhere, **stack.environment}
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    return Sweeps(on="aws", stack=stack.name)


def test_a_sweep_is_run_and_read(sweeps: Sweeps, stack: Stack) -> None:
    first, second = stack.planned(name="mine", **ASKED)
    stack.failed("mine", first, "ValueError: out of paper")
    stack.succeeded("mine", second, [0.4, 0.6])
    stack.ends_with(stack.reduced("mine"))
    sweep = sweeps.run(ASKED, name="mine", quiet=True)
    assert (str(sweep.winner), sweep.status) == ("--lr 0.01  val_accuracy 0.6 at epoch 2", "FINISHED")
    assert sweep.metrics["val_accuracy"].tolist() == [0.4, 0.6]
    assert sweep.leaderboard["reason"].tolist() == ["", "exit code 1: ValueError: out of paper"]
    assert sweeps.get("mine").winner == sweep.winner
    assert sweeps.list()["sweep"].tolist() == ["mine"]


def test_a_sweep_that_fails_says_why(sweeps: Sweeps, stack: Stack) -> None:
    stack.fails_with("NoTrialSucceeded", "None of 2 trials succeeded (2 FAILED).\n2x exit code 1: out of paper")
    with pytest.raises(SweepFailed) as raised:
        sweeps.run(ASKED, name="mine", quiet=True)
    assert raised.value.error == "NoTrialSucceeded"
    assert raised.value.reasons == ("None of 2 trials succeeded (2 FAILED).", "2x exit code 1: out of paper")
    stack.fails_with("InvalidSweep", "name: it is there already\nepochs: another fault")
    with pytest.raises(InvalidSweep) as refused:
        sweeps.run(ASKED, name="mine", quiet=True)
    assert refused.value.faults == ("name: it is there already", "epochs: another fault")


@pytest.fixture
def heard() -> Iterator[None]:
    """A shell that runs the tests in the background has them ignore an interrupt."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


# Python lets go of a connection that is being made when the interrupt comes, and says so when it collects it.
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning")
@pytest.mark.usefixtures("heard")
def test_an_interrupt_ends_the_waiting_and_not_the_sweep(sweeps: Sweeps, stack: Stack) -> None:
    stack.set_machine(SLEEPS)
    arn = stack.deployment.state_machine_arn

    def running() -> list[str]:
        found = stack.deployment.step_functions.list_executions(stateMachineArn=arn, statusFilter="RUNNING")
        return [execution["executionArn"] for execution in found["executions"]]

    def interrupt() -> None:
        eventually(running)
        time.sleep(1)  # the first look is over, for which botocore opens files
        _thread.interrupt_main()

    # A sweep that is waited for, so that the interrupt comes where it waits.
    sweep = sweeps.start(ASKED, name="mine", quiet=True)
    assert sweep.status == "RUNNING"
    thread = threading.Thread(target=interrupt)
    with pytest.raises(KeyboardInterrupt):  # noqa: PT012  an interrupt that comes early is one too
        thread.start()
        sweep.wait(quiet=True)
    thread.join()
    gc.collect()
    assert sweep.status == "RUNNING"
    stack.planned(name="mine", **ASKED)
    sweep.stop()
    assert running() == []
    assert sweep.status == "INTERRUPTED"


def test_a_stack_that_is_not_there_is_said(sweeps: Sweeps) -> None:
    with pytest.raises(CloudError, match="there is no stack Nowhere in eu-west-1"):
        Sweeps(on="aws", stack="Nowhere").run(ASKED, quiet=True)
