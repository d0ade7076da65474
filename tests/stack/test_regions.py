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
        (
            [],
            {"CDK_DEFAULT_REGION": "cn-north-1"},
            [
                "region: must be one of the partitions aws and aws-us-gov, got cn-north-1, where EC2 takes roles under "
                "another name and ECR has another domain; take another region"
            ],
        ),
        (
            ["constructs", "pathspec"],
            {},
            ["the stack needs constructs, pathspec: pip install 'stepsweep[deploy]'"],
        ),
        (
            [],
            {"CDK_CONTEXT_JSON": json.dumps({"max_vcpus": "many", "capacity": "cheap"})},
            [
                'max_vcpus: must be a whole number from 1 to 10000, got "many"',
                'capacity: must be one of on-demand, spot, spot-first, got "cheap"',
            ],
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
    assert ended.stderr.splitlines() == [f"stepsweep: {line}" for line in lines]
    assert ended.stdout == ""
