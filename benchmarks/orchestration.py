"""Measures the overhead of a trial: sweeps of trials that do nothing, on the embedded cloud.

`python -m benchmarks.orchestration SIZE …` measures sweeps of other sizes, and prints the results.
"""

import json
import shutil
import sys
import threading
import time
from collections.abc import Sequence
from typing import Any

from benchmarks import embedded
from benchmarks.results import Result, Table
from benchmarks.timing import WORK, run_process
from stepsweep.contract import keys

EXPECTED_SECONDS = 600

SIZES = (100, 1_000, 10_000)
WAITING = 1_000
WATCHED_SECONDS = 20
MAX_OUTPUT_BYTES = 262_144


def run(*, quick: bool) -> Result:
    sizes, waiting = ((20, 40), 40) if quick else (SIZES, WAITING)
    return measured(sizes, waiting)


def measured(sizes: Sequence[int], waiting: int) -> Result:
    """Measures each sweep in a new process, since moto's state and the peak memory belong to the process."""
    sweeps = [_apart("sweep", size) for size in sizes]
    idle = _apart("wait", waiting)
    costs = Table(
        caption="Sweeps of trials that do nothing, 5 % of which fail: state machine, queue, one process per trial, S3.",
        columns=(
            "trials",
            "ms per trial",
            "CPU of the cloud, ms",
            "CPU of the jobs and functions, ms",
            "peak memory of the cloud, MiB",
            "failed",
            "output, KiB",
        ),
        rows=[
            (
                f"{each['trials']:,}",
                *(f"{1000 * each[what] / each['trials']:.1f}" for what in ("seconds", "cloud_cpu", "jobs_cpu")),
                f"{each['peak_mib']:.0f} (at the start {each['peak_mib_at_start']:.0f})",
                f"{each['outcomes']['FAILED']:,}",
                f"{each['output_bytes'] / 1024:.1f}",
            )
            for each in sweeps
        ],
    )
    requests = Table(
        caption="S3 requests and states of the same sweeps. The state machine's requests include the Map's.",
        columns=("trials", "planner", "state machine", "reducer", "states entered by the sweep", "by its children"),
        rows=[
            (
                f"{each['trials']:,}",
                *(each["requests"][role] for role in ("planner", "state machine", "reducer")),
                str(each["states_of_sweep"]),
                f"{each['states_of_children']:,}",
            )
            for each in sweeps
        ],
    )
    waits = Table(
        caption="A cloud whose trials all wait, for a free core or for their job.",
        columns=("waiting trials", "CPU of the cloud, % of a core"),
        rows=[(f"{idle['trials']:,}", f"{100 * idle['cpu_share']:.1f}")],
    )
    return Result(tables=[costs, requests, waits], values={"sweeps": sweeps, "waiting": idle})


def _apart(what: str, trials: int) -> dict[str, Any]:
    print(f"  {what}: {trials:,} trials …", flush=True)
    folder = WORK / f"orchestration-{what}"
    shutil.rmtree(folder, ignore_errors=True)
    ran = run_process([sys.executable, "-m", "benchmarks.orchestration", f"--{what}", str(trials)])
    shutil.rmtree(folder)
    found: dict[str, Any] = json.loads(ran.stdout.splitlines()[-1])
    return found


def _sweep(trials: int) -> dict[str, Any]:
    requests = embedded.Requests()
    requests.install()
    entered = _count_states_of_children()
    with embedded.nothing_trains(WORK / "orchestration-sweep") as cloud:
        states, at_start = cloud.client("stepfunctions"), embedded.peak_mib()
        before, began = embedded.cpu_seconds(), time.monotonic()
        execution = cloud.start({"parameters": {"number": list(range(trials))}, "epochs": 1, "name": "nothing"})
        ended = cloud.ended(execution)
        seconds, after = time.monotonic() - began, embedded.cpu_seconds()
        s3, bucket = cloud.client("s3"), cloud.outputs["Bucket"]
        plan = json.loads(s3.get_object(Bucket=bucket, Key=keys.plan_key("nothing", 0))["Body"].read())
        outcomes = json.loads(ended["output"])["outcomes"]
        if not sum(outcomes.values()) == len(plan["trials"]) == trials:
            raise RuntimeError(f"{outcomes} of {len(plan['trials'])} planned trials")
        if len(ended["output"]) >= MAX_OUTPUT_BYTES:
            raise RuntimeError(f"the output has {len(ended['output'])} bytes")
        return {
            "trials": trials,
            "seconds": seconds,
            "cloud_cpu": after[0] - before[0],
            "jobs_cpu": after[1] - before[1],
            "peak_mib": embedded.peak_mib(),
            "peak_mib_at_start": at_start,
            "outcomes": outcomes,
            "output_bytes": len(ended["output"].encode()),
            "requests": {role: requests.told(role) for role in ("planner", "state machine", "reducer")},
            "states_of_sweep": sum(
                event["type"].endswith("StateEntered")
                for page in states.get_paginator("get_execution_history").paginate(executionArn=execution)
                for event in page["events"]
            ),
            "states_of_children": len(entered),
        }


def _wait(trials: int) -> dict[str, Any]:
    """Measures a cloud whose jobs sleep, one on a core and the others in the queue."""
    with embedded.nothing_trains(WORK / "orchestration-wait", vcpus=1) as cloud:
        spec = {"parameters": {"number": list(range(trials))}, "epochs": 1, "name": "waiting"}
        cloud.start({**spec, "fixed": {"wait_seconds": 3600}, "max_concurrency": trials})
        batch, queue = cloud.client("batch"), cloud.outputs["SweepQueue"]
        pages = batch.get_paginator("list_jobs")
        while (
            sum(len(page["jobSummaryList"]) for page in pages.paginate(jobQueue=queue, jobStatus="RUNNABLE"))
            < trials - 1
        ):
            time.sleep(1)
        time.sleep(2)
        before = embedded.cpu_seconds()[0]
        time.sleep(WATCHED_SECONDS)
        share = (embedded.cpu_seconds()[0] - before) / WATCHED_SECONDS
    return {"trials": trials, "cpu_share": share}


def _count_states_of_children() -> list[str]:
    """Returns a list that grows with each state that a child of the Map enters. Call it before the cloud starts."""
    from moto.stepfunctions.parser.asl.component.state.exec.state_map.iteration import distributed_iteration_component

    from stepsweep.local import patches

    entered: list[str] = []
    lock = threading.Lock()
    installed = patches.install

    def install(**options: Any) -> None:
        installed(**options)

        class Counted(distributed_iteration_component.EventManager):  # type: ignore[misc]
            def _publish_history_event(self, **event: Any) -> None:
                if event["event_type"].endswith("StateEntered"):
                    with lock:
                        entered.append(event["event_type"])

        distributed_iteration_component.EventManager = Counted

    patches.install = install
    return entered


def main(arguments: Sequence[str]) -> None:
    if arguments[:1] in (["--sweep"], ["--wait"]):
        worker = _sweep if arguments[0] == "--sweep" else _wait
        print(json.dumps(worker(int(arguments[1]))))
        return
    for table in measured([int(size) for size in arguments], WAITING).tables:
        print(f"\n{table.markdown()}")


if __name__ == "__main__":
    main(sys.argv[1:])
