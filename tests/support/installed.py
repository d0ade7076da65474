"""The package in a virtual environment that holds nothing else."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

from tests.support.embedded import REPOSITORY

UV = Path(sys.executable).with_name("uv")
"""It resolves and installs as pip does, in a tenth of the time."""

TAKEN = ("client", "sweep", "local", "stack", "trainer", "contract", "bucket", "statemachine", "tests")
"""Names that a person's own modules may well have."""

TRAINER = """
    import argparse, os
    from urllib.parse import urlparse

    import boto3

    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--lr", type=float)
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--seed", type=int)
    options = parser.parse_args()
    rows = ["epoch,val_accuracy", *(f"{epoch},{options.lr * epoch}" for epoch in range(1, options.epochs + 1))]
    to = urlparse(os.environ["STEPSWEEP_METRICS_URI"])
    body = "".join(f"{row}\\n" for row in rows).encode()
    boto3.client("s3").put_object(Bucket=to.netloc, Key=to.path[1:], Body=body, IfNoneMatch="*")
    print("trained")
"""
DOCKERFILE = """
    FROM python:3.13-slim
    RUN pip install boto3
    WORKDIR /app
    COPY train.py .
    ENTRYPOINT ["python", "train.py"]
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Installed:
    """The wheel in a virtual environment of its own, and a folder to work in."""

    environment: Path
    folder: Path

    @property
    def variables(self) -> dict[str, str]:
        """Neither this machine's settings nor its credentials."""
        unpacked = os.environ["JSII_RUNTIME_PACKAGE_CACHE_ROOT"]  # CDK's library
        return {
            "PATH": "/usr/bin:/bin",
            "HOME": str(self.folder.parent),
            "AWS_EC2_METADATA_DISABLED": "true",
            "JSII_RUNTIME_PACKAGE_CACHE_ROOT": unpacked,
        }

    def __call__(self, *command: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Runs a program of the environment in the folder, with variables beside the fewest."""
        return subprocess.run(
            [str(self.environment / "bin" / command[0]), *command[1:]],
            cwd=self.folder,
            env={**self.variables, **variables},
            capture_output=True,
            text=True,
            check=False,
        )


def copied_sources(folder: Path) -> Path:
    """Copies what a wheel is built from, and returns the copy.

    A build leaves files beside the sources, and takes into the package what an earlier one left.
    """
    source = folder / "stepsweep"
    left_out = shutil.ignore_patterns(".*", "*.egg-info", "__pycache__", "node_modules", "cdk.out", "build", "dist")
    shutil.copytree(REPOSITORY, source, symlinks=True, ignore=left_out)
    return source


def environment(folder: Path, *packages: str, base: str = sys.executable) -> Path:
    """Makes a virtual environment with packages, and returns its Python.

    Args:
        base: the Python that it is made of.
    """
    subprocess.run([base, "-m", "venv", "--without-pip", folder], check=True)
    python = folder / "bin" / "python"
    install = [str(UV), "pip", "install", "--quiet", "--system-certs", "--python", str(python)]
    # With the person's own cache of packages.
    others = {name: value for name, value in os.environ.items() if name != "XDG_CACHE_HOME"}
    subprocess.run([*install, *packages], check=True, cwd=folder, env=others)
    return python


def installed(requirement: str, root: Path, *, base: str = sys.executable) -> Installed:
    environment(root / "environment", requirement, base=base)
    folder = root / "work"
    (folder / "mine").mkdir(parents=True)
    for name in TAKEN:
        (folder / f"{name}.py").write_text(f'raise SystemExit("{name}.py of this folder was imported")\n')
    (folder / "mine" / "train.py").write_text(dedent(TRAINER))
    (folder / "mine" / "Dockerfile").write_text(dedent(DOCKERFILE))
    return Installed(environment=root / "environment", folder=folder)
