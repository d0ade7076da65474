"""Measures the planner and the reducer as Lambda functions, up to the most trials that a sweep may have.

`python -m benchmarks.reducer SIZE …` measures other sizes, and prints the results. `python -m benchmarks.reducer --page
SIZE` measures only the page that the reducer leaves, on files instead of S3.
"""

import json
import re
import resource
import shutil
import sys
import time
import uuid
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from statistics import median
from typing import Any, cast

from botocore.config import Config

from benchmarks import embedded
from benchmarks.page import recorded
from benchmarks.results import Result, Table
from benchmarks.timing import WORK, run_process
from stepsweep.bucket.folder import path_of
from stepsweep.bucket.records import Records
from stepsweep.bucket.stores import FolderStore, S3Store
from stepsweep.contract import keys
from stepsweep.contract.jobs import TRAINING_ENDED
from stepsweep.statemachine import report

EXPECTED_SECONDS = 240

SIZES = (1_000, 10_000)
REPETITIONS = 3
EPOCHS = 10
MAP = f"{keys.map_results_prefix('nothing', 0)}/run"
RECORD = {"ResultWriterDetails": {"Key": f"{MAP}/manifest.json"}}

_REPORT = re.compile(r"REPORT Duration: ([\d.]+) ms\tMemory Size: (\d+) MB\tMax Memory Used: (\d+) MB")


def run(*, quick: bool) -> Result:
    return measured((40,) if quick else SIZES)


def measured(sizes: Sequence[int]) -> Result:
    found = [_apart(size) for size in sizes]
    table = Table(
        caption=(
            f"The functions with the embedded cloud's S3, medians of {REPETITIONS}. The planner runs with nothing "
            f"trained yet; the reducer runs after a sweep, with a CSV of {EPOCHS} epochs and an outcome for every "
            "trial, and the Map's own record. Server and function share the cores."
        ),
        columns=("function", "trials", "s", "memory, MB", "S3 requests", "written, MiB"),
        rows=[
            (
                name,
                f"{each['trials']:,}",
                f"{median(each[name]['seconds']):.1f}",
                str(max(each[name]["memory_mb"])),
                each[name]["requests"],
                f"{each[name]['written_bytes'] / 2**20:.1f}",
            )
            for name in ("planner", "reducer")
            for each in found
        ],
    )
    return Result(tables=[table], values={"functions": found})


def _apart(trials: int) -> dict[str, Any]:
    """Plans in one cloud and reduces in the next; meanwhile the sweep's results are written to the folder."""
    print(f"  {trials:,} trials …", flush=True)
    folder = WORK / f"functions-{trials}"
    shutil.rmtree(folder, ignore_errors=True)
    found: dict[str, Any] = {"trials": trials}
    for what in ("planner", "reducer"):
        ran = run_process([sys.executable, "-m", "benchmarks.reducer", f"--{what}", str(trials)])
        found[what] = json.loads(ran.stdout.splitlines()[-1])
    shutil.rmtree(folder)
    return found


def _measure(what: str, trials: int) -> dict[str, Any]:
    requests = embedded.Requests()
    folder = WORK / f"functions-{trials}"
    if what == "reducer":
        _train_all(folder)
    requests.install()
    with embedded.nothing_trains(folder) as cloud:
        bucket = folder / "s3" / cloud.outputs["Bucket"]
        payload = (
            {
                "sweep": "nothing",
                "round": 0,
                "started": "2026-11-23T05:30:12.345Z",
                "entered": "2026-11-23T05:40:12.345Z",
                "leg": None,
                "ended": {"Error": TRAINING_ENDED, "Cause": json.dumps(RECORD)},
            }
            if what == "reducer"
            else {
                "input": _spec(trials),
                "execution": "nothing",
                "started": "2026-11-23T05:30:12.345Z",
                "round": 0,
            }
        )
        function = _function(cloud, what)
        reports = [_invoked(cloud, folder, function, payload) for _ in range(REPETITIONS)]
    written = {
        "planner": [keys.plan_key("nothing", 0), keys.to_run_key("nothing", 0), keys.spec_key("nothing")],
        "reducer": [
            keys.leaderboard_key("nothing"),
            keys.results_key("nothing", 0),
            keys.winner_key("nothing"),
            keys.report_key("nothing"),
        ],
    }[what]
    return {
        "seconds": [seconds for seconds, _ in reports],
        "memory_mb": [memory for _, memory in reports],
        "requests": requests.told(what, of=REPETITIONS),
        "written_bytes": sum(path.stat().st_size for name in written if (path := bucket / name).exists()),
    }


def _spec(trials: int) -> dict[str, Any]:
    return {"parameters": {"number": list(range(trials))}, "epochs": EPOCHS, "name": "nothing"}


