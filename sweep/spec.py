"""SweepSpec: what a person asks for. Parsed once, at the edge, with all faults at once.

A whole input is
`{"parameters": {"lr": [0.1, 0.01, 0.001], "momentum": [0.5, 0.1, 0.05]}, "epochs": 100}`; every other field has a
default. The same rules and the same words hold at every door: the client, the AWS CLI, the console.
"""

import difflib
import json
import re
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self, TypeVar

from sweep.errors import InvalidSweep
from sweep.metrics import Direction, Objective
from sweep.ranking import COLUMNS
from sweep.space import MAX_INTEGER, Value, as_option, grid, grid_size, parse_value, shown
from sweep.trial import Trial, trial_id_of

MAX_TRIALS = 10_000
"""Trials of a sweep: as many child executions as a Distributed Map keeps open at once."""
MAX_PARAMETERS = 32
MAX_EPOCHS = 100_000
MAX_CONCURRENCY = 10_000
MAX_COMMAND_BYTES = 6_000
"""Of a trial's options: Batch allows 8,192 bytes of container overrides, its own JSON and our environment included."""
MAX_NAME = 80
"""Of a sweep: as long as Step Functions allows an execution's name, which names the sweep by default."""

FIELDS = (
    "parameters", "search", "fixed", "epochs", "objective", "seed", "name", "max_concurrency", "budget_usd", "fresh",
)  # fmt: skip
ABOUT_THE_RUN = ("max_concurrency", "budget_usd")
"""Fields that decide neither the trials nor the winner, and may change when a sweep is started again."""

COMMENT = "Comment"
"""The console puts this field into the input that it proposes; it is ignored."""

RESERVED = {
    "epochs": "give it as the field `epochs`",
    "seed": "give it as the field `seed`",
    "help": "it would end the trainer before it trains",
    "uploads3": "the sweep decides where results go",
}
"""Names that would become another option of the trainer."""

_T = TypeVar("_T")

