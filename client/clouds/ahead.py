"""Starts work for a sweep on this machine on another core, while this process still imports its modules. Saves half a
second.

For the same reason this module imports little itself.
"""

import contextlib
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from stepsweep.client.clouds.cloud import Cloud
from stepsweep.client.clouds.ready import check_trials
from stepsweep.contract.spec import SweepSpec

if TYPE_CHECKING:
    from stepsweep.local.machine import Machines


@dataclass(frozen=True, slots=True, kw_only=True)
class Ahead:
    """Work that has been started; empty if it is not yet known what the sweep needs.

    Attributes:
        machines: machines for the cloud to open.
        said: what the check has said so far.
    """

    machines: "Machines | None" = None
    checking: "Future[None] | None" = None
    said: list[str] = field(default_factory=list)

    def check(self, cloud: Cloud, spec: SweepSpec, on_status: Callable[[str], None]) -> None:
        """Does the same as `check_trials`; uses the check that has been started."""
        if self.checking is None:
            check_trials(cloud, spec, on_status)
        else:
            self.checking.result()
            for line in self.said:
                on_status(line)


@contextlib.contextmanager
def working_ahead(cloud: Cloud, spec: SweepSpec) -> Iterator[Ahead]:
    """Starts the machines of an embedded cloud, and the trainer's check of the sweep, if no cloud is up yet and its
    template exists."""
    if not cloud.is_local:
        yield Ahead()
        return
    from stepsweep.local.preparing import machines_ahead

    with contextlib.ExitStack() as until_it_ends:
        machines = until_it_ends.enter_context(
            machines_ahead(cloud.directory, trainer=cloud.trainer, container=cloud.container)
        )
        if machines is None:
            yield Ahead()
            return
        others = until_it_ends.enter_context(ThreadPoolExecutor(1, thread_name_prefix="check"))
        said: list[str] = []
        yield Ahead(machines=machines, checking=others.submit(check_trials, cloud, spec, said.append), said=said)
