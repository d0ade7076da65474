"""SweepSpec: what a person asks for. Parsed once, at the edge, with all faults at once.

A whole input is
`{"parameters": {"lr": [0.1, 0.01, 0.001], "momentum": [0.5, 0.1, 0.05]}, "epochs": 100}`; every other field has a
default. The same rules and the same words hold at every door: the client, the AWS CLI, the console.
"""

import json
from dataclasses import asdict, dataclass, field
from itertools import product
from typing import Any, Self

from stepsweep.contract.errors import InvalidSweep
from stepsweep.contract.halving import Halving
from stepsweep.contract.metrics import Objective
from stepsweep.contract.parser import Parser
from stepsweep.contract.search import Search
from stepsweep.contract.space import Parameter, Range, Value, shown
from stepsweep.contract.trial import Trial, trial_id_of

ABOUT_THE_RUN = ("max_concurrency", "budget_usd", "accept_trainer")
"""Fields that decide neither the trials nor the winner, and may change when a sweep is started again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepSpec:
    """What a person asks for.

    Attributes:
        parameters: name → the choices, in the order given, at least one of each; or a range.
        name: the sweep's; every result is found by it.
        fixed: options given to every trial unchanged.
        epochs: the most epochs a trial trains; early stopping may end it before.
        search: which params are tried.
        halving: who is trained further than `min_epochs`; None trains all to the end.
        folds: of cross-validation, a trial each; None leaves the trainer its own split.
        repeats: trials of the same params with a seed each.
        seed: of sampling and training; the first of several.
        environment: variables of every trial, part of its id: they may change its numbers.
        max_concurrency: trials at once; None leaves it to the stack.
        budget_usd: a plan whose estimate is above it is refused.
        fresh: train again what is already there.
        accept_trainer: go on with a sweep that was planned for another trainer; its finished trials do not count.
    """

    parameters: dict[str, Parameter]
    name: str
    epochs: int
    search: Search = field(default_factory=Search)
    halving: Halving | None = None
    fixed: dict[str, Value] = field(default_factory=dict)
    objective: Objective = field(default_factory=Objective)
    folds: int | None = None
    repeats: int = 1
    seed: int = 0
    environment: dict[str, str] = field(default_factory=dict)
    max_concurrency: int | None = None
    budget_usd: float | None = None
    fresh: bool = False
    accept_trainer: bool = False

    @classmethod
    def from_json(cls, data: object, *, default_name: str | None = None) -> Self:
        """Parses an input, as `json.loads` gives it.

        Args:
            default_name: the sweep's name where the input has none: the execution's.

        Raises:
            InvalidSweep: with every fault of the input.
        """
        if not isinstance(data, dict):
            example = '{"parameters": {"lr": [0.1]}, "epochs": 5}'
            raise InvalidSweep([f"the input must be a JSON object such as {example}, got {shown(data)}"])
        parser = Parser(data)
        values = parser.parse(default_name)
        if parser.faults:
            raise InvalidSweep(parser.faults)
        return cls(**values)

    def to_json(self) -> dict[str, Any]:
        """Returns the spec with every default written out; `from_json` of it gives an equal spec."""
        return {
            "name": self.name,
            "parameters": {name: _as_json(parameter) for name, parameter in self.parameters.items()},
            "search": self.search.to_json(),
            "halving": asdict(self.halving) if self.halving else None,
            "fixed": dict(self.fixed),
            "epochs": self.epochs,
            "objective": {"metric": self.objective.metric, "direction": self.objective.direction.value},
            "folds": self.folds,
            "repeats": self.repeats,
            "seed": self.seed,
            "environment": dict(self.environment),
            "max_concurrency": self.max_concurrency,
            "budget_usd": self.budget_usd,
            "fresh": self.fresh,
            "accept_trainer": self.accept_trainer,
        }

    def same_work(self, other: "SweepSpec") -> bool:
        """Whether both ask for the same trials and the same winner, at whatever speed and price."""
        mine, theirs = (spec.to_json() | dict.fromkeys(ABOUT_THE_RUN) for spec in (self, other))
        # As text, since the order of parameters and choices decides ties.
        return json.dumps(mine) == json.dumps(theirs)

    @property
    def rungs(self) -> tuple[int, ...]:
        """The epochs that a trial trains at most before it is decided whether it goes on; the last is `epochs`."""
        return self.halving.rungs(self.epochs) if self.halving else (self.epochs,)

    @property
    def trials_each(self) -> int:
        """How many trials evaluate the same params: one a fold and seed."""
        return (self.folds or 1) * self.repeats

    def trials_of(self, params: dict[str, Value], *, trainer_version: str, round_number: int = 0) -> list[Trial]:
        """Returns the trials of some params on the first rung: one, or one a fold and seed."""
        return [
            self._trial(params, trainer_version, round_number, fold, self.seed + repeat)
            for fold, repeat in product(range(self.folds or 1), range(self.repeats))
        ]

    def _trial(self, params: dict[str, Value], trainer_version: str, round_number: int, fold: int, seed: int) -> Trial:
        fold_options = {"folds": self.folds, "fold": fold} if self.folds else {}
        epochs = self.rungs[0]
        return Trial(
            trial_id=trial_id_of(
                params=params,
                fixed=self.fixed,
                seed=seed,
                fold=fold_options,
                trainer_version=trainer_version,
                environment=self.environment,
                salt=self.name if self.fresh else "",
            ),
            params=params,
            options={**params, **self.fixed, "epochs": epochs, "seed": seed, **fold_options},
            epochs=epochs,
            batch=round_number,
            round_number=round_number,
        )


def _as_json(parameter: Parameter) -> list[Value] | dict[str, Any]:
    return parameter.to_json() if isinstance(parameter, Range) else list(parameter)
