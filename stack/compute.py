"""Batch: GPU machines that scale from zero, the queues, the job definition."""

from typing import cast

from aws_cdk import Aws, Duration, Size
from aws_cdk import aws_batch as batch
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecr as ecr
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_iam as iam
from constructs import Construct

from stepsweep.contract.jobs import EXIT_INTERRUPTED
from stepsweep.contract.means import ATTEMPTS
from stepsweep.contract.priority import REMEMBERED_SECONDS, WEIGHTS
from stepsweep.stack.acknowledged import acknowledge_wildcards
from stepsweep.stack.log_groups import log_group
from stepsweep.stack.machines import Machines
from stepsweep.stack.network import Network
from stepsweep.stack_config import StackConfig

MISCONFIGURED_MINUTES = 10
"""Batch's minimum. Waiting does not help a job that needs more vCPUs than the environment may have."""

MAX_UPDATE_MINUTES = 360
"""How long Batch lets jobs run on machines that an update replaces, at most:
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-batch-computeenvironment-updatepolicy.html"""


class Compute(Construct):
    """Batch: compute environments, queues and job definition.

    The resources have no physical names, so that CloudFormation can replace what it cannot change in place.

    Attributes:
        sweep_queue: the queue of the state machine's jobs.
        job_queue: the queue of jobs that a person submits.
        job_definition: the definition of the state machine's jobs.
        job_role: the trainer's permissions.
        log_group: the log group of all jobs.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        config: StackConfig,
        network: Network,
        image: ecs.ContainerImage,
        repository: ecr.IRepository | None,
        environment: dict[str, str],
    ) -> None:
        super().__init__(scope, construct_id)
        self._config = config
        self._network = network
        self.log_group = log_group(self, "JobLogs", retention_days=config.log_retention_days)
        self._machines = Machines(
            self, "Machines", repository=repository, log_group=self.log_group, shares_gpus=config.trials_per_gpu > 1
        )
        kinds = {"on-demand": [False], "spot": [True], "spot-first": [True, False]}[config.capacity]
        environments = [
            batch.OrderedComputeEnvironment(compute_environment=self._environment(spot=spot), order=order)
            for order, spot in enumerate(kinds, start=1)
        ]
        # In a queue with a policy a job must name its share, which those of the tutorial's notebooks do not.
        self.job_queue = batch.JobQueue(
            self,
            "Queue",
            compute_environments=environments,
            job_state_time_limit_actions=_limits(config),
            priority=2,  # a person waits for each, and a sweep may have a thousand
        )
        self.sweep_queue = batch.JobQueue(
            self,
            "SweepQueue",
            compute_environments=environments,
            job_state_time_limit_actions=_limits(config),
            priority=1,
            scheduling_policy=batch.FairshareSchedulingPolicy(
                self,
                "Shares",
                share_decay=Duration.seconds(REMEMBERED_SECONDS),
                shares=[
                    batch.Share(share_identifier=f"{priority}*", weight_factor=weight)
                    for priority, weight in WEIGHTS.items()
                ],
            ),
        )
        self.job_role = iam.Role(
            self,
            "JobRole",
            # https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-iam-roles.html
            assumed_by=iam.ServicePrincipal(
                "ecs-tasks.amazonaws.com", conditions={"StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID}}
            ),
            description="What a trainer may do",
        )
        self.job_definition = batch.EcsJobDefinition(
            self,
            "Job",
            container=self._container(image, environment),
            timeout=Duration.minutes(config.job_timeout_minutes),
            retry_attempts=ATTEMPTS,
            # Batch allows five rules, and retries what matches none; `statemachine/retried.py` has the same ones.
            retry_strategies=[
                batch.RetryStrategy.of(batch.Action.RETRY, batch.Reason.SPOT_INSTANCE_RECLAIMED),
                batch.RetryStrategy.of(batch.Action.RETRY, batch.Reason.custom(on_exit_code=str(EXIT_INTERRUPTED))),
                batch.RetryStrategy.of(batch.Action.RETRY, batch.Reason.custom(on_reason="Cannot*")),
                batch.RetryStrategy.of(batch.Action.RETRY, batch.Reason.custom(on_reason="Docker*")),
                batch.RetryStrategy.of(batch.Action.EXIT, batch.Reason.NON_ZERO_EXIT_CODE),
            ],
            # A deploy must not deregister a revision that a running sweep uses.
            skip_deregister_on_update=True,
            propagate_tags=True,
        )
        if repository is not None:
            # The ECS agent pulls with this role or as the machine. CDK grants this role the image for assets only.
            repository.grant_pull(self.job_definition.container.execution_role)
        self._give_secrets()

    def _give_secrets(self) -> None:
        """Has ECS put the secrets into containers as variables; the template has their ARNs only.

        Not by CDK's `secrets`, which also grants to describe each secret, and to read a parameter's earlier values.
        """
        if not (secrets := self._config.secrets):
            return
        definition = cast(batch.CfnJobDefinition, self.job_definition.node.default_child)
        given = [{"Name": name, "ValueFrom": arn} for name, arn in secrets]
        definition.add_property_override("ContainerProperties.Secrets", given)
        # A secret's ARN has seven parts; those behind them name a key of its JSON, and are no resource.
        arns = sorted({":".join(arn.split(":")[:7]) for _, arn in secrets})
        for service, action in (("secretsmanager", "secretsmanager:GetSecretValue"), ("ssm", "ssm:GetParameters")):
            if named := [arn for arn in arns if arn.split(":")[2] == service]:
                self.job_definition.container.execution_role.add_to_principal_policy(
                    iam.PolicyStatement(actions=[action], resources=named)
                )

    def _environment(self, *, spot: bool) -> batch.ManagedEc2EcsComputeEnvironment:
        config = self._config
        environment = batch.ManagedEc2EcsComputeEnvironment(
            self,
            "Spot" if spot else "OnDemand",
            spot=spot,
            vpc=self._network.vpc,
            vpc_subnets=self._network.subnets,
            security_groups=[self._network.security_group],
            launch_template=self._machines.launch_template,
            instance_role=self._machines.role,
            instance_types=[ec2.InstanceType(name) for name in config.instance_types],
            use_optimal_instance_classes=False,
            minv_cpus=0,  # no machine runs or costs anything between sweeps
            maxv_cpus=config.max_vcpus,
            images=[batch.EcsMachineImage(image_type=batch.EcsMachineImageType.ECS_AL2023_NVIDIA)],
            allocation_strategy=batch.AllocationStrategy.SPOT_PRICE_CAPACITY_OPTIMIZED
            if spot
            else batch.AllocationStrategy.BEST_FIT_PROGRESSIVE,
            update_to_latest_image_version=True,
            terminate_on_update=False,  # a deploy lets running trials finish
            update_timeout=Duration.minutes(min(config.job_timeout_minutes, MAX_UPDATE_MINUTES)),
        )
        resource = cast(batch.CfnComputeEnvironment, environment.node.default_child)
        # Without a version Batch keeps using the first one, even after a deploy changes the launch template.
        resource.add_property_override(
            "ComputeResources.LaunchTemplate.Version", self._machines.launch_template.latest_version_number
        )
        return environment

    def _container(self, image: ecs.ContainerImage, environment: dict[str, str]) -> batch.EcsEc2ContainerDefinition:
        config = self._config
        # Libraries write to /tmp; torch's data loader and NCCL write to /dev/shm.
        limits = batch.LinuxParameters(
            self, "Limits", init_process_enabled=True, shared_memory_size=Size.mebibytes(1024)
        )
        limits.add_tmpfs(
            batch.Tmpfs(
                container_path="/tmp",  # noqa: S108  the container's own
                size=Size.mebibytes(1024),
                mount_options=[
                    batch.TmpfsMountOption.RW,
                    batch.TmpfsMountOption.NOSUID,
                    batch.TmpfsMountOption.NODEV,
                    batch.TmpfsMountOption.EXEC,  # torch.compile loads libraries from there
                ],
            )
        )
        container = batch.EcsEc2ContainerDefinition(
            self,
            "Container",
            image=image,
            cpu=config.job.vcpus,
            memory=Size.mebibytes(config.job.memory_mib),
            gpu=config.job.gpus or None,
            job_role=self.job_role,
            environment=environment,
            privileged=False,
            # Scripts save their best model in the working folder (docs/decisions/016-a-writable-working-folder.md).
            readonly_root_filesystem=False,
            linux_parameters=limits,
            logging=ecs.LogDriver.aws_logs(stream_prefix="trial", log_group=self.log_group),
        )
        acknowledge_wildcards(
            container, ["*"], because="ecr:GetAuthorizationToken knows no resources; the image itself is named."
        )
        return container


def _limits(config: StackConfig) -> list[batch.JobStateTimeLimitAction]:
    """Returns the limits after which Batch cancels a job that cannot start. The job's status reason says why.

    https://docs.aws.amazon.com/batch/latest/userguide/job-queue-state-time-limit-actions.html
    """
    waits = {
        batch.JobStateTimeLimitActionsReason.INSUFFICIENT_INSTANCE_CAPACITY: config.max_wait_minutes,
        batch.JobStateTimeLimitActionsReason.COMPUTE_ENVIRONMENT_MAX_RESOURCE: MISCONFIGURED_MINUTES,
        # Seen of jobs that only waited for the first machine of an environment without any.
        batch.JobStateTimeLimitActionsReason.JOB_RESOURCE_REQUIREMENT: config.max_wait_minutes,
    }
    return [
        batch.JobStateTimeLimitAction(
            reason=reason,
            max_time=Duration.minutes(minutes),
            action=batch.JobStateTimeLimitActionsAction.CANCEL,
            state=batch.JobStateTimeLimitActionsState.RUNNABLE,
        )
        for reason, minutes in waits.items()
    ]
