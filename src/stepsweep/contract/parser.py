"""Parses the input of a sweep: checks every field, and reports all faults at once."""

import difflib
import json
import math
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from stepsweep.contract.artifacts import FRONT, WINNER, keep_fault, pattern_faults, patterns_bytes
from stepsweep.contract.environment import environment_faults, environment_of, overrides_bytes, secret_faults
from stepsweep.contract.errors import InvalidDocument
from stepsweep.contract.halving import DEFAULT_FACTOR, Halving, default_min_epochs
from stepsweep.contract.known import Known
from stepsweep.contract.limits import (
    MAX_BOUND,
    MAX_COMMAND_BYTES,
    MAX_CONCURRENCY,
    MAX_EPOCHS,
    MAX_FACTOR,
    MAX_FIXED,
    MAX_FOLDS,
    MAX_NAME,
    MAX_OVERRIDES_BYTES,
    MAX_PARAMETERS,
    MAX_REPEATS,
    MAX_ROUNDS,
    MAX_SEED,
    MAX_TRIALS,
    MIN_BOUND,
)
from stepsweep.contract.means import (
    MAX_GPUS,
    MAX_MEMORY_MIB,
    MAX_RETRIES,
    MAX_TIMEOUT_MINUTES,
    MAX_VCPUS,
    MIN_MEMORY_MIB,
    Resources,
)
from stepsweep.contract.median import MIN_TRIALS, VARIABLE_BYTES, MedianRule
from stepsweep.contract.names import OPTION_RULE, is_option, is_sweep, why_reserved
from stepsweep.contract.objective import Objective
from stepsweep.contract.objective_input import faults_with_several, objectives
from stepsweep.contract.priority import Priority, fault_of
from stepsweep.contract.search import DEFAULT_BATCH, Method, Search
from stepsweep.contract.search_space import Entangled, SearchSpace
from stepsweep.contract.space import (
    MAX_INTEGER,
    Kind,
    Parameter,
    Range,
    Value,
    as_option,
    canonical,
    is_listed,
    is_number,
    parse_value,
    reads_as_json,
    shown,
    size_of,
)
from stepsweep.contract.space_input import conditions, exclusions, listed, tried_first
from stepsweep.contract.stop import Running, Stop

FIELDS = (
    "parameters", "exclude", "try_first", "warm_start", "known", "search", "halving", "rounds", "stop", "fixed",
    "epochs", "objective", "objectives", "folds", "repeats", "seed", "name", "environment", "secrets", "resources",
    "timeout_minutes", "retries", "artifacts", "keep_artifacts", "max_concurrency", "priority",
    "budget_usd", "seconds_per_epoch", "fresh", "accept_trainer",
)  # fmt: skip

COMMENT = "Comment"
"""The console's default input has this field; the parser ignores it."""

_T = TypeVar("_T")


