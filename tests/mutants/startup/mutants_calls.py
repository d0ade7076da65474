"""Seeded code imports this: it writes down which functions each test calls, in any process.

mutmut's trampolines tell of each call, but only to the process that was called, and tests start others. pytest names
its test in the environment, and whether it is being set up, so a child process knows it too.
"""

import os

from mutmut.mutation import trampoline

file = os.environ.get("MUTANTS_CALLS", "")

_written: set[tuple[str, str]] = set()


def _write(name: str, caller: str | None = None) -> None:
    test = os.environ.get("PYTEST_CURRENT_TEST", "")
    if file and test and (test, name) not in _written:
        _written.add((test, name))
        test, _, phase = test.removesuffix(")").rpartition(" (")
        with open(file, "a", encoding="utf-8") as calls:  # noqa: PTH123  one short write, which other processes do not split
            calls.write(f"{name}\t{test}\t{phase}\n")


trampoline.record_trampoline_hit = _write
