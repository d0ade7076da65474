"""What is deployed of this repository: staged file by file from an include list, never the whole folder."""

import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

FUNCTION_FILES = (
    "sweep/*.py",
    "statemachine/__init__.py",
    "statemachine/bucket.py",
    "statemachine/outcomes.py",
    "statemachine/planner.py",
    "statemachine/reducer.py",
    "statemachine/sampler.py",
)
"""The Lambda functions: standard library and boto3, which the runtime brings, and in one of them a layer's packages
(`stack/sampler_packages.py`). Never definition.py: that is CDK's."""

TRAINER_FILES = ("sweep/*.py", "trainer/*.py", "trainer/Dockerfile", "trainer/requirements.lock")


def staged(patterns: Iterable[str]) -> str:
    """Copies the files into a new folder and returns its path. Its content is a function of the files' alone.

    Raises:
        FileNotFoundError: a pattern matches nothing.
    """
    folder = Path(tempfile.mkdtemp(prefix="stepsweep-"))
    for pattern in patterns:
        files = sorted(ROOT.glob(pattern))
        if not files:
            raise FileNotFoundError(f"no file matches {pattern} in {ROOT}")
        for file in files:
            target = folder / file.relative_to(ROOT)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, target)
            target.chmod(0o644)
    return str(folder)
