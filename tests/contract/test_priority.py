"""The share of a sweep's jobs: what Batch takes as its name, and whose weight it has."""

import re

import pytest

from stepsweep.contract.limits import MAX_NAME
from stepsweep.contract.priority import WEIGHTS, Priority, share_of

BATCH_TAKES = re.compile("[A-Za-z0-9]{1,255}")


@pytest.mark.parametrize("priority", Priority)
@pytest.mark.parametrize("name", ["a", "nightly-3_2", "-".join("x" * (MAX_NAME // 2)), "x" * MAX_NAME])
def test_batch_takes_the_share_of_every_sweep_and_finds_its_weight(name: str, priority: Priority) -> None:
    share = share_of(name, priority)
    assert BATCH_TAKES.fullmatch(share)
    assert [each for each in Priority if share.startswith(each)] == [priority]


def test_sweeps_whose_names_have_the_same_letters_have_a_share_each() -> None:
    names = ["ab", "a-b", "a_b", "AB", "high", "h-igh"]
    assert len({share_of(name, Priority.NORMAL) for name in names}) == len(names)


def test_a_higher_priority_is_a_larger_share() -> None:
    assert WEIGHTS[Priority.HIGH] < WEIGHTS[Priority.NORMAL] < WEIGHTS[Priority.LOW]
