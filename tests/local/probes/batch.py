"""Batch: its resources in templates, and its jobs."""

import contextlib
import json
import os
import time
from typing import Any

from tests.local.probes.world import REGION, World, outcome, probe, simple
from tests.support import tiny


@probe
def compute_environments(world: World) -> Any:
    """As CDK writes it; then closer, step by step, to what moto wants."""
    iam, ec2 = world.client("iam"), world.client("ec2")
    profile = iam.create_instance_profile(InstanceProfileName="machines")["InstanceProfile"]["Arn"]
    subnet = ec2.describe_subnets()["Subnets"][0]["SubnetId"]
    properties: dict[str, Any] = {
        **tiny.COMPUTE_ENVIRONMENT["Properties"],
        "ComputeResources": {
            **tiny.COMPUTE_ENVIRONMENT["Properties"]["ComputeResources"],
            "InstanceRole": profile,
            "Subnets": [subnet],
            "SecurityGroupIds": [ec2.describe_security_groups()["SecurityGroups"][0]["GroupId"]],
        },
    }
    new_machine = {**properties["ComputeResources"], "InstanceTypes": ["g99.large"]}
    steps: dict[str, dict[str, Any]] = {
        "as CDK writes it": {},
        "with a service role": {"ServiceRole": world.role()},
        "with its type in capitals": {"Type": "MANAGED"},
        "on a new type of machine": {"ComputeResources": new_machine},
    }

    def made() -> Any:
        resource = {"Type": "AWS::Batch::ComputeEnvironment", "Properties": properties}
        return world.stack({"It": resource}, {"Arn": {"Fn::GetAtt": ["It", "ComputeEnvironmentArn"]}})

    answers = {}
    for step, change in steps.items():
        properties.update(change)
        answers[step] = outcome(made)
    return answers


@probe
def queue_attribute(world: World) -> Any:
    order = [{"Order": 1, "ComputeEnvironment": world_environment(world)}]
    queue = {"Type": "AWS::Batch::JobQueue", "Properties": {"Priority": 1, "ComputeEnvironmentOrder": order}}
    return outcome(lambda: world.stack({"It": queue}, {"Arn": {"Fn::GetAtt": ["It", "JobQueueArn"]}}))


@probe
def queue_with_a_policy(world: World) -> Any:
    """A stack with both, which is changed and deleted; between, jobs in the queue."""
    batch, cloudformation = world.client("batch"), world.client("cloudformation")
    environment = world_environment(world)
    world.ended_job(world.submit("exit 0"))
    definition = batch.describe_job_definitions(status="ACTIVE")["jobDefinitions"][-1]["jobDefinitionName"]

    def template(weight: float) -> str:
        shares = [{"ShareIdentifier": "high*", "WeightFactor": weight}]
        policy = {"Name": "fair", "FairsharePolicy": {"ShareDecaySeconds": 60, "ShareDistribution": shares}}
        queue = {
            "JobQueueName": "shared",
            "Priority": 1,
            "ComputeEnvironmentOrder": [{"Order": 1, "ComputeEnvironment": environment}],
            "SchedulingPolicyArn": {"Fn::GetAtt": ["Policy", "Arn"]},
        }
        resources = {
            "Policy": {"Type": "AWS::Batch::SchedulingPolicy", "Properties": policy},
            "Queue": {"Type": "AWS::Batch::JobQueue", "Properties": queue},
        }
        if "MOTO_PORT" in os.environ:  # it cannot resolve the reference
            queue["SchedulingPolicyArn"] = "arn:aws:batch:us-east-1:123456789012:scheduling-policy/fair"
        return json.dumps({"Resources": resources})

    def policies() -> Any:
        arns = [each["arn"] for each in batch.list_scheduling_policies()["schedulingPolicies"]]
        described = batch.describe_scheduling_policies(arns=arns)["schedulingPolicies"] if arns else []
        return [each["fairsharePolicy"]["shareDistribution"] for each in described]

    def submitted(**more: Any) -> Any:
        asked = {"jobName": "one", "jobQueue": "shared", "jobDefinition": definition, **more}
        return outcome(lambda: batch.submit_job(**asked) and "taken")

    cloudformation.create_stack(StackName="fair", TemplateBody=template(0.5))
    (queue,) = batch.describe_job_queues(jobQueues=["shared"])["jobQueues"]
    share = {"shareIdentifier": "highme", "schedulingPriorityOverride": 7}
    answers = {
        "policies": policies(),
        "of the queue": queue.get("schedulingPolicyArn"),
        "without a share": submitted(),
        "without a priority": submitted(shareIdentifier="me"),
        "with a hyphen": submitted(**{**share, "shareIdentifier": "a-b"}),
        "in a queue without a policy": submitted(**share, jobQueue=world.queue()),
    }
    job = batch.submit_job(jobName="one", jobQueue="shared", jobDefinition=definition, **share)["jobId"]
    ended = world.ended_job(job)
    answers["described"] = [ended.get("shareIdentifier"), ended.get("schedulingPriority")]
    outcome(lambda: cloudformation.update_stack(StackName="fair", TemplateBody=template(0.25)))
    answers["changed"] = policies()
    cloudformation.delete_stack(StackName="fair")
    answers["after the stack"] = policies()
    return answers


