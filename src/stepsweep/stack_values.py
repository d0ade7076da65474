"""Reads and checks the value of each choice of a deployment. CDK's context and the command line give it as text."""

import json
import re
from collections.abc import Mapping
from pathlib import Path

from stepsweep.contract.environment import secret_faults
from stepsweep.contract.errors import InvalidInput
from stepsweep.contract.limits import MAX_CONCURRENCY
from stepsweep.contract.means import Capacity
from stepsweep.contract.space import shown
from stepsweep.trainer_script import script_of

LOG_RETENTION_DAYS = (1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365)
"""The retention times that CloudWatch Logs allows, up to a year."""

INTEGER_RANGES = {
    "max_vcpus": (1, 10_000),
    "job_vcpus": (1, 192),
    "job_gpus": (0, 8),
    "trials_per_gpu": (1, 16),
    "job_memory_mib": (512, 2_000_000),
    "job_timeout_minutes": (1, 14 * 24 * 60),
    "max_concurrency": (1, MAX_CONCURRENCY),
    "max_wait_minutes": (10, 24 * 60),
    "start_within_minutes": (10, 7 * 24 * 60),
    "checkpoint_days": (1, 3650),
}

_SECRET_ARN = re.compile(
    r"arn:aws[a-z-]*:(?:secretsmanager:[a-z0-9-]+:\d{12}:secret:[A-Za-z0-9/_+=.@-]+-[A-Za-z0-9]{6}(?::[^:\s]*){0,3}"
    r"|ssm:[a-z0-9-]+:\d{12}:parameter/[A-Za-z0-9/_.-]+)",
    re.ASCII,
)

ZONE = r"[a-z]{2}(-[a-z]+)+-\d[a-z]"
"""The name of an availability zone, which no local zone and no Wavelength zone has."""


def parsed(name: str, raw: object) -> object:
    """Returns the value of one field. Raises ValueError, which names the rule and the value."""
    if name in INTEGER_RANGES:
        return _integer(raw, *INTEGER_RANGES[name])
    match name:
        case "usd_per_hour":
            return _positive(raw)
        case "capacity":
            return _matching(raw, "|".join(Capacity), f"one of {', '.join(Capacity)}")
        case "log_retention_days":
            text = str(raw)
            if not text.isdecimal() or int(text) not in LOG_RETENTION_DAYS:
                raise ValueError(f"must be one of {', '.join(map(str, LOG_RETENTION_DAYS))}, got {shown(raw)}")
            return int(text)
        case "instance_types":
            what = "instance types such as g4dn.xlarge,g5.xlarge"
            return tuple(_matching(part, r"[a-z][a-z0-9-]*\.[a-z0-9-]+", what) for part in _parts(raw))
        case "subnet_ids":
            what = "subnets such as subnet-0a1b2c3d,subnet-4e5f6a7b"
            return tuple(_matching(part, r"subnet-[0-9a-f]{8,17}", what) for part in _parts(raw))
        case "zones":
            what = "availability zones such as us-east-1a,us-east-1b"
            return tuple(dict.fromkeys(_matching(part, ZONE, what) for part in _parts(raw)))
        case "vpc_id":
            return _matching(raw, r"vpc-[0-9a-f]{8,17}", "a VPC such as vpc-0a1b2c3d")
        case "notify":
            return _matching(raw, r"[^@\s]+@[^@\s]+\.[^@\s]+", "an e-mail address")
        case "stack_name":
            return _matching(raw, r"[A-Za-z][A-Za-z0-9-]{0,50}", "1 to 51 letters, digits and -, a letter first")
        case "secrets":
            return _secrets(raw)
        case "trainer":
            return _trainer(raw)
        case _:
            return _matching(
                raw, r"[A-Za-z0-9][A-Za-z0-9._/:@-]{0,511}", "an image such as public.ecr.aws/me/trainer:1"
            )


def _trainer(raw: object) -> str:
    """The client names a script's file here, which people need not know of."""
    try:
        script = script_of(Path(raw)) if isinstance(raw, str) else None
    except InvalidInput:
        script = None
    if not isinstance(raw, str) or (script is None and not Path(raw, "Dockerfile").is_file()):
        raise ValueError(f"must be a folder with a Dockerfile, got {shown(raw)}")
    return raw


def _integer(raw: object, low: int, high: int) -> int:
    text = str(raw)
    if isinstance(raw, bool) or not re.fullmatch(r"\d{1,9}", text, re.ASCII) or not low <= int(text) <= high:
        raise ValueError(f"must be a whole number from {low} to {high}, got {shown(raw)}")
    return int(text)


def _positive(raw: object) -> float:
    text = str(raw)
    if not re.fullmatch(r"\d{1,6}(\.\d{1,6})?", text, re.ASCII) or float(text) == 0:
        raise ValueError(f"must be a number above 0 such as 0.526, got {shown(raw)}")
    return float(text)


def _secrets(raw: object) -> tuple[tuple[str, str], ...]:
    """Returns names and ARNs. Errors do not repeat a value: somebody may have written the secret itself."""
    example = '{"WANDB_API_KEY": "arn:aws:secretsmanager:us-east-1:123456789012:secret:wandb-AbCdEf"}'
    try:
        found = json.loads(raw) if isinstance(raw, str) else raw
    except (ValueError, RecursionError):
        found = None
    arns = dict(found) if isinstance(found, Mapping) else None
    if arns is None:
        raise ValueError(f"must be names and ARNs such as {example}")
    if faults := [*secret_faults(list(arns), None)]:
        raise ValueError("; ".join(fault.removeprefix("secrets").lstrip(":. ") for fault in faults))
    for name, arn in arns.items():
        if not isinstance(arn, str) or not _SECRET_ARN.fullmatch(arn):
            raise ValueError(
                f"{name} must be the whole ARN of a secret, with the six characters at its end, or of a parameter, "
                f"such as {example}"
            )
    return tuple(sorted(arns.items()))


def _parts(raw: object) -> list[object]:
    parts = raw.split(",") if isinstance(raw, str) else raw if isinstance(raw, list) else [raw]
    return [part.strip() if isinstance(part, str) else part for part in parts]


def _matching(raw: object, pattern: str, what: str) -> str:
    if not isinstance(raw, str) or not re.fullmatch(pattern, raw, re.ASCII):
        raise ValueError(f"must be {what}, got {shown(raw)}")
    return raw
