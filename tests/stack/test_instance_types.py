"""Machines on which no trial would ever start are refused before a deploy."""

import pytest
from moto.ec2.models.instance_types import INSTANCE_TYPES

from stepsweep.contract.errors import InvalidInput
from stepsweep.stack_config import NO_DRIVER, StackConfig


def faults(types: str, **others: object) -> list[str]:
    try:
        StackConfig.from_context({"instance_types": types, **others})
    except InvalidInput as error:
        return list(error.faults)
    return []


@pytest.mark.parametrize(
    ("types", "says"),
    [
        ("g4dn.xlarge,g5g.xlarge", "g5g.xlarge has an Arm processor"),
        ("p3.2xlarge", "p3.2xlarge has a GPU that the machine image's driver does not know"),
        ("g3s.xlarge", "g3s.xlarge has a GPU that the machine image's driver does not know"),
        ("g4ad.xlarge", "g4ad.xlarge has no NVIDIA GPU"),
        ("m7i.xlarge", "m7i.xlarge has no NVIDIA GPU"),
    ],
)
def test_a_type_on_which_no_trial_starts_is_refused_in_one_line(types: str, says: str) -> None:
    (fault,) = faults(types)
    assert fault.startswith(f"instance_types: {says}")


def test_without_gpus_other_machines_are_taken_but_none_with_an_arm_processor() -> None:
    assert faults("m7i.xlarge,c7a.xlarge", job_gpus=0) == []
    assert faults("m8g.xlarge", job_gpus=0)


def test_every_type_that_ec2_has_is_judged_by_its_processor_and_its_gpu() -> None:
    """By moto's copy of DescribeInstanceTypes."""
    for name, machine in INSTANCE_TYPES.items():
        is_x86 = "x86_64" in machine["ProcessorInfo"]["SupportedArchitectures"]
        makers = {gpu["Manufacturer"] for gpu in machine.get("GpuInfo", {}).get("Gpus", [])}
        wanted = is_x86 and makers == {"NVIDIA"} and name.partition(".")[0] not in NO_DRIVER
        if name.startswith(("mac", "u-", "u7")):
            continue  # no machines of Batch
        assert (faults(name) == []) == wanted, name


@pytest.mark.parametrize("others", [{"job_gpus": 0}, {"job_gpus": 2}, {"job_vcpus": 1}])
def test_trials_share_one_gpu_and_vcpus_of_which_each_gets_some(others: dict[str, int]) -> None:
    assert faults("g4dn.xlarge", trials_per_gpu=4) == []
    assert [fault.partition(":")[0] for fault in faults("g4dn.xlarge", trials_per_gpu=2, **others)] == [
        "trials_per_gpu"
    ]
