"""Images without Docker: what `docker run` would start, read from the Dockerfile of the synthesized asset."""

import json
import shlex
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from dockerfile_parse import DockerfileParser

PRELOAD_LABEL = "stepsweep.preload"
"""A label of the image: the modules that are worth importing once for all trials."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """What a container of the image would run.

    Attributes:
        folder: the build context, which takes the place of the working directory.
    """

    folder: Path
    entrypoint: tuple[str, ...]
    environment: Mapping[str, str]
    preload: tuple[str, ...]

    def argv(self, command: list[str]) -> list[str]:
        program, *arguments = [*self.entrypoint, *command]
        return [sys.executable if program in ("python", "python3") else program, *arguments]


def images_of(assembly: Path, stack: str) -> dict[str, Image]:
    """Returns the images of a synthesized stack by their asset's hash, which is the tag of the image."""
    manifest = json.loads((assembly / f"{stack}.assets.json").read_bytes())
    return {
        tag: _read(assembly / asset["source"]["directory"], asset["source"].get("dockerFile", "Dockerfile"))
        for tag, asset in manifest["dockerImages"].items()
    }


def _read(folder: Path, dockerfile: str) -> Image:
    parser = DockerfileParser(str(folder / dockerfile), env_replace=True)
    entrypoint: list[str] = []
    for instruction in parser.structure:
        if instruction["instruction"] == "ENTRYPOINT":
            text = instruction["value"]
            entrypoint = json.loads(text) if text.startswith("[") else ["/bin/sh", "-c", text]
    return Image(
        folder=folder.resolve(),
        entrypoint=tuple(entrypoint),
        environment=dict(parser.envs),
        preload=tuple(shlex.split(parser.labels.get(PRELOAD_LABEL, ""))),
    )
