"""Faults of jobs: killed, ended, crashed, hanging, started twice."""

import json
import random
import signal
from pathlib import Path
from typing import Any

from stepsweep.contract import keys
from tests.faults.between import Do, Rule
from tests.faults.cases import Case
from tests.faults.world import EPOCHS, GRID, WINNER, Attempt, World, kill
from tests.support.embedded import eventually


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
    eventually(lambda: world.has(keys.checkpoint_key(attempt.log.parent.name)))
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
    spec = world.spec(name, fixed={"sleep": 1.0})
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


def crashing(world: World, name: str) -> dict[str, Any]:
    spec = world.spec(name, parameters={"act": ["train", "crash"], **GRID})
    ended = world.cloud.run(spec)
    assert ended["outcomes"] == {"SUCCEEDED": 4, "FAILED": 4, "MISSING": 0, "INVALID": 0}
    assert ended["reasons"] == [{"reason": "exit code 1: ValueError: this trainer was told to crash", "trials": 4}]
    assert {attempt.number for attempt in world.attempts(name)} == {1}, "a trainer's own error is not tried again"
    return spec


def all_failing(world: World, name: str) -> dict[str, Any]:
    spec = world.spec(name, fixed={"act": "crash"})
    ended = world.cloud.run(spec)
    assert (ended["status"], ended["error"]) == ("FAILED", "NoTrialSucceeded")
    assert "4x exit code 1: ValueError: this trainer was told to crash" in ended["cause"]
    return spec


def mangled_metrics(world: World, name: str) -> dict[str, Any]:
    kinds = ["good", "missing", "empty", "truncated", "nan", "inf", "header", "bom", "rows-twice", "file-twice"]
    spec = world.spec(name, parameters={"csv": [*kinds, "column-twice", "binary", "latin"]}, epochs=EPOCHS)
    ended = world.cloud.run(spec)
    assert ended["outcomes"] == {"SUCCEEDED": 1, "FAILED": 0, "MISSING": 1, "INVALID": 11}, ended
    assert ended["winner"]["params"] == {"csv": "good"}
    return spec


def one_in_twenty_fails(world: World, name: str) -> dict[str, Any]:
    momenta = [n / 1000 for n in range(200)]
    spec = world.spec(name, parameters={"lr": [0.1], "momentum": momenta}, epochs=1, fixed={"act": "unlucky"})
    ended = world.cloud.run(spec)
    unlucky = sum(random.Random(momentum).random() < 0.05 for momentum in momenta)
    assert unlucky > 0
    assert ended["outcomes"] == {"SUCCEEDED": 200 - unlucky, "FAILED": unlucky, "MISSING": 0, "INVALID": 0}
    assert len(json.dumps(ended)) < 256 * 1024
    return spec


def hanging(world: World, name: str) -> dict[str, Any]:
    spec = world.spec(name, parameters={"lr": [0.1, 0.01], "act": ["train", "deaf"]})
    ended = world.cloud.run(spec)
    assert ended["outcomes"] == {"SUCCEEDED": 2, "FAILED": 2, "MISSING": 0, "INVALID": 0}
    assert all("Job attempt duration exceeded timeout" in reason["reason"] for reason in ended["reasons"]), ended
    return spec


def reclaimed_every_time(world: World, name: str) -> dict[str, Any]:
    """As where Spot machines are short: SIGTERM in every attempt, of which each finishes one epoch at the most."""
    spec = world.spec(name, parameters={"lr": [0.1, 0.01], "momentum": [0.9]}, epochs=12, fixed={"sleep": 1.0})
    execution = world.cloud.start(spec)
    told: set[Path] = set()

    def tell() -> bool:
        for attempt in world.attempts(name):
            if attempt.log not in told:
                attempt.process().send_signal(signal.SIGTERM)
                told.add(attempt.log)
        answer = world.cloud.client("stepfunctions").describe_execution(executionArn=execution)
        return bool(answer["status"] != "RUNNING")

    eventually(tell, 200)
    ended = world.ended(execution)
    assert ended["error"] == "NoTrialSucceeded", ended
    assert "exit code 75, attempt 5" in ended["cause"]
    assert sorted(attempt.number for attempt in world.attempts(name)) == [1, 1, 2, 2, 3, 3, 4, 4, 5, 5]
    return spec


def the_same_trial_twice(world: World, name: str) -> dict[str, Any]:
    spec = world.spec(name, fixed={"sleep": 0.3})
    executions = [world.cloud.start({**spec, "name": sweep}) for sweep in (name, f"{name}-beside")]
    for execution in executions:
        assert outcomes(world, execution) == {"SUCCEEDED": 4}
    assert len(world.attempts(name)) == 8, "two jobs of each trial"
    snapshot = world.snapshot()
    first, second = (snapshot.leaderboard(sweep) for sweep in (name, f"{name}-beside"))
    assert first == second
    return spec


CASES = [
    Case(
        name="killed in an epoch",
        injected="SIGKILL to a trainer in its second epoch; then the same sweep again",
        run=killed_in_an_epoch,
        is_slow=True,
    ),
    Case(
        name="told to end, then killed",
        injected="SIGTERM to a trainer, and SIGKILL before its epoch ends",
        run=told_to_end_then_killed,
        is_slow=True,
    ),
    Case(
        name="killed while it writes a checkpoint",
        injected="SIGKILL to a trainer that has sent half of a checkpoint",
        run=killed_while_it_writes_a_checkpoint,
        is_slow=True,
    ),
    Case(name="crashes", injected="half of the trials raise an error in every attempt", run=crashing, is_slow=True),
    Case(
        name="metrics that are none",
        injected="metrics that are missing, empty or cut off; NaN, inf, a wrong header, a byte-order mark; repeated "
        "rows, columns or file; binary, Latin-1",
        run=mangled_metrics,
        is_slow=True,
    ),
    Case(name="all trials fail", injected="every trial raises an error", run=all_failing, is_slow=True),
    Case(
        name="one in twenty fails",
        injected="5 % of 200 trials fail, chosen at random",
        run=one_in_twenty_fails,
        is_slow=True,
    ),
    Case(
        name="hangs past the timeout",
        injected="half of the trials never end; they and their children ignore SIGTERM",
        run=hanging,
        is_slow=True,
    ),
    Case(
        name="reclaimed every time",
        injected="SIGTERM in each of the five attempts of each trial; then the same sweep again",
        run=reclaimed_every_time,
        is_slow=True,
    ),
    Case(
        name="the same trial twice at once",
        injected="two sweeps of the same trials at the same time",
        run=the_same_trial_twice,
        is_slow=True,
    ),
]
