"""The real CDK CLI deploys into the embedded cloud, over the same HTTP that it speaks with AWS."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from local.template import node_environment
from tests.embedded import REPOSITORY, Cloud, running_cloud
from tests.proof.tools import modules, node


def cdk(cloud: Cloud, folder: Path, *arguments: str) -> str:
    # By name: the CLI names a template by the endpoint's address, and moto knows S3 by the name `localhost` only.
    endpoint = cloud.environment["AWS_ENDPOINT_URL"].replace("127.0.0.1", "localhost")
    ended = subprocess.run(
        [str(node()), str(modules() / "aws-cdk" / "bin" / "cdk"), *arguments, "--output", str(folder)],
        cwd=REPOSITORY,
        env={
            **{name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "CDK_"))},
            **cloud.environment,
            **node_environment(),
            "AWS_ENDPOINT_URL": endpoint,
            "AWS_ENDPOINT_URL_S3": endpoint,
            "CDK_DISABLE_VERSION_CHECK": "1",
            "CI": "true",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout + ended.stderr


@pytest.mark.timeout(600)
def test_bootstrap_deploy_and_a_sweep(tmp_path: Path) -> None:
    with running_cloud(tmp_path / "cloud", is_empty=True) as cloud:
        (assets,) = (tmp_path / "cloud" / "templates").glob("assembly-*/*.assets.json")
        (tag,) = json.loads(assets.read_bytes())["dockerImages"]
        folder = tmp_path / "cdk.out"
        cdk(cloud, folder, "bootstrap", "aws://123456789012/us-east-1")
        # An image asset would need Docker; the embedded cloud knows the image by its tag.
        image = ("--context", f"image=registry.example/scripted:{tag}")
        cdk(cloud, folder, "deploy", "--require-approval", "never", *image)

        output = cloud.with_outputs().run({"parameters": {"lr": [0.1, 0.2]}, "epochs": 1})

    assert output["outcomes"]["SUCCEEDED"] == 2
    assert output["winner"]["params"] == {"lr": 0.1}
