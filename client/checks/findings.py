"""The findings of checks: one small value per check, for people and scripts."""

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from botocore import exceptions as aws

from stepsweep.client.deployment import explanation, is_denied
from stepsweep.contract.described import printable

Clients = Callable[[str], Any]
"""Returns the client of a service by its boto3 name."""

ACTIONS = {"ListObjectsV2": "ListBucket", "ListBuckets": "ListAllMyBuckets"}
"""S3 operations whose permission has another name."""
SERVICES = {"DescribeJobDefinitions": "batch", "ListStackResources": "cloudformation"}
"""Operations that questions about other services need too."""

NEVER = "no job will ever start on these machines"


class State(StrEnum):
    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"
    UNKNOWN = "unknown"
    """Of a self-test: nothing was seen that shows it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """The finding of one check.

    Attributes:
        found: a sentence without its full stop.
        remedy: what to do about it; empty if there is nothing to do.
    """

    check: str
    state: State
    found: str
    remedy: str = ""

    def to_json(self) -> dict[str, str]:
        return asdict(self)


def is_a_problem(findings: Iterable[Finding]) -> bool:
    return any(finding.state is State.PROBLEM for finding in findings)


def asked(
    check: str, question: Callable[[], list[Finding]], *, service: str, unanswered: State, profile: str | None
) -> list[Finding]:
    """Returns the findings of a question. If AWS does not answer, that is a finding too, never an error.

    Args:
        service: the service's prefix in IAM actions.
        unanswered: state to report when a permission is missing.
    """
    try:
        return question()
    except aws.ClientError as error:
        if not is_denied(error):
            return [Finding(check=check, state=State.PROBLEM, found=str(explanation(error, profile=profile)))]
        operation = error.operation_name
        action = f"{SERVICES.get(operation, service)}:{ACTIONS.get(operation, operation)}"
        return [
            Finding(
                check=check,
                state=unanswered,
                found=f"could not be checked: these credentials may not {action}",
                remedy=f"have {action} allowed, or ask somebody who may",
            )
        ]
    except aws.BotoCoreError as error:
        return [Finding(check=check, state=State.PROBLEM, found=str(explanation(error, profile=profile)))]


def counted(names: Iterable[str], *, most: int = 3) -> str:
    """Returns the first few names, and the number of the rest."""
    every = list(names)
    more = f" and {len(every) - most:,} more" if len(every) > most else ""
    return ", ".join(every[:most]) + more


def one_line(text: str) -> str:
    """Returns a text of a service or a trainer without line ends and control characters."""
    return " ".join(printable(text).split())
