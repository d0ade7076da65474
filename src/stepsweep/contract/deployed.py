"""What the stack and those who find it again agree on: the names of its outputs, and the tag on all that it makes."""

from enum import StrEnum

TAG = ("project", "stepsweep")
"""Key and value. CloudFormation names most resources itself, so only the tag tells what belongs to stepsweep."""


class Output(StrEnum):
    """The stack's outputs. Every stack has all of them."""

    BUCKET = "Bucket"
    STATE_MACHINE_ARN = "StateMachineArn"
    JOB_QUEUE = "JobQueue"
    JOB_LOG_GROUP = "JobLogGroup"
    MAX_VCPUS = "MaxVcpus"
    CAPACITY = "Capacity"
