"""What each principal needs is allowed, what it must not do is denied, by the synthesized policies."""

import copy
from dataclasses import replace

import pytest

from tests.proof.checks.roles import RULES, TRUSTED, Access, Rule, findings
from tests.proof.proof import Proof


@pytest.fixture(scope="module")
def access(proof: Proof) -> Access:
    return Access(proof.subjects["default"])


@pytest.mark.parametrize("rule", RULES, ids=str)
def test_the_policies_decide_as_the_rule_says(access: Access, rule: Rule) -> None:
    assert access.is_allowed(rule) == rule.may


@pytest.mark.parametrize("who", TRUSTED)
def test_only_its_service_takes_a_role(access: Access, who: str) -> None:
    assert access.roles[who]
    assert list(access.faults_of_trust(who)) == []


def test_every_principal_has_rules_of_both_kinds(access: Access) -> None:
    both = {(who, may) for who in TRUSTED for may in (True, False)}
    assert {(rule.who, rule.may) for rule in RULES} == both
    assert access.roles.keys() == TRUSTED.keys()


def test_a_topic_that_alarms_may_not_publish_to_is_found(proof: Proof) -> None:
    subject = proof.subjects["spot"]
    (policy,) = subject.ids("AWS::SNS::TopicPolicy")
    template = copy.deepcopy(subject.template)
    statements = template["Resources"][policy]["Properties"]["PolicyDocument"]["Statement"]
    (allowed,) = [statement for statement in statements if statement["Effect"] == "Allow"]
    allowed["Principal"]["Service"].remove("cloudwatch.amazonaws.com")
    found = list(findings(replace(subject, template=template)))
    assert [finding.endswith("['events.amazonaws.com'] may publish") for finding in found] == [True]
