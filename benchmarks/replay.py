"""Replays sweeps on recorded curves: the real functions on a virtual clock, and jobs that look up their curve.

A job writes the same rows as the trainer: up to its number of epochs, or until the trainer's early stopping.
"""

import csv
import json
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from benchmarks.clock import Clock, Machines
from benchmarks.timing import ROOT
from benchmarks.virtual import Sweep, Training
from stepsweep.contract.space import Value, as_option
from stepsweep.contract.spec import SweepSpec
from stepsweep.trainer.train import Row, why_stop

CURVES = ROOT / "benchmarks" / "curves"
AS_MANY_AS_TRIALS = 100

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
        clock: epochs one after the other, on as many machines as the sweep had.
    """

    params: dict[str, Value]
    epochs: int
    rounds: int
    trials: int
    accuracy: float
    clock: float


class Cloud:
    """Replays sweeps, each in a bucket of its own."""

    def __init__(self, curves: Curves) -> None:
        self._curves = curves

    def sweep(self, *, seed: int, patience: int, machines: int = AS_MANY_AS_TRIALS, **fields: Any) -> Found:
        """Runs a sweep through the state machine's own steps; each epoch takes a second of the virtual clock."""
        spec = SweepSpec.from_json(
            {
                "parameters": self._curves.parameters,
                "epochs": self._curves.epochs,
                "fixed": {"patience": patience},
                "seed": seed,
                "name": "replay",
                **fields,
            }
        )
        trained: dict[str, int] = {}

        def train(options: Mapping[str, str]) -> Training:
            numbers = {name: _number(options[name]) for name in ("lr", "momentum", "seed", "epochs", "patience")}
            rows = self._curves.training(
                {**numbers}, int(numbers["seed"]), epochs=int(numbers["epochs"]), patience=int(numbers["patience"])
            )
            # A promoted trial goes on from its checkpoint.
            before = trained.get(options["trial_id"], 0)
            trained[options["trial_id"]] = len(rows)
            return Training(rows=[_row(row) for row in rows], seconds=float(len(rows) - before))

        sweep = Sweep(spec, Machines(Clock(), machines), train).run()
        params = sweep.output["winner"]["params"]
        return Found(
            params=params,
            epochs=sum(trained.values()),
            rounds=sweep.output["rounds"],
            trials=sum(sweep.output["outcomes"].values()),
            accuracy=self._curves.accuracy(params, epochs=spec.epochs, patience=patience),
            clock=sweep.ended[-1].at,
        )


def _row(row: Row) -> dict[str, int | float]:
    """Returns a row as the trainer writes it: the accuracy of a model that diverged means nothing."""
    accuracy = row.val_accuracy if math.isfinite(row.val_loss) else math.nan
    return {"epoch": row.epoch, "val_loss": row.val_loss, "val_accuracy": accuracy}
