"""Log groups of our own: those that AWS makes by itself keep everything for ever, and outlive the stack."""

from aws_cdk import RemovalPolicy
from aws_cdk import aws_logs as logs
from constructs import Construct

_RETENTION = {
    1: logs.RetentionDays.ONE_DAY,
    3: logs.RetentionDays.THREE_DAYS,
    5: logs.RetentionDays.FIVE_DAYS,
    7: logs.RetentionDays.ONE_WEEK,
    14: logs.RetentionDays.TWO_WEEKS,
    30: logs.RetentionDays.ONE_MONTH,
    60: logs.RetentionDays.TWO_MONTHS,
    90: logs.RetentionDays.THREE_MONTHS,
    120: logs.RetentionDays.FOUR_MONTHS,
    150: logs.RetentionDays.FIVE_MONTHS,
    180: logs.RetentionDays.SIX_MONTHS,
    365: logs.RetentionDays.ONE_YEAR,
}


def log_group(scope: Construct, construct_id: str, *, retention_days: int) -> logs.LogGroup:
    """Returns a log group that goes with the stack. `retention_days` is one of `config.LOG_RETENTION_DAYS`."""
    return logs.LogGroup(
        scope, construct_id, retention=_RETENTION[retention_days], removal_policy=RemovalPolicy.DESTROY
    )
