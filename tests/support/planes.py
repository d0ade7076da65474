"""A leaderboard of two parameters, to draw."""

from stepsweep.contract.leaderboard import Row
from stepsweep.contract.objective import Objective
from stepsweep.contract.space import parse_value
from stepsweep.contract.spec import SweepSpec
from stepsweep.contract.words import read_word

ACCURACY = Objective()


def spec(objective: Objective = ACCURACY, **parameters: object) -> SweepSpec:
    search = (
        {"search": {"method": "random", "trials": 3}} if any(isinstance(p, dict) for p in parameters.values()) else {}
    )
    document = {"name": "mine", "parameters": parameters, "epochs": 9, **search}
    document["objective"] = {"metric": objective.metric, "direction": objective.direction.value}
    return SweepSpec.from_json(document)


def rows(values: list[tuple[dict[str, str], float | None]]) -> list[Row]:
    """Returns a leaderboard of params, as words, and values, given best first."""
    return [
        Row(rank=None if value is None else place, trial_id=f"t{place}",
            params={name: parse_value(read_word(word)) for name, word in params.items()}, value=value, epoch=1,
            epochs_trained=1, status="SUCCEEDED" if value is not None else "FAILED", reason="")
        for place, (params, value) in enumerate(values, start=1)
    ]  # fmt: skip


PLANE = spec(lr=[0.1, 0.01], momentum=[0.5, 0.9])
PLANE_ROWS = rows(
    [
        ({"lr": "0.1", "momentum": "0.9"}, 0.95),
        ({"lr": "0.1", "momentum": "0.5"}, 0.9),
        ({"lr": "0.01", "momentum": "0.5"}, 0.5),
        ({"lr": "0.01", "momentum": "0.9"}, None),
    ]
)
