"""The stack is refused where it would not work, before anything is synthesized."""

import json
import os
import subprocess
import sys

import pytest

from stepsweep.local.template import node_environment
from stepsweep.stack_config import fault_of_region


@pytest.mark.parametrize(
    "region", ["cn-north-1", "us-iso-east-1", "us-isob-east-1", "eu-isoe-west-1", "eusc-de-east-1"]
)
def test_a_region_of_another_partition_is_refused(region: str) -> None:
    assert (fault_of_region(region) or "").startswith("region: must be one of the partitions aws and aws-us-gov, got ")


@pytest.mark.parametrize("region", ["us-east-1", "eu-central-1", "us-gov-west-1", "ap-northeast-1", ""])
def test_other_regions_are_not(region: str) -> None:
    assert fault_of_region(region) is None


@pytest.mark.parametrize(
    ("missing", "variables", "lines"),
    [
        ([], {"CDK_DEFAULT_REGION": "cn-north-1"}, ["region: must be one of the partitions aws and aws-us-gov, got "]),
        (["constructs"], {}, ["the stack needs constructs: pip install 'stepsweep[deploy]'"]),
        (
            [],
            {"CDK_CONTEXT_JSON": json.dumps({"max_vcpus": "many", "capacity": "cheap"})},
            ["max_vcpus: must be a whole number", "capacity: must be one of"],
        ),
    ],
    ids=["region", "package", "choices"],
)
def test_what_cannot_be_synthesized_is_a_line_for_each_fault(
    missing: list[str], variables: dict[str, str], lines: list[str]
) -> None:
    code = (
        f"import runpy, sys; sys.modules.update(dict.fromkeys({missing})); "
        "runpy.run_module('stepsweep.stack.app', run_name='__main__')"
    )
    environment = {**os.environ, **node_environment(), **variables}
    ended = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    said = sorted(ended.stderr.splitlines())
    assert len(said) == len(lines)
    assert all(line.startswith(f"stepsweep: {begin}") for line, begin in zip(said, sorted(lines), strict=True))
