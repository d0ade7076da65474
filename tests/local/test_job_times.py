"""How long a job took, on a machine whose clock is set meanwhile."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from stepsweep.local import batch
from tests.support.one_job import ended_job


@pytest.mark.parametrize("jump", [timedelta(hours=-1), timedelta(hours=2)])
def test_what_a_clock_is_set_by_while_a_job_runs_is_no_time_of_the_job(
    jump: timedelta, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    class Clock(datetime):
        ahead = timedelta()

        @classmethod
        def now(cls, _zone: Any = None) -> Any:
            return datetime.now() + cls.ahead

    def set_clock() -> None:
        Clock.ahead = jump

    monkeypatch.setattr(batch, "datetime", Clock)
    job = ended_job(tmp_path, {"exitCode": 0}, meanwhile=set_clock)
    (attempt,) = job.attempts
    assert 0 <= attempt["stoppedAt"] - attempt["startedAt"] < 60_000
    assert abs(job.job_stopped_at - job.job_started_at) < timedelta(minutes=1)
