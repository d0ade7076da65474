"""Seeds small faults into rooms, one at a time, and asks their fast tests: `make mutants MUTANTS="contract trial"`.

mutmut (https://mutmut.readthedocs.io) makes the faults of a room, in a copy of the repository in
.stepsweep/mutants/<room>, and `warm.py` tries them, in the order of a seed. So what was tried before an interrupt is a
sample of all. Some that once came through, or that cost money, are seeded by hand (`seeds.py`): the room `seeds`.
"""

import argparse
import contextlib
import json
import math
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import venv
from collections.abc import Sequence
from fnmatch import fnmatch
from hashlib import sha256
from math import sqrt
from pathlib import Path
from statistics import NormalDist

from tests.mutants.equivalent import EQUIVALENT, Equivalent, is_weaker_zip
from tests.mutants.faults import PACKAGE, Fault, seeded
from tests.mutants.rooms import ROOMS, Room
from tests.mutants.seeds import SEEDS, Seed
from tests.mutants.warm import CALLS, HANGS, JOB, LEFT, RESULTS, SURVIVED, TEMPORARY, UNCALLED

REPOSITORY = Path(__file__).parents[2]
COPIES = REPOSITORY / ".stepsweep" / "mutants"
DATA = Path(".stepsweep", "data")
"""Images that the trainer's tests train on."""
BY_HAND = "seeds"
MINUTES = 5
"""Of the tests of a seed. None takes one; a fault may make them wait for ever."""
SCRIPTS = {"sweep": "stepsweep.client.cli.main", "stepsweep-trial": "stepsweep.trial.__main__"}
"""As `pyproject.toml` names them."""


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
    data, there = REPOSITORY / DATA, folder / DATA
    if data.is_dir() and not there.exists():
        there.parent.mkdir(parents=True, exist_ok=True)
        there.symlink_to(data)
    return folder


def judge(
    name: str,
    room: Room,
    *,
    patterns: Sequence[str],
    functions: Sequence[str],
    sample: int | None,
    seed: int,
    seconds: float,
    processes: int,
) -> None:
    """Seeds the faults of a room, and prints those that no test found, and the share that was found.

    Args:
        patterns: of names of files, of which one must match; `functions` the same of those of functions.
    """
    folder = copy(name)
    rooms = folder / PACKAGE
    files = [
        file.relative_to(rooms)
        for file in sorted((rooms / room.sources).rglob("*.py"))
        if file.name not in room.others and any(fnmatch(file.name, pattern) for pattern in patterns)
    ]
    all_faults = seeded(folder, files, cache=COPIES / "made")
    for known in EQUIVALENT:
        if Path(known.file) in files and not any(_is(known, fault) for fault in all_faults):
            print(f"equivalent.py has a fault of {known.file}: {known.function} that there is none any more")
    all_faults = [fault for fault in all_faults if any(fnmatch(fault.function, pattern) for pattern in functions)]
    # By what they are, so that another line in the room leaves the sample as it is.
    faults = sorted(all_faults, key=lambda fault: sha256(f"{seed}: {fault}".encode()).digest())[:sample]
    equivalent = [fault for fault in faults if is_equivalent(fault)]
    others = [fault for fault in faults if fault not in equivalent]
    states = tried(folder, room, others, seconds=seconds, processes=processes)
    survived = [fault for fault in faults if states.get(fault.name) in (SURVIVED, UNCALLED, LEFT)]
    for fault in sorted(survived, key=str):
        print(f"\n{fault}" + (f"\n  ({why})" if (why := states[fault.name]) != SURVIVED else ""))
    found, hanging = len(states) - len(survived), list(states.values()).count(HANGS)
    share = f"{found / len(states):.1%}" if states else "none"
    if len(faults) < len(all_faults):
        share += " (95% interval: {:.1%} to {:.1%})".format(*interval(found, len(states)))
    print(
        f"\n{name}: {len(states) + len(equivalent)} of {len(all_faults)} faults tried, seed {seed}; {len(equivalent)} "
        f"equivalent; {found} of {len(states)} others found, {hanging} of them as they hang: {share}."
    )


def tried(folder: Path, room: Room, faults: Sequence[Fault], *, seconds: float, processes: int) -> dict[str, str]:
    """Returns what became of each fault, or of those before an interrupt."""
    job, calls, results = folder / "job.json", folder / "calls", folder / "results"
    kept = COPIES / "kept"
    kept.mkdir(exist_ok=True)
    code = sha256()
    for file in sorted(
        [*(folder / PACKAGE / room.sources).rglob("*.py"), *(folder / "tests" / "support").rglob("*.py")]
    ):
        code.update(f"{file.relative_to(folder)}\0".encode() + file.read_bytes())
    about = {"processes": processes, "seconds": seconds, "kept": str(kept), "code": code.hexdigest()}
    about["shared"] = [str(folder / file) for file in room.shared]
    job.write_text(json.dumps({"faults": [fault.name for fault in faults], **about}))
    for file in (calls, results):
        file.write_text("")
    temporary = tempfile.TemporaryDirectory(prefix="m-")  # other runs of pytest delete what is in pytest's own
    environment = {
        **os.environ,
        JOB: str(job),
        CALLS: str(calls),
        RESULTS: str(results),
        TEMPORARY: temporary.name,
    }
    command = [str(python_of(folder)), "-m", "pytest", "-p", "tests.mutants.warm", "-m", "not slow", "-q", *room.tests]
    # pytest-timeout would set the timer of `warm.py` anew, to ten minutes.
    command += ["-o", "tmp_path_retention_policy=none", "-o", "timeout=0"]
    command += [f"--deselect={test}" for test in room.without]
    log = folder / "pytest.log"
    with temporary, log.open("w") as said, contextlib.suppress(KeyboardInterrupt):
        if subprocess.run(command, cwd=folder, env=environment, stdout=said, stderr=said, check=False).returncode:
            sys.exit(f"The tests could not judge the faults; what they said is in {log}")
    return dict(line.split("\t") for line in results.read_text().splitlines())


