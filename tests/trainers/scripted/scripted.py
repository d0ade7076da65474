"""A trainer that does what its options say: `--act crash` crashes, `--act diverge` diverges, …

Standard library only, so that hundreds of them start in a second each core: it signs the request that puts its one CSV
itself.
"""

import argparse
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

from signed import signed  # type: ignore[import-not-found]  # beside it in its image

parser = argparse.ArgumentParser(allow_abbrev=False)
parser.add_argument("--lr", type=float, default=0.1)
parser.add_argument("--momentum", type=float, default=0.5)
parser.add_argument("--epochs", type=int, required=True)
parser.add_argument("--seed", type=int, required=True)
parser.add_argument("--act", default="train")
parser.add_argument("--sleep", type=float, default=0.0)
options = parser.parse_args()


def ask(method: str, data: bytes = b"", *, live: bool = False) -> int:
    """Sends a request about the metrics, or those that are shown live, and returns the status of the answer."""
    name = f"{os.environ['STEPSWEEP_CHECKPOINT_URI']}live.csv" if live else os.environ["STEPSWEEP_METRICS_URI"]
    uri = urllib.parse.urlparse(name)
    request = signed(method, os.environ["AWS_ENDPOINT_URL"], f"/{uri.netloc}{uri.path}", data)
    request.add_header("Content-Type", "text/csv")
    if not live:
        request.add_header("If-None-Match", "*")
    try:
        with urllib.request.urlopen(request) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        if error.code in (404, 412):
            return error.code
        raise


def put(data: bytes) -> None:
    if ask("HEAD") != 404 or ask("PUT", data) == 412:
        print("the metrics are there already")


def curve() -> str:
    """A curve whose best epoch is the last, higher the nearer lr is to 0.1 and momentum to 0.9."""
    rows = ["epoch,train_loss,val_loss,val_accuracy,seconds"]
    for epoch in range(1, options.epochs + 1):
        accuracy = 1 / (1 + abs(options.lr - 0.1) + abs(options.momentum - 0.9)) - 1 / (10 * epoch)
        rows.append(f"{epoch},{1 - accuracy!r},{1 - accuracy!r},{accuracy!r},0.1")
    return "\n".join(rows) + "\n"


attempt = int(os.environ.get("AWS_BATCH_JOB_ATTEMPT", "1"))
print(f"act {options.act}, attempt {attempt}", flush=True)
time.sleep(options.sleep)
match options.act:
    case "train":
        put(curve().encode())
    case "leave":
        uri = urllib.parse.urlparse(f"{os.environ['STEPSWEEP_ARTIFACTS_URI']}model.txt")
        urllib.request.urlopen(signed("PUT", os.environ["AWS_ENDPOINT_URL"], f"/{uri.netloc}{uri.path}", b"1")).close()
        put(curve().encode())
    case "gate":
        # The first trial that comes is let through; the others wait until a test makes `go`.
        gate = Path(os.environ["STEPSWEEP_DATA_DIR"])
        gate.mkdir(exist_ok=True)
        try:
            (gate / "first").touch(exist_ok=False)
        except FileExistsError:
            ask("PUT", "".join(curve().splitlines(keepends=True)[:2]).encode(), live=True)
            while not (gate / "go").exists():
                time.sleep(0.05)
        put(curve().encode())
    case "crash":
        raise ValueError("this trainer was told to crash")
    case "crash-on-large-lr" if options.lr >= 0.1:
        sys.exit("lr is too large for this trainer")
    case "crash-on-large-lr":
        put(curve().encode())
    case "diverge":
        put(b"epoch,train_loss,val_loss,val_accuracy,seconds\n1,nan,nan,nan,0.1\n")
    case "nothing":
        print("no metrics are written")
    case "garbage":
        put(b"not,a\nmetrics file")
    case "temporary" if attempt < 3:
        sys.exit(75)
    case "temporary":
        put(curve().encode())
    case "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    case "hang":
        # A child that must not outlive its job, and neither of them listens to SIGTERM.
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        subprocess.Popen(
            [sys.executable, "-c", "import signal, time; signal.signal(15, signal.SIG_IGN); time.sleep(600)"]
        )
        time.sleep(600)
    case act:
        parser.error(f"unknown act {act}")