class Parser:
    """Parses one input and collects its faults. A field with a fault gets a stand-in value."""

    def __init__(self, data: dict[Any, Any]) -> None:
        self.data = data
        self.faults: list[str] = []
        self.meant: set[str] = set()  # fields of which an unknown one is probably a misspelling

    def parse(self, default_name: str | None) -> dict[str, Any]:
        self._unknown_fields(self.data, known=(*FIELDS, COMMENT), where="")
        raw = self.data.get("search")
        if isinstance(raw, dict) and raw.get("method") == Method.LIST:
            space, by_hand = self._list(raw.get("trials"))
        else:
            space, by_hand = self._space()
        parameters = dict(space.parameters)
        fixed = self._fixed()
        for name in fixed:
            if name in parameters:
                self.faults.append(f"fixed.{name}: already one of `parameters`; keep it in one of the two")
        values: dict[str, Any] = {
            "parameters": parameters,
            "when": dict(space.when),
            "exclude": tuple(space.exclude),
            "try_first": by_hand,
            "fixed": fixed,
            "name": self._name(default_name),
            "rounds": (rounds := self._rounds()),
            "search": self._search(rounds=rounds, listed=len(by_hand)),
            "epochs": (epochs := self._epochs()),
            "stop": self._stop(epochs, rounds=rounds),
            "halving": self._halving(epochs),
            "objective": (found := self._objectives(epochs))[0],
            "further": found[1:],
            "folds": self._integer("folds", default=None, low=2, high=MAX_FOLDS),
            "repeats": (repeats := self._integer("repeats", default=1, low=1, high=MAX_REPEATS)),
            "seed": self._integer("seed", default=0, low=0, high=MAX_SEED - repeats + 1),
            "environment": (environment := self._environment()),
            "secrets": self._secrets(),
            "resources": self._resources(),
            "timeout_minutes": self._integer("timeout_minutes", default=None, low=1, high=MAX_TIMEOUT_MINUTES),
            "retries": self._integer("retries", default=None, low=0, high=MAX_RETRIES),
            "artifacts": (artifacts := self._artifacts()),
            "keep_artifacts": self._keep_artifacts(has_front=len(found) > 1),
            "max_concurrency": self._integer("max_concurrency", default=None, low=1, high=MAX_CONCURRENCY),
            "priority": self._priority(self.data.get("priority", Priority.NORMAL)),
            "budget_usd": self._positive("budget_usd", "a number of US dollars above 0"),
            "seconds_per_epoch": self._positive("seconds_per_epoch", "a number of seconds above 0"),
            "fresh": self._boolean("fresh", self.data.get("fresh", False)),
            "accept_trainer": self._boolean("accept_trainer", self.data.get("accept_trainer", False)),
        }
        values |= self._known(values["search"], values["name"])
        if len(found) > 1:
            self.faults += faults_with_several(self.data)
        self._trials(values, space)
        self._override_bytes(parameters, fixed, environment, artifacts, medians=values["stop"].median is not None)
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

    def _parameters(self) -> dict[str, Parameter]:
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
            name: self._parameter(f"parameters.{name}", item)
            for name, item in raw.items()
            if self._option_name("parameters", name)
        }

    def _space(self) -> tuple[SearchSpace, tuple[dict[str, Value], ...]]:
        """Returns the space, and the params that are tried first."""
        parameters = self._parameters()
        raw = self.data.get("parameters")
        space = SearchSpace(
            parameters=parameters,
            when=conditions(raw, parameters, self.faults) if isinstance(raw, dict) else {},
        )
        if (excluded := self.data.get("exclude")) not in (None, []):
            space = replace(space, exclude=exclusions(excluded, space, self.faults))
        if (by_hand := self.data.get("try_first")) in (None, []):
            return space, ()
        return space, tried_first(by_hand, space, self.faults)

    def _list(self, raw: object) -> tuple[SearchSpace, tuple[dict[str, Value], ...]]:
        """Returns the values and the params of a list by hand."""
        for name in ("parameters", "exclude", "try_first"):
            if self.data.get(name) not in (None, []):
                self.faults.append(f"{name}: a list tries the params in search.trials, and no others; leave it out")
        by_hand, parameters = listed(raw, self.faults)
        if len(parameters) > MAX_PARAMETERS:
            self.faults.append(f"search.trials: at most {MAX_PARAMETERS} names, got {len(parameters)}")
        known = {name: values for name, values in parameters.items() if self._option_name("search.trials", name)}
        return SearchSpace(parameters=known), by_hand

    def _known(self, search: Search, name: str) -> dict[str, Any]:
        """Returns the earlier sweeps whose outcomes a model is told, and these outcomes."""
        raw = self.data.get("warm_start") or []
        if not isinstance(raw, list) or not all(is_sweep(each) for each in raw):
            self.faults.append(f'warm_start: must be a list of names of sweeps such as ["first"], got {shown(raw)}')
            raw = []
        if raw and not search.learns:
            example = '"search": {"method": "tpe", "trials": 50}'
            self.faults.append(f"warm_start: only a model learns from other sweeps; write {example}")
        if len(set(raw)) < len(raw) or name in raw:
            self.faults.append(f"warm_start: must name other sweeps, each once, got {shown(raw)}")
        known = self.data.get("known") or []
        if not isinstance(known, list):
            self.faults.append(f"known: must be the list that the planner recorded, got {shown(known)}")
            known = []
        found = []
        for number, each in enumerate(known):
            try:
                found.append(Known.from_json(each, where=f"known[{number}]"))
            except InvalidDocument as error:
                self.faults.append(str(error))
        return {"warm_start": tuple(raw), "known": tuple(found)}

    def _parameter(self, where: str, raw: object) -> Parameter:
        """Returns the values of a parameter. An object is a range, or has choices with a condition."""
        if not isinstance(raw, dict):
            return self._choices(where, raw)
        if "choices" not in raw:
            return self._range(where, raw)
        self._unknown_fields(raw, known=("choices", "when"), where=f"{where}.")
        return self._choices(f"{where}.choices", raw["choices"])

    def _choices(self, where: str, raw: object) -> tuple[Value, ...]:
        if not isinstance(raw, list):
            example = '{"low": 0.001, "high": 0.1}'
            self.faults.append(
                f"{where}: must be a list of choices such as [0.1, 0.01] or a range such as {example}, got {shown(raw)}"
            )
            return ()
        if not raw:
            self.faults.append(f"{where}: must have at least one choice, got []")
            return ()
        if len(raw) > MAX_TRIALS:
            self.faults.append(f"{where}: at most {MAX_TRIALS} choices, got {len(raw)}")
            return ()
        choices: dict[str, Value] = {}
        for index, item in enumerate(raw):
            found = self._value(f"{where}[{index}]", item)
            for value in found:
                if canonical(value) in choices:
                    of_list = "; a list as one choice has brackets of its own: [[64, 64]]" if is_number(value) else ""
                    self.faults.append(
                        f"{where}[{index}]: {shown(item)} stands in the list twice; give every choice once{of_list}"
                    )
                choices[canonical(value)] = value
        return tuple(choices.values())

    def _range(self, where: str, raw: dict[Any, Any]) -> Parameter:
        """Returns a range; an empty tuple of choices if it has a fault."""
        before = len(self.faults)
        self._unknown_fields(raw, known=("low", "high", "log", "step", "type", "when"), where=f"{where}.")
        low, high = (self._bound(where, name, raw) for name in ("low", "high"))
        step = self._bound(where, "step", raw) if raw.get("step") is not None else None
        log = self._boolean(f"{where}.log", raw.get("log", False))
        if low is not None and high is not None and low > high:
            self.faults.append(f"{where}: low must be <= high, got {shown(low)} and {shown(high)}")
        if low is not None and log and low <= 0:
            self.faults.append(f"{where}.low: must be > 0 on a log scale, got {shown(low)}")
        elif low is not None and log and low < MIN_BOUND:
            self.faults.append(f"{where}.low: must be at least {MIN_BOUND:g} on a log scale, got {shown(low)}")
        if step is not None and step <= 0:
            self.faults.append(f"{where}.step: must be > 0, got {shown(step)}")
        elif step is not None and low is not None and high is not None and step < (gap := _gap(low, high, step)):
            self.faults.append(
                f"{where}.step: must be at least {gap:.2g}, since numbers near {shown(high)} are no closer, "
                f"got {shown(step)}"
            )
        if step is not None and log:
            self.faults.append(f"{where}.step: not on a log scale; leave one of the two out, or list the choices")
        kind = self._kind(where, raw, [number for number in (low, high, step) if number is not None])
        if len(self.faults) > before or low is None or high is None:
            return ()
        return Range(low=low, high=high, log=log, step=step, kind=kind)

    def _bound(self, where: str, name: str, raw: dict[Any, Any]) -> int | float | None:
        if name not in raw:
            if f"{where}.{name}" not in self.meant:
                self.faults.append(f'{where}.{name}: missing; a range is written as {{"low": 0.001, "high": 0.1}}')
            return None
        value = _number(raw[name])
        if value is None or abs(value) > MAX_BOUND:
            self.faults.append(f"{where}.{name}: must be a number of at most {MAX_BOUND:g}, got {shown(raw[name])}")
            return None
        return value

    def _kind(self, where: str, raw: dict[Any, Any], numbers: list[int | float]) -> Kind:
        """Returns the type of a range. It is mandatory if ambiguous: 0 to 1 is two whole numbers, or many fractions."""
        whole = all(isinstance(number, int) for number in numbers)
        match raw.get("type"):
            case None if whole and raw.get("step") is None and f"{where}.type" not in self.meant:
                self.faults.append(
                    f'{where}.type: missing, and low and high are whole; write "int" for whole numbers only, '
                    'or "float" for all between them'
                )
                return Kind.FLOAT
            case None:
                return Kind.INT if whole else Kind.FLOAT
            case "int" if not whole:
                self.faults.append(f'{where}: low, high and step must be whole with type "int", got {shown(raw)}')
                return Kind.INT
            case "int" | "float" as kind:
                return Kind(kind)
            case wrong:
                self.faults.append(f'{where}.type: must be "int" or "float", got {shown(wrong)}')
                return Kind.FLOAT

    def _fixed(self) -> dict[str, Value]:
        raw = self.data.get("fixed", {})
        if not isinstance(raw, dict):
            self.faults.append(f'fixed: must be an object of options such as {{"batch_size": 64}}, got {shown(raw)}')
            return {}
        if len(raw) > MAX_FIXED:
            self.faults.append(f"fixed: at most {MAX_FIXED} options, got {len(raw)}")
            return {}
        fixed: dict[str, Value] = {}
        for name, item in raw.items():
            if self._option_name("fixed", name):
                for value in self._value(f"fixed.{name}", item):
                    fixed[name] = value
        return fixed

    def _option_name(self, where: str, name: object) -> bool:
        if not isinstance(name, str) or not is_option(name):
            self.faults.append(f"{where}: {shown(name)} is not a name of an option; {OPTION_RULE}")
        elif remedy := why_reserved(name):
            self.faults.append(f"{where}.{name}: not a name you can use here; {remedy}")
        else:
            return True
        return False

    def _value(self, where: str, raw: object) -> tuple[()] | tuple[Value]:
        """Returns the value alone; nothing if it has a fault."""
        try:
            return (parse_value(raw),)
        except ValueError as error:
            self.faults.append(f"{where}: {error}")
            return ()

    def _rounds(self) -> bool:
        """Returns whether the search goes in rounds.

        By default a model's search does so only with a batch, and any other one unless it has rules to stop early.
        """
        raw = self.data.get("rounds")
        if raw is not None:
            return self._boolean("rounds", raw)
        match self.data.get("search"):
            case {"method": Method.TPE.value, **more}:
                return more.get("batch") is not None
        return not self.data.get("stop")

    def _stop(self, epochs: int, *, rounds: bool) -> Stop:
        raw = self.data.get("stop")
        if raw is None:
            return Stop()
        example = '{"metric_reached": 0.99, "max_hours": 8, "max_trials_without_improvement": 30, "running": "end"}'
        if not isinstance(raw, dict):
            self.faults.append(f"stop: must be an object such as {example}, got {shown(raw)}")
            return Stop()
        self._unknown_fields(raw, known=tuple(Stop.__dataclass_fields__), where="stop.")
        of_search = raw.keys() - {"median"}  # the other rules end the search, and this one single trials
        if rounds and raw.get("running") is not None:
            self.faults.append("stop.running: between rounds no trial runs; leave it out")
        if of_search and rounds and not self._has_later_rounds():
            self.faults.append(
                "stop: all trials are in one round, so none is left when the rules are looked at; leave rounds out, or "
                "write false: the search then runs freely"
            )
        if of_search == {"running"} and self.data.get("budget_usd") is None:
            self.faults.append(f"stop: has no rule; write one such as {example}")
        patience = raw.get("max_trials_without_improvement")
        return Stop(
            metric_reached=self._number("stop.metric_reached", raw.get("metric_reached")),
            max_hours=self._number("stop.max_hours", raw.get("max_hours"), above=0),
            max_trials_without_improvement=None
            if patience is None
            else self._whole("stop.max_trials_without_improvement", patience, default=None, low=1, high=MAX_TRIALS),
            median=self._median(raw.get("median"), epochs, rounds=rounds),
            running=self._running(raw.get("running")),
        )

    def _median(self, raw: object, epochs: int, *, rounds: bool) -> MedianRule | None:
        if raw is None:
            return None
        where = "stop.median"
        if not isinstance(raw, dict):
            example = '{"min_epochs": 3, "min_trials": 5}'
            self.faults.append(f"{where}: must be an object such as {example}, or {{}}, got {shown(raw)}")
            return None
        self._unknown_fields(raw, known=tuple(MedianRule.__dataclass_fields__), where=f"{where}.")
        if rounds:
            self.faults.append(
                f"{where}: only for a free-running search, since trials of a round start before any has completed; "
                "leave search.batch and rounds out, or write rounds false"
            )
        if self.data.get("halving") is not None:
            self.faults.append(f"{where}: halving trains the worse trials less already; leave one of the two out")
        for name, one in (("folds", None), ("repeats", 1)):
            if self.data.get(name) not in (None, one):
                self.faults.append(
                    f"{where}: with {name}, one trial that is ended would take the mean from all of its params; leave "
                    "one of the two out"
                )
        if epochs < 2:
            self.faults.append(f"{where}: a trial of one epoch cannot be ended earlier; leave it out")
            return None
        least = raw.get("min_epochs", default_min_epochs(epochs))
        return MedianRule(
            min_epochs=self._whole(f"{where}.min_epochs", least, default=1, low=1, high=epochs - 1),
            min_trials=self._whole(
                f"{where}.min_trials", raw.get("min_trials", MIN_TRIALS), default=MIN_TRIALS, low=1, high=MAX_TRIALS
            ),
        )

    def _running(self, raw: object) -> Running:
        if raw is None:
            return Running.FINISH
        if isinstance(raw, str) and raw in tuple(Running):
            return Running(raw)
        known = " or ".join(f'"{name}"' for name in Running)
        self.faults.append(f"stop.running: must be {known}, got {shown(raw)}")
        return Running.FINISH

    def _priority(self, raw: object) -> Priority:
        if isinstance(raw, str) and raw in tuple(Priority):
            return Priority(raw)
        self.faults.append(fault_of(raw))
        return Priority.NORMAL

    def _has_later_rounds(self) -> bool:
        search = self.data.get("search")
        return self.data.get("halving") is not None or (isinstance(search, dict) and search.get("method") == Method.TPE)

    def _number(self, where: str, raw: object, *, above: float = -MAX_BOUND) -> float | None:
        if raw is None:
            return None
        value = _number(raw)
        if value is None or not above < value <= MAX_BOUND:
            bound = f" above {above:g}" if above > -MAX_BOUND else ""
            self.faults.append(f"{where}: must be a number{bound}, got {shown(raw)}")
            return None
        return value

    def _search(self, *, rounds: bool, listed: int) -> Search:
        """Returns the search; `listed` is the number of params in a list by hand."""
        raw = self.data.get("search", "grid")
        if not isinstance(raw, dict):
            if raw != "grid":
                example = '{"method": "random", "trials": 50}'
                if raw == Method.LIST:
                    example = '{"method": "list", "trials": [{"lr": 0.1}]}'
                self.faults.append(f'search: must be "grid" or an object such as {example}, got {shown(raw)}')
            return Search()
        self._unknown_fields(raw, known=("method", "trials", "batch"), where="search.")
        if (method := raw.get("method")) not in tuple(Method):
            known = ", ".join(f'"{name}"' for name in Method)
            self.faults.append(f"search.method: must be one of {known}, got {shown(method)}")
            return Search()
        if method == Method.LIST:
            if "batch" in raw:
                self.faults.append('search.batch: only with "tpe", which learns from one batch for the next')
            return Search(method=Method.LIST, trials=listed)
        if method == Method.GRID:
            if more := [name for name in ("trials", "batch") if name in raw]:
                self.faults.append(f"search.{more[0]}: a grid tries every combination; leave it out")
            return Search()
        if "trials" not in raw and "search.trials" not in self.meant:
            self.faults.append(f"search.trials: missing; write how many params to try, 1 to {MAX_TRIALS}")
        trials = self._whole("search.trials", raw.get("trials", 1), default=1, low=1, high=MAX_TRIALS)
        if method == Method.RANDOM:
            if "batch" in raw:
                self.faults.append('search.batch: only with "tpe", which learns from one batch for the next')
            return Search(method=Method.RANDOM, trials=trials)
        if not rounds:
            if raw.get("batch") is not None:
                self.faults.append("search.batch: only for a search in rounds; leave it out, or write rounds true")
            return Search(method=Method.TPE, trials=trials)
        batch = self._whole("search.batch", raw.get("batch", DEFAULT_BATCH), default=1, low=1, high=MAX_TRIALS)
        return Search(method=Method.TPE, trials=trials, batch=batch)

    def _halving(self, epochs: int) -> Halving | None:
        raw = self.data.get("halving")
        if raw is None:
            return None
        if not isinstance(raw, dict):
            example = '{"min_epochs": 3, "factor": 3}'
            self.faults.append(f"halving: must be an object such as {example}, got {shown(raw)}")
            return None
        self._unknown_fields(raw, known=("min_epochs", "factor"), where="halving.")
        factor = self._whole(
            "halving.factor", raw.get("factor", DEFAULT_FACTOR), default=DEFAULT_FACTOR, low=2, high=MAX_FACTOR
        )
        least = raw.get("min_epochs", default_min_epochs(epochs))
        return Halving(
            min_epochs=self._whole("halving.min_epochs", least, default=1, low=1, high=epochs), factor=factor
        )

    def _epochs(self) -> int:
        if "epochs" not in self.data and "epochs" not in self.meant:
            self.faults.append(f"epochs: missing; write the most epochs a trial may train, 1 to {MAX_EPOCHS}")
        return self._integer("epochs", default=1, low=1, high=MAX_EPOCHS)

    def _integer(self, name: str, *, default: _T, low: int, high: int) -> int | _T:
        raw = self.data.get(name, default)
        if raw is default or (raw is None and default is None):
            return default
        return self._whole(name, raw, default=default, low=low, high=high)

    def _whole(self, where: str, raw: object, *, default: _T, low: int, high: int) -> int | _T:
        whole = (
            isinstance(raw, int | float) and not isinstance(raw, bool) and abs(raw) <= MAX_INTEGER and raw == int(raw)
        )
        if not whole or not low <= raw <= high:  # type: ignore[operator]
            self.faults.append(f"{where}: must be a whole number from {low} to {high}, got {shown(raw)}")
            return default
        return int(raw)  # type: ignore[call-overload, no-any-return]

    def _objectives(self, epochs: int) -> tuple[Objective, ...]:
        def unknown(there: Mapping[Any, Any], known: tuple[str, ...], where: str) -> None:
            self._unknown_fields(there, known=known, where=where)

        return objectives(self.data, epochs=epochs, faults=self.faults, unknown=unknown)

    def _name(self, default_name: str | None) -> str:
        raw = self.data.get("name", default_name)
        if not isinstance(raw, str) or not is_sweep(raw):
            what = "the execution's name" if "name" not in self.data and default_name else "name"
            remedy = "; give the sweep a `name` of its own" if what != "name" else ""
            self.faults.append(
                f"{what}: must be 1 to {MAX_NAME} letters, digits, - and _ that start with a letter or digit, "
                f"got {shown(raw)}{remedy}"
            )
            return "unnamed"
        return raw

    def _positive(self, name: str, what: str) -> float | None:
        raw = self.data.get(name)
        if raw is None:
            return None
        value = _number(raw)
        if value is None or value <= 0:
            self.faults.append(f"{name}: must be {what}, got {shown(raw)}")
            return None
        return float(value)

    def _boolean(self, where: str, raw: object) -> bool:
        if not isinstance(raw, bool):
            self.faults.append(f"{where}: must be true or false, got {shown(raw)}")
            return False
        return raw

    def _trials(self, values: Mapping[str, Any], space: SearchSpace) -> None:
        """Reports searches with too many trials, or with more params than the space has."""
        search: Search = values["search"]
        each = (values["folds"] or 1) * values["repeats"]
        several = "" if each == 1 else f", {each} times each for folds and repeats"
        if search.method is Method.GRID:
            self._grid(space, each, several)
            return
        params, by_hand = search.trials or 0, len(values["try_first"])
        if params * each > MAX_TRIALS:
            self.faults.append(f"search.trials: {params}{several} are {params * each} trials; at most {MAX_TRIALS}")
        if search.method is Method.LIST:
            return
        if 0 < (size := _size(space)) < params:
            self.faults.append(
                f"search.trials: {params}, but there are only {size} different params; give at most {size}, "
                'or "search": "grid", which tries all of them'
            )
        if params < by_hand:
            self.faults.append(f"try_first: has {by_hand} params, but search.trials is {params}, which counts them too")
        if search.batch and (batches := -(-params // search.batch)) > MAX_ROUNDS:
            self.faults.append(
                f"search.batch: {params} trials in batches of {search.batch} are {batches} rounds; at most "
                f"{MAX_ROUNDS}, give a batch of at least {-(-params // MAX_ROUNDS)}"
            )

    def _grid(self, space: SearchSpace, each: int, several: str) -> None:
        if continuous := [name for name, parameter in space.parameters.items() if not is_listed(parameter)]:
            self.faults.extend(
                f"parameters.{name}: a grid cannot list a range without a step; give it a step or a list, or "
                'write "search": {"method": "random", "trials": 50}'
                for name in continuous
            )
        elif (size := _size(space)) * each > MAX_TRIALS:
            sizes = " x ".join(f"{name} {size_of(parameter)}" for name, parameter in space.parameters.items())
            sizes = textwrap.shorten(sizes, 200, placeholder=" …")
            self.faults.append(
                f"parameters: a grid of {size * each} trials ({sizes}{several}); at most {MAX_TRIALS}, "
                "give fewer choices"
            )

    def _environment(self) -> dict[str, str]:
        raw = self.data.get("environment", {})
        faults = list(environment_faults(raw))
        self.faults += faults
        return {} if faults else environment_of(raw)

    def _artifacts(self) -> tuple[str, ...]:
        raw = self.data.get("artifacts", [])
        faults = list(pattern_faults(raw))
        self.faults += faults
        return () if faults else tuple(raw)

    def _keep_artifacts(self, *, has_front: bool) -> str:
        default = FRONT if has_front else WINNER
        raw = self.data.get("keep_artifacts", default)
        if fault := keep_fault(raw, has_front=has_front):
            self.faults.append(fault)
            return default
        return str(raw)

    def _resources(self) -> Resources:
        raw = self.data.get("resources")
        if raw is None:
            return Resources()
        if not isinstance(raw, dict):
            example = '{"vcpus": 2, "memory_mib": 4000}'
            self.faults.append(f"resources: must be an object such as {example}, got {shown(raw)}")
            return Resources()
        bounds = {"vcpus": (1, MAX_VCPUS), "memory_mib": (MIN_MEMORY_MIB, MAX_MEMORY_MIB), "gpus": (1, MAX_GPUS)}
        self._unknown_fields(raw, known=tuple(bounds), where="resources.")
        asked = {
            name: self._whole(f"resources.{name}", raw[name], default=None, low=low, high=high)
            for name, (low, high) in bounds.items()
            if raw.get(name) is not None
        }
        return Resources(**asked)

    def _secrets(self) -> tuple[str, ...]:
        raw = self.data.get("secrets", [])
        faults = list(secret_faults(raw, self.data.get("environment")))
        self.faults += faults
        return () if faults else tuple(sorted(raw))

    def _override_bytes(
        self,
        parameters: Mapping[str, Parameter],
        fixed: Mapping[str, Value],
        environment: Mapping[str, str],
        artifacts: Sequence[str],
        *,
        medians: bool,
    ) -> None:
        given = {name: _widest(parameter) for name, parameter in parameters.items()}
        given |= {name: as_option(value) for name, value in fixed.items()}
        size = sum(len(json.dumps([f"--{name}", text])) for name, text in given.items())
        # The variable that names the texts among them.
        listed = {name: parameter for name, parameter in parameters.items() if not isinstance(parameter, Range)}
        values = {**listed, **{name: (value,) for name, value in fixed.items()}}
        texts = [
            name
            for name, choices in values.items()
            if any(isinstance(value, str) and reads_as_json(value) for value in choices)
        ]
        size += len(json.dumps(texts)) if texts else 0
        if size > MAX_COMMAND_BYTES:
            self.faults.append(
                f"parameters and fixed: {size} bytes of options per trial; at most {MAX_COMMAND_BYTES}, "
                "give fewer or shorter ones"
            )
        elif (
            both := size + overrides_bytes(environment) + patterns_bytes(artifacts) + (VARIABLE_BYTES if medians else 0)
        ) > MAX_OVERRIDES_BYTES:
            self.faults.append(
                f"environment{', stop.median' if medians else ''} and artifacts: {both} bytes, {size} of them of "
                "options; "
                f"Batch takes {MAX_OVERRIDES_BYTES} a trial, give fewer or shorter ones"
            )


def _size(space: SearchSpace) -> int:
    """Returns the number of params; 0 for a space that cannot be counted, which is a fault of its own."""
    try:
        return space.size
    except Entangled:
        return 0


def _gap(*numbers: int | float) -> float:
    """Returns the smallest step that keeps sums of these numbers apart; 0 for whole numbers, which are exact."""
    return 0 if all(isinstance(number, int) for number in numbers) else 2 * math.ulp(max(map(abs, numbers)))


def _widest(parameter: Parameter) -> str:
    """Returns the longest text of a choice; for a range a text at least as long as any of its values."""
    if isinstance(parameter, Range):
        ends = max((as_option(value) for value in (parameter.low, parameter.high)), key=len)
        return ends + "0" * 24  # no value of a range has more digits than a double
    return max(map(as_option, parameter), key=lambda text: len(json.dumps(text)), default="")


def _number(raw: object) -> int | float | None:
    """Returns a finite number; None for everything else."""
    try:
        value = parse_value(raw)
    except ValueError:
        return None
    return value if is_number(value) else None