def world_environment(world: World) -> str:
    world.queue()
    environments = world.client("batch").describe_compute_environments()["computeEnvironments"]
    return str(
        next(item["computeEnvironmentArn"] for item in environments if item["computeEnvironmentName"] == "machines")
    )


@probe
def job_definition_attribute(world: World) -> Any:
    definition = tiny.job_definition(RetryStrategy={})
    return outcome(lambda: world.stack({"It": definition}, {"Arn": {"Fn::GetAtt": ["It", "JobDefinitionArn"]}}))


@probe
def job_definition_without_retries(world: World) -> Any:
    return outcome(lambda: world.stack({"It": tiny.job_definition()}))


@probe
def job_definition_parts(world: World) -> Any:
    definition = tiny.job_definition(
        JobDefinitionName="parts",
        RetryStrategy={"Attempts": 2, "EvaluateOnExit": [{"Action": "EXIT", "OnReason": "*"}]},
        Timeout={"AttemptDurationSeconds": 60},
        PropagateTags=True,
        PlatformCapabilities=["EC2"],
        Tags={"Owner": "me"},
    )
    definition["Properties"]["ContainerProperties"]["LogConfiguration"] = {
        "LogDriver": "awslogs",
        "Options": {"awslogs-group": "jobs"},
    }
    world.stack({"It": definition})
    for described in world.client("batch").describe_job_definitions()["jobDefinitions"]:
        if described.get("timeout") or "parts" in described["jobDefinitionName"].lower() or described.get("tags"):
            return described
    return None


@probe
def changed_job_definition(world: World) -> Any:
    """A job definition, and a parameter that names its revision; the definition is changed twice."""
    cloudformation = world.client("cloudformation")
    properties = {"Name": "/revision", "Type": "String", "Value": {"Ref": "Job"}}
    named = {"Type": "AWS::SSM::Parameter", "Properties": properties}

    def template(image: str, *, earlier_are_kept: bool) -> str:
        requirements = [{"Type": "VCPU", "Value": "1"}, {"Type": "MEMORY", "Value": "128"}]
        job = {
            "Type": "AWS::Batch::JobDefinition",
            "Properties": {
                "Type": "container",
                "JobDefinitionName": "changes",
                "ContainerProperties": {"Image": image, "ResourceRequirements": requirements},
                "RetryStrategy": {"Attempts": 1},
                "ResourceRetentionPolicy": {"SkipDeregisterOnUpdate": earlier_are_kept},
            },
        }
        return json.dumps({"Resources": {"Job": job, "Named": named}})

    def seen() -> Any:
        answer = world.client("batch").describe_job_definitions(jobDefinitionName="changes")["jobDefinitions"]
        arn = world.client("ssm").get_parameter(Name="/revision")["Parameter"]["Value"]
        return {
            "revisions": {str(revision["revision"]): revision["status"] for revision in answer},
            "named": arn.rpartition(":")[2],
        }

    cloudformation.create_stack(StackName="job", TemplateBody=template("one", earlier_are_kept=True))
    after = {"made": seen()}
    for name, kept in (("earlier kept", True), ("earlier not kept", False)):
        change = {"StackName": "job", "TemplateBody": template(name, earlier_are_kept=kept)}
        refused = outcome(lambda: cloudformation.update_stack(**change) and None)  # noqa: B023  called at once
        after[name] = refused or seen()
    return after


@probe
def job_that_exits_3(world: World) -> Any:
    def status() -> dict[str, Any]:
        job = world.ended_job(world.submit("exit 3"))
        return {
            "status": job["status"],
            "exit code": job["container"].get("exitCode"),
            "attempts": len(job["attempts"]),
        }

    answer = {"with Docker": status()}
    if "MOTO_PORT" in os.environ:
        with simple("batch"):
            answer["simple"] = status()
    return answer


@probe
def attempts_of_a_job_that_fails(world: World) -> Any:
    os.environ["MOTO_SIMPLE_BATCH_FAIL_AFTER"] = "0"
    with simple("batch") if "MOTO_PORT" in os.environ else contextlib.nullcontext():
        job = world.ended_job(world.submit("exit 3", attempts=3))
    return {"status": job["status"], "attempts": len(job["attempts"])}


@probe
def environment_of_a_job_described_thrice(world: World) -> list[int]:
    job = world.submit("exit 0")
    world.ended_job(job)
    return [len(world.job(job)["container"]["environment"]) for _ in range(3)]


@probe
def jobs_described_while_one_is_added(world: World) -> Any:
    """A job whose description takes so long that another is submitted meanwhile."""
    from moto.batch.models import batch_backends

    backend = batch_backends["123456789012"][REGION]
    ended = world.submit("exit 0")
    world.ended_job(ended)
    slow = backend._jobs[ended]
    describe = slow.describe

    def describe_slowly() -> Any:
        world.submit("exit 0")
        return describe()

    slow.describe = describe_slowly
    try:
        return outcome(lambda: len(backend.describe_jobs([ended])))
    finally:
        slow.describe = describe


@probe
def jobs_listed_by_time(world: World) -> int:
    """How many jobs were submitted after an hour from now."""
    world.ended_job(world.submit("exit 0"))
    after = {"name": "AFTER_CREATED_AT", "values": [str(int((time.time() + 3600) * 1000))]}
    return len(world.client("batch").list_jobs(jobQueue=world.queue(), filters=[after])["jobSummaryList"])
