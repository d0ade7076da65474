"""The choices of a deployment, such as `sweep deploy -c max_vcpus=16`.

The stack reads them from CDK's context, the client from the command line and a file. Both import this module.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Self, TypeVar

from stepsweep.contract.cost import TUTORIAL_RATES
from stepsweep.contract.errors import InvalidInput
from stepsweep.contract.means import Capacity, StackJob
from stepsweep.stack_values import parsed

UMASK = 0o022
"""Of all that writes what a deployment includes. Images and functions run as other users, who have to read it."""

ECR_IMAGE = re.compile(
    r"(?P<account>\d{12})\.dkr\.ecr(?:-fips)?\.(?P<region>[a-z0-9-]+)\.amazonaws\.com(?:\.cn)?/"
    r"(?P<repository>[^:@]+)(?::(?P<tag>[^:@]+))?(?:@(?P<digest>sha256:[0-9a-f]{64}))?"
)
"""An image in a private repository of ECR."""

Value = TypeVar("Value")


def _choice(default: Value, meaning: str) -> Value:
    """Returns a field with its meaning; typed as its default, as `dataclasses.field` is."""
    chosen: Value = field(default=default, metadata={"meaning": meaning})
    return chosen


@dataclass(frozen=True, slots=True, kw_only=True)
class StackConfig:
    """The choices of a deployment, each with its meaning. The defaults are the tutorial's."""

    stack_name: str = _choice("Stepsweep", "the CloudFormation stack's name; one account can have several stacks")
    instance_types: tuple[str, ...] = _choice(("g4dn.xlarge",), "machines that may start, separated by commas")
    max_vcpus: int = _choice(64, "vCPUs of all jobs together; spot-first allows as many on Spot and on demand each")
    job_vcpus: int = _choice(4, "vCPUs of one trial")
    job_gpus: int = _choice(1, "GPUs of one trial")
    trials_per_gpu: int = _choice(1, "trials that share one GPU, and the vCPUs and memory above; untested on AWS")
    job_memory_mib: int = _choice(12_000, "memory of one trial; 12000 is what a g4dn.xlarge's 16 GiB leave")
    job_timeout_minutes: int = _choice(120, "longest time of one attempt")
    max_concurrency: int = _choice(1_000, "most trials that a sweep submits to Batch at once, unless its input says")
    capacity: str = _choice("on-demand", "on-demand, spot (cheaper, may be reclaimed) or spot-first")
    max_wait_minutes: int = _choice(
        60, "minutes until Batch cancels the first waiting job, if it knows why no machine comes"
    )
    start_within_minutes: int = _choice(
        120,
        "minutes until a sweep ends, with the reason, if none of its jobs has started and no other sweep's job runs",
    )
    usd_per_hour: float = _choice(TUTORIAL_RATES.usd_per_hour, "price of one job's machine, for estimates")
    checkpoint_days: int = _choice(
        30, "age at which checkpoints, and artifacts that are not kept, are deleted; metrics stay"
    )
    zones: tuple[str, ...] = _choice(
        (), "zones of the new network; `sweep deploy` takes all that offer the machines, the CDK CLI the first two"
    )
    vpc_id: str | None = _choice(None, "your own network, with subnet_ids")
    subnet_ids: tuple[str, ...] = _choice((), "its subnets; they need access to S3, ECR and CloudWatch Logs")
    notify: str | None = _choice(None, "e-mail address that gets a message when a sweep ends")
    log_retention_days: int = _choice(30, "age at which logs are deleted")
    secrets: tuple[tuple[str, str], ...] = _choice(
        (), "variables of trials by the ARNs of their values (Secrets Manager, Parameter Store); text or table of JSON"
    )
    trainer: str | None = _choice(None, "a folder with a Dockerfile, built instead of the tutorial's trainer")
    image: str | None = _choice(None, "the URI of a ready-made image")

    @property
    def job(self) -> StackJob:
        """What one trial gets, where several share the GPU a part of it."""
        shared = self.trials_per_gpu
        return StackJob(
            vcpus=self.job_vcpus // shared,
            memory_mib=self.job_memory_mib // shared,
            # ECS gives a GPU to one container. Who shares one asks for none.
            gpus=self.job_gpus if shared == 1 else 0,
            timeout_minutes=self.job_timeout_minutes,
            max_vcpus=self.max_vcpus,
            per_machine=shared,
            capacity=Capacity(self.capacity),
        )

    @property
    def usd_per_job_hour(self) -> float:
        """The price of what one trial takes of a machine."""
        return self.usd_per_hour / self.trials_per_gpu

    @property
    def faults(self) -> list[str]:
        """Contradictions between the choices."""
        faults = []
        if self.job_vcpus > self.max_vcpus:
            faults.append(
                f"job_vcpus: must be at most max_vcpus ({self.max_vcpus}), or no job ever starts, got {self.job_vcpus}"
            )
        faults += [fault for name in self.instance_types if (fault := _fault_of_type(name, gpus=self.job_gpus))]
        if self.trials_per_gpu > 1 and self.job_gpus != 1:
            faults.append(f"trials_per_gpu: goes with job_gpus=1, the GPU to share, got {self.job_gpus}")
        if self.job_vcpus < self.trials_per_gpu:
            faults.append(
                f"trials_per_gpu: must be at most job_vcpus ({self.job_vcpus}), which trials share too, "
                f"got {self.trials_per_gpu}"
            )
        if self.image and self.trainer:
            faults.append("image: not together with `trainer`; give the image's URI or the folder to build it from")
        if bool(self.vpc_id) != bool(self.subnet_ids):
            faults.append("vpc_id and subnet_ids: give both, or neither for a new network")
        if self.zones and self.vpc_id:
            faults.append("zones: not together with `vpc_id`, whose subnets have their zones")
        return faults

    @classmethod
    def from_context(cls, context: Mapping[str, Any]) -> Self:
        """Reads the fields from CDK context, in which values from a command line are texts.

        Raises:
            InvalidInput: choices are invalid; lists every fault.
        """
        faults: list[str] = []
        values: dict[str, Any] = {}
        for name in names():
            raw = context.get(name)
            if raw is None:
                continue
            try:
                values[name] = parsed(name, raw)
            except ValueError as error:
                faults.append(f"{name}: {error}")
        config = cls(**values) if not faults else None
        if config:
            faults += config.faults
        if faults or config is None:
            raise InvalidInput(faults)
        return config


