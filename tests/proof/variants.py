"""The kinds of stacks that a configuration makes; between them every construct there is."""

from collections.abc import Mapping
from typing import Any

VARIANTS: Mapping[str, Mapping[str, Any]] = {
    "default": {},
    "spot": {"capacity": "spot-first", "notify": "me@example.com", "image": "public.ecr.aws/example/trainer:1"},
    "own network": {"vpc_id": "vpc-0a1b2c3d", "subnet_ids": ["subnet-0a1b2c3d"]},
}
