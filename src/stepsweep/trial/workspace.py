"""The folders and files that the wrapper makes for a script, and the variables that name them."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

CHECKPOINT_DIR = "STEPSWEEP_CHECKPOINT_DIR"
"""What the script writes here, the trial's next attempt finds here."""

FOLDER = "stepsweep-trial"


class Workspace:
    """A context: the folders of one attempt, deleted at its end.

    Args:
        parent: where a job has its folder, under the same name in every attempt, since some frameworks write paths into
            their checkpoints. None makes a temporary one; so does a parent that nobody may write to.
    """

    def __init__(self, parent: Path | None) -> None:
        self.root = _made(parent)
        self.checkpoint = self.root / "checkpoint"
        self.checkpoint.mkdir()

    @property
    def placeholders(self) -> dict[str, str]:
        """What a command may name in braces."""
        return {"checkpoint_dir": str(self.checkpoint)}

    @property
    def environment(self) -> dict[str, str]:
        return {CHECKPOINT_DIR: str(self.checkpoint)}

    def __enter__(self) -> Workspace:
        return self

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self.root, ignore_errors=True)


def _made(parent: Path | None) -> Path:
    if parent is not None:
        folder = parent / FOLDER
        try:
            shutil.rmtree(folder, ignore_errors=True)  # of a container that was started again
            folder.mkdir()
        except OSError:
            pass
        else:
            return folder
    return Path(tempfile.mkdtemp(prefix=f"{FOLDER}-"))
