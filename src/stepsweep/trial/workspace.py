"""The folders and files that the wrapper makes for a script, and the variables that name them."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from pathlib import Path

from stepsweep.trial import names
from stepsweep.trial.command import FILES, PLACES

FOLDER = "stepsweep-trial"


class Workspace:
    """A context: the folders of one attempt, deleted at its end; by hand, the artifacts stay.

    Args:
        folder: the working folder.
        job: whether it is a sweep's. A job has its folders under the same name in every attempt, since some frameworks
            write paths into their checkpoints; by hand they are temporary.
        python_path: where Python looks for modules already, as in `PYTHONPATH`.
    """

    def __init__(self, folder: Path, *, job: bool, python_path: str | None) -> None:
        self.root = _made(folder if job else None)
        self.checkpoint = self.root / "checkpoint"
        # By hand, unless nobody may write there, the artifacts stay in the working folder.
        self.artifacts = (self.root if job or not os.access(folder, os.W_OK) else folder) / "artifacts"
        self.report = self.root / "report.jsonl"
        self.checkpoint.mkdir()
        self.artifacts.mkdir(exist_ok=True)
        # A link to this package alone: the script's Python may be another one, without stepsweep, and takes its modules
        # from nowhere else.
        library = self.root / "python"
        library.mkdir()
        (library / "stepsweep").symlink_to(Path(__file__).resolve().parent.parent)
        self._python_path = os.pathsep.join([str(library), *([python_path] if python_path else [])])

    @property
    def placeholders(self) -> dict[str, str]:
        """What a command may name in braces."""
        files = (self.root / "params.json", self.root / "params.yaml")
        places = (self.checkpoint, self.artifacts, *files)
        return dict(zip((*PLACES, *FILES), map(str, places)))  # noqa: B905  Python 3.9 has no `strict`

    @property
    def environment(self) -> dict[str, str]:
        return {
            names.CHECKPOINT_DIR: str(self.checkpoint),
            names.ARTIFACTS_DIR: str(self.artifacts),
            names.REPORT: str(self.report),
            "PYTHONPATH": self._python_path,
        }

    def __enter__(self) -> Workspace:
        return self

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self.root, ignore_errors=True)
        with contextlib.suppress(OSError):
            self.artifacts.rmdir()  # by hand, if nothing was left there


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
