"""The real CDK CLI deploys into the embedded cloud, over the same HTTP that it speaks with AWS."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from stepsweep.local.template import node_environment
from tests.proof.tools import modules, node
from tests.support.deploying import deploying, image_in
from tests.support.embedded import REPOSITORY, Cloud, eventually, running_cloud

DEPLOY = ("deploy", "--require-approval", "never")


def cdk(cloud: Cloud, *arguments: str) -> str:
    ended = subprocess.run(
        [str(node()), str(modules() / "aws-cdk" / "bin" / "cdk"), *arguments],
        cwd=REPOSITORY,
        env={
            **{name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "CDK_"))},
            **deploying(cloud, cloud.directory / "layers"),
            **node_environment(),
            "CDK_DISABLE_VERSION_CHECK": "1",
            "CI": "true",
            # cdk.json says `python`: this one.
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout + ended.stderr


@pytest.mark.timeout(600)
def test_bootstrap_deploy_a_deploy_in_the_middle_of_a_sweep_and_destroy(tmp_path: Path) -> None:
    with running_cloud(tmp_path / "cloud", is_empty=True) as cloud:
        networks = names_of_networks(cloud)
        first, second = (str(tmp_path / name) for name in ("first", "second"))
        cdk(cloud, "synth", "--quiet", "--output", first, "--context", f"image={image_in(cloud)}")
        changed = ("--context", f"image={image_in(cloud, 'second')}", "--context", "max_vcpus=8")
        cdk(cloud, "synth", "--quiet", "--output", second, *changed)

        cdk(cloud, "bootstrap", "aws://123456789012/us-east-1", "--app", first)
        cdk(cloud, *DEPLOY, "--app", first)
        assert names_of_networks(cloud) != networks
        deployed = cloud.with_outputs()

        # One trial at a time: one ends before the deploy, one waits for its end, and one is submitted after it.
        waits = {"parameters": {"lr": [0.1, 0.2, 0.3]}, "fixed": {"act": "gate"}, "epochs": 1, "max_concurrency": 1}
        before = deployed.start(waits, name="before")
        eventually(lambda: deployed.jobs("SUCCEEDED") and deployed.jobs("RUNNING"))
        cdk(cloud, *DEPLOY, "--app", second)
        assert cloud.client("stepfunctions").describe_execution(executionArn=before)["status"] == "RUNNING"
        assert cloud.with_outputs().outputs["MaxVcpus"] == "8"
        (cloud.directory / "data" / "go").touch()
        after = deployed.run({"parameters": {"lr": [0.1]}, "epochs": 1}, name="after")
        ended = json.loads(deployed.ended(before)["output"])

        assert ended["outcomes"]["SUCCEEDED"] == 3
        assert after["outcomes"]["SUCCEEDED"] == 1
        revisions = {(job["tags"]["sweep"], job["jobDefinition"].rpartition(":")[2]) for job in deployed.jobs("")}
        assert revisions == {("before", "1"), ("after", "2")}

        cdk(cloud, "destroy", "--force", "--app", second)

        batch = cloud.client("batch")
        assert batch.describe_compute_environments()["computeEnvironments"] == []
        assert batch.describe_job_queues()["jobQueues"] == []
        assert cloud.client("lambda").list_functions()["Functions"] == []
        assert cloud.client("stepfunctions").list_state_machines()["stateMachines"] == []
        assert cloud.client("logs").describe_log_groups()["logGroups"] == []
        assert names_of_networks(cloud) == networks
        buckets = [bucket["Name"] for bucket in cloud.client("s3").list_buckets()["Buckets"]]
        assert [name for name in buckets if not name.startswith("cdk-")] == []


def names_of_networks(cloud: Cloud) -> set[str]:
    return {network["VpcId"] for network in cloud.client("ec2").describe_vpcs()["Vpcs"]}
