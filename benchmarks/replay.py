"""Replays sweeps on recorded curves: the real planner, sampler and reducer, and jobs that look up their curve.

The bucket is moto's, in this process. A job writes the same rows as the trainer: up to its number of epochs, or until
the trainer's early stopping.
"""

import contextlib
import csv
import json
import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import fmean
from typing import Any
from unittest import mock

import boto3
from moto import mock_aws

from benchmarks.timing import ROOT
from stepsweep.bucket.job_logs import LastLines
from stepsweep.bucket.s3 import Bucket, for_all, s3_client
from stepsweep.contract import keys
from stepsweep.contract.cost import TUTORIAL_RATES
from stepsweep.contract.means import StackJob
from stepsweep.contract.metrics import to_csv
from stepsweep.contract.space import Value, as_option
from stepsweep.contract.spec import SweepSpec
from stepsweep.statemachine import planner, reducer, sampler
from stepsweep.statemachine.claims import Trainer
from stepsweep.trainer.train import Row, why_stop

CURVES = ROOT / "benchmarks" / "curves"
BUCKET = "replayed"
VERSION = "recorded"

Cell = tuple[Value, Value]
"""lr and momentum."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Curves:
    """Recorded trainings of every cell and seed, up to the last epoch or divergence.

    Attributes:
        about: how the curves were recorded.
        rows: (lr, momentum), seed → the rows of a training.
    """

    about: Mapping[str, Any]
    rows: Mapping[tuple[Cell, int], Sequence[Row]]

    @property
    def parameters(self) -> dict[str, list[Value]]:
        def listed(place: int) -> list[Value]:
            return sorted({cell[place] for cell, _ in self.rows}, key=lambda value: float(as_option(value)))

        return {name: listed(place) for place, name in enumerate(("lr", "momentum"))}

    @property
    def seeds(self) -> list[int]:
        return sorted({seed for _, seed in self.rows})

    @property
    def epochs(self) -> int:
        return int(self.about["epochs"])

    def training(self, params: Mapping[str, Value], seed: int, *, epochs: int, patience: int) -> list[Row]:
        """Returns the rows of a training with the trainer's early stopping; seeds wrap around the recorded ones."""
        recorded = self.rows[(params["lr"], params["momentum"]), self.seeds[seed % len(self.seeds)]]
        rows: list[Row] = []
        for row in recorded[:epochs]:
            rows.append(row)
            if why_stop(rows, patience=patience):
                break
        return rows

    def accuracy(self, params: Mapping[str, Value], *, epochs: int, patience: int) -> float:
        """Returns the best val_accuracy of the params, as the mean over the recorded seeds.

        A diverged seed counts with its best value before.
        """
        return fmean(
            max((row.val_accuracy for row in rows if row.finite), default=0.1)
            for seed in range(len(self.seeds))
            if (rows := self.training(params, seed, epochs=epochs, patience=patience))
        )


def recorded(file: Path) -> Curves:
    """Reads what `benchmarks.search_curves` wrote."""
    rows: dict[tuple[Cell, int], list[Row]] = defaultdict(list)
    with file.open(newline="") as stream:
        for line in csv.DictReader(stream):
            cell: Cell = (_number(line["lr"]), _number(line["momentum"]))
            rows[cell, int(line["seed"])].append(
                Row(
                    epoch=int(line["epoch"]),
                    seconds=0.0,
                    **{name: float(line[name]) for name in ("train_loss", "val_loss", "val_accuracy")},
                )
            )
    seeds_of = defaultdict(set)
    for cell, seed in rows:
        seeds_of[seed].add(cell)
    whole = max(len(cells) for cells in seeds_of.values())
    # An interrupted recording lacks cells of its last seed.
    kept = {place: found for place, found in rows.items() if len(seeds_of[place[1]]) == whole}
    return Curves(about=json.loads(file.with_suffix(".json").read_bytes()), rows=kept)


def _number(text: str) -> int | float:
    number = float(text)
    return int(number) if number.is_integer() else number


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The result of a sweep.

    Attributes:
        epochs: epochs of all its trials together; those of a promoted trial count once.
        accuracy: accuracy of the winner's params by the same rules (`Curves.accuracy`).
    """

    params: dict[str, Value]
    epochs: int
    rounds: int
    trials: int
    accuracy: float


class Cloud:
    """A bucket in which sweeps are replayed."""

    def __init__(self, curves: Curves) -> None:
        self._curves = curves
        self._bucket = Bucket(BUCKET, s3_client())
        self._last_lines = LastLines(boto3.client("logs"), "")
        self._number = 0
        self._trained: dict[str, int] = {}

    def sweep(self, *, seed: int, patience: int, **fields: Any) -> Found:
        """Runs a sweep through the state machine's own steps."""
        self._number += 1
        self._trained.clear()
        spec = SweepSpec.from_json(
            {
                "parameters": self._curves.parameters,
                "epochs": self._curves.epochs,
                "fixed": {"patience": patience},
                "seed": seed,
                "name": f"replay-{self._number}",
                "fresh": True,
                **fields,
            }
        )
        number = 0
        while True:
            planned = planner.plan(
                self._bucket,
                spec,
                execution=spec.name,
                started_at=datetime.now(UTC),
                round_number=number,
                trainer=Trainer(version=VERSION, name="replay"),
                max_concurrency=100,
                rates=TUTORIAL_RATES,
                job=StackJob(),
            )
            for_all(self._train, self._bucket.get_json(planned["to_run_key"]), threads=1)
            answer = reducer.reduce(
                self._bucket,
                self._last_lines,
                sweep=spec.name,
                round_number=number,
                map_results={},
                usd_per_hour=0.5,
                job=StackJob(),
            )
            if not answer["another_round"]:
                break
            number = answer["round"]
            if answer["ask"]:
                sampler.sample(self._bucket, sweep=spec.name, round_number=number)
        output = answer["output"]
        params = output["winner"]["params"]
        return Found(
            params=params,
            epochs=sum(self._trained.values()),
            rounds=output["rounds"],
            trials=sum(output["outcomes"].values()),
            accuracy=self._curves.accuracy(params, epochs=spec.epochs, patience=patience),
        )

    def _train(self, item: Mapping[str, Any]) -> None:
        words = iter(item["command"])
        options: dict[str, int | float] = {
            name.removeprefix("--"): _number(value) for name, value in zip(words, words, strict=True)
        }
        rows = self._curves.training(
            {**options}, int(options["seed"]), epochs=int(options["epochs"]), patience=int(options["patience"])
        )
        self._trained[item["trial_id"]] = len(rows)  # with those of the rungs below, whose checkpoint it continues
        data = to_csv(
            [
                # As the trainer writes it: the accuracy of a model that diverged means nothing.
                {
                    "epoch": row.epoch,
                    "val_loss": row.val_loss,
                    "val_accuracy": row.val_accuracy if math.isfinite(row.val_loss) else math.nan,
                }
                for row in rows
            ]
        )
        environment = {variable["Name"]: variable["Value"] for variable in item["environment"]}
        self._bucket.put(environment[keys.METRICS_URI].removeprefix(keys.uri(BUCKET, "")), data, "text/csv")


@contextlib.contextmanager
def cloud(curves: Curves) -> Iterator[Cloud]:
    """Yields a cloud with a bucket in this process; no request leaves it."""
    session = boto3.Session(aws_access_key_id="none", aws_secret_access_key="none", region_name="us-east-1")  # noqa: S106
    with mock_aws(), mock.patch.object(boto3, "DEFAULT_SESSION", session):
        s3_client().create_bucket(Bucket=BUCKET)
        yield Cloud(curves)
