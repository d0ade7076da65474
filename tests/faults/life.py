"""Submit, kill, stop, resume and destroy, in any order: afterwards the promises hold."""

import re
import sys
import traceback
from collections import Counter
from typing import Any, ClassVar

import psutil
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from stepsweep.client.deployment import on_endpoint
from stepsweep.client.running.control import Control
from stepsweep.client.running.stopping import stop_sweep
from tests.faults.cases import Case
from tests.faults.world import Attempt, World, kill
from tests.support.embedded import eventually

WHAT_MUST_HAVE_BEEN_DONE = ("submitted", "a trial killed", "stopped", "the cloud killed", "destroyed")


class LifeOfASweep(RuleBasedStateMachine):
    """One sweep of four trials in a world that outlives it; every example has trials of its own.

    What takes seconds is done once in a life, or most of its steps would be that.
    """

    world: ClassVar[World]
    examples: ClassVar[int] = 0
    done: ClassVar[Counter[str]] = Counter()

    def __init__(self) -> None:
        super().__init__()
        type(self).examples += 1
        self.spec: dict[str, Any] = self.world.spec(f"life-{self.examples}", fixed={"sleep": 1.0})
        self.execution: str | None = None
        self.once: set[str] = set()

    @initialize()
    def submit(self) -> None:
        self.submit_or_resume()
        if self.examples % 2 == 0:  # Hypothesis leaves some rules out of a life, and may leave one out of all
            self.kill_a_trial(number=0)

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
            self.done["submitted"] += 1
            self.execution = self.world.cloud.start(self.spec)

    @precondition(lambda self: self.execution is not None)
    @rule(number=st.integers(0, 3))
    def kill_a_trial(self, number: int) -> None:
        eventually(lambda: self.trainers() or not self.runs())
        trainers = self.trainers()
        if trainers:
            self.done["a trial killed"] += 1
            kill(trainers[number % len(trainers)])

    def trainers(self) -> list[psutil.Process]:
        said = {int(found[1]) for each in self.attempts() if (found := re.search(r"process (\d+)", each.said()))}
        return [child for child in self.world.cloud.processes() if child.pid in said]

    @precondition(lambda self: self.execution is not None)
    @rule()
    def wait_for_an_epoch(self) -> None:
        before = self.epochs()
        eventually(lambda: self.epochs() > before or not self.runs())

    def epochs(self) -> int:
        return sum(attempt.said().count("epoch ") for attempt in self.attempts())

    def attempts(self) -> list[Attempt]:
        return self.world.attempts(self.spec["name"])

    @precondition(lambda self: self.execution is not None and "stop" not in self.once)
    @rule()
    def stop(self) -> None:
        self.once.add("stop")
        self.done["stopped"] += 1
        sweeps = Control(on_endpoint(self.world.cloud.environment))
        stopped = stop_sweep(sweeps, self.spec["name"], poll_seconds=0.2, on_status=lambda _: None)
        assert stopped.left == []
        eventually(lambda: not self.alive(), 35)

    @precondition(lambda self: self.execution is not None and "kill the cloud" not in self.once)
    @rule()
    def kill_the_cloud(self) -> None:
        self.once.add("kill the cloud")
        self.done["the cloud killed"] += 1
        self.world.kill_cloud()
        self.world.start_cloud()
        self.execution = None

    @precondition(lambda self: self.execution is not None and "destroy" not in self.once)
    @rule()
    def destroy(self) -> None:
        """Deletes the stack as `sweep destroy` does, with whatever runs in it, and makes a new one."""
        self.once.add("destroy")
        self.done["destroyed"] += 1
        self.world.destroy()
        self.execution = None

    def teardown(self) -> None:
        if (error := sys.exception()) is not None:
            # Hypothesis runs a life that failed again, in which something else happens, and says only that. It ends one
            # by an error that is no Exception.
            if isinstance(error, Exception):
                traceback.print_exception(error)
            return
        if self.execution is not None:
            self.world.ended(self.execution)
        if self.attempts():
            self.world.check(self.spec)


def in_any_order(world: World, name: str) -> dict[str, Any]:
    LifeOfASweep.world = world
    run_state_machine_as_test(
        LifeOfASweep,
        settings=settings(
            max_examples=6,
            stateful_step_count=8,
            deadline=None,
            derandomize=True,
            database=None,
            # An example takes a minute, and one that fails is not run again to find a shorter one.
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        ),
    )
    print(f"in any order: {dict(LifeOfASweep.done)} in {LifeOfASweep.examples} lives", flush=True)
    assert all(LifeOfASweep.done[what] for what in WHAT_MUST_HAVE_BEEN_DONE), LifeOfASweep.done
    return world.spec(name)


CASES = [
    Case(
        name="in any order",
        injected="eight random steps: submit, kill a trial, kill the cloud, stop, resume, destroy",
        run=in_any_order,
        is_slow=True,
    )
]
