"""Installs the data sets from the first source that works: `python -m stepsweep.trainer.fetch`."""

import argparse
import contextlib
import gzip
import http.client
import io
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import zlib
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TypeAlias

from stepsweep.contract import keys
from stepsweep.contract.errors import SweepError
from stepsweep.trainer.data import DATASETS, DEFAULT_DATA_DIR, fault_of

DEBIAN_PACKAGE = "dataset-fashion-mnist"
DEBIAN_FOLDER = Path("usr/share/datasets/fashion-mnist")
TIMEOUT_SECONDS = 10
"""For a connection and for each read. Without a network, failure is immediate; with a dead one it takes up to a minute.
"""


Source: TypeAlias = Callable[[str, Path], tuple[Path, str]]
"""Takes a data set's name and an empty folder. Returns a folder with the unchecked files, and their origin. Raises
FetchError."""


class FetchError(SweepError):
    """A source, or every source, failed to provide a data set; the message is the reason in one line."""


def prepare(name: str, data_dir: Path, sources: Sequence[Source] | None = None) -> str:
    """Puts a data set into `data_dir`/`name`, and returns its origin.

    A file gets its final name only once it is complete and its checksum is right. So preparing may be interrupted, or
    run twice at the same time.

    Args:
        sources: sources to try in order; by default all that have this data set.

    Raises:
        FetchError: every source failed; has the reason of each.
    """
    folder = data_dir / name
    if fault_of(name, folder) is None:
        return "there already"
    if sources is None:
        debian = name == "fashion-mnist"
        sources = [_from_installed_package, _from_torchvision, _from_debian] if debian else [_from_torchvision]
    reasons = []
    data_dir.mkdir(parents=True, exist_ok=True)
    for source in sources:
        # In the same file system, since only there a move is atomic.
        with tempfile.TemporaryDirectory(prefix=f".{name}-", dir=data_dir) as scratch:
            try:
                found, where = source(name, Path(scratch).resolve())
            except FetchError as error:
                reasons.append(str(error))
                continue
            if fault := fault_of(name, found):
                reasons.append(f"{where}: {fault}")
                continue
            folder.mkdir(exist_ok=True)
            for file in DATASETS[name].sha256:
                (found / file).replace(folder / file)
            return where
    raise FetchError("; ".join(reasons))


def _from_installed_package(name: str, scratch: Path) -> tuple[Path, str]:
    folder = "/" / DEBIAN_FOLDER
    if not folder.is_dir():
        raise FetchError(f"no {folder} on this machine")
    _unzip(name, folder, scratch)
    return scratch, str(folder)


def _from_torchvision(name: str, scratch: Path) -> tuple[Path, str]:
    """Downloads from torchvision's mirrors; torchvision checks the zipped files against its own MD5s."""
    if find_spec("torchvision") is None:
        raise FetchError("torchvision is missing: pip install 'stepsweep[tutorial]'")
    from torchvision.datasets import MNIST, FashionMNIST

    dataset = {"mnist": MNIST, "fashion-mnist": FashionMNIST}[name]
    # torchvision sets no timeout, and prints a progress bar.
    socket.setdefaulttimeout(TIMEOUT_SECONDS)
    quiet = contextlib.nullcontext() if sys.stderr.isatty() else contextlib.redirect_stderr(io.StringIO())
    try:
        with quiet:
            dataset(scratch, download=True)
    except (OSError, RuntimeError, http.client.HTTPException, EOFError, zlib.error) as error:
        tried = re.findall(
            r"Tried (?:\w+://)?([^/\s]+)\S*, got:\n(?:<urlopen error )?(?:\[Errno -?\d+\] )?(.*?)>?\n", str(error)
        )
        raise FetchError(", ".join(f"{host}: {what}" for host, what in tried) or _in_one_line(error)) from None
    return scratch / dataset.__name__ / "raw", "torchvision's mirrors"


