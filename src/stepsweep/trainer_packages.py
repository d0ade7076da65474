"""Finds the packages that a script's interpreter imports from a folder of source files: those installed as editable.

A trial has a copy of its script's project, so that what is edited meanwhile changes no trial. An editable package is
imported from where it was installed, copy or not. One of the project itself is found in the copy first, by PYTHONPATH.
"""

import json
import sysconfig
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

OURS = "stepsweep"
"""The kit comes with the client, which may be editable itself."""


def paths_inside(project: Path, python: str | None) -> list[str]:
    """Returns the folders of a project that its interpreter imports from, relative to the project and sorted.

    Args:
        python: the interpreter; None for the current one.
    """
    home = project.resolve()
    found = {folder for _, folder in _editable(python) if folder.is_relative_to(home)}
    # An editable package is known by its project's folder alone; its modules may be in `src`.
    found |= {folder / "src" for folder in found if (folder / "src").is_dir()}
    return sorted(folder.relative_to(home).as_posix() for folder in found)


def packages_outside(project: Path, python: str | None) -> dict[str, Path]:
    """Returns the folder of each editable package that is no part of a project, by name and sorted."""
    home = project.resolve()
    return dict(sorted((name, folder) for name, folder in _editable(python) if not folder.is_relative_to(home)))


def _editable(python: str | None) -> Iterator[tuple[str, Path]]:
    for site in _site_packages(python):
        if site.is_dir():
            yield from _editable_in(site, site.stat().st_mtime_ns)


@lru_cache
def _editable_in(site: Path, _changed: int) -> tuple[tuple[str, Path], ...]:
    """Returns what `_editable` does. A command asks several times, and hundreds of packages may be installed.

    Args:
        _changed: when a package was installed or removed last.
    """
    found = []
    for file in site.glob("*.dist-info/direct_url.json"):
        name, url = file.parent.name.partition("-")[0], _url(file)
        if name != OURS and url.startswith("file:") and (folder := Path(unquote(urlsplit(url).path))).is_dir():
            found.append((name, folder.resolve()))
    return tuple(found)


def _site_packages(python: str | None) -> list[Path]:
    if python is None:
        return [Path(sysconfig.get_path("purelib"))]
    return sorted(Path(python).parent.parent.glob("lib/python3*/site-packages"))


def _url(file: Path) -> str:
    """Returns where an editable package was installed from; an empty text for another package.

    https://packaging.python.org/en/latest/specifications/direct-url/
    """
    try:
        match json.loads(file.read_bytes()):
            case {"url": str(url), "dir_info": {"editable": True}}:
                return url
    except (OSError, ValueError):
        pass
    return ""
