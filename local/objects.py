"""Where the embedded cloud keeps the objects of its buckets: a file each, named after its key."""

from pathlib import Path
from urllib.parse import quote, unquote

UNFINISHED = ".unfinished-"
"""Starts the name of a file that is being written, and is no object yet."""


def path_of(root: Path, bucket: str, key: str) -> Path:
    return root.joinpath(bucket, *(_as_file_name(part) for part in key.split("/")))


def key_of(file: Path, home: Path) -> str:
    """Returns the key of an object's file in the folder of its bucket."""
    return "/".join(_as_key_part(part) for part in file.relative_to(home).parts)


def is_object(file: Path) -> bool:
    return file.is_file() and not file.name.startswith(UNFINISHED)


def _as_file_name(part: str) -> str:
    """One part of a key as the name of a file: what a key may hold and a path must not is percent-encoded."""
    quoted = quote(part, safe=" !'()*+,;=@&$")
    return quoted.replace(".", "%2E") if quoted.startswith(".") else quoted or "%"


def _as_key_part(name: str) -> str:
    return "" if name == "%" else unquote(name)
