"""What local/moto_imports.py leaves out."""

import json
from typing import Any

from tests.local.probes.world import World, outcome, probe


@probe
def zones_that_offer_a_machine(world: World) -> int:
    answer = world.client("ec2").describe_instance_type_offerings(LocationType="availability-zone")
    return len(answer["InstanceTypeOfferings"])


@probe
def an_api_whose_description_is_to_be_checked(world: World) -> Any:
    described = {"openapi": "3.0.0", "info": {"title": "one", "version": "1", "description": ""}, "paths": {}}
    client = world.client("apigateway")
    return outcome(lambda: client.import_rest_api(body=json.dumps(described).encode(), failOnWarnings=True)["name"])
