"""What a sweep on this machine needs and another core can do, while this process imports the rest: half a second.

Imports little itself, for the same reason.
"""

import contextlib
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from stepsweep.client.clouds.cloud import Cloud
from stepsweep.contract.spec import SweepSpec

if TYPE_CHECKING:
    from stepsweep.local.machine import Machines


@dataclass(frozen=True, slots=True, kw_only=True)
class Ahead:
    """What is under way; nothing where nobody can know yet what is needed.

    Attributes:
        machines: for the cloud that is to be opened.
    """

    machines: "Machines | None" = None
    checking: "Future[None] | None" = None

    def check(self, cloud: Cloud, spec: SweepSpec, on_status: Callable[[str], None]) -> None:
        """As `cloud.check` of the same sweep."""
        if self.checking is None:
            cloud.check(spec, on_status)
        else:
            self.checking.result()


@contextlib.contextmanager
def working_ahead(cloud: Cloud, spec: SweepSpec) -> Iterator[Ahead]:
    """Starts the machines of an embedded cloud, and the trainer's check of the sweep, where no cloud is up yet and its
    template is there."""
    if not cloud.is_local:
        yield Ahead()
        return
    from stepsweep.local.cloud import machines_ahead

    with contextlib.ExitStack() as until_it_ends:
        machines = until_it_ends.enter_context(machines_ahead(cloud.directory, trainer=cloud.trainer))
        if machines is None:
            yield Ahead()
            return
        others = until_it_ends.enter_context(ThreadPoolExecutor(1, thread_name_prefix="check"))
        yield Ahead(machines=machines, checking=others.submit(cloud.check, spec, lambda _: None))
