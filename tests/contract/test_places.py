"""Who is on the leaderboard and on the front, and how many trials a search takes at most."""

import pytest

from stepsweep.contract import rounds
from stepsweep.contract.free_running import ends_what_runs
from stepsweep.contract.front import OnFront
from stepsweep.contract.objective import Objective
from stepsweep.contract.output import Place
from stepsweep.contract.results import Group, Result
from stepsweep.contract.trial import MAX_REASON, Outcome, Status, Trial, one_line
from tests.support.life import life_of, spec_of, succeeded
from tests.support.specs import parse


def result(seed: int, value: float | None, *, more: float = 9.0) -> Result:
    trial_id = f"t-{seed}"
    trial = Trial(trial_id=trial_id, params={"lr": 0.1}, options={"seed": seed}, epochs=4)
    if value is None:
        return Result(trial=trial, outcome=Outcome(trial_id=trial_id, status=Status.FAILED, reason="no"))
    return Result(
        trial=trial, outcome=Outcome(trial_id=trial_id, status=Status.SUCCEEDED), value=value, epoch=2,
        epochs_trained=4, by_objective=(value, more),
    )  # fmt: skip


def test_a_place_has_the_mean_of_all_trials_and_the_id_of_the_first() -> None:
    group = Group(results=(result(0, 0.25), result(1, 0.75)))
    assert Place.of(group, p_value=0.4) == Place(
        params={"lr": 0.1}, value=0.5, epoch=2, trial_id="t-0", n=2, standard_error=0.25, p_value=0.4
    )
    assert Place.of(Group(results=(result(0, 0.25),))) == Place(
        params={"lr": 0.1}, value=0.25, epoch=2, trial_id="t-0", n=1, standard_error=None, p_value=None
    )


def test_a_place_on_the_front_has_the_value_of_each_objective() -> None:
    objectives = [Objective(metric="accuracy"), Objective(metric="ms")]
    assert OnFront.of(Group(results=(result(0, 0.25),)), objectives, None) == OnFront(
        params={"lr": 0.1}, values={"accuracy": 0.25, "ms": 9.0}, epoch=2, trial_id="t-0", artifacts=None
    )


def test_without_a_value_there_is_no_place() -> None:
    failed = Group(results=(result(0, None),))
    with pytest.raises(ValueError, match=r"^a group without a value has no place$"):
        Place.of(failed)
    with pytest.raises(ValueError, match=r"^a group without a value has no place$"):
        OnFront.of(failed, [], None)


def test_a_trainer_s_output_is_one_line_of_what_can_be_printed() -> None:
    assert one_line("a\n  b\x1b[2Jc\t\u202ed  ") == "a b [2Jc d"
    assert one_line("x" * (MAX_REASON + 1)) == "x" * MAX_REASON


HALVED = {"halving": {"min_epochs": 1, "factor": 3}, "epochs": 9}


@pytest.mark.parametrize(
    ("fields", "jobs", "epochs"),
    [
        ({"epochs": 9}, 9, 81),
        ({"epochs": 9, "repeats": 2}, 18, 162),
        ({"epochs": 9, "rounds": False}, 9, 81),
        ({**HALVED, "rounds": True}, 13, 9 + 3 * 2 + 6),
        ({**HALVED, "rounds": False}, 27, 81),
        ({**HALVED, "rounds": False, "repeats": 2}, 54, 162),
    ],
)
def test_how_much_a_search_trains_at_most(fields: dict[str, object], jobs: int, epochs: int) -> None:
    """A free-running one with halving may promote every trial."""
    assert rounds.at_most(parse(**fields)) == (jobs, epochs)


def test_a_model_proposes_what_is_left_when_all_by_hand_have_been_started() -> None:
    by_hand = [{"lr": lr, "momentum": 0.5} for lr in (0.1, 0.01, 0.001)]
    spec = parse(search={"method": "tpe", "trials": 8, "batch": 4}, try_first=by_hand)
    groups = [Group(results=(result(number, 0.5),)) for number in range(4)]
    assert [rounds.wanted_of_model(spec, groups[:started]) for started in (0, 1, 3, 4)] == [1, 2, 4, 4]
    assert rounds.wanted_of_model(parse(), groups) == 0


@pytest.mark.parametrize(("running", "ends"), [("end", True), ("finish", False)])
def test_the_worker_that_met_a_rule_ends_the_other_trials_if_the_rule_says_so(running: str, ends: bool) -> None:
    life = life_of(workers=3, trials=9, stop={"metric_reached": 0.9, "running": running}, epochs=1)
    assert life.state is not None
    life.ends(1, succeeded(0.95))
    assert [ends_what_runs(life.state, worker) for worker in range(3)] == [False, ends, False]
    life.ends(0, succeeded(0.5))
    life.ends(2, succeeded(0.5))
    assert not ends_what_runs(life.state, 1), "nothing is left"


def test_a_search_without_a_rule_ends_nothing() -> None:
    life = life_of(workers=2, trials=2)
    assert life.spec == spec_of(2)
    assert life.state is not None
    assert not any(ends_what_runs(life.state, worker) for worker in range(2))