def names() -> list[str]:
    return [each.name for each in fields(StackConfig)]


def table() -> list[tuple[str, str, str]]:
    """Returns the name, default and meaning of every choice."""
    return [(each.name, _text(each.default), each.metadata["meaning"]) for each in fields(StackConfig)]


def _text(default: object) -> str:
    if isinstance(default, tuple):
        return ",".join(default) or "none"
    return "none" if default is None else str(default)


_OTHER_PARTITIONS = ("cn-", "us-iso", "eu-iso", "eusc-")
"""How the names of regions begin where the template would not work: https://docs.aws.amazon.com/general/latest/gr/rande.html"""


def fault_of_region(region: str) -> str | None:
    """Returns why the stack cannot be in a region; None if nothing is known against it."""
    if not region.startswith(_OTHER_PARTITIONS):
        return None
    return (
        f"region: must be one of the partitions aws and aws-us-gov, got {region}, where EC2 takes roles under another "
        "name and ECR has another domain; take another region"
    )


NO_DRIVER = frozenset({"p2", "p3", "p3dn", "g2", "g3", "g3s"})
"""Families whose GPUs the driver of the machine image (ECS's of Amazon Linux 2023) does not know."""

NOT_NVIDIA = frozenset({"g4ad", "dl1", "dl2q", "f1", "f2", "inf1", "inf2", "trn1", "trn1n", "trn2", "vt1"})


def _fault_of_type(name: str, *, gpus: int) -> str | None:
    """Returns why no trial would ever start on a machine of this type; None if nothing is known against it."""
    family = name.partition(".")[0]
    # https://docs.aws.amazon.com/ec2/latest/instancetypes/instance-type-names.html: g behind the number is Graviton.
    if family == "a1" or re.match(r"[a-z]+\d+[a-z]*g|p6e-gb", family):
        return f"instance_types: {name} has an Arm processor, and images are built for x86-64; take g4dn.xlarge, say"
    if family in NO_DRIVER:
        return f"instance_types: {name} has a GPU that the machine image's driver does not know; take g4dn.xlarge, say"
    if gpus and (family in NOT_NVIDIA or family[0] not in "gp"):
        return (
            f"instance_types: {name} has no NVIDIA GPU, and a trial gets job_gpus={gpus}; without GPUs set job_gpus=0"
        )
    return None
