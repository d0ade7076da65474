"""The Pareto front of several objectives, as far as the output of an execution lists it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from stepsweep.contract.artifacts import Kept
from stepsweep.contract.objective import Objective
from stepsweep.contract.reading import Fields
from stepsweep.contract.results import Group
from stepsweep.contract.space import Value, plain
from stepsweep.contract.words import options_line

MAX_FRONT = 100
MAX_FRONT_BYTES = 100_000
"""Trials of a front that the output lists, and the bytes of their JSON. An execution's output holds at most 256 KiB;
the leaderboard has the whole front."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OnFront:
    """A trial on the first Pareto front: no other trial is at least as good in every objective and better in one.

    Attributes:
        values: objective's metric → the trial's value, all of one epoch.
        epoch: that epoch, counted from 1.
        artifacts: None if it left none, or if the spec keeps none.
    """

    params: Mapping[str, Value]
    values: Mapping[str, float]
    epoch: int
    trial_id: str
    artifacts: Kept | None = None

    @classmethod
    def of(cls, group: Group, objectives: Sequence[Objective], artifacts: Kept | None) -> Self:
        """Returns the place of a complete group."""
        if group.epoch is None:
            raise ValueError("a group without a value has no place")
        return cls(
            params=dict(group.params),
            values={each.metric: value for each, value in zip(objectives, group.by_objective, strict=True)},
            epoch=group.epoch,
            trial_id=group.trial.trial_id,
            artifacts=artifacts,
        )

    @property
    def options(self) -> str:
        """The params as options to append to a trainer's command."""
        return options_line(self.params)

    def to_json(self) -> dict[str, Any]:
        return {
            "params": {name: plain(each) for name, each in self.params.items()},
            "options": self.options,
            "values": dict(self.values),
            "epoch": self.epoch,
            "trial_id": self.trial_id,
            "artifacts": self.artifacts.to_json() if self.artifacts else None,
        }

    @classmethod
    def from_json(cls, data: object, *, where: str, metrics: Sequence[str]) -> Self:
        fields = Fields(data, where)
        fields.text("options")
        values = fields.child("values")
        found = cls(
            params=fields.values("params"),
            values={name: values.number(name) for name in metrics},
            epoch=fields.whole("epoch"),
            trial_id=fields.text("trial_id"),
            artifacts=Kept.read(fields),
        )
        values.done()
        fields.done()
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Front:
    """The first Pareto front.

    Attributes:
        size: number of its trials.
        trials: the first of them, in the order of the leaderboard.
    """

    size: int
    trials: tuple[OnFront, ...]

    @classmethod
    def of(cls, trials: Sequence[OnFront]) -> Self:
        """Returns the front with as many of its trials as an output has room for."""
        listed, size = [], 0
        for each in trials[:MAX_FRONT]:
            size += len(json.dumps(each.to_json()))
            if size > MAX_FRONT_BYTES:
                break
            listed.append(each)
        return cls(size=len(trials), trials=tuple(listed))

    @property
    def which(self) -> str:
        """Which trials are listed, for people: what is said of them may not hold for the others."""
        listed = len(self.trials)
        return (
            "trials on the front" if listed == self.size else f"the first {listed} of {self.size} trials on the front"
        )

    def to_json(self) -> dict[str, Any]:
        return {"size": self.size, "trials": [each.to_json() for each in self.trials]}

    @classmethod
    def from_json(cls, fields: Fields, *, metrics: Sequence[str]) -> Self:
        front = cls(
            size=fields.whole("size"),
            trials=tuple(
                OnFront.from_json(each, where=where, metrics=metrics) for each, where in fields.children("trials")
            ),
        )
        fields.done()
        return front
