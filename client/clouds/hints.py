"""A hint beside a reason: where a script lacks a module, which interpreter ran it; where its copy lacks a file, why."""

import contextlib
import re
import sys
from collections.abc import Iterable
from pathlib import Path

from stepsweep.client.clouds.cloud import Cloud
from stepsweep.client.clouds.trainers import remembered, script_at
from stepsweep.contract.errors import InvalidInput
from stepsweep.contract.leaderboard import Row
from stepsweep.spec_files import pattern_of
from stepsweep.trainer_script import Script

_LACKS = re.compile(r"No module named '(?P<module>[^']+)'")
_NO_FILE = re.compile(r"No such file|FileNotFoundError|(?:cannot|can't) open|not found|does not exist", re.IGNORECASE)
_PATH = re.compile(r"""['"]([^'"]+)['"]|([^\s'",:;]+)""")
_COPY = re.compile(r".*/work/")
"""Where a trial has its copy of the project."""


def reason_hint(cloud: Cloud, sweep: str, reasons: Iterable[str]) -> str:
    """Returns the hint for the first of the reasons that names a missing module, or a file of the project that trials
    lack; an empty text if none does.

    A container has an interpreter of its own.

    Args:
        cloud: with the sweep's trainer, or without any; then it is the one that the sweep was started with.
    """
    lacking = [each for each in reasons if _LACKS.search(each) or _NO_FILE.search(each)] if cloud.is_local else []
    # Where nothing is missing, as nearly always, the trainer is not read.
    script = _script_of(cloud, sweep) if lacking else None
    return script_hint(script, lacking) if script else ""


def script_hint(script: Script, reasons: Iterable[str]) -> str:
    """Returns the hint for the first of the reasons, or lines of output, of a script on this machine."""
    said = list(reasons)
    lacks = next((found for reason in said if (found := _LACKS.search(reason))), None)
    if lacks is None:
        return next(filter(None, (_of_file(script, reason) for reason in said if _NO_FILE.search(reason))), "")
    if places := _in_the_project(script, lacks["module"]):
        return _not_copied(script, places, is_code=True)
    if script.program not in ("python", "python3"):  # it names its own
        return ""
    return (
        f"{script.python or sys.executable} ran the script; if {lacks['module']} is installed for another interpreter, "
        "name that one in the field `python` of the spec, such as python: .venv/bin/python"
    )


def _in_the_project(script: Script, module: str) -> list[Path]:
    """Returns the files or folders of a module, or of the package that it should be in; none of an installed one.

    Python looks beside the script, and where it was started.
    """
    names, own = module.split("."), (Path(word).parent for word in script.entrypoint if word.endswith(".py"))
    homes = dict.fromkeys([Path(), *(home for home in own if not home.is_absolute() and ".." not in home.parts)])
    with contextlib.suppress(OSError, ValueError):  # as of a name that no file can have
        for parts in (names, names[:1]):
            bare = [home.joinpath(*parts) for home in homes]
            found = [path.with_name(f"{path.name}.py") for path in bare if (script.folder / f"{path}.py").is_file()]
            if found := [*found, *(path for path in bare if any((script.folder / path).glob("*.py")))]:
                return found
    return []


def _of_file(script: Script, reason: str) -> str:
    """Returns the hint for a reason that names a file or folder of the project that its copy lacks."""
    named = (Path(_COPY.sub("", quoted or word, count=1)) for quoted, word in _PATH.findall(reason))
    with contextlib.suppress(OSError, ValueError):  # as of a name that no file can have
        places = [each for each in dict.fromkeys(named) if _is_in(script.folder, each)]
        return _not_copied(script, places, is_code=any(each.suffix == ".py" for each in places))
    return ""


def _is_in(folder: Path, path: Path) -> bool:
    return path != Path() and not path.is_absolute() and ".." not in path.parts and (folder / path).exists()


def _not_copied(script: Script, places: Iterable[Path], *, is_code: bool) -> str:
    """Returns which of these trials do not get; an empty text if they get all."""
    from stepsweep.trainer_files import ignore_file_of, script_files

    try:
        copied = script_files(script)
    except InvalidInput:  # since it ran; the next sweep says so
        return ""
    there = {each for file in copied for each in (file, *file.parents)}
    shared = {Path(name) for name in script.data}
    lost = next((path for path in places if path not in there and shared.isdisjoint((path, *path.parents))), None)
    if lost is None:
        return ""
    name, ignore_file = lost.as_posix(), ignore_file_of(script)
    as_data = "" if is_code else f"name it in the field `data` of the spec, such as data: [{lost.parts[0]}], or "
    as_copy = f"if {ignore_file} leaves it out, add the line !{pattern_of(name)} at its end"
    return f"{name} is in the project, and trials get no copy of it; {as_data}{as_copy}"


def hint_of(cloud: Cloud, sweep: str, rows: Iterable[Row]) -> str:
    """Returns the hint for the reasons of a leaderboard."""
    return reason_hint(cloud, sweep, (row.reason for row in rows if row.rank is None))


def _script_of(cloud: Cloud, sweep: str) -> Script | None:
    """Returns the script that ran outside a container, if one did."""
    if cloud.trainer is not None:
        return None if cloud.container else script_at(cloud.trainer)
    had = remembered(cloud.directory, sweep)
    return script_at(had.place) if had and not had.container else None
