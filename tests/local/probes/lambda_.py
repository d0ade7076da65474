"""Lambda."""

import json
import os
from typing import Any

from tests.local.probes.world import World, outcome, probe, simple, zipped_function


@probe
def answer_of_a_function(world: World) -> Any:
    client = world.client("lambda")
    client.create_function(
        FunctionName="doubles",
        Runtime="python3.13",
        Role=world.role(),
        Handler="index.handler",
        Code={"ZipFile": zipped_function("def handler(event, context): return event['number'] * 2")},
    )

    def called() -> Any:
        answer = client.invoke(FunctionName="doubles", Payload=json.dumps({"number": 21}))
        return json.loads(answer["Payload"].read())

    answer = {"with Docker": outcome(called)}
    if "MOTO_PORT" in os.environ:
        with simple("lambda"):
            answer["simple"] = outcome(called)
    return answer
