"""Which failures have one reason."""

import pytest

from stepsweep.contract.alike import by_reason
from stepsweep.contract.trial import Outcome, Status


def failed(*reasons: str) -> list[Outcome]:
    return [Outcome(trial_id=str(at), status=Status.FAILED, reason=reason) for at, reason in enumerate(reasons)]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("exit code 1: ValueError: lr=0.1 is too large", "exit code 1: ValueError: lr=1e-05 is too large"),
        ("exit code 1: no such file: /tmp/a/model.pt", "exit code 1: no such file: /tmp/b/model.pt"),
        ("loss is nan at epoch 1: the trial diverged", "loss is nan at epoch 12: the trial diverged"),
        ("<Box at 0x7f2f2805ea00>", "<Box at 0x7f2f2805eb10>"),
        (f"cannot write s3://b/x-1: {'no room ' * 30}"[:200], f"cannot write s3://b/x-0001: {'no room ' * 30}"[:200]),
    ],
)
def test_reasons_that_differ_in_values_only_are_one_which_says_so(one: str, other: str) -> None:
    (alike,) = by_reason(failed(one, other))
    assert (alike.status, alike.reason, len(alike.members)) == ("FAILED", f"{one} (or with other values)", 2)
    assert by_reason(failed(one, one))[0].reason == one


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("exit code 1: Killed", "exit code 137: Killed"),
        ("exit code 11", "exit code 1"),
        ("exit code 1: ValueError: lr", "exit code 1: KeyError: lr"),
    ],
)
def test_other_exit_codes_and_other_words_are_other_reasons(one: str, other: str) -> None:
    assert [alike.reason for alike in by_reason(failed(one, other, other))] == [other, one]


def test_a_status_of_its_own_is_a_reason_of_its_own() -> None:
    outcomes = [*failed("no"), Outcome(trial_id="x", status=Status.INVALID, reason="no")]
    assert [(alike.status, alike.reason) for alike in by_reason(outcomes)] == [("FAILED", "no"), ("INVALID", "no")]
