"""What the CDK CLI needs to deploy into the embedded cloud, over the HTTP that it speaks with AWS."""

import json
from pathlib import Path

from stepsweep.local.deploying import EMPTY_ZIP
from stepsweep.stack.sampler_packages import FOLDER as LAYERS
from stepsweep.stack.sampler_packages import made_of
from tests.support.embedded import Cloud


def deploying(cloud: Cloud, layers: Path) -> dict[str, str]:
    """Returns the environment of the CLI.

    Args:
        layers: a folder that gets the function's layer as if it had been built, which fetches its packages from PyPI.
    """
    layers.mkdir(exist_ok=True)
    (layers / f"{made_of()}.zip").write_bytes(EMPTY_ZIP)
    # By name: the CLI names a template by the endpoint's address, and moto knows S3 by the name `localhost` only.
    endpoint = cloud.environment["AWS_ENDPOINT_URL"].replace("127.0.0.1", "localhost")
    return {
        **cloud.environment,
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ENDPOINT_URL_S3": endpoint,
        LAYERS: str(layers),
    }


def image_in(cloud: Cloud, name: str = "first") -> str:
    """Returns an image with the tag by which the embedded cloud knows its trainer: an image asset would need Docker."""
    (assets,) = (cloud.directory / "templates").glob("assembly-*/*.assets.json")
    (tag,) = json.loads(assets.read_bytes())["dockerImages"]
    return f"registry.example/{name}:{tag}"
