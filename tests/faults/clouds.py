"""Faults of everything around the jobs: the functions, the cloud itself, its disk, and the person at the client."""

import json
import signal
import sys
import time
from pathlib import Path
from typing import Any

import psutil

from stepsweep.contract import keys
from tests.faults.between import Do, Rule
from tests.faults.cases import Case
from tests.faults.jobs import in_epoch, outcomes
from tests.faults.world import WINNER, World, kill
from tests.support.embedded import eventually, is_function


def reducer_killed(world: World, name: str) -> dict[str, Any]:
    spec = world.spec(name)
    held = world.hop.add(Rule(Do.HOLD, "PUT", keys.leaderboard_key(name)))
    execution = world.cloud.start(spec)
    assert held.seen.wait(120)
    assert world.has(keys.winner_key(name))
    assert not world.has(keys.leaderboard_key(name))
    kill_functions(world)
    world.hop.clear()
    assert outcomes(world, execution) == {"SUCCEEDED": 4}
    return spec


def kill_functions(world: World) -> None:
    """Kills the function that answers, and the environments of functions that wait for their next event."""
    functions = [child for child in world.cloud.processes() if is_function(child) and not child.children()]
    assert functions
    for function in functions:
        kill(function)


def question_repeated(world: World, name: str) -> dict[str, Any]:
    spec = world.spec(name, rounds=False, max_concurrency=1)
    lost = world.hop.add(Rule(Do.LOSE, "PUT", keys.event_key(name, 1)))
    second = f"{keys.TRIALS}lr-0_1-momentum-0_9"
    held = world.hop.add(Rule(Do.HOLD, "HEAD", second))
    execution = world.cloud.start(spec)
    assert held.seen.wait(120)
    assert lost.done == 1
    assert world.has(keys.event_key(name, 1))
    kill_functions(world)
    world.hop.clear()
    assert outcomes(world, execution) == {"SUCCEEDED": 4}
    events = [json.loads(data) for data in world.cloud.objects(keys.events_prefix(name)).values()]
    assert [event["turn"] for event in events if event["event"] == "asked"] == [1, 2, 3, 4], "no turn has two events"
    return spec


def same_name(world: World, name: str) -> dict[str, Any]:
    spec = world.spec(name)
    first = world.cloud.run(spec)
    before, attempts = world.snapshot(), len(world.attempts(name))
    assert world.cloud.run(spec) | {"execution": first["execution"]} == first
    refused = world.cloud.run({**spec, "epochs": 7})
    assert (refused["status"], refused["error"]) == ("FAILED", "InvalidSweep")
    assert "is there already and asked for something else" in refused["cause"]
    assert len(world.attempts(name)) == attempts
    assert world.snapshot().objects.keys() == before.objects.keys()
    return spec


def killed_at_many_points(world: World, name: str) -> dict[str, Any]:
    """Kills the cloud as soon as something new is in its bucket, and starts the same sweep in the next one."""
    spec = world.spec(name, fixed={"sleep": 0.7})
    points = ("/plan.json", "/to-run.json", "/checkpoint.pt", "/metrics-e3.csv", "/winner.json")
    objects = world.directory / "s3"
    for point in points:
        there = _files(objects, name, point)
        world.cloud.start(spec)
        deadline = time.monotonic() + 120
        while not _files(objects, name, point) - there:
            assert time.monotonic() < deadline, point
            time.sleep(0.01)
        world.kill_cloud()
        world.start_cloud()
    return spec


def _files(objects: Path, sweep: str, ending: str) -> set[tuple[str, int]]:
    """Returns the sweep's objects, and all trials', that end like this, each with when it was written."""
    files = [*objects.glob(f"*/{keys.sweep_prefix(sweep)}**/*"), *objects.glob("*/*/*/*")]
    return {(str(file), file.stat().st_mtime_ns) for file in files if str(file).endswith(ending)}


def disk_full(world: World, name: str) -> dict[str, Any]:
    """No file of the cloud's process may have a byte, from the first epoch until every trial has given up."""
    spec = world.spec(name, fixed={"sleep": 1.0})
    execution = world.cloud.start(spec)
    in_epoch(world, name, 1)
    cloud = psutil.Process(world.cloud.process.pid)
    cloud.rlimit(psutil.RLIMIT_FSIZE, (0, psutil.RLIM_INFINITY))
    eventually(lambda: len([job for job in world.cloud.jobs("FAILED") if job["tags"]["sweep"] == name]) == 4, 60)
    assert all("cannot write" in attempt.said() for attempt in world.attempts(name))
    cloud.rlimit(psutil.RLIMIT_FSIZE, (psutil.RLIM_INFINITY, psutil.RLIM_INFINITY))
    ended = world.ended(execution)
    # Each state tried again until there was room: no outcome is lost, and the reason is the trials' own.
    assert (ended["status"], ended["error"]) == ("FAILED", "NoTrialSucceeded")
    assert "None of 4 trials succeeded (4 FAILED)" in ended["cause"]
    assert "4x exit code 1: cannot write s3://" in ended["cause"]
    return spec


