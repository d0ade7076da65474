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

    resources: dict[str, Any] = {
        "Net": {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": "10.9.0.0/16"}},
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
                "RouteTableIds": [ref("Table0")],
                "VpcEndpointType": "Gateway",
            },
        },
    }
    # moto deletes in an order that differs between runs; with eight tables, one comes before its association.
    for number in range(8):
        subnet = {"VpcId": ref("Net"), "CidrBlock": f"10.9.{number}.0/24"}
        ties = {"RouteTableId": ref(f"Table{number}"), "SubnetId": ref(f"Part{number}")}
        resources |= {
            f"Part{number}": {"Type": "AWS::EC2::Subnet", "Properties": subnet},
            f"Table{number}": {"Type": "AWS::EC2::RouteTable", "Properties": {"VpcId": ref("Net")}},
            f"Ties{number}": {"Type": "AWS::EC2::SubnetRouteTableAssociation", "Properties": ties},
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
