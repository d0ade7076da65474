"""The stack, in every kind that a configuration makes, passes every check; and so says the CDK CLI."""

import copy
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.proof import tools
from tests.proof.checks import CHECKS
from tests.proof.checks.check import Check
from tests.proof.checks.removal import AT_REST
from tests.proof.proof import Proof
from tests.proof.summary import FOLDER, summary
from tests.proof.variants import VARIANTS


# First: it finds most faults, and `make mutants` begins with the test that synthesizes.
@pytest.mark.parametrize("variant", VARIANTS)
def test_the_stack_is_what_its_summary_says(proof: Proof, variant: str) -> None:
    """`python -m tests.proof.summary` renews the summaries: read the difference, and what is lost with an id."""
    assert summary(proof, variant) == (FOLDER / f"{variant}.txt").read_text()


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
def test_the_stack_passes_the_check(proof: Proof, check: Check, variant: str) -> None:
    assert check.of(proof.subject(variant)) == []


def test_the_cdk_cli_lists_the_stack_and_tells_what_a_deploy_changes(proof: Proof) -> None:
    assert list(proof.faults_of_cli()) == []


def test_the_embedded_cloud_runs_what_is_deployed(proof: Proof) -> None:
    assert list(proof.faults_of_parity()) == []


def test_feature_flags_are_known_and_set_as_recommended(proof: Proof) -> None:
    assert list(proof.faults_of_flags()) == []


def test_cdk_nag_finds_nothing_but_what_is_acknowledged(proof: Proof) -> None:
    assert [found["findings"] for found in proof.nag.values()] == [[]] * len(VARIANTS)


def test_every_acknowledgement_is_needed_and_says_why(proof: Proof) -> None:
    assert proof.needless() == set()
    reasons = [reason for found in proof.nag.values() for _, _, reason in found["acknowledgements"]]
    assert reasons
    assert [reason for reason in reasons if not reason.endswith(".") or len(reason.split()) < 5] == []


def test_a_fault_that_nothing_acknowledges_fails_cdk_nag(proof: Proof) -> None:
    assert all(found["raw"] for found in proof.nag.values())


def test_the_kinds_of_stacks_have_every_kind_of_resource_that_removal_knows(proof: Proof) -> None:
    kinds = {
        resource["Type"] for subject in proof.subjects.values() for resource in subject.template["Resources"].values()
    }
    assert kinds == AT_REST.keys()


def test_lock_files_name_no_registry() -> None:
    lock = json.loads(Path(tools.HERE, "package-lock.json").read_bytes())
    assert "://" not in json.dumps(lock)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda rule: rule["EventPattern"].pop("detail"), "takes aws.states "),
        (lambda rule: rule["EventPattern"]["detail"].pop("stateMachineArn"), "takes aws.states "),
        (lambda rule: rule["EventPattern"]["detail"]["status"].remove("TIMED_OUT"), "misses aws.states "),
        (lambda rule: [rule["EventPattern"].pop(name) for name in ("source", "detail-type")], "takes others "),
        (lambda rule: rule.pop("Targets"), "calls nothing"),
    ],
    ids=["all of an account", "of another state machine", "no mail of one kind", "of another service", "to nobody"],
)
def test_a_rule_for_other_ends_of_sweeps_is_found(proof: Proof, change: Callable[[Any], Any], fault: str) -> None:
    subject = proof.subjects["spot"]
    (functions,) = [check for check in CHECKS if check.name == "functions"]
    template = copy.deepcopy(subject.template)
    (rule,) = subject.ids("AWS::Events::Rule")
    change(template["Resources"][rule]["Properties"])
    found = functions.of(replace(subject, template=template))
    assert found
    assert all(each.startswith(f"{rule}: {fault}") for each in found)


def test_a_gpu_that_docker_does_not_share_is_found(proof: Proof) -> None:
    subject = proof.subjects["spot"]
    (machines,) = [check for check in CHECKS if check.name == "machines"]
    template = copy.deepcopy(subject.template)
    data = template["Resources"][subject.ids("AWS::EC2::LaunchTemplate")[0]]["Properties"]["LaunchTemplateData"]
    data["UserData"]["Fn::Base64"] = data["UserData"]["Fn::Base64"].replace("--default-runtime nvidia", "")
    (found,) = machines.of(replace(subject, template=template))
    assert found.startswith("jobs share a GPU only with both")
