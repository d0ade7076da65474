"""The names of executions: how a sweep's are made, and which executions are a sweep's by their names."""

import re
from collections.abc import Sequence

MAX_EXECUTION_NAME = 80
"""https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html"""
SUFFIX_BYTES = 4


def of_sweep(name: str, executions: Sequence[str]) -> list[str]:
    """Returns the executions of a sweep."""
    return [arn for arn in executions if swept_by(name, arn.rpartition(":")[2])]


def swept_by(sweep: str, execution: str) -> bool:
    """Whether an execution's name is one of a sweep's: one of ours, or that of a sweep which was started elsewhere."""
    ours = rf"{re.escape(execution_prefix(sweep))}-[0-9a-f]{{{2 * SUFFIX_BYTES}}}|{re.escape(sweep)}"
    return re.fullmatch(ours, execution) is not None


def is_named_by_us(arn: str) -> bool:
    """Whether an execution's name ends as those that the client gives."""
    return re.search(rf"-[0-9a-f]{{{2 * SUFFIX_BYTES}}}$", arn) is not None


def execution_prefix(sweep: str) -> str:
    return sweep[: MAX_EXECUTION_NAME - 1 - 2 * SUFFIX_BYTES]
