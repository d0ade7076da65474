"""After `sweep destroy` nothing is left, and while no sweep runs nothing costs."""

from collections.abc import Iterator
from typing import Any

from tests.proof.checks.check import Findings
from tests.proof.subject import Subject

AT_REST = {
    "AWS::Batch::ComputeEnvironment": "free; its machines are not, and there are none while no job waits",
    "AWS::Batch::JobDefinition": "free",
    "AWS::Batch::JobQueue": "free",
    "AWS::Batch::SchedulingPolicy": "free",
    "AWS::CloudWatch::Alarm": "ten are free, then 0.10 USD a month each",
    "AWS::EC2::InternetGateway": "free",
    "AWS::EC2::LaunchTemplate": "free",
    "AWS::EC2::Route": "free",
    "AWS::EC2::RouteTable": "free",
    "AWS::EC2::SecurityGroup": "free",
    "AWS::EC2::Subnet": "free",
    "AWS::EC2::SubnetRouteTableAssociation": "free",
    "AWS::EC2::VPC": "free",
    "AWS::EC2::VPCEndpoint": "free as a gateway; an interface costs by the hour",
    "AWS::EC2::VPCGatewayAttachment": "free",
    "AWS::Events::Rule": "free",
    "AWS::IAM::InstanceProfile": "free",
    "AWS::IAM::Policy": "free",
    "AWS::IAM::Role": "free",
    "AWS::Lambda::Function": "by invocation",
    "AWS::Lambda::LayerVersion": "free",
    "AWS::Lambda::Permission": "free",
    "AWS::Logs::LogGroup": "by what is in it, for the days of its retention",
    "AWS::S3::Bucket": "by what is in it, until it is deleted",
    "AWS::S3::BucketPolicy": "free",
    "AWS::SNS::Subscription": "free",
    "AWS::SNS::Topic": "by message",
    "AWS::SNS::TopicPolicy": "free",
    "AWS::StepFunctions::StateMachine": "by transition",
    "Custom::S3AutoDeleteObjects": "by invocation",
}
"""What a resource costs while no sweep runs. A type that is not here has to be thought about first."""

DELETED_WITH_CARE = frozenset({"AWS::S3::Bucket", "AWS::Logs::LogGroup", "AWS::StepFunctions::StateMachine"})
"""CDK retains these unless it is told otherwise, so that the template must say it: DeletionPolicy Delete."""


def findings(subject: Subject) -> Findings:
    for name, resource in subject.template["Resources"].items():
        yield from (f"{name}: {fault}" for fault in _faults(resource))
    yield from _faults_of_buckets(subject)
    yield from _faults_of_logs(subject)
    for name, endpoint in subject.all("AWS::EC2::VPCEndpoint").items():
        if endpoint.get("VpcEndpointType", "Gateway") != "Gateway":
            yield f"{name}: an interface endpoint costs by the hour"
    for name, environment in subject.all("AWS::Batch::ComputeEnvironment").items():
        resources = environment["ComputeResources"]
        if resources.get("MinvCpus", 0) or resources.get("DesiredvCpus", 0):
            yield f"{name}: machines run while no sweep does"


def _faults(resource: dict[str, Any]) -> Iterator[str]:
    if resource["Type"] not in AT_REST:
        yield f"nobody has said what {resource['Type']} costs while no sweep runs"
    for policy in ("DeletionPolicy", "UpdateReplacePolicy"):
        given = resource.get(policy)
        if given not in (None, "Delete"):
            yield f"{policy} is {given}: it outlives the stack"
        if given is None and resource["Type"] in DELETED_WITH_CARE:
            yield f"{policy} is not said"


def _faults_of_buckets(subject: Subject) -> Iterator[str]:
    emptied = {properties["BucketName"] for properties in subject.all("Custom::S3AutoDeleteObjects").values()}
    for name, bucket in subject.all("AWS::S3::Bucket").items():
        if subject.resolved({"Ref": name}) not in emptied:
            yield f"{name}: is not emptied, so it cannot be deleted"
        tags = {tag["Key"]: tag["Value"] for tag in bucket.get("Tags", [])}
        if tags.get("aws-cdk:auto-delete-objects") != "true":
            yield f"{name}: has no tag for CDK's function, which empties only buckets that have it"


def _faults_of_logs(subject: Subject) -> Iterator[str]:
    groups = subject.all("AWS::Logs::LogGroup")
    for name, group in groups.items():
        if not group.get("RetentionInDays"):
            yield f"{name}: keeps logs for ever"
    # https://docs.aws.amazon.com/step-functions/latest/dg/cw-logs.html
    for destination in subject.one("AWS::StepFunctions::StateMachine")["LoggingConfiguration"]["Destinations"]:
        if ":log-group:/aws/vendedlogs/" not in destination["CloudWatchLogsLogGroup"]["LogGroupArn"]:
            yield "the state machine's log is added to the account's policy for deliveries, which stays"
    # A log group that AWS makes by itself has no retention and no stack.
    for name, function in subject.all("AWS::Lambda::Function").items():
        if function.get("LoggingConfig", {}).get("LogGroup") not in groups:
            yield f"{name}: logs to a group that Lambda makes, which outlives the stack"
    for name, definition in subject.all("AWS::Batch::JobDefinition").items():
        options = definition["ContainerProperties"].get("LogConfiguration", {}).get("Options", {})
        if options.get("awslogs-group") not in groups:
            yield f"{name}: logs to a group that is not the stack's"
