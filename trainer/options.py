"""Parses the trainer's options: checks each by its rule, and reports all faults of a command line at once."""

import argparse
import difflib
import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, NoReturn

from stepsweep.contract.errors import InvalidInput
from stepsweep.contract.limits import MAX_EPOCHS, MAX_FOLDS
from stepsweep.contract.space import shown
from stepsweep.trainer.data import DATASETS, TRAIN_IMAGES
from stepsweep.trainer.device import FP32, PRECISIONS

EPILOG = """\
Exit codes: 0 finished, also when the trial diverged (its metrics say so) · 1 crashed · 2 wrong options, or the data set
is missing · 75 ended by SIGTERM or Ctrl-C; the same command continues from the checkpoint, if it has one.

In a sweep's job (STEPSWEEP_METRICS_URI and STEPSWEEP_CHECKPOINT_URI are set) results and checkpoints go to S3. In a job
that you submit yourself, --uploadS3 true writes metrics_lr0.0100_m0.5000.csv to the bucket in STEPSWEEP_BUCKET.
STEPSWEEP_DATA_DIR is the default of --data-dir, OMP_NUM_THREADS that of --threads; where NVIDIA_VISIBLE_DEVICES says
that a GPU was given, --device is cuda.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The options of a trial, validated.

    Attributes:
        epochs: the most epochs it trains.
        patience: number of epochs without a lower val_loss after which it stops; 0 never stops.
        train_images: number of training images, up to 48,000; validation and test images are reduced in proportion.
        folds: number of parts for cross-validation; 0 keeps the tutorial's split.
        fold: the part for validation, counted from 0.
        upload_s3: None unless given.
        output: file for the metrics; None unless given.
        checkpoint: file for the checkpoint; None unless given.
    """

    lr: float
    momentum: float
    weight_decay: float
    epochs: int
    batch_size: int
    patience: int
    seed: int
    dataset: str
    train_images: int
    folds: int
    fold: int
    device: str
    precision: str
    threads: int
    data_dir: Path
    upload_s3: bool | None
    output: Path | None
    checkpoint: Path | None


def parse(arguments: Sequence[str], *, default_data_dir: str, default_threads: str, default_device: str) -> Options:
    """Parses a command line. `--help` prints the help and exits, as in argparse.

    Args:
        default_data_dir, default_threads, default_device: values for options that are missing, as texts.

    Raises:
        InvalidInput: options break rules; lists every fault.
    """
    parser = _parser(default_data_dir, default_threads, default_device)
    given, unknown = parser.parse_known_args(arguments)
    reader = _Reader(vars(given))
    reader.faults += _unknown(unknown)
    options = Options(
        lr=reader.number("lr", "a finite number > 0", lambda value: value > 0),
        momentum=reader.number("momentum", "a number, 0 <= momentum < 1", lambda value: 0 <= value < 1),
        weight_decay=reader.number("weight_decay", "a finite number >= 0", lambda value: value >= 0),
        epochs=reader.integer("epochs", low=1, high=MAX_EPOCHS),
        batch_size=reader.integer("batch_size", low=1, high=TRAIN_IMAGES),
        patience=reader.integer("patience", low=0, high=MAX_EPOCHS),
        seed=reader.integer("seed", low=0, high=2**32 - 1),
        dataset=reader.choice("dataset", DATASETS),
        train_images=reader.integer("train_images", low=8, high=TRAIN_IMAGES),
        folds=(folds := reader.integer("folds", low=0, high=MAX_FOLDS)),
        fold=reader.integer("fold", low=0, high=max(0, folds - 1)),
        device=reader.choice("device", ("auto", "cpu", "cuda")),
        precision=reader.choice("precision", PRECISIONS),
        threads=reader.integer("threads", low=1, high=1024),
        data_dir=Path(given.data_dir),
        upload_s3=reader.boolean("uploadS3"),
        output=reader.file("output"),
        checkpoint=reader.file("checkpoint"),
    )
    if options.folds == 1 or options.folds > options.train_images:
        reader.faults.append(
            f"--folds: must be 0, for none, or 2 to {MAX_FOLDS} and at most --train-images, got {options.folds}"
        )
    if reader.faults:
        raise InvalidInput(reader.faults)
    return options


class _Parser(argparse.ArgumentParser):
    """An argparse parser that raises faults instead of printing them, and accepts `_` and `-` in names."""

    def option(self, *names: str, default: str | None, metavar: str, text: str) -> None:
        # A sweep passes a parameter's name unchanged, so `batch_size` becomes --batch_size.
        spellings = dict.fromkeys(word for name in names for word in (name, name[:2] + name[2:].replace("-", "_")))
        shown_default = "" if default is None else f" (default {default})"
        self.add_argument(*spellings, default=default, metavar=metavar, help=f"{text}{shown_default}")

    def error(self, message: str) -> NoReturn:
        raise InvalidInput([message.removeprefix("argument ")])


