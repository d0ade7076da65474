"""Which interpreter ran a script that lacks a module, and how to name another: a hint for those who read a reason."""

import re
import sys
from collections.abc import Iterable
from pathlib import Path

from stepsweep.client.clouds import trainers
from stepsweep.client.clouds.cloud import Cloud
from stepsweep.contract.errors import InvalidInput
from stepsweep.contract.leaderboard import Row
from stepsweep.trainer_script import Script, script_of

_LACKS = re.compile(r"No module named '(?P<module>[^']+)'")


def interpreter_hint(cloud: Cloud, sweep: str, reasons: Iterable[str]) -> str:
    """Returns the hint for the first of the reasons that name a missing module; an empty text if none does.

    A container has an interpreter of its own.

    Args:
        cloud: with the sweep's trainer, or without any; then it is the one that the sweep was started with.
    """
    if not cloud.is_local:
        return ""
    trainer, container = _trainer_of(cloud, sweep)
    try:
        script = script_of(trainer) if trainer and not container else None
    except InvalidInput:
        return ""
    return script_hint(script, reasons) if script else ""


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


def _trainer_of(cloud: Cloud, sweep: str) -> tuple[Path | None, bool]:
    if cloud.trainer is not None:
        return cloud.trainer, cloud.container
    had = trainers.remembered(cloud.directory, sweep)
    return (had.place, had.container) if had else (None, False)
