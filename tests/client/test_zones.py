"""The check of zones, against moto's EC2, which has the offerings of us-east-1."""

from typing import Any

import pytest

from stepsweep.client.checks.findings import NEVER, State
from stepsweep.client.checks.zones import zones
from tests.support.clients import client_of
from tests.support.stack import environment_of


class Account:
    """EC2 of an account, with the default network's subnets by zone."""

    def __init__(self, server: str) -> None:
        self.ec2 = client_of("ec2", environment_of(server))
        found = self.ec2.describe_subnets(Filters=[{"Name": "default-for-az", "Values": ["true"]}])["Subnets"]
        self.subnets = {subnet["AvailabilityZone"]: subnet["SubnetId"] for subnet in found}

    def offering(self, kind: str) -> set[str]:
        answer = self.ec2.describe_instance_type_offerings(
            LocationType="availability-zone", Filters=[{"Name": "instance-type", "Values": [kind]}]
        )
        return {offer["Location"] for offer in answer["InstanceTypeOfferings"]}

    def findings(self, kind: str, where: list[str]) -> list[tuple[State, str, str]]:
        resources = {"instanceTypes": [kind], "subnets": [self.subnets[zone] for zone in where]}
        environment: dict[str, Any] = {"computeEnvironmentName": "gpus", "computeResources": resources}
        return [(each.state, each.found, each.remedy) for each in zones(lambda _: self.ec2, [environment])]


@pytest.fixture
def account(server: str) -> Account:
    return Account(server)


def test_zones_that_offer_the_type_are_named(account: Account) -> None:
    where = sorted(account.offering("g4dn.xlarge") & account.subnets.keys())
    assert len(where) > 1
    assert account.findings("g4dn.xlarge", where[:2]) == [
        (State.OK, f"gpus: {where[0]}, {where[1]} of 2 offer g4dn.xlarge", "")
    ]


def test_a_zone_that_does_not_offer_it_is_a_problem_and_those_that_do_are_named(account: Account) -> None:
    without = sorted(account.subnets.keys() - account.offering("p4d.24xlarge"))
    ((state, found, remedy),) = account.findings("p4d.24xlarge", without[:1])
    assert (state, found) == (State.PROBLEM, f"gpus: none of {without[0]} offers p4d.24xlarge: {NEVER}")
    there = ", ".join(sorted(account.offering("p4d.24xlarge") - set(without[:1])))
    assert remedy == f"`sweep deploy` with other -c instance_types, or with -c vpc_id and -c subnet_ids in {there}"


def test_a_type_that_the_region_does_not_have_is_a_problem(account: Account) -> None:
    where = sorted(account.subnets)[:2]
    assert account.findings("g99.large", where) == [
        (
            State.PROBLEM,
            f"gpus: none of {', '.join(where)} offers g99.large: {NEVER}",
            "`sweep deploy` with other -c instance_types, or in another region",
        )
    ]


def test_an_environment_that_names_no_types_is_not_judged(account: Account) -> None:
    for resources in ({}, {"instanceTypes": ["g4dn"], "subnets": ["a"]}, {"instanceTypes": ["g4dn.xlarge"]}):
        mine = {"computeEnvironmentName": "mine", "computeResources": resources}
        assert zones(lambda _: account.ec2, [mine]) == []
    assert zones(lambda _: account.ec2, [{"computeEnvironmentName": "mine"}]) == []
