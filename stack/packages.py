"""Stages the files that a deployment includes, from explicit lists, never whole folders.

`python -m stepsweep.stack.packages FOLDER` stages the trainer's image by hand; then
`docker build --file FOLDER/stepsweep/trainer/Dockerfile FOLDER` builds it.
"""

import atexit
import importlib.util
import os
import shutil
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

from stepsweep.stack_config import UMASK
from stepsweep.trainer_files import contents, copy, make_folders

PACKAGE = Path(__file__).parent.parent
"""The folder of the package `stepsweep`, in a clone or in site-packages."""

FUNCTION_FILES = (
    "__init__.py",
    "contract/*.py",
    "bucket/__init__.py",
    "bucket/artifacts.py",
    "bucket/job_logs.py",
    "bucket/outcomes.py",
    "bucket/s3.py",
    "bucket/latest.py",
    "bucket/search_log.py",
    "bucket/sweep_jobs.py",
    "bucket/trials.py",
    "statemachine/__init__.py",
    "statemachine/asker.py",
    "statemachine/axes.py",
    "statemachine/claims.py",
    "statemachine/earlier.py",
    "statemachine/guard.py",
    "statemachine/improvement.py",
    "statemachine/kept.py",
    "statemachine/log.py",
    "statemachine/notifier.py",
    "statemachine/optuna_trials.py",
    "statemachine/planner.py",
    "statemachine/sampler.py",
    "statemachine/workers.py",
)
"""The code of the Lambda functions. They use the standard library, the runtime's boto3, and in one function a layer's
packages (`stack/sampler_packages.py`). definition/ stays out: it imports CDK."""

REDUCER_FILES = (
    *FUNCTION_FILES,
    "bucket/folder.py",
    "bucket/notes.py",
    "bucket/plans.py",
    "bucket/records.py",
    "bucket/stores.py",
    "bucket/trial_files.py",
    "page/*.css",
    "page/*.html",
    "page/*.js",
    "page/*.py",
    "statemachine/conclusion.py",
    "statemachine/leg.py",
    "statemachine/reducer.py",
    "statemachine/report.py",
    "statemachine/spending.py",
)
"""What the reducer has, which also leaves a page: `staged_reducer` adds Plotly's script."""

TRAINER_FILES = ("__init__.py", "contract/*.py", "trainer/*.py", "trainer/Dockerfile", "trainer/requirements.lock")


def staged(patterns: Iterable[str], folder: Path | None = None) -> str:
    """Copies files of the package to `stepsweep/` below a folder, and returns the folder's path.

    The folder's content depends only on the files' content.

    Args:
        folder: must be new or empty; by default a new temporary folder that is deleted when this process ends.

    Raises:
        FileNotFoundError: a pattern matches nothing.
    """
    folder = folder or _temporary()
    for pattern in patterns:
        files = sorted(PACKAGE.glob(pattern))
        if not files:
            raise FileNotFoundError(f"no file matches {pattern} in {PACKAGE}")
        for file in files:
            target = folder / PACKAGE.name / file.relative_to(PACKAGE)
            make_folders(target.parent, below=folder)
            shutil.copyfile(file, target)
            target.chmod(0o644)
    return str(folder)


def staged_reducer(folder: Path | None = None) -> str:
    """Stages the reducer as `staged` does, with Plotly's script beside the page's own, and returns the folder's path.

    Raises:
        FileNotFoundError: the package `plotly` is not installed.
    """
    spec = importlib.util.find_spec("plotly")  # importing it would take a second
    if spec is None or not spec.submodule_search_locations:
        raise FileNotFoundError("the package plotly is missing: pip install 'stepsweep[deploy]'")
    reducer = staged(REDUCER_FILES, folder)
    target = Path(reducer, PACKAGE.name, "page", "plotly.min.js")
    shutil.copyfile(Path(spec.submodule_search_locations[0], "package_data", "plotly.min.js"), target)
    target.chmod(0o644)
    return reducer


def staged_trainer(trainer: Path) -> str:
    """Copies the files of a user's trainer to a new temporary folder, and returns its path.

    Raises:
        InvalidInput: the files are too large.
    """
    folder = _temporary()
    copy(contents(trainer), folder)
    return str(folder)


def _temporary() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="stepsweep-"))
    # By then CDK has copied the folder: it does so when it creates a construct.
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


if __name__ == "__main__":
    os.umask(UMASK)
    staged(TRAINER_FILES, Path(sys.argv[1]))
