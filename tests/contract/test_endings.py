"""How a search went: which trials reached which rung, and when and after how much time."""

from dataclasses import replace

from stepsweep.contract import keys
from stepsweep.contract.attempts import spent_seconds
from stepsweep.contract.endings import Ending, of_rounds, timed
from stepsweep.contract.job_outcome import JobOutcome
from stepsweep.contract.results import Result
from stepsweep.contract.space import key_of
from stepsweep.contract.spec import SweepSpec
from stepsweep.contract.trial import Outcome, Status, Trial

SPEC = SweepSpec.from_json(
    {
        "parameters": {"lr": [0.1, 0.2]},
        "epochs": 4,
        "name": "s",
        "repeats": 2,
        "halving": {"min_epochs": 2, "factor": 2},
    }
)


def result(lr: float, seed: int, *, rung: int = 0, value: float = 0.5) -> Result:
    trial_id = f"lr-{lr}-{seed}"
    trial = Trial(
        trial_id=trial_id,
        params={"lr": lr},
        options={"seed": seed},
        epochs=SPEC.rungs[rung],
        rung=rung,
        round_number=rung,
    )
    outcome = Outcome(trial_id=trial_id, status=Status.SUCCEEDED)
    return Result(trial=trial, outcome=outcome, value=value, epoch=1, best=value, last=value, epochs_trained=1)


def outcome(trial_id: str, *attempts: tuple[int, int]) -> JobOutcome:
    ran = tuple({"StartedAt": started, "StoppedAt": stopped} for started, stopped in attempts)
    return JobOutcome(execution="e", trial_id=trial_id, succeeded=True, reason="", attempts=ran)


def test_each_rung_has_its_endings_and_those_that_went_on_are_promoted() -> None:
    first = [result(0.1, 0), result(0.1, 1), result(0.2, 0, value=0.25), result(0.2, 1, value=0.75)]
    # A later round has the results of the earlier ones too.
    second = [result(0.1, 0, rung=1, value=1.0), result(0.1, 1, rung=1, value=1.0), *first[2:]]
    found = of_rounds(SPEC, [first, second], {key_of({"lr": 0.1}): 1})
    assert [(each.trial_id, each.params, each.rung, each.value, each.promoted) for each in found] == [
        ("lr-0.1-0", {"lr": 0.1}, 0, 0.5, True),
        ("lr-0.2-0", {"lr": 0.2}, 0, 0.5, False),
        ("lr-0.1-0", {"lr": 0.1}, 1, 1.0, False),
    ]
    assert found[0].jobs == tuple(keys.outcome_key("s", 0, f"lr-0.1-{seed}") for seed in (0, 1))
    assert found[2].jobs == tuple(keys.outcome_key("s", 1, f"lr-0.1-{seed}") for seed in (0, 1))


def test_a_rung_that_needed_no_job_has_none() -> None:
    """Trials that had stopped early reach it with the results of the rung below."""
    first = [result(0.1, 0), result(0.1, 1)]
    as_they_were = [replace(each, trial=replace(each.trial, rung=1)) for each in first]
    assert [each.jobs != () for each in of_rounds(SPEC, [first, as_they_were], {})] == [True, False]


def test_params_whose_trials_have_not_all_ended_have_no_ending_yet() -> None:
    assert of_rounds(SPEC, [[result(0.1, 0)]], {}) == []


def test_endings_are_in_the_order_of_time_and_have_that_of_all_their_jobs() -> None:
    late = Ending(trial_id="late", params={}, rung=0, value=0.5, jobs=("a", "b"))
    early = Ending(trial_id="early", params={}, rung=1, value=None, jobs=("c",))
    outcomes = {
        "a": outcome("late", (1_000, 2_000), (4_000, 9_000)),
        "b": outcome("late", (500, 1_500)),
        "c": outcome("early", (2_000, 8_500)),
    }
    without = Ending(trial_id="without", params={}, rung=2, value=0.1, jobs=("missing",))
    found = timed([late, without, early], outcomes)
    assert [(each.trial_id, each.started, each.ended, each.seconds) for each in found] == [
        ("without", None, None, 0),
        ("early", 2_000, 8_500, 6.5),
        ("late", 500, 9_000, 7.0),
    ]
    assert spent_seconds(outcomes.values()) == 13.5
    above, below = replace(early, rung=1, jobs=()), replace(late, rung=0, jobs=())
    assert [each.rung for each in timed([above, below], {})] == [0, 1], "of the same time, the rungs in their order"
