"""What a trial's job gets: cores, memory, GPUs, time and attempts, by the spec or else by the stack's job."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Self

from stepsweep.contract.reading import Fields

ATTEMPTS = 5
"""Of a job whose machine is lost or that was told to end; Batch allows 10."""
MAX_RETRIES = 9
MAX_VCPUS = 192
MAX_GPUS = 8
MIN_MEMORY_MIB, MAX_MEMORY_MIB = 64, 2_000_000
MAX_TIMEOUT_MINUTES = 14 * 24 * 60
"""Of one attempt; an execution ends after as long."""


class Capacity(StrEnum):
    """How a stack gets its machines."""

    ON_DEMAND = "on-demand"
    SPOT = "spot"
    SPOT_FIRST = "spot-first"
    """Spot, and on demand as many again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resources:
    """What a spec asks for in place of the stack's; None leaves it as it is."""

    vcpus: int | None = None
    memory_mib: int | None = None
    gpus: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StackJob:
    """What a job of the stack gets unless the spec asks for something else; the defaults are the tutorial's.

    Attributes:
        timeout_minutes: of one attempt.
        max_vcpus: of all jobs of the stack together.
        per_machine: jobs that share a machine.
    """

    vcpus: int = 4
    memory_mib: int = 12_000
    gpus: int = 1
    timeout_minutes: int = 120
    max_vcpus: int = 64
    per_machine: int = 1
    capacity: Capacity = Capacity.ON_DEMAND

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: object, *, where: str) -> Self:
        fields = Fields(data, where)
        numbers = {name: fields.whole(name) for name in cls.__dataclass_fields__ if name != "capacity"}
        job = cls(**numbers, capacity=fields.one_of("capacity", Capacity))
        fields.done()
        return job

    @property
    def at_once(self) -> int:
        """The most jobs that run at once."""
        return max(1, self.max_vcpus // self.vcpus) * (2 if self.capacity is Capacity.SPOT_FIRST else 1)

    def faults_of(self, resources: Resources) -> Iterator[str]:
        """Yields what no job of this stack can get."""
        if resources.vcpus is not None and resources.vcpus > self.max_vcpus:
            yield (
                f"resources.vcpus: {resources.vcpus}, and all jobs of the stack together have {self.max_vcpus}; "
                "ask for fewer, or deploy it with a larger max_vcpus"
            )
        if resources.gpus is not None and not self.gpus:
            yield "resources.gpus: the stack's machines have none; leave it out, or deploy it with job_gpus"

    def machines(self, resources: Resources) -> float:
        """Returns how much of the stack's usual machine per job a trial takes: the largest share decides.

        The price per hour is that of a machine that the stack's own job fills.
        """
        shares = [
            (resources.vcpus or self.vcpus) / self.vcpus,
            (resources.memory_mib or self.memory_mib) / self.memory_mib,
        ]
        if self.gpus:
            shares.append((resources.gpus or self.gpus) / self.gpus)
        return max(shares)

    def requirements(self, resources: Resources) -> list[dict[str, str]]:
        """Returns what SubmitJob asks for. Memory always, since a list without entries may not be valid."""
        asked = {"MEMORY": resources.memory_mib or self.memory_mib, "VCPU": resources.vcpus, "GPU": resources.gpus}
        return [{"Type": kind, "Value": str(number)} for kind, number in asked.items() if number is not None]
