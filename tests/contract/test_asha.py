"""Who is promoted next, of candidates on their rungs."""

from dataclasses import dataclass

from stepsweep.contract.asha import Reached, promotion
from stepsweep.contract.objective import Direction, Objective

ACCURACY = Objective(metric="val_accuracy", direction=Direction.MAXIMIZE)


@dataclass
class On:
    """A candidate, with the values that it reached on its rungs."""

    rung: int
    values: tuple[float, ...] = ()

    @property
    def reached(self) -> tuple[Reached, ...]:
        return tuple(Reached(value=value, epoch=1) for value in self.values)


def promoted(*candidates: On, nothing_new: bool = False) -> int | None:
    return promotion(candidates, ACCURACY, rungs=3, factor=3, nothing_new=nothing_new)


def test_the_best_of_three_goes_on_to_the_last_rung_while_others_begin() -> None:
    assert promoted(On(1, (0.1, 0.4)), On(1, (0.1, 0.9)), On(1, (0.1, 0.5)), On(0)) == 1


def test_the_last_place_of_a_rung_waits_for_whoever_may_still_reach_it() -> None:
    assert promoted(On(0, (0.5,)), On(0), nothing_new=True) is None
    assert promoted(On(0, (0.5,)), On(0, (0.9,)), nothing_new=True) == 1
    assert promoted(On(0, (0.5,)), On(0, (0.9,))) is None, "others may begin, and be better"


def test_nobody_goes_beyond_the_last_rung() -> None:
    assert promoted(*[On(2, (0.1, 0.1, value / 10)) for value in range(6)], nothing_new=True) is None
