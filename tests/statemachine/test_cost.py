"""Money: refused before, counted after."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from stepsweep.bucket.records import Records
from stepsweep.contract import keys
from stepsweep.contract.assumed import Span
from stepsweep.contract.attempts import spent_seconds
from stepsweep.contract.fleet import Fleet
from stepsweep.contract.jobs import NO_JOB_STARTED
from stepsweep.contract.means import StackJob
from stepsweep.contract.spec import SweepSpec
from stepsweep.contract.spent import Spent
from stepsweep.contract.trial import Status, Trial
from tests.support.functions import SPEC, Cloud, attempts, job_description, succeeded

DISK = 100 * 0.152 / 730
SPEC_OF_THREE = {"parameters": {"lr": [0.1, 0.01, 0.001]}, "name": "s", "epochs": 3}
FOUR_MACHINES = 4 * (360 + 240 + 600 + 60) / 3600 * (0.5 + DISK + 0.005) + 4 * 0.002
"""What the four trials of `SPEC` may cost beside their training: boot, pull, idling, and the wait of one job each."""


class TestBudget:
    def test_a_plan_above_its_budget_is_refused_in_words_and_nothing_is_written(self, cloud: Cloud) -> None:
        usd = 4 * (0.5 + DISK + 0.005) + FOUR_MACHINES  # each trains an hour
        answer = cloud.plan({**SPEC, "epochs": 600, "budget_usd": 2.5})
        assert answer == {
            "fault": f"budget_usd: 4 trials of up to 600 epochs may cost {usd:.2f} USD: at most 2.10 for the trials "
            "(6 s per epoch, 0.5 USD per hour), the rest for 4 machines that boot, pull the image and idle. That is "
            "more than 2.5; give fewer trials or epochs, a smaller max_concurrency, or a larger budget"
        }
        assert cloud.objects() == {}
        within = cloud.plan({**SPEC, "epochs": 600, "budget_usd": usd})
        assert within["usd_at_most"] == pytest.approx(usd, abs=1e-4)

    def test_fewer_machines_boot_for_less(self, cloud: Cloud) -> None:
        all_at_once = cloud.plan({**SPEC, "name": "wide"})["usd_at_most"]
        assert cloud.plan({**SPEC, "name": "one", "max_concurrency": 1})["usd_at_most"] < all_at_once / 2
        fault = cloud.plan({**SPEC, "name": "dear", "max_concurrency": 1, "epochs": 600, "budget_usd": 1})["fault"]
        assert ", the rest for a machine that boots, pulls the image and idles. That is more than 1; give" in fault

    def test_the_tutorial_s_pace_is_not_taken_for_another_trainer_s(self, cloud: Cloud) -> None:
        cloud.monkeypatch.delenv(keys.SECONDS_PER_EPOCH)
        assert cloud.plan(SPEC)["usd_at_most"] is None
        refused = cloud.plan({**SPEC, "budget_usd": 5, "name": "held"})
        assert refused == {
            "fault": "budget_usd: cannot be checked: the time that the trainer takes for an epoch is unknown; "
            "give seconds_per_epoch (`sweep plan --calibrate` measures it), or leave budget_usd out"
        }
        measured = {**SPEC, "epochs": 600, "seconds_per_epoch": 12, "name": "measured"}
        assert "(12 s per epoch, " in cloud.plan({**measured, "budget_usd": 3.99})["fault"]

    def test_trials_that_are_finished_cost_nothing_again(self, cloud: Cloud) -> None:
        for trial in cloud.planned(epochs=600, parameters=SPEC["parameters"])[:3]:
            cloud.trained(trial, 0.5)
        again = cloud.plan({**SPEC, "epochs": 600, "name": "again"})
        assert again["to_run"] == 1
        assert again["usd_at_most"] == pytest.approx(0.5 + DISK + 0.005 + FOUR_MACHINES / 4, abs=1e-4)

    def test_with_halving_a_finished_trial_saves_its_first_rung_and_not_those_that_others_may_reach(
        self, cloud: Cloud
    ) -> None:
        """4 trials of 200 epochs, and 2 of them of 400 more: 1,600. Three first rungs are there: 1,000 are left."""
        halved = {**SPEC, "epochs": 600, "halving": {"min_epochs": 200, "factor": 3}}
        for trial in cloud.planned(epochs=600, parameters=SPEC["parameters"], halving=halved["halving"])[:3]:
            cloud.trained(trial, 0.5)
        usd = 1000 * 6 / 3600 * (0.5 + DISK + 0.005) + FOUR_MACHINES * 3 / 4
        assert cloud.plan({**halved, "name": "again"})["usd_at_most"] == pytest.approx(usd, abs=1e-4)
        refused = cloud.plan({**halved, "name": "poor", "budget_usd": 0.8})["fault"]
        assert refused.startswith(f"budget_usd: 1 trial of up to 600 epochs in 2 rounds may cost {usd:.2f} USD")

    def test_a_next_round_s_machines_may_each_hold_one_job_where_they_could_hold_four(self, cloud: Cloud) -> None:
        """Of four trials of 200 epochs that took ten hours each, two go on for 400 more, at the same pace: 20 hours."""
        job = StackJob(per_machine=4)
        cloud.monkeypatch.setenv(keys.JOB, json.dumps(job.to_json()))
        halved = {**SPEC, "epochs": 600, "halving": {"min_epochs": 200, "factor": 3}, "budget_usd": 55}
        answer = cloud.plan({**halved, "seconds_per_epoch": 1})
        assert "fault" not in answer
        for trial in cloud.trials("s"):
            cloud.trained(trial, *[0.5] * 200)
            succeeded(cloud, trial, 10.0)
        fleet = Fleet.of(SweepSpec.from_json(halved), job, usd_per_hour=0.5)
        hours = 2 * 20 + 3 * 20  # one machine runs both, and has room for two more that long
        more = fleet.cost(Span(hours * 3600, hours * 3600), jobs=2, starts=1).high
        assert f"the next round (2 trials) may take {more:.2f} more" in cloud.reduce()["output"]["ended_by"]

    def test_a_sweep_may_be_started_again_with_a_larger_budget(self, cloud: Cloud) -> None:
        cloud.plan({**SPEC, "budget_usd": 5})
        assert "fault" not in cloud.plan({**SPEC, "budget_usd": 10})


class TestCost:
    def test_the_output_has_the_time_of_all_attempts_and_its_price(self, cloud: Cloud) -> None:
        first, second, third, *_ = cloud.planned()
        cloud.trained(first, 0.5)
        succeeded(cloud, first, 0.25, 1.0)
        failed = {**json.loads(job_description()), "Attempts": attempts(0.75)}
        cloud.failed(second, json.dumps(failed))
        succeeded(cloud, third, 2.0)  # wrote no metrics, and cost all the same
        assert cloud.reduce()["output"]["cost"] == {
            "job_seconds": 14_400.0,
            "gpu_seconds": 14_400.0,
            "usd_estimate": 2.0,
            "usd_at_most": pytest.approx(4 * (0.5 + DISK + 0.005) + FOUR_MACHINES * 3 / 4, abs=1e-4),
        }

    def test_trials_of_earlier_sweeps_cost_this_one_nothing(self, cloud: Cloud) -> None:
        for trial in cloud.planned():
            cloud.trained(trial, 0.5)
        assert cloud.reduce()["output"]["cost"]["usd_estimate"] == 0

    def test_attempts_of_another_shape_lose_no_sweep(self, cloud: Cloud) -> None:
        trial, *_ = cloud.planned()
        cloud.trained(trial, 0.5)
        strange = [{"StartedAt": "now"}, None, {"StartedAt": 5, "StoppedAt": 1}, {"StartedAt": 5}, {"StoppedAt": 5}]
        job = {"attempts": [*strange, *attempts(0.5)]}
        cloud.recorded(trial, {"schema": 1, "trial_id": trial.trial_id, "status": "SUCCEEDED", "job": job})
        output = cloud.reduce()["output"]
        assert (output["winner"]["trial_id"], output["cost"]["job_seconds"]) == (trial.trial_id, 1800)


def end(cloud: Cloud, trial: Trial, hours: float, *, status: Status = Status.FAILED) -> None:
    """Records the end of a trial's job as the state machine does: Batch's part is put into the item's own."""
    items = cloud.bucket.get_json(keys.to_run_key("s", trial.round_number))
    (item,) = [each for each in items if each["trial_id"] == trial.trial_id]
    job = {"job": {"job_id": "j", "attempts": attempts(hours)}}
    cause = json.dumps({**json.loads(job_description()), "Attempts": attempts(hours)})
    failure = {"failure": {"Error": "States.TaskFailed", "Cause": cause}}
    outcome = {**item["outcomes"][status.value], **(failure if status is Status.FAILED else job)}
    cloud.bucket.put_json(item["outcome_key"], outcome)


