"""`sweep deploy`, `diff` and `destroy`: the real CDK CLI, over the HTTP that it speaks with AWS, from any folder."""

import contextlib
import json
import os
import pty
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from stepsweep.client.deploying.cdk import VERSION
from stepsweep.local.template import cache_folder
from tests.support.command import Sweep
from tests.support.deploying import deploying, image_in
from tests.support.embedded import Cloud, eventually, running_cloud
from tests.support.processes import running

NAMED = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_REGION", "AWS_DEFAULT_REGION")
"""What a profile names in place of the environment."""

Ended = subprocess.CompletedProcess[str]


def runs(folder: Path, **more: str) -> Callable[..., Ended]:
    """Returns what runs `sweep` in a folder of a person's own, with a home of its own."""

    def sweep(*words: str, answer: str | None = None) -> Ended:
        """Runs it, where nobody can be asked, or where somebody types an answer."""
        with keyboard(answer) as typed:
            return Sweep(folder=folder)(*words, environment={"HOME": str(folder.parent), **more}, keyboard=typed)

    return sweep


@contextlib.contextmanager
def keyboard(answer: str | None) -> Iterator[int | None]:
    """Yields what a process reads from: nothing, or a terminal at which the answer is typed."""
    if answer is None:
        yield None
        return
    ours, theirs = pty.openpty()
    try:
        os.write(ours, f"{answer}\n".encode())
        yield theirs
    finally:
        os.close(ours)
        os.close(theirs)


def jobs_of(cloud: Cloud) -> list[int]:
    """Returns the processes of trials that run."""
    return [process.pid for process in running(" --sleep ", cloud.processes())]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    mine = tmp_path / "mine"
    mine.mkdir()
    return mine


