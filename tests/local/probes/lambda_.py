"""Lambda."""

import json
import os
import resource
from typing import Any

from tests.local.probes.world import World, outcome, probe, simple, zipped_function


@probe
def answer_of_a_function(world: World) -> Any:
    client = world.client("lambda")
    _make(world, "doubles")

    def called() -> Any:
        answer = client.invoke(FunctionName="doubles", Payload=json.dumps({"number": 21}))
        return json.loads(answer["Payload"].read())

    answer = {"with Docker": outcome(called)}
    if "MOTO_PORT" in os.environ:
        with simple("lambda"):
            answer["simple"] = outcome(called)
    return answer


@probe
def function_on_a_full_disk(world: World) -> Any:
    """The error of a task whose function is called when no file may have a byte: not that of its package either."""
    _make(world, "fails", source="def handler(event, context): return 'a package that was never unpacked'")
    parameters = {"FunctionName": "fails", "Payload": {"number": 21}}
    task = {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Parameters": parameters, "End": True}
    _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, most))
    try:
        return world.executed({"It": task}).get("error")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))


@probe
def layer_of_a_template(world: World) -> Any:
    """What a template's Ref to a layer is."""
    s3 = world.client("s3")
    s3.create_bucket(Bucket="layers")
    s3.put_object(Bucket="layers", Key="layer.zip", Body=zipped_function(""))
    content = {"S3Bucket": "layers", "S3Key": "layer.zip"}
    layer = {"Type": "AWS::Lambda::LayerVersion", "Properties": {"LayerName": "held", "Content": content}}
    return outcome(lambda: world.stack({"Layer": layer}, {"Layer": {"Ref": "Layer"}})["Layer"])


def _make(world: World, name: str, source: str = "def handler(event, context): return event['number'] * 2") -> None:
    world.client("lambda").create_function(
        FunctionName=name,
        Runtime="python3.13",
        Role=world.role(),
        Handler="index.handler",
        Code={"ZipFile": zipped_function(source)},
    )
