"""Whether this machine can start the program of a script's command, without which every trial fails."""

import difflib
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from stepsweep.local.stages import last_stage
from stepsweep.spec_files import pattern_of
from stepsweep.trainer_files import ignore_file_of, script_files
from stepsweep.trainer_script import Script
from stepsweep.trial.command import PLACEHOLDER

if TYPE_CHECKING:
    from stepsweep.local.images import Image

SCRIPTS = (".py", ".sh", ".R", ".jl")
NEAR = ("python", "python3", "bash", "sh", "uv", "poetry", "conda", "torchrun", "accelerate")


def fault_of_program(script: Script, image: "Image") -> str | None:
    """Returns why trials on this machine cannot start the program; None if they can.

    Args:
        image: the image of the script.
    """
    around = {"PATH": _programs_around(script)}
    files = image.folder_in(image.folder)
    return _fault(script, files, image.environment_in(image.folder, around)["PATH"]) or _fault_of_own(
        script, lambda name: (files / name).is_file()
    )


def fault_in_folder(script: Script) -> str | None:
    """Returns what `fault_of_program` does, as far as the script's folder tells without an image of it."""
    if script.has_dockerfile:
        stage = last_stage(script.dockerfile().decode())
        if "/" in script.program or "PATH" in stage.environment:
            return None
    return _fault(script, script.folder, _programs_around(script)) or _fault_of_own(
        script, lambda name: name in script_files(script)
    )


def _programs_around(script: Script) -> str:
    own = [str(Path(python).parent) for python in (script.python, sys.executable) if python]
    return os.pathsep.join([*own, os.environ.get("PATH", os.defpath)])


def _fault(script: Script, files: Path, path: str) -> str | None:
    program = script.program
    if PLACEHOLDER.search(program):
        return None
    if "/" in program:
        return _fault_of_file(program, files)
    if shutil.which(program, path=path):
        return None
    if (script.folder / program).is_file():
        remedy = f"write ./{program}, or its interpreter before it, such as python {program}"
    elif near := difflib.get_close_matches(program, NEAR, n=1):
        remedy = f"did you mean {near[0]}?"
    else:
        remedy = "install it, or name one that is there"
    return f"command: there is no program {program} in the PATH; {remedy}"


def _fault_of_own(script: Script, is_copied: Callable[[Path], bool]) -> str | None:
    """Returns why trials lack the script itself, as train.py in `python train.py`; None if they have it."""
    word = next((Path(word) for word in script.words[1:] if Path(word).suffix in SCRIPTS), None)
    if word is None or script.has_dockerfile or word.is_absolute() or ".." in word.parts:
        return None
    shared = {Path(name) for name in script.data}
    if not (script.folder / word).is_file() or not shared.isdisjoint((word, *word.parents)) or is_copied(word):
        return None
    remedy = f"add the line !{pattern_of(word.as_posix())} at its end"
    return f"command: trials do not get {word}, since {ignore_file_of(script)} leaves it out; {remedy}"


def _fault_of_file(program: str, files: Path) -> str | None:
    file = files / program
    if not file.is_file():
        return f"command: trials do not get {program}, since .gitignore or .dockerignore has it; take it out there"
    if os.access(file, os.X_OK):
        return None
    return f"command: {program} is not executable; run chmod +x {program}, or write its interpreter before it"