def by_profile(cloud: Cloud, folder: Path) -> Callable[..., Ended]:
    """Returns what runs `sweep` where nothing but the profile `mine` has credentials and a region."""
    config = folder.parent / "aws-config"
    key, secret = (cloud.environment[f"AWS_{name}"] for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY"))
    config.write_text(
        f"[profile mine]\nregion = us-east-1\naws_access_key_id = {key}\naws_secret_access_key = {secret}\n"
    )
    environment = deploying(cloud, folder.parent / "layers")
    others = {name: value for name, value in environment.items() if name not in NAMED}
    return runs(folder, CDK_VALIDATION="false", **others | {"AWS_CONFIG_FILE": str(config)})


def names_of_networks(cloud: Cloud) -> set[str]:
    return {network["VpcId"] for network in cloud.client("ec2").describe_vpcs()["Vpcs"]}


def offering(cloud: Cloud, kind: str) -> list[str]:
    """Returns the zones that offer a machine."""
    answer = cloud.client("ec2").describe_instance_type_offerings(
        LocationType="availability-zone", Filters=[{"Name": "instance-type", "Values": [kind]}]
    )
    return sorted(offer["Location"] for offer in answer["InstanceTypeOfferings"])


def zones_of_machines(cloud: Cloud) -> list[str]:
    """Returns the zones of the compute environment's subnets."""
    (environment,) = cloud.client("batch").describe_compute_environments()["computeEnvironments"]
    subnets = cloud.client("ec2").describe_subnets(SubnetIds=environment["computeResources"]["subnets"])["Subnets"]
    return sorted(subnet["AvailabilityZone"] for subnet in subnets)


def check_that_machines_may_start_everywhere(deployed: Ended, cloud: Cloud) -> None:
    """The new network is in all zones that offer them."""
    zones = offering(cloud, "g4dn.xlarge")
    assert f"Zones: {', '.join(zones)}, all of us-east-1 that offer g4dn.xlarge.\n" in deployed.stderr
    assert zones_of_machines(cloud) == zones


def check_credentials(by_mine: Callable[..., Ended], cloud: Cloud) -> None:
    """Without a profile that has credentials nothing is deployed."""
    nobody = by_mine("deploy", "--yes", "--region", "us-east-1")
    assert (nobody.returncode, "credentials" in nobody.stderr) == (1, True), nobody.stderr
    missing = by_mine("deploy", "--yes", "--profile", "other")
    assert (missing.returncode, "other" in missing.stderr) == (2, True), missing.stderr
    assert cloud.client("cloudformation").describe_stacks()["Stacks"] == []


def check_deploy_in_the_middle_of_a_sweep(sweep: Callable[..., Ended], cloud: Cloud, there: Cloud) -> None:
    """The sweep keeps the job definition that it was started with."""
    # One trial at a time: one ends before the deploy, one waits for its end, and one is submitted after it.
    waits = {"parameters": {"lr": [0.1, 0.2, 0.3]}, "fixed": {"act": "gate"}, "epochs": 1, "max_concurrency": 1}
    before = there.start(waits, name="before")
    eventually(lambda: there.jobs("SUCCEEDED") and there.jobs("RUNNING"))
    updated = sweep("deploy", "--yes", "-c", f"image={image_in(cloud, 'second')}", "-c", "max_vcpus=8")
    assert updated.returncode == 0, updated.stdout + updated.stderr
    assert f"Zones: {', '.join(zones_of_machines(cloud))}, where its network is.\n" in updated.stderr
    assert cloud.client("stepfunctions").describe_execution(executionArn=before)["status"] == "RUNNING"
    assert cloud.with_outputs().outputs["MaxVcpus"] == "8"
    (cloud.directory / "data" / "go").touch()
    after = there.run({"parameters": {"lr": [0.1]}, "epochs": 1}, name="after")
    assert after["outcomes"]["SUCCEEDED"] == 1
    assert json.loads(there.ended(before)["output"])["outcomes"]["SUCCEEDED"] == 3
    revisions = {(job["tags"]["sweep"], job["jobDefinition"].rpartition(":")[2]) for job in there.jobs("")}
    assert revisions == {("before", "1"), ("after", "2")}


def check_that_nothing_is_left(cloud: Cloud) -> None:
    stacks = cloud.client("cloudformation").describe_stacks()["Stacks"]
    assert [stack["StackName"] for stack in stacks] == ["CDKToolkit"]
    batch = cloud.client("batch")
    assert batch.describe_compute_environments()["computeEnvironments"] == []
    assert batch.describe_job_queues()["jobQueues"] == []
    assert batch.list_scheduling_policies()["schedulingPolicies"] == []
    assert cloud.client("lambda").list_functions()["Functions"] == []
    assert cloud.client("stepfunctions").list_state_machines()["stateMachines"] == []
    assert cloud.client("logs").describe_log_groups()["logGroups"] == []
    buckets = [bucket["Name"] for bucket in cloud.client("s3").list_buckets()["Buckets"]]
    assert [name for name in buckets if not name.startswith("cdk-")] == []


@pytest.mark.timeout(600)
def test_deploy_diff_a_deploy_in_the_middle_of_a_sweep_and_destroy(tmp_path: Path, folder: Path) -> None:
    with running_cloud(tmp_path / "cloud", is_empty=True) as cloud:
        networks = names_of_networks(cloud)
        (folder / "stepsweep.toml").write_text(f'[deploy]\nimage = "{image_in(cloud)}"\nmax_vcpus = 12\n')
        # CDK's own rules take fifteen seconds of a core. They judge the stack in tests/proof and tests/package.
        sweep = runs(folder, CDK_VALIDATION="false", **deploying(cloud, tmp_path / "layers"))

        asked = sweep("deploy")
        assert asked.returncode == 2
        assert "Account 123456789012, region us-east-1. Stack Stepsweep is not there yet.\n" in asked.stderr
        assert "Costs money while a sweep runs: g4dn.xlarge machines, at most 12 vCPUs (on-demand).\n" in asked.stderr
        assert f"The image {image_in(cloud)} is named by a tag: if you push other code under it, " in asked.stderr
        assert "cdk bootstrap" in asked.stderr
        assert "add --yes" in asked.stderr
        assert cloud.client("cloudformation").describe_stacks()["Stacks"] == []

        declined = sweep("deploy", answer="n")
        assert (declined.returncode, declined.stdout) == (1, "")
        assert declined.stderr.endswith("Deploy Stepsweep? [y/N]: sweep: nothing was changed\n")
        assert cloud.client("cloudformation").describe_stacks()["Stacks"] == []

        by_mine = by_profile(cloud, folder)
        check_credentials(by_mine, cloud)

        deployed = by_mine("deploy", "--profile", "mine", answer="y")
        assert deployed.returncode == 0, deployed.stdout + deployed.stderr
        assert names_of_networks(cloud) != networks
        check_that_machines_may_start_everywhere(deployed, cloud)
        there = cloud.with_outputs()
        assert there.outputs["MaxVcpus"] == "12"
        assert (cache_folder() / f"aws-cdk-{VERSION}" / "node_modules").is_dir()
        assert sorted(file.name for file in folder.iterdir()) == ["stepsweep.toml"], "nothing is left in the folder"

        changed = sweep("diff", "-c", "max_vcpus=8")
        assert changed.returncode == 0, changed.stdout + changed.stderr
        assert '"Value":"12"} to {"Description":"Of all trials at once","Value":"8"}' in changed.stdout
        assert cloud.with_outputs().outputs["MaxVcpus"] == "12"

        check_deploy_in_the_middle_of_a_sweep(sweep, cloud, there)

        waits = {"parameters": {"lr": [0.1]}, "fixed": {"sleep": 600}, "epochs": 1}
        execution = there.start(waits, name="busy")
        refused = sweep("destroy", "--yes")
        assert refused.returncode == 2
        assert "sweeps run in this stack (busy)" in refused.stderr
        eventually(lambda: jobs_of(cloud))

        declined = sweep("destroy", "--force", answer="")
        assert (declined.returncode, declined.stdout) == (1, "")
        assert declined.stderr.endswith("Destroy Stepsweep? [y/N]: sweep: nothing was changed\n")
        answer = there.client("stepfunctions").describe_execution(executionArn=execution)
        assert answer["status"] == "RUNNING"

        destroyed = sweep("destroy", "--force", answer="y")
        assert "This deletes all results in its bucket." in destroyed.stderr
        assert "Stepsweep is not there" in destroyed.stdout, destroyed.stdout + destroyed.stderr
        assert destroyed.returncode == 0, "nothing that costs money is left"
        eventually(lambda: jobs_of(cloud) == [])
        check_that_nothing_is_left(cloud)
        assert names_of_networks(cloud) == networks
        assert sweep("destroy", "--yes").returncode == 1


def test_without_docker_an_image_has_to_be_given(folder: Path) -> None:
    ended = runs(folder, CDK_DOCKER="no-such-docker")("deploy", "--yes")
    assert ended.returncode == 2
    assert ended.stderr == (
        "sweep: no-such-docker is missing, which builds the trainer's image; install it, or give -c image=URI\n"
    )
