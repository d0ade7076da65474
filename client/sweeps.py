"""The Python API: start a sweep, follow it, read what came out. The command line is made of this.

from client.deployment import on_aws
from client.sweeps import Sweeps
from sweep.spec import SweepSpec

spec = SweepSpec.from_json({"parameters": {"lr": [0.1, 0.01]}, "epochs": 5}, default_name="first")
execution = Sweeps(on_aws()).start(spec)
for progress in execution.follow():
    print(progress.ended, "of", progress.to_run)
print(execution.ending().output["winner"]["params"])
"""

import difflib
import json
import re
import secrets
from dataclasses import asdict, dataclass
from typing import Any

from client.deployment import Deployment, explained
from client.execution import Execution
from client.leaderboard import Row
from client.records import Records
from sweep import keys
from sweep.errors import InvalidInput
from sweep.space import shown
from sweep.spec import SweepSpec

MAX_EXECUTION_NAME = 80
"""https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html"""
SUFFIX_BYTES = 4

MAX_NEAR_NAMES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What is there of a sweep, whether it runs or not.

    Attributes:
        planned: its trials; 0 where it was not planned yet.
        rows: the leaderboard; of the trials so far, where the sweep is not finished.
        output: what its execution gave; None where it is not finished, or where no trial succeeded.
        is_finished: whether the leaderboard belongs to the latest plan.
        executions: ARNs of those that run.
    """

    spec: SweepSpec
    planned: int
    rows: list[Row]
    output: dict[str, Any] | None
    is_finished: bool
    executions: list[str]

    @property
    def status(self) -> str:
        if self.is_finished:
            return "FINISHED"
        return "RUNNING" if self.executions else "STOPPED"

    def to_json(self) -> dict[str, Any]:
        return {
            "sweep": self.spec.name,
            "status": self.status,
            "planned": self.planned,
            "executions": self.executions,
            "output": self.output,
            "trials": [asdict(row) for row in self.rows],
        }


class Sweeps:
    """The sweeps of one deployment."""

    def __init__(self, deployment: Deployment) -> None:
        self.deployment = deployment
        self._records = Records(deployment)

    def start(self, spec: SweepSpec) -> Execution:
        """Starts an execution. A sweep whose name is there already goes on, if it asks for the same."""
        # A sweep's name may be used again, an execution's not: not within 90 days.
        name = f"{_execution_prefix(spec.name)}-{secrets.token_hex(SUFFIX_BYTES)}"
        with explained():
            started = self.deployment.step_functions.start_execution(
                stateMachineArn=self.deployment.state_machine_arn, name=name, input=json.dumps(spec.to_json())
            )
        return Execution(self.deployment, arn=started["executionArn"], spec=spec)

    def leaderboard(self, name: str) -> list[Row]:
        """Returns a finished sweep's trials, best first."""
        with explained():
            return self._records.leaderboard(name)

    def standing(self, name: str) -> Standing:
        """Returns what is there of a sweep.

        Raises:
            InvalidInput: there is none of this name; the message has names like it.
        """
        with explained():
            spec = self._records.spec(name)
            if spec is None:
                raise InvalidInput([self._no_sweep(name)])
            objects = self._records.objects(name)
            plan = self._records.plan(spec, objects)
            leaderboard_at = objects.get(keys.leaderboard_key(name))
            is_finished = bool(plan and leaderboard_at and leaderboard_at >= plan.planned_at)
            if is_finished:
                rows = self._records.leaderboard(name)
            else:
                rows = self._records.rows_so_far(plan, objects) if plan else []
            return Standing(
                spec=spec,
                planned=len(plan.trials) if plan else 0,
                rows=rows,
                output=self._records.output(name) if is_finished else None,
                is_finished=is_finished,
                executions=self._running_executions(name),
            )

    def _running_executions(self, name: str) -> list[str]:
        pages = self.deployment.step_functions.get_paginator("list_executions").paginate(
            stateMachineArn=self.deployment.state_machine_arn, statusFilter="RUNNING"
        )
        # Ours, or one that was started elsewhere and gave the sweep its own name.
        ours = re.compile(rf"{re.escape(_execution_prefix(name))}-[0-9a-f]{{{2 * SUFFIX_BYTES}}}|{re.escape(name)}")
        return [
            execution["executionArn"]
            for page in pages
            for execution in page["executions"]
            if ours.fullmatch(execution["name"])
        ]

    def _no_sweep(self, name: str) -> str:
        names = self._records.sweeps()
        near = [*difflib.get_close_matches(name, names), *(other for other in reversed(names) if name in other)]
        near = list(dict.fromkeys(near))[:MAX_NEAR_NAMES]
        if near:
            remedy = f"did you mean {' or '.join(near)}?"
        elif names:
            remedy = f"there are {len(names)}, such as {', '.join(names[:MAX_NEAR_NAMES])}"
        else:
            remedy = "there is none yet"
        return f"there is no sweep {shown(name)} in {self.deployment.objects}; {remedy}"


def _execution_prefix(sweep: str) -> str:
    return sweep[: MAX_EXECUTION_NAME - 1 - 2 * SUFFIX_BYTES]
