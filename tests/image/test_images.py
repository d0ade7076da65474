"""The two Dockerfiles as images: built, and run as their job definition has them, but with a read-only root.

`make image` runs this. It needs Docker, or Podman; where no registry can be reached, tests/support/containers.py says
what is run in the place of the base image.
"""

import json
import os
import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from stepsweep.local import template
from stepsweep.local.container_engine import Engine, image_name
from stepsweep.local.images import sources_of
from tests.support import containers
from tests.support.embedded import REPOSITORY

WANTED = os.environ.get("STEPSWEEP_IMAGES", "").split()
"""The trainers whose images are built; `make image` names them."""

pytestmark = pytest.mark.timeout(3600)

UID = 10001


@dataclass(frozen=True, slots=True, kw_only=True)
class Trainer:
    """A trainer with an image.

    Attributes:
        folder: of its Dockerfile; None for stepsweep's own.
        options: what one epoch needs.
        row: what that prints of its epoch.
    """

    folder: Path | None
    options: Sequence[str]
    row: str


TRAINERS = {
    "your-trainer": Trainer(
        folder=REPOSITORY / "examples" / "your-trainer",
        options=("--hidden", "16", "--epochs", "1", "--seed", "0"),
        row=r"^1,[\d.]+",
    ),
    "tutorial": Trainer(
        folder=None,
        options=(
            "--lr",
            "0.1",
            "--momentum",
            "0.5",
            "--epochs",
            "1",
            "--dataset",
            "fashion-mnist",
            "--train-images",
            "640",
        ),
        row=r"^epoch 1/1 ",
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """An image, and the job definition that runs it."""

    engine: Engine
    image: str
    properties: Mapping[str, Any]
    trainer: Trainer

    def __call__(self, *command: str, entrypoint: str = "") -> "subprocess.CompletedProcess[str]":
        """Runs a container as Batch would, but may only write to what the definition mounts, and its working folder."""
        options = self.engine.options_of(self.properties, memory_mib=2000, vcpus=1)
        own = ["--entrypoint", entrypoint] if entrypoint else []
        folder = self._inspected("{{.Config.WorkingDir}}")
        only = [
            "--rm",
            "--read-only",
            *(["--read-only-tmpfs=false"] if self.engine.is_podman else []),
            "--volume",
            folder,
        ]
        environment = {
            each["Name"]: each["Value"] for each in self.properties["environment"] if isinstance(each["Value"], str)
        }
        argv, variables = self.engine.run_command(
            self.image, command, options=[*options, *only, *own], environment={**environment, "OMP_NUM_THREADS": "1"}
        )
        return containers.run(argv, variables)

    def _inspected(self, what: str) -> str:
        argv = [self.engine.program, "image", "inspect", "--format", what, self.image]
        return containers.run(argv, self.engine.environment).stdout.strip()


@pytest.fixture(scope="module", params=TRAINERS)
def built(engine: Engine, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Built:
    if request.param not in WANTED:
        pytest.skip(f"not asked for; make image IMAGES={request.param}")
    trainer = TRAINERS[request.param]
    folder = tmp_path_factory.mktemp("image")
    context = {"trainer": str(trainer.folder)} if trainer.folder else {}
    assembly = template.synthesized(folder, context=context)
    stack = template.stack_of(assembly)
    (source,) = sources_of(assembly, stack)
    engine.build(assembly, stack, log=folder / "image.log", on_status=print)
    (definition,) = (
        each["Properties"]
        for each in json.loads((assembly / f"{stack}.template.json").read_text())["Resources"].values()
        if each["Type"] == "AWS::Batch::JobDefinition"
    )
    properties = _lower(definition["ContainerProperties"])
    found = Built(engine=engine, image=image_name(source.tag), properties=properties, trainer=trainer)
    print(f"{request.param}: {found('--version', entrypoint='python').stdout.strip()}")
    return found


def test_it_trains_an_epoch_as_its_user_with_a_read_only_root(built: Built) -> None:
    ended = built(*built.trainer.options)
    assert ended.returncode == 0, ended.stderr[-3000:]
    assert re.search(built.trainer.row, ended.stdout + ended.stderr, re.MULTILINE), ended.stdout + ended.stderr


def test_its_user_may_write_to_its_working_folder_and_to_tmp_alone(built: Built) -> None:
    looked = """
import json, os, pathlib
def writable(folder):
    try:
        pathlib.Path(folder, "probe").write_text("")
        return True
    except OSError:
        return False
folders = [root for root, _, _ in os.walk("/") if not root.startswith(("/proc", "/sys", "/dev"))]
own = {"uid": os.getuid(), "init": os.getpid() != 1, "here": os.getcwd()}
print(json.dumps({**own, "writable": [each for each in folders if writable(each)]}))
"""
    ended = built("-c", looked, entrypoint="python")
    assert ended.returncode == 0, ended.stderr
    found = json.loads(ended.stdout)
    assert found["uid"] == UID
    assert found["init"], "the job definition asks for an init process"
    assert sorted(found["writable"]) == sorted(["/tmp", found["here"]]), found  # noqa: S108  the container's own


def _lower(value: Any) -> Any:
    """Returns CloudFormation's names as Batch's API has them, but not those of a variable."""
    if isinstance(value, dict):
        return {
            key if key in ("Name", "Value") else key[:1].lower() + key[1:]: _lower(item) for key, item in value.items()
        }
    if isinstance(value, list):
        return [_lower(item) for item in value]
    return value
