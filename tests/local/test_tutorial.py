"""The tutorial's own steps, with nothing but boto3 and pandas: a person submits jobs and reads their CSVs."""

import io
import time
from typing import Any

import boto3
import pandas as pd
import pytest

from tests.support.embedded import REPOSITORY, running_cloud

pytestmark = pytest.mark.slow

TINY = ("--dataset", "fashion-mnist", "--train-images", "64")
"""Not the tutorial's: a job of all images takes a minute."""


@pytest.fixture(scope="module")
def notebook(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What both notebooks begin with, in the environment that `sweep serve` prints."""
    folder = tmp_path_factory.mktemp("cloud")
    (folder / "data").symlink_to(REPOSITORY / ".stepsweep" / "data")
    with running_cloud(folder, context={}, vcpus=2) as cloud, pytest.MonkeyPatch.context() as patch:
        for name, value in cloud.environment.items():
            patch.setenv(name, value)
        patch.setattr(boto3, "DEFAULT_SESSION", None)  # another test of this process may have given it credentials
        yield boto3.client("batch"), boto3.client("s3"), cloud.outputs


def submitted(notebook: Any, lr: float, momentum: float, epochs: int) -> str:
    batch, _, outputs = notebook
    answer = batch.submit_job(
        jobName="mnist",
        jobQueue=outputs["JobQueue"],
        jobDefinition=outputs["JobDefinition"],
        containerOverrides={
            "command": [
                *("--lr", str(lr), "--momentum", str(momentum), "--epochs", str(epochs), "--uploadS3", "true"),
                *TINY,
            ]
        },
    )
    return str(answer["jobId"])


def wait_for(notebook: Any, jobs: list[str]) -> None:
    batch = notebook[0]
    while any(job["status"] not in ("SUCCEEDED", "FAILED") for job in batch.describe_jobs(jobs=jobs)["jobs"]):
        time.sleep(0.5)
    ended = batch.describe_jobs(jobs=jobs)["jobs"]
    assert [job["status"] for job in ended] == ["SUCCEEDED"] * len(jobs), ended


def metrics(notebook: Any, lr: float, momentum: float) -> pd.DataFrame:
    _, s3, outputs = notebook
    answer = s3.get_object(Bucket=outputs["Bucket"], Key=f"metrics_lr{lr:0.4f}_m{momentum:0.4f}.csv")
    return pd.read_csv(io.BytesIO(answer["Body"].read()))


def test_one_job_leaves_its_curve(notebook: Any) -> None:
    wait_for(notebook, [submitted(notebook, 0.02, 0.1, epochs=2)])
    curve = metrics(notebook, 0.02, 0.1)
    assert list(curve.columns)[:4] == ["epoch", "train_loss", "val_loss", "val_accuracy"]
    assert list(curve["epoch"]) == [1, 2]


def test_a_grid_in_a_loop_becomes_a_heatmap(notebook: Any) -> None:
    grid = [(lr, momentum) for lr in (0.01, 0.00001, 0.00002) for momentum in (0.1, 0.5)]
    wait_for(notebook, [submitted(notebook, lr, momentum, epochs=1) for lr, momentum in grid])
    found = [
        {"lr": lr, "momentum": momentum, "val_accuracy": metrics(notebook, lr, momentum)["val_accuracy"].max()}
        for lr, momentum in grid
        if lr >= 0.0001
    ]
    heatmap = pd.DataFrame(found).pivot(index="lr", columns="momentum", values="val_accuracy")
    assert heatmap.shape == (1, 2)
    assert heatmap.notna().all(axis=None)
    # Four decimals cannot hold these, so each has a name of its own. In the tutorial the second job replaced the first.
    _, s3, outputs = notebook
    there = s3.list_objects_v2(Bucket=outputs["Bucket"], Prefix="metrics_lr0.0000")["Contents"]
    assert [item["Key"] for item in there] == [
        f"metrics_lr{lr}_m{momentum}.csv" for lr in ("0.00001", "0.00002") for momentum in ("0.1000", "0.5000")
    ]
