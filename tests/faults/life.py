"""Submit, kill, stop, resume and destroy, in any order: afterwards the promises hold."""

import re
from typing import Any, ClassVar

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from client.deployment import on_endpoint
from client.stopping import stop_sweep
from client.sweeps import Sweeps
from tests.embedded import eventually
from tests.faults.cases import Case
from tests.faults.world import Attempt, World, kill


class LifeOfASweep(RuleBasedStateMachine):
    """One sweep of four trials in a world that outlives it; every example has trials of its own."""

    world: ClassVar[World]
    examples: ClassVar[int] = 0

    def __init__(self) -> None:
        super().__init__()
        type(self).examples += 1
        self.spec: dict[str, Any] = self.world.spec(f"life-{self.examples}", fixed={"sleep": 0.4})
        self.execution: str | None = None

    def runs(self) -> bool:
        if self.execution is None:
            return False
        answer = self.world.cloud.client("stepfunctions").describe_execution(executionArn=self.execution)
        return bool(answer["status"] == "RUNNING")

    def alive(self) -> bool:
        return self.world.alive(self.spec["name"]) != ([], [])

    @rule()
    def submit_or_resume(self) -> None:
        if not self.runs():
            self.execution = self.world.cloud.start(self.spec)

    @precondition(lambda self: self.execution is not None)
    @rule(number=st.integers(0, 3))
    def kill_a_trial(self, number: int) -> None:
        said = {int(found[1]) for each in self.attempts() if (found := re.search(r"process (\d+)", each.said()))}
        trainers = [child for child in self.world.cloud.processes() if child.pid in said]
        if trainers:
            kill(trainers[number % len(trainers)])

    @precondition(lambda self: self.execution is not None)
    @rule()
    def wait_for_an_epoch(self) -> None:
        before = self.epochs()
        eventually(lambda: self.epochs() > before or not self.runs())

    def epochs(self) -> int:
        return sum(attempt.said().count("epoch ") for attempt in self.attempts())

    def attempts(self) -> list[Attempt]:
        return self.world.attempts(self.spec["name"])

    @precondition(lambda self: self.execution is not None)
    @rule()
    def stop(self) -> None:
        sweeps = Sweeps(on_endpoint(self.world.cloud.environment))
        stopped = stop_sweep(sweeps, self.spec["name"], poll_seconds=0.2, on_status=lambda _: None)
        assert stopped.left == []
        eventually(lambda: not self.alive(), 35)

    @precondition(lambda self: self.execution is not None)
    @rule()
    def kill_the_cloud(self) -> None:
        self.world.kill_cloud()
        self.world.start_cloud()
        self.execution = None

    @rule()
    def destroy(self) -> None:
        """Deletes the stack as `cdk destroy` does, with whatever runs in it, and makes a new one."""
        self.world.destroy()
        self.execution = None

    def teardown(self) -> None:
        if self.execution is not None:
            self.world.ended(self.execution)
        if self.attempts():
            self.world.check(self.spec)


def in_any_order(world: World, name: str) -> dict[str, Any]:
    LifeOfASweep.world = world
    run_state_machine_as_test(
        LifeOfASweep,
        settings=settings(
            max_examples=3,
            stateful_step_count=6,
            deadline=None,
            derandomize=True,
            database=None,
            # An example takes a minute, and one that fails is not run again to find a shorter one.
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        ),
    )
    return world.spec(name)


CASES = [
    Case(
        name="in any order",
        injected="submit, kill a trial, kill the cloud, stop, resume, destroy: three lives of six steps, "
        "drawn at random",
        run=in_any_order,
        is_slow=True,
    )
]
