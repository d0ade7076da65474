"""Paths that a trainer's files write out, and that mean something else on this machine than in a container."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

FOLDERS = ("/tmp", "/var/tmp", "/dev/shm")  # noqa: S108  what is looked for
"""Where everybody may write. A container has its own; trials that run as processes share this machine's."""

TEXTS = (".py", ".sh", ".bash", ".R", ".r", ".jl", ".yaml", ".yml", ".json", ".toml", ".ini", ".cfg")
MAX_BYTES = 2**20
MOST_NAMED = 3

SHELLS = re.compile(r"#!\s*(?:/usr/bin/env\s+)?\S*\b(?:ba|da|z|k)?sh\b")
_PATH = r"[^\s\"'`,;:()\[\]<>|&#=\\]*"
_ABSOLUTE = re.compile(r"(?<![\w./~$}%*?-])/[A-Za-z0-9_.][\w./-]*")


def of_an_image(script: Path) -> Iterator[tuple[int, str]]:
    """Yields the number of each line of a shell script that has an absolute path, with the path."""
    text = _text(script)
    if script.suffix not in (".sh", ".bash") and not SHELLS.match(text):
        return
    for number, line in _code(text):
        for match in _ABSOLUTE.finditer(line):
            yield number, match[0].rstrip("/.")


def shared(folder: Path, commands: Iterable[Iterable[str]], project: Path | None, data: Iterable[str]) -> str | None:
    """Returns a warning if the files or the commands of trials name a place that all trials on this machine share.

    A path with a variable in it, such as `/tmp/{name}.pt`, may be each trial's own, and counts for nothing.

    Args:
        folder: the image's files.
        project: the folder that they were copied from. A path in it is not in a trial's copy.
        data: what of it trials are to share.
    """
    places = [*FOLDERS, *([str(project)] if project and project != Path(project.anchor) else [])]
    pattern = re.compile(rf"(?<![\w./~$}}-])(?:{'|'.join(map(re.escape, places))})(?![\w.-]){_PATH}")
    allowed = {str(project / name) for name in data} if project else set()
    found: dict[str, str] = {}
    for path in sorted(folder.rglob("*")):
        if path.suffix in TEXTS and not path.is_symlink() and path.is_file():
            for number, line in _code(_text(path)):
                for match in pattern.finditer(line):
                    found.setdefault(match[0].rstrip("/."), f"{path.name} line {number}")
    for word in sorted({word for command in commands for word in command}):
        for match in pattern.finditer(word):
            found.setdefault(match[0].rstrip("/."), "the command")
    named = [
        f"{path} ({where})"
        for path, where in found.items()
        if not set("{}$%*") & set(path) and not any(f"{path}/".startswith(f"{place}/") for place in allowed)
    ]
    if not named:
        return None
    more = f" and {len(named) - MOST_NAMED} more" if len(named) > MOST_NAMED else ""
    return (
        f"Trials on this machine share {', '.join(named[:MOST_NAMED])}{more}. If a trial writes there, another may "
        "read it, and the winner may be wrong: let the script write to its working folder, or to tempfile's."
    )


def _code(text: str) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.lstrip().startswith("#"):
            yield number, line


def _text(path: Path) -> str:
    if path.stat().st_size > MAX_BYTES:
        return ""
    return path.read_text(encoding="utf-8", errors="replace")
