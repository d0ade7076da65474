"""The virtual environment of the tools to compare with, created on demand from benchmarks/requirements.lock."""

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

from benchmarks.timing import ROOT, WORK

LOCK = ROOT / "benchmarks" / "requirements.lock"


def python() -> Path:
    """Returns a Python that has Ray and joblib. Installs them if necessary, which takes about a minute."""
    folder = WORK / f"peers-{hashlib.sha256(LOCK.read_bytes()).hexdigest()[:12]}"
    interpreter = folder / "bin" / "python"
    if (folder / "installed").exists():
        return interpreter
    print(f"installing {LOCK.relative_to(ROOT)} …", flush=True)
    shutil.rmtree(folder, ignore_errors=True)
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    pip = [str(interpreter), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile"]
    subprocess.run([*pip, "--require-hashes", "-r", str(LOCK)], check=True)
    (folder / "installed").touch()
    return interpreter
