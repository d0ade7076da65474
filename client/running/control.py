"""The sweeps of one deployment that is up: start executions, and find those that run."""

import json
import secrets

from stepsweep.client.archive.recorded import SUFFIX_BYTES, Recorded, execution_prefix
from stepsweep.client.deployment import Deployment, explained
from stepsweep.client.running.execution import Execution
from stepsweep.contract.spec import SweepSpec


class Sweeps(Recorded):
    """The sweeps of one deployment, which is up: they can be started, and run."""

    def __init__(self, deployment: Deployment) -> None:
        super().__init__(deployment.store, objects=deployment.objects)
        self.deployment = deployment

    def start(self, spec: SweepSpec) -> Execution:
        """Starts an execution. A sweep whose name is there already goes on, if it asks for the same."""
        # A sweep's name may be used again, an execution's not: not within 90 days.
        name = f"{execution_prefix(spec.name)}-{secrets.token_hex(SUFFIX_BYTES)}"
        with explained():
            started = self.deployment.step_functions.start_execution(
                stateMachineArn=self.deployment.state_machine_arn, name=name, input=json.dumps(spec.to_json())
            )
        return Execution(self.deployment, arn=started["executionArn"], spec=spec)

    def execution(self, name: str) -> Execution | None:
        """Returns the execution of a sweep that was started last and runs; None where none does.

        Raises:
            InvalidInput: none runs, and there is no sweep of this name.
        """
        if not (running := self.running(name)):
            self.spec(name)
            return None
        with explained():
            described = self.deployment.step_functions.describe_execution(executionArn=running[0])
        # Its own input, since the sweep's spec.json is not there until the plan is made.
        spec = SweepSpec.from_json(json.loads(described["input"]), default_name=described["name"])
        return Execution(self.deployment, arn=running[0], spec=spec)

    def executions(self) -> list[str]:
        pages = self.deployment.step_functions.get_paginator("list_executions").paginate(
            stateMachineArn=self.deployment.state_machine_arn, statusFilter="RUNNING"
        )
        found = [execution for page in pages for execution in page["executions"]]
        found.sort(key=lambda execution: execution["startDate"], reverse=True)
        return [execution["executionArn"] for execution in found]
