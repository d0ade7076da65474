"""How sweeps share the machines: each has a share of the job queue, and its priority decides how large that is.

A share is one of AWS Batch's fair-share policy. Batch orders jobs by `schedulingPriority` within one share only, so
between sweeps the weights of the shares decide (docs/decisions/028-a-share-for-each-sweep.md).
"""

import hashlib
import re
from enum import StrEnum

from stepsweep.contract.space import shown


class Priority(StrEnum):
    """A sweep's share of the machines when several sweeps compete."""

    HIGH = "high"
    NORMAL = "normal"
    LOW = "low"


def fault_of(raw: object) -> str:
    """Returns what is wrong with what is no priority."""
    known = ", ".join(f'"{name}"' for name in Priority)
    return f"priority: must be one of {known}, got {shown(raw)}"


WEIGHTS = {Priority.HIGH: 0.1, Priority.NORMAL: 1.0, Priority.LOW: 10.0}
"""Weight factors of the shares: Batch serves the share first whose use of vCPUs times this factor is the least.

https://docs.aws.amazon.com/batch/latest/userguide/fair-share-scheduling.html"""

REMEMBERED_SECONDS = 3_600
"""For how long the use of vCPUs counts; Batch's least, ten minutes, is shorter than many trials."""

_HASH_DIGITS = 12


def share_of(sweep: str, priority: Priority) -> str:
    """Returns the share of a sweep's jobs: `normaltutorial` and a hash.

    The weights go by how it begins. Batch takes letters and digits only, so the hash tells `a-b` from `ab`.
    """
    letters = re.sub(r"[^A-Za-z0-9]", "", sweep)
    return f"{priority}{letters}{hashlib.sha256(sweep.encode()).hexdigest()[:_HASH_DIGITS]}"
