"""Runs the trainer's own check of a sweep before it starts, if its image has one.

The image label `stepsweep.check` names a command. It reads the trials' command lines as a JSON list from standard
input, and prints a JSON list of faults. stepsweep's own trainer reports invalid options and missing data sets this way.
"""

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from stepsweep.contract import keys
from stepsweep.contract.errors import SweepError
from stepsweep.local.cloud import assembly_of, data_folder, joined
from stepsweep.local.images import images_of
from stepsweep.local.template import stack_of

TIMEOUT_SECONDS = 60.0


class CheckFailed(SweepError):
    """The trainer's own check failed to run."""


def faults_of(
    directory: Path, commands: Sequence[Sequence[str]], *, trainer: Path | None, on_status: Callable[[str], None]
) -> list[str]:
    """Returns the faults of command lines of the trainer; none if its image has no check.

    Args:
        directory: the embedded cloud's folder; the cloud need not be up.
        trainer: the trainer's folder, as for `embedded_cloud`; a running cloud uses its own.

    Raises:
        CheckFailed: the check itself failed.
        SynthFailed: the stack could not be synthesized.
    """
    endpoint = joined(directory)
    if endpoint is not None:
        assembly = Path(endpoint.assembly)
    else:
        assembly = assembly_of(directory, trainer=trainer, on_status=on_status)
    faults: list[str] = []
    for image in images_of(assembly, stack_of(assembly)).values():
        if image.faults:
            faults += image.faults
        elif image.check:
            with tempfile.TemporaryDirectory(prefix="sweep-") as scratch:
                # A copy, as for trials: files that a check writes are not part of the image.
                root = shutil.copytree(image.folder, Path(scratch, "root"), symlinks=True)
                around = {"PATH": os.environ.get("PATH", os.defpath), keys.DATA_DIR: str(data_folder(directory))}
                ended = subprocess.run(
                    image.argv_of(image.check, root),
                    cwd=image.folder_in(root),
                    env={**os.environ, **image.environment_in(root, around)},
                    input=json.dumps([list(command) for command in commands]),
                    capture_output=True,
                    encoding="utf-8",
                    errors="replace",
                    timeout=TIMEOUT_SECONDS,
                    check=False,
                )
            if ended.returncode:
                said = ended.stderr.strip().splitlines()[-1:] or [f"exit code {ended.returncode}"]
                raise CheckFailed(f"the trainer's check ({' '.join(image.check)}) failed: {said[0]}")
            faults += json.loads(ended.stdout)
    return faults