def is_equivalent(fault: Fault) -> bool:
    return is_weaker_zip(fault.change) or any(_is(known, fault) for known in EQUIVALENT)


def _is(known: Equivalent, fault: Fault) -> bool:
    return (known.file, known.function, known.change) == (fault.file, fault.function, fault.change)


def interval(found: int, tried: int) -> tuple[float, float]:
    """Returns where the share of all faults lies, at 95%: Wilson's interval, which holds near 100% too.

    E. B. Wilson, Probable Inference, the Law of Succession, and Statistical Inference, 1927.
    """
    if not tried:
        return 0.0, 1.0
    z, share = NormalDist().inv_cdf(0.975), found / tried
    middle = share + z * z / (2 * tried)
    margin = z * sqrt(share * (1 - share) / tried + z * z / (4 * tried * tried))
    return tuple((middle + side) / (1 + z * z / tried) for side in (-margin, margin))  # type: ignore[return-value]


def python_of(folder: Path) -> Path:
    """Returns a Python that imports the copy, and has the packages of the development environment and of this one.

    It has links to them: the embedded cloud starts functions and jobs with the packages of that folder.
    """
    home = folder / "python"
    if not home.exists():
        venv.EnvBuilder(symlinks=True).create(home)
        (packages,) = home.glob("lib/*/site-packages")
        for there in (Path(path) for path in sys.path if path.endswith("site-packages")):
            _link(there, packages)
            _link(there.parents[2] / "bin", home / "bin")
        (packages / "copy.pth").write_text(f"{folder / 'src'}\n")
        told = Path("tests", "mutants", "startup", "mutants_calls.py")
        (packages / told.name).symlink_to(folder / told)
        for name, module in SCRIPTS.items():
            script = home / "bin" / name
            script.unlink()  # a link to the one that runs the repository's code
            script.write_text(f"#!{home / 'bin' / 'python'}\nfrom {module} import main\n\nmain()\n")
            script.chmod(0o755)
    return home / "bin" / "python"


def _link(there: Path, here: Path) -> None:
    for each in there.iterdir():
        # A `.pth` file would bring the repository's code.
        if each.suffix != ".pth" and not (here / each.name).exists():
            (here / each.name).symlink_to(each)


def passes(folder: Path, tests: Sequence[str], *, minutes: int | None = None) -> bool:
    """Whether the tests pass in the copy, also where other processes run its code; a hung one does not."""
    command = [str(python_of(folder)), "-m", "pytest", "-x", "-q", "-m", "not slow", *tests]
    # Without bytecode, whose time of writing may be that of the right code.
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    with (folder / "seeds.log").open("a") as log:
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdout=log, stderr=log, start_new_session=True
        )  # fmt: skip
        try:
            return not process.wait(minutes * 60 if minutes else None)
        except subprocess.TimeoutExpired:
            return False
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


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
        return not passes(folder, seed.tests, minutes=MINUTES)
    finally:
        file.write_text(code)


def judge_seeds(patterns: Sequence[str]) -> None:
    """Seeds the faults of `seeds.py`, and prints those that no test found."""
    folder = copy(BY_HAND)
    seeds = [seed for seed in SEEDS if any(fnmatch(seed.file, pattern) for pattern in patterns)]
    if not passes(folder, sorted({test for seed in seeds for test in seed.tests})):
        sys.exit(f"Tests fail without a fault; {folder / 'seeds.log'} has what they say")
    survived = 0
    for seed in seeds:
        found = is_found(seed, folder)
        survived += not found
        print(f"{'found' if found else 'SURVIVED'}  {seed.file}: {seed.breaks}", flush=True)
        if not found:
            print(f"  -{seed.text}\n  +{seed.wrong}")
    print(f"\n{BY_HAND}: {len(seeds)} faults, {survived} survived.")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("rooms", nargs="*", help=f"by default all: {', '.join([*ROOMS, BY_HAND])}")
    parser.add_argument("--files", nargs="+", default=["*"], metavar="PATTERN", help="such as rank*.py, of one room")
    parser.add_argument("--functions", nargs="+", default=["*"], metavar="PATTERN", help="such as SearchState.choose")
    parser.add_argument("--sample", type=int, metavar="N", help="that many faults of a room, drawn by chance")
    parser.add_argument("--seed", type=int, default=1, help="which ones; by default 1")
    parser.add_argument("--seconds", type=float, default=math.inf, help="of a fault's tests; by default, all of them")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    asked = parser.parse_args()
    if unknown := sorted(set(asked.rooms) - {*ROOMS, BY_HAND}):
        parser.error(f"there is no room {', '.join(unknown)}; choose from {', '.join([*ROOMS, BY_HAND])}")
    for name in asked.rooms or [*ROOMS, BY_HAND]:
        if name == BY_HAND:
            judge_seeds(asked.files)
            continue
        judge(
            name,
            ROOMS[name],
            patterns=asked.files,
            functions=asked.functions,
            sample=asked.sample,
            seed=asked.seed,
            seconds=asked.seconds,
            processes=asked.processes,
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
