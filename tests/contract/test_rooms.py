"""The contract needs the standard library only: a user's own container may hold nothing else."""

import subprocess
import sys
from pathlib import Path

import stepsweep.contract

ROOT = Path(stepsweep.contract.__file__).parent


def test_every_module_is_imported_by_a_python_without_any_package() -> None:
    modules = [f"stepsweep.contract.{path.stem}" for path in ROOT.glob("*.py") if path.stem != "__init__"]
    program = f"import sys; sys.path.insert(0, {str(ROOT.parent.parent)!r}); import {', '.join(modules)}"
    # -S: without site-packages; -I: without the environment's paths
    ended = subprocess.run([sys.executable, "-I", "-S", "-c", program], capture_output=True, text=True, check=False)
    assert ended.stderr == ""
    assert ended.returncode == 0
