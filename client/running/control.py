"""Starts the executions of a running deployment, and finds the running ones."""

import json
import secrets
from dataclasses import dataclass

from stepsweep.client.archive.entries import Entry, entries_of
from stepsweep.client.archive.executions import SUFFIX_BYTES, execution_prefix, is_named_by_us, of_sweep
from stepsweep.client.archive.read_once import ReadOnce
from stepsweep.client.archive.recorded import Archive
from stepsweep.client.deployment import Deployment, explained
from stepsweep.client.running.execution import Execution
from stepsweep.contract.errors import InvalidInput
from stepsweep.contract.spec import SweepSpec
from stepsweep.contract.standing import Standing


@dataclass(frozen=True, slots=True)
class Control:
    """Starts executions of a running deployment, and finds the running ones."""

    deployment: Deployment

    def start(self, spec: SweepSpec) -> Execution:
        """Starts an execution. If the sweep exists already with the same input, it continues."""
        # Step Functions does not allow an execution's name again within 90 days; a sweep's name may be used again.
        name = f"{execution_prefix(spec.name)}-{secrets.token_hex(SUFFIX_BYTES)}"
        with explained():
            started = self.deployment.step_functions.start_execution(
                stateMachineArn=self.deployment.state_machine_arn, name=name, input=json.dumps(spec.to_json())
            )
        return Execution(self.deployment, arn=started["executionArn"], spec=spec)

    def execution(self, name: str) -> Execution | None:
        """Returns the latest running execution of a sweep; None if none is running."""
        if not (running := self.running(name)):
            return None
        with explained():
            described = self.deployment.step_functions.describe_execution(executionArn=running[0])
        # From the execution's input, since spec.json does not exist before the plan.
        spec = SweepSpec.from_json(json.loads(described["input"]), default_name=described["name"])
        return Execution(self.deployment, arn=running[0], spec=spec)

    def running(self, name: str) -> list[str]:
        """Returns the ARNs of a sweep's executions that run, the latest first.

        Of an execution that somebody else has named, the input says which sweep it runs.
        """
        running = self.executions()
        ours = of_sweep(name, [arn for arn in running if is_named_by_us(arn)])
        return [arn for arn in running if arn in ours or (not is_named_by_us(arn) and self._sweep_of(arn) == name)]

    def _sweep_of(self, arn: str) -> str | None:
        with explained():
            described = self.deployment.step_functions.describe_execution(executionArn=arn)
        try:
            return SweepSpec.from_json(json.loads(described["input"]), default_name=described["name"]).name
        except InvalidInput:
            return None  # it is about to end with its faults

    def executions(self) -> list[str]:
        """Returns the ARNs of all executions that run, the latest first."""
        with explained():
            pages = self.deployment.step_functions.get_paginator("list_executions").paginate(
                stateMachineArn=self.deployment.state_machine_arn, statusFilter="RUNNING"
            )
            found = [execution for page in pages for execution in page["executions"]]
        found.sort(key=lambda execution: execution["startDate"], reverse=True)
        return [execution["executionArn"] for execution in found]


@dataclass(frozen=True, slots=True)
class Found:
    """The sweeps of a cloud for one command, which reads each object once.

    Attributes:
        archive: the records.
        control: the running executions; None if the cloud is not up, so that nothing runs.
    """

    archive: Archive
    control: Control | None

    @classmethod
    def of(cls, deployment: Deployment) -> "Found":
        store = ReadOnce(deployment.store)
        archive = Archive(store, objects=deployment.objects, last_lines=deployment.last_lines)
        return cls(archive, Control(deployment))

    @property
    def trainer_command(self) -> tuple[str, ...]:
        """The entrypoint of the `command` that the stack was deployed for; empty without one, or if it is not up."""
        return self.control.deployment.trainer_command if self.control else ()

    def executions(self) -> list[str]:
        """Returns the ARNs of all executions that run, the latest first."""
        return self.control.executions() if self.control else []

    def running(self, name: str) -> list[str]:
        """Returns the ARNs of a sweep's executions that run, the latest first."""
        return self.control.running(name) if self.control else []

    def execution(self, name: str) -> Execution | None:
        """Returns the latest running execution of a sweep; None if none is running."""
        return self.control.execution(name) if self.control else None

    def standing(self, name: str) -> Standing:
        """Returns the state of a sweep.

        Raises:
            InvalidInput: there is no sweep with this name; the message suggests similar names.
        """
        return self.archive.standing(name, self.executions())

    def entries(self) -> list[Entry]:
        """Returns all sweeps, newest first."""
        return entries_of(self.archive, self.executions())
