"""Networks of stacks."""

import json
from typing import Any

from tests.local.probes.world import REGION, World, outcome, probe


@probe
def deleted_network(world: World) -> Any:
    """A network as CDK writes one, deleted: what is left of it."""
    cloudformation, ec2 = world.client("cloudformation"), world.client("ec2")

    def ref(name: str) -> dict[str, str]:
        return {"Ref": name}

    resources = {
        "Net": {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": "10.9.0.0/16"}},
        "Part": {"Type": "AWS::EC2::Subnet", "Properties": {"VpcId": ref("Net"), "CidrBlock": "10.9.0.0/24"}},
        "Table": {"Type": "AWS::EC2::RouteTable", "Properties": {"VpcId": ref("Net")}},
        "Ties": {
            "Type": "AWS::EC2::SubnetRouteTableAssociation",
            "Properties": {"RouteTableId": ref("Table"), "SubnetId": ref("Part")},
        },
        "Gate": {"Type": "AWS::EC2::InternetGateway", "Properties": {}},
        "Attached": {
            "Type": "AWS::EC2::VPCGatewayAttachment",
            "Properties": {"VpcId": ref("Net"), "InternetGatewayId": ref("Gate")},
        },
        "Storage": {
            "Type": "AWS::EC2::VPCEndpoint",
            "Properties": {
                "VpcId": ref("Net"),
                "ServiceName": f"com.amazonaws.{REGION}.s3",
                "RouteTableIds": [ref("Table")],
                "VpcEndpointType": "Gateway",
            },
        },
    }
    cloudformation.create_stack(StackName="network", TemplateBody=json.dumps({"Resources": resources}))

    def left() -> list[str]:
        cloudformation.delete_stack(StackName="network")
        networks = ec2.describe_vpcs(Filters=[{"Name": "cidr", "Values": ["10.9.0.0/16"]}])["Vpcs"]
        return [
            *(network["VpcId"] for network in networks),
            *map(str, ec2.describe_internet_gateways()["InternetGateways"]),
        ]

    return outcome(left)
