"""A script as a trainer: the folder that it lies in, and the command that runs it as a trial.

The client writes one as a file, and names the file where the folder of a trainer is named else: to the embedded cloud
and to the CDK app. Beside a Dockerfile the command takes the place of the image's ENTRYPOINT.
"""

import hashlib
import json
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from stepsweep.contract.errors import InvalidInput
from stepsweep.trial.command import PLACEHOLDER

SUFFIX = ".json"

_NO_IMAGE = "FROM scratch\nENV PYTHONUNBUFFERED=1"
"""For this machine alone; lines of its output are seen when they are printed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """How a script of somebody's is run.

    Attributes:
        folder: the project, of which each trial gets a copy.
        entrypoint: the words that start the trial kit, up to where the options of a trial follow.
        python: the interpreter that runs it on this machine; None for the one that runs here, and in an image.
        data: paths below the folder that trials see through a link; they are neither copied nor part of the trainer.
        left_out: patterns, as a .gitignore has them, of files that are no part of the trainer either.
    """

    folder: Path
    entrypoint: tuple[str, ...]
    python: str | None = None
    data: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()

    @property
    def has_dockerfile(self) -> bool:
        return (self.folder / "Dockerfile").is_file()

    def dockerfile(self) -> bytes:
        """Returns the folder's own Dockerfile with the command as its ENTRYPOINT, or one that says nothing else."""
        own = (self.folder / "Dockerfile").read_text(encoding="utf-8") if self.has_dockerfile else _NO_IMAGE
        kit, *words = self.entrypoint
        start = [kit, *([f"--python={self.python}"] if self.python else []), *words]
        return f"{own.rstrip()}\nENTRYPOINT {json.dumps(start)}\nCMD []\n".encode()

    @property
    def line(self) -> str:
        """The command as a person writes it, without what starts the kit."""
        words = self.entrypoint[self.entrypoint.index("--") + 1 :] if "--" in self.entrypoint else self.entrypoint
        return " ".join(word if PLACEHOLDER.search(word) else shlex.quote(word) for word in words)

    def __str__(self) -> str:
        """Returns what a person calls it."""
        return f"`{self.line}` in {self.folder}"

    def written(self, folder: Path) -> Path:
        """Writes the script to a file of `folder`, whose name depends on its content alone, and returns the file."""
        document = {
            "folder": str(self.folder),
            "entrypoint": list(self.entrypoint),
            "python": self.python,
            "data": list(self.data),
            "left_out": list(self.left_out),
        }
        text = json.dumps(document, indent=2)
        file = folder / f"{hashlib.sha256(text.encode()).hexdigest()[:16]}{SUFFIX}"
        folder.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        return file

    @classmethod
    def read(cls, file: Path) -> Self:
        """Reads what `written` wrote.

        Raises:
            InvalidInput: the file is no such file.
        """
        try:
            document = json.loads(file.read_bytes())
            lists = {name: tuple(map(str, document[name])) for name in ("entrypoint", "data", "left_out")}
            python = None if document["python"] is None else str(document["python"])
            return cls(folder=Path(document["folder"]), python=python, **lists)
        except (OSError, ValueError, KeyError, TypeError):
            raise InvalidInput(
                [f"trainer: must be a folder with a Dockerfile, or a file of a script, got {str(file)!r}"]
            ) from None


def script_of(trainer: Path) -> Script | None:
    """Returns the script that a trainer's path names; None where it names a folder."""
    return Script.read(trainer) if trainer.suffix == SUFFIX and trainer.is_file() else None


def title(trainer: Path) -> str:
    """Returns what a person calls the trainer: the name of its folder."""
    script = script_of(trainer)
    return (script.folder if script else trainer).resolve().name
