"""Dockerfiles, as far as they can be proved without Docker: linted, and everything they copy is in what is deployed."""

import io
import json
import sys
from collections.abc import Iterator
from pathlib import Path

from dockerfile_parse import DockerfileParser

from tests.proof.tools import ROOT, run

HADOLINT = Path(sys.executable).with_name("hadolint")


def dockerfiles() -> list[Path]:
    """Returns every Dockerfile of the repository."""
    return [
        ROOT / name for name in run(["git", "ls-files", "-co", "--exclude-standard", "*Dockerfile"], cwd=ROOT).split()
    ]


def linted(file: Path) -> list[str]:
    """Returns hadolint's findings, of whatever weight."""
    answer = run([str(HADOLINT), "--format", "json", "--no-fail", str(file)], cwd=ROOT)
    return [f"{file.name}:{found['line']} {found['code']}: {found['message']}" for found in json.loads(answer)]


def faults_of_context(assembly: Path) -> Iterator[str]:
    """Yields what a Dockerfile copies, and what is deployed with it does not have: the build fails, after minutes."""
    manifest = json.loads(next(assembly.glob("*.assets.json")).read_bytes())
    for asset in manifest["dockerImages"].values():
        folder = assembly / asset["source"]["directory"]
        file = folder / asset["source"].get("dockerFile", "Dockerfile")
        parser = DockerfileParser(fileobj=io.BytesIO(file.read_bytes()))
        for line in parser.structure:
            if line["instruction"] in ("COPY", "ADD"):
                *sources, _target = [word for word in line["value"].split() if not word.startswith("--")]
                yield from (
                    f"{source} is not in the build context" for source in sources if not (folder / source).exists()
                )
        users = [line["value"] for line in parser.structure if line["instruction"] == "USER"]
        if not users or users[-1] in ("root", "0"):
            yield "its last USER is root"
