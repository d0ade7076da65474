"""Documents by which the steps of a sweep communicate through the bucket. Each has a schema number.

`from_json` is strict and raises InvalidDocument, which names the object and the wrong field. `contract.spec` defines
spec.json, and `contract.job_outcome` defines the outcomes.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Self

from stepsweep.contract import keys
from stepsweep.contract.artifacts import NONE
from stepsweep.contract.errors import InvalidDocument, InvalidSweep
from stepsweep.contract.job_outcome import begun, earlier_of
from stepsweep.contract.means import ATTEMPTS, StackJob
from stepsweep.contract.median import Medians, variable
from stepsweep.contract.priority import Priority, share_of
from stepsweep.contract.reading import Fields
from stepsweep.contract.results import Result
from stepsweep.contract.spec import SweepSpec
from stepsweep.contract.spent import Spent
from stepsweep.contract.trial import Status, Trial

SCHEMA = 1
"""Schema of the plan, the Map's items and the results. Increase it when their fields change."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Latest:
    """latest.json: the execution of the sweep that planned last.

    It decides what the sweep's other documents are: each names its execution, and times of files say nothing about
    them after a copy, or a restored backup.

    Attributes:
        execution: its name.
        created_at: when the first execution of the sweep started.
        started_at: when this one started.
        round_number: the round that it planned last; of a free-running search, its leg.
        trainer_version: identifies the code that its trials run.
        priority: that it was started with; spec.json has the one that was asked for first. Of a stack from before
            priorities were kept here, the normal one.
        has_ended: whether its search has ended, so that results and leaderboard are its own.
    """

    execution: str
    created_at: datetime
    started_at: datetime
    round_number: int
    trainer_version: str
    priority: Priority = Priority.NORMAL
    has_ended: bool = False

    def to_json(self) -> dict[str, Any]:
        return {
            "schema": SCHEMA,
            "execution": self.execution,
            "created_at": self.created_at.isoformat(),
            "started_at": self.started_at.isoformat(),
            "round": self.round_number,
            "trainer_version": self.trainer_version,
            "priority": self.priority.value,
            "has_ended": self.has_ended,
        }

    @classmethod
    def from_json(cls, data: object, *, where: str) -> Self:
        fields = Fields(data, where)
        fields.schema(SCHEMA)
        latest = cls(
            execution=fields.text("execution"),
            created_at=fields.moment("created_at"),
            started_at=fields.moment("started_at"),
            round_number=fields.count("round"),
            trainer_version=fields.text("trainer_version"),
            priority=fields.one_of("priority", Priority) if fields.has("priority") else Priority.NORMAL,
            has_ended=fields.flag("has_ended"),
        )
        fields.done()
        return latest


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundPlan:
    """plan.json: every trial of the sweep so far, already finished or not.

    Attributes:
        execution: name of the execution that planned the round.
        is_resumed: whether another execution of the sweep began before.
        recorded_before: ids of the trials to run that have an outcome of an earlier execution.
        trainer_version: identifies the code that the trials run; part of every trial id.
        trainer_name: the name that people know it by.
    """

    execution: str
    spec: SweepSpec
    round_number: int
    is_resumed: bool
    recorded_before: tuple[str, ...]
    trainer_version: str
    trainer_name: str
    trials: tuple[Trial, ...]

    def to_json(self) -> dict[str, Any]:
        return {
            "schema": SCHEMA,
            "execution": self.execution,
            "spec": self.spec.to_json(),
            "round": self.round_number,
            "is_resumed": self.is_resumed,
            "recorded_before": list(self.recorded_before),
            "trainer_version": self.trainer_version,
            "trainer_name": self.trainer_name,
            "trials": [trial.to_json() for trial in self.trials],
        }

    @classmethod
    def from_json(cls, data: object, *, where: str) -> Self:
        fields = Fields(data, where)
        fields.schema(SCHEMA)
        try:
            spec = SweepSpec.from_json(fields.raw("spec"))
        except InvalidSweep as error:
            raise InvalidDocument(f"{where}: spec: {error.faults[0]}") from None
        plan = cls(
            execution=fields.text("execution"),
            spec=spec,
            round_number=fields.count("round"),
            is_resumed=fields.flag("is_resumed"),
            recorded_before=tuple(fields.texts("recorded_before")),
            trainer_version=fields.text("trainer_version"),
            trainer_name=fields.text("trainer_name"),
            trials=tuple(Trial.from_json(each, where=place) for each, place in fields.children("trials")),
        )
        fields.done()
        return plan


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialItem:
    """One item of the Map, in to-run.json: the input of one trial's states.

    All values are texts: a number in a Batch request would fail the whole Map.
    """

    execution: str
    sweep: str
    share: str
    trial_id: str
    command: tuple[str, ...]
    environment: dict[str, str]
    requirements: tuple[dict[str, str], ...]
    timeout_seconds: int
    attempts: int
    outcome_key: str
    earlier: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        trial: Trial,
        *,
        execution: str,
        spec: SweepSpec,
        bucket: str,
        job: StackJob,
        medians: Medians | None = None,
        earlier: Mapping[str, float] | None = None,
    ) -> Self:
        """Returns the item of a trial, whose jobs ran `earlier` in other executions; see `JobOutcome`."""
        below = [epochs for epochs in spec.rungs if epochs < trial.epochs]
        told = variable(medians, spec.objective, uri=keys.uri(bucket, trial.ended_key)) if medians else ""
        return cls(
            execution=execution,
            sweep=spec.name,
            share=share_of(spec.name, spec.priority),
            trial_id=trial.trial_id,
            command=tuple(trial.command()),
            environment={
                keys.METRICS_URI: keys.uri(bucket, trial.metrics_key),
                keys.CHECKPOINT_URI: keys.uri(bucket, keys.checkpoint_prefix(trial.trial_id)),
                **({keys.ARTIFACTS_URI: keys.uri(bucket, trial.new_artifacts)} if spec.keep_artifacts != NONE else {}),
                **({keys.ARTIFACTS: json.dumps(spec.artifacts)} if spec.artifacts else {}),
                **({keys.MEDIANS: told} if told else {}),
                **({keys.RUNGS: json.dumps(below)} if below else {}),
                **({keys.SECRETS: json.dumps(spec.secrets)} if spec.secrets else {}),
                **({keys.THREADS: str(spec.resources.vcpus)} if spec.resources.vcpus else {}),
                **({keys.TEXTS: json.dumps(texts)} if (texts := trial.texts) else {}),
                **spec.environment,
            },
            requirements=tuple(job.requirements(spec.resources)),
            timeout_seconds=60 * (spec.timeout_minutes or job.timeout_minutes),
            attempts=ATTEMPTS if spec.retries is None else 1 + spec.retries,
            outcome_key=keys.outcome_key(spec.name, trial.round_number, trial.trial_id),
            earlier=earlier or {},
        )

    def to_json(self) -> dict[str, Any]:
        return {
            "schema": SCHEMA,
            "execution": self.execution,
            "sweep": self.sweep,
            "share": self.share,
            "trial_id": self.trial_id,
            "command": list(self.command),
            # In SubmitJob's format: a state cannot turn an object into a list.
            "environment": [{"Name": name, "Value": value} for name, value in self.environment.items()],
            "requirements": [dict(each) for each in self.requirements],
            "timeout_seconds": self.timeout_seconds,
            "attempts": self.attempts,
            "outcome_key": self.outcome_key,
            # The state machine adds Batch's part, and records one of them when the job ends.
            "outcomes": {
                status.value: begun(self.trial_id, status, execution=self.execution, earlier=self.earlier)
                for status in (Status.SUCCEEDED, Status.FAILED)
            },
        }

    @classmethod
    def from_json(cls, data: object, *, where: str) -> Self:
        fields = Fields(data, where)
        fields.schema(SCHEMA)
        item = cls(
            execution=fields.text("execution"),
            sweep=fields.text("sweep"),
            share=fields.text("share"),
            trial_id=fields.text("trial_id"),
            command=tuple(fields.texts("command")),
            environment=dict(_variable(each, place) for each, place in fields.children("environment")),
            requirements=tuple(_requirement(each, place) for each, place in fields.children("requirements")),
            timeout_seconds=fields.whole("timeout_seconds"),
            attempts=fields.whole("attempts"),
            outcome_key=fields.text("outcome_key"),
            earlier=earlier_of(fields.child("outcomes").child(Status.FAILED.value)),
        )
        fields.done()
        return item


