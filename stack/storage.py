"""Where everything of a sweep is: one private bucket, gone with the stack."""

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_s3 as s3
from constructs import Construct

from sweep import keys


class Storage(Construct):
    """The bucket. `cdk destroy` empties and deletes it: results worth keeping are copied before.

    Attributes:
        bucket: private, encrypted, reached over TLS only.
    """

    def __init__(self, scope: Construct, construct_id: str) -> None:
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
            ],
        )

    @property
    def sweeps(self) -> str:
        return self.bucket.arn_for_objects(f"{keys.SWEEPS}*")

    @property
    def trials(self) -> str:
        return self.bucket.arn_for_objects(f"{keys.TRIALS}*")
