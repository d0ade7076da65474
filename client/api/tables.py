"""Leaderboards and curves as pandas data frames, with numbers as numbers."""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from stepsweep.client.extras import need
from stepsweep.contract.leaderboard import Row
from stepsweep.contract.leaderboard_csv import ENDS, PARAM
from stepsweep.contract.metrics import EPOCH, Metrics
from stepsweep.contract.space import Value, plain
from stepsweep.contract.spec import SweepSpec
from stepsweep.contract.trial import Trial

if TYPE_CHECKING:
    from pandas import DataFrame

SEVERAL = ("standard_error", "n", "values")
"""Columns for params with several trials, one per fold and seed; left out otherwise."""


def _cell(params: Mapping[str, Value], name: str) -> Any:
    """Returns the value of a parameter; NaN, which pandas takes for a missing value, if it does not apply."""
    return plain(params[name]) if name in params else math.nan


def leaderboard(spec: SweepSpec, rows: Sequence[Row]) -> "DataFrame":
    """Returns the rows in their order, with the columns of leaderboard.csv."""
    need("report", "Sweep.leaderboard", ["pandas"])
    import pandas as pd

    columns: dict[str, Any] = {
        "rank": pd.array([row.rank for row in rows], dtype="Int64"),
        "trial_id": pd.array([row.trial_id for row in rows], dtype="str"),
        **{f"{PARAM}{name}": [_cell(row.params, name) for row in rows] for name in spec.parameters},
        **_values(spec, rows),
        "epoch": pd.array([row.epoch for row in rows], dtype="Int64"),
        **({} if spec.has_front else {name: _numbers([getattr(row, name) for row in rows]) for name in ENDS}),
        "epochs_trained": pd.array([row.epochs_trained for row in rows], dtype="Int64"),
        "status": pd.array([row.status for row in rows], dtype="str"),
        "reason": pd.array([row.reason for row in rows], dtype="str"),
    }
    if any(row.n > 1 for row in rows):
        columns |= {name: [getattr(row, name) for row in rows] for name in SEVERAL}
    return pd.DataFrame(columns)


def _values(spec: SweepSpec, rows: Sequence[Row]) -> dict[str, Any]:
    """Returns a column for the objective, or for each of several."""
    if not spec.has_front:
        return {spec.objective.metric: _numbers([row.value for row in rows])}
    return {each.metric: _numbers([row.by_objective.get(each.metric) for row in rows]) for each in spec.objectives}


def _numbers(values: Sequence[float | None]) -> Any:
    import pandas as pd

    return pd.array(values, dtype="Float64").to_numpy("float64", na_value=None)


def metrics(trials: Sequence[Trial], spec: SweepSpec, curves: Mapping[str, Metrics]) -> "DataFrame":
    """Returns one row per trial and epoch: its id, params, fold and seed if they vary, and the trainer's columns."""
    need("report", "Sweep.metrics", ["pandas"])
    import pandas as pd

    known = [trial for trial in trials if trial.trial_id in curves]
    differ = [name for name in ("fold", "seed") if len({trial.member.get(name) for trial in known}) > 1]
    frames = [
        pd.DataFrame(
            {
                "trial_id": trial.trial_id,
                **{
                    f"{PARAM}{name}": [_cell(trial.params, name)] * curves[trial.trial_id].epochs
                    for name in spec.parameters
                },
                **{name: trial.member[name] for name in differ},
                **curves[trial.trial_id].columns,
            }
        )
        for trial in known
    ]
    if not frames:
        return pd.DataFrame(columns=["trial_id", *(f"{PARAM}{name}" for name in spec.parameters), EPOCH])
    return pd.concat(frames, ignore_index=True).astype({EPOCH: "int64"})
