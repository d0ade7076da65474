"""The stack is refused where it would not work, before anything is synthesized."""

import os
import subprocess
import sys

import pytest

from stepsweep.stack_config import fault_of_region


@pytest.mark.parametrize(
    "region", ["cn-north-1", "us-iso-east-1", "us-isob-east-1", "eu-isoe-west-1", "eusc-de-east-1"]
)
def test_a_region_of_another_partition_is_refused(region: str) -> None:
    assert (fault_of_region(region) or "").startswith("region: must be one of the partitions aws and aws-us-gov, got ")


@pytest.mark.parametrize("region", ["us-east-1", "eu-central-1", "us-gov-west-1", "ap-northeast-1", ""])
def test_other_regions_are_not(region: str) -> None:
    assert fault_of_region(region) is None


def test_a_synthesis_for_such_a_region_is_one_line_of_error() -> None:
    environment = {**os.environ, "CDK_DEFAULT_REGION": "cn-north-1"}
    command = [sys.executable, "-m", "stepsweep.stack.app"]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert ended.stderr.startswith("stepsweep: region: must be one of")
    assert len(ended.stderr.splitlines()) == 1
