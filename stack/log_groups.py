"""Explicit log groups. Those that AWS creates by itself never expire, and outlive the stack."""

from typing import cast

from aws_cdk import RemovalPolicy
from aws_cdk import aws_logs as logs
from constructs import Construct


def log_group(scope: Construct, construct_id: str, *, retention_days: int, name: str | None = None) -> logs.LogGroup:
    """Returns a log group that the stack deletes. `retention_days` is one of `stack_values.LOG_RETENTION_DAYS`."""
    group = logs.LogGroup(scope, construct_id, log_group_name=name, removal_policy=RemovalPolicy.DESTROY)
    # The construct takes an enum; the resource takes the number of days itself.
    cast(logs.CfnLogGroup, group.node.default_child).retention_in_days = retention_days
    return group