def no_prlimit() -> str:
    return "" if sys.platform == "linux" else "only Linux limits the files of a process that runs"


def ctrl_c_and_back(world: World, name: str) -> dict[str, Any]:
    spec = world.spec(name, fixed={"sleep": 3.0})
    with world.client("run", _written(world, spec), "--json") as client:
        in_epoch(world, name, 1)
        client.send_signal(signal.SIGINT)
        out, err = client.communicate(timeout=60)
    assert client.returncode == 130, err
    assert json.loads(out)["status"] == "RUNNING"
    with world.client("watch", name, "--json") as client:
        out, err = client.communicate(timeout=120)
    assert client.returncode == 0, err
    assert json.loads(out)["winner"]["params"] == WINNER
    return spec


def stopped_and_resumed(world: World, name: str) -> dict[str, Any]:
    spec = world.spec(name, epochs=12, fixed={"sleep": 1.5})
    with world.client("start", _written(world, spec), "--json") as client:
        _, err = client.communicate(timeout=60)
    assert client.returncode == 0, err
    in_epoch(world, name, 1)
    with world.client("stop", name, "--json") as client:
        out, err = client.communicate(timeout=120)
    assert (client.returncode, json.loads(out)["left"]) == (0, []), err
    eventually(lambda: world.alive(name) == ([], []), 35)
    with world.client("resume", name, "--json") as client:
        out, err = client.communicate(timeout=120)
    assert client.returncode == 0, err
    assert json.loads(out)["winner"]["params"] == WINNER
    assert any("continuing after epoch " in attempt.said() for attempt in world.attempts(name))
    return spec


def stopped_deaf(world: World, name: str) -> dict[str, Any]:
    spec = world.spec(name, parameters={"lr": [0.1, 0.01], "act": ["deaf"]})
    world.cloud.start(spec)
    eventually(lambda: len([each for each in world.attempts(name) if "process" in each.said()]) == 2)
    with world.client("stop", name, "--json") as client:
        out, err = client.communicate(timeout=120)
    assert (client.returncode, json.loads(out)["left"]) == (0, []), err
    eventually(lambda: world.alive(name) == ([], []), 35)
    return spec


def _written(world: World, spec: dict[str, Any]) -> str:
    file = world.directory.parent / f"{spec['name']}.json"
    file.write_text(json.dumps(spec))
    return str(file)


CASES = [
    Case(
        name="the reducer is killed half way",
        injected="SIGKILL to the function between winner.json and leaderboard.csv, and to those that wait",
        run=reducer_killed,
    ),
    Case(
        name="a question that is repeated",
        injected="free-running: the answer to an event's PUT is lost, and after it the function gets SIGKILL, and so "
        "do those that wait for their next event",
        run=question_repeated,
        is_slow=True,
    ),
    Case(
        name="the same name again",
        injected="the same sweep is started again, and another one under its name",
        run=same_name,
        is_slow=True,
    ),
    Case(
        name="the cloud is killed at many points",
        injected="SIGKILL to the whole embedded cloud five times, after plan, items, a checkpoint, metrics and winner "
        "were written; each time the same sweep is started again",
        run=killed_at_many_points,
        is_slow=True,
    ),
    Case(
        name="the disk is full",
        injected="from the first epoch until all trials have given up every write to the bucket fails; then again",
        run=disk_full,
        is_slow=True,
        not_here=no_prlimit,
    ),
    Case(
        name="Ctrl-C and back",
        injected="SIGINT to `sweep run --on aws`; then `sweep watch`",
        run=ctrl_c_and_back,
        is_slow=True,
    ),
    Case(
        name="stopped and resumed",
        injected="`sweep stop NAME --on aws` in the first epochs; then `sweep resume NAME --on aws`",
        run=stopped_and_resumed,
        is_slow=True,
    ),
    Case(
        name="stopped, and its jobs do not listen",
        injected="`sweep stop NAME --on aws` while jobs and their children ignore SIGTERM; all have ended after 35 s",
        run=stopped_deaf,
        is_slow=True,
    ),
]
