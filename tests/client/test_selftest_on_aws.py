"""`sweep selftest` on a stack in which something is wrong. That all is well is seen on an embedded cloud."""

import pytest

from stepsweep.client.checks.findings import Finding, State
from stepsweep.client.operations.follow import POLL_SECONDS
from stepsweep.client.operations.selftest import SelfTest
from stepsweep.client.running.control import Control
from stepsweep.contract.errors import InvalidInput
from stepsweep.contract.spec import SweepSpec
from tests.support.stack import Stack

ASKED = {"name": "mine", "parameters": {"lr": [0.1, 0.2]}, "epochs": 3}


@pytest.fixture
def selftest(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> SelfTest:
    monkeypatch.setitem(POLL_SECONDS, "aws", 0.01)
    return SelfTest(
        control=Control(stack.deployment), spec=SweepSpec.from_json(ASKED), name="test", on_status=lambda _: None
    )


def test_where_sweeps_run_nothing_is_begun_and_they_are_named(stack: Stack, selftest: SelfTest) -> None:
    for name in ("one", "two"):
        selftest.control.start(SweepSpec.from_json({**ASKED, "name": name}))
    with pytest.raises(InvalidInput, match=r"sweeps run in this stack \(\w+-[\w-]+, \w+-[\w-]+\), and would wait; run"):
        selftest.run()
    assert selftest.begun == []
    assert len(selftest.control.executions()) == 2


def test_a_sweep_that_is_not_planned_is_a_problem_with_its_cause(stack: Stack, selftest: SelfTest) -> None:
    stack.fails_with("Refused", "the trainer is gone")
    found = {each.check: each for each in selftest.run()}
    cause = "the sweep was not planned: Refused: the trainer is gone"
    assert found["submission"] == Finding(check="submission", state=State.PROBLEM, found=cause)
    assert found["stop ends jobs"].found.endswith("its execution submitted no job")
    assert found["stop ends jobs"].state is State.UNKNOWN
    nothing = "no execution and no job of its 3 sweeps; 0 records were removed"
    assert found["left"] == Finding(check="left", state=State.OK, found=nothing)
