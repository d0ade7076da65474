"""The Lambda functions of the state machine."""

from collections.abc import Sequence

from aws_cdk import Duration, Size, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from constructs import Construct

from stepsweep.stack.acknowledged import acknowledge_wildcards
from stepsweep.stack.log_groups import log_group
from stepsweep.stack.packages import FUNCTION_FILES, staged
from stepsweep.stack.sampler_packages import COMMAND, made_of


class Function(Construct):
    """One function of `statemachine/`, with a role and a log group of its own.

    Attributes:
        function: the Lambda function.
        role: its permissions; at first only for its own log.

    Args:
        code: the folder of its package; by default what all functions have.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        module: str,
        description: str,
        environment: dict[str, str],
        timeout: Duration,
        memory_mib: int,
        log_retention_days: int,
        layers: Sequence[lambda_.ILayerVersion] = (),
        code: str | None = None,
    ) -> None:
        super().__init__(scope, construct_id)
        logs = log_group(self, "Logs", retention_days=log_retention_days)
        self.role = iam.Role(
            self, "Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"), description=description
        )
        logs.grant_write(self.role)
        self.function = lambda_.Function(
            self,
            "Function",
            description=description,
            code=lambda_.Code.from_asset(code or staged(FUNCTION_FILES)),
            handler=f"stepsweep.statemachine.{module}.handler",
            runtime=lambda_.Runtime.PYTHON_3_14,
            architecture=lambda_.Architecture.ARM_64,  # a fifth cheaper than x86
            role=self.role,
            log_group=logs,
            layers=list(layers) or None,
            environment=environment,
            timeout=timeout,
            memory_size=memory_mib,
            tracing=lambda_.Tracing.ACTIVE,
            ephemeral_storage_size=Size.mebibytes(512),
        )
        acknowledge_wildcards(self.role, ["*"], because="X-Ray's actions for sending traces know no resources.")


class SamplerLayer(Construct):
    """The packages of the function that asks the model.

    Attributes:
        layer: a layer for Python 3.14 on ARM.
    """

    def __init__(self, scope: Construct, construct_id: str) -> None:
        super().__init__(scope, construct_id)
        zipped = Stack.of(self).synthesizer.add_file_asset(
            source_hash=made_of(),
            executable=list(COMMAND),
            display_name="packages of the sampler",
        )
        self.layer = lambda_.LayerVersion(
            self,
            "Layer",
            code=lambda_.Code.from_bucket(
                s3.Bucket.from_bucket_name(self, "Assets", zipped.bucket_name), zipped.object_key
            ),
            compatible_architectures=[lambda_.Architecture.ARM_64],
            compatible_runtimes=[lambda_.Runtime.PYTHON_3_14],
            description="stepsweep: Optuna, for the function that asks a model",
        )