_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}", re.ASCII)
_SWEEP_NAME = re.compile(rf"[A-Za-z0-9][A-Za-z0-9_-]{{0,{MAX_NAME - 1}}}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepSpec:
    """What a person asks for.

    Attributes:
        parameters: name → the choices, in the order given; at least one of each.
        name: the sweep's; every result is found by it.
        fixed: options given to every trial unchanged.
        epochs: the most epochs a trial trains; early stopping may end it before.
        seed: of sampling and training.
        max_concurrency: trials at once; None leaves it to the stack.
        budget_usd: a plan whose estimate is above it is refused.
        fresh: train again what is already there.
    """

    parameters: dict[str, tuple[Value, ...]]
    name: str
    epochs: int
    search: str = "grid"
    fixed: dict[str, Value] = field(default_factory=dict)
    objective: Objective = field(default_factory=Objective)
    seed: int = 0
    max_concurrency: int | None = None
    budget_usd: float | None = None
    fresh: bool = False

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
        parser = _Parser(data)
        values = parser.parse(default_name)
        if parser.faults:
            raise InvalidSweep(parser.faults)
        return cls(**values)

    def to_json(self) -> dict[str, Any]:
        """Returns the spec with every default written out; `from_json` of it gives an equal spec."""
        return {
            "name": self.name,
            "parameters": {name: list(choices) for name, choices in self.parameters.items()},
            "search": self.search,
            "fixed": dict(self.fixed),
            "epochs": self.epochs,
            "objective": {"metric": self.objective.metric, "direction": self.objective.direction.value},
            "seed": self.seed,
            "max_concurrency": self.max_concurrency,
            "budget_usd": self.budget_usd,
            "fresh": self.fresh,
        }

    def same_work(self, other: "SweepSpec") -> bool:
        """Whether both ask for the same trials and the same winner, at whatever speed and price."""
        mine, theirs = (spec.to_json() | dict.fromkeys(ABOUT_THE_RUN) for spec in (self, other))
        # As text, since the order of parameters and choices decides ties.
        return json.dumps(mine) == json.dumps(theirs)

    def trials(self, *, trainer_version: str) -> list[Trial]:
        """Returns all trials that the search tries, in its order, which is the same for the same spec."""
        return [
            Trial(
                trial_id=trial_id_of(
                    params=params,
                    fixed=self.fixed,
                    seed=self.seed,
                    trainer_version=trainer_version,
                    salt=self.name if self.fresh else "",
                ),
                params=params,
                options={**params, **self.fixed, "epochs": self.epochs, "seed": self.seed},
                epochs=self.epochs,
            )
            for params in grid(self.parameters)
        ]


class _Parser:
    """Collects the faults of one input while it reads it; a field with a fault gets a stand-in value."""

    def __init__(self, data: dict[Any, Any]) -> None:
        self.data = data
        self.faults: list[str] = []
        self.meant: set[str] = set()  # fields that an unknown one was probably meant to be

    def parse(self, default_name: str | None) -> dict[str, Any]:
        self._unknown_fields(self.data, known=(*FIELDS, COMMENT), where="")
        parameters = self._parameters()
        fixed = self._fixed()
        for name in fixed:
            if name in parameters:
                self.faults.append(f"fixed.{name}: already one of `parameters`; keep it in one of the two")
        values = {
            "parameters": parameters,
            "fixed": fixed,
            "name": self._name(default_name),
            "search": self._search(),
            "epochs": self._epochs(),
            "objective": self._objective(),
            "seed": self._integer("seed", default=0, low=0, high=2**32 - 1),
            "max_concurrency": self._integer("max_concurrency", default=None, low=1, high=MAX_CONCURRENCY),
            "budget_usd": self._budget(),
            "fresh": self._fresh(),
        }
        self._size(parameters, fixed)
        return values

    def _unknown_fields(self, there: Mapping[Any, Any], *, known: tuple[str, ...], where: str) -> None:
        for name in there:
            if name in known:
                continue
            near = difflib.get_close_matches(str(name).lower(), known, n=1)
            self.meant.update(f"{where}{field}" for field in near)
            remedy = f"did you mean `{where}{near[0]}`?" if near else f"known are {', '.join(known)}"
            got = shown(name).strip('"')
            self.faults.append(f"unknown field `{where}{got}`; {remedy}")

    def _parameters(self) -> dict[str, tuple[Value, ...]]:
        example = 'write {"lr": [0.1, 0.01]}'
        if "parameters" not in self.data:
            if "parameters" not in self.meant:
                self.faults.append(f"parameters: missing; {example}")
            return {}
        raw = self.data["parameters"]
        if not isinstance(raw, dict) or not raw:
            self.faults.append(
                f"parameters: must be an object of at least one name and its choices, got {shown(raw)}; {example}"
            )
            return {}
        if len(raw) > MAX_PARAMETERS:
            self.faults.append(f"parameters: at most {MAX_PARAMETERS} names, got {len(raw)}")
            return {}
        return {
            name: self._choices(f"parameters.{name}", choices)
            for name, choices in raw.items()
            if self._option_name("parameters", name)
        }

    def _choices(self, where: str, raw: object) -> tuple[Value, ...]:
        if not isinstance(raw, list):
            self.faults.append(f"{where}: must be a list of choices such as [0.1, 0.01], got {shown(raw)}")
            return ()
        if not raw:
            self.faults.append(f"{where}: must have at least one choice, got []")
            return ()
        if len(raw) > MAX_TRIALS:
            self.faults.append(f"{where}: at most {MAX_TRIALS} choices, got {len(raw)}")
            return ()
        choices: dict[Value, None] = {}
        for index, item in enumerate(raw):
            value = self._value(f"{where}[{index}]", item)
            if value is None:
                continue
            if value in choices:
                self.faults.append(f"{where}[{index}]: {shown(item)} stands in the list twice; give every choice once")
            choices[value] = None
        if len({isinstance(value, str) for value in choices}) > 1:
            self.faults.append(f"{where}: numbers and texts in one list, got {shown(raw)}; write all choices alike")
        return tuple(choices)

    def _fixed(self) -> dict[str, Value]:
        raw = self.data.get("fixed", {})
        if not isinstance(raw, dict):
            self.faults.append(f'fixed: must be an object of options such as {{"batch_size": 64}}, got {shown(raw)}')
            return {}
        if len(raw) > MAX_PARAMETERS:
            self.faults.append(f"fixed: at most {MAX_PARAMETERS} options, got {len(raw)}")
            return {}
        fixed: dict[str, Value] = {}
        for name, item in raw.items():
            if self._option_name("fixed", name) and (value := self._value(f"fixed.{name}", item)) is not None:
                fixed[name] = value
        return fixed

    def _option_name(self, where: str, name: object) -> bool:
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            self.faults.append(
                f"{where}: {shown(name)} is not a name of an option; "
                "lower-case letters, digits and _, a letter first, at most 64"
            )
        elif name.replace("_", "") in RESERVED:
            self.faults.append(f"{where}.{name}: not a name you can use here; {RESERVED[name.replace('_', '')]}")
        else:
            return True
        return False

    def _value(self, where: str, raw: object) -> Value | None:
        try:
            return parse_value(raw)
        except ValueError as error:
            self.faults.append(f"{where}: {error}")
            return None

    def _search(self) -> str:
        raw = self.data.get("search", "grid")
        if raw != "grid":
            self.faults.append(f'search: must be "grid", got {shown(raw)}')
        return "grid"

    def _epochs(self) -> int:
        if "epochs" not in self.data and "epochs" not in self.meant:
            self.faults.append(f"epochs: missing; write the most epochs a trial may train, 1 to {MAX_EPOCHS}")
        return self._integer("epochs", default=1, low=1, high=MAX_EPOCHS)

    def _integer(self, name: str, *, default: _T, low: int, high: int) -> int | _T:
        raw = self.data.get(name, default)
        if raw is default or (raw is None and default is None):
            return default
        whole = (
            isinstance(raw, int | float) and not isinstance(raw, bool) and abs(raw) <= MAX_INTEGER and raw == int(raw)
        )
        if not whole or not low <= raw <= high:
            self.faults.append(f"{name}: must be a whole number from {low} to {high}, got {shown(raw)}")
            return default
        return int(raw)

    def _objective(self) -> Objective:
        raw = self.data.get("objective", {})
        if not isinstance(raw, dict):
            example = '{"metric": "val_loss", "direction": "minimize"}'
            self.faults.append(f"objective: must be an object such as {example}, got {shown(raw)}")
            return Objective()
        self._unknown_fields(raw, known=("metric", "direction"), where="objective.")
        metric, direction = raw.get("metric", "val_accuracy"), raw.get("direction", "maximize")
        if "metric" in raw and "direction" not in raw and metric != "val_accuracy":
            self.faults.append('objective.direction: missing; write "maximize" or "minimize" beside the metric')
        if not isinstance(metric, str) or not _NAME.fullmatch(metric) or metric in COLUMNS:
            self.faults.append(
                "objective.metric: must name a column of the metrics such as val_loss, and none of the leaderboard's "
                f"own ({', '.join(COLUMNS)}), got {shown(metric)}"
            )
            metric = "val_accuracy"
        if direction not in tuple(Direction):
            self.faults.append(f'objective.direction: must be "maximize" or "minimize", got {shown(direction)}')
            direction = "maximize"
        return Objective(metric=metric, direction=Direction(direction))

    def _name(self, default_name: str | None) -> str:
        raw = self.data.get("name", default_name)
        if not isinstance(raw, str) or not _SWEEP_NAME.fullmatch(raw):
            what = "the execution's name" if "name" not in self.data and default_name else "name"
            remedy = "; give the sweep a `name` of its own" if what != "name" else ""
            self.faults.append(
                f"{what}: must be 1 to {MAX_NAME} letters, digits, - and _ that start with a letter or digit, "
                f"got {shown(raw)}{remedy}"
            )
            return "unnamed"
        return raw

    def _budget(self) -> float | None:
        raw = self.data.get("budget_usd")
        if raw is None:
            return None
        try:
            value = parse_value(raw)
        except ValueError:
            value = ""
        if isinstance(value, str) or value <= 0:
            self.faults.append(f"budget_usd: must be a number of US dollars above 0, got {shown(raw)}")
            return None
        return float(value)

    def _fresh(self) -> bool:
        raw = self.data.get("fresh", False)
        if not isinstance(raw, bool):
            self.faults.append(f"fresh: must be true or false, got {shown(raw)}")
            return False
        return raw

    def _size(self, parameters: Mapping[str, tuple[Value, ...]], fixed: Mapping[str, Value]) -> None:
        if (trials := grid_size(parameters)) > MAX_TRIALS:
            sizes = " x ".join(f"{name} {len(choices)}" for name, choices in parameters.items())
            sizes = textwrap.shorten(sizes, 200, placeholder=" …")
            self.faults.append(
                f"parameters: a grid of {trials} trials ({sizes}); at most {MAX_TRIALS}, give fewer choices"
            )
        widest = {name: max(map(as_option, choices), key=len, default="") for name, choices in parameters.items()}
        words = [*widest.items(), *((name, as_option(value)) for name, value in fixed.items())]
        size = sum(len(f'"--{name}","{text}",') for name, text in words)
        if size > MAX_COMMAND_BYTES:
            self.faults.append(
                f"parameters and fixed: {size} bytes of options a trial; at most {MAX_COMMAND_BYTES}, "
                "give fewer or shorter ones"
            )
