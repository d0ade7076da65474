"""The data sets: their files and checksums, and their images as tensors.

`python -m stepsweep.trainer.fetch --dataset fashion-mnist` installs one. A trial only reads: it never downloads, and
never replaces one data set by another.
"""

import hashlib
import mmap
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from stepsweep.contract.errors import SweepError

if TYPE_CHECKING:
    import torch

DEFAULT_DATA_DIR = ".stepsweep/data"

SPLIT_SEED = 1008
"""The tutorial's seed. The split is part of the data: no option and no other seed changes it."""
TRAIN_IMAGES = 48_000
VALIDATION_IMAGES = 12_000
TEST_IMAGES = 10_000

TRAIN_X, TRAIN_Y = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"
TEST_X, TEST_Y = "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"
LENGTHS = {TRAIN_X: 47_040_016, TRAIN_Y: 60_008, TEST_X: 7_840_016, TEST_Y: 10_008}
"""Lengths in bytes: a header, and one byte per pixel or label."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """60,000 training and 10,000 test images of 28 x 28 grey pixels in ten classes, as four IDX files.

    Attributes:
        mean: mean of the training pixels on a scale of 0 to 1, for normalisation.
        std: their standard deviation.
        sha256: file → digest of its unzipped bytes. It covers the header, so the reader need not check that.
    """

    mean: float
    std: float
    sha256: dict[str, str]


DATASETS = {
    "mnist": Dataset(
        mean=0.1307,
        std=0.3081,
        sha256={
            TRAIN_X: "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
            TRAIN_Y: "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
            TEST_X: "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
            TEST_Y: "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
        },
    ),
    "fashion-mnist": Dataset(
        mean=0.2860,
        std=0.3530,
        sha256={
            TRAIN_X: "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
            TRAIN_Y: "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
            TEST_X: "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
            TEST_Y: "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
        },
    ),
}


class DataSetError(SweepError):
    """A data set is missing or damaged; the message says how to get it."""


def fault_of(name: str, folder: Path, *, by_length: bool = False) -> str | None:
    """Returns the fault of a data set's files in `folder`; None if all are complete."""
    for file, digest in DATASETS[name].sha256.items():
        try:
            with (folder / file).open("rb") as stream:
                if (length := os.fstat(stream.fileno()).st_size) != LENGTHS[file]:
                    return f"{file} is damaged: it has {length:,} bytes, not {LENGTHS[file]:,}"
                if not by_length and hashlib.file_digest(stream, "sha256").hexdigest() != digest:
                    return f"{file} is damaged: its SHA-256 is another"
        except FileNotFoundError:
            return f"there is no {file}"
        except OSError as error:
            return f"{file} cannot be read: {error.strerror}"
    return None


def check(name: str, data_dir: Path, *, by_length: bool = False) -> None:
    """Raises DataSetError unless all files of the data set are in `data_dir` and complete.

    Args:
        by_length: checks only the files' lengths. Checking every byte takes up to 0.1 s.
    """
    if fault := fault_of(name, data_dir / name, by_length=by_length):
        raise DataSetError(
            f"--dataset: {name} is not ready in {data_dir / name}: {fault}; "
            f"run `python -m stepsweep.trainer.fetch --dataset {name} --data-dir {data_dir}`"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Images:
    """`images` (N, 1, 28, 28) float32, normalised; `labels` (N,) int64."""

    images: "torch.Tensor"
    labels: "torch.Tensor"

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True, slots=True, kw_only=True)
class Data:
    """The data of one trial."""

    train: Images
    validation: Images
    test: Images


def load(
    name: str, data_dir: Path, *, train_images: int, device: "torch.device", folds: int = 0, fold: int = 0
) -> Data:
    """Returns a data set that `check` has accepted, normalised, in the device's memory.

    The split is the tutorial's `torch.utils.data.random_split(..., generator=torch.Generator().manual_seed(1008))`.
    With folds, the images of both sides are dealt into equal parts, always the same ones.

    Args:
        train_images: number of training images, the first of the split; the others are reduced in proportion.
        folds: number of parts; 0 keeps the tutorial's split.
        fold: the part for validation, counted from 0; the others are for training.
    """
    import torch

    dataset, folder = DATASETS[name], data_dir / name

    # torchvision has a reader for IDX files, but importing it costs every trial 8 s of CPU (torchvision 0.29.1).
    # Parallel trials share the mapped pages. The mapping is copy-on-write, since torch warns about read-only memory.
    def read(file: str, header_bytes: int) -> torch.Tensor:
        with (folder / file).open("rb") as stream:
            mapped = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_COPY)
        return torch.frombuffer(mapped, dtype=torch.uint8, offset=header_bytes)

    def images(file_x: str, file_y: str, chosen: torch.Tensor | slice) -> Images:
        pixels = read(file_x, 16).view(-1, 1, 28, 28)[chosen]
        scaled = pixels.float().div_(255).sub_(dataset.mean).div_(dataset.std)
        return Images(
            images=scaled.to(device, memory_format=torch.channels_last),
            labels=read(file_y, 8)[chosen].long().to(device),
        )

    split = torch.randperm(TRAIN_IMAGES + VALIDATION_IMAGES, generator=torch.Generator().manual_seed(SPLIT_SEED))
    validation_images = train_images * VALIDATION_IMAGES // TRAIN_IMAGES
    test_images = train_images * TEST_IMAGES // TRAIN_IMAGES
    train, validation = split[:train_images], split[TRAIN_IMAGES:][:validation_images]
    if folds:
        parts = list(torch.tensor_split(torch.cat([train, validation]), folds))
        validation = parts.pop(fold)
        train = torch.cat(parts)
    return Data(
        train=images(TRAIN_X, TRAIN_Y, train),
        validation=images(TRAIN_X, TRAIN_Y, validation),
        test=images(TEST_X, TEST_Y, slice(test_images)),
    )
