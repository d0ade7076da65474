"""The private bucket with everything a sweep stores; the stack deletes it."""

from typing import cast

from aws_cdk import CfnResource, Duration, RemovalPolicy, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from constructs import Construct

from stepsweep.contract import keys
from stepsweep.stack.acknowledged import acknowledge
from stepsweep.stack.log_groups import log_group


class Storage(Construct):
    """The bucket. `sweep destroy` empties and deletes it, so copy results that you want to keep.

    Attributes:
        bucket: private, encrypted, accessible over TLS only.
    """

    def __init__(self, scope: Construct, construct_id: str, *, checkpoint_days: int, log_retention_days: int) -> None:
        super().__init__(scope, construct_id)
        self.bucket = s3.Bucket(
            self,
            "Bucket",
            encryption=s3.BucketEncryption.S3_MANAGED,
            enforce_ssl=True,
            minimum_tls_version=1.2,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            removal_policy=RemovalPolicy.DESTROY,
            auto_delete_objects=True,
            lifecycle_rules=[
                s3.LifecycleRule(id="AbortUnfinishedUploads", abort_incomplete_multipart_upload_after=Duration.days(1)),
                s3.LifecycleRule(
                    id="DeleteCheckpoints", prefix=keys.CHECKPOINTS, expiration=Duration.days(checkpoint_days)
                ),
                # The reducer has copied those that stay.
                s3.LifecycleRule(
                    id="DeleteArtifacts", prefix=keys.NEW_ARTIFACTS, expiration=Duration.days(checkpoint_days)
                ),
            ],
        )
        self._keep_metrics()
        acknowledge(
            self.bucket,
            "S1",
            because="Access logs would need a second bucket, which nobody reads and which has to be emptied as well; "
            "whoever must know who read what turns on CloudTrail's data events for this bucket.",
        )
        self._keep_no_log_of_emptying(log_retention_days)

    def _keep_metrics(self) -> None:
        """Has S3 refuse to write metrics that are there already, whoever writes them.

        https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes-enforce.html
        """
        self.bucket.add_to_resource_policy(
            iam.PolicyStatement(
                effect=iam.Effect.DENY,
                principals=[iam.AnyPrincipal()],
                actions=["s3:PutObject"],
                resources=[self.objects(f"{keys.TRIALS}*/{keys.METRICS_NAME}")],
                # The second condition leaves out the parts of an upload, of which only the last request may say it.
                conditions={"Null": {"s3:if-none-match": "true"}, "Bool": {"s3:ObjectCreationOperation": "true"}},
            )
        )

    def _keep_no_log_of_emptying(self, retention_days: int) -> None:
        """Gives CDK's function that empties the bucket a log group; Lambda's own would outlive the stack."""
        provider = Stack.of(self).node.find_child("Custom::S3AutoDeleteObjectsCustomResourceProvider")
        handler = cast(CfnResource, provider.node.find_child("Handler"))
        logs = log_group(self, "EmptyingLogs", retention_days=retention_days)
        handler.add_property_override("LoggingConfig", {"LogGroup": logs.log_group_name})

    def objects(self, prefix: str) -> str:
        """Returns the ARN of all objects whose keys start with `prefix`."""
        return self.bucket.arn_for_objects(f"{prefix}*")
