"""Whether this machine can start the program of a script's command, without which every trial fails."""

import difflib
import os
import shutil
import sys
from pathlib import Path

from stepsweep.local.images import Image
from stepsweep.trainer_script import Script
from stepsweep.trial.command import PLACEHOLDER

NEAR = ("python", "python3", "bash", "sh", "uv", "poetry", "conda", "torchrun", "accelerate")


def fault_of_program(script: Script, image: Image) -> str | None:
    """Returns why trials on this machine cannot start the program; None if they can.

    Args:
        image: the image of the script.
    """
    program = script.program
    if PLACEHOLDER.search(program):
        return None
    if "/" in program:
        return _fault_of_file(program, image)
    own = [str(Path(python).parent) for python in (script.python, sys.executable) if python]
    around = os.pathsep.join([*own, os.environ.get("PATH", os.defpath)])
    if shutil.which(program, path=image.environment_in(image.folder, {"PATH": around})["PATH"]):
        return None
    if (script.folder / program).is_file():
        remedy = f"write ./{program}, or its interpreter before it, such as python {program}"
    elif near := difflib.get_close_matches(program, NEAR, n=1):
        remedy = f"did you mean {near[0]}?"
    else:
        remedy = "install it, or name one that is there"
    return f"command: there is no program {program} in the PATH; {remedy}"


def _fault_of_file(program: str, image: Image) -> str | None:
    file = image.folder_in(image.folder) / program
    if not file.is_file():
        return f"command: trials do not get {program}, since .gitignore or .dockerignore has it; take it out there"
    if os.access(file, os.X_OK):
        return None
    return f"command: {program} is not executable; run chmod +x {program}, or write its interpreter before it"
