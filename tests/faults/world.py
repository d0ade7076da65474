"""A cloud to do harm to: an embedded one, the proxies between it and what runs in it, and what is known of both."""

import contextlib
import json
import os
import re
import signal
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from stepsweep.bucket.sweep_jobs import ALIVE
from stepsweep.contract import keys
from tests.faults import promises
from tests.faults.between import Hop, Microburst, address, hop
from tests.faults.promises import Ledger, Snapshot
from tests.support.command import Sweep
from tests.support.embedded import REPOSITORY, Cloud, eventually, is_function, running_cloud
from tests.support.ports import free_port

STEPS = REPOSITORY / "tests" / "trainers" / "steps"
SLOTS = 4
EPOCHS = 3
GRID: dict[str, list[Any]] = {"lr": [0.1, 0.01], "momentum": [0.5, 0.9]}
"""Its best is known: lr 0.1 and momentum 0.9."""
DEFAULTS = {"lr": 0.1, "momentum": 0.5}
"""The trainer's own."""
WINNER = {"lr": 0.1, "momentum": 0.9}


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One attempt of a job, as its log file has it."""

    trial_id: str
    job_id: str
    number: int
    log: Path

    def said(self) -> str:
        return self.log.read_text(errors="replace")

    def process(self) -> psutil.Process:
        """Returns the trainer's process; it says which that is."""
        found = eventually(lambda: re.search(r"process (\d+)", self.said()))
        return psutil.Process(int(found[1]))


