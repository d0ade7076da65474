"""The error tree.

SweepError                 everything that stepsweep raises on purpose
├── InvalidInput           the request cannot be done; carries every fault, not only the first
│   └── InvalidSweep       ... in the input of a sweep
├── InvalidDocument        a stored document that is not what its reader expects; names the field
└── InvalidMetrics         a metrics file that cannot be trusted
"""

from collections.abc import Sequence

MAX_FAULTS = 50
"""Of one input. A list of 10,000 wrong choices has as many, and an execution's cause holds 32,768 characters:
https://docs.aws.amazon.com/step-functions/latest/apireference/API_ExecutionFailedEventDetails.html"""


class SweepError(Exception):
    """The root of the tree: an error whose message is written for a person."""


class InvalidInput(SweepError):
    """Input that breaks rules, with one fault a rule that is broken.

    Attributes:
        faults: at least one sentence, each naming the field, the rule, the value and what to write instead; behind
            `MAX_FAULTS` of them, one that says how many more there are.
    """

    def __init__(self, faults: Sequence[str]) -> None:
        more = len(faults) - MAX_FAULTS
        self.faults = (*faults[:MAX_FAULTS], *([f"and {more} more of the like"] if more > 0 else []))
        super().__init__("\n".join(self.faults))


class InvalidSweep(InvalidInput):
    """The input of a sweep breaks its rules. Raised before anything is started."""


class InvalidMetrics(SweepError):
    """A metrics file that is not exactly what the contract says, with the place and the reason."""


class InvalidDocument(SweepError):
    """A stored document that breaks its own rules; the message names the object, the field and the value."""
