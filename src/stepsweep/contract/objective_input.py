"""Parses what a sweep optimizes: one objective, or several."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from stepsweep.contract.given import Given
from stepsweep.contract.leaderboard_csv import COLUMNS, PARAM
from stepsweep.contract.names import is_metric, known_direction
from stepsweep.contract.objective import At, Direction, Objective, When
from stepsweep.contract.space import shown
from stepsweep.contract.stop import Stop

MAX_OBJECTIVES = 4
"""With more, nearly every trial is on the front: of 100 random ones about 15 with three, 29 with four, 60 with six."""

STOP_BY_NO_VALUE = ("max_hours", "running")
"""The fields of `stop` that several objectives may have."""

EXAMPLE = '[{"metric": "val_accuracy"}, {"metric": "latency_ms", "direction": "minimize"}]'


def objectives_in(given: Given, *, epochs: int) -> tuple[Objective, ...]:
    """Returns the objectives of an input: of the field `objective`, or several of `objectives`."""
    data, faults = given.data, given.faults
    raw = data.get("objectives")
    if raw is None:
        return (_objective("objective", data.get("objective", {}), epochs=epochs, given=given),)
    if data.get("objective") is not None:
        faults.append("objective: there are `objectives` too; write one of the two")
    if not isinstance(raw, list) or not 2 <= len(raw) <= MAX_OBJECTIVES:
        got = f"a list of {len(raw)}" if isinstance(raw, list) else shown(raw)
        faults.append(
            f"objectives: must be a list of 2 to {MAX_OBJECTIVES} such as {EXAMPLE}, got {got}; "
            "one alone is written as `objective`"
        )
        return (Objective(),)
    before = len(faults)
    found = [
        _objective(f"objectives[{number}]", each, epochs=epochs, given=given, of_several=True)
        for number, each in enumerate(raw)
    ]
    if len(faults) > before:
        return tuple(found)
    metrics = [each.metric for each in found]
    faults += [
        f"objectives[{number}].metric: {metric} stands in the list twice; give every metric once"
        for number, metric in enumerate(metrics)
        if metric in metrics[:number]
    ]
    said = [each.at for each, one in zip(found, raw, strict=True) if isinstance(one, dict) and "at" in one]
    if any(at != said[0] for at in said):
        faults.append(
            "objectives: all are read at one epoch of a trial; write the same `at` in all of them, or in one alone"
        )
    return tuple(replace(each, at=said[0] if said else each.at) for each in found)


def faults_with_several(data: Mapping[Any, Any]) -> list[str]:
    """Returns a fault for each field that needs one value to go by, and which several objectives do not have."""
    stop = data.get("stop")
    one_value = {
        "halving": ("promotes the best by one value", data.get("halving") is not None),
        "folds": ("rank by the mean of one value", data.get("folds") is not None),
        "repeats": ("rank by the mean of one value", data.get("repeats") not in (None, 1)),
        "warm_start": ("tells the model one value of each trial", bool(data.get("warm_start"))),
    }
    if isinstance(stop, Mapping):
        others = [name for name in Stop.__dataclass_fields__ if name not in STOP_BY_NO_VALUE]
        one_value |= {f"stop.{name}": ("looks at one value", stop.get(name) is not None) for name in others}
    return [
        f"{name}: {why}, which several objectives do not have; leave it out, or write one `objective`"
        for name, (why, is_there) in one_value.items()
        if is_there
    ]


def _objective(where: str, raw: object, *, epochs: int, given: Given, of_several: bool = False) -> Objective:
    """Returns one objective, of several or not; what has a fault gets a stand-in."""
    faults = given.faults
    if isinstance(raw, str):
        named, colon, better = raw.partition(":")
        raw = {"metric": named} | ({"direction": better} if colon else {})
    if not isinstance(raw, dict):
        example = '{"metric": "val_loss", "direction": "minimize"}'
        faults.append(f"{where}: must be a metric's name or an object such as {example}, got {shown(raw)}")
        return Objective()
    given.unknown(raw, known=("metric", "direction", "at"), where=f"{where}.")
    if of_several and "metric" not in raw:
        faults.append(f"{where}.metric: missing; name a column of the metrics such as val_loss")
        return Objective()
    metric, direction = _metric(where, raw, faults), raw.get("direction")
    if metric is not None and "direction" not in raw:
        direction = known_direction(metric)
        if direction is None:
            faults.append(
                f"{where}.direction: missing, and which end of {metric} is better is not known; write "
                f'{{"metric": "{metric}", "direction": "maximize"}}, or "minimize"'
            )
    if "direction" in raw and direction not in tuple(Direction):
        faults.append(f'{where}.direction: must be "maximize" or "minimize", got {shown(direction)}')
        direction = None
    at = At(when=When.LAST) if of_several else At()
    if "at" in raw:
        at = _at(where, raw["at"], at, epochs=epochs, faults=faults, of_several=of_several)
    return Objective(metric=metric or "val_accuracy", direction=Direction(direction or "maximize"), at=at)


def _metric(where: str, raw: Mapping[Any, Any], faults: list[str]) -> str | None:
    metric: object = raw.get("metric", "val_accuracy")
    if is_metric(metric) and metric not in COLUMNS and not metric.startswith(PARAM):
        return metric
    faults.append(
        f"{where}.metric: must name a column of the metrics such as val_loss, and none of the leaderboard's "
        f"own ({', '.join(COLUMNS)}, {PARAM}…), got {shown(metric)}"
    )
    return None


def _at(where: str, raw: object, default: At, *, epochs: int, faults: list[str], of_several: bool) -> At:
    try:
        at = At.from_json(raw, epochs=epochs)
    except ValueError as error:
        faults.append(f"{where}.at: {error}, got {shown(raw)}")
        return default
    if of_several and at.when not in (When.LAST, When.EPOCH):
        faults.append(
            f'{where}.at: must be "last" or {{"epoch": 10}}, since several objectives are read at one epoch, which is '
            f"best in none of them, got {shown(raw)}"
        )
        return default
    return at
