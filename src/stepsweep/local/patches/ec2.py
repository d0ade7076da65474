"""The parts of a network, where moto differs from AWS."""

from graphlib import TopologicalSorter
from typing import Any

from moto.cloudformation import parsing
from moto.ec2.models import ec2_backends
from moto.ec2.models.internet_gateways import InternetGateway
from moto.ec2.models.route_tables import RouteTable
from moto.ec2.models.subnets import SubnetRouteTableAssociation
from moto.ec2.models.vpcs import VPCEndPoint
from moto.ec2.models.vpn_gateway import VPCGatewayAttachment

from stepsweep.local.patches.cloudformation import references
from stepsweep.local.patches.patching import add, patch


def stacks_delete_dependents_first() -> None:
    """CloudFormation deletes a resource before the resources that it refers to or depends on. moto deletes them in an
    order that changes from run to run, and fails where a route table is deleted before its association."""

    def delete(self: Any) -> None:
        resources = {
            name: resource for name, resource in self._resource_json_map.items() if name in self._parsed_resources
        }
        needs = {
            name: {*references(resource), *_listed(resource.get("DependsOn"))} & resources.keys()
            for name, resource in resources.items()
        }
        for name in reversed(list(TopologicalSorter(needs).static_order())):
            if resources[name].get("DeletionPolicy") != "Retain" and self._parsed_resources[name] is not None:
                self._delete_resource(self._parsed_resources.pop(name), resources[name])

    patch(parsing.ResourceMap, "delete", delete)


def networks_are_deleted_with_their_stack() -> None:
    """CloudFormation deletes the parts of a network with their stack. moto keeps route tables, endpoints and gateways,
    and then refuses to delete the VPC that holds them."""

    def delete_association(self: SubnetRouteTableAssociation, account_id: str, region: str) -> None:
        table = ec2_backends[account_id][region].get_route_table(self.route_table_id)
        for association, subnet in list(table._associations.items()):
            if subnet == self.subnet_id:
                table._associations.pop(association)

    def delete_table(self: RouteTable, account_id: str, region: str) -> None:
        ec2_backends[account_id][region].delete_route_table(self.id)

    def delete_endpoint(self: VPCEndPoint, account_id: str, region: str) -> None:
        ec2_backends[account_id][region].delete_vpc_endpoints([self.id])

    def detach_gateway(self: VPCGatewayAttachment, account_id: str, region: str) -> None:
        ec2_backends[account_id][region].detach_internet_gateway(self.gateway_id, self.vpc_id)

    def delete_gateway(self: InternetGateway, account_id: str, region: str) -> None:
        ec2_backends[account_id][region].delete_internet_gateway(self.id)

    add(SubnetRouteTableAssociation, "delete", delete_association)
    add(RouteTable, "delete", delete_table)
    add(VPCEndPoint, "delete", delete_endpoint)
    add(VPCGatewayAttachment, "delete", detach_gateway)
    add(InternetGateway, "delete", delete_gateway)


def _listed(value: str | list[str] | None) -> list[str]:
    return [value] if isinstance(value, str) else value or []
