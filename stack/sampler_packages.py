"""The packages of the function that asks the model, as a Lambda layer.

`python -m stepsweep.stack.sampler_packages` builds its ZIP. Synth does not build it;
docs/decisions/008-packages-in-a-layer.md says why.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from stepsweep.stack.packages import PACKAGE
from stepsweep.stack_config import UMASK

LOCK = PACKAGE / "statemachine" / "sampler.lock"
FOLDER = "STEPSWEEP_LAYERS"
"""Environment variable: the folder for built layers; by default `.stepsweep/layers` in the working directory."""

PYTHON = "3.14"
PLATFORMS = ("manylinux_2_28_aarch64", "manylinux_2_17_aarch64", "manylinux2014_aarch64")
"""Platforms of wheels that run on Lambda's ARM machines: Amazon Linux 2023 has glibc 2.34."""

COMMAND = ("python", "-m", "stepsweep.stack.sampler_packages")
"""Names Python as cdk.json does."""

MAX_BYTES = 250 * 2**20
"""Lambda's limit for a function and its layers, unzipped:
https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"""


def made_of() -> str:
    """Returns a digest of everything that decides the layer's content."""
    return hashlib.sha256(LOCK.read_bytes() + repr((PYTHON, PLATFORMS)).encode()).hexdigest()


def built(folder: Path) -> Path:
    """Returns the layer's ZIP in `folder`; builds it if it is missing.

    Raises:
        ValueError: the layer exceeds Lambda's limit.
        subprocess.CalledProcessError: pip failed, and printed why.
    """
    target = folder / f"{made_of()}.zip"
    if target.exists():
        return target
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        packages = Path(scratch, "layer", "python")  # Lambda's Python imports from there
        print(f"Fetching the packages of {LOCK.name} …", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "pip", *_arguments(packages)], check=True, stdout=sys.stderr)
        if (size := size_of(packages)) > MAX_BYTES:
            raise ValueError(f"the layer has {size} bytes, more than the {MAX_BYTES} that Lambda takes")
        unfinished = shutil.make_archive(str(Path(scratch, "layer")), "zip", packages.parent)
        Path(unfinished).rename(target)
    return target


def size_of(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def _arguments(target: Path) -> Sequence[str]:
    # --no-deps: the lock file lists all packages for Lambda's Python; pip would resolve for the Python that runs it.
    return [
        *("install", "--quiet", "--disable-pip-version-check", "--no-compile", "--require-hashes"),
        *("--no-deps", "--ignore-requires-python"),
        *("--only-binary=:all:", "--implementation", "cp", "--python-version", PYTHON),
        *(word for platform in PLATFORMS for word in ("--platform", platform)),
        *("--target", str(target), "--requirement", str(LOCK)),
    ]


if __name__ == "__main__":
    os.umask(UMASK)
    print(built(Path(os.environ.get(FOLDER) or Path(".stepsweep", "layers")).resolve()))
