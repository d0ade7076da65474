"""A stack on moto with all that `sweep deploy` makes and the checks ask about; each has names of its own."""

import itertools
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from stepsweep.contract.means import StackJob
from tests.support.clients import client_of
from tests.support.stack import REGION, SLEEPS, environment_of

TAGS = {"project": "stepsweep"}
ACCOUNT = "123456789012"
_numbers = itertools.count()


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployed:
    name: str
    environment: Mapping[str, str]
    repository: str
    queue: str
    compute: str
    bucket: str

    def client(self, service: str) -> Any:
        return client_of(service, self.environment)


def manifest(digest: str) -> str:
    """Returns that of an image."""
    config = {"mediaType": "application/vnd.docker.container.image.v1+json", "size": 1, "digest": f"sha256:{digest}"}
    kind = "application/vnd.docker.distribution.manifest.v2+json"
    return json.dumps({"schemaVersion": 2, "mediaType": kind, "config": config, "layers": []})


def deploy(server: str, *, capacity: str = "on-demand", max_vcpus: int = 64, image: str | None = None) -> Deployed:
    """Makes one, in an account that may hold others."""
    name = f"Doctored{next(_numbers)}"
    low = name.lower()
    made = Deployed(
        name=name,
        environment=environment_of(server),
        repository=f"cdk-{low}-container-assets-{ACCOUNT}-{REGION}",
        queue=f"{low}-queue",
        compute=f"{low}-gpus",
        bucket=f"{low}-results",
    )
    ecr, batch, states = made.client("ecr"), made.client("batch"), made.client("stepfunctions")
    ecr.create_repository(repositoryName=made.repository)
    ecr.put_image(repositoryName=made.repository, imageTag="abc", imageManifest=manifest(low))
    role = made.client("iam").create_role(RoleName=low, AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    batch.create_compute_environment(
        computeEnvironmentName=made.compute, type="UNMANAGED", state="ENABLED", serviceRole=role, tags=TAGS
    )
    batch.create_job_queue(
        jobQueueName=made.queue, state="ENABLED", priority=1, tags=TAGS,
        computeEnvironmentOrder=[{"order": 1, "computeEnvironment": made.compute}],
    )  # fmt: skip
    machine = states.create_state_machine(
        name=f"{name}-sweep", definition=json.dumps(SLEEPS), roleArn=f"arn:aws:iam::{ACCOUNT}:role/test",
        tags=[{"key": "project", "value": "stepsweep"}],
    )  # fmt: skip
    made.client("logs").create_log_group(logGroupName=f"{name}-Jobs", tags=TAGS)
    outputs = {
        "StateMachineArn": machine["stateMachineArn"],
        "JobQueue": made.queue,
        "SweepQueue": made.queue,
        "JobDefinition": f"{name}-Trial",
        "JobLogGroup": f"{name}-Jobs",
        "MaxVcpus": str(max_vcpus),
        "Capacity": capacity,
        "TrainerCommand": "[]",
        "TrainerVersion": "1",
        "UsdPerHour": "0.526",
        "Job": json.dumps(StackJob().to_json()),
        "InstanceTypes": "g4dn.xlarge",
        "MaxConcurrency": "1000",
        "Zones": "us-east-1a,us-east-1b",
    }
    container = {
        "Image": image or f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/{made.repository}:abc",
        "ResourceRequirements": [
            {"Type": "VCPU", "Value": "4"}, {"Type": "MEMORY", "Value": "12000"}, {"Type": "GPU", "Value": "1"}
        ],
    }  # fmt: skip
    template = {
        "Resources": {
            "Storage": {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": made.bucket}},
            "Job": {
                "Type": "AWS::Batch::JobDefinition",
                "Properties": {
                    "Type": "container", "ContainerProperties": container, "RetryStrategy": {"Attempts": 5},
                    "Tags": TAGS, "JobDefinitionName": f"{low}-job",
                },
            },
        },
        "Outputs": {
            "Bucket": {"Value": {"Ref": "Storage"}},
            **{output: {"Value": value} for output, value in outputs.items()},
        },
    }  # fmt: skip
    made.client("cloudformation").create_stack(StackName=name, TemplateBody=json.dumps(template))
    return made
