"""Runs the trainer's own check of a sweep before it starts, if its image has one.

The image label `stepsweep.check` names a command. It reads the trials' command lines as a JSON list from standard
input, and prints a JSON list of faults. stepsweep's own trainer reports invalid options and missing data sets this way.
"""

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from stepsweep.contract import keys
from stepsweep.contract.errors import SweepError
from stepsweep.local.container_engine import Engine, image_name
from stepsweep.local.images import Image, images_of
from stepsweep.local.joining import joined
from stepsweep.local.preparing import assembly_of, built, data_folder
from stepsweep.local.programs import fault_of_program
from stepsweep.local.template import stack_of
from stepsweep.local.written_paths import shared
from stepsweep.trainer_packages import packages_outside
from stepsweep.trainer_script import script_of

TIMEOUT_SECONDS = 60.0


class CheckFailed(SweepError):
    """The trainer's own check failed to run."""


def faults_of(
    directory: Path,
    commands: Sequence[Sequence[str]],
    *,
    trainer: Path | None,
    container: bool,
    on_status: Callable[[str], None],
) -> list[str]:
    """Returns the faults of command lines of the trainer; none if its image has no check.

    Args:
        directory: the embedded cloud's folder; the cloud need not be up.
        trainer: the trainer's folder, as for `embedded_cloud`; a running cloud uses its own.
        container: whether the check runs in a container of the image, as trials do.

    Raises:
        CheckFailed: the check itself failed.
        InvalidInput: `container`, but neither Docker nor Podman answers.
        BuildFailed: an image cannot be built.
        SynthFailed: the stack could not be synthesized.
    """
    endpoint = joined(directory)
    if endpoint is not None:
        assembly, container = Path(endpoint.assembly), endpoint.container
        trainer = Path(endpoint.trainer) if endpoint.trainer else None
    else:
        assembly = assembly_of(directory, trainer=trainer, container=container, on_status=on_status)
    images = list(images_of(assembly, stack_of(assembly)).values())
    faults = [fault for image in images for fault in image.faults]
    if trainer is not None and not container:
        faults += _faults_of_processes(images, commands, trainer, on_status)
    if faults:
        return faults
    engine = built(assembly, directory, on_status=on_status) if container else None
    text = json.dumps([list(command) for command in commands])
    for image in images:
        if image.check:
            ended = _ran_here(image, text, data_folder(directory)) if engine is None else _ran(engine, image, text)
            if ended.returncode:
                said = ended.stderr.strip().splitlines()[-1:] or [f"exit code {ended.returncode}"]
                raise CheckFailed(f"the trainer's check ({' '.join(image.check)}) failed: {said[0]}")
            faults += json.loads(ended.stdout)
    return faults


def _faults_of_processes(
    images: Sequence[Image], commands: Sequence[Sequence[str]], trainer: Path, on_status: Callable[[str], None]
) -> list[str]:
    """Returns the faults of a person's trainer that a container would not have, and warns of what trials share."""
    script = script_of(trainer)
    project, data = (script.folder, script.data) if script else (trainer, ())
    for image in images:
        words = [word for word in image.entrypoint if not word.startswith("--python=")]  # which is the client's
        if warning := shared(image.folder, [words, *commands], project.absolute(), data):
            on_status(warning)
    if script is not None and (outside := packages_outside(script.folder, script.python)):
        named = ", ".join(f"{name} ({folder})" for name, folder in outside.items())
        on_status(
            f"Trials import editable packages from outside the project: {named}. Their changes make no other trainer, "
            "and reach a sweep that runs: leave them alone meanwhile, and train anew (--fresh) after one that matters."
        )
    programs = [fault for image in images if script and (fault := fault_of_program(script, image))]
    if script is not None and not script.has_dockerfile:  # absolute paths are this machine's
        return programs
    return [*programs, *(fault for image in images for fault in image.faults_of_processes)]


def _ran_here(image: Image, text: str, data: Path) -> "subprocess.CompletedProcess[str]":
    with tempfile.TemporaryDirectory(prefix="sweep-") as scratch:
        # A copy, as for trials: files that a check writes are not part of the image.
        root = shutil.copytree(image.folder, Path(scratch, "root"), symlinks=True)
        around = {"PATH": os.environ.get("PATH", os.defpath), keys.DATA_DIR: str(data)}
        return _process(
            image.argv_of(image.check, root),
            text,
            cwd=image.folder_in(root),
            env={**os.environ, **image.environment_in(root, around)},
        )


def _ran(engine: Engine, image: Image, text: str) -> "subprocess.CompletedProcess[str]":
    program, *words = image.check
    argv, env = engine.run_command(
        image_name(image.tag), words, options=["--rm", "--interactive", "--entrypoint", program], environment={}
    )
    return _process(argv, text, cwd=None, env=env)


def _process(
    argv: Sequence[str], text: str, *, cwd: Path | None, env: Mapping[str, str]
) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        argv,
        cwd=cwd,
        env=dict(env),
        input=text,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        timeout=TIMEOUT_SECONDS,
        check=False,
    )
