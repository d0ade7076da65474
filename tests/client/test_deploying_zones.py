"""In which zones a deploy puts the stack's network, against moto's EC2, which has the offerings of us-east-1."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from stepsweep.client.deploying.target import Target
from stepsweep.client.deploying.zones import Zones, zones_of
from stepsweep.contract.errors import InvalidInput
from stepsweep.stack_config import StackConfig
from tests.support.clients import client_of
from tests.support.stack import environment_of


def found(*zones: str) -> Target:
    status = "UPDATE_COMPLETE" if zones else None
    return Target(
        account="123456789012", region="us-east-1", stack="Mine", status=status, is_bootstrapped=True, running=(),
        zones=zones,
    )  # fmt: skip


@pytest.fixture
def ec2(server: str) -> Any:
    return client_of("ec2", {**environment_of(server), "AWS_REGION": "us-east-1", "AWS_DEFAULT_REGION": "us-east-1"})


class NotAllowed:
    """EC2 that does not tell its offerings."""

    def __init__(self, code: str = "UnauthorizedOperation") -> None:
        self.code = code

    def get_paginator(self, operation: str) -> Any:
        raise ClientError({"Error": {"Code": self.code, "Message": "no"}}, operation)


def test_a_new_network_is_in_all_zones_that_offer_the_machines(ec2: Any) -> None:
    zones = zones_of(ec2, StackConfig(instance_types=("p4d.24xlarge",)), found())
    offers = ec2.describe_instance_type_offerings(
        LocationType="availability-zone", Filters=[{"Name": "instance-type", "Values": ["p4d.24xlarge"]}]
    )["InstanceTypeOfferings"]
    everywhere = {zone["ZoneName"] for zone in ec2.describe_availability_zones()["AvailabilityZones"]}
    assert set(zones.names) == {offer["Location"] for offer in offers} < everywhere
    assert zones.line == f"Zones: {', '.join(sorted(zones.names))}, all of us-east-1 that offer p4d.24xlarge."


def test_a_network_that_exists_stays_where_it_is() -> None:
    assert zones_of(NotAllowed(), StackConfig(), found("us-east-1b", "us-east-1a")) == Zones(
        names=("us-east-1b", "us-east-1a"), line="Zones: us-east-1b, us-east-1a, where its network is."
    )


def test_other_zones_for_a_network_that_exists_are_refused() -> None:
    with pytest.raises(InvalidInput) as refused:
        zones_of(NotAllowed(), StackConfig(zones=("us-east-1a",)), found("us-east-1a", "us-east-1b"))
    assert str(refused.value) == (
        "zones: the network of Mine is in us-east-1a,us-east-1b, and its subnets cannot change their zones while they "
        "exist; destroy the stack first, or deploy another one with --stack"
    )


def test_chosen_zones_are_taken() -> None:
    for zones, line in (
        (("us-east-1f",), "Zones: us-east-1f, as chosen."),
        (("us-east-1f", "us-east-1a"), "Zones: us-east-1f, us-east-1a, as chosen."),
    ):
        assert zones_of(NotAllowed(), StackConfig(zones=zones), found()) == Zones(names=zones, line=line)
        assert zones_of(NotAllowed(), StackConfig(zones=zones), found(*zones)).names == zones


def test_machines_that_no_zone_offers_are_refused(ec2: Any) -> None:
    with pytest.raises(InvalidInput) as refused:
        zones_of(ec2, StackConfig(instance_types=("g99.large", "g98.large")), found())
    assert str(refused.value) == (
        "instance_types: no zone of us-east-1 offers g99.large, g98.large; take others, or another region"
    )


def test_who_may_not_ask_is_told_that_it_is_unknown() -> None:
    assert zones_of(NotAllowed(), StackConfig(), found()) == Zones(
        names=(),
        line="Zones: the region's first two; whether they offer g4dn.xlarge is unknown: your credentials may not ask "
        "(ec2:DescribeInstanceTypeOfferings).",
    )
    with pytest.raises(ClientError, match="Throttling"):
        zones_of(NotAllowed("Throttling"), StackConfig(), found())


def test_an_own_network_is_not_asked_about() -> None:
    config = StackConfig(vpc_id="vpc-0a1b2c3d", subnet_ids=("subnet-0a1b2c3d",))
    assert zones_of(NotAllowed(), config, found()) == Zones(names=(), line="Zones: those of your subnets.")


@pytest.mark.parametrize("zones", ["us-east-1", "us-west-2-lax-1a", "a", "us-east-1a;us-east-1b"])
def test_what_is_no_zone_is_refused(zones: str) -> None:
    with pytest.raises(InvalidInput, match="zones: must be availability zones such as us-east-1a,us-east-1b"):
        StackConfig.from_context({"zones": zones})


def test_zones_of_an_own_network_are_refused() -> None:
    with pytest.raises(InvalidInput, match="zones: not together with `vpc_id`"):
        StackConfig.from_context({"zones": "us-east-1a", "vpc_id": "vpc-0a1b2c3d", "subnet_ids": "subnet-0a1b2c3d"})
