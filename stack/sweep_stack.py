"""The stack: connects the constructs, and grants all permissions in one place."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import aws_cdk as cdk
from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_ecr as ecr
from aws_cdk import aws_ecr_assets as ecr_assets
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_iam as iam
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from stepsweep.contract import keys
from stepsweep.contract.cost import TUTORIAL_RATES
from stepsweep.contract.deployed import TAG, Output
from stepsweep.stack.acknowledged import acknowledge, acknowledge_wildcards
from stepsweep.stack.compute import Compute
from stepsweep.stack.functions import Function, SamplerLayer
from stepsweep.stack.log_groups import log_group
from stepsweep.stack.machines import SEES_ALL_GPUS
from stepsweep.stack.network import Network
from stepsweep.stack.notices import Notices
from stepsweep.stack.packages import TRAINER_FILES, staged, staged_reducer, staged_trainer
from stepsweep.stack.storage import Storage
from stepsweep.stack_config import ECR_IMAGE, StackConfig
from stepsweep.statemachine.definition.sweep import SweepDefinition
from stepsweep.trainer_script import script_of, title

SECONDS_PER_EPOCH = str(TUTORIAL_RATES.seconds_per_epoch)


class SweepStack(cdk.Stack):
    """Everything that sweeps need in one account and region. Between sweeps nothing of it runs."""

    def __init__(self, scope: Construct, construct_id: str, *, config: StackConfig) -> None:
        super().__init__(
            scope,
            construct_id,
            stack_name=config.stack_name,
            description="stepsweep: hyperparameter search with Step Functions and Batch",
            analytics_reporting=False,
        )
        trainer = _trainer_image(self, config)
        storage = Storage(
            self, "Storage", checkpoint_days=config.checkpoint_days, log_retention_days=config.log_retention_days
        )
        network = Network(self, "Network", config=config)
        compute = Compute(
            self,
            "Compute",
            config=config,
            network=network,
            image=trainer.image,
            repository=trainer.repository,
            environment={
                keys.BUCKET: storage.bucket.bucket_name,
                # Only newer ECS agents set a region, and without one a client of any service but S3 cannot be made.
                # https://github.com/aws/containers-roadmap/issues/1611
                # A container sees all processors of its machine, and two trials on one machine would compete for them.
                keys.THREADS: str(config.job.vcpus),
                **(SEES_ALL_GPUS if config.trials_per_gpu > 1 else {}),
                "AWS_REGION": self.region,
                "AWS_DEFAULT_REGION": self.region,
            },
        )
        job = config.job
        prices = {keys.USD_PER_HOUR: str(config.usd_per_job_hour), keys.JOB: json.dumps(job.to_json())}
        planner = Function(
            self,
            "Planner",
            module="planner",
            description="stepsweep: plans the trials of a sweep",
            environment={
                keys.BUCKET: storage.bucket.bucket_name,
                keys.TRAINER_VERSION: trainer.version,
                keys.TRAINER_NAME: trainer.name,
                keys.SECRETS: json.dumps([name for name, _ in config.secrets]),
                keys.DEFAULT_MAX_CONCURRENCY: str(config.max_concurrency),
                keys.JOBS_AT_ONCE: str(max(1, config.max_vcpus // job.vcpus)),
                **prices,
                **({} if config.trainer or config.image else {keys.SECONDS_PER_EPOCH: SECONDS_PER_EPOCH}),
            },
            timeout=Duration.minutes(5),
            memory_mib=1769,  # one whole vCPU: https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html
            log_retention_days=config.log_retention_days,
        )
        reducer = Function(
            self,
            "Reducer",
            module="reducer",
            description="stepsweep: picks the winner or the Pareto front of a sweep",
            code=staged_reducer(),
            environment={
                keys.STACK: config.stack_name,
                keys.BUCKET: storage.bucket.bucket_name,
                keys.LOG_GROUP: compute.log_group.log_group_name,
                **prices,
            },
            timeout=Duration.minutes(15),
            memory_mib=1769,
            log_retention_days=config.log_retention_days,
        )
        sampler_layer = SamplerLayer(self, "SamplerLayer").layer
        sampler = Function(
            self,
            "Sampler",
            module="sampler",
            description="stepsweep: asks a model which params to try next",
            environment={keys.BUCKET: storage.bucket.bucket_name},
            timeout=Duration.minutes(15),
            memory_mib=1769,
            log_retention_days=config.log_retention_days,
            layers=[sampler_layer],
        )
        asker = Function(
            self,
            "Asker",
            module="asker",
            description="stepsweep: tells a worker of a free-running search what to train next",
            environment={keys.BUCKET: storage.bucket.bucket_name, keys.JOB: prices[keys.JOB]},
            timeout=Duration.minutes(15),
            memory_mib=1769,
            log_retention_days=config.log_retention_days,
            layers=[sampler_layer],
        )
        guard = self._guard(config, compute)
        definition = SweepDefinition(
            self,
            "Definition",
            bucket=storage.bucket,
            sweeps=storage.objects(keys.SWEEPS),
            job_queue=compute.sweep_queue,
            job_definition=compute.job_definition,
            planner=planner.function,
            reducer=reducer.function,
            sampler=sampler.function,
            asker=asker.function,
            guard=guard.function,
            start_within=Duration.minutes(config.start_within_minutes),
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
                destination=log_group(
                    self,
                    "ExecutionLogs",
                    retention_days=config.log_retention_days,
                    # Below this prefix a log adds nothing to the account's one policy for deliveries, which is limited:
                    # https://docs.aws.amazon.com/step-functions/latest/dg/cw-logs.html
                    name=f"/aws/vendedlogs/states/{config.stack_name}-sweep",
                ),
                level=sfn.LogLevel.ERROR,
                include_execution_data=False,  # a person's params stay in the bucket
            ),
            removal_policy=RemovalPolicy.DESTROY,
        )

        # Jobs write trials/*, checkpoints/* and artifacts/new/*, functions write sweeps/*.
        both = ["s3:GetObject", "s3:PutObject"]
        objects = "Objects below one prefix; their names are those of sweeps and trials, which nobody knows yet."
        trials = [storage.objects(keys.TRIALS), storage.objects(keys.CHECKPOINTS)]
        _allow(compute.job_role, both, trials, because=objects)
        # Jobs that a person submits as in the tutorial leave their metrics at the top of the bucket.
        _allow(compute.job_role, ["s3:PutObject"], [storage.objects(keys.BY_HAND)], because=objects)
        # A job cannot replace artifacts that are kept.
        new, kept = storage.objects(keys.NEW_ARTIFACTS), storage.objects(keys.KEPT_ARTIFACTS)
        _allow(compute.job_role, ["s3:PutObject"], [new], because=objects)
        _allow(reducer.role, ["s3:GetObject"], [new], because=objects)
        _allow(reducer.role, both, [kept], because=objects)
        for role in (planner.role, reducer.role, sampler.role, asker.role):
            _allow(role, both, [storage.objects(keys.SWEEPS)], because=objects)
        for role in (planner.role, reducer.role, asker.role):
            _allow(role, ["s3:GetObject"], [storage.objects(keys.TRIALS)], because=objects)
        # Not from the group's ARN, which ends in `:*` in CloudFormation.
        log_streams = self.format_arn(
            service="logs",
            resource="log-group",
            resource_name=f"{compute.log_group.log_group_name}:log-stream:*",
            arn_format=cdk.ArnFormat.COLON_RESOURCE_NAME,
        )
        _allow(
            reducer.role,
            ["logs:GetLogEvents"],
            [log_streams],
            because="Batch names a job's log stream when the job starts; it is one of the jobs' own log group.",
        )
        for role in (compute.job_role, planner.role, reducer.role, asker.role):
            # The functions list objects. Also, without it S3 answers 403 instead of 404 for a missing object.
            _allow(role, ["s3:ListBucket"], [storage.bucket.bucket_arn])
        # The Map's items and results, and outcomes.
        _allow(
            state_machine.role,
            [*both, "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"],
            [storage.objects(keys.SWEEPS)],
            because=objects,
        )
        self._allow_jobs(state_machine, compute)
        self._acknowledge(state_machine, [planner, reducer, sampler, asker, guard])

        Notices(
            self,
            "Notices",
            state_machine=state_machine,
            functions={
                "Planner": planner.function,
                "Reducer": reducer.function,
                "Sampler": sampler.function,
                "Asker": asker.function,
                "Guard": guard.function,
            },
            notify=config.notify,
            storage=storage,
            stack_name=config.stack_name,
            log_retention_days=config.log_retention_days,
        )
        cdk.Tags.of(self).add(*TAG)
        results = "Results: sweeps/<name>/leaderboard.csv, and winner.json or front.json"
        self._output(Output.BUCKET, storage.bucket.bucket_name, results)
        self._output(Output.STATE_MACHINE_ARN, state_machine.state_machine_arn, "Start executions of this one")
        self._output(Output.JOB_QUEUE, compute.job_queue.job_queue_name, "For jobs that you submit")
        self._output(Output.SWEEP_QUEUE, compute.sweep_queue.job_queue_name, "Where trials wait")
        self._output(Output.JOB_DEFINITION, compute.job_definition.job_definition_arn, "For jobs that you submit")
        self._output(Output.JOB_LOG_GROUP, compute.log_group.log_group_name, "What trials print")
        script = script_of(Path(config.trainer)) if config.trainer else None
        words = list(script.entrypoint) if script else []
        self._output(Output.TRAINER_VERSION, trainer.version, "What names the trainer's code in the ids of trials")
        self._output(Output.JOB, prices[keys.JOB], "What a trial gets that asks for nothing")
        self._output_choices(config, network)
        self._output(Output.TRAINER_COMMAND, json.dumps(words), "The `command` of a spec file that it was deployed for")

    def _output_choices(self, config: StackConfig, network: Network) -> None:
        self._output(Output.MAX_VCPUS, str(config.max_vcpus), "Of all trials at once")
        self._output(Output.CAPACITY, config.capacity, "Which machines trials run on")
        self._output(Output.USD_PER_HOUR, str(config.usd_per_job_hour), "Price of one job's machine, for estimates")
        self._output(Output.INSTANCE_TYPES, ",".join(config.instance_types), "Machines that may start")
        self._output(Output.MAX_CONCURRENCY, str(config.max_concurrency), "Most trials that a sweep submits at once")
        self._output(Output.ZONES, network.zones, "Where its network is, which a later deploy does not change")

    def _allow_jobs(self, state_machine: sfn.StateMachine, compute: Compute) -> None:
        """Grants exactly what `batch:submitJob.sync` needs.

        https://docs.aws.amazon.com/step-functions/latest/dg/connect-batch.html
        """
        job_arn = self.format_arn(service="batch", resource="job", resource_name="*")
        # Any revision: an execution that runs during a deploy uses the previous one.
        definition = cdk.Fn.select(5, cdk.Fn.split(":", compute.job_definition.job_definition_arn))
        definition_arn = cdk.Fn.join(":", ["arn", self.partition, "batch", self.region, self.account, definition, "*"])
        targets = [compute.sweep_queue.job_queue_arn, definition_arn]
        _allow(
            state_machine.role,
            ["batch:SubmitJob"],
            targets,
            because="Revisions of the one job definition; an execution that runs during a deploy uses an older one.",
        )
        # Stopping an execution terminates its jobs.
        _allow(
            state_machine.role,
            ["batch:TerminateJob"],
            [job_arn],
            because="Jobs get their ids when they are submitted.",
        )
        _allow(state_machine.role, ["batch:TagResource"], [job_arn, *targets])
        _allow(
            state_machine.role,
            ["batch:DescribeJobs"],
            ["*"],
            because="DescribeJobs, X-Ray's actions and the delivery of logs do not support resources.",
        )
        rule = self.format_arn(
            service="events", resource="rule", resource_name="StepFunctionsGetEventsForBatchJobsRule"
        )
        _allow(state_machine.role, ["events:PutTargets", "events:PutRule", "events:DescribeRule"], [rule])

    def _guard(self, config: StackConfig, compute: Compute) -> Function:
        """Returns the function that looks at jobs, and ends them. It reads and writes no object."""
        guard = Function(
            self,
            "Guard",
            module="guard",
            description="stepsweep: ends the jobs of a sweep, if none starts or a rule was met",
            environment={
                keys.SWEEP_QUEUE: compute.sweep_queue.job_queue_arn,
                keys.JOB_QUEUE: compute.job_queue.job_queue_arn,
                keys.START_WITHIN_MINUTES: str(config.start_within_minutes),
            },
            timeout=Duration.minutes(15),
            memory_mib=512,
            log_retention_days=config.log_retention_days,
        )
        _allow(
            guard.role,
            ["batch:ListJobs", "batch:DescribeJobs"],
            ["*"],
            because="Neither ListJobs nor DescribeJobs supports resources.",
        )
        _allow(
            guard.role,
            ["batch:TerminateJob"],
            [self.format_arn(service="batch", resource="job", resource_name="*")],
            because="Jobs get their ids when they are submitted.",
        )
        return guard

    def _acknowledge(self, state_machine: sfn.StateMachine, functions: Sequence[Function]) -> None:
        """Acknowledges what CDK grants the state machine by itself."""
        acknowledge(
            state_machine,
            "SF1",
            because="Errors are logged. Step Functions keeps the whole history of an execution for 90 days; a second "
            "copy of every event of every trial would only cost.",
        )
        acknowledge_wildcards(
            state_machine.role,
            [f"{function.function.function_arn}:*" for function in functions],
            because="Versions of the functions, as CDK grants them; there are none.",
        )
        name = cdk.Fn.select(6, cdk.Fn.split(":", state_machine.state_machine_arn))
        executions = cdk.Fn.join(":", ["arn", self.partition, "states", self.region, self.account, "execution", name])
        acknowledge_wildcards(
            state_machine,
            [f"{executions}:*", f"{executions}/Trials:*", f"{executions}/Workers:*"],
            because="Executions of this state machine, which a Distributed Map starts and stops, have random names.",
        )

    def _output(self, name: Output, value: str, description: str) -> None:
        cdk.CfnOutput(self, name.value, value=value, description=description)


def _allow(role: iam.IRole, actions: list[str], resources: list[str], *, because: str | None = None) -> None:
    """Grants the actions. `because` says why a resource needs a `*`."""
    role.add_to_principal_policy(iam.PolicyStatement(actions=actions, resources=resources))
    if because:
        acknowledge_wildcards(role, resources, because=because)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Trainer:
    """The image that trials run.

    Attributes:
        repository: where machines pull it from; None if that takes no permission.
        version: names its code in every trial id.
        name: what a person calls it.
    """

    image: ecs.ContainerImage
    repository: ecr.IRepository | None
    version: str
    name: str


def _trainer_image(scope: Construct, config: StackConfig) -> _Trainer:
    if config.image:
        image = ecs.ContainerImage.from_registry(config.image)
        repository = _repository(scope, config.image)
        return _Trainer(image=image, repository=repository, version=config.image, name=config.image)
    asset = ecr_assets.DockerImageAsset(
        scope,
        "Trainer",
        directory=staged_trainer(Path(config.trainer)) if config.trainer else staged(TRAINER_FILES),
        file=None if config.trainer else "stepsweep/trainer/Dockerfile",
        platform=ecr_assets.Platform.LINUX_AMD64,  # of g4dn; an image for an Arm laptop would not start there
    )
    return _Trainer(
        image=ecs.ContainerImage.from_docker_image_asset(asset),
        repository=asset.repository,
        version=asset.asset_hash,
        # Only the folder's name: its path would reveal details of the deploying machine.
        name=title(Path(config.trainer)) if config.trainer else "stepsweep.trainer",
    )


def _repository(scope: Construct, image: str) -> ecr.IRepository | None:
    """Returns the private repository of ECR that an image is in; None if it is in another registry."""
    found = ECR_IMAGE.fullmatch(image)
    if found is None:
        return None
    name = found["repository"]
    arn = f"arn:{cdk.Aws.PARTITION}:ecr:{found['region']}:{found['account']}:repository/{name}"
    return ecr.Repository.from_repository_attributes(scope, "Repository", repository_arn=arn, repository_name=name)
