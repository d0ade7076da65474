"""The same wrong input at all three doors gets the same words, and nothing is started."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.command import Sweep
from tests.support.embedded import Cloud

WRONG: list[dict[str, Any]] = [
    {"paramters": {"lr": [0.1]}, "epochs": 1, "name": "wrong"},
    {"parameters": {"lr": [0.1, 0.1], "epochs": [1]}, "epochs": 0, "fixed": {"lr": 1}, "seed": True, "name": "wrong"},
    {"parameters": {"lr": []}, "epochs": "three", "objective": {"metric": "val_loss"}, "name": "../wrong"},
]


def by_client(cloud: Cloud, spec: Path) -> list[str]:
    ended = Sweep(folder=spec.parent)("run", str(spec), "--dir", str(cloud.directory))
    assert ended.returncode == 2, ended.stderr
    return [line.removeprefix("sweep: ") for line in ended.stderr.splitlines()]


def by_aws_cli(cloud: Cloud, spec: Path) -> list[str]:
    command = ["stepfunctions", "start-execution", "--state-machine-arn", cloud.outputs["StateMachineArn"]]
    ended = subprocess.run(
        [str(Path(sys.executable).with_name("aws")), *command, "--input", f"file://{spec}", "--output", "json"],
        env={**os.environ, **cloud.environment},
        capture_output=True,
        text=True,
        check=True,
    )
    answer = cloud.ended(json.loads(ended.stdout)["executionArn"])
    assert answer["error"] == "InvalidSweep"
    return str(answer["cause"]).splitlines()


def by_python(cloud: Cloud, spec: Path) -> list[str]:
    answer = cloud.run(json.loads(spec.read_bytes()))
    assert answer["error"] == "InvalidSweep"
    return str(answer["cause"]).splitlines()


@pytest.mark.parametrize("wrong", WRONG)
def test_wrong_input_gets_the_same_words_at_every_door(cloud: Cloud, tmp_path: Path, wrong: dict[str, Any]) -> None:
    spec = tmp_path / "sweep.json"
    spec.write_text(json.dumps(wrong))
    before = cloud.jobs("")

    words = by_client(cloud, spec)

    assert words == by_aws_cli(cloud, spec) == by_python(cloud, spec)
    assert len(words) >= 1
    assert cloud.objects("sweeps/wrong") == {}
    assert cloud.jobs("") == before
