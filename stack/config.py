"""What can be chosen when the stack is deployed: `cdk deploy -c max_vcpus=16 …`. Wrong values end synth in a line each."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Self

from sweep.errors import InvalidInput
from sweep.spec import MAX_CONCURRENCY

INTEGER_RANGES = {
    "max_vcpus": (1, 10_000),
    "job_vcpus": (1, 192),
    "job_gpus": (0, 8),
    "job_memory_mib": (512, 2_000_000),
    "job_timeout_minutes": (1, 14 * 24 * 60),
    "max_concurrency": (1, MAX_CONCURRENCY),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class StackConfig:
    """A deployment's choices; the defaults are the tutorial's.

    Attributes:
        stack_name: of the CloudFormation stack; one account can have several.
        instance_types: what the compute environment may start, comma-separated on the command line.
        max_vcpus: of all jobs together; 64 of g4dn.xlarge are 16 trials at once.
        job_vcpus, job_gpus, job_memory_mib: what one trial is given. 12,000 MiB is what a g4dn.xlarge's 16 GiB leave.
        job_timeout_minutes: of one attempt.
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
        if config and config.job_vcpus > config.max_vcpus:
            faults.append(
                f"job_vcpus: must be at most max_vcpus ({config.max_vcpus}), or no job ever starts, got {config.job_vcpus}"
            )
        if config and config.image and config.trainer:
            faults.append("image: not together with `trainer`; give the image's URI or the folder to build it from")
        if faults or config is None:
            raise InvalidInput(faults)
        return config


def _parse(name: str, raw: object) -> object:
    if name in INTEGER_RANGES:
        low, high = INTEGER_RANGES[name]
        text = str(raw)
        if isinstance(raw, bool) or not re.fullmatch(r"\d{1,9}", text, re.ASCII) or not low <= int(text) <= high:
            raise ValueError(f"must be a whole number from {low} to {high}, got {raw!r}")
        return int(text)
    text = str(raw)
    match name:
        case "instance_types":
            types = tuple(str(part).strip() for part in (raw if isinstance(raw, list) else text.split(",")))
            if not all(re.fullmatch(r"[a-z][a-z0-9-]*\.[a-z0-9-]+", part, re.ASCII) for part in types):
                raise ValueError(f"must be instance types such as g4dn.xlarge,g5.xlarge, got {raw!r}")
            return types
        case "stack_name":
            if not re.fullmatch(r"[A-Za-z][A-Za-z0-9-]{0,50}", text, re.ASCII):
                raise ValueError(f"must be 1 to 51 letters, digits and -, a letter first, got {raw!r}")
            return text
        case "trainer":
            if not Path(text, "Dockerfile").is_file():
                raise ValueError(f"must be a folder with a Dockerfile, got {raw!r}")
            return text
        case _:
            if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._/:@-]{0,511}", text, re.ASCII):
                raise ValueError(f"must be an image such as public.ecr.aws/me/trainer:1, got {raw!r}")
            return text
