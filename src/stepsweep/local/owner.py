"""Whose a folder is that this person is about to run code from."""

import os
import stat
from pathlib import Path

from stepsweep.contract.errors import InvalidInput


def checked(folder: Path, name: str = "--dir") -> Path:
    """Returns the folder, resolved; it may be missing.

    Args:
        name: of the option or the variable that names it.

    Raises:
        InvalidInput: a stranger made it.
    """
    folder = folder.resolve()
    if _is_a_strangers(folder):
        raise InvalidInput(
            [
                f"{name}: {folder} belongs to another user, and may hold code of theirs that would run as you; name a "
                "folder of your own"
            ]
        )
    return folder


def _is_a_strangers(folder: Path) -> bool:
    """Whether somebody else made the folder where anybody may make one, such as in /tmp, or lets anybody write there.

    A colleague's folder in the colleague's own project is no stranger's: the code beside it is the colleague's too.
    """
    try:
        status, above = folder.stat(), folder.parent.stat()
    except FileNotFoundError:
        return False
    is_theirs = status.st_uid not in (os.geteuid(), 0)
    return is_theirs and bool((status.st_mode | above.st_mode) & stat.S_IWOTH)
