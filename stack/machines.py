"""The machines that Batch starts: their launch template, and what they themselves may do."""

from collections.abc import Sequence
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText

from aws_cdk import Tags
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecr as ecr
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from constructs import Construct

from stepsweep.contract.deployed import TAG
from stepsweep.stack.acknowledged import acknowledge_wildcards

METADATA = "169.254.169.254"
"""Where a machine gets its own credentials: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-retrieval.html"""

LEAVE_RECLAIMED_MACHINES = "echo ECS_ENABLE_SPOT_INSTANCE_DRAINING=true >> /etc/ecs/ecs.config"
"""The agent takes no further trial for a Spot machine that ends in two minutes:
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/container-instance-spot.html"""

SHARE_GPUS = (
    "sed -i 's/^OPTIONS=\"/OPTIONS=\"--default-runtime nvidia /' /etc/sysconfig/docker && systemctl restart docker"
)
"""Gives GPUs to containers that ask for none, if `SEES_ALL_GPUS` is in their environment:
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs-gpu.html"""

SEES_ALL_GPUS = {"NVIDIA_VISIBLE_DEVICES": "all"}

DISK_GB = 100


class Machines(Construct):
    """The launch template and the role of all machines.

    Attributes:
        launch_template: of every machine.
        role: the permissions of the ECS agent on a machine. A trial that runs as root can get them.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        repository: ecr.IRepository | None,
        log_group: logs.ILogGroup,
        shares_gpus: bool,
    ) -> None:
        super().__init__(scope, construct_id)
        self.launch_template = ec2.LaunchTemplate(
            self,
            "Machine",
            require_imdsv2=True,
            # Keeps a container with a network of its own from the machine's credentials; `_keep_metadata_from_trials`
            # those of Batch, which have the machine's network.
            http_put_response_hop_limit=1,
            user_data=_shell(
                [_keep_metadata_from_trials(), LEAVE_RECLAIMED_MACHINES, *([SHARE_GPUS] if shares_gpus else [])]
            ),
            block_devices=[
                ec2.BlockDevice(
                    device_name="/dev/xvda",
                    volume=ec2.BlockDeviceVolume.ebs(
                        DISK_GB, encrypted=True, volume_type=ec2.EbsDeviceVolumeType.GP3, delete_on_termination=True
                    ),
                )
            ],
        )
        Tags.of(self.launch_template).add(*TAG)
        self.role = self._role(repository, log_group)

    def _role(self, repository: ecr.IRepository | None, log_group: logs.ILogGroup) -> iam.Role:
        """Returns AWS's policy for the agent without what no machine of this stack does.

        A machine itself pulls the image and writes the log, unless ECS has it use the role of the container's start:
        https://docs.aws.amazon.com/AmazonECR/latest/userguide/ECR_on_ECS.html
        """
        role = iam.Role(
            self,
            "Role",
            assumed_by=iam.ServicePrincipal("ec2.amazonaws.com"),
            description="What the ECS agent on a machine may do",
        )
        agent = ("DeregisterContainerInstance", "DiscoverPollEndpoint", "Poll", "RegisterContainerInstance")
        reports = ("StartTelemetrySession", "SubmitAttachmentStateChanges", "SubmitContainerStateChange")
        states = ("SubmitTaskStateChange", "UpdateContainerInstancesState")
        role.add_to_policy(
            iam.PolicyStatement(
                actions=["ec2:DescribeTags", *(f"ecs:{name}" for name in (*agent, *reports, *states))], resources=["*"]
            )
        )
        role.add_to_policy(
            iam.PolicyStatement(
                actions=["ecs:TagResource"],
                resources=["*"],
                conditions={"StringEquals": {"ecs:CreateAction": "RegisterContainerInstance"}},
            )
        )
        log_group.grant_write(role)
        if repository is not None:
            repository.grant_pull(role)
        acknowledge_wildcards(
            role,
            ["*"],
            because="Batch makes the ECS cluster, whose name nobody knows before; the token for ECR and a machine's "
            "tags know no resources.",
        )
        return role


def _keep_metadata_from_trials() -> str:
    """Returns the command that leaves a machine's credentials to root.

    Batch gives a container the machine's network: https://docs.aws.amazon.com/batch/latest/userguide/networking-modes-jobs.html
    """
    return f"iptables --insert OUTPUT --destination {METADATA} --match owner ! --uid-owner root --jump REJECT"


def _shell(commands: Sequence[str]) -> ec2.UserData:
    """Returns user data in MIME, to which Batch adds its own; cloud-init runs it before the ECS agent starts."""
    message = MIMEMultipart(boundary="==stepsweep==")  # by default it is a random one
    message.attach(MIMEText("\n".join(["#!/bin/bash", *commands, ""]), "x-shellscript", "us-ascii"))
    return ec2.UserData.custom(message.as_string())