class World:
    """An embedded cloud, and all that a case needs to do harm to it and to know what came of it.

    Attributes:
        directory: of the cloud.
        hop, microburst: what jobs, functions and the state machine reach the cloud through.
    """

    def __init__(self, directory: Path, hop_: Hop, *, context: Mapping[str, Any], vcpus: int) -> None:
        self.directory = directory
        self.hop = hop_
        self._options: dict[str, Any] = {
            "context": dict(context),
            "vcpus": vcpus,
            "port": free_port(),
            "seen_at": hop_.url,
        }
        self._exits = contextlib.ExitStack()
        self.start_cloud()
        self.microburst = Microburst(upstream=self.cloud.environment["AWS_ENDPOINT_URL"], port=free_port())
        hop_.upstream = address(self.microburst.url)
        self.ledger = Ledger(directory / "s3")
        self._undisturbed: dict[str, dict[str, bytes]] = {}

    def start_cloud(self) -> None:
        self.cloud: Cloud = self._exits.enter_context(running_cloud(self.directory, **self._options))

    def kill_cloud(self) -> None:
        """Kills the process of the cloud, and waits until nothing of it is alive."""
        processes = self.cloud.processes()
        self.cloud.process.kill()
        _, alive = psutil.wait_procs(processes, timeout=35)
        assert alive == [], "something outlived the cloud that was killed"
        self._exits.close()

    def destroy(self) -> None:
        """Deletes the stack, with whatever runs in it, and makes a new one."""
        cloudformation = self.cloud.client("cloudformation")
        cloudformation.delete_stack(StackName="Stepsweep")
        buckets = [bucket["Name"] for bucket in self.cloud.client("s3").list_buckets()["Buckets"]]
        assert [name for name in buckets if not name.startswith("cdk-")] == []
        self.kill_cloud()
        self.ledger.close()
        self.start_cloud()
        self.ledger = Ledger(self.directory / "s3")

    def restart(self) -> None:
        """Makes an end of all that a case has left when it failed."""
        self.hop.clear()
        self.microburst.set_rules()
        if self.cloud.process.poll() is None:
            self.kill_cloud()
        self.start_cloud()

    def close(self) -> None:
        self.hop.clear()
        self.ledger.close()
        self._exits.close()
        self.microburst.close()

    # --- what people do ---

    def spec(self, case: str, **fields: Any) -> dict[str, Any]:
        """Returns a sweep of trials that no other case has; `fixed` is added to."""
        fixed = {"case": case, **fields.pop("fixed", {})}
        return {"parameters": GRID, "epochs": EPOCHS, "name": case, "fixed": fixed, **fields}

    def ended(self, execution: str) -> dict[str, Any]:
        return self.cloud.ended(execution, timeout_seconds=240)

    def client(self, *words: str) -> "subprocess.Popen[str]":
        """Starts the command line on this cloud, found as a deployed stack is."""
        folder = self.directory.parent
        return Sweep(folder=folder).popen(*words, "--on", "aws", environment=self.cloud.environment)

    # --- what is there ---

    def attempts(self, sweep: str) -> list[Attempt]:
        """Returns all attempts that there were of a sweep's trials, in this life of the cloud or an earlier one."""
        needed = (keys.plan_key(sweep, 0), f"{keys.events_prefix(sweep)}*", keys.snapshot_key(sweep))
        folder = self.directory / "s3"
        files = [file for pattern in needed for file in folder.glob(f"*/{pattern}")]
        there = Snapshot(objects={"/".join(file.relative_to(folder).parts[1:]): file.read_bytes() for file in files})
        if not there.is_planned(sweep):
            return []
        _, trials = there.plan(sweep)
        found = []
        for trial in trials:
            for log in sorted((self.directory / "logs" / trial.trial_id).glob("*.log")):
                job_id, _, number = log.stem.rpartition("-")
                found.append(Attempt(trial_id=trial.trial_id, job_id=job_id, number=int(number), log=log))
        return found

    def snapshot(self) -> Snapshot:
        return Snapshot(objects={**self.cloud.objects(keys.SWEEPS), **self.cloud.objects(keys.TRIALS)})

    def has(self, key: str) -> bool:
        return any((self.directory / "s3").glob(f"*/{key}"))

    def alive(self, sweep: str) -> tuple[list[str], list[str]]:
        """Returns the jobs of a sweep that wait or run, and the processes of the cloud but those that start others, and
        those of functions, which wait for their next event as on AWS."""
        jobs = [job["jobId"] for job in self.cloud.jobs("") if job["tags"]["sweep"] == sweep and job["status"] in ALIVE]
        children = self.cloud.processes()
        hosts = [child for child in children if child.ppid() == self.cloud.process.pid]
        assert all("host.py" in _described(host) for host in hosts), [_described(host) for host in hosts]
        functions = [child for child in children if is_function(child)]
        return jobs, [_described(child) for child in children if child not in (*hosts, *functions)]

    # --- the promises ---

    def check(self, spec: Mapping[str, Any]) -> dict[int, int]:
        """Checks the promises of a sweep that has ended, starts it again, and checks them anew.

        Returns:
            Of each promise how many things were checked: 1 planned trials, 2 metrics files watched, 3 metrics files
            ranked, 4 jobs of the sweep, which may not be alive, 5 finished trials and curves compared.
        """
        self.hop.clear()
        self.microburst.set_rules()
        sweep = spec["name"]
        eventually(lambda: self.alive(sweep) == ([], []), 35)
        before = self.snapshot()
        finished = before.metrics(sweep) if before.is_planned(sweep) else {}
        earlier = {attempt.job_id for attempt in self.attempts(sweep)}
        is_finished = keys.leaderboard_key(sweep) in before.objects
        if is_finished:
            promises.each_planned_trial_has_one_outcome(before, sweep)
            promises.the_winner_follows_from_the_results_alone(before, sweep)
        ended = self.ended(self.cloud.start(spec))
        assert ended.get("error") in (None, "NoTrialSucceeded"), ended
        eventually(lambda: self.alive(sweep) == ([], []), 35)
        after = self.snapshot()
        checked = {
            1: promises.each_planned_trial_has_one_outcome(after, sweep),
            2: promises.a_written_metrics_file_never_changes(self.ledger),
            3: promises.the_winner_follows_from_the_results_alone(after, sweep),
        }
        promises.nothing_is_alive(*self.alive(sweep))
        checked[4] = len(self.attempts(sweep))
        new = {attempt.job_id: attempt.trial_id for attempt in self.attempts(sweep) if attempt.job_id not in earlier}
        checked[5] = promises.no_finished_trial_is_repeated(finished, list(new.values()))
        if is_finished and not new:
            checked[3] += promises.the_same_results_are_written_as_the_same_bytes(before, after, sweep)
        checked[5] += promises.the_numbers_are_those_of_a_training_without_faults(
            self._by_params(after, sweep), self.undisturbed(spec)
        )
        return checked

    def undisturbed(self, spec: Mapping[str, Any]) -> dict[str, bytes]:
        """Returns the metrics files of a sweep like this one to which nothing happens, by what it is trained with."""
        parameters = {name: spec["parameters"].get(name, [default]) for name, default in DEFAULTS.items()}
        known = json.dumps([parameters, spec["epochs"]])
        if known not in self._undisturbed:
            name = f"undisturbed-{len(self._undisturbed)}"
            output = self.cloud.run(self.spec(name, parameters=parameters, epochs=spec["epochs"]))
            self._undisturbed[known] = self._by_params(self.snapshot(), name)
            assert len(self._undisturbed[known]) == output["outcomes"]["SUCCEEDED"]
        return self._undisturbed[known]

    @staticmethod
    def _by_params(snapshot: Snapshot, sweep: str) -> dict[str, bytes]:
        _, trials = snapshot.plan(sweep)
        succeeded = {row["trial_id"] for row in snapshot.leaderboard(sweep) if row["rank"]}
        found = {name: data for name, data in snapshot.metrics(sweep).items() if name in succeeded}
        return {
            " ".join(f"{name}={trial.options.get(name, default)}" for name, default in DEFAULTS.items()): found[
                trial.trial_id
            ]
            for trial in trials
            if trial.trial_id in found
        }


@contextlib.contextmanager
def a_world(directory: Path, *, vcpus: int = SLOTS) -> Iterator[World]:
    """Runs a cloud in `directory`, with the trainer that keeps checkpoints."""
    context = {"trainer": str(STEPS), "job_timeout_minutes": 1}  # the shortest that Batch has
    with hop() as hop_:
        world = World(directory, hop_, context=context, vcpus=vcpus)
        try:
            yield world
        finally:
            world.close()


def _described(process: psutil.Process) -> str:
    with contextlib.suppress(psutil.Error):
        return f"{process.pid}: {' '.join(process.cmdline())[-100:]}"
    return str(process.pid)


def kill(process: psutil.Process) -> None:
    os.kill(process.pid, signal.SIGKILL)
