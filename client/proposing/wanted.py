"""The packages that a project asks for: in a file of pip's or uv's, or by what its script imports."""

import ast
import re
import sys
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement

from stepsweep.client.proposing.packages import Package
from stepsweep.contract.errors import InvalidInput

LOCK, REQUIREMENTS, UV_LOCK = "requirements.lock", "requirements.txt", "uv.lock"
PROJECT_FILES = (LOCK, UV_LOCK, REQUIREMENTS)
"""Files that say what a project needs. The first that is there counts."""

OTHER_FILE = re.compile(r"(?:-r\s*|--requirement(?:\s+|=))(\S+)")
"""A line of a file of pip's that takes another file in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a project asks for.

    Attributes:
        options: lines with pip's options that say where packages come from.
        unclear: lines that only pip understands, such as `-e .`.
        strange: modules that the script imports, and that no package has.
    """

    requirements: tuple[Requirement, ...]
    options: tuple[str, ...] = ()
    unclear: tuple[str, ...] = ()
    strange: tuple[str, ...] = ()

    @classmethod
    def of_file(cls, file: Path) -> "Wanted":
        """Reads a file of pip's, or uv's lock file.

        https://pip.pypa.io/en/stable/reference/requirements-file-format/
        """
        if file.name == UV_LOCK:
            if not file.with_name("pyproject.toml").is_file():
                raise InvalidInput([f"{UV_LOCK}: there is no pyproject.toml beside it, which `uv export` reads"])
            try:
                locked = tomllib.loads(file.read_text(encoding="utf-8")).get("package", [])
                return cls(requirements=tuple(Requirement(each["name"]) for each in locked))
            except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
                raise InvalidInput([f"{UV_LOCK}: is no lock file of uv: {error}"]) from error
        requirements: list[Requirement] = []
        options, unclear = [], []
        for line in _lines(file, file.parent, seen=set()):
            if line.startswith(("-i", "-f", "--index", "--extra-index", "--find-links", "--trusted-host")):
                options.append(line)
                continue
            try:
                requirement = Requirement(line.split(" --hash")[0])
            except InvalidRequirement:
                unclear.append(line)
                continue
            if requirement.url:
                unclear.append(line)
            else:
                requirements.append(requirement)
        return cls(requirements=tuple(requirements), options=tuple(options), unclear=tuple(unclear))

    @classmethod
    def of_script(cls, script: Path, packages: Mapping[str, Package], standard: frozenset[str]) -> "Wanted":
        """Takes what a script imports, also through modules beside it."""
        imported = _imported(script)
        names = sorted(
            name for name, package in packages.items() if imported & {*package.modules} and name != "stepsweep"
        )
        known = {*standard, *sys.stdlib_module_names, "stepsweep"}
        known |= {module for package in packages.values() for module in package.modules}
        return cls(requirements=tuple(map(Requirement, names)), strange=tuple(sorted(imported - known)))


def _lines(file: Path, home: Path, *, seen: set[Path]) -> Iterator[str]:
    """Yields the lines of a file of pip's, and of those of the project that it names, without comments."""
    seen.add(file.resolve())
    text = file.read_text(encoding="utf-8", errors="replace").replace("\\\n", " ")
    for line in (each.split(" #")[0].strip() for each in text.splitlines()):
        if not line or line.startswith("#"):
            continue
        named = OTHER_FILE.fullmatch(line)
        other = (file.parent / named[1]).resolve() if named else file
        if named and other.is_file() and home.resolve() in other.parents:
            if other not in seen:
                yield from _lines(other, home, seen=seen)
        else:
            yield line


def _imported(script: Path) -> set[str]:
    """Returns the top-level modules that a script and the modules beside it import, except these modules."""
    folder, files, seen, found = script.parent, [script], set(), set()
    while files:
        if (file := files.pop()) in seen:
            continue
        seen.add(file)
        for name in _imports(file):
            own = [path for path in (folder / f"{name}.py", *(folder / name).rglob("*.py")) if path.is_file()]
            files += own
            found |= set() if own else {name}
    return found


def _imports(file: Path) -> Iterator[str]:
    try:
        tree = ast.parse(file.read_bytes())
    # A shell script, or one for another Python, or one that no parser has the memory for.
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]
