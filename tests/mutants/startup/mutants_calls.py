"""Python imports this when it starts in a copy: it writes down which functions each test calls, in any process.

mutmut's trampolines tell of each call, but only to the process that was called, and tests of the trainer and the trial
kit start others. pytest names its test in the environment, so a child process knows it too.
"""

import os

file = os.environ.get("MUTANTS_CALLS", "")

if file:
    from mutmut.mutation import trampoline

    _written: set[tuple[str, str]] = set()
    _pytest = os.environ.setdefault("MUTANTS_PYTEST", str(os.getpid()))

    def _write(name: str, caller: str | None = None) -> None:
        if (test := os.environ.get("PYTEST_CURRENT_TEST")) and (test, name) not in _written:
            _written.add((test, name))
            where = "here" if str(os.getpid()) == _pytest else "elsewhere"
            with open(file, "a") as calls:  # noqa: PTH123  one short write, which other processes do not split
                calls.write(f"{name}\t{test.rpartition(' (')[0]}\t{where}\n")

    trampoline.record_trampoline_hit = _write
