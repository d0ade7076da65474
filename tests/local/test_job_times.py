"""How long a job took, on a machine whose clock is set meanwhile."""

from concurrent.futures import Future
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from stepsweep.local import batch
from stepsweep.local.attempts import Ending
from stepsweep.local.share import Shares
from stepsweep.local.turns import Place


@pytest.mark.parametrize("jump", [timedelta(hours=-1), timedelta(hours=2)])
def test_what_a_clock_is_set_by_while_a_job_runs_is_no_time_of_the_job(
    jump: timedelta, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    class Clock(datetime):
        ahead = timedelta()

        @classmethod
        def now(cls, _zone: Any = None) -> Any:
            return datetime.now() + cls.ahead

    def wait(_seconds: float | None = None) -> bool:
        Clock.ahead = jump
        return True

    monkeypatch.setattr(batch, "datetime", Clock)
    process = SimpleNamespace(ended=SimpleNamespace(wait=wait))
    ending = Ending(container={"exitCode": 0}, status_reason="it has ended")
    attempts: Any = SimpleNamespace(memory_is_limited=True, start=lambda _: process, ending=lambda *_: ending)
    nothing: Any = SimpleNamespace()
    queue = batch.JobQueue(
        nothing,
        attempts,
        images={"tag": nothing},
        secrets=nothing,
        logs=tmp_path,
        shares=Shares(vcpus=1, visible_gpus=lambda: None),
        job_vcpus=1,
    )
    job = _job()
    queue.submit(job)
    job.ended.result(timeout=60)
    queue.close()
    (attempt,) = job.attempts
    assert 0 <= attempt["stoppedAt"] - attempt["startedAt"] < 60_000
    assert abs(job.job_stopped_at - job.job_started_at) < timedelta(minutes=1)


def _job() -> Any:
    definition = SimpleNamespace(container_properties={"image": "image:tag"}, timeout=None)
    return SimpleNamespace(
        job_id="id", job_name="name", job_definition=definition, timeout=None, has_machines=True, environment={},
        place=Place(queue="queue", queue_priority=1), ended=Future(), asked_vcpus=1, gpus=0, secrets=[],
        retry_strategy={}, attempts=[], stop=False, job_stopped_reason=None, memory_mib=None,
    )  # fmt: skip
