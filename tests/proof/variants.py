"""The kinds of stacks that a configuration makes; between them every construct there is."""

from collections.abc import Mapping
from typing import Any

SECRETS = {
    "WANDB_API_KEY": "arn:aws:secretsmanager:us-east-1:123456789012:secret:wandb-AbCdEf:key::",
    "HF_TOKEN": "arn:aws:ssm:us-east-1:123456789012:parameter/mine/hf",
}
"""In either of AWS's stores, one of them a key of a secret's JSON."""

VARIANTS: Mapping[str, Mapping[str, Any]] = {
    "default": {},
    "spot": {
        "capacity": "spot-first",
        "trials_per_gpu": 2,
        "notify": "me@example.com",
        "image": "public.ecr.aws/example/trainer:1",
        "zones": "us-east-1a,us-east-1c,us-east-1d,us-east-1f",
        "secrets": SECRETS,
    },
    "own network": {
        "vpc_id": "vpc-0a1b2c3d",
        "subnet_ids": ["subnet-0a1b2c3d"],
        "image": "123456789012.dkr.ecr.us-east-1.amazonaws.com/team/trainer:1",
    },
}
