"""The error tree.

SweepError                 every error that stepsweep raises on purpose
├── InvalidInput           a request is invalid; lists every fault, not only the first
│   └── InvalidSweep       ... in the input of a sweep
├── InvalidDocument        a stored document breaks its schema; names the field
│   └── LostRecord         ... or is missing, and a resumed sweep writes it anew
└── InvalidMetrics         a metrics file breaks the contract
    └── Diverged           ... only in that its objective is not finite
"""

from collections.abc import Sequence

MAX_FAULTS = 50
"""Faults reported per input. A list of 10,000 wrong choices has more, but an execution's cause holds 32,768 characters:
https://docs.aws.amazon.com/step-functions/latest/apireference/API_ExecutionFailedEventDetails.html"""


class SweepError(Exception):
    """The root of the tree. Its message is written for people."""


class InvalidInput(SweepError):
    """The input breaks rules, with one fault per broken rule.

    Attributes:
        faults: at least one sentence; each names the field, the rule, the value and what to write instead. After
            `MAX_FAULTS` of them, one sentence gives the number of the rest.
    """

    def __init__(self, faults: Sequence[str]) -> None:
        more = len(faults) - MAX_FAULTS
        self.faults = (*faults[:MAX_FAULTS], *([f"and {more} more of the like"] if more > 0 else []))
        super().__init__("\n".join(self.faults))


class InvalidSweep(InvalidInput):
    """The input of a sweep breaks rules. Raised before anything starts."""


class InvalidMetrics(SweepError):
    """A metrics file breaks the contract. The message names the place and the reason."""


class Diverged(InvalidMetrics):
    """The objective is not finite, and nothing else is wrong. That is the params' fault, not the script's."""


class InvalidDocument(SweepError):
    """A stored document breaks its schema. The message names the object, the field and the value."""


class LostRecord(InvalidDocument):
    """A record of a sweep is missing or breaks its schema, and follows from others: a resumed sweep writes it anew."""
