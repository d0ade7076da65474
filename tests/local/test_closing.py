"""What becomes of the jobs that run when their cloud ends, such as after `sweep run | head`."""

import threading
from concurrent.futures import Future
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import MagicMock

import pytest

from stepsweep.local.attempts import Ending
from stepsweep.local.batch import JobQueue
from stepsweep.local.share import Shares
from stepsweep.local.turns import Place


@pytest.mark.parametrize("is_closing", [True, False])
def test_a_job_that_ends_with_its_cloud_has_not_failed(tmp_path: Path, is_closing: bool) -> None:
    process, runs = SimpleNamespace(ended=threading.Event()), threading.Event()

    def start(_: object) -> SimpleNamespace:
        runs.set()
        return process

    attempts = MagicMock(memory_is_limited=True, start=start)
    attempts.ending.return_value = Ending(status_reason="Essential container exited", container={"exitCode": 143})
    shares = Shares(vcpus=1, visible_gpus=lambda: ())
    queue = JobQueue(
        MagicMock(), attempts, images=MagicMock(), secrets=MagicMock(), logs=tmp_path, shares=shares, job_vcpus=1
    )
    job = MagicMock(job_id="mine", job_name="trial", place=Place(queue="queue", queue_priority=1), ended=Future())
    job.configure_mock(stop=False, attempts=[], retry_strategy={}, secrets=(), asked_vcpus=1, gpus=0, environment={})
    job.configure_mock(timeout=None, job_definition=MagicMock(timeout=None))
    queue.submit(job)
    assert runs.wait(60)
    (worker,) = (each for each in threading.enumerate() if each.name == "job-mine")
    if is_closing:
        queue.close()
    process.ended.set()
    worker.join()
    assert job.ended.done() is not is_closing
    assert (job.status == "FAILED") is not is_closing
