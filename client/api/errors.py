"""Errors of a sweep without a winner; `contract.errors` has the rest of the tree."""

from collections.abc import Sequence

from stepsweep.contract.errors import SweepError


class NoWinner(SweepError):
    """There is no winner or front yet: the sweep is running, or was interrupted. Or it has the other of the two."""


class SweepFailed(SweepError):
    """A sweep ended without a winner.

    Attributes:
        sweep: the sweep's name.
        error: Step Functions' name of the error, such as `NoTrialSucceeded`.
        reasons: lines that say why.
    """

    def __init__(self, sweep: str, error: str, reasons: Sequence[str]) -> None:
        self.sweep, self.error, self.reasons = sweep, error, tuple(reasons)
        super().__init__("\n".join([f"the sweep {sweep} failed: {error}", *reasons]))
