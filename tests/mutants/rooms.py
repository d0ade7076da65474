"""Where `make mutants` seeds faults, and which tests should find them."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Room:
    """Where faults are seeded, the tests that should find them, and those of these that do not run in a copy.

    Attributes:
        others: files that other tests judge.
        shared: test files whose tests share what the first of them makes, such as a template: all of them may judge
            what it calls.
    """

    sources: str
    tests: Sequence[str]
    without: Sequence[str] = ()
    others: Sequence[str] = ()
    shared: Sequence[str] = ()


ROOMS = {
    # A Python without any package imports the contract in test_rooms.py, and seeded code imports mutmut.
    "contract": Room("contract", ["tests/contract"], ["tests/contract/test_rooms.py"]),
    # Functions and clients use it, and some of it is tested with them.
    "bucket": Room(
        "bucket",
        [
            "tests/bucket",
            "tests/statemachine",
            *(f"tests/local/test_{name}.py" for name in ("objects", "job_logs", "full_disk")),
            *(f"tests/client/test_{name}.py" for name in ("archive", "foreign_files")),
            "tests/contract/test_log_rules.py",
        ],
        # While no file may grow, nobody can write down which functions a test calls.
        ["tests/statemachine/test_rooms.py", "tests/local/test_objects.py::test_a_full_disk_is_named_with_the_file"],
    ),
    # The proof judges the state machine itself, which it synthesizes in a process of its own.
    "statemachine": Room(
        "statemachine",
        ["tests/statemachine"],
        ["tests/statemachine/test_rooms.py"],
        others=["free_workers.py", "guarded.py", "job.py", "round_trials.py", "states.py", "sweep.py"],
    ),
    "trainer": Room("trainer", ["tests/trainer"], ["tests/trainer/test_image.py"]),
    # A browser judges the scripts of pages. The Python of a person's script, without mutmut, runs two files. Another
    # environment has Weights & Biases (`make frameworks`).
    "client": Room(
        "client",
        ["tests/client", "tests/api"],
        ["tests/client/test_ui_browser.py", "tests/client/test_report_browser.py"],
        others=["probe.py", "installed.py", "wandb.py"],
    ),
    # A function's Python, which has the standard library alone, runs that file.
    "local": Room(
        "local",
        ["tests/local"],
        # While no file may grow, nobody can write down which functions a test calls.
        [
            "tests/local/test_objects.py::test_a_full_disk_is_named_with_the_file",
            "tests/local/test_patches.py::test_a_function_on_a_full_disk_fails_with_lambdas_own_error",
            "tests/local/test_patches.py::test_a_put_on_a_full_disk_is_an_error_that_is_tried_again",
        ],
        others=["lambda_runtime.py"],
    ),
    # The embedded cloud's template is kept from before the fault.
    "stack": Room(
        "stack",
        ["tests/stack", "tests/proof/test_stack.py"],
        ["tests/proof/test_stack.py::test_the_embedded_cloud_runs_what_is_deployed"],
        shared=["tests/proof/test_stack.py"],
    ),
    # A Python without any package trains there too. What waits for processes, each for seconds, has a test in one
    # process beside it.
    "trial": Room(
        "trial",
        ["tests/trial"],
        [
            "tests/trial/test_sweep.py",
            "tests/trial/test_checkpoint.py",
            "tests/trial/test_median.py::test_an_unchanged_script",
            "tests/trial/test_median.py::test_a_script_that_hears_sigterm",
            "tests/trial/test_median.py::test_a_trial_that_is_good_enough",
            "tests/trial/test_median.py::test_in_a_sweep",
            "tests/trial/test_library.py::test_the_import_is_light",
            "tests/trial/test_library.py::test_a_python_without_stepsweep",
            "tests/trial/test_trial.py::test_tensorboard_is_asked_for",
        ],
    ),
}
