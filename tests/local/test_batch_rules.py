"""When Batch tries again: https://docs.aws.amazon.com/batch/latest/APIReference/API_EvaluateOnExit.html"""

from typing import Any

import pytest

from stepsweep.local.batch import retries
from tests.support.embedded import Cloud

EXITED = "Essential container in task exited"
SPOT = "Host EC2 (instance i-0123456789abcdef0) terminated."


def attempt(*, status: str | None = EXITED, reason: str | None = None, exit_code: int | None = None) -> dict[str, Any]:
    """Returns an attempt as DescribeJobs shows it: what is not known is not there."""
    container = {"reason": reason, "exitCode": exit_code}
    shown = {"container": {name: value for name, value in container.items() if value is not None}}
    return shown if status is None else {**shown, "statusReason": status}


def rules(*rules: dict[str, str]) -> dict[str, Any]:
    return {"attempts": 5, "evaluateOnExit": list(rules)}


@pytest.fixture(scope="module")
def this_stacks(cloud: Cloud) -> dict[str, Any]:
    """The retry strategy of this stack's job definition, as CDK synthesizes it."""
    definitions = cloud.client("batch").describe_job_definitions(status="ACTIVE")["jobDefinitions"]
    found: list[dict[str, Any]] = [
        each["retryStrategy"] for each in definitions if "Stepsweep" in each["jobDefinitionName"]
    ]
    return found[-1]


@pytest.mark.parametrize(
    ("ended", "again"),
    [
        (attempt(exit_code=1), False),
        (attempt(exit_code=137, reason="OutOfMemoryError: Container killed due to memory usage"), False),
        (attempt(exit_code=75), True),
        (attempt(exit_code=175), False),
        (attempt(status=SPOT), True),
        (attempt(status=SPOT, exit_code=137), True),
        (attempt(status="Task failed to start", reason="CannotPullContainerError: no such image"), True),
        (attempt(status="Task failed to start", reason="CannotPullImageManifestError: no such image"), True),
        (attempt(status="Task failed to start", reason="CannotStartContainerError: no such file"), True),
        (attempt(status="Task failed to start", reason="DockerTimeoutError: Could not transition to started"), True),
        (attempt(status="Task failed to start"), True),
        (attempt(status=None), True),
    ],
)
def test_this_stacks_rules_try_again_what_another_machine_may_do_better(
    this_stacks: dict[str, Any], ended: dict[str, Any], again: bool
) -> None:
    assert retries(this_stacks, ended) is again


@pytest.mark.parametrize("strategy", [{}, {"attempts": 3}, rules(), rules({"action": "EXIT", "onExitCode": "2"})])
def test_what_no_rule_matches_is_tried_again(strategy: dict[str, Any]) -> None:
    assert retries(strategy, attempt(exit_code=1))


def test_the_first_rule_that_matches_decides() -> None:
    first, second = {"action": "EXIT", "onExitCode": "1"}, {"action": "RETRY", "onExitCode": "*"}
    assert not retries(rules(first, second), attempt(exit_code=1))
    assert retries(rules(second, first), attempt(exit_code=1))


def test_a_rule_matches_when_all_of_its_patterns_do() -> None:
    strategy = rules({"action": "EXIT", "onExitCode": "1", "onReason": "Out*"})
    assert not retries(strategy, attempt(exit_code=1, reason="OutOfMemoryError"))
    assert retries(strategy, attempt(exit_code=1))
    assert retries(strategy, attempt(exit_code=2, reason="OutOfMemoryError"))


@pytest.mark.parametrize(
    ("pattern", "reason", "matches"),
    [
        ("Host EC2*", "Host EC2 (instance i-1) terminated.", True),
        ("Host EC2*", "host ec2 (instance i-1) terminated.", False),
        ("Host EC2", "Host EC2 (instance i-1) terminated.", False),
        ("*", "", True),
        ("*", None, True),
        ("a*b", "aXb", False),
        ("a*b", "a*b", True),
        ("a*b*", "a*bc", True),
        ("a?c", "abc", False),
        ("[a-c]", "b", False),
        ("[a-c]", "[a-c]", True),
        ("new\nline*", "new\nline and more\n", True),
    ],
)
def test_a_pattern_knows_one_sign_a_star_at_its_end(pattern: str, reason: str | None, matches: bool) -> None:
    strategy = rules({"action": "EXIT", "onReason": pattern})
    assert retries(strategy, attempt(reason=reason)) is not matches


@pytest.mark.parametrize(("pattern", "matches"), [("1", True), ("1*", True), ("13*", False), ("*", True), ("2", False)])
def test_exit_codes_are_compared_as_texts(pattern: str, matches: bool) -> None:
    assert retries(rules({"action": "EXIT", "onExitCode": pattern}), attempt(exit_code=1)) is not matches


def test_an_exit_code_of_zero_is_not_a_missing_one() -> None:
    strategy = rules({"action": "EXIT", "onExitCode": "0"})
    assert not retries(strategy, attempt(exit_code=0))
    assert retries(strategy, attempt())


@pytest.mark.parametrize("action", ["RETRY", "retry", "Retry"])
def test_actions_are_the_same_in_capitals(action: str) -> None:
    assert retries(
        rules({"action": action, "onExitCode": "1"}, {"action": "exit", "onReason": "*"}), attempt(exit_code=1)
    )
