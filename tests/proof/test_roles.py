"""What each principal needs is allowed, what it must not do is denied, by the synthesized policies."""

import copy
from dataclasses import replace

import pytest

from stepsweep.contract import keys
from tests.proof.checks.roles import RULES, TRUSTED, Access, Rule, findings
from tests.proof.proof import Proof
from tests.proof.variants import SECRETS


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


def test_ecs_reads_exactly_the_secrets_that_were_chosen_and_the_template_has_their_arns_only(proof: Proof) -> None:
    subject = proof.subjects["spot"]
    access = Access(subject)
    wandb, hf = (SECRETS[name] for name in ("WANDB_API_KEY", "HF_TOKEN"))
    whole = wandb.removesuffix(":key::")
    assert subject.one("AWS::Batch::JobDefinition")["ContainerProperties"]["Secrets"] == [
        {"Name": "HF_TOKEN", "ValueFrom": hf},
        {"Name": "WANDB_API_KEY", "ValueFrom": wandb},
    ]
    asked = [
        *(("secretsmanager:GetSecretValue", arn) for arn in (whole, whole.replace("wandb", "theirs"))),
        *(("ssm:GetParameters", arn) for arn in (hf, f"{hf}2", hf.replace("mine", "theirs"))),
        ("secretsmanager:DescribeSecret", whole),
        ("secretsmanager:PutSecretValue", whole),
        ("ssm:GetParameterHistory", hf),
        ("ssm:DescribeParameters", "*"),
    ]
    for who in TRUSTED:
        rules = [Rule(who=who, may=True, action=action, resource=resource) for action, resource in asked]
        allowed = [(rule.action, rule.resource) for rule in rules if access.is_allowed(rule)]
        wanted = [("secretsmanager:GetSecretValue", whole), ("ssm:GetParameters", hf)]
        assert allowed == (wanted if who == "container start" else []), who
    functions = subject.all("AWS::Lambda::Function").values()
    held = [
        function["Environment"]["Variables"].get(keys.SECRETS) for function in functions if "Environment" in function
    ]
    assert [each for each in held if each] == ['["HF_TOKEN", "WANDB_API_KEY"]']


def test_a_topic_that_alarms_may_not_publish_to_is_found(proof: Proof) -> None:
    subject = proof.subjects["spot"]
    (policy,) = subject.ids("AWS::SNS::TopicPolicy")
    template = copy.deepcopy(subject.template)
    statements = template["Resources"][policy]["Properties"]["PolicyDocument"]["Statement"]
    (allowed,) = [statement for statement in statements if statement["Effect"] == "Allow"]
    allowed["Principal"]["Service"] = "s3.amazonaws.com"
    found = list(findings(replace(subject, template=template)))
    assert [finding.endswith("['s3.amazonaws.com'] may publish") for finding in found] == [True]
