"""A hint beside a reason: which interpreter ran a script that lacks a module, and how to name another."""

import re
import sys
from collections.abc import Iterable

from stepsweep.client.clouds.cloud import Cloud
from stepsweep.client.clouds.trainers import remembered, script_at
from stepsweep.contract.leaderboard import Row
from stepsweep.trainer_script import Script

_LACKS = re.compile(r"No module named '(?P<module>[^']+)'")


def interpreter_hint(cloud: Cloud, sweep: str, reasons: Iterable[str]) -> str:
    """Returns the hint for the first of the reasons that names a missing module; an empty text if none does.

    A container has an interpreter of its own.

    Args:
        cloud: with the sweep's trainer, or without any; then it is the one that the sweep was started with.
    """
    lacking = list(filter(_LACKS.search, reasons)) if cloud.is_local else []
    # Where no module is missing, as nearly always, the trainer is not read.
    script = _script_of(cloud, sweep) if lacking else None
    return script_hint(script, lacking) if script else ""


def script_hint(script: Script, reasons: Iterable[str]) -> str:
    """Returns the hint for the first of the reasons, or lines of output, of a script on this machine."""
    lacks = next((found for reason in reasons if (found := _LACKS.search(reason))), None)
    if lacks is None or script.program not in ("python", "python3"):  # it names its own
        return ""
    return (
        f"{script.python or sys.executable} ran the script; if {lacks['module']} is installed for another interpreter, "
        "name that one in the field `python` of the spec, such as python: .venv/bin/python"
    )


def hint_of(cloud: Cloud, sweep: str, rows: Iterable[Row]) -> str:
    """Returns the hint for the reasons of a leaderboard."""
    return interpreter_hint(cloud, sweep, (row.reason for row in rows if row.rank is None))


def _script_of(cloud: Cloud, sweep: str) -> Script | None:
    """Returns the script that ran outside a container, if one did."""
    if cloud.trainer is not None:
        return None if cloud.container else script_at(cloud.trainer)
    had = remembered(cloud.directory, sweep)
    return script_at(had.place) if had and not had.container else None
