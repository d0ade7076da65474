"""Seeds small faults into rooms, one at a time, and asks their fast tests: `make mutants MUTANTS="contract trial"`.

mutmut (https://mutmut.readthedocs.io) makes the faults, and knows which tests run which function. It works in a copy of
the repository, in .stepsweep/mutants/<room>, so an interrupted run goes on where it was.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
SOURCES = REPOSITORY / "src" / "stepsweep"
COPIES = REPOSITORY / ".stepsweep" / "mutants"
SURVIVED, UNTESTED = "survived", "no tests"


@dataclass(frozen=True, slots=True)
class Room:
    """Where faults are seeded, the tests that should find them, and those of these that do not run in a copy."""

    sources: str
    tests: Sequence[str]
    without: Sequence[str] = ()


# Tests that start the command line in a process of its own are left out: mutmut counts what its own process calls.
ROOMS = {
    # A Python without any package imports the contract in test_rooms.py, and seeded code imports mutmut.
    "contract": Room("contract", ["tests/contract"], ["tests/contract/test_rooms.py"]),
    "bucket": Room("bucket", ["tests/statemachine"], ["tests/statemachine/test_rooms.py"]),
    "statemachine": Room("statemachine", ["tests/statemachine"], ["tests/statemachine/test_rooms.py"]),
    "trainer": Room("trainer", ["tests/trainer"], ["tests/trainer/test_image.py"]),
    "trial": Room("trial", ["tests/trial"], ["tests/trial/test_sweep.py"]),
}


def copy(room: str) -> Path:
    """Copies what the room's tests need, with real folders where the package has links, since mutmut follows none."""
    folder = COPIES / room
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=REPOSITORY, check=True, capture_output=True, text=True)  # noqa: S607
    for name in filter(None, listed.stdout.split("\0")):
        source, target = REPOSITORY / name, folder / name
        if source.is_dir():  # a link to a room
            shutil.copytree(source, target, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
        elif source.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)
    return folder


def configure(folder: Path, room: Room, patterns: Sequence[str]) -> None:
    tops = sorted(path.name for path in folder.iterdir() if path.name not in ("src", "mutants", "pyproject.toml"))
    options = {
        "source_paths": ["src/"],
        "only_mutate": [f"src/stepsweep/{room.sources}/{pattern}" for pattern in patterns],
        "pytest_add_cli_args_test_selection": [*room.tests, *(f"--deselect={test}" for test in room.without)],
        "also_copy": tops,
        # Hypothesis refuses a test that an earlier process has begun.
        "process_isolation": "forkserver",
    }
    lines = (f"{name} = {json.dumps(value)}" for name, value in options.items())
    project = (REPOSITORY / "pyproject.toml").read_text()
    (folder / "pyproject.toml").write_text("\n".join([project, "[tool.mutmut]", *lines, ""]))


def results(folder: Path) -> dict[str, str]:
    """Returns the state of each fault that was tried, by its name."""
    command = [sys.executable, "-m", "mutmut", "results", "--all", "true"]
    said = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout
    found = dict(re.findall(r"^\s*(\S+): (.+)$", said, re.MULTILINE))
    return {name: state for name, state in found.items() if state != "not checked"}


def change(folder: Path, name: str) -> list[str]:
    """Returns the lines that a fault takes away and puts in."""
    command = [sys.executable, "-m", "mutmut", "show", name]
    said = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout
    return [line for line in said.splitlines() if re.match(r"[-+](?![-+]{2} )", line)]


def judge(name: str, room: Room, *, patterns: Sequence[str], processes: int) -> float:
    """Seeds the faults of a room, prints those that no test found, and returns the share that was found."""
    folder = copy(name)
    configure(folder, room, patterns)
    command = [sys.executable, "-m", "mutmut", "run", "--max-children", str(processes)]
    with (folder / "mutmut.log").open("w") as log:  # its progress, which is for a terminal
        ended = subprocess.run(command, cwd=folder, stdout=None if sys.stdout.isatty() else log, check=False)
    if ended.returncode:
        sys.exit(f"mutmut could not seed faults into {name}; what it said is in {log.name}")
    states = results(folder)
    counts = Counter(states.values())
    for fault in sorted(states):
        if states[fault] == SURVIVED:
            print(f"\n{fault}", *change(folder, fault), sep="\n  ")
    tried = sum(number for state, number in counts.items() if state != UNTESTED)
    share = 1 - counts[SURVIVED] / tried if tried else 0.0
    print(
        f"\n{name}: {tried} faults, {share:.1%} found, {counts[SURVIVED]} survived; "
        f"{counts[UNTESTED]} more in functions that these tests do not call in their own process."
    )
    return share


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("rooms", nargs="*", help=f"by default all: {', '.join(ROOMS)}")
    parser.add_argument("--files", nargs="+", default=["*"], metavar="PATTERN", help="such as rank*.py, of one room")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    asked = parser.parse_args()
    if unknown := sorted(set(asked.rooms) - set(ROOMS)):
        parser.error(f"there is no room {', '.join(unknown)}; choose from {', '.join(ROOMS)}")
    for name in asked.rooms or ROOMS:
        judge(name, ROOMS[name], patterns=asked.files, processes=asked.processes)
    return 0


if __name__ == "__main__":
    sys.exit(main())
