"""A background cloud that ends while a command reads it: its files have all that the command asks for."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from stepsweep.client.cli.main import cli
from stepsweep.client.clouds.cloud import Cloud
from stepsweep.client.deployment import CloudError
from stepsweep.client.running.control import Found
from tests.support.recorded import RecordedCloud


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> RecordedCloud:
    cloud = RecordedCloud(directory=tmp_path_factory.mktemp("cloud"))
    for name in ("first", "second"):
        good, bad = cloud.planned(name, {"lr": [0.1, 9.0]}, epochs=1, fresh=True)
        cloud.succeeded(name, good, {"val_accuracy": [0.5]})
        cloud.left(good, {"best.pt": "a model"})
        cloud.failed(name, bad, "out of range")
        cloud.reduced(name)
    return cloud


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[Cloud]:
    """Who looks at a cloud from now on: the first one finds that it does not answer."""
    look, looks = Cloud.looked_at, list[Cloud]()

    def first_in_vain(cloud: Cloud) -> Found:
        looks.append(cloud)
        if len(looks) == 1:
            raise CloudError("the cloud cannot be reached")
        return look(cloud)

    monkeypatch.setattr(Cloud, "looked_at", first_in_vain)
    return looks


READING = {
    "list": "first",
    "show first": "Winner",
    "logs first lr=9": "out of range",
    "download first -o models": "best.pt",
    "compare first second": "second",
    "report first -o first.html": "Report",
}


@pytest.mark.parametrize("words", READING)
def test_a_command_looks_again(
    recorded: RecordedCloud, looks: list[Cloud], words: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    ended = CliRunner().invoke(cli, [*words.split(), "--dir", str(recorded.directory)])
    assert (ended.exit_code, READING[words] in ended.output) == (0, True), ended.output
    assert len(looks) == 2


def test_a_cloud_that_is_up_and_does_not_answer_is_an_error(
    recorded: RecordedCloud, looks: list[Cloud], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Cloud, "is_gone", lambda _: False)
    ended = CliRunner().invoke(cli, ["show", "first", "--dir", str(recorded.directory)])
    assert isinstance(ended.exception, CloudError)
    assert len(looks) == 1
