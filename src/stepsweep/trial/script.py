"""What a script calls, in a sweep and by hand: `report` and `main`. The standard library only."""

from __future__ import annotations

import contextlib
import json
import math
import os
import re
import signal
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from stepsweep.trial.names import TOLD

SCORE = "score"
"""The metric's name where a function returns a number alone."""


class Reporter:
    """Reports rows of metrics.

    Args:
        file: where the wrapper reads them; None by hand.
        silent: whether to report nothing, in all processes but one of a distributed training.
    """

    def __init__(self, file: Path | None, *, silent: bool) -> None:
        self._file, self._silent = file, silent
        self._stop = self._told = self._listens = False
        self.reported = False

    def report(self, metrics: Mapping[str, Any], epoch: float | None) -> bool:
        """Prints a row, hands it to the wrapper, and returns whether to stop.

        Raises:
            TypeError: a value is no number.
            ValueError: the epoch is no number from 0, or there are no metrics.
        """
        if not metrics:
            raise ValueError("trial.report: no metrics; write trial.report(val_loss=0.25)")
        row: dict[str, float] = {}
        if epoch is not None:
            row["epoch"] = _epoch(epoch)
        row.update({name: _number(name, value) for name, value in metrics.items()})
        self._listen()
        stop = self._stop
        if self._silent:
            return stop
        self.reported = True
        print(
            " ".join(f"epoch {value:.10g}" if name == "epoch" else f"{name}={value!r}" for name, value in row.items())
        )
        sys.stdout.flush()
        if self._file:
            with self._file.open("a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n" + (f"{TOLD}\n" if stop and not self._told else ""))
        self._told = stop
        return stop

    def _listen(self) -> None:
        """From the first report on, SIGTERM asks the script to stop, unless the script has a handler of its own."""
        if self._listens or self._file is None or threading.current_thread() is not threading.main_thread():
            return
        self._listens = True
        if signal.getsignal(signal.SIGTERM) != signal.SIG_DFL:
            return

        def stop(_number: int, _frame: object) -> None:
            self._stop = True

        signal.signal(signal.SIGTERM, stop)
        # Workers of a data loader or a pool are ended by SIGTERM. One that comes while Python forks would get lost.
        masks: list[set[signal.Signals | int]] = []

        def in_worker() -> None:
            if signal.getsignal(signal.SIGTERM) is stop:
                signal.signal(signal.SIGTERM, signal.SIG_DFL)
            unblock()

        def unblock() -> None:
            signal.pthread_sigmask(signal.SIG_SETMASK, masks.pop())

        if hasattr(os, "register_at_fork"):
            os.register_at_fork(
                before=lambda: masks.append(signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})),
                after_in_parent=unblock,
                after_in_child=in_worker,
            )


def call(function: Callable[..., Any], params: Mapping[str, Any], reporter: Reporter) -> None:
    """Calls the function with the params, and reports what it returns.

    Raises:
        SystemExit: its arguments are not the params.
        TypeError: it returns something else than a number, a dict of numbers, or None.
    """
    result = function(**_arguments(function, params))
    if result is None:
        return
    metrics = result if isinstance(result, Mapping) else {SCORE: result}
    if reporter.reported:
        print(f"trial.main: the function has reported its metrics, so what it returned does not count: {result}")
        return
    reporter.report(metrics, None)


def _arguments(function: Callable[..., Any], params: Mapping[str, Any]) -> dict[str, Any]:
    from inspect import Parameter, signature

    given = {re.sub(r"\W", "_", name): value for name, value in params.items()}
    taken = signature(function).parameters.values()
    if any(one.kind is Parameter.VAR_KEYWORD for one in taken):
        return given
    names = [one.name for one in taken]
    # A sweep always has these two, and not every function has a use for them.
    given = {name: value for name, value in given.items() if name in names or name not in ("epochs", "seed")}
    what = getattr(function, "__name__", "the function")
    faults = [f"--{name}: {what}() takes no {name}, it takes {', '.join(names)}" for name in given if name not in names]
    faults += [
        f"--{one.name}: missing, and {what}() needs it"
        for one in taken
        if one.name not in given and one.default is Parameter.empty and one.kind is not Parameter.VAR_POSITIONAL
    ]
    if faults:
        print(*faults, sep="\n", file=sys.stderr)
        raise SystemExit(2)
    return given


def _number(name: str, value: Any) -> float:
    if not isinstance(value, (str, bytes)):
        with contextlib.suppress(TypeError, ValueError, RuntimeError):
            return float(value)  # scalars of NumPy and PyTorch too
    raise TypeError(f"trial.report: {name} is {value!r}, which is not a number")


def _epoch(epoch: Any) -> float:
    number = _number("epoch", epoch)
    if not (math.isfinite(number) and number >= 0):
        raise ValueError(f"trial.report: epoch must be a number from 0, got {epoch!r}")
    return number
