"""A script as a trainer: its folder, and the command that runs it as a trial.

The client writes it to a file. The embedded cloud and the CDK app take the path of that file in place of a trainer's
folder. If the folder has a Dockerfile, the command replaces its ENTRYPOINT.
"""

import contextlib
import hashlib
import json
import secrets
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Self
from urllib.parse import quote

from stepsweep.contract.errors import InvalidInput
from stepsweep.trainer_packages import paths_inside
from stepsweep.trial.command import ARGS, FILES, PLACEHOLDER

SUFFIX = ".json"

DATA_LABEL = "stepsweep.data"
"""Label of an image with the paths of a script's data, quoted as in a URL. This machine links them, copied or not."""

_HOME = "/work"
_NO_IMAGE = f"FROM scratch\nENV PYTHONUNBUFFERED=1\nWORKDIR {_HOME}\nCOPY . ."
"""Used on this machine only. Unbuffered, so that each line of output appears when it is printed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """How to run a person's own script.

    Attributes:
        folder: the project's folder; each trial gets a copy.
        entrypoint: the words that start the trial kit; a trial's options follow them.
        python: the interpreter that runs the script on this machine; None for the current one, and in an image.
        data: paths in the folder that trials see through a link; not copied, and not part of the trainer.
        left_out: patterns, as in a .gitignore, of other files that are not part of the trainer.
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
        """Returns the folder's Dockerfile, or an empty one, with the command as its ENTRYPOINT."""
        own = (self.folder / "Dockerfile").read_text(encoding="utf-8") if self.has_dockerfile else self._no_image()
        data = f"LABEL {DATA_LABEL}={json.dumps(' '.join(map(quote, self.data)))}\n" if self.data else ""
        return f"{own.rstrip()}\n{data}ENTRYPOINT {json.dumps(list(self.started_by))}\nCMD []\n".encode()

    def _no_image(self) -> str:
        own = ":".join(f"{_HOME}/{path}" for path in paths_inside(self.folder, self.python))
        return f"{_NO_IMAGE}\nENV PYTHONPATH={json.dumps(own)}" if own else _NO_IMAGE

    @property
    def started_by(self) -> tuple[str, ...]:
        """The words that start the trial kit with the script's interpreter; a trial's options follow them."""
        kit, *words = self.entrypoint
        return (kit, *([f"--python={self.python}"] if self.python else []), *words)

    @property
    def program(self) -> str:
        """The first word of the command."""
        return self.words[0]

    @property
    def line(self) -> str:
        """The command as a person writes it, without the words that start the kit."""
        return " ".join(word if PLACEHOLDER.search(word) else shlex.quote(word) for word in self.words)

    @property
    def words(self) -> tuple[str, ...]:
        """The command, without the words that start the kit."""
        return self.entrypoint[self.entrypoint.index("--") + 1 :] if "--" in self.entrypoint else self.entrypoint

    @property
    def placeholders(self) -> frozenset[str]:
        """The names of the command's placeholders, without `{args}`."""
        return frozenset(name for word in self.words if word != ARGS for name in PLACEHOLDER.findall(word))

    def has_place_for(self, name: str) -> bool:
        """Whether the script can get an option: the kit passes over `epochs` and `seed` without a place."""
        named = self.placeholders
        is_env = "--style=env" in self.entrypoint
        return not named or ARGS in self.entrypoint or name in named or not named.isdisjoint(FILES) or is_env

    def is_told(self, name: str) -> bool:
        """Whether the script gets `epochs` or `seed`."""
        return name in self.placeholders or (f"--no-{name}" not in self.entrypoint and self.has_place_for(name))

    def __str__(self) -> str:
        """Names the script for people."""
        return f"`{self.line}` in {self.folder}"

    def written(self, folder: Path) -> Path:
        """Writes the script to a file in `folder`, named after a hash of its content, and returns the file."""
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
        # Whole at any moment: another command, or another thread, may read the same script.
        beside = folder / f".{file.name}.{secrets.token_hex(4)}"
        try:
            beside.write_text(text, encoding="utf-8")
            beside.replace(file)
        except OSError as error:
            raise OSError(error.errno, error.strerror, str(file)) from error
        finally:
            with contextlib.suppress(OSError):  # as on a read-only disk, which the error before says
                beside.unlink(missing_ok=True)
        return file

    @classmethod
    def read(cls, file: Path) -> Self:
        """Reads a file that `written` wrote.

        Raises:
            InvalidInput: the file is not one of these.
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
    """Returns the script that a trainer's path names; None if the path names a folder."""
    return Script.read(trainer) if trainer.suffix == SUFFIX and trainer.is_file() else None


def title(trainer: Path) -> str:
    """Returns the trainer's name for people: that of its folder."""
    script = script_of(trainer)
    return (script.folder if script else trainer).resolve().name
