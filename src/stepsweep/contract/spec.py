"""SweepSpec: the input of a sweep. It is parsed once, at the edge, and reports all faults at once.

`{"parameters": {"lr": [0.1, 0.01, 0.001], "momentum": [0.5, 0.1, 0.05]}, "epochs": 100}` is a complete input; every
other field has a default. The client, the AWS CLI and the console take the same input.
"""

import json
from dataclasses import asdict, dataclass, field
from itertools import product
from typing import Any, Self

from stepsweep.contract.artifacts import WINNER
from stepsweep.contract.diagram import Condition
from stepsweep.contract.errors import InvalidSweep
from stepsweep.contract.given import Given
from stepsweep.contract.halving import Halving
from stepsweep.contract.known import Known
from stepsweep.contract.means import Resources
from stepsweep.contract.objective import Objective
from stepsweep.contract.parser import parse
from stepsweep.contract.priority import Priority
from stepsweep.contract.search import Method, Search
from stepsweep.contract.search_space import SearchSpace
from stepsweep.contract.space import Parameter, Range, Value, plain, shown
from stepsweep.contract.stop import Stop
from stepsweep.contract.trial import Trial, trial_id_of

ABOUT_THE_RUN = (
    "secrets",
    "resources",
    "timeout_minutes",
    "retries",
    "artifacts",
    "keep_artifacts",
    "max_concurrency",
    "priority",
    "budget_usd",
    "seconds_per_epoch",
    "stop",
    "accept_trainer",
    "known",
)
"""Fields that affect neither the trials nor the winner, or that follow from the others. They may change when a sweep is
started again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepSpec:
    """The input of a sweep.

    Attributes:
        parameters: name → at least one choice, in the given order; or a range. For a list by hand, the values in it.
        when: parameter → the condition under which it applies; others always do.
        exclude: conditions that no params meet.
        try_first: params that are tried before any others; for a list by hand all of its params.
        warm_start: names of earlier sweeps whose outcomes the model is told.
        known: these outcomes, as the planner recorded them.
        name: the sweep's name, under which its results are found.
        fixed: options that every trial gets unchanged.
        epochs: the most epochs a trial trains; early stopping may end it sooner.
        search: which params to try.
        halving: the rungs; None trains every trial to the end.
        rounds: whether all trials of a round are waited for before the next begins. Otherwise the search runs freely:
            the next trial starts when one ends (`contract.free_running`).
        stop: rules that end the search early.
        objective: of several the first one.
        further: the objectives after the first. With any, the result is a Pareto front (`contract.pareto`), and nobody
            wins.
        folds: number of folds of cross-validation, one trial each; None leaves the split to the trainer.
        repeats: number of trials of the same params, with one seed each.
        seed: seed of sampling and training; with repeats the first seed.
        environment: variables of every trial; part of its id, since they may change its numbers.
        secrets: names of variables whose values are stored elsewhere; not part of the id.
        resources: of a trial's job, in place of the stack's.
        timeout_minutes: of one attempt; None means the stack's.
        retries: attempts after the first; None means the stack's.
        artifacts: patterns of files in a trial's working folder that are artifacts too.
        keep_artifacts: whose artifacts stay: `winner`, `best 3`, `all` or `none`; with several objectives `front`,
            `all` or `none`.
        max_concurrency: the most trials at once; None means the stack's.
        priority: its share of the machines when several sweeps compete.
        budget_usd: largest estimate of a plan; the sweep stops before a round that would exceed it.
        seconds_per_epoch: expected job time of one epoch, for that estimate; None if nobody has measured the trainer.
        fresh: trains finished trials again.
        accept_trainer: continues a sweep that was planned for another trainer; its finished trials do not count.
        space: the params that `parameters`, `when` and `exclude` allow.
    """

    parameters: dict[str, Parameter]
    name: str
    epochs: int
    when: dict[str, Condition] = field(default_factory=dict)
    exclude: tuple[Condition, ...] = ()
    try_first: tuple[dict[str, Value], ...] = ()
    warm_start: tuple[str, ...] = ()
    known: tuple[Known, ...] = ()
    search: Search = field(default_factory=Search)
    halving: Halving | None = None
    rounds: bool = True
    stop: Stop = field(default_factory=Stop)
    fixed: dict[str, Value] = field(default_factory=dict)
    objective: Objective = field(default_factory=Objective)
    further: tuple[Objective, ...] = ()
    folds: int | None = None
    repeats: int = 1
    seed: int = 0
    environment: dict[str, str] = field(default_factory=dict)
    secrets: tuple[str, ...] = ()
    resources: Resources = field(default_factory=Resources)
    timeout_minutes: int | None = None
    retries: int | None = None
    artifacts: tuple[str, ...] = ()
    keep_artifacts: str = WINNER
    max_concurrency: int | None = None
    priority: Priority = Priority.NORMAL
    budget_usd: float | None = None
    seconds_per_epoch: float | None = None
    fresh: bool = False
    accept_trainer: bool = False
    space: SearchSpace = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        space = SearchSpace(parameters=self.parameters, when=self.when, exclude=self.exclude)
        object.__setattr__(self, "space", space)

    @classmethod
    def from_json(cls, data: object, *, default_name: str | None = None, beside: tuple[str, ...] = ()) -> Self:
        """Parses an input that `json.loads` returned.

        Args:
            default_name: the sweep's name if the input has none: the execution's.
            beside: other fields of a document that the input was taken from; a misspelled one may be meant.

        Raises:
            InvalidSweep: the input breaks rules; lists every fault.
        """
        if not isinstance(data, dict):
            example = '{"parameters": {"lr": [0.1]}, "epochs": 5}'
            raise InvalidSweep([f"the input must be a JSON object such as {example}, got {shown(data)}"])
        given = Given(data)
        values = parse(given, default_name, beside)
        if given.faults:
            raise InvalidSweep(given.faults)
        return cls(**values)

    def to_json(self) -> dict[str, Any]:
        """Returns the spec with every default written out; `from_json` turns it into an equal spec."""
        by_hand = [{name: plain(value) for name, value in params.items()} for params in self.try_first]
        is_list = self.search.method is Method.LIST
        return {
            "name": self.name,
            "parameters": None if is_list else {name: self._as_json(name) for name in self.parameters},
            "exclude": [_as_lists(condition) for condition in self.exclude],
            "try_first": [] if is_list else by_hand,
            "warm_start": list(self.warm_start),
            "known": [each.to_json() for each in self.known],
            "search": self.search.to_json(by_hand),
            "halving": asdict(self.halving) if self.halving else None,
            "rounds": self.rounds,
            "stop": self.stop.to_json(),
            "fixed": {name: plain(value) for name, value in self.fixed.items()},
            "epochs": self.epochs,
            **(
                {"objectives": [each.to_json() for each in self.objectives]}
                if self.has_front
                else {"objective": self.objective.to_json()}
            ),
            "folds": self.folds,
            "repeats": self.repeats,
            "seed": self.seed,
            "environment": dict(self.environment),
            "secrets": list(self.secrets),
            "resources": asdict(self.resources),
            "timeout_minutes": self.timeout_minutes,
            "retries": self.retries,
            "artifacts": list(self.artifacts),
            "keep_artifacts": self.keep_artifacts,
            "max_concurrency": self.max_concurrency,
            "priority": self.priority.value,
            "budget_usd": self.budget_usd,
            "seconds_per_epoch": self.seconds_per_epoch,
            "fresh": self.fresh,
            "accept_trainer": self.accept_trainer,
        }

    def same_work(self, other: "SweepSpec") -> bool:
        """Whether both specs have the same trials and the same winner; speed and price may differ."""
        mine, theirs = (spec.to_json() | dict.fromkeys(ABOUT_THE_RUN) for spec in (self, other))
        # Compared as text, since the order of parameters and choices breaks ties.
        return json.dumps(mine) == json.dumps(theirs)

    @property
    def objectives(self) -> tuple[Objective, ...]:
        """All objectives: one, or several."""
        return (self.objective, *self.further)

    @property
    def has_front(self) -> bool:
        """Whether it has several objectives, so that its result is a Pareto front instead of a winner."""
        return bool(self.further)

    @property
    def number_of_params(self) -> int:
        """How many params the search tries."""
        return self.search.trials or self.space.size

    @property
    def number_of_trials(self) -> int:
        """How many trials the search begins, unless a rule ends it."""
        return self.number_of_params * self.trials_each

    @property
    def rungs(self) -> tuple[int, ...]:
        """The epoch budget of each rung, after which halving promotes trials; the last is `epochs`."""
        return self.halving.rungs(self.epochs) if self.halving else (self.epochs,)

    @property
    def trials_each(self) -> int:
        """How many trials evaluate the same params: one per fold and seed."""
        return (self.folds or 1) * self.repeats

    def member_of(self, trial: Trial) -> dict[str, Value]:
        """Returns the options that tell a trial from the others of its params: its fold, and with repeats its seed."""
        return {name: value for name, value in trial.member.items() if name == "fold" or self.repeats > 1}

    def trials_of(self, params: dict[str, Value], *, trainer_version: str, round_number: int = 0) -> list[Trial]:
        """Returns the trials of the params on the first rung: one, or one per fold and seed."""
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

    def _as_json(self, name: str) -> list[Any] | dict[str, Any]:
        """Returns a parameter as the input has it."""
        parameter, condition = self.parameters[name], self.when.get(name)
        when = {"when": _as_lists(condition)} if condition else {}
        if isinstance(parameter, Range):
            return parameter.to_json() | when
        choices = list(map(plain, parameter))
        return {"choices": choices, **when} if when else choices


def _as_lists(condition: Condition) -> dict[str, list[Any]]:
    return {name: list(map(plain, values)) for name, values in condition.items()}
