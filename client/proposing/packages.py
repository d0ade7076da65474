"""The packages that an interpreter has, as it lists them itself."""

import contextlib
import json
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from stepsweep.client.proposing import installed
from stepsweep.contract.errors import InvalidInput

NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?", re.ASCII)
"""Of a package: https://packaging.python.org/specifications/name-normalization/"""

SECONDS = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """An installed package.

    Attributes:
        needs: what it requires.
        modules: the names by which it is imported.
    """

    name: str
    version: str
    needs: tuple[Requirement, ...]
    modules: tuple[str, ...]


def installed_in(python: str) -> tuple[str, Mapping[str, Package], frozenset[str]]:
    """Returns an interpreter's version, its packages by their normal names, and the modules that it has by itself."""
    command = [python, installed.__file__]
    try:
        ended = subprocess.run(command, capture_output=True, encoding="utf-8", timeout=SECONDS, check=True)
        document = json.loads(ended.stdout)
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        raise InvalidInput([f"--aws: {python} does not say what it has installed: {error}"]) from error
    found: dict[str, Package] = {
        canonicalize_name(each["name"]): Package(
            name=each["name"],
            version=each["version"],
            needs=tuple(need for text in each["needs"] if (need := _need(text))),
            modules=tuple(each["modules"]),
        )
        for each in document["packages"]
        if _is_package(each["name"], each["version"])
    }
    return str(document["python"]), found, frozenset(document["standard"])


def _is_package(name: str | None, version: str | None) -> bool:
    """Whether pip can be asked for it; broken metadata have anything."""
    try:
        Version(version or "")
    except InvalidVersion:
        return False
    return bool(NAME.fullmatch(name or ""))


def _need(text: str) -> Requirement | None:
    """Returns what a package requires. Of older packages, such as `torch (>=1.9.*)`, no tool knows the version."""
    name, sign, marker = text.partition(";")
    named = NAME.match(name.strip())
    for each in (text, f"{named[0]}{sign}{marker}" if named else ""):
        with contextlib.suppress(InvalidRequirement):
            return Requirement(each)
    return None
