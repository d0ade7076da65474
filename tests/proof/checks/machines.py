"""Jobs get a machine that they fit on and that starts: one that cannot waits in RUNNABLE, and says nothing."""

import email
import json
from collections.abc import Iterator
from typing import Any

from moto.ec2.models.instance_types import INSTANCE_TYPES

from tests.proof.checks.check import Findings
from tests.proof.subject import Subject

KEPT_BACK = 0.90
"""Of a machine's memory, what the ECS agent leaves to containers; on g4dn.xlarge about 15,500 of 16,384 MiB."""

MAX_UPDATE_MINUTES = 360
"""https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-batch-computeenvironment-updatepolicy.html"""

WAITS = {
    "CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY",
    "MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE",
    "MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT",
}
"""https://docs.aws.amazon.com/batch/latest/userguide/job-queue-state-time-limit-actions.html"""


def findings(subject: Subject) -> Findings:
    definition = subject.one("AWS::Batch::JobDefinition")
    requirements = definition["ContainerProperties"]["ResourceRequirements"]
    needs = {need["Type"]: int(need["Value"]) for need in requirements}
    for name, environment in subject.all("AWS::Batch::ComputeEnvironment").items():
        resources = environment["ComputeResources"]
        yield from (f"{name}: {fault}" for fault in _faults(resources, needs))
        yield from (f"{name}: {fault}" for fault in _faults_of_network(subject, resources))
        yield from (f"{name}: {fault}" for fault in _faults_of_updates(environment, definition))
    template = subject.one("AWS::EC2::LaunchTemplate")["LaunchTemplateData"]
    if template.get("MetadataOptions", {}).get("HttpTokens") != "required":
        yield "LaunchTemplate: a container could read the machine's credentials (IMDSv1)"
    if template.get("MetadataOptions", {}).get("HttpPutResponseHopLimit") != 1:
        yield "LaunchTemplate: a container could read the machine's credentials (more than one hop)"
    yield from _faults_of_sharing(definition, template.get("UserData", {}).get("Fn::Base64", ""))
    yield from _faults_of_user_data(template.get("UserData", {}).get("Fn::Base64", ""))
    # ECS's image of Amazon Linux 2023 has its root file system on /dev/xvda, of 30 GB unless the template says more.
    disks = {device["DeviceName"]: device["Ebs"] for device in template.get("BlockDeviceMappings", [])}
    root = disks.get("/dev/xvda", {})
    if not root.get("Encrypted") or not root.get("DeleteOnTermination") or root.get("VolumeSize", 0) < 60:
        yield "LaunchTemplate: the disk must be encrypted, deleted with the machine, and have room for the image"
    environments = {subject.arn(name) for name in subject.ids("AWS::Batch::ComputeEnvironment")}
    for name, queue in subject.all("AWS::Batch::JobQueue").items():
        yield from (f"{name}: {fault}" for fault in _faults_of_queue(queue, environments))
    yield from _faults_of_image(subject)


def _faults_of_queue(queue: dict[str, Any], environments: set[str]) -> Iterator[str]:
    cancels = [limit for limit in queue.get("JobStateTimeLimitActions", []) if limit["Action"] == "CANCEL"]
    limited = {limit["Reason"]: limit["MaxTimeSeconds"] for limit in cancels}
    yield from (f"a job may wait for ever for {reason}" for reason in sorted(WAITS - limited.keys()))
    # Batch gives this reason also while the first machine of an environment starts.
    if limited.get("MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT", 1_800) < 1_800:
        yield "cancels jobs while their first machine starts"
    used = {order["ComputeEnvironment"] for order in queue["ComputeEnvironmentOrder"]}
    if used != environments:
        yield f"uses {sorted(used)} of {sorted(environments)}"


DRAINS = "echo ECS_ENABLE_SPOT_INSTANCE_DRAINING=true >> /etc/ecs/ecs.config"
KEEPS_METADATA = "iptables --insert OUTPUT --destination 169.254.169.254 --match owner ! --uid-owner root --jump REJECT"


def _faults_of_sharing(definition: dict[str, Any], user_data: str) -> Iterator[str]:
    """https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs-gpu.html"""
    container = definition["ContainerProperties"]
    asks = any(need["Type"] == "GPU" for need in container["ResourceRequirements"])
    sees = {"Name": "NVIDIA_VISIBLE_DEVICES", "Value": "all"} in container["Environment"]
    if sees and asks:
        yield "a job that has a GPU of its own would see those of the others"
    if sees is not ("--default-runtime nvidia " in user_data):
        yield "jobs share a GPU only with both: NVIDIA as Docker's runtime, and a variable that says which they see"


