"""The executions of one deployment that is up: start them, and find those that run."""

import json
import secrets
from dataclasses import dataclass

from stepsweep.client.archive.read_once import ReadOnce
from stepsweep.client.archive.recorded import SUFFIX_BYTES, Archive, Entry, Standing, execution_prefix, of_sweep
from stepsweep.client.deployment import Deployment, explained
from stepsweep.client.running.execution import Execution
from stepsweep.contract.spec import SweepSpec


@dataclass(frozen=True, slots=True)
class Control:
    """Starts executions of a deployment that is up, and knows which run."""

    deployment: Deployment

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
        """Returns the execution of a sweep that was started last and runs; None where none does."""
        if not (running := self.running(name)):
            return None
        with explained():
            described = self.deployment.step_functions.describe_execution(executionArn=running[0])
        # Its own input, since the sweep's spec.json is not there until the plan is made.
        spec = SweepSpec.from_json(json.loads(described["input"]), default_name=described["name"])
        return Execution(self.deployment, arn=running[0], spec=spec)

    def running(self, name: str) -> list[str]:
        """Returns the ARNs of a sweep's executions that run, the latest first."""
        return of_sweep(name, self.executions())

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
    """The sweeps of a cloud, as one command sees them: each object is read once.

    Attributes:
        archive: what is recorded.
        control: of what runs; None where the cloud is not up, and so nothing runs.
    """

    archive: Archive
    control: Control | None

    @classmethod
    def of(cls, deployment: Deployment) -> "Found":
        archive = Archive(ReadOnce(deployment.store), objects=deployment.objects)
        return cls(archive, Control(deployment))

    def executions(self) -> list[str]:
        """Returns the ARNs of all executions that run, the latest first."""
        return self.control.executions() if self.control else []

    def running(self, name: str) -> list[str]:
        """Returns the ARNs of a sweep's executions that run, the latest first."""
        return of_sweep(name, self.executions())

    def execution(self, name: str) -> Execution | None:
        """Returns the execution of a sweep that was started last and runs; None where none does."""
        return self.control.execution(name) if self.control else None

    def standing(self, name: str) -> Standing:
        """Returns what is there of a sweep, and what runs of it.

        Raises:
            InvalidInput: there is none of this name; the message has names like it.
        """
        return self.archive.standing(name, self.executions())

    def entries(self) -> list[Entry]:
        """Returns all sweeps, the newest first."""
        return self.archive.entries(self.executions())
