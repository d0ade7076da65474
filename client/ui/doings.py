"""What the page was asked to do with a sweep: in a thread, told step by step."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from stepsweep.bucket.disk import told
from stepsweep.client.clouds.cloud import Cloud
from stepsweep.client.clouds.which_trainer import with_trainer_of
from stepsweep.client.deployment import CloudError
from stepsweep.client.operations.events import Doing, Event
from stepsweep.client.operations.follow import start
from stepsweep.client.operations.prioritizing import prioritize
from stepsweep.client.operations.stop import stop_and_wait
from stepsweep.contract.errors import InvalidInput, SweepError
from stepsweep.contract.priority import Priority
from stepsweep.contract.spec import SweepSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """How far something is.

    Attributes:
        text: its present step; empty if it has ended.
        faults: why it failed.
    """

    text: str = ""
    faults: tuple[str, ...] = ()


class Doings:
    """At most one thing is done with a sweep at a time.

    Args:
        on_change: is told the name of the sweep.
    """

    def __init__(self, on_change: Callable[[str], None]) -> None:
        self._on_change = on_change
        self._lock = threading.Lock()
        self._known: dict[str, Done] = {}

    def of(self, name: str) -> Done:
        return self._known.get(name, Done())

    def now(self) -> dict[str, str]:
        """Returns what is being done, or why it failed, by sweep."""
        known = list(self._known.items())
        return {name: done.text or done.faults[0] for name, done in known if done.text or done.faults}

    def start(self, cloud: Cloud, spec: SweepSpec) -> bool:
        """Returns whether it is being started; not if something is being done with the sweep of this name.

        On this machine an embedded cloud may have to be started first, which takes seconds.
        """
        return self._begin(spec.name, f"Starting {spec.name} …", lambda say: _start(spec, cloud, say))

    def stop(self, cloud: Cloud, name: str) -> None:
        def work(say: Callable[[str], None]) -> None:
            if left := stop_and_wait(cloud, name, Steps(say)).left:
                raise CloudError(f"still alive: {', '.join(left)}; look at them in AWS Batch, and stop it again")

        self._begin(name, f"Stopping {name} …", work)

    def prioritize(self, cloud: Cloud, name: str, priority: Priority) -> None:
        def work(say: Callable[[str], None]) -> None:
            prioritize(cloud, name, priority, Steps(say))

        self._begin(name, f"Changing the priority of {name} to {priority} …", work)

    def resume(self, cloud: Cloud, spec: SweepSpec) -> None:
        def work(say: Callable[[str], None]) -> None:
            _start(replace(spec, accept_trainer=False), with_trainer_of(cloud, spec.name), say)

        self._begin(spec.name, f"Resuming {spec.name} …", work)

    def _begin(self, name: str, text: str, work: Callable[[Callable[[str], None]], None]) -> bool:
        with self._lock:
            if self.of(name).text:
                return False
            self._tell(name, Done(text=text))
        threading.Thread(target=self._run, args=(name, work), name=text, daemon=True).start()
        return True

    def _run(self, name: str, work: Callable[[Callable[[str], None]], None]) -> None:
        end = Done(faults=("it ended unexpectedly; the terminal of `sweep ui` says more",))
        try:
            work(lambda text: self._tell(name, Done(text=text)))
            end = Done()
        except InvalidInput as error:
            end = Done(faults=tuple(error.faults))
        except SweepError as error:
            end = Done(faults=tuple(str(error).splitlines()))
        except OSError as error:
            end = Done(faults=(told(error, Path.cwd()),))
        finally:
            self._tell(name, end)

    def _tell(self, name: str, done: Done) -> None:
        self._known[name] = done
        self._on_change(name)


def _start(spec: SweepSpec, cloud: Cloud, say: Callable[[str], None]) -> None:
    start(spec, cloud, Steps(say))


class Steps:
    """Passes on the steps of an operation."""

    wants_training = False

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say

    def __call__(self, event: Event) -> None:
        if isinstance(event, Doing):
            self._say(event.text)
