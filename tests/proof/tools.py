"""The tools that come from npm, and the Node they run on, which comes from PyPI."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from filelock import FileLock

from stepsweep.client.deploying.cdk import installed
from stepsweep.local.template import cache_folder, node_environment

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
MODULES = HERE / "node_modules"


@cache
def node() -> Path:
    return Path(node_environment()["JSII_NODE"])


@cache
def modules() -> Path:
    """Returns the packages of package-lock.json, and installs them where they are not."""
    lock, there = HERE / "package-lock.json", MODULES / ".package-lock.json"
    # Two test processes may come at once.
    scratch = ROOT / ".stepsweep"
    scratch.mkdir(exist_ok=True)
    with FileLock(scratch / "npm.lock"):
        if not there.exists() or _versions(there) != _versions(lock):
            # npm's own launcher in the wheel does not start.
            npm = node().parent.parent / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
            run(
                [str(node()), str(npm), "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"],
                cwd=HERE,
            )
    return MODULES


def validated(definitions: Sequence[Mapping[str, Any]]) -> list[dict[str, list[str]]]:
    """Returns what each validator says of each state machine."""
    modules()
    answer = run([str(node()), str(HERE / "validate.js")], cwd=HERE, stdin=json.dumps(definitions))
    verdicts: list[dict[str, list[str]]] = json.loads(answer)
    return verdicts


def cdk(*arguments: str) -> str:
    """Runs the CDK CLI in the repository, as a person does, but without an account. Returns what it prints."""
    return run([str(node()), str(installed(cache_folder(), print)), *arguments], cwd=ROOT)


def run(command: Sequence[str], *, cwd: Path, stdin: str | None = None) -> str:
    """Returns what a command prints. Raises RuntimeError with what it said where it fails."""
    ended = subprocess.run(
        command,
        cwd=cwd,
        env={**_without_account(os.environ), **node_environment()},
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
    )
    if ended.returncode:
        said = f"{ended.stdout}\n{ended.stderr}".strip()
        raise RuntimeError(f"{' '.join(command[:4])} ended with {ended.returncode}:\n{said}")
    return ended.stdout


def _versions(lock: Path) -> dict[str, str]:
    packages = json.loads(lock.read_bytes())["packages"]
    return {name: package["version"] for name, package in packages.items() if name and not package.get("optional")}


def _without_account(environment: Mapping[str, str]) -> dict[str, str]:
    """No profile, key or endpoint of the person who runs the proof, and the virtual environment's Python first."""
    kept = {name: value for name, value in environment.items() if not name.startswith(("AWS_", "CDK_"))}
    return {
        **kept,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{environment.get('PATH', '')}",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "CDK_DISABLE_VERSION_CHECK": "1",
        "CI": "true",
    }