def hours(cloud: Cloud, **more: Any) -> float:
    """Ends a round, as a function that runs twice; returns the hours of the sweep's jobs, and what its page has."""
    answer, once = cloud.reduce(**more), cloud.objects()
    assert (cloud.reduce(**more), cloud.objects().keys()) == (answer, once.keys())
    cost = answer["output"]["cost"]
    records = Records(cloud.bucket)  # type: ignore[arg-type]
    found = records.outcomes(dict.fromkeys(once, datetime.now(UTC)))
    assert spent_seconds(found.values()) == cost["job_seconds"]
    assert cost["usd_at_most"] >= cost["usd_estimate"] == cost["job_seconds"] / 3600 * 0.5
    return float(cost["job_seconds"]) / 3600


class TestCostOfResumedSweeps:
    """What a sweep has cost can only grow, whichever of its trials are trained again."""

    def test_the_jobs_of_trials_that_failed_and_were_trained_again_count(self, cloud: Cloud) -> None:
        fine, bad, lost = cloud.planned()
        cloud.trained(fine, 0.5)
        end(cloud, fine, 1, status=Status.SUCCEEDED)
        end(cloud, bad, 2)
        assert hours(cloud) == 3
        for _ in range(2):  # the planner too may run twice, the second time when a job has ended
            cloud.plan(SPEC_OF_THREE, execution="two")
            end(cloud, bad, 2)
        assert hours(cloud, execution="two") == 5
        cloud.plan(SPEC_OF_THREE, execution="three")
        cloud.trained(bad, 0.5)
        end(cloud, bad, 0.5, status=Status.SUCCEEDED)
        end(cloud, lost, 0.25, status=Status.SUCCEEDED)
        assert hours(cloud, execution="three") == 5.75
        cloud.plan(SPEC_OF_THREE, execution="four")
        none = {"Error": NO_JOB_STARTED, "Cause": "no machines"}
        assert hours(cloud, execution="four", ended=none) == 5.75

    def test_those_of_another_trainer_count_and_say_nothing_of_the_pace(self, cloud: Cloud) -> None:
        for trial in cloud.planned():
            end(cloud, trial, 5)
        cloud.monkeypatch.setenv(keys.TRAINER_VERSION, "trainer-2")
        cloud.plan({**SPEC_OF_THREE, "accept_trainer": True}, execution="two")
        for trial in cloud.trials("s"):
            cloud.trained(trial, 0.5, 0.5, 0.5)
            end(cloud, trial, 0.5, status=Status.SUCCEEDED)
        assert hours(cloud, execution="two") == 16.5
        spent = Spent.from_json(cloud.bucket.get_json(keys.results_key("s", 0))["spent"], where="spent")
        assert (spent.jobs, spent.starts, spent.pace) == (6, 6, 600)

    def test_those_of_rounds_that_are_not_repeated_count(self, cloud: Cloud) -> None:
        halved = {**SPEC_OF_THREE, "epochs": 4, "halving": {"min_epochs": 2, "factor": 3}, "rounds": True}
        cloud.plan(halved)
        for trial in cloud.trials("s")[:2]:
            cloud.trained(trial, 0.5, 0.5)
            end(cloud, trial, 1, status=Status.SUCCEEDED)
        cloud.reduce()
        cloud.plan(halved, round_number=1)
        (climbed,) = [trial for trial in cloud.trials("s", 1) if trial.round_number]
        end(cloud, climbed, 4)
        assert hours(cloud, round_number=1) == 6
        cloud.plan({**halved, "stop": {"max_hours": 0.5}}, execution="two")
        end(cloud, cloud.trials("s")[2], 1)
        assert hours(cloud, execution="two") == 7
        cloud.plan({**halved, "budget_usd": 5}, execution="three")
        end(cloud, cloud.trials("s")[2], 1)
        assert "have been spent" in cloud.reduce(execution="three")["output"]["ended_by"]
