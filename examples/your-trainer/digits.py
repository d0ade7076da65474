"""An example of your own trainer: a small network on scikit-learn's handwritten digits. It does not import stepsweep.

    python -m digits --hidden 32 --alpha 0.1 --epochs 30 --seed 0

Run by hand it prints its CSV; in a sweep's job it writes the CSV to S3. docs/your-trainer.md has the contract.
"""

import argparse
import csv
import io
import json
import os
import signal
import sys
import time
from collections.abc import Sequence
from typing import Any, NoReturn
from urllib.parse import urlparse

WRONG_OPTIONS = 2
TRY_AGAIN = 75  # another attempt of the job continues from the checkpoint
CHECKPOINT = "model.json"
KEEP_SECONDS = 5.0  # shortest time between checkpoints: an epoch takes less than a request to S3

Row = dict[str, float]
interrupted: list[bool] = []


class Parser(argparse.ArgumentParser):
    """An argparse parser that raises faults, so that `--check` can report those of many command lines."""

    def error(self, message: str) -> NoReturn:
        raise ValueError(message)


def parsed(arguments: Sequence[str]) -> argparse.Namespace:
    """Parses one command line. Raises ValueError if it is invalid."""
    parser = Parser(prog="digits", allow_abbrev=False)
    parser.add_argument("--hidden", type=int, default=32, help="neurons of the hidden layer")
    parser.add_argument("--alpha", type=float, default=0.0001, help="L2 penalty")
    parser.add_argument("--step", type=float, default=0.01, help="learning rate of SGD")
    parser.add_argument("--epochs", type=int, required=True)
    parser.add_argument("--seed", type=int, required=True)
    options = parser.parse_args(arguments)
    # These comparisons also refuse NaN.
    if not (options.hidden >= 1 and options.epochs >= 1 and 0 <= options.alpha < 1e9 and 0 < options.step < 1e9):
        raise ValueError("--hidden and --epochs must be at least 1, --alpha at least 0, --step above 0")
    return options


def check() -> None:
    """Reports the faults of a sweep's trials before any of them starts; the image's label names this command."""
    faults: dict[str, None] = {}
    for command in json.load(sys.stdin):
        try:
            parsed(command)
        except ValueError as error:
            faults[str(error)] = None
    print(json.dumps(list(faults)))


class Place:
    """A job's storage: objects in a bucket, each written atomically. A run by hand has none."""

    def __init__(self, metrics_uri: str, checkpoint_uri: str) -> None:
        import boto3

        self._s3 = boto3.client("s3")
        self._metrics, self._checkpoint = urlparse(metrics_uri), urlparse(checkpoint_uri)

    def put_metrics(self, data: bytes) -> None:
        """Writes the CSV unless another attempt has written it. Retries while S3 reports a concurrent write."""
        try:
            self._s3.put_object(Bucket=self._metrics.netloc, Key=self._metrics.path[1:], Body=data, IfNoneMatch="*")
        except self._s3.exceptions.ClientError as error:
            match error.response["Error"]["Code"]:
                case "PreconditionFailed":
                    print("the metrics are there already")
                case "ConditionalRequestConflict":
                    sys.exit(TRY_AGAIN)
                case _:
                    raise

    def put(self, name: str, data: bytes) -> None:
        self._s3.put_object(Bucket=self._checkpoint.netloc, Key=self._checkpoint.path[1:] + name, Body=data)

    def get(self, name: str) -> bytes | None:
        try:
            found = self._s3.get_object(Bucket=self._checkpoint.netloc, Key=self._checkpoint.path[1:] + name)
        except self._s3.exceptions.NoSuchKey:
            return None
        data: bytes = found["Body"].read()
        return data


def train(options: argparse.Namespace, place: Place | None) -> list[Row]:
    """Trains, and returns one row per epoch. Continues where an earlier attempt ended."""
    from sklearn.datasets import load_digits
    from sklearn.metrics import log_loss
    from sklearn.model_selection import train_test_split
    from sklearn.neural_network import MLPClassifier

    images, labels = load_digits(return_X_y=True)  # 1,797 images of 8 x 8 in the package: no download
    x, x_val, y, y_val = train_test_split(images / 16, labels, test_size=0.25, random_state=0, stratify=labels)
    model: Any = MLPClassifier(
        (options.hidden,), solver="sgd", alpha=options.alpha, learning_rate_init=options.step,
        random_state=options.seed, batch_size=32,
    )  # fmt: skip
    rows: list[Row] = []
    # Only this trial uses the place: other options or code have another one; more epochs have the same.
    if place and (saved := place.get(CHECKPOINT)):
        model.partial_fit(x[:10], y[:10], classes=range(10))  # makes the arrays that `restore` fills
        rows = restore(model, saved)
        print(f"going on after epoch {len(rows)}")
    kept_at = time.monotonic()
    while len(rows) < options.epochs and not interrupted:
        started = time.monotonic()
        model.partial_fit(x, y, classes=range(10))
        rows.append({
            "epoch": len(rows) + 1,
            "train_log_loss": log_loss(y, model.predict_proba(x)),
            "val_log_loss": log_loss(y_val, model.predict_proba(x_val)),
            "val_accuracy": float(model.score(x_val, y_val)),
            "seconds": time.monotonic() - started,
        })  # fmt: skip
        print(f"epoch {len(rows)}/{options.epochs}  val_log_loss {rows[-1]['val_log_loss']:.4f}", flush=True)
        if place and time.monotonic() - kept_at > KEEP_SECONDS:
            place.put("live.csv", to_csv(rows))  # for live progress
            place.put(CHECKPOINT, to_checkpoint(model, rows))
            kept_at = time.monotonic()
    if place:
        place.put(CHECKPOINT, to_checkpoint(model, rows))
    return rows[: options.epochs]


def to_checkpoint(model: Any, rows: Sequence[Row]) -> bytes:
    """Returns the rows and everything that training changes. Not a pickle: a forged one runs code when it is read."""
    _, words, position, *_ = model._random_state.get_state()
    arrays = [array.tolist() for array in learned(model)]
    return json.dumps({"rows": rows, "arrays": arrays, "random": [words.tolist(), position]}).encode()


def restore(model: Any, saved: bytes) -> list[Row]:
    """Puts the model into the state of a checkpoint, and returns the rows so far."""
    state = json.loads(saved)
    for array, values in zip(learned(model), state["arrays"], strict=True):
        array[...] = values
    model._random_state.set_state(("MT19937", *state["random"]))
    rows: list[Row] = state["rows"]
    return rows


def learned(model: Any) -> list[Any]:
    return [*model.coefs_, *model.intercepts_, *model._optimizer.velocities]


def to_csv(rows: Sequence[Row]) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def main(arguments: Sequence[str]) -> int:
    if list(arguments) == ["--check"]:
        check()
        return 0
    signal.signal(signal.SIGTERM, lambda *_: interrupted.append(True))
    try:
        options = parsed(arguments)
    except ValueError as error:
        print(error, file=sys.stderr)
        return WRONG_OPTIONS
    uri = os.environ.get("STEPSWEEP_METRICS_URI")
    place = Place(uri, os.environ["STEPSWEEP_CHECKPOINT_URI"]) if uri else None
    rows = train(options, place)
    if len(rows) < options.epochs:
        return TRY_AGAIN
    if place:
        place.put_metrics(to_csv(rows))
    else:
        print(to_csv(rows).decode(), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
