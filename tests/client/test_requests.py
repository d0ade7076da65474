"""What each command asks of S3 for a sweep of 10 trials: no object is read twice, and no prefix is listed twice."""

import json
from collections import Counter
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from botocore.awsrequest import AWSPreparedRequest
from botocore.httpsession import URLLib3Session
from click.testing import CliRunner

from stepsweep.client.cli.main import cli
from stepsweep.client.deployment import CloudError
from stepsweep.contract import keys
from tests.support.mlflow_store import new_store
from tests.support.stack import Stack

TRIALS = 10


@pytest.fixture
def finished(stack: Stack, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Stack:
    """A finished sweep, found as the deployed one is."""
    lrs = [number / 1000 for number in range(1, TRIALS + 1)]
    for number, trial in enumerate(stack.planned(parameters={"lr": lrs}, epochs=2, name="mine")):
        stack.succeeded("mine", trial, [number / 100, number / 200])
    stack.reduced("mine")
    for trial in stack.planned(parameters={"lr": lrs[:3]}, epochs=1, name="other"):
        stack.succeeded("other", trial, [0.5])
    stack.reduced("other")
    nowhere = str(tmp_path / "nowhere")
    settings = {"AWS_CONFIG_FILE": nowhere, "AWS_SHARED_CREDENTIALS_FILE": nowhere, **stack.environment}
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    monkeypatch.chdir(tmp_path)
    return stack


@pytest.fixture
def asked(finished: Stack, monkeypatch: pytest.MonkeyPatch) -> Counter[tuple[str, str]]:
    """Counts the requests to the bucket that are sent from now on: GET, HEAD and LIST, by key or prefix."""
    counted: Counter[tuple[str, str]] = Counter()
    send = URLLib3Session.send

    def counting(session: URLLib3Session, request: AWSPreparedRequest) -> Any:
        url = urlsplit(request.url)
        bucket, _, key = url.path.removeprefix("/").partition("/")
        if bucket == finished.deployment.bucket:
            what = (request.method, key) if key else ("LIST", parse_qs(url.query)["prefix"][0])
            counted[what] += 1
        return send(session, request)

    monkeypatch.setattr(URLLib3Session, "send", counting)
    return counted


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # MLflow's own
@pytest.mark.parametrize(
    ("words", "most"),
    [
        (["list"], 9),
        (["show", "mine"], 10),
        (["watch", "mine"], 10),
        (["compare", "mine", "other"], 14),
        (["logs", "mine", "1"], 10),
        (["report", "mine"], 11 + 2 * TRIALS),
        (["export", "mine", "--mlflow", "sqlite:///mlflow.db"], 13 + 2 * TRIALS),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_a_command_reads_each_object_once(
    finished: Stack,
    asked: Counter[tuple[str, str]],
    words: list[str],
    most: int,
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    if "--mlflow" in words:
        new_store(tmp_path_factory, tmp_path)
    ended = CliRunner().invoke(cli, [*words, "--on", "aws", "--stack", finished.name])
    # Its trials printed nothing, which `sweep logs` says after it has read all.
    assert isinstance(ended.exception, CloudError) if words[0] == "logs" else ended.exit_code == 0, ended.output
    assert asked.total() > 0
    assert {what: times for what, times in asked.items() if times > 1} == {}
    assert asked.total() <= most


def test_a_sweep_that_is_resumed_has_each_object_read_once(
    finished: Stack, asked: Counter[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket, key = finished.bucket, keys.to_run_key("mine", 0)
    names = (keys.plan_key("mine", 0), key, keys.latest_key("mine"), keys.results_key("mine", 0))
    before = {name: bucket.get_json(name) for name in names}
    output = bucket.get_json(keys.winner_key("mine"))
    winners = keys.metrics_key(output["winner"]["trial_id"], 2)
    finished.ends_with(output)
    asked.clear()
    send = URLLib3Session.send

    def planning(session: URLLib3Session, request: AWSPreparedRequest) -> Any:
        """Plans and reduces the sweep anew when its execution has started, as the state machine does."""
        response = send(session, request)
        if "StartExecution" in str(request.headers.get("X-Amz-Target")):
            body = request.body.decode() if isinstance(request.body, bytes) else str(request.body)
            execution = {"execution": json.loads(body)["name"]}
            for name, document in before.items():
                bucket.put_json(name, document | execution if isinstance(document, dict) else document)
        return response

    monkeypatch.setattr(URLLib3Session, "send", planning)
    ended = CliRunner().invoke(cli, ["resume", "mine", "--on", "aws", "--stack", finished.name])
    assert ended.exit_code == 0, ended.output
    assert "Winner" in ended.output
    # It follows the execution by what its prefix holds.
    followed = asked.pop(("LIST", keys.sweep_prefix("mine")))
    assert 1 <= followed <= asked.pop(("GET", keys.latest_key("mine"))) <= followed + 3
    # A curve is shown when its trial has ended. That of the winner also tells where its files are.
    assert asked.pop(("GET", winners)) == 2
    # Just before the start once more: another sweep may have got the name meanwhile.
    assert asked.pop(("GET", keys.spec_key("mine"))) == 2
    assert {what: times for what, times in asked.items() if times > 1} == {}
    assert asked[("GET", key)] == 1
