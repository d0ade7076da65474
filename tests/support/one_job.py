"""One job of an embedded cloud's queue, whose attempt no process runs."""

from collections.abc import Callable, Mapping
from concurrent.futures import Future
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from stepsweep.local.attempts import Ending
from stepsweep.local.batch import JobQueue
from stepsweep.local.share import Shares
from stepsweep.local.turns import Place


def ended_job(logs: Path, container: Mapping[str, Any], *, meanwhile: Callable[[], None]) -> Any:
    """Returns the job at its end.

    Args:
        container: how its attempt ended, in the words of DescribeJobs.
        meanwhile: is called while the attempt runs.
    """

    def wait(_seconds: float | None = None) -> bool:
        meanwhile()
        return True

    process = SimpleNamespace(ended=SimpleNamespace(wait=wait))
    ending = Ending(container=container, status_reason="it has ended")
    attempts: Any = SimpleNamespace(memory_is_limited=True, start=lambda _: process, ending=lambda *_: ending)
    nothing: Any = SimpleNamespace()
    queue = JobQueue(
        nothing,
        attempts,
        images={"tag": nothing},
        secrets=nothing,
        logs=logs,
        shares=Shares(vcpus=1, visible_gpus=lambda: None),
        job_vcpus=1,
    )
    definition = SimpleNamespace(container_properties={"image": "image:tag"}, timeout=None)
    job: Any = SimpleNamespace(
        job_id="id", job_name="name", job_definition=definition, timeout=None, has_machines=True, environment={},
        place=Place(queue="queue", queue_priority=1), ended=Future(), asked_vcpus=1, gpus=0, secrets=[],
        retry_strategy={}, attempts=[], stop=False, job_stopped_reason=None, memory_mib=None,
    )  # fmt: skip
    queue.submit(job)
    job.ended.result(timeout=60)
    queue.close()
    return job
