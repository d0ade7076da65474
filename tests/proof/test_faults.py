"""The mutation test of the proof: a fault seeded into the stack is found."""

from dataclasses import replace

import pytest

from tests.proof.checks import CHECKS
from tests.proof.checks.check import Check
from tests.proof.faults import FAULTS
from tests.proof.proof import Proof

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
def test_a_definition_without_faults_passes_with_its_names_written_out(proof: Proof, check: Check) -> None:
    """As the definitions with faults are: or that would be what is found."""
    subject = proof.subjects["default"]
    assert check.of(replace(subject, rendered=subject.definition)) == []


def test_every_fault_is_found_but_those_that_say_why_not(proof: Proof) -> None:
    missed = {fault.says for fault, names in zip(FAULTS, proof.found, strict=True) if not names}
    assert missed == {fault.says for fault in FAULTS if fault.missed_because}


def test_at_least_38_of_40_faults_are_found(proof: Proof) -> None:
    assert len({fault.says for fault in FAULTS}) == len(FAULTS) >= 40
    found = sum(map(bool, proof.found))
    assert found / len(FAULTS) >= 38 / 40


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
def test_no_check_is_idle(proof: Proof, check: Check) -> None:
    assert any(check.name in names for names in proof.found)
