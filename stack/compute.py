"""Where trials train: a network that costs nothing at rest, GPU machines from none up, the job."""

from aws_cdk import Duration, RemovalPolicy, Size
from aws_cdk import aws_batch as batch
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from constructs import Construct

from stack.config import StackConfig

CHECKPOINTED = 75
"""EX_TEMPFAIL: the trainer was told to end, and kept what it had learned; another attempt goes on from there."""


class Compute(Construct):
    """Batch: compute environment, queue and job definition.

    No physical names: what CloudFormation cannot change in place it must be able to replace.

    Attributes:
        job_queue, job_definition: what the state machine submits to.
        job_role: what a trainer may do.
        log_group: of all jobs.
    """

    def __init__(self, scope: Construct, construct_id: str, *, config: StackConfig, image: ecs.ContainerImage) -> None:
        super().__init__(scope, construct_id)
        vpc = _network(self)
        environment = batch.ManagedEc2EcsComputeEnvironment(
            self,
            "Machines",
            vpc=vpc,
            vpc_subnets=ec2.SubnetSelection(subnet_type=ec2.SubnetType.PUBLIC),
            security_groups=[
                ec2.SecurityGroup(
                    self,
                    "NoWayIn",
                    vpc=vpc,
                    description="Trainers: everything out, nothing in",
                    allow_all_outbound=True,
                )
            ],
            instance_types=[ec2.InstanceType(name) for name in config.instance_types],
            use_optimal_instance_classes=False,
            minv_cpus=0,  # nothing runs, and nothing costs, when no sweep does
            maxv_cpus=config.max_vcpus,
            images=[batch.EcsMachineImage(image_type=batch.EcsMachineImageType.ECS_AL2023_NVIDIA)],
            allocation_strategy=batch.AllocationStrategy.BEST_FIT_PROGRESSIVE,
            update_to_latest_image_version=True,
            terminate_on_update=False,  # a deploy lets running trials end
            update_timeout=Duration.minutes(config.job_timeout_minutes),
        )
        self.job_queue = batch.JobQueue(
            self,
            "Queue",
            compute_environments=[batch.OrderedComputeEnvironment(compute_environment=environment, order=1)],
        )
        self.log_group = logs.LogGroup(
            self, "JobLogs", retention=logs.RetentionDays.ONE_MONTH, removal_policy=RemovalPolicy.DESTROY
        )
        self.job_role = iam.Role(
            self,
            "JobRole",
            assumed_by=iam.ServicePrincipal("ecs-tasks.amazonaws.com"),
            description="What a trainer may do",
        )
        self.job_definition = batch.EcsJobDefinition(
            self,
            "Job",
            container=batch.EcsEc2ContainerDefinition(
                self,
                "Container",
                image=image,
                cpu=config.job_vcpus,
                memory=Size.mebibytes(config.job_memory_mib),
                gpu=config.job_gpus or None,
                job_role=self.job_role,
                logging=ecs.LogDriver.aws_logs(stream_prefix="trial", log_group=self.log_group),
            ),
            timeout=Duration.minutes(config.job_timeout_minutes),
            retry_attempts=5,
            # At most five rules. A failure that matches none is tried again, so the last rule ends it.
            retry_strategies=[
                batch.RetryStrategy.of(batch.Action.RETRY, batch.Reason.SPOT_INSTANCE_RECLAIMED),
                batch.RetryStrategy.of(batch.Action.RETRY, batch.Reason.CANNOT_PULL_CONTAINER),
                batch.RetryStrategy.of(batch.Action.RETRY, batch.Reason.custom(on_exit_code=str(CHECKPOINTED))),
                batch.RetryStrategy.of(batch.Action.EXIT, batch.Reason.custom(on_reason="*")),
            ],
            # A deploy must not deregister what a sweep that runs names.
            skip_deregister_on_update=True,
            propagate_tags=True,
        )


def _network(scope: Construct) -> ec2.Vpc:
    """Returns a network of public subnets: no NAT gateway (about 33 USD a month each), nothing can reach in.

    Trainers talk to S3 (over the free gateway endpoint), ECR and CloudWatch Logs.
    """
    return ec2.Vpc(
        scope,
        "Network",
        max_azs=3,
        nat_gateways=0,
        subnet_configuration=[ec2.SubnetConfiguration(name="Public", subnet_type=ec2.SubnetType.PUBLIC)],
        gateway_endpoints={"S3": ec2.GatewayVpcEndpointOptions(service=ec2.GatewayVpcEndpointAwsService.S3)},
        restrict_default_security_group=False,  # it would take a Lambda function of CDK's own with ec2 rights
    )