def _function(cloud: embedded.Cloud, what: str) -> str:
    names = [function["FunctionName"] for function in cloud.client("lambda").list_functions()["Functions"]]
    (name,) = (name for name in names if what in name.lower())
    return str(name)


def _invoked(cloud: embedded.Cloud, folder: Path, function: str, payload: dict[str, Any]) -> tuple[float, int]:
    """Returns a function's running time in seconds and its memory in MB, from its report."""
    client = cloud.client("lambda", Config(read_timeout=900, retries={"max_attempts": 0}))
    answer = client.invoke(FunctionName=function, Payload=json.dumps(payload))
    said = json.loads(answer["Payload"].read())
    if "FunctionError" in answer or "fault" in said:
        raise RuntimeError(str(said)[:2000])
    milliseconds, _, used = _REPORT.findall((folder / "run" / f"{function}.log").read_text())[-1]
    return float(milliseconds) / 1000, int(used)


def _train_all(folder: Path) -> None:
    """Writes the results of a sweep of the planned trials to the folder of the cloud, which is not running."""
    (bucket,) = (folder / "s3").iterdir()

    def put(key: str, text: str) -> None:
        file = path_of(folder / "s3", bucket.name, key)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    header = "epoch,train_loss,val_loss,val_accuracy,seconds\n"
    now = int(time.time() * 1000)
    children = []
    executions = "arn:aws:states:us-east-1:123456789012:execution:Stepsweep-sweep/Trials"
    for number, item in enumerate(json.loads((bucket / keys.to_run_key("nothing", 0)).read_bytes())):
        name = item["trial_id"]
        rows = "".join(
            f"{epoch},0.5,0.5,{(number * 7919 + epoch) % 9973 / 10000},6.1\n" for epoch in range(1, EPOCHS + 1)
        )
        attempts = [{"StartedAt": now, "StoppedAt": now + 61_000, "Container": {"ExitCode": 0}}]
        outcome = {
            "schema": 1,
            "execution": "nothing",
            "trial_id": name,
            "status": "SUCCEEDED",
            "job": {"job_id": name, "attempts": attempts},
        }
        put(keys.metrics_key(name, EPOCHS), header + rows)
        put(keys.outcome_key("nothing", 0, name), json.dumps(outcome))
        children.append(
            {
                "ExecutionArn": f"{executions}:{uuid.uuid4()}",
                "Input": json.dumps(item),
                "InputDetails": {"Included": True},
                "Name": name,
                "Output": json.dumps(outcome),
                "OutputDetails": {"Included": True},
                "Status": "SUCCEEDED",
            }
        )
    put(f"{MAP}/SUCCEEDED_0.json", json.dumps(children))
    put(f"{MAP}/manifest.json", json.dumps({"ResultFiles": {"SUCCEEDED": [{"Key": f"{MAP}/SUCCEEDED_0.json"}]}}))


def _leave(trials: int) -> None:
    """Records a sweep, and has another process make its page, whose memory is then its own."""
    folder = WORK / "left"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    recorded(folder, trials)
    print(run_process([sys.executable, "-m", "benchmarks.reducer", "--left", str(trials)]).stdout, end="")
    shutil.rmtree(folder)


def _left(trials: int) -> None:
    """Makes the page of the recorded sweep, and prints what that takes."""
    (bucket,) = (WORK / "left" / "cloud" / "s3").iterdir()
    store, sweep = cast(S3Store, _Folder(bucket)), f"trials-{trials}"
    records = Records(store)
    known = records.outcomes(records.objects(sweep))  # which the reducer has from the Map's record
    report.PLOTLY = files("plotly") / "package_data" / "plotly.min.js"
    before, began = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    html = report.page(store, sweep, report.Ground(stack="Stepsweep"), known).encode()
    after, ended = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    core = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(
        f"page of {trials:,} trials: {ended - began:.1f} s, {core:.1f} s of a core, {len(html) / 1e6:.1f} MB, "
        f"at most {after.ru_maxrss / 1024:.0f} MiB of memory, and {before.ru_maxrss / 1024:.0f} before it"
    )


class _Folder(FolderStore):
    """A folder with the name of its bucket, as the page's maker has it."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.name = folder.name


def main(arguments: Sequence[str]) -> None:
    if arguments[:1] in (["--page"], ["--left"]):
        (_leave if arguments[0] == "--page" else _left)(int(arguments[1]))
        return
    if arguments[:1] in (["--planner"], ["--reducer"]):
        print(json.dumps(_measure(arguments[0].removeprefix("--"), int(arguments[1]))))
        return
    for table in measured([int(size) for size in arguments]).tables:
        print(f"\n{table.markdown()}")


if __name__ == "__main__":
    main(sys.argv[1:])
