"""What a trainer says about a sweep before it starts, where its image has something to ask.

An image may name a command in its label `stepsweep.check`. It is given the command lines of trials as a JSON list on
standard input, and prints a JSON list of faults; stepsweep's own trainer finds wrong options and missing data sets so.
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
from stepsweep.local.cloud import assembly_of, data_folder, joined, stack_of
from stepsweep.local.images import images_of

TIMEOUT_SECONDS = 60.0

OPTIONS_ARE_DROPPED = (
    "the trainer's Dockerfile: its ENTRYPOINT must be a JSON list, or options of a trial are dropped; write "
    'it as ENTRYPOINT ["python", "-m", "stepsweep.trainer"]'
)


class CheckFailed(SweepError):
    """The trainer's own check broke."""


def faults_of(
    directory: Path, commands: Sequence[Sequence[str]], *, trainer: Path | None, on_status: Callable[[str], None]
) -> list[str]:
    """Returns what is wrong with command lines of the trainer; nothing where its image has no check.

    Args:
        directory: of the embedded cloud, which need not be up.
        trainer: as `embedded_cloud` has it; of one that is up, its own is asked.

    Raises:
        CheckFailed: the check itself did not work.
        SynthFailed: the template cannot be made.
    """
    endpoint = joined(directory)
    if endpoint is not None:
        assembly = Path(endpoint.assembly)
    else:
        assembly = assembly_of(directory, trainer=trainer, on_status=on_status)
    faults: list[str] = []
    for image in images_of(assembly, stack_of(assembly)).values():
        if image.drops_options:
            faults.append(OPTIONS_ARE_DROPPED)
        elif image.check:
            with tempfile.TemporaryDirectory(prefix="sweep-") as scratch:
                ended = subprocess.run(
                    image.argv_of(image.check),
                    # A copy, as trials have one: what a check writes is no part of the image.
                    cwd=shutil.copytree(image.folder, Path(scratch, "work"), symlinks=True),
                    env={**os.environ, **image.environment, keys.DATA_DIR: str(data_folder(directory))},
                    input=json.dumps([list(command) for command in commands]),
                    capture_output=True,
                    text=True,
                    timeout=TIMEOUT_SECONDS,
                    check=False,
                )
            if ended.returncode:
                said = ended.stderr.strip().splitlines()[-1:] or [f"exit code {ended.returncode}"]
                raise CheckFailed(f"the trainer's check ({' '.join(image.check)}) failed: {said[0]}")
            faults += json.loads(ended.stdout)
    return faults
