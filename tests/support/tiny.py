"""A stack of a few lines, synthesized by a few lines of Python: for tests of the embedded cloud itself.

It starts without Node and without CDK, and shows that the embedded cloud knows nothing of the rooms it is made for.
What CDK writes in a peculiar way (types in lower case, no ServiceRole, custom resources) is here as CDK writes it.
"""

import json
from pathlib import Path
from textwrap import dedent
from typing import Any

SHELL_IMAGE = "registry.example.com/assets:shell"
"""Runs its command in a shell."""

EMPTY_IMAGE = "registry.example.com/assets:empty"
"""Says nothing about what it runs."""

_APP = """
import json, os
from pathlib import Path

out = Path(os.environ["CDK_OUTDIR"])
template = json.loads(Path(__file__).with_name("template.json").read_text())
template["Description"] = json.loads(os.environ["CDK_CONTEXT_JSON"]).get("description", "tiny")
(out / "Stepsweep.template.json").write_text(json.dumps(template))
(out / "Stepsweep.assets.json").write_text(json.dumps({
    "files": {
        "template": {
            "source": {"path": "Stepsweep.template.json", "packaging": "file"},
            "destinations": {"here": {"bucketName": "cdk-assets-${AWS::AccountId}", "objectKey": "template.json"}},
        },
    },
    "dockerImages": {name: {"source": {"directory": name}} for name in ("shell", "empty")},
}))
for name, entrypoint in {"shell": 'ENTRYPOINT ["/bin/sh", "-c"]', "empty": ""}.items():
    (out / name).mkdir()
    (out / name / "Dockerfile").write_text(f"FROM alpine\\n{entrypoint}\\n")
"""

ALLOWED: dict[str, Any] = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}],
}
TRUST: dict[str, Any] = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Action": "sts:AssumeRole",
            "Principal": {"Service": ["ecs-tasks.amazonaws.com", "lambda.amazonaws.com", "states.amazonaws.com"]},
        }
    ],
}
COMPUTE_ENVIRONMENT: dict[str, Any] = {
    "Type": "AWS::Batch::ComputeEnvironment",
    "Properties": {
        "Type": "managed",
        "State": "ENABLED",
        "ComputeResources": {
            "Type": "EC2",
            "MinvCpus": 0,
            "MaxvCpus": 4,
            "InstanceTypes": ["optimal"],
            "InstanceRole": "arn:aws:iam::123456789012:instance-profile/machines",
            "Subnets": [],
            "SecurityGroupIds": [],
        },
    },
}


def job_definition(**properties: Any) -> dict[str, Any]:
    return {
        "Type": "AWS::Batch::JobDefinition",
        "Properties": {
            "Type": "container",
            "ContainerProperties": {
                "Image": SHELL_IMAGE,
                "Command": ["exit 0"],
                "ResourceRequirements": [{"Type": "VCPU", "Value": "1"}, {"Type": "MEMORY", "Value": "128"}],
            },
            **properties,
        },
    }


TEMPLATE: dict[str, Any] = {
    "Parameters": {"BootstrapVersion": {"Type": "String", "Default": "/cdk-bootstrap/version"}},
    "Resources": {
        "Results": {"Type": "AWS::S3::Bucket"},
        "Role": {
            "Type": "AWS::IAM::Role",
            "Properties": {
                "AssumeRolePolicyDocument": TRUST,
                "Policies": [{"PolicyName": "All", "PolicyDocument": ALLOWED}],
            },
        },
        "Machines": COMPUTE_ENVIRONMENT,
        "Queue": {
            "Type": "AWS::Batch::JobQueue",
            "Properties": {
                "Priority": 1,
                "State": "ENABLED",
                "ComputeEnvironmentOrder": [
                    {"Order": 1, "ComputeEnvironment": {"Fn::GetAtt": ["Machines", "ComputeEnvironmentArn"]}}
                ],
            },
        },
        "Job": job_definition(RetryStrategy={}),
    },
    "Outputs": {
        "Bucket": {"Value": {"Ref": "Results"}},
        "RoleArn": {"Value": {"Fn::GetAtt": ["Role", "Arn"]}},
        "JobQueue": {"Value": {"Fn::GetAtt": ["Queue", "JobQueueArn"]}},
    },
}


def tiny_app(root: Path, base: str = "alpine") -> Path:
    """Writes the app into a folder, and returns its path, for `embedded_cloud`.

    Args:
        base: the image that its own are made from.
    """
    (root / "stack").mkdir(parents=True)
    (root / "stack" / "app.py").write_text(dedent(_APP).replace("FROM alpine", f"FROM {base}"))
    (root / "stack" / "template.json").write_text(json.dumps(TEMPLATE))
    return root / "stack" / "app.py"