def _faults_of_user_data(text: str) -> Iterator[str]:
    """Batch takes MIME only: https://docs.aws.amazon.com/batch/latest/userguide/launch-templates.html"""
    message = email.message_from_string(text)
    scripts = [part.get_payload() for part in message.walk() if part.get_content_type() == "text/x-shellscript"]
    if not message.is_multipart() or not scripts:
        yield "LaunchTemplate: its user data is no MIME multi-part text with a script"
    for script in scripts:
        if not str(script).startswith("#!/bin/bash\n"):
            yield "LaunchTemplate: cloud-init runs a script only with its interpreter in the first line"
    if DRAINS not in [line for script in scripts for line in str(script).splitlines()]:
        yield "LaunchTemplate: a Spot machine that is reclaimed gets another trial in its last two minutes"
    # A container of Batch has the machine's network, where the limit of hops keeps nothing from it.
    if KEEPS_METADATA not in [line for script in scripts for line in str(script).splitlines()]:
        yield "LaunchTemplate: a trial could read the machine's credentials (it has the machine's network)"


def _faults(resources: dict[str, Any], needs: dict[str, int]) -> Iterator[str]:
    images = [image.get("ImageType") for image in resources.get("Ec2Configuration", [])]
    if needs.get("GPU") and images != ["ECS_AL2023_NVIDIA"]:
        yield f"the machine image is {images}, which has no driver for a GPU or is past its end of support"
    if needs["VCPU"] > resources["MaxvCpus"]:
        yield f"a job needs {needs['VCPU']} vCPUs of at most {resources['MaxvCpus']}"
    if resources.get("AllocationStrategy") == "BEST_FIT":
        yield "BEST_FIT cannot be updated in place, and waits for one instance type"
    launch_template = resources.get("LaunchTemplate", {})
    if launch_template and not str(launch_template.get("Version", "")):
        yield "without a version it keeps the first one of its launch template"
    for kind in resources["InstanceTypes"]:
        machine = INSTANCE_TYPES.get(kind)
        if machine is None:
            yield f"there is no instance type {kind}"
            continue
        gpus = sum(gpu["Count"] for gpu in machine.get("GpuInfo", {}).get("Gpus", []))
        memory = int(machine["MemoryInfo"]["SizeInMiB"] * KEPT_BACK)
        has = {"VCPU": machine["VCpuInfo"]["DefaultVCpus"], "MEMORY": memory, "GPU": gpus}
        for what, least in needs.items():
            if has[what] < least:
                yield f"a job needs {least} of {what}, {kind} has {has[what]}"
        if "x86_64" not in machine["ProcessorInfo"]["SupportedArchitectures"]:
            yield f"{kind} does not run the image, which is built for x86_64"


def _faults_of_updates(environment: dict[str, Any], definition: dict[str, Any]) -> Iterator[str]:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-properties-batch-computeenvironment-updatepolicy.html"""
    if not environment["ComputeResources"].get("UpdateToLatestImageVersion"):
        yield "its machines keep the image, and its faults, of the day of the first deploy"
    policy = environment.get("UpdatePolicy", {})
    if policy.get("TerminateJobsOnUpdate") is not False:
        yield "a deploy ends the trials that run"
    minutes = policy.get("JobExecutionTimeoutMinutes", 30)
    if minutes * 60 < min(definition["Timeout"]["AttemptDurationSeconds"], MAX_UPDATE_MINUTES * 60):
        yield "a deploy leaves a trial less time than an attempt may take"
    if minutes > MAX_UPDATE_MINUTES:
        yield f"a deploy would leave trials {minutes} minutes, Batch takes {MAX_UPDATE_MINUTES} at most"


def _faults_of_network(subject: Subject, resources: dict[str, Any]) -> Iterator[str]:
    subnets = subject.all("AWS::EC2::Subnet")
    routed = {
        association["SubnetId"]
        for association in subject.all("AWS::EC2::SubnetRouteTableAssociation").values()
        for route in subject.all("AWS::EC2::Route").values()
        if route["RouteTableId"] == association["RouteTableId"]
        and route.get("DestinationCidrBlock") == "0.0.0.0/0"
        and route.get("GatewayId") in subject.ids("AWS::EC2::InternetGateway")
    }
    for name in resources["Subnets"]:
        if name in subnets and not (subnets[name].get("MapPublicIpOnLaunch") and name in routed):
            yield f"a machine in {name} reaches neither ECR nor CloudWatch, so no job ever starts"
    groups = subject.all("AWS::EC2::SecurityGroup")
    for name, group in groups.items():
        if group.get("SecurityGroupIngress") or subject.ids("AWS::EC2::SecurityGroupIngress"):
            yield f"{name}: something can come in"
        if not any(rule.get("CidrIp") == "0.0.0.0/0" for rule in group.get("SecurityGroupEgress", [])):
            yield f"{name}: nothing can go out"
    if not {text.partition(".")[0] for text in resources["SecurityGroupIds"]} <= set(groups):
        yield "its security groups are not the stack's"


def _faults_of_image(subject: Subject) -> Iterator[str]:
    assets = json.loads(next(subject.assembly.glob("*.assets.json")).read_bytes())
    for asset in assets.get("dockerImages", {}).values():
        platform = asset["source"].get("platform")
        if platform != "linux/amd64":
            yield f"the image is built for {platform or 'whatever machine deploys'}, jobs run on linux/amd64"
