"""CloudFormation: change sets, updates, names, custom resources."""

import json
import threading
from typing import Any

from tests.local.probes.world import World, outcome, probe, zipped_function


@probe
def names(world: World) -> list[str]:
    """Of the bucket of one and the same stack, made twice."""
    bucket = {"It": {"Type": "AWS::S3::Bucket"}}
    return [world.stack(bucket, {"Name": {"Ref": "It"}}, name="twice")["Name"] for _ in range(2)]


@probe
def outputs_of_a_change_set(world: World) -> Any:
    """Of a stack that was made as the CDK CLI makes one."""
    cloudformation = world.client("cloudformation")
    template = {"Resources": {"It": {"Type": "AWS::S3::Bucket"}}, "Outputs": {"Name": {"Value": {"Ref": "It"}}}}
    name = {"StackName": "by-change-set", "ChangeSetName": "first"}
    cloudformation.create_change_set(**name, ChangeSetType="CREATE", TemplateBody=json.dumps(template))
    cloudformation.execute_change_set(**name)
    described = cloudformation.describe_stacks(StackName=name["StackName"])["Stacks"][0]
    return [output["OutputKey"] for output in described.get("Outputs", [])]


@probe
def second_change_set(world: World) -> Any:
    """The CDK CLI deletes the change set of the deploy before, waits until it is gone, and keeps the parameters."""
    world.client("ssm").put_parameter(Name="/version", Value="32", Type="String")
    cloudformation = world.client("cloudformation")
    name = {"StackName": "deployed-twice", "ChangeSetName": "a-deploy"}

    def executed(kind: str, path: str, **given: Any) -> list[str]:
        template = {
            "Parameters": {"Version": {"Type": "AWS::SSM::Parameter::Value<String>", "Default": "/version"}},
            "Resources": {"It": {"Type": "AWS::IAM::User", "Properties": {"Path": path}}},
        }
        cloudformation.create_change_set(**name, ChangeSetType=kind, TemplateBody=json.dumps(template), **given)
        cloudformation.execute_change_set(**name)
        return [user["Path"] for user in world.client("iam").list_users()["Users"]]

    executed("CREATE", "/one/")
    cloudformation.delete_change_set(**name)
    kept = [{"ParameterKey": "Version", "UsePreviousValue": True}]
    return {
        "delete what is gone": outcome(lambda: cloudformation.delete_change_set(**name) and "deleted"),
        "describe what is gone": outcome(lambda: cloudformation.describe_change_set(**name)),
        "second": outcome(lambda: executed("UPDATE", "/two/", Parameters=kept)),
    }


@probe
def unknown_change(world: World) -> Any:
    """A change of what moto can make and not change."""
    cloudformation = world.client("cloudformation")

    def change(days: int) -> dict[str, str]:
        group = {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": "lasts", "RetentionInDays": days}}
        return {"StackName": "lasting", "TemplateBody": json.dumps({"Resources": {"Group": group}})}

    cloudformation.create_stack(**change(7))
    refused = outcome(lambda: cloudformation.update_stack(**change(30)) and None)
    groups = world.client("logs").describe_log_groups(logGroupNamePrefix="lasts")["logGroups"]
    return {"days": [group["retentionInDays"] for group in groups], "refused": refused is not None}


@probe
def custom_resource(world: World) -> Any:
    """CDK empties a bucket with a custom resource. moto calls its function in a thread, and waits for its answer."""
    failures: list[str] = []
    hook, threading.excepthook = threading.excepthook, lambda failed: failures.append(str(failed.exc_type.__name__))
    try:
        function = world.client("lambda").create_function(
            FunctionName="empties-a-bucket",
            Runtime="python3.13",
            Role=world.role(),
            Handler="index.handler",
            Code={"ZipFile": zipped_function("def handler(event, context): pass")},
        )["FunctionArn"]
        properties = {"ServiceToken": function, "BucketName": {"Ref": "Bucket"}}
        of_another = {"ServiceToken": function, "BucketName": "is-not-deleted"}
        template = {
            "Resources": {
                "Bucket": {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": "is-emptied"}},
                "It": {"Type": "Custom::Empties", "Properties": properties},
                "Other": {"Type": "Custom::Empties", "Properties": of_another},
            }
        }
        cloudformation, s3 = world.client("cloudformation"), world.client("s3")
        s3.create_bucket(Bucket="is-not-deleted")
        cloudformation.create_stack(StackName="custom", TemplateBody=json.dumps(template))
        for thread in threading.enumerate():
            if "invoke" in thread.name:
                thread.join(60)
        status = cloudformation.describe_stacks(StackName="custom")["Stacks"][0]["StackStatus"]
        s3.put_object(Bucket="is-emptied", Key="a/b", Body=b"it")
        cloudformation.delete_stack(StackName="custom")
        buckets = [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]]
        late = outcome(lambda: s3.put_object(Bucket="is-not-deleted", Key="late", Body=b"it")["ETag"])
        s3.delete_object(Bucket="is-not-deleted", Key="late")
        s3.delete_bucket(Bucket="is-not-deleted")
        s3.create_bucket(Bucket="is-not-deleted")
        anew = outcome(lambda: s3.put_object(Bucket="is-not-deleted", Key="late", Body=b"it")["ETag"])
        return {"status": status, "bucket after the stack": "is-emptied" in buckets, "late": late, "anew": anew}
    finally:
        threading.excepthook = hook