def _from_debian(name: str, scratch: Path) -> tuple[Path, str]:
    """Extracts the files from Debian's package, without root and without installing it."""
    if not (shutil.which("apt-get") and shutil.which("dpkg-deb")):
        raise FetchError(f"no apt-get here, to take Debian's package {DEBIAN_PACKAGE}")
    apt = [
        "apt-get",
        "--quiet=2",
        f"-oAcquire::http::Timeout={TIMEOUT_SECONDS}",
        f"-oAcquire::https::Timeout={TIMEOUT_SECONDS}",
        "-oAcquire::Retries=1",
        "-oAPT::Sandbox::User=",  # as root, apt would switch to a user who may not write to our folder, and warn
    ]
    try:
        _run([*apt, "download", DEBIAN_PACKAGE], scratch)
    except FetchError:  # usually because nobody has run `apt-get update`; without root that works in our own folder
        for folder in ("state/lists/partial", "cache/archives/partial"):
            (scratch / folder).mkdir(parents=True)
        apt += [f"-oDir::State={scratch}/state", f"-oDir::Cache={scratch}/cache"]
        apt += ["-oDir::State::status=/var/lib/dpkg/status"]
        _run([*apt, "update"], scratch)
        _run([*apt, "download", DEBIAN_PACKAGE], scratch)
    [package] = scratch.glob("*.deb")
    _run(["dpkg-deb", "--extract", str(package), str(scratch / "package")], scratch)
    _unzip(name, scratch / "package" / DEBIAN_FOLDER, scratch)
    return scratch, f"Debian's package {package.stem}"


def _run(command: list[str], folder: Path) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, encoding="utf-8", errors="replace", check=False)
    if done.returncode:
        said = _in_one_line(done.stderr.strip() or f"it ended with code {done.returncode}")
        raise FetchError(f"`{command[0]} {command[-1]}`: {said}")


def _unzip(name: str, folder: Path, target: Path) -> None:
    for file in DATASETS[name].sha256:
        try:
            with gzip.open(folder / f"{file}.gz") as zipped, (target / file).open("wb") as plain:
                shutil.copyfileobj(zipped, plain)
        except (OSError, EOFError, zlib.error) as error:
            raise FetchError(f"{folder / file}.gz: {_in_one_line(error)}") from None


def _in_one_line(text: object, limit: int = 300) -> str:
    return " ".join(str(text).split())[:limit] or type(text).__name__


def first_of(names: Sequence[str], data_dir: Path, sources: Sequence[Source] | None = None) -> tuple[str, str]:
    """Returns the first available data set, and why it is not the first of `names` ("" if it is).

    Installed data sets come before ones to download, so a repeated call returns the same, with or without a network.

    Raises:
        FetchError: none is available.
    """
    there = [name for name in names if fault_of(name, data_dir / name) is None]
    reasons = []
    for name in there or names:
        try:
            prepare(name, data_dir, sources)
        except FetchError as error:
            reasons.append(f"{name} cannot be fetched ({error})")
            continue
        if not reasons and name != names[0]:
            how = f"to fetch it: python -m stepsweep.trainer.fetch --dataset {names[0]} --data-dir {data_dir}"
            reasons.append(f"{names[0]} is not in {data_dir} ({how})")
        return name, ", ".join(reasons)
    raise FetchError("; ".join(reasons))


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m stepsweep.trainer.fetch",
        description="Put data sets in place: from disk, by torchvision, or fashion-mnist from Debian's package.",
        allow_abbrev=False,
    )
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--dataset", action="append", choices=list(DATASETS), help="prepare this one; may be repeated")
    what.add_argument(
        "--first-of",
        metavar="NAME,NAME",
        help="prepare the first that can be had and print its name; stderr says why it is not the first named",
    )
    parser.add_argument("--data-dir", type=Path, help="default $STEPSWEEP_DATA_DIR, else .stepsweep/data")
    options = parser.parse_args(arguments)
    data_dir: Path = options.data_dir or Path(os.environ.get(keys.DATA_DIR) or DEFAULT_DATA_DIR)

    if options.first_of:
        names = options.first_of.split(",")
        if unknown := [name for name in names if name not in DATASETS]:
            parser.error(f"argument --first-of: {unknown[0]!r} is none of {', '.join(DATASETS)}")
        try:
            name, reason = first_of(names, data_dir)
        except FetchError as error:
            print(f"no data set: {error}", file=sys.stderr)
            return 1
        if reason:
            print(f"taking {name} instead of {names[0]}: {reason}", file=sys.stderr)
        print(name)
        return 0

    missing = 0
    for name in options.dataset:
        try:
            print(f"{name}: ready in {data_dir / name} ({prepare(name, data_dir)})", flush=True)
        except FetchError as error:
            missing += 1
            print(f"{name}: not fetched: {error}", file=sys.stderr)
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
