"""The packages of the function that asks a model, as a Lambda layer.

`python -m stepsweep.stack.sampler_packages` builds its ZIP.

No synth does, which would then have to fetch them: the cloud assembly holds this command, and the CDK CLI runs it when
it deploys a layer that is not in the account yet. The template names the layer by what it is made of, so it is the same
bytes whether or not the layer was ever built. It needs no Docker, since all packages come as wheels.
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

LOCK = PACKAGE / "statemachine" / "sampler.lock"
FOLDER = "STEPSWEEP_LAYERS"
"""Environment variable: where built layers are kept; by default `.stepsweep/layers` in the working directory."""

PYTHON = "3.14"
PLATFORMS = ("manylinux_2_28_aarch64", "manylinux_2_17_aarch64", "manylinux2014_aarch64")
"""Wheels that run on Lambda's ARM machines: Amazon Linux 2023 has glibc 2.34."""

COMMAND = ("python", "-m", "stepsweep.stack.sampler_packages")
"""By the name that cdk.json has for Python."""

MAX_BYTES = 250 * 2**20
"""Of a function and its layers, unzipped: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"""


def made_of() -> str:
    """Returns a digest of all that decides what is in the layer."""
    return hashlib.sha256(LOCK.read_bytes() + repr((PYTHON, PLATFORMS)).encode()).hexdigest()


def built(folder: Path) -> Path:
    """Returns the layer's ZIP, which is built where it is not in `folder`.

    Raises:
        ValueError: Lambda would not take it.
        subprocess.CalledProcessError: pip failed; it has said why.
    """
    target = folder / f"{made_of()}.zip"
    if target.exists():
        return target
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        packages = Path(scratch, "layer", "python")  # where Lambda's Python looks
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
    # The lock file has all packages, and was made for this Python; pip would ask what the one needs that runs it.
    return [
        *("install", "--quiet", "--disable-pip-version-check", "--no-compile", "--require-hashes"),
        *("--no-deps", "--ignore-requires-python"),
        *("--only-binary=:all:", "--implementation", "cp", "--python-version", PYTHON),
        *(word for platform in PLATFORMS for word in ("--platform", platform)),
        *("--target", str(target), "--requirement", str(LOCK)),
    ]


if __name__ == "__main__":
    print(built(Path(os.environ.get(FOLDER) or Path(".stepsweep", "layers")).resolve()))
