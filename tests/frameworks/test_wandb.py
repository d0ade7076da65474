"""`sweep export --wandb` with W&B's own client, and its files read back. `make frameworks` has it."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.recorded import RecordedCloud

PYTHON = os.environ.get("FRAMEWORKS_PYTHON", sys.executable)

pytestmark = pytest.mark.skipif(
    subprocess.run([PYTHON, "-c", "import wandb"], check=False, capture_output=True).returncode != 0,
    reason="wandb is not installed; `make frameworks` has it",
)

EXPORT = "from stepsweep.client.cli.main import main; main()"
READ = """
import json, sys
from google.protobuf.json_format import MessageToDict
from wandb.proto.wandb_internal_pb2 import Record
data = open(sys.argv[1], "rb").read()
at, records = 7, []  # behind the file's header; a small file is one block of LevelDB's log
while at < len(data):
    length = int.from_bytes(data[at + 4 : at + 6], "little")
    record = Record()
    record.ParseFromString(data[at + 7 : at + 7 + length])
    records.append(MessageToDict(record))
    at += 7 + length
print(json.dumps(records))
"""


def exported(recorded: RecordedCloud, *words: str) -> dict[str, Any]:
    command = [PYTHON, "-c", EXPORT, "export", "mine", "--dir", str(recorded.directory), "--json", *words]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, cwd=recorded.directory.parent)
    assert ended.returncode == 0, ended.stderr
    document: dict[str, Any] = json.loads(ended.stdout)
    return document


def read(run: Path) -> list[dict[str, Any]]:
    (file,) = run.glob("wandb/offline-run-*/run-*.wandb")
    ended = subprocess.run([PYTHON, "-c", READ, str(file)], capture_output=True, text=True, check=True)
    records: list[dict[str, Any]] = json.loads(ended.stdout)
    return records


def of(records: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [record[kind] for record in records if kind in record]


def items(found: list[dict[str, Any]], field: str) -> dict[str, Any]:
    """Returns keys and values of records, the later ones over the earlier."""
    pairs = [item for each in found for item in each.get(field, ())]
    return {item.get("key") or "/".join(item["nestedKey"]): json.loads(item["valueJson"]) for item in pairs}


def test_each_trial_is_a_run_and_a_second_export_keeps_it(tmp_path: Path) -> None:
    recorded = RecordedCloud(directory=tmp_path / "cloud")
    good, diverged, failed = recorded.planned("mine", {"lr": [0.1, 0.01, 0.001]}, epochs=2)
    recorded.succeeded("mine", good, {"val_accuracy": [0.4, 0.9]})
    recorded.succeeded("mine", diverged, {"val_accuracy": [0.5, float("nan")]})
    recorded.failed("mine", failed, "no GPU")
    recorded.reduced("mine")
    runs = tmp_path / "runs"
    done = exported(recorded, "--wandb", str(runs), "--project", "digits")
    assert done == {"sweep": "mine", "folder": str(runs / "mine"), "written": 3, "unchanged": 0, "removed": 0}

    records = read(runs / "mine" / good.trial_id)
    run = of(records, "run")[0]
    assert (run["project"], run["runGroup"], run["jobType"], run["displayName"]) == (
        "digits",
        "mine",
        "trial",
        "lr=0.1",
    )
    assert items([run["config"]], "update")["lr"] == 0.1
    history = [items([row], "item") for row in of(records, "history")]
    assert [(row["epoch"], row["val_accuracy"]) for row in history] == [(1, 0.4), (2, 0.9)]
    summary = items(of(records, "summary"), "update")
    assert (summary["stepsweep.value"], summary["stepsweep.outcome"]) == (0.9, "SUCCEEDED")
    assert of(records, "exit")[0].get("exitCode", 0) == 0

    records = read(runs / "mine" / failed.trial_id)
    assert of(records, "exit")[0]["exitCode"] == 1
    assert items(of(records, "summary"), "update")["stepsweep.outcome"] == "FAILED"
    assert of(records, "history") == []

    names = sorted(path.name for path in runs.glob("mine/*/wandb/offline-run-*"))
    again = exported(recorded, "--wandb", str(runs), "--project", "digits")
    assert (again["written"], again["unchanged"]) == (0, 3)
    assert sorted(path.name for path in runs.glob("mine/*/wandb/offline-run-*")) == names


def test_a_run_says_whether_its_trial_is_on_the_front(tmp_path: Path) -> None:
    recorded = RecordedCloud(directory=tmp_path / "cloud")
    objectives = [{"metric": "val_accuracy"}, {"metric": "ms", "direction": "minimize"}]
    trials = recorded.planned("mine", {"lr": [0.1, 0.01]}, epochs=1, objectives=objectives)
    for trial, ms in zip(trials, (1.0, 2.0), strict=True):
        recorded.succeeded("mine", trial, {"val_accuracy": [0.5], "ms": [ms]})
    recorded.reduced("mine")
    runs = tmp_path / "runs"
    exported(recorded, "--wandb", str(runs))
    summaries = [items(of(read(runs / "mine" / trial.trial_id), "summary"), "update") for trial in trials]
    assert [each["stepsweep.on_front"] for each in summaries] == [True, False]