def _requirement(data: object, where: str) -> dict[str, str]:
    fields = Fields(data, where)
    requirement = {"Type": fields.text("Type"), "Value": fields.text("Value")}
    fields.done()
    return requirement


def _variable(data: object, where: str) -> tuple[str, str]:
    fields = Fields(data, where)
    variable = fields.text("Name"), fields.text("Value")
    fields.done()
    return variable


def items_from_json(data: object, *, where: str) -> list[TrialItem]:
    """Reads to-run.json, a list."""
    if not isinstance(data, list):
        raise InvalidDocument(f"{where}: must be a list of items")
    return [TrialItem.from_json(each, where=f"{where}: [{index}]") for index, each in enumerate(data)]


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundResults:
    """results.json: the result of every trial of the plan after a round.

    Attributes:
        execution: name of the execution that ended the round.
    """

    execution: str
    round_number: int
    spent: Spent
    results: tuple[Result, ...]

    def to_json(self) -> dict[str, Any]:
        return {
            "schema": SCHEMA,
            "execution": self.execution,
            "round": self.round_number,
            "spent": self.spent.to_json(),
            "results": [result.to_json() for result in self.results],
        }

    @classmethod
    def from_json(cls, data: object, *, where: str) -> Self:
        fields = Fields(data, where)
        fields.schema(SCHEMA)
        results = cls(
            execution=fields.text("execution"),
            round_number=fields.count("round"),
            spent=Spent.from_json(fields.raw("spent"), where=f"{where}: spent"),
            results=tuple(Result.from_json(each, where=place) for each, place in fields.children("results")),
        )
        fields.done()
        return results
