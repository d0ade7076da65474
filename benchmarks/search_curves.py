"""Records the learning curves of a grid once, so that `python -m benchmarks.search` can replay any search on them.

    python -m benchmarks.search_curves

Trains every cell of lr x momentum with every seed to the last epoch, with the trainer's own functions and without early
stopping, in one process with one thread. Appends each finished curve to one CSV, and continues there when run again.
Few images train and many validate, so that the accuracy has a small standard error at a low cost per epoch.
"""

import argparse
import csv
import dataclasses
import itertools
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import torch

from stepsweep.contract.space import as_option
from stepsweep.trainer import data, train
from stepsweep.trainer.options import Options

LRS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3)
MOMENTA = (0.0, 0.5, 0.8, 0.9)
SEEDS = (0, 1, 2)
EPOCHS = 27
DATASET = "fashion-mnist"
FOLDER = Path(__file__).parent / "curves"
COLUMNS = ("lr", "momentum", "seed", "epoch", "train_loss", "val_loss", "val_accuracy")


def main(arguments: Sequence[str]) -> None:
    """Records missing curves, all cells of one seed after the other."""
    parser = argparse.ArgumentParser(
        description=__doc__, allow_abbrev=False, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--train-images", type=int, default=384)
    parser.add_argument("--validation-images", type=int, default=1200)
    parser.add_argument("--data-dir", type=Path, default=Path(data.DEFAULT_DATA_DIR))
    parser.add_argument("--folder", type=Path, default=FOLDER)
    asked = parser.parse_args(arguments)

    data.check(DATASET, asked.data_dir)
    device = torch.device("cpu")
    train.use_device(device, threads=1)
    images = _images(asked.data_dir, asked.train_images, asked.validation_images, device)
    asked.folder.mkdir(parents=True, exist_ok=True)
    file = asked.folder / f"{DATASET}-{asked.train_images}.csv"
    about = _about(images, device)
    described = file.with_suffix(".json")
    if described.exists() and json.loads(described.read_text()) != about:
        raise SystemExit(f"{file} was recorded otherwise, see {described}; name another --folder")
    described.write_text(json.dumps(about, indent=1) + "\n")

    there = _recorded(file)
    for seed, lr, momentum in itertools.product(SEEDS, LRS, MOMENTA):
        if (as_option(lr), as_option(momentum), str(seed)) in there:
            continue
        rows = _curve(lr, momentum, seed, asked, images, device)
        with file.open("a", newline="") as stream:
            writer = csv.writer(stream, lineterminator="\n")
            if not stream.tell():
                writer.writerow(COLUMNS)
            writer.writerows(_as_texts(lr, momentum, seed, row) for row in rows)
        print(f"seed {seed}  lr {lr:g}  momentum {momentum:g}  {len(rows)} epochs: {rows[-1]}", flush=True)


def _images(folder: Path, train_images: int, validation_images: int, device: torch.device) -> data.Data:
    """Returns the first `train_images` of the split's training images, and the first of its validation images."""
    in_proportion = validation_images * data.TRAIN_IMAGES // data.VALIDATION_IMAGES
    loaded = data.load(DATASET, folder, train_images=max(train_images, in_proportion), device=device)

    def first(images: data.Images, count: int) -> data.Images:
        return data.Images(images=images.images[:count], labels=images.labels[:count])

    return dataclasses.replace(
        loaded, train=first(loaded.train, train_images), validation=first(loaded.validation, validation_images)
    )


def _curve(
    lr: float, momentum: float, seed: int, asked: argparse.Namespace, images: data.Data, device: torch.device
) -> tuple[train.Row, ...]:
    options = Options(
        lr=lr,
        momentum=momentum,
        weight_decay=0.0,
        epochs=EPOCHS,
        batch_size=64,
        patience=0,
        seed=seed,
        dataset=DATASET,
        train_images=asked.train_images,
        folds=0,
        fold=0,
        device="cpu",
        precision="fp32",
        threads=1,
        data_dir=asked.data_dir,
        upload_s3=None,
        output=None,
        checkpoint=None,
    )
    *_, last = train.epochs(options, images, device=device, start=None, interrupted=lambda: False)
    return last.rows


def _as_texts(lr: float, momentum: float, seed: int, row: train.Row) -> list[str]:
    numbers = (row.train_loss, row.val_loss, row.val_accuracy)
    return [as_option(lr), as_option(momentum), str(seed), str(row.epoch), *(f"{number:.6g}" for number in numbers)]


def _about(images: data.Data, device: torch.device) -> dict[str, object]:
    return {
        "dataset": DATASET,
        "train_images": len(images.train),
        "validation_images": len(images.validation),
        "epochs": EPOCHS,
        "batch_size": 64,
        "seeds": list(SEEDS),
        "lr": list(LRS),
        "momentum": list(MOMENTA),
        "torch": str(torch.__version__),
        "device": train.describe(device),
        "threads": 1,
        "cores": os.cpu_count(),
    }


def _recorded(file: Path) -> set[tuple[str, str, str]]:
    """Returns the curves in the file, which are all complete."""
    if not file.exists():
        return set()
    with file.open(newline="") as stream:
        return {(row["lr"], row["momentum"], row["seed"]) for row in csv.DictReader(stream)}


if __name__ == "__main__":
    main(sys.argv[1:])
