"""Measures the effect of bf16 on the accuracy: the same trials in both precisions, one pair per seed."""

import multiprocessing
import time
from dataclasses import replace
from math import sqrt
from statistics import mean, stdev

import torch

from benchmarks.results import Result, Table
from benchmarks.timing import ROOT
from stepsweep.trainer import data, options, train
from stepsweep.trainer.device import BF16, FP32

EXPECTED_SECONDS = 70
DATA_DIR = ROOT / data.DEFAULT_DATA_DIR
CPU = torch.device("cpu")
TRAIN_IMAGES, VALIDATION_IMAGES = 4800, 6000
METRICS = ("val_accuracy", "val_loss", "train_loss")


def run(*, quick: bool) -> Result:
    seeds, epochs = (range(2), 1) if quick else (range(4), 3)
    asked = [(seed, precision, epochs) for seed in seeds for precision in (FP32, BF16)]
    # New processes, since torch's threads do not survive a fork; one trial per core, so that none disturbs another.
    with multiprocessing.get_context("spawn").Pool(2, initializer=train.use_device, initargs=(CPU, 1)) as pool:
        found = dict(zip(asked, pool.map(_trained, asked, chunksize=1), strict=True))
    by_metric = {
        metric: {
            precision: [getattr(found[seed, precision, epochs], metric) for seed in seeds] for precision in (FP32, BF16)
        }
        for metric in METRICS
    }
    rows = []
    for metric, values in by_metric.items():
        differences = [other - one for one, other in zip(values[FP32], values[BF16], strict=True)]
        error = stdev(differences) / sqrt(len(differences))
        rows.append(
            [metric, *(f"{mean(values[one]):.4f}" for one in values), f"{mean(differences):+.4f} ± {error:.4f}"]
        )
    caption = (
        f"Means over {len(seeds)} seeds after {epochs} epochs of {TRAIN_IMAGES:,} images, validated on "
        f"{VALIDATION_IMAGES:,}. The difference is the mean over the seeds' pairs, with its standard error."
    )
    columns = ["metric", FP32, BF16, "difference"]
    return Result(tables=[Table(columns=columns, rows=rows, caption=caption)], values=by_metric)


def _trained(asked: tuple[int, str, int]) -> train.Row:
    """Trains one trial and returns its last row."""
    seed, precision, epochs = asked
    began = time.monotonic()
    words = ["--dataset", "fashion-mnist", "--lr", "0.05", "--seed", str(seed), "--precision", precision]
    made = options.parse(
        [*words, "--epochs", str(epochs)], default_data_dir=str(DATA_DIR), default_threads="1", default_device="cpu"
    )
    *_, last = train.epochs(made, _images(), device=CPU, start=None, interrupted=lambda: False)
    print(f"  seed {seed}, {precision}: {time.monotonic() - began:.0f} s", flush=True)
    return last.rows[-1]


def _images() -> data.Data:
    """Returns few images for training and many for validation, so that validation adds little noise."""
    whole = data.load("fashion-mnist", DATA_DIR, train_images=data.TRAIN_IMAGES, device=CPU)

    def first(images: data.Images, count: int) -> data.Images:
        return data.Images(images=images.images[:count], labels=images.labels[:count])

    return replace(whole, train=first(whole.train, TRAIN_IMAGES), validation=first(whole.validation, VALIDATION_IMAGES))
