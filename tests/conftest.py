"""The order of the test files, and what thousands of tests in a process need not do again."""

import functools
import gc
import os
from pathlib import Path

import hypothesis  # noqa: F401  first: it looks through all objects that there are, which takes seconds later
import pytest
from botocore import session

HERE = Path(__file__).resolve().parent

SLOWEST = (
    "local/test_means.py",
    "client/test_life.py",
    "local/test_sweep.py",
    "proof/test_stack.py",
    "local/test_folders.py",
    "faults/test_faults.py",
    "api/test_python.py",
    "local/test_access.py",
    "examples/test_searches.py",
    "examples/test_your_trainer.py",
    "examples/test_scripts.py",
    "client/test_life_on_aws.py",
    "examples/test_notebooks.py",
    "proof/test_faults.py",
    "local/test_jobs.py",
    "local/test_doors.py",
    "local/test_patches.py",
    "local/test_host.py",
    "local/test_cloud.py",
    "client/test_ui_browser.py",
    "client/test_report_browser.py",
    "client/test_ui.py",
    "client/test_doctor.py",
    "trainer/test_trial.py",
    "trial/test_sweep.py",
    "trial/test_checkpoint.py",
    "trial/test_median.py",
    "trainer/test_train.py",
    "test_main_job.py",
    "local/test_deploy.py",
    "statemachine/test_free_running.py",
    "client/test_outputs.py",
    "frameworks/test_trackers.py",
    "client/test_ui_requests.py",
    "client/test_selftest_on_aws.py",
    "client/test_prices.py",
    "trial/test_process.py",
    "trial/test_library.py",
)
"""Test files that come first. A process runs whole files: one of these begun last would keep one process busy alone."""


PERSONAL = (
    "AWS_",
    "CDK_",
    "COLUMNS",
    "LINES",
    "NO_COLOR",
    "FORCE_COLOR",
    "CLICOLOR",
    "STEPSWEEP_DIR",
    "STEPSWEEP_TRAINER",
)
"""Prefixes of variables that a person's shell may have, and that change what commands do."""


def pytest_configure() -> None:
    """Keeps the settings and the cache of the person who runs the tests away from them.

    Collects no garbage while tests are imported: what they import stays, and to look through it takes seconds.

    Each session of botocore parses the models of its services anew, which took a third of the time of tests in a
    process: all share one loader of them.
    """
    for name in [name for name in os.environ if name.startswith(PERSONAL)]:
        del os.environ[name]
    os.environ["XDG_CACHE_HOME"] = str(HERE.parent / ".stepsweep" / "tests" / "cache")
    # Where CDK unpacks its library by default, but for tests with a home of their own too: it takes seven seconds.
    os.environ["JSII_RUNTIME_PACKAGE_CACHE_ROOT"] = str(Path.home() / ".cache" / "aws" / "jsii" / "package-cache")
    gc.disable()
    session.create_loader = functools.cache(session.create_loader)


def pytest_collection_finish() -> None:
    gc.freeze()  # what was imported is looked through no more
    # By default Python looks after each 700 new objects, which takes a twentieth of the tests' time.
    gc.set_threshold(50_000, 20, 50)
    gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    places = {HERE / name: number for number, name in enumerate(SLOWEST)}
    if missing := [str(file) for file in places if not file.is_file()]:
        raise pytest.UsageError(f"{__file__}: SLOWEST names files that do not exist: {', '.join(missing)}")
    items.sort(key=lambda item: places.get(item.path, len(places)))
