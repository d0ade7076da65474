"""The trial kit. `stepsweep-trial` makes any command a trial; the names here are for scripts that like a library.

    from stepsweep import trial

    model = train(lr=trial.params["lr"])
    trial.report(val_loss=model.loss)

By hand, outside of a sweep, `params` are those of the command line, and `report` prints.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stepsweep.trial import names, script, values

if TYPE_CHECKING:
    params: dict[str, Any]
    """The trial's options, `epochs` and `seed` among them: numbers, booleans, lists and texts by name."""
    checkpoint_dir: Path
    """What is written here, the trial's next attempt finds here. By hand it is a temporary folder."""
    artifacts_dir: Path
    """What is left here is kept with the trial. By hand it is the folder `artifacts`."""

__all__ = ["artifacts_dir", "checkpoint_dir", "main", "params", "report"]

_reporter = script.Reporter(
    Path(os.environ[names.REPORT]) if names.REPORT in os.environ else None,
    silent=os.environ.get("RANK", "0") != "0",
)


def report(metrics: Mapping[str, Any] | None = None, /, *, epoch: float | None = None, **more: Any) -> bool:
    """Reports a row of metrics, and returns whether to stop: the job is about to be killed, and will be tried again.

    Values are numbers; scalars of NumPy and PyTorch are too. Without `epoch`, the n-th value of a name is epoch n. In a
    distributed training the process with `RANK` 0 reports; the others do nothing.

    Raises:
        TypeError: a value is no number.
        ValueError: the epoch is no number from 0, or there are no metrics.
    """
    return _reporter.report({**(metrics or {}), **more}, epoch)


def main(function: Callable[..., Any]) -> None:
    """Calls the function with the params as its arguments.

    A number or a dict of numbers that it returns is reported as the metrics of one epoch; a number alone is `score`.

    Raises:
        SystemExit: the params are not the function's arguments; exit code 2, and a line for each fault.
    """
    script.call(function, sys.modules[__name__].params, _reporter)


def __getattr__(name: str) -> Any:
    value: Any
    if name == "params":
        text = os.environ.get(names.PARAMS)
        if text is None:
            value = values.from_words(sys.argv[1:])
        else:
            import json

            value = json.loads(text)
    elif name == "checkpoint_dir":
        value = _folder(names.CHECKPOINT_DIR)
    elif name == "artifacts_dir":
        value = _folder(names.ARTIFACTS_DIR, by_hand="artifacts")
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def _folder(variable: str, by_hand: str | None = None) -> Path:
    if variable in os.environ:
        return Path(os.environ[variable])
    if by_hand is None:
        import atexit
        import shutil
        import tempfile

        temporary = tempfile.mkdtemp(prefix="stepsweep-trial-")
        atexit.register(shutil.rmtree, temporary, ignore_errors=True)
        return Path(temporary)
    folder = Path(by_hand)
    folder.mkdir(exist_ok=True)
    return folder