def _parser(default_data_dir: str, default_threads: str, default_device: str) -> argparse.ArgumentParser:
    parser = _Parser(
        prog="python -m stepsweep.trainer",
        description="Train the MNIST tutorial's network once, and write one row per epoch to a CSV.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )

    add = parser.option
    add("-l", "--lr", default="0.01", metavar="X", text="learning rate, > 0")
    add("-m", "--momentum", default="0.5", metavar="X", text="momentum of SGD, 0 <= X < 1")
    add("--weight-decay", default="0", metavar="X", text="L2 penalty, >= 0")
    add("-e", "--epochs", default="10", metavar="N", text="the most epochs to train")
    add("--batch-size", default="64", metavar="N", text="images a step")
    add("--patience", default="5", metavar="N", text="stop after N epochs without a lower val_loss; 0: never")
    add("--seed", default="0", metavar="N", text="decides initial weights, order and dropout; the split is fixed")
    add("--dataset", default="mnist", metavar="|".join(DATASETS), text="what to train on")
    add(
        "--train-images",
        default=str(TRAIN_IMAGES),
        metavar="N",
        text="a subset: always the same N, with validation and test images in proportion",
    )
    add("--folds", default="0", metavar="N", text="split the images into N parts for cross-validation; 0: no folds")
    add("--fold", default="0", metavar="K", text="with --folds: validate on part K, from 0, and train on the others")
    add(
        "--data-dir",
        default=default_data_dir,
        metavar="DIR",
        text="where `python -m stepsweep.trainer.fetch` put data",
    )
    add("--device", default=default_device, metavar="auto|cpu|cuda", text="auto uses the GPU if there is one")
    add(
        "--precision",
        default=FP32,
        metavar="|".join(PRECISIONS),
        text="of the layers; bf16 if the machine supports it",
    )
    add("--threads", default=default_threads, metavar="N", text="CPU threads; another number gives other last digits")
    add(
        "--output", default=None, metavar="FILE", text="the CSV; by default its name is made of lr, momentum and epochs"
    )
    add("--checkpoint", default=None, metavar="FILE", text="save the state to this file, and continue from it")
    add("-u", "--uploadS3", default=None, metavar="true|false", text="write to S3; by default only in a sweep's job")
    return parser


def _unknown(words: Sequence[str]) -> Iterator[str]:
    known = [f"--{field.name.replace('_', '-')}" for field in fields(Options)]
    after_option = False
    for word in words:
        if word.startswith("-"):
            name = word.split("=")[0]
            near = difflib.get_close_matches(name, known, n=1)
            remedy = f"did you mean {near[0]}?" if near else "--help lists the options"
            yield f"{shown(name)[1:-1]}: no such option; {remedy}"
        elif not after_option:  # otherwise it is the value of the preceding option
            yield f"{shown(word)}: an option's name must stand before it; --help lists the options"
        after_option = word.startswith("-") and "=" not in word


class _Reader:
    """Reads the options of a command line and collects their faults. An option with a fault gets a stand-in value."""

    def __init__(self, given: dict[str, Any]) -> None:
        self.given = given
        self.faults: list[str] = []

    def _fault(self, name: str, rule: str) -> None:
        self.faults.append(f"--{name.replace('_', '-')}: must be {rule}, got {shown(self.given[name])}")

    def number(self, name: str, rule: str, holds: Callable[[float], bool]) -> float:
        text = self.given[name]
        try:
            # float() also accepts `1_000` and non-ASCII digits.
            value = float(text) if text.isascii() and "_" not in text else math.nan
        except ValueError:
            value = math.nan
        if not (math.isfinite(value) and holds(value)):
            self._fault(name, rule)
        return value

    def integer(self, name: str, *, low: int, high: int) -> int:
        text = self.given[name]
        if re.fullmatch("[0-9]{1,12}", text) and low <= int(text) <= high:
            return int(text)
        self._fault(name, f"a whole number from {low} to {high}")
        return low

    def choice(self, name: str, choices: Sequence[str] | dict[str, Any]) -> str:
        text: str = self.given[name]
        if text not in choices:
            self._fault(name, " or ".join(choices))
        return text

    def boolean(self, name: str) -> bool | None:
        text = self.given[name]
        if text is None or text.lower() in ("true", "false"):
            return None if text is None else text.lower() == "true"
        self._fault(name, "true or false")
        return None

    def file(self, name: str) -> Path | None:
        if self.given[name] is None:
            return None
        path = Path(self.given[name])
        if not path.name or path.is_dir() or not path.parent.is_dir():
            self._fault(name, "a file in a folder that is there")
        return path
