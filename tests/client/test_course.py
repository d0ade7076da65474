"""How a search went: the best value so far, and the rungs, as numbers and in the figures."""

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.lines import Line2D

from stepsweep.client.pictures.canvas import WINNER
from stepsweep.client.pictures.search_figures import best_so_far, rungs
from stepsweep.contract.endings import Ending
from stepsweep.contract.errors import InvalidInput
from stepsweep.contract.output import Cost, Output, Place
from stepsweep.contract.spec import SweepSpec
from stepsweep.page import course as module
from stepsweep.page.course import Course, Over, course
from tests.support.planes import ACCURACY, spec

PLAIN = spec(lr=[0.1, 0.2, 0.3, 0.4])
HALVED = SweepSpec.from_json({**PLAIN.to_json(), "halving": {"min_epochs": 3, "factor": 3}})
BEGAN = 1_790_000_000_000


def ending(trial_id: str, value: float | None, *, at: int = 0, rung: int = 0, promoted: bool = False) -> Ending:
    """Returns the end of a trial whose job ended after so many seconds, and took two."""
    times = {"started": BEGAN + 1000 * (at - 2), "ended": BEGAN + 1000 * at, "seconds": 2.0} if at else {}
    return Ending(trial_id=trial_id, params={"lr": 0.1}, rung=rung, value=value, promoted=promoted, **times)  # type: ignore[arg-type]


def output(*, usd: float, ended_by: str | None = None) -> Output:
    place = Place(trial_id="a", params={"lr": 0.1}, value=0.9, epoch=1)
    cost = Cost(job_seconds=8.0, gpu_seconds=0, usd_estimate=usd, usd_at_most=2 * usd)
    return Output(
        sweep="mine", execution="mine-1", winner=place, summary=None, artifacts=None, ties=(), objectives=(ACCURACY,),
        outcomes={}, best=(),
        reasons=(), rounds=1, leaderboard_key="", plan_key="", epochs_trained=8, ended_by=ended_by, cost=cost,
    )  # fmt: skip


def line_of(line: Line2D) -> list[list[float]]:
    return [[float(x), float(y)] for x, y in np.asarray(line.get_xydata())]


FLAT = [ending("a", 0.5, at=2), ending("b", None, at=3), ending("c", 0.7, at=5), ending("d", 0.6, at=9)]
CLIMB = [
    ending("a", 0.5, at=2, promoted=True), ending("b", 0.3, at=3), ending("c", 0.4, at=5),
    ending("a", 0.45, at=9, rung=1),
]  # fmt: skip


def of(some: SweepSpec, endings: list[Ending]) -> Course:
    found = course(some, endings, None, is_on_aws=False)
    assert found is not None
    return found


def test_the_best_value_so_far_over_results_time_and_job_time() -> None:
    found = of(PLAIN, FLAT)
    assert [point.improves for point in found.points] == [True, False, True, False]
    assert [point.seconds for point in found.points] == [2, 3, 5, 9]
    assert [point.job_seconds for point in found.points] == [2, 4, 6, 8]
    assert found.said == "Result 3 of 4 was the best."
    assert found.overs == [Over.TRIALS, Over.TIME, Over.JOB_TIME]
    assert found.ended_by == ""


def test_trials_of_another_sweep_have_no_time_here() -> None:
    found = of(PLAIN, [ending("a", 0.5), ending("b", 0.7)])
    assert found.overs == [Over.TRIALS]
    assert [point.seconds for point in found.points] == [0, 0]


def test_there_is_none_without_a_value() -> None:
    assert course(PLAIN, [ending("a", None, at=2)], None, is_on_aws=False) is None


def test_the_price_is_the_stack_s_and_the_reason_of_an_early_end_is_told() -> None:
    found = course(PLAIN, FLAT, output(usd=4.0, ended_by="stop.max_hours: 2 hours"), is_on_aws=True)
    assert found is not None
    assert found.usd_per_job_second == 0.5
    figure = best_so_far(found, ACCURACY, over="usd", winner="c")
    assert line_of(figure.axes[0].lines[-2]) == [[3.0, 0.7]], "the winner's ring, after six seconds of jobs"
    assert "It ended early: stop.max_hours: 2 hours." in figure.get_supxlabel()
    local = course(PLAIN, FLAT, output(usd=4.0), is_on_aws=False)
    assert local is not None
    assert local.usd_per_job_second is None
    overs = "over: must be one of trials, time, job-time, got"
    with pytest.raises(
        InvalidInput, match=f"{overs} 'usd': the sweep has no price, since it ran on this machine, has not"
    ):
        best_so_far(local, ACCURACY, over="usd")
    with pytest.raises(InvalidInput, match=f"{overs} 'money'"):
        best_so_far(local, ACCURACY, over="money")
    with pytest.raises(
        InvalidInput, match="got 'time': the sweep ran no job, since other sweeps had trained its trials"
    ):
        best_so_far(of(PLAIN, [ending("a", 0.5)]), ACCURACY, over="time")


def test_with_halving_each_rung_has_a_best_value_of_its_own() -> None:
    found = of(HALVED, CLIMB)
    assert [point.improves for point in found.points] == [True, False, False, True]
    assert [rung.name for rung in found.rungs] == ["3 epochs", "9 epochs"]
    assert [rung.said for rung in found.rungs] == ["3 ended, 1 promoted", "1 ended"]
    assert found.said == "Result 4 of 4 was the best after 9 epochs."
    lines = {str(line.get_label()): line_of(line) for line in best_so_far(found, ACCURACY).axes[0].lines}
    assert lines["best after 3 epochs"] == [[1, 0.5], [4, 0.5]]
    assert lines["best after 9 epochs"] == [[4, 0.45], [4, 0.45]]


def test_a_line_goes_on_where_a_trial_was_promoted() -> None:
    figure = rungs(of(HALVED, CLIMB), ACCURACY, winner="a")
    drawn = [line_of(line) for line in figure.axes[0].lines]
    assert sorted(drawn) == [[[0, 0.3]], [[0, 0.4]], [[0, 0.5], [1, 0.45]]]
    (winner,) = [line for line in figure.axes[0].lines if line.get_label() == "winner"]
    assert to_hex(winner.get_color()) == WINNER.lower()
    assert rungs(of(HALVED, CLIMB), ACCURACY).axes[0].get_legend() is None, "without a winner"
    with pytest.raises(InvalidInput, match="rungs need a search with halving"):
        rungs(of(PLAIN, FLAT), ACCURACY)


def test_of_very_many_trials_some_are_left_out_but_none_that_improved(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_TRIALS", 10)
    many = [ending(str(number), number if number % 7 == 3 else -1.0, at=number + 1) for number in range(40)]
    found = of(PLAIN, many)
    assert len(found.points) < 20
    assert [point.trial_id for point in found.points if point.improves] == ["0", *map(str, range(3, 40, 7))]
    assert sum(rung.ended for rung in found.rungs) == 40
