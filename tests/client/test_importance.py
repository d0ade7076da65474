"""The importance of parameters: what is found, how sure it is, and what is said where the trials cannot say."""

import math
from random import Random

import pytest

from stepsweep.client.pictures.importance import LEAST, importance
from stepsweep.contract.endings import Ending
from stepsweep.contract.leaderboard import Row
from stepsweep.contract.spec import SweepSpec
from tests.support.planes import rows, spec

SPACE = spec(
    lr={"low": 1e-4, "high": 0.1, "log": True}, width={"low": 8, "high": 64, "type": "int"}, act=["relu", "tanh"]
)


def tried(count: int, *, seed: int = 0, lacking: str = "") -> list[Row]:
    """Returns a leaderboard that `lr` decides; every second trial lacks a parameter if one is named."""
    random = Random(seed)
    found: list[tuple[dict[str, str], float | None]] = []
    for number in range(count):
        params = {
            "lr": f"{10 ** random.uniform(-4, -1):.4g}",
            "width": str(random.randint(8, 64)),
            "act": random.choice(["relu", "tanh"]),
        }
        value = 0.9 - 0.1 * (math.log10(float(params["lr"])) + 2.5) ** 2
        found.append(({name: text for name, text in params.items() if name != lacking or number % 2}, value))
    return rows(sorted(found, key=lambda each: -(each[1] or 0)))


def test_the_parameter_that_decides_comes_first_and_its_line_apart() -> None:
    found = importance(SPACE, tried(150), [])
    assert found is not None
    first, *others = found.weights
    assert first.name == "lr"
    assert first.low <= first.share <= first.high
    assert first.low > max(other.high for other in others)
    assert sum(weight.share for weight in found.weights) == pytest.approx(1)
    assert found.said.startswith("lr decides most about which trials are among the best, before ")


def test_few_trials_leave_the_order_open_and_say_so() -> None:
    found = importance(SPACE, tried(LEAST), [])
    assert found is not None
    assert "the lines overlap, so 10 trials are too few to be sure" in found.said
    assert found == importance(SPACE, tried(LEAST), []), "the same trials give the same picture"


def test_with_fewer_no_bar_is_drawn_and_the_reason_is_given() -> None:
    found = importance(SPACE, tried(LEAST - 1), [])
    assert found is not None
    assert found.weights == ()
    assert found.said == "The importance of parameters needs at least 10 trials with a value."


def test_a_single_parameter_is_compared_with_nothing() -> None:
    one = rows([({"lr": f"{0.001 * (number + 1):.4g}"}, 0.5) for number in range(20)])
    assert importance(spec(lr={"low": 1e-4, "high": 0.1, "log": True}), one, []) is None


def test_trials_may_lack_a_parameter() -> None:
    found = importance(SPACE, tried(40, lacking="width"), [])
    assert found is not None
    assert found.weights[0].name == "lr"


def test_of_halving_the_values_of_the_first_rung_count() -> None:
    document = {**SPACE.to_json(), "halving": {"min_epochs": 3, "factor": 3}}
    halved = SweepSpec.from_json(document)
    ranked = tried(60)
    endings = [
        Ending(trial_id=row.trial_id, params=row.params, rung=0, value=-(row.value or 0)) for row in ranked
    ]  # upside down: the last of the leaderboard are the best there
    found = importance(halved, ranked, endings)
    assert found is not None
    assert "by their values after 3 epochs" in found.said
    few = importance(halved, ranked, endings[:5])
    assert few is not None
    assert few.weights == ()


def test_the_shares_and_how_sure_they_are_stay_as_they_are() -> None:
    found = importance(SPACE, tried(40), [])
    assert found is not None
    shown = [(each.name, round(each.share, 2), round(each.low, 2), round(each.high, 2)) for each in found.weights]
    assert shown == [("lr", 0.87, 0.66, 0.99), ("width", 0.13, 0.01, 0.34), ("act", 0.01, 0.0, 0.04)]
    assert found.said == "lr decides most about which trials are among the best, before width."
