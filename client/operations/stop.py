"""Stops a sweep and leaves nothing of it running, or removes its records."""

import time
from dataclasses import dataclass

from stepsweep.client.clouds.cloud import Cloud
from stepsweep.client.clouds.which_trainer import forget_trainer
from stepsweep.client.deployment import explained
from stepsweep.client.operations.events import Doing, Show, doing
from stepsweep.client.operations.follow import POLL_SECONDS
from stepsweep.client.running.control import Control, Found
from stepsweep.client.running.stopping import Stopped, stop_sweep
from stepsweep.contract.described import number_of
from stepsweep.contract.errors import InvalidDocument, InvalidInput
from stepsweep.contract.note import first_line

DOWN_SECONDS = 30.0
"""How long to wait at most for an idle background cloud to end."""


def stop_and_wait(cloud: Cloud, name: str, show: Show) -> Stopped:
    """Stops a sweep, and returns when nothing of it runs, including the background process.

    Raises:
        InvalidInput: there is no such sweep.
        CloudError: the cloud did not answer, or does not allow it.
    """
    cloud.check_it_is_there()
    # A background cloud must stay up until the last job has ended, which may take 30 s.
    with cloud.starting(doing(show)):
        found = cloud.looked_at()
        if not found.running(name):
            found.archive.spec(name)
        control = found.control
        if control is None:
            return Stopped(executions=[], jobs=[], left=[])
        show(Doing(f"Stopping {name} …"))
        stopped = stop_sweep(control, name, poll_seconds=POLL_SECONDS[cloud.on], on_status=doing(show))
    if cloud.is_local:
        _wait_until_down(cloud, control)
    return stopped


def _wait_until_down(cloud: Cloud, control: Control) -> None:
    """Waits for an idle background cloud to end."""
    from stepsweep.local.joining import joined

    endpoint = joined(cloud.directory)
    if endpoint is None or not endpoint.ends_when_idle or control.executions():
        return
    deadline = time.monotonic() + DOWN_SECONDS
    while not cloud.is_gone() and time.monotonic() < deadline:
        time.sleep(0.1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Removal:
    """The effect of `sweep rm`.

    Attributes:
        objects: number of records.
        left: what stays, in words.
        note: the beginning of its note, which is deleted too; empty if there is none.
    """

    sweep: str
    where: str
    objects: int
    left: list[str]
    note: str

    def lines(self) -> list[str]:
        return [
            f"{self.sweep}: {number_of(self.objects, 'object')} in {self.where}/sweeps/{self.sweep}/ will be deleted.",
            *([f"Deleted too: its note, “{self.note}”"] if self.note else []),
            *(f"Kept: {what}" for what in self.left),
        ]


def removal(cloud: Cloud, name: str) -> Removal:
    """Returns the effect of removing a sweep.

    Raises:
        InvalidInput: there is no such sweep, or it is running.
    """
    found = cloud.looked_at()
    _check_it_does_not_run(cloud, found, name)
    archive = found.archive
    try:
        plan = archive.plan(archive.spec(name))
        with explained():
            trained = archive.records.have_metrics_of(list(plan.trials.values()) if plan else [])
        results = [number_of(trained, "trained trial")] if trained else []
    except InvalidDocument:  # to remove it is what to do about a damaged record
        results = ["trials"]
    left = [f"the results of its {what} in trials/, which other sweeps may share" for what in results]
    left.append("what is kept of its artifacts, in artifacts/kept/")
    left.append("checkpoints/, which the bucket empties by its own rule" if not cloud.is_local else "checkpoints/")
    left.append(f"what the trials printed, in {cloud.logs}" if cloud.is_local else "the jobs' logs, in CloudWatch Logs")
    with explained():
        objects = len(archive.records.objects(name))
    note = first_line(archive.note(name).text)
    return Removal(sweep=name, where=str(archive.objects), objects=objects, left=left, note=note)


def remove(cloud: Cloud, name: str, show: Show) -> int:
    """Deletes the records of a sweep, and returns the number of deleted objects.

    Raises:
        InvalidInput: it is running: somebody may have started it since `removal` told its effect.
    """
    with cloud.starting(doing(show)):
        _check_it_does_not_run(cloud, cloud.looked_at(), name)
        with cloud.kept_from_others() as archive, explained():
            removed = archive.records.remove(name)
        forget_trainer(cloud, name)
    return removed


def _check_it_does_not_run(cloud: Cloud, found: Found, name: str) -> None:
    if found.running(name):
        raise InvalidInput([f"the sweep {name} is running; stop it first with `sweep stop {name}{cloud.where}`"])
