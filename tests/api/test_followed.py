"""How a run's end reaches a caller of the Python API: no cloud ends in each of these ways when it is asked to, so
stand-ins of the operations do. `test_python.py` has runs, interrupts and contexts on a real cloud."""

from pathlib import Path
from unittest.mock import MagicMock

import pytest

from stepsweep import CloudError, InvalidSweep, SweepFailed, Sweeps, SweepSpec
from stepsweep.client.operations.events import Ended, Event, GaveUp
from stepsweep.client.running.execution import Execution
from stepsweep.client.running.progress import Ending
from stepsweep.client.running.stopping import Stopped
from stepsweep.contract.errors import SweepError

SPEC = SweepSpec.from_json({"name": "mine", "parameters": {"lr": [0.1]}, "epochs": 1})
EXECUTION = Execution(MagicMock(), arn="arn:mine", spec=SPEC)


class Operations:
    """What the operations answer."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.last: Event | BaseException = AssertionError()
        self.left: list[str] = []
        patch.setattr("stepsweep.client.api.sweeps.start", self.start)
        patch.setattr("stepsweep.client.api.sweep.watch", self.watch)
        patch.setattr("stepsweep.client.operations.stop.stop_and_wait", self.stop)

    def start(self, *_: object, **__: object) -> Execution:
        return EXECUTION

    def watch(self, *_: object, **__: object) -> Event:
        if isinstance(self.last, BaseException):
            raise self.last
        return self.last

    def stop(self, *_: object) -> Stopped:
        return Stopped(executions=["arn:mine"], jobs=[], left=self.left)


@pytest.fixture
def operations(monkeypatch: pytest.MonkeyPatch) -> Operations:
    return Operations(monkeypatch)


@pytest.fixture
def sweeps(tmp_path: Path) -> Sweeps:
    return Sweeps(directory=tmp_path)


def ended(status: str, error: str = "", cause: str = "") -> Ended:
    return Ended(EXECUTION, Ending(status=status, output=None, error=error, cause=cause))


@pytest.mark.parametrize(
    ("last", "kind", "said"),
    [
        (
            GaveUp(EXECUTION, failed=3, spared=1, reason="no data"),
            SweepFailed,
            "the sweep mine failed: FirstTrialsFailed\n3 failed, 1 was not trained\nno data",
        ),
        (
            GaveUp(EXECUTION, failed=3, spared=7, reason="no data"),
            SweepFailed,
            "the sweep mine failed: FirstTrialsFailed\n3 failed, 7 were not trained\nno data",
        ),
        (
            ended("FAILED", "NoTrialSucceeded", "None of 2 trials succeeded.\n2x exit code 1"),
            SweepFailed,
            "the sweep mine failed: NoTrialSucceeded\nNone of 2 trials succeeded.\n2x exit code 1",
        ),
        (ended("ABORTED"), SweepFailed, "the sweep mine failed: ABORTED"),
        (
            ended("FAILED", "InvalidSweep", "name: it is there\nepochs: no"),
            InvalidSweep,
            "name: it is there\nepochs: no",
        ),
        (CloudError("gone"), CloudError, "gone"),
    ],
)
def test_what_ended_a_run_is_raised(
    operations: Operations, sweeps: Sweeps, last: Event | BaseException, kind: type[SweepError], said: str
) -> None:
    operations.last = last
    with pytest.raises(kind) as raised:
        sweeps.run(SPEC, quiet=True)
    assert str(raised.value) == said


def test_a_run_that_succeeded_returns_its_sweep(operations: Operations, sweeps: Sweeps) -> None:
    operations.last = Ended(EXECUTION, Ending(status="SUCCEEDED", output=MagicMock(), error="", cause=""))
    sweep = sweeps.run({"parameters": {"lr": [0.1]}, "epochs": 1}, name="theirs", quiet=True)
    assert (sweep.name, sweep.spec.epochs) == ("theirs", 1)


def test_a_started_sweep_is_said(operations: Operations, sweeps: Sweeps, capsys: pytest.CaptureFixture[str]) -> None:
    assert sweeps.start(SPEC).name == "mine"
    assert capsys.readouterr() == ("", "Started mine.\n")


def test_a_job_that_is_left_is_named(operations: Operations, sweeps: Sweeps) -> None:
    operations.left = ["a", "b"]
    with pytest.raises(CloudError) as raised:
        sweeps.start(SPEC, quiet=True).stop()
    assert str(raised.value) == "still alive: a, b; look at them in AWS Batch, and stop it again"
