"""A network that costs nothing at rest."""

from aws_cdk import aws_ec2 as ec2
from constructs import Construct

from stepsweep.stack.acknowledged import acknowledge
from stepsweep.stack_config import StackConfig

ZONES_UNASKED = 2
"""As many as CDK takes where it knows no account: the first two that the account has in the region."""


class Network(Construct):
    """Public subnets that accept no incoming connections, without a NAT gateway (about 33 USD per month each).

    Trainers connect to ECR, CloudWatch Logs, and S3 through the free gateway endpoint.

    Attributes:
        vpc: a new network, or the one of the configuration.
        subnets: the subnets of the machines.
        security_group: allows all outgoing and no incoming traffic.
        zones: of the new network, separated by commas; "own" for that of the configuration.
    """

    def __init__(self, scope: Construct, construct_id: str, *, config: StackConfig) -> None:
        super().__init__(scope, construct_id)
        if config.vpc_id:
            # From attributes, not by a look-up: synth must not need an account.
            self.vpc = ec2.Vpc.from_vpc_attributes(
                self, "Vpc", vpc_id=config.vpc_id, availability_zones=list(config.subnet_ids)
            )
            self.zones = "own"
            self.subnets = ec2.SubnetSelection(
                subnets=[ec2.Subnet.from_subnet_id(self, name, name) for name in config.subnet_ids]
            )
        else:
            self.vpc = ec2.Vpc(
                self,
                "Vpc",
                # A subnet takes its part of the addresses, so another zone would change all subnets.
                availability_zones=list(config.zones) or None,
                max_azs=None if config.zones else ZONES_UNASKED,
                nat_gateways=0,
                subnet_configuration=[
                    ec2.SubnetConfiguration(
                        name="Public", subnet_type=ec2.SubnetType.PUBLIC, map_public_ip_on_launch=True
                    )
                ],
                gateway_endpoints={"S3": ec2.GatewayVpcEndpointOptions(service=ec2.GatewayVpcEndpointAwsService.S3)},
                # Emptying a group that nothing uses would take a CDK function with EC2 permissions.
                restrict_default_security_group=False,
            )
            acknowledge(
                self.vpc,
                "VPC7",
                because="Nothing can come in, and what goes out is a trainer's own traffic to AWS; a flow log of it "
                "would cost more than a small sweep.",
            )
            self.zones = ",".join(self.vpc.availability_zones)
            self.subnets = ec2.SubnetSelection(subnet_type=ec2.SubnetType.PUBLIC)
        self.security_group = ec2.SecurityGroup(
            self,
            "NoWayIn",
            vpc=self.vpc,
            description="Trainers: everything out, nothing in",
            allow_all_outbound=True,
        )
