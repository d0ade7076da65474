"""Whatever is done to a sweep, the five promises hold. `make faults` runs the slow cases too."""

from collections.abc import Iterator

import pytest

from tests.faults.cases import Case, all_cases, run
from tests.faults.world import World, a_world


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with a_world(tmp_path_factory.mktemp("faults") / "cloud") as made:
        yield made


@pytest.mark.parametrize("case", [pytest.param(case, id=case.name) for case in all_cases() if not case.is_slow])
def test_the_promises_hold_after(case: Case, world: World) -> None:
    checked = run(case, world).promises
    assert {number: count > 0 for number, count in checked.items()} == dict.fromkeys(range(1, 6), True)
