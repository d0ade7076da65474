"""What a spec may ask for: resources, time and attempts of a trial's job."""

import pytest

from stepsweep.contract.means import Resources
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
