"""Commands that start or stop a sweep while something is in their way."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from stepsweep.client.cli.main import cli
from stepsweep.client.clouds.cloud import Cloud
from stepsweep.client.deployment import CloudError
from stepsweep.client.operations.follow import POLL_SECONDS
from stepsweep.client.running.control import Control
from stepsweep.client.running.execution import Execution
from stepsweep.local.cloud import starting
from tests.support.command import Sweep
from tests.support.recorded import RecordedCloud
from tests.support.stack import Stack


def test_a_cloud_that_fails_while_a_sweep_is_planned_is_said_and_the_sweep_goes_on(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise CloudError("Step Functions does not answer")

    monkeypatch.setitem(POLL_SECONDS, "aws", 0.01)
    monkeypatch.setattr(Cloud, "_on_aws", lambda _self: stack.deployment)
    monkeypatch.setattr(Execution, "follow", fails)
    words = ["start", "--set", "lr=0.1", "--epochs", "1", "--name", "mine", "--on", "aws", "--stack", stack.name]
    ended = CliRunner().invoke(cli, words)
    assert isinstance(ended.exception, CloudError)
    assert str(ended.exception) == "Step Functions does not answer"
    assert len(Control(stack.deployment).running("mine")) == 1


def test_a_stop_waits_for_a_command_that_starts_a_cloud_and_says_so(tmp_path: Path) -> None:
    recorded = RecordedCloud(directory=tmp_path / ".stepsweep")
    recorded.planned("mine", {"lr": [0.1]})
    lock = starting(recorded.directory)
    lock.acquire()
    with Sweep(folder=tmp_path).popen("stop", "mine") as stop:
        try:
            assert stop.stdout is not None
            assert stop.stdout.readline() == "Waiting for another command that starts or ends this cloud …\n"
        finally:
            lock.release()
        out, _ = stop.communicate(timeout=60)
    assert (stop.returncode, out) == (0, "mine does not run.\n")
