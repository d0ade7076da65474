"""How runs end for a caller of the Python API, whatever ended them; the operations below it stand in for a cloud."""

from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import pytest

from stepsweep import CloudError, InvalidSweep, SweepFailed, Sweeps, SweepSpec
from stepsweep.client.api.sweep import Sweep
from stepsweep.client.operations.events import Ended, Event, GaveUp
from stepsweep.client.running.execution import Execution
from stepsweep.client.running.progress import Ending
from stepsweep.client.running.stopping import Stopped
from stepsweep.contract.errors import SweepError

SPEC = SweepSpec.from_json({"name": "mine", "parameters": {"lr": [0.1]}, "epochs": 1})
EXECUTION = Execution(MagicMock(), arn="arn:mine", spec=SPEC)


class Operations:
    """What the API asked of the operations, and what they answer."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.asked: list[tuple[Any, ...]] = []
        self.last: Event | BaseException = KeyboardInterrupt()
        self.left: list[str] = []
        patch.setattr("stepsweep.client.api.sweeps.start", self.start)
        patch.setattr("stepsweep.client.api.sweep.watch", self.watch)
        patch.setattr("stepsweep.client.operations.stop.stop_and_wait", self.stop)

    def start(self, spec: SweepSpec, _cloud: object, _show: object, *, keep_results: bool) -> Execution:
        self.asked.append(("start", spec.name, keep_results))
        return EXECUTION

    def watch(self, name: str, _cloud: object, _show: object, *, execution: Execution, keep_going: bool) -> Event:
        self.asked.append(("watch", name, execution is EXECUTION, keep_going))
        if isinstance(self.last, BaseException):
            raise self.last
        return self.last

    def stop(self, _cloud: object, name: str, _show: object) -> Stopped:
        self.asked.append(("stop", name))
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
    assert operations.asked == [("start", "mine", False), ("watch", "mine", True, False)]


def test_a_run_returns_its_sweep_and_passes_on_what_was_asked(operations: Operations, sweeps: Sweeps) -> None:
    operations.last = Ended(EXECUTION, Ending(status="SUCCEEDED", output=MagicMock(), error="", cause=""))
    document = {"parameters": {"lr": [0.1]}, "epochs": 1}
    sweep = sweeps.run(document, name="theirs", quiet=True, keep_going=True, keep_results=True)
    assert (sweep.name, sweep.spec.epochs) == ("theirs", 1)
    assert operations.asked == [("start", "theirs", True), ("watch", "theirs", True, True)]
    # It has ended: another wait looks for what runs.
    sweep.wait(quiet=True)
    assert operations.asked[2:] == [("watch", "theirs", False, True)]


def test_an_interrupt_stops_a_run_on_this_machine_and_leaves_one_on_aws(
    operations: Operations, sweeps: Sweeps, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    for each, stopped in ((sweeps, [("stop", "mine")]), (Sweeps(on="aws", region="eu-west-1"), [])):
        operations.asked.clear()
        with pytest.raises(KeyboardInterrupt):
            each.run(SPEC, quiet=True)
        assert operations.asked == [("start", "mine", False), ("watch", "mine", True, False), *stopped]


def test_a_started_sweep_is_said_and_stopped_with_its_context(
    operations: Operations, sweeps: Sweeps, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for status, stopped in (("RUNNING", [("stop", "mine")]), ("FINISHED", [])):
        operations.asked.clear()
        monkeypatch.setattr(Sweep, "status", status)
        with sweeps as same:
            assert same is sweeps
            assert same.start(SPEC, keep_results=True).name == "mine"
        assert capsys.readouterr() == ("", "Started mine.\n")
        assert operations.asked[:1] == [("start", "mine", True)]
        assert operations.asked[1:] == stopped * len(sweeps._started)
        sweeps._started.clear()


def test_a_job_that_is_left_is_named(operations: Operations, sweeps: Sweeps) -> None:
    operations.left = ["a", "b"]
    with pytest.raises(CloudError) as raised:
        sweeps.start(SPEC, quiet=True).stop()
    assert str(raised.value) == "still alive: a, b; look at them in AWS Batch, and stop it again"
