"""Finds the sweep of an execution, whose name or ARN an e-mail or the console shows."""

import json

from botocore.exceptions import ClientError

from stepsweep.client.archive.executions import swept_by
from stepsweep.client.clouds.cloud import Cloud
from stepsweep.client.deployment import explained
from stepsweep.contract.errors import InvalidInput
from stepsweep.contract.spec import SweepSpec


def sweep_of_execution(cloud: Cloud, named: str) -> str | None:
    """Returns the name of the sweep that an execution runs or ran; None if there is no such execution.

    Args:
        named: the execution's name or ARN.

    Raises:
        CloudError: the cloud did not answer, or does not allow it.
    """
    execution = named.rpartition(":")[2]
    found = cloud.looked_at()
    if found.control is not None:
        states = found.control.deployment.step_functions
        machine = found.control.deployment.state_machine_arn
        arn = f"{machine.replace(':stateMachine:', ':execution:')}:{execution}"
        with explained():
            try:
                described = states.describe_execution(executionArn=arn)
            except (states.exceptions.ExecutionDoesNotExist, states.exceptions.InvalidArn):
                described = None
            except ClientError as error:
                if error.response["Error"]["Code"] != "ValidationException":
                    raise
                described = None
        if described is not None:
            try:
                return SweepSpec.from_json(json.loads(described["input"]), default_name=described["name"]).name
            except InvalidInput:
                return None  # its input was wrong, so it is nobody's
    # Step Functions keeps an execution for 90 days, and an embedded cloud only while it is up.
    with explained():
        names = [name for name in found.archive.records.sweeps() if swept_by(name, execution)]
    return names[0] if len(names) == 1 else None
