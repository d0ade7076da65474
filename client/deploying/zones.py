"""In which zones a new network is: all that offer the machines, since elsewhere EC2 starts none."""

import re
from dataclasses import dataclass
from typing import Any

from botocore import exceptions as aws

from stepsweep.client.checks.zones import zones_that_offer
from stepsweep.client.deploying.target import Target
from stepsweep.client.deployment import is_denied
from stepsweep.contract.errors import InvalidInput
from stepsweep.stack_config import StackConfig
from stepsweep.stack_values import ZONE


@dataclass(frozen=True, slots=True, kw_only=True)
class Zones:
    """The zones that a deploy passes to the stack; empty where the stack's own default applies.

    Attributes:
        line: what a person is told.
    """

    names: tuple[str, ...]
    line: str


def zones_of(ec2: Any, config: StackConfig, found: Target) -> Zones:
    """Returns where the stack's network is to be. A network that exists stays where it is.

    Raises:
        InvalidInput: no zone of the region offers the machines, or other zones are asked for than the network has.
        botocore's errors.
    """
    if config.vpc_id:
        return Zones(names=(), line="Zones: those of your subnets.")
    if found.zones:
        if config.zones and config.zones != found.zones:
            raise InvalidInput(
                [
                    f"zones: the network of {found.stack} is in {','.join(found.zones)}, and its subnets cannot change "
                    "their zones while they exist; destroy the stack first, or deploy another one with --stack"
                ]
            )
        return Zones(names=found.zones, line=f"Zones: {', '.join(found.zones)}, where its network is.")
    if config.zones:
        return Zones(names=config.zones, line=f"Zones: {', '.join(config.zones)}, as chosen.")
    wanted = ", ".join(config.instance_types)
    try:
        offering = zones_that_offer(ec2, config.instance_types)
    except aws.ClientError as error:
        if not is_denied(error):
            raise
        denied = "your credentials may not ask (ec2:DescribeInstanceTypeOfferings)"
        return Zones(names=(), line=f"Zones: the region's first two; whether they offer {wanted} is unknown: {denied}.")
    names = tuple(sorted(zone for zone in offering if re.fullmatch(ZONE, zone)))
    if not names:
        raise InvalidInput(
            [f"instance_types: no zone of {found.region} offers {wanted}; take others, or another region"]
        )
    return Zones(names=names, line=f"Zones: {', '.join(names)}, all of {found.region} that offer {wanted}.")
