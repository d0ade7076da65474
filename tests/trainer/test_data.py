"""The data sets: whole or not there, and split as in the tutorial."""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from stepsweep.trainer import data, fetch
from tests.support.embedded import REPOSITORY

NAME = "fashion-mnist"


def copy_of(folder: Path, *, but: dict[str, bytes] | None = None) -> fetch.Source:
    """A source that has the files of `folder`, some with other bytes."""

    def source(name: str, scratch: Path) -> tuple[Path, str]:
        for file in data.DATASETS[name].sha256:
            shutil.copy(folder / file, scratch / file)
        for file, content in (but or {}).items():
            (scratch / file).write_bytes(content)
        return scratch, "a copy"

    return source


def without(reason: str) -> fetch.Source:
    def source(name: str, scratch: Path) -> tuple[Path, str]:
        (scratch / data.TRAIN_X).write_bytes(b"half of it")
        raise fetch.FetchError(reason)

    return source


def test_a_prepared_data_set_is_whole(data_dir: Path) -> None:
    data.check(NAME, data_dir)
    for file, size in {data.TRAIN_X: 47040016, data.TRAIN_Y: 60008, data.TEST_X: 7840016, data.TEST_Y: 10008}.items():
        assert (data_dir / NAME / file).stat().st_size == size
    # The MD5s that Fashion-MNIST's own repository gives are of the zipped files; these are known of the unzipped ones.
    images = (data_dir / NAME / data.TRAIN_X).read_bytes()
    assert hashlib.md5(images, usedforsecurity=False).hexdigest() == "f4a8712d7a061bf5bd6d2ca38dc4d50a"


