"""What local/moto_imports.py leaves out."""

import json
from typing import Any

from tests.local.probes.world import World, outcome, probe


@probe
def offers_of_a_machine(world: World) -> dict[str, int]:
    offers = world.client("ec2").describe_instance_type_offerings
    kinds = ("availability-zone", "region")
    return {kind: len(offers(LocationType=kind)["InstanceTypeOfferings"]) for kind in kinds}


@probe
def an_api_whose_description_is_to_be_checked(world: World) -> Any:
    described = {"openapi": "3.0.0", "info": {"title": "one", "version": "1", "description": ""}, "paths": {}}
    client = world.client("apigateway")
    return outcome(lambda: client.import_rest_api(body=json.dumps(described).encode(), failOnWarnings=True)["name"])
