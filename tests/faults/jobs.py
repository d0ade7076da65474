"""Faults of jobs: killed, ended, crashed, hanging, started twice."""

import json
import signal
from typing import Any

from sweep import keys
from tests.embedded import eventually
from tests.faults.between import Do, Rule
from tests.faults.cases import Case
from tests.faults.world import WINNER, Attempt, World, kill


def in_epoch(world: World, sweep: str, epoch: int) -> Attempt:
    """Returns an attempt that has finished this many epochs and trains the next."""

    def found() -> Attempt | None:
        return next((each for each in world.attempts(sweep) if f"epoch {epoch} of" in each.said()), None)

    attempt: Attempt = eventually(found)
    return attempt


def outcomes(world: World, execution: str) -> dict[str, int]:
    """Returns how many trials ended how, as the execution's output has it."""
    ended = world.ended(execution)
    assert ended["status"] == "SUCCEEDED", ended
    output = json.loads(ended["output"])
    return {status: number for status, number in output["outcomes"].items() if number}


def killed_in_an_epoch(world: World, name: str) -> dict[str, Any]:
    spec = world.spec(name, fixed={"sleep": 1.0})
    execution = world.cloud.start(spec)
    attempt = in_epoch(world, name, 1)
    kill(attempt.process())
    assert outcomes(world, execution) == {"SUCCEEDED": 3, "FAILED": 1}
    again = world.cloud.run(spec)
    assert again["winner"]["params"] == WINNER
    assert "continuing after epoch " in last_log(attempt)
    return spec


def last_log(trial: Attempt) -> str:
    """Returns what the last attempt of an attempt's trial has said."""
    logs = sorted(trial.log.parent.glob("*.log"), key=lambda log: log.stat().st_mtime_ns)
    return logs[-1].read_text()


def told_to_end_then_killed(world: World, name: str) -> dict[str, Any]:
    spec = world.spec(name, fixed={"sleep": 1.5})
    execution = world.cloud.start(spec)
    attempt = in_epoch(world, name, 1)
    attempt.process().send_signal(signal.SIGTERM)
    kill(attempt.process())
    assert outcomes(world, execution) == {"SUCCEEDED": 3, "FAILED": 1}
    return spec


def killed_while_it_writes_a_checkpoint(world: World, name: str) -> dict[str, Any]:
    spec = world.spec(name, fixed={"sleep": 0.3})
    execution = world.cloud.start(spec)
    attempt = in_epoch(world, name, 1)
    held = world.hop.add(Rule(Do.HOLD, "PUT", keys.checkpoint_key(attempt.trial_id)))
    assert held.seen.wait(60)
    kill(attempt.process())
    assert outcomes(world, execution) == {"SUCCEEDED": 3, "FAILED": 1}
    world.hop.clear()
    world.cloud.run(spec)
    assert "continuing after epoch " in last_log(attempt)
    return spec


CASES = [
    Case(
        name="killed in an epoch",
        injected="SIGKILL to a trainer in its second epoch; then the same sweep again",
        run=killed_in_an_epoch,
    ),
    Case(
        name="told to end, then killed",
        injected="SIGTERM, and SIGKILL before the epoch is over",
        run=told_to_end_then_killed,
    ),
    Case(
        name="killed while it writes a checkpoint",
        injected="SIGKILL when half of a checkpoint's PUT is sent",
        run=killed_while_it_writes_a_checkpoint,
    ),
]