def test_an_interrupted_preparation_leaves_no_data_set(tmp_path: Path) -> None:
    with pytest.raises(fetch.FetchError, match="the line was cut"):
        fetch.prepare(NAME, tmp_path, [without("the line was cut")])
    with pytest.raises(data.DataSetError, match="there is no train-images"):
        data.check(NAME, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_half_a_file_is_named_and_mended(data_dir: Path, tmp_path: Path) -> None:
    fetch.prepare(NAME, tmp_path, [copy_of(data_dir / NAME)])
    damaged = tmp_path / NAME / data.TRAIN_X
    os.truncate(damaged, damaged.stat().st_size // 2)
    with pytest.raises(data.DataSetError, match="train-images-idx3-ubyte is damaged: it has 23,520,008 bytes, not 47"):
        data.check(NAME, tmp_path, by_length=True)
    with pytest.raises(data.DataSetError) as caught:
        data.check(NAME, tmp_path)
    assert str(caught.value) == (
        f"--dataset: {NAME} is not ready in {tmp_path}/{NAME}: train-images-idx3-ubyte is damaged: it has 23,520,008 "
        f"bytes, not 47,040,016; run `python -m stepsweep.trainer.fetch --dataset {NAME} --data-dir {tmp_path}`"
    )
    damaged.unlink()
    damaged.mkdir()
    assert data.fault_of(NAME, tmp_path / NAME) == "train-images-idx3-ubyte cannot be read: Is a directory"
    damaged.rmdir()
    assert fetch.prepare(NAME, tmp_path, [copy_of(data_dir / NAME)]) == "a copy"
    data.check(NAME, tmp_path)
    assert fetch.prepare(NAME, tmp_path, []) == "there already"


def test_a_job_does_not_read_a_data_set_twice(data_dir: Path, tmp_path: Path) -> None:
    """What has the right length and other bytes is for the check before a sweep, which reads every byte."""
    fetch.prepare(NAME, tmp_path, [copy_of(data_dir / NAME)])
    with (tmp_path / NAME / data.TEST_Y).open("r+b") as labels:
        labels.write(b"other")
    data.check(NAME, tmp_path, by_length=True)
    with pytest.raises(data.DataSetError, match="t10k-labels-idx1-ubyte is damaged: its SHA-256 is another"):
        data.check(NAME, tmp_path)


def test_a_wrong_checksum_is_refused_and_the_next_source_asked(data_dir: Path, tmp_path: Path) -> None:
    wrong = copy_of(data_dir / NAME, but={data.TEST_Y: b"\0" * 10008})
    with pytest.raises(fetch.FetchError, match=r"^a copy: t10k-labels-idx1-ubyte is damaged"):
        fetch.prepare(NAME, tmp_path, [wrong])
    assert not (tmp_path / NAME).exists()
    fetch.prepare(NAME, tmp_path, [wrong, copy_of(data_dir / NAME)])
    data.check(NAME, tmp_path)


def test_another_data_set_is_not_taken_for_mnist(data_dir: Path, tmp_path: Path) -> None:
    with pytest.raises(fetch.FetchError, match="train-images-idx3-ubyte is damaged"):
        fetch.prepare("mnist", tmp_path, [copy_of(data_dir / NAME)])


def test_first_of_says_why_it_is_not_the_first(data_dir: Path, tmp_path: Path) -> None:
    def only_fashion(name: str, scratch: Path) -> tuple[Path, str]:
        if name == "mnist":
            raise fetch.FetchError("mirror.example: HTTP Error 403: Forbidden")
        return copy_of(data_dir / NAME)(name, scratch)

    name, reason = fetch.first_of(["mnist", NAME], tmp_path, [only_fashion])
    assert (name, reason) == (NAME, "mnist cannot be fetched (mirror.example: HTTP Error 403: Forbidden)")
    assert fetch.first_of([NAME, "mnist"], tmp_path, []) == (NAME, "")
    with pytest.raises(fetch.FetchError) as caught:
        fetch.first_of(["mnist", NAME], tmp_path / "empty", [without("no network"), without("no disk")])
    assert str(caught.value) == (
        "mnist cannot be fetched (no network; no disk); fashion-mnist cannot be fetched (no network; no disk)"
    )


def test_first_of_on_the_command_line(data_dir: Path, tmp_path: Path) -> None:
    """stdout is for a Makefile: the name alone; stderr for a person: one line."""
    (tmp_path / NAME).symlink_to(data_dir / NAME)
    command = [
        sys.executable,
        "-m",
        "stepsweep.trainer.fetch",
        "--first-of",
        f"mnist,{NAME}",
        "--data-dir",
        str(tmp_path),
    ]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert done.stdout == f"{NAME}\n"
    [line] = done.stderr.splitlines()
    assert line == (
        f"taking {NAME} instead of mnist: mnist is not in {tmp_path} (to fetch it: python -m stepsweep.trainer.fetch "
        f"--dataset mnist --data-dir {tmp_path})"
    )


def test_the_split_is_the_tutorials(data_dir: Path) -> None:
    loaded = data.load(NAME, data_dir, train_images=data.TRAIN_IMAGES, device=torch.device("cpu"))
    assert (len(loaded.train), len(loaded.validation), len(loaded.test)) == (48_000, 12_000, 10_000)
    everything = torch.utils.data.TensorDataset(torch.arange(60_000))
    generator = torch.Generator().manual_seed(1008)
    train, validation = torch.utils.data.random_split(everything, [48_000, 12_000], generator=generator)
    pixels = (data_dir / NAME / data.TRAIN_X).read_bytes()[16:]
    labels = (data_dir / NAME / data.TRAIN_Y).read_bytes()[8:]
    for mine, theirs in ((loaded.train, train), (loaded.validation, validation)):
        assert mine.labels.tolist() == [labels[index] for index in theirs.indices]
        for place in (0, 5_000, -1):
            first = theirs.indices[place] * 784
            expected = (torch.tensor(list(pixels[first : first + 784])) / 255 - 0.2860) / 0.3530
            torch.testing.assert_close(mine.images[place].flatten(), expected)


def test_pixels_are_normalised(data_dir: Path) -> None:
    loaded = data.load(NAME, data_dir, train_images=data.TRAIN_IMAGES, device=torch.device("cpu"))
    assert loaded.train.images.mean().item() == pytest.approx(0, abs=0.01)
    assert loaded.train.images.std().item() == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize("train_images", [8, 4_800])
def test_a_subset_is_the_beginning_of_the_whole(data_dir: Path, train_images: int) -> None:
    small = data.load(NAME, data_dir, train_images=train_images, device=torch.device("cpu"))
    larger = data.load(NAME, data_dir, train_images=9_600, device=torch.device("cpu"))
    pairs = [(small.train, larger.train), (small.validation, larger.validation), (small.test, larger.test)]
    assert [len(mine) for mine, _ in pairs] == [train_images, train_images // 4, train_images * 10 // 48]
    for mine, whole in pairs:
        assert torch.equal(mine.images, whole.images[: len(mine)])
        assert torch.equal(mine.labels, whole.labels[: len(mine)])


@pytest.mark.parametrize(("train_images", "folds"), [(400, 5), (8, 3)])
def test_folds_deal_out_all_images_each_once_and_always_alike(data_dir: Path, train_images: int, folds: int) -> None:
    def labelled(fold: int | None) -> tuple[list[bytes], list[bytes]]:
        options = {} if fold is None else {"folds": folds, "fold": fold}
        loaded = data.load(NAME, data_dir, train_images=train_images, device=torch.device("cpu"), **options)
        sides = (loaded.train, loaded.validation)
        train, validation = ([image.numpy().tobytes() for image in side.images] for side in sides)
        return train, validation

    plain_train, plain_validation = labelled(None)
    everything = sorted(plain_train + plain_validation)
    parts = []
    for fold in range(folds):
        train, validation = labelled(fold)
        assert sorted(train + validation) == everything
        assert (train, validation) == labelled(fold)
        assert len(validation) in (len(everything) // folds, len(everything) // folds + 1)
        parts += validation
    assert parts == plain_train + plain_validation


def test_all_images_and_labels_are_in_the_devices_memory(data_dir: Path) -> None:
    loaded = data.load(NAME, data_dir, train_images=8, device=torch.device("meta"))
    for part in (loaded.train, loaded.validation, loaded.test):
        assert (part.images.device.type, part.labels.device.type) == ("meta", "meta")
        assert (part.images.dtype, part.labels.dtype) == (torch.float32, torch.int64)
