"""Images without Docker: reads from an asset's Dockerfile what `docker run` would start."""

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
"""Label of an image with the modules to import once for all trials."""

SHELL = ("/bin/sh", "-c")

CHECK_LABEL = "stepsweep.check"
"""Label of an image with the command that checks trials before they start; local/checks.py runs it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """An image, as far as running its containers needs it.

    Attributes:
        folder: the build context; each attempt runs in a copy of it.
        command: the default command after the entrypoint, if a job has none.
        preload: the modules to import once for all jobs.
        check: the command that checks trials; empty if there is none.
    """

    folder: Path
    entrypoint: tuple[str, ...]
    command: tuple[str, ...]
    environment: Mapping[str, str]
    preload: tuple[str, ...]
    check: tuple[str, ...] = ()

    def argv(self, command: list[str]) -> list[str]:
        """Returns the command line for a job's `command`; empty if neither the image nor the job has a command."""
        return self.argv_of([*self.entrypoint, *(command or self.command)])

    @property
    def drops_options(self) -> bool:
        """Whether a job's options do not reach the program: there is no entrypoint, or its shell ignores them."""
        return not self.entrypoint or (len(self.entrypoint) == 3 and self.entrypoint[:2] == SHELL)

    @staticmethod
    def argv_of(words: Sequence[str]) -> list[str]:
        """Converts a command of the image for this machine: it uses this Python."""
        words = list(words)
        if words[:1] == ["stepsweep-trial"]:
            return [sys.executable, "-m", "stepsweep.trial", *words[1:]]
        return [sys.executable, *words[1:]] if words[:1] in (["python"], ["python3"]) else words


def images_of(assembly: Path, stack: str) -> dict[str, Image]:
    """Returns the images of a synthesized stack by their asset's hash, which is the image's tag."""
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
    """The state of one build stage after the instructions so far."""

    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    has_own_command: bool = False
    environment: dict[str, str] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)

    def started(self) -> "_Stage":
        """Returns a new stage based on this one."""
        return replace(self, has_own_command=False, environment=dict(self.environment), labels=dict(self.labels))


def _words(text: str) -> tuple[str, ...]:
    """Returns the words of a command: a JSON list is used unchanged, anything else runs in a shell.

    https://docs.docker.com/reference/dockerfile/#shell-and-exec-form
    """
    with contextlib.suppress(ValueError):
        if isinstance(words := json.loads(text), list):
            return tuple(words)
    return (*SHELL, text)
