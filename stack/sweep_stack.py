"""The stack: wires the rooms together, and says in one place who may do what."""

import aws_cdk as cdk
from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_ecr_assets as ecr_assets
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_iam as iam
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from stack.acknowledged import acknowledge, acknowledge_wildcards
from stack.compute import Compute
from stack.config import StackConfig
from stack.functions import Function
from stack.log_groups import log_group
from stack.network import Network
from stack.notices import Notices
from stack.packages import TRAINER_FILES, staged
from stack.storage import Storage
from statemachine.definition import SweepDefinition
from sweep import keys


class SweepStack(cdk.Stack):
    """Everything that sweeps need in one account and region. Nothing of it runs, or costs, while no sweep does."""

    def __init__(self, scope: Construct, construct_id: str, *, config: StackConfig) -> None:
        super().__init__(
            scope,
            construct_id,
            stack_name=config.stack_name,
            description="stepsweep: hyperparameter search with Step Functions and Batch",
            analytics_reporting=False,
        )
        image, trainer_version = _trainer_image(self, config)
        storage = Storage(self, "Storage", checkpoint_days=config.checkpoint_days, log_retention_days=config.log_retention_days)
        network = Network(self, "Network", config=config)
        compute = Compute(
            self,
            "Compute",
            config=config,
            network=network,
            image=image,
            environment={keys.BUCKET: storage.bucket.bucket_name},
        )
        prices = {keys.USD_PER_HOUR: str(config.usd_per_hour), keys.JOB_GPUS: str(config.job_gpus)}
        planner = Function(
            self,
            "Planner",
            module="planner",
            description="stepsweep: plans the trials of a sweep",
            environment={
                keys.BUCKET: storage.bucket.bucket_name,
                keys.TRAINER_VERSION: trainer_version,
                keys.DEFAULT_MAX_CONCURRENCY: str(config.max_concurrency),
                keys.SECONDS_PER_EPOCH: str(config.seconds_per_epoch),
                **prices,
            },
            timeout=Duration.minutes(5),
            memory_mib=1769,  # one whole vCPU: https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html
            log_retention_days=config.log_retention_days,
        )
        reducer = Function(
            self,
            "Reducer",
            module="reducer",
            description="stepsweep: picks the winner of a sweep",
            environment={
                keys.BUCKET: storage.bucket.bucket_name,
                keys.LOG_GROUP: compute.log_group.log_group_name,
                **prices,
            },
            timeout=Duration.minutes(15),
            memory_mib=1769,
            log_retention_days=config.log_retention_days,
        )
        definition = SweepDefinition(
            self,
            "Definition",
            bucket=storage.bucket,
            sweeps=storage.objects(keys.SWEEPS),
            job_queue=compute.job_queue,
            job_definition=compute.job_definition,
            planner=planner.function,
            reducer=reducer.function,
        )
        state_machine = sfn.StateMachine(
            self,
            "Sweep",
            state_machine_name=f"{config.stack_name}-sweep",  # a name that a person can type
            comment='Hyperparameter search. Input: {"parameters": {"lr": [0.1, 0.01]}, "epochs": 10}',
            definition_body=sfn.DefinitionBody.from_chainable(definition.start),
            timeout=Duration.days(14),
            tracing_enabled=True,
            logs=sfn.LogOptions(
                destination=log_group(self, "ExecutionLogs", retention_days=config.log_retention_days),
                level=sfn.LogLevel.ERROR,
                include_execution_data=False,  # what a person searches for is theirs; it stays in the bucket
            ),
            removal_policy=RemovalPolicy.DESTROY,
        )

        # Jobs write trials/* and checkpoints/*, functions write sweeps/*.
        both = ["s3:GetObject", "s3:PutObject"]
        _allow(compute.job_role, both, [storage.objects(keys.TRIALS), storage.objects(keys.CHECKPOINTS)])
        for role in (planner.role, reducer.role):
            _allow(role, both, [storage.objects(keys.SWEEPS)])
            _allow(role, ["s3:GetObject"], [storage.objects(keys.TRIALS)])
        _allow(reducer.role, ["logs:GetLogEvents"], [f"{compute.log_group.log_group_arn}:log-stream:*"])
        for role in (compute.job_role, planner.role, reducer.role):
            # Without it S3 answers 403 where an object is not there, and 404 is what they ask about.
            _allow(role, ["s3:ListBucket"], [storage.bucket.bucket_arn])
        # The items of a Map, its results, and outcomes.
        _allow(
            state_machine.role,
            [*both, "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"],
            [storage.objects(keys.SWEEPS)],
        )
        self._allow_jobs(state_machine, compute)

        Notices(
            self,
            "Notices",
            state_machine=state_machine,
            functions={"Planner": planner.function, "Reducer": reducer.function},
            notify=config.notify,
        )
        cdk.Tags.of(self).add("project", "stepsweep")
        self._output("Bucket", storage.bucket.bucket_name, "Results: sweeps/<name>/leaderboard.csv and winner.json")
        self._output("StateMachineArn", state_machine.state_machine_arn, "Start executions of this one")
        self._output("JobQueue", compute.job_queue.job_queue_name, "Where trials wait")
        self._output("JobLogGroup", compute.log_group.log_group_name, "What trials print")
        self._output("MaxVcpus", str(config.max_vcpus), "Of all trials at once")
        self._output("Capacity", config.capacity, "Which machines trials run on")

    def _allow_jobs(self, state_machine: sfn.StateMachine, compute: Compute) -> None:
        """Grants what `batch:submitJob.sync` needs, and no more than that.

        https://docs.aws.amazon.com/step-functions/latest/dg/connect-batch.html
        """
        job_arn = self.format_arn(service="batch", resource="job", resource_name="*")
        # Any revision: an execution that runs while the stack is deployed names the one before.
        definition = cdk.Fn.select(5, cdk.Fn.split(":", compute.job_definition.job_definition_arn))
        definition_arn = cdk.Fn.join(":", ["arn", self.partition, "batch", self.region, self.account, definition, "*"])
        _allow(state_machine.role, ["batch:SubmitJob"], [compute.job_queue.job_queue_arn, definition_arn])
        # Stopping an execution terminates its jobs. Jobs get their ids when they are submitted, so `job/*` it is.
        _allow(state_machine.role, ["batch:TerminateJob"], [job_arn])
        _allow(state_machine.role, ["batch:TagResource"], [job_arn, compute.job_queue.job_queue_arn, definition_arn])
        _allow(state_machine.role, ["batch:DescribeJobs"], ["*"])  # this action knows no resources
        rule = self.format_arn(
            service="events", resource="rule", resource_name="StepFunctionsGetEventsForBatchJobsRule"
        )
        _allow(state_machine.role, ["events:PutTargets", "events:PutRule", "events:DescribeRule"], [rule])

    def _output(self, name: str, value: str, description: str) -> None:
        cdk.CfnOutput(self, name, value=value, description=description)


def _allow(role: iam.IRole, actions: list[str], resources: list[str]) -> None:
    role.add_to_principal_policy(iam.PolicyStatement(actions=actions, resources=resources))


def _trainer_image(scope: Construct, config: StackConfig) -> tuple[ecs.ContainerImage, str]:
    """Returns the image that trials run, and what names its code in every trial id."""
    if config.image:
        return ecs.ContainerImage.from_registry(config.image), config.image
    asset = ecr_assets.DockerImageAsset(
        scope,
        "Trainer",
        directory=config.trainer or staged(TRAINER_FILES),
        file=None if config.trainer else "trainer/Dockerfile",
        platform=ecr_assets.Platform.LINUX_AMD64,  # g4dn's; an image built on an Arm laptop would not start there
    )
    return ecs.ContainerImage.from_docker_image_asset(asset), asset.asset_hash
