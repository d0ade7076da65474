"""A trainer whose epoch is a sleep and a sum, with the store, the signals and the exit codes of stepsweep's own.

Each epoch's numbers follow from all before it and from a random state, so that a training which goes on from the wrong
place ends with other numbers.
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from stepsweep.contract import metrics
from stepsweep.contract.jobs import EXIT_INTERRUPTED
from stepsweep.trainer.__main__ import CRASHED, FINISHED, Interruption
from stepsweep.trainer.job_store import Job, JobStore, s3_client
from stepsweep.trainer.store import StoreError

MANGLED: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda _: b"",
    "truncated": lambda data: data[:-9],
    "nan": lambda data: _with_last_accuracy(data, b"nan"),
    "inf": lambda data: _with_last_accuracy(data, b"-inf"),
    "header": lambda data: data.replace(b"epoch", b"step", 1),
    "bom": lambda data: b"\xef\xbb\xbf" + data,
    "rows-twice": lambda data: data + data.partition(b"\n")[2],
    "file-twice": lambda data: data + data,
    "column-twice": lambda data: data.replace(b"val_loss", b"train_loss", 1),
    "binary": lambda data: data.replace(b",", b"\0"),
    "latin": lambda data: data.replace(b"epoch", b"\xe9poch", 1),
}
"""What a broken trainer, or a broken disk, makes of a metrics file."""


def _with_last_accuracy(data: bytes, value: bytes) -> bytes:
    *before, _accuracy, seconds = data.rstrip().split(b",")
    return b",".join([*before, value, seconds]) + b"\n"


def main() -> int:
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--lr", type=float, default=0.1)
    parser.add_argument("--momentum", type=float, default=0.5)
    parser.add_argument("--epochs", type=int, required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--folds", type=int, default=0)
    parser.add_argument("--fold", type=int, default=0, help="each has numbers of its own")
    for name in ("--dataset", "--train_images"):
        parser.add_argument(name, help="of stepsweep's own trainer, so that its examples run here")
    parser.add_argument("--act", choices=("train", "crash", "deaf", "unlucky"), default="train")
    parser.add_argument(
        "--csv", choices=("good", "missing", *MANGLED), default="good", help="what becomes of the metrics"
    )
    parser.add_argument("--sleep", type=float, default=0.0, help="seconds an epoch")
    parser.add_argument("--case", default="", help="makes the same numbers another trial")
    options = parser.parse_args()
    if sys.platform == "linux" and not sys.orig_argv[-1].endswith("host.py"):
        parser.error("it is no fork of a process that has imported what its image preloads")
    print(f"attempt {os.environ['AWS_BATCH_JOB_ATTEMPT']}, process {os.getpid()}", flush=True)
    match options.act:
        case "crash":
            raise ValueError("this trainer was told to crash")
        case "unlucky" if random.Random(options.momentum).random() < 0.05:
            sys.exit("this trial had no luck")
        case "deaf":
            be_deaf_once()
    interrupted = Interruption()
    job = Job.from_environment(os.environ, epochs=options.epochs)
    if job is None:
        parser.error("it trains in a sweep's job only")
    try:
        return train(options, JobStore(job, s3_client()), interrupted)
    except StoreError as error:
        print(error, file=sys.stderr)
        return CRASHED


def be_deaf_once() -> None:
    """In a trial's first job it never ends of itself, nor does a child of it; neither of them listens to SIGTERM."""
    trial = os.environ["STEPSWEEP_CHECKPOINT_URI"].rstrip("/").rpartition("/")[2]
    mark = Path(os.environ["STEPSWEEP_DATA_DIR"], f"deaf-{trial}")
    if mark.exists():
        return
    mark.parent.mkdir(exist_ok=True)
    mark.touch()
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    subprocess.Popen([sys.executable, "-c", "import signal, time; signal.signal(15, signal.SIG_IGN); time.sleep(600)"])
    time.sleep(600)


def train(options: argparse.Namespace, store: JobStore, interrupted: Interruption) -> int:
    if store.finished():
        print("nothing to do")
        return FINISHED
    state = resumed(store) or {
        "rows": [],
        "weight": 0.0,
        "random": random.Random(options.seed + 1000 * options.fold).getstate(),
    }
    rows = state["rows"]
    while len(rows) < options.epochs and not interrupted():
        time.sleep(options.sleep)
        advance(state, options)
        print(f"epoch {len(rows)} of {options.epochs}", flush=True)
        try:
            store.save_checkpoint(json.dumps(state).encode())
        except StoreError as error:
            print(error, flush=True)
    if len(rows) < options.epochs:
        print(f"interrupted after epoch {len(rows)}", flush=True)
        return EXIT_INTERRUPTED
    if options.csv != "missing":
        data = MANGLED.get(options.csv, bytes)(metrics.to_csv(rows))
        print(store.write_results(data, {"epochs_trained": len(rows)}), flush=True)
    return FINISHED


def resumed(store: JobStore) -> dict[str, Any] | None:
    found = store.load_checkpoint()
    if found is None:
        return None
    state: dict[str, Any] = json.loads(found)
    print(f"continuing after epoch {len(state['rows'])}", flush=True)
    return state


def advance(state: dict[str, Any], options: argparse.Namespace) -> None:
    """Adds an epoch: better than the one before, and the better the nearer lr is to 0.1 and momentum to 0.9."""
    version, internal, gauss = state["random"]
    generator = random.Random()
    generator.setstate((version, tuple(internal), gauss))
    epoch = len(state["rows"]) + 1
    state["weight"] = state["weight"] * options.momentum + options.lr * generator.random()
    state["random"] = generator.getstate()
    accuracy = 1 / (1 + abs(options.lr - 0.1) + abs(options.momentum - 0.9)) - 1 / (10 * epoch) + state["weight"] / 1e6
    row = {"epoch": epoch, "train_loss": state["weight"], "val_loss": 1 - accuracy, "val_accuracy": accuracy}
    state["rows"].append({**row, "seconds": options.sleep})


if __name__ == "__main__":
    sys.exit(main())
