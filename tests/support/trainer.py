"""The trainer as it is run: its options, its variables, and what it writes."""

import os
import subprocess
from collections.abc import Callable

from stepsweep.contract import keys

BUCKET = "sweep-bucket"

SMALL = ("--dataset", "fashion-mnist", "--train-images", "480", "--lr", "0.1", "--momentum", "0.5")
"""A subset on which an epoch takes about a second."""

Start = Callable[..., "subprocess.Popen[str]"]
Finish = Callable[..., "subprocess.CompletedProcess[str]"]


def environment(**more: str) -> dict[str, str]:
    """The variables of a process: this one's without AWS, one thread, and `more`."""
    mine = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "STEPSWEEP_"))}
    return {**mine, "OMP_NUM_THREADS": "1", **more}


def job_environment(endpoint: str, *, trial_id: str, epochs: int) -> dict[str, str]:
    """What the state machine gives a job, and what the embedded cloud adds so that it finds S3."""
    return {
        keys.CHECKPOINT_URI: keys.uri(BUCKET, keys.checkpoint_prefix(trial_id)),
        keys.METRICS_URI: keys.uri(BUCKET, keys.metrics_key(trial_id, epochs)),
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
    }


def without_seconds(csv: str) -> list[list[str]]:
    """The cells of a metrics file but those of its last column, which no two runs share."""
    rows = [line.split(",") for line in csv.splitlines()]
    assert rows[0][-1] == "seconds"
    return [row[:-1] for row in rows]
