"""What can be chosen when the stack is deployed: `cdk deploy -c max_vcpus=16 …`.

Wrong values end the synth, with one line for each.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Self

from stepsweep.contract.cost import TUTORIAL_RATES
from stepsweep.contract.errors import InvalidInput
from stepsweep.contract.limits import MAX_CONCURRENCY

CAPACITIES = ("on-demand", "spot", "spot-first")

LOG_RETENTION_DAYS = (1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365)
"""Those that CloudWatch Logs knows, up to a year."""

INTEGER_RANGES = {
    "max_vcpus": (1, 10_000),
    "job_vcpus": (1, 192),
    "job_gpus": (0, 8),
    "job_memory_mib": (512, 2_000_000),
    "job_timeout_minutes": (1, 14 * 24 * 60),
    "max_concurrency": (1, MAX_CONCURRENCY),
    "max_wait_minutes": (10, 24 * 60),
    "checkpoint_days": (1, 3650),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class StackConfig:
    """A deployment's choices; the defaults are the tutorial's.

    Attributes:
        stack_name: of the CloudFormation stack; one account can have several.
        instance_types: what the compute environment may start, comma-separated on the command line.
        max_vcpus: of all jobs together, with `spot-first` of those on each kind of machine; 64 of g4dn.xlarge are 16
            trials at once.
        job_vcpus, job_gpus, job_memory_mib: what one trial is given. 12,000 MiB is what a g4dn.xlarge's 16 GiB leave.
        job_timeout_minutes: of one attempt.
        capacity: `on-demand`; `spot`, cheaper and reclaimed at times, from where a trial goes on from its checkpoint;
            or `spot-first`, which takes on-demand machines where there are none of the other kind.
        max_wait_minutes: until a job that no machine can be had for is cancelled, with the reason in its outcome.
        usd_per_hour: of one job's machine, for estimates. The default is g4dn.xlarge, on demand, in us-east-1.
        seconds_per_epoch: for estimates before anything has run; the tutorial's hundred epochs took ten minutes.
        checkpoint_days: until checkpoints are deleted; metrics stay.
        vpc_id, subnet_ids: a network of your own instead of a new one; its subnets need a way to S3, ECR and
            CloudWatch Logs.
        notify: an e-mail address that is told when a sweep ends.
        log_retention_days: of all logs.
        max_concurrency: trials that a sweep hands to Batch at once, where its input does not say; the queue holds
            what the compute environment has no room for.
        trainer: a folder of your own with a Dockerfile, built instead of trainer/.
        image: an image that is built already, as a URI.
    """

    stack_name: str = "Stepsweep"
    instance_types: tuple[str, ...] = ("g4dn.xlarge",)
    max_vcpus: int = 64
    job_vcpus: int = 4
    job_gpus: int = 1
    job_memory_mib: int = 12_000
    job_timeout_minutes: int = 120
    max_concurrency: int = 1_000
    capacity: str = "on-demand"
    max_wait_minutes: int = 60
    usd_per_hour: float = TUTORIAL_RATES.usd_per_hour
    seconds_per_epoch: float = TUTORIAL_RATES.seconds_per_epoch
    checkpoint_days: int = 30
    vpc_id: str | None = None
    subnet_ids: tuple[str, ...] = ()
    notify: str | None = None
    log_retention_days: int = 30
    trainer: str | None = None
    image: str | None = None

    @classmethod
    def from_context(cls, context: Mapping[str, Any]) -> Self:
        """Reads the fields from CDK context, where the command line's values are texts.

        Raises:
            InvalidInput: with every fault.
        """
        faults: list[str] = []
        values: dict[str, Any] = {}
        for name in (field.name for field in fields(cls)):
            raw = context.get(name)
            if raw is None:
                continue
            try:
                values[name] = _parse(name, raw)
            except ValueError as error:
                faults.append(f"{name}: {error}")
        config = cls(**values) if not faults else None
        if config:
            faults += config._contradictions()
        if faults or config is None:
            raise InvalidInput(faults)
        return config

    def _contradictions(self) -> list[str]:
        faults = []
        if self.job_vcpus > self.max_vcpus:
            faults.append(
                f"job_vcpus: must be at most max_vcpus ({self.max_vcpus}), or no job ever starts, got {self.job_vcpus}"
            )
        if self.image and self.trainer:
            faults.append("image: not together with `trainer`; give the image's URI or the folder to build it from")
        if bool(self.vpc_id) != bool(self.subnet_ids):
            faults.append("vpc_id and subnet_ids: give both, or neither for a new network")
        return faults


def _parse(name: str, raw: object) -> object:
    """Returns the value of one field. Raises ValueError with the rule and the value."""
    if name in INTEGER_RANGES:
        return _integer(raw, *INTEGER_RANGES[name])
    text = str(raw)
    match name:
        case "usd_per_hour" | "seconds_per_epoch":
            return _positive(raw)
        case "capacity":
            return _matching(text, "|".join(CAPACITIES), f"one of {', '.join(CAPACITIES)}")
        case "log_retention_days":
            if not text.isdecimal() or int(text) not in LOG_RETENTION_DAYS:
                raise ValueError(f"must be one of {', '.join(map(str, LOG_RETENTION_DAYS))}, got {raw!r}")
            return int(text)
        case "instance_types":
            what = "instance types such as g4dn.xlarge,g5.xlarge"
            return tuple(_matching(part, r"[a-z][a-z0-9-]*\.[a-z0-9-]+", what) for part in _parts(raw))
        case "subnet_ids":
            what = "subnets such as subnet-0a1b2c3d,subnet-4e5f6a7b"
            return tuple(_matching(part, r"subnet-[0-9a-f]{8,17}", what) for part in _parts(raw))
        case "vpc_id":
            return _matching(text, r"vpc-[0-9a-f]{8,17}", "a VPC such as vpc-0a1b2c3d")
        case "notify":
            return _matching(text, r"[^@\s]+@[^@\s]+\.[^@\s]+", "an e-mail address")
        case "stack_name":
            return _matching(text, r"[A-Za-z][A-Za-z0-9-]{0,50}", "1 to 51 letters, digits and -, a letter first")
        case "trainer":
            if not Path(text, "Dockerfile").is_file():
                raise ValueError(f"must be a folder with a Dockerfile, got {raw!r}")
            return text
        case _:
            return _matching(
                text, r"[A-Za-z0-9][A-Za-z0-9._/:@-]{0,511}", "an image such as public.ecr.aws/me/trainer:1"
            )


def _integer(raw: object, low: int, high: int) -> int:
    text = str(raw)
    if isinstance(raw, bool) or not re.fullmatch(r"\d{1,9}", text, re.ASCII) or not low <= int(text) <= high:
        raise ValueError(f"must be a whole number from {low} to {high}, got {raw!r}")
    return int(text)


def _positive(raw: object) -> float:
    text = str(raw)
    if not re.fullmatch(r"\d{1,6}(\.\d{1,6})?", text, re.ASCII) or float(text) == 0:
        raise ValueError(f"must be a number above 0 such as 0.526, got {raw!r}")
    return float(text)


def _parts(raw: object) -> list[str]:
    return [str(part).strip() for part in (raw if isinstance(raw, list) else str(raw).split(","))]


def _matching(text: str, pattern: str, what: str) -> str:
    if not re.fullmatch(pattern, text, re.ASCII):
        raise ValueError(f"must be {what}, got {text!r}")
    return text
