"""Names by which a client finds a deployed stack and its resources: the stack's outputs, and a tag."""

from enum import StrEnum

TAG = ("project", "stepsweep")
"""Key and value. CloudFormation names most resources itself, so only the tag shows which ones belong to stepsweep."""


class Output(StrEnum):
    """The stack's outputs. Every stack has all of them."""

    BUCKET = "Bucket"
    STATE_MACHINE_ARN = "StateMachineArn"
    JOB_QUEUE = "JobQueue"
    SWEEP_QUEUE = "SweepQueue"
    JOB_DEFINITION = "JobDefinition"
    JOB_LOG_GROUP = "JobLogGroup"
    MAX_VCPUS = "MaxVcpus"
    CAPACITY = "Capacity"
    TRAINER_COMMAND = "TrainerCommand"
    TRAINER_VERSION = "TrainerVersion"
    USD_PER_HOUR = "UsdPerHour"
    JOB = "Job"
    INSTANCE_TYPES = "InstanceTypes"
    MAX_CONCURRENCY = "MaxConcurrency"
    ZONES = "Zones"
