"""Seeds small faults into rooms, one at a time, and asks their fast tests: `make mutants MUTANTS="contract trial"`.

mutmut (https://mutmut.readthedocs.io) makes the faults, and knows which tests run which function. It works in a copy of
the repository, in .stepsweep/mutants/<room>, so an interrupted run goes on where it was. It counts what its own process
calls. Tests of the client, the stack and the embedded cloud start processes, so their faults are seeded by hand
(`seeds.py`), and the room `seeds` tries them.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import venv
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

from tests.mutants.seeds import SEEDS, Seed

REPOSITORY = Path(__file__).parents[2]
SOURCES = REPOSITORY / "src" / "stepsweep"
COPIES = REPOSITORY / ".stepsweep" / "mutants"
SURVIVED, UNTESTED = "survived", "no tests"
BY_HAND = "seeds"


@dataclass(frozen=True, slots=True)
class Room:
    """Where faults are seeded, the tests that should find them, and those of these that do not run in a copy.

    Attributes:
        others: files that other tests judge.
    """

    sources: str
    tests: Sequence[str]
    without: Sequence[str] = ()
    others: Sequence[str] = ()


# Tests that start the command line in a process of its own are left out: mutmut counts what its own process calls.
ROOMS = {
    # A Python without any package imports the contract in test_rooms.py, and seeded code imports mutmut.
    "contract": Room("contract", ["tests/contract"], ["tests/contract/test_rooms.py"]),
    "bucket": Room("bucket", ["tests/statemachine"], ["tests/statemachine/test_rooms.py"]),
    # The proof judges the state machine itself, which it synthesizes in a process of its own.
    "statemachine": Room(
        "statemachine", ["tests/statemachine"], ["tests/statemachine/test_rooms.py"], others=["definition.py"]
    ),
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
        "do_not_mutate": [f"src/stepsweep/{room.sources}/{name}" for name in room.others],
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


def python_of(folder: Path) -> Path:
    """Returns a Python that imports the copy, and what the development environment has."""
    home = folder / "python"
    if not home.exists():
        venv.EnvBuilder(symlinks=True).create(home)
        (packages,) = home.glob("lib/*/site-packages")
        paths = [folder / "src", *(path for path in sys.path if path.endswith("site-packages"))]
        (packages / "copy.pth").write_text("\n".join(map(str, paths)))
    return home / "bin" / "python"


def passes(folder: Path, tests: Sequence[str]) -> bool:
    """Whether the tests pass in the copy, also where other processes run its code."""
    command = [str(python_of(folder)), "-m", "pytest", "-x", "-q", "-m", "not slow", *tests]
    # Without bytecode, whose time of writing may be that of the right code.
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    with (folder / "seeds.log").open("a") as log:
        return not subprocess.run(command, cwd=folder, env=environment, stdout=log, stderr=log, check=False).returncode


def is_found(seed: Seed, folder: Path) -> bool:
    """Whether a test fails with this fault."""
    # Of a room that the package has a link to, the copy has two: the package's own is imported.
    imported = folder / "src" / "stepsweep" / seed.file
    file = imported if imported.exists() else folder / seed.file
    code = file.read_text()
    if code.count(seed.text) != 1:
        sys.exit(f"{seed.file} has this {code.count(seed.text)} times, and not once: {seed.text}")
    file.write_text(code.replace(seed.text, seed.wrong))
    try:
        return not passes(folder, seed.tests)
    finally:
        file.write_text(code)


def judge_seeds(pattern: str) -> None:
    """Seeds the faults of `seeds.py`, and prints those that no test found."""
    folder = copy(BY_HAND)
    seeds = [seed for seed in SEEDS if fnmatch(seed.file, pattern)]
    for tests in dict.fromkeys(seed.tests for seed in seeds):
        if not passes(folder, tests):
            sys.exit(f"{' '.join(tests)}: fails without a fault; {folder / 'seeds.log'} has what it says")
    survived = [seed for seed in seeds if not is_found(seed, folder)]
    for seed in survived:
        print(f"\n{seed.file}: {seed.breaks}\n  -{seed.text}\n  +{seed.wrong}")
    print(f"\n{BY_HAND}: {len(seeds)} faults, {len(survived)} survived.")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("rooms", nargs="*", help=f"by default all: {', '.join([*ROOMS, BY_HAND])}")
    parser.add_argument("--files", nargs="+", default=["*"], metavar="PATTERN", help="such as rank*.py, of one room")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    asked = parser.parse_args()
    if unknown := sorted(set(asked.rooms) - {*ROOMS, BY_HAND}):
        parser.error(f"there is no room {', '.join(unknown)}; choose from {', '.join([*ROOMS, BY_HAND])}")
    for name in asked.rooms or [*ROOMS, BY_HAND]:
        if name == BY_HAND:
            for pattern in asked.files:
                judge_seeds(pattern)
            continue
        judge(name, ROOMS[name], patterns=asked.files, processes=asked.processes)
    return 0


if __name__ == "__main__":
    sys.exit(main())
