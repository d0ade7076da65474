"""Reads or follows the log of a trial, for the command line and the Python API."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from stepsweep.bucket.plans import Plan
from stepsweep.client.archive.named import trial_meant
from stepsweep.client.clouds.cloud import Cloud
from stepsweep.client.deployment import CloudError
from stepsweep.client.logs.trial_logs import CloudLog, LocalLog, Log, recorded_streams
from stepsweep.client.running.control import Found
from stepsweep.contract.errors import InvalidInput

LOOK_SECONDS = {"local": 0.5, "aws": 3.0}


def read_log(cloud: Cloud, name: str, words: Sequence[str]) -> dict[str, Any]:
    """Returns `{sweep, trial_id, attempts: [{number, lines}]}`.

    Raises:
        InvalidInput: no trial has this name.
        CloudError: it has not started, or its log is gone.
    """
    log, trial_id = _log(cloud, name, words)
    attempts: dict[int, list[str]] = {}
    for attempt, line in log.news(is_over=log.is_over()):
        attempts.setdefault(attempt, []).append(line)
    if not log.is_there:
        raise _no_log(trial_id)
    return {
        "sweep": name,
        "trial_id": trial_id,
        "attempts": [{"number": number, "lines": lines} for number, lines in attempts.items()],
    }


def as_lines(attempts: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yields the lines of the attempts that `read_log` returns; of several, each with its number above them."""
    for attempt in attempts:
        if len(attempts) > 1:
            yield f"--- attempt {attempt['number']}"
        yield from attempt["lines"]


def follow_log(cloud: Cloud, name: str, words: Sequence[str], *, on_line: Callable[[str], object]) -> bool:
    """Passes on each line that a trial prints until it has ended, and returns whether there was one.

    Raises like `read_log`.
    """
    log, trial_id = _log(cloud, name, words)
    shown = 0
    while True:
        is_over = cloud.is_gone() or log.is_over()
        for attempt, line in log.news(is_over=is_over):
            if attempt != shown and attempt > 1:
                on_line(f"--- attempt {attempt}")
            shown = attempt
            on_line(line)
        if is_over:
            break
        time.sleep(LOOK_SECONDS[cloud.on])
    if not log.is_there:
        raise _no_log(trial_id)
    return bool(shown)


def _log(cloud: Cloud, name: str, words: Sequence[str]) -> tuple[Log, str]:
    found = cloud.looked_at()
    plan = found.archive.plan(found.archive.spec(name))
    if plan is None:
        raise InvalidInput([f"the sweep {name} has no plan yet, and so no trials"])
    trial_id = trial_meant(found.archive, plan, words).trial_id
    return log_of(cloud, found, plan, trial_id), trial_id


def log_of(cloud: Cloud, found: Found, plan: Plan, trial_id: str) -> Log:
    """Returns the log of a trial in its cloud."""
    recorded = recorded_streams(found.archive, plan, trial_id)
    if cloud.is_local:
        return LocalLog(cloud.logs, trial_id, found.control, recorded)
    assert found.control is not None  # noqa: S101  AWS is always up
    return CloudLog(found.control.deployment, trial_id, recorded)


def _no_log(trial_id: str) -> CloudError:
    return CloudError(f"there is no log of {trial_id} here: it has not started, or its log was deleted")
