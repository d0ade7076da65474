"""Images without Docker: what `docker run` would start, read from the Dockerfile of the synthesized asset."""

import contextlib
import io
import json
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from dockerfile_parse import DockerfileParser

PRELOAD_LABEL = "stepsweep.preload"
"""A label of the image: the modules that are worth importing once for all trials."""

SHELL = ("/bin/sh", "-c")

CHECK_LABEL = "stepsweep.check"
"""A label of the image: the command that says what is wrong with trials before they start; local/checks.py asks it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """What a container of the image would run.

    Attributes:
        folder: the build context; each attempt runs in a copy of it.
        command: what runs after the entrypoint when a job says nothing else.
        preload: the modules that the image asks to be imported once for all jobs.
        check: its command for that; empty where it has none.
    """

    folder: Path
    entrypoint: tuple[str, ...]
    command: tuple[str, ...]
    environment: Mapping[str, str]
    preload: tuple[str, ...]
    check: tuple[str, ...] = ()

    def argv(self, command: list[str]) -> list[str]:
        """Returns what runs when a job says `command`, or nothing; an empty list when neither says what to run."""
        return self.argv_of([*self.entrypoint, *(command or self.command)])

    @property
    def drops_options(self) -> bool:
        """Whether a job's command does not reach the program: there is none, or a shell is given it and ignores it."""
        return not self.entrypoint or (len(self.entrypoint) == 3 and self.entrypoint[:2] == SHELL)

    @staticmethod
    def argv_of(words: Sequence[str]) -> list[str]:
        """Returns a command of the image as one of this machine: its Python is the one that runs here."""
        words = list(words)
        if words[:1] == ["stepsweep-trial"]:
            return [sys.executable, "-m", "stepsweep.trial", *words[1:]]
        return [sys.executable, *words[1:]] if words[:1] in (["python"], ["python3"]) else words


def images_of(assembly: Path, stack: str) -> dict[str, Image]:
    """Returns the images of a synthesized stack by their asset's hash, which is the tag of the image."""
    manifest = json.loads((assembly / f"{stack}.assets.json").read_bytes())
    return {
        tag: _read(assembly / asset["source"]["directory"], asset["source"].get("dockerFile", "Dockerfile"))
        for tag, asset in manifest.get("dockerImages", {}).items()
    }


def _read(folder: Path, dockerfile: str) -> Image:
    parser = DockerfileParser(fileobj=io.BytesIO((folder / dockerfile).read_bytes()), env_replace=True)
    stages: dict[str, _Stage] = {}
    stage = _Stage()
    for instruction, context in zip(parser.structure, parser.context_structure, strict=True):
        match instruction["instruction"], instruction["value"]:
            case "FROM", value:
                base, *name = [word for word in value.split() if not word.startswith("--") and word.upper() != "AS"]
                stage = stages.get(base.lower(), _Stage()).started()
                stages[name[0].lower() if name else ""] = stage
            case "ENTRYPOINT", value:
                stage.entrypoint = _words(value)
                stage.command = stage.command if stage.has_own_command else ()
            case "CMD", value:
                stage.command, stage.has_own_command = _words(value), True
            case "ENV" | "LABEL", _:
                stage.environment |= context.envs
                stage.labels |= context.labels
    return Image(
        folder=folder.resolve(),
        entrypoint=stage.entrypoint,
        command=stage.command,
        environment=stage.environment,
        preload=tuple(shlex.split(stage.labels.get(PRELOAD_LABEL, ""))),
        check=tuple(shlex.split(stage.labels.get(CHECK_LABEL, ""))),
    )


@dataclass(slots=True)
class _Stage:
    """What the instructions of one stage have said so far."""

    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    has_own_command: bool = False
    environment: dict[str, str] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)

    def started(self) -> "_Stage":
        """Returns a stage that starts from this one."""
        return replace(self, has_own_command=False, environment=dict(self.environment), labels=dict(self.labels))


def _words(text: str) -> tuple[str, ...]:
    """Returns what is run: a JSON list is taken as it is, all else goes to a shell.

    https://docs.docker.com/reference/dockerfile/#shell-and-exec-form
    """
    with contextlib.suppress(ValueError):
        if isinstance(words := json.loads(text), list):
            return tuple(words)
    return (*SHELL, text)
