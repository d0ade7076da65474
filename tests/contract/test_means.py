"""What a spec may ask for: resources, time and attempts of a trial's job."""

import json
from dataclasses import replace

import pytest

from stepsweep.contract.errors import InvalidDocument
from stepsweep.contract.means import Capacity, Resources, StackJob
from stepsweep.contract.rounds import first_round
from tests.support.specs import faults, parse


def test_what_is_not_asked_for_is_the_stack_s() -> None:
    assert parse(resources={"vcpus": 2}).resources == Resources(vcpus=2)
    assert parse(resources={"vcpus": None}, timeout_minutes=None, retries=None) == parse()


def test_means_are_part_of_neither_ids_nor_the_question_so_that_more_memory_continues_a_sweep() -> None:
    asked = parse(resources={"memory_mib": 4_000}, timeout_minutes=5, retries=0)
    assert asked.same_work(parse())
    assert first_round(asked, trainer_version="1") == first_round(parse(), trainer_version="1")


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({"resources": 4}, 'resources: must be an object such as {"vcpus": 2, "memory_mib": 4000}, got 4'),
        ({"resources": {"cpus": 1}}, "unknown field `resources.cpus`; did you mean `resources.vcpus`?"),
        ({"resources": {"vcpus": 0}}, "resources.vcpus: must be a whole number from 1 to 192, got 0"),
        ({"resources": {"vcpus": 1.5}}, "resources.vcpus: must be a whole number from 1 to 192, got 1.5"),
        ({"resources": {"memory_mib": 4}}, "resources.memory_mib: must be a whole number from 64 to 2000000, got 4"),
        ({"resources": {"gpus": 9}}, "resources.gpus: must be a whole number from 1 to 8, got 9"),
        ({"timeout_minutes": 0}, "timeout_minutes: must be a whole number from 1 to 20160, got 0"),
        ({"retries": 10}, "retries: must be a whole number from 0 to 9, got 10"),
    ],
)
def test_what_batch_does_not_have_is_a_fault(fields: dict[str, object], fault: str) -> None:
    assert faults(**fields) == (fault,)


STACK = StackJob(
    vcpus=8, memory_mib=24_000, gpus=2, timeout_minutes=60, max_vcpus=32, per_machine=2, capacity=Capacity.SPOT_FIRST
)


def test_the_job_of_a_stack_is_read_as_it_was_written() -> None:
    document = json.loads(json.dumps(STACK.to_json()))
    assert document == {
        "vcpus": 8, "memory_mib": 24_000, "gpus": 2, "timeout_minutes": 60, "max_vcpus": 32, "per_machine": 2,
        "capacity": "spot-first",
    }  # fmt: skip
    assert StackJob.from_json(document, where="JOB") == STACK


@pytest.mark.parametrize(
    ("field", "value", "fault"),
    [
        ("capacity", "cheap", 'JOB: capacity: must be one of on-demand, spot, spot-first, got "cheap"'),
        ("vcpus", "8", 'JOB: vcpus: must be a whole number, got "8"'),
        ("cores", 8, 'JOB: unknown field "cores"'),
    ],
)
def test_the_job_of_a_stack_names_what_is_wrong(field: str, value: object, fault: str) -> None:
    with pytest.raises(InvalidDocument) as caught:
        StackJob.from_json({**STACK.to_json(), field: value}, where="JOB")
    assert str(caught.value) == fault


def test_what_no_job_of_the_stack_can_get_is_a_fault() -> None:
    assert list(STACK.faults_of(Resources(vcpus=32, gpus=8, memory_mib=999_999))) == []
    assert list(replace(STACK, gpus=0).faults_of(Resources(vcpus=33, gpus=1))) == [
        "resources.vcpus: 33, and all jobs of the stack together have 32; "
        "ask for fewer, or deploy it with a larger max_vcpus",
        "resources.gpus: the stack's machines have none; leave it out, or deploy it with job_gpus",
    ]


@pytest.mark.parametrize(
    ("resources", "machines"),
    [
        (Resources(), 1),
        (Resources(vcpus=16), 2),
        (Resources(vcpus=4, memory_mib=12_000, gpus=1), 0.5),
        (Resources(vcpus=4, memory_mib=72_000), 3),
        (Resources(gpus=8), 4),
    ],
)
def test_the_largest_share_of_a_machine_decides_what_a_trial_costs(resources: Resources, machines: float) -> None:
    assert STACK.machines(resources) == machines


def test_what_a_submission_asks_for() -> None:
    assert STACK.requirements(Resources()) == [{"Type": "MEMORY", "Value": "24000"}]
    assert STACK.requirements(Resources(vcpus=2, memory_mib=500, gpus=1)) == [
        {"Type": "MEMORY", "Value": "500"}, {"Type": "VCPU", "Value": "2"}, {"Type": "GPU", "Value": "1"},
    ]  # fmt: skip
